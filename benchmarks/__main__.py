"""Measures syncs and starts, prints a Markdown table, and writes the figures as JSON."""

import argparse
import json
import platform
import sqlite3  # noqa: TID251  the version, and one update that no command offers
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event

from benchmarks.services import Home, acc_home, drive_home
from benchmarks.stopwatch import Measured
from filesync import __version__

_SETTLING = 2.5  # seconds until ACC's change stamps are old enough to be trusted
_STARTS = 7
_SERVICES: dict[str, Callable[..., AbstractContextManager[Home]]] = {"ACC": acc_home, "Drive": drive_home}


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `requests` without those for tokens."""

    what: str
    files: int
    requests: int
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    database_mib: float


def main() -> None:
    wanted = _parser().parse_args()
    figures: list[Figure] = []
    _say(f"filesync {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n")
    _say("| | files | requests | seconds | CPU seconds | peak MiB | database MiB |")
    _say("|---|--:|--:|--:|--:|--:|--:|")
    for figure in _figures(wanted.files, wanted.services, wanted.per_folder):
        _say(_row(figure))
        figures.append(figure)
    wanted.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--files", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--per-folder", type=int, default=40)
    parser.add_argument("--services", nargs="*", choices=sorted(_SERVICES), default=sorted(_SERVICES))
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), metavar="PATH")
    return parser


def _figures(sizes: Sequence[int], services: Sequence[str], per_folder: int) -> Iterator[Figure]:
    yield from (_start(endpoints) for endpoints in (1, 200))
    for service in services:
        for files in sizes:
            yield from _syncs(service, files, per_folder)


def _syncs(service: str, files: int, per_folder: int) -> Iterator[Figure]:
    options = ("--files", str(files), "--folders", str(files // per_folder))
    with TemporaryDirectory(prefix="benchmark-") as folder, _SERVICES[service](Path(folder), *options) as home:
        Event().wait(_SETTLING)
        for what in ("first sync", "nothing changed"):
            yield _figure(f"{service}, {what}", files, home.run("sync", "--endpoint", "P", "--json"), home)


def _start(endpoints: int) -> Figure:
    """Take the median of several starts with nothing due."""
    with TemporaryDirectory(prefix="benchmark-") as folder:
        home = Home(Path(folder), {"GOOGLE_CREDENTIALS_PATH": "none.json"})
        _make_up_to_date(home, endpoints)
        figures = [_figure("", 0, home.run("sync", "--json"), home) for _ in range(_STARTS)]
    middle = sorted(figures, key=lambda figure: figure.cpu_seconds)[_STARTS // 2]
    wall = median(figure.wall_seconds for figure in figures)
    plural = "s" if endpoints > 1 else ""
    return Figure(f"start, nothing due, {endpoints} endpoint{plural}", 0, 0, wall, *_costs(middle))


def _costs(figure: Figure) -> tuple[float, float, float]:
    return figure.cpu_seconds, figure.peak_mib, figure.database_mib


def _make_up_to_date(home: Home, endpoints: int) -> None:
    """Configure that many endpoints, each once a day, and note that each was read just now."""
    home.configure([_endpoint(number, {"type": "manual"}) for number in range(endpoints)])
    home.run("sync")
    with closing(sqlite3.connect(home.database)) as connection, connection:
        connection.execute(
            "UPDATE sync_state SET last_status = 'success', last_started_at = strftime('%Y-%m-%dT%H:%M:%fZ')"
        )
    home.configure([_endpoint(number, {"type": "interval", "interval_minutes": 1440}) for number in range(endpoints)])
    home.run("sync")


def _endpoint(number: int, schedule: dict[str, object]) -> dict[str, object]:
    details = {"project_id": f"b.00000000-0000-4000-8000-{number:012}", "file_types": ["rvt", "dwg", "pdf"]}
    kind = "autodesk_construction_cloud"
    return {"name": f"Project {number}", "endpoint_type": kind, "endpoint_details": details, "schedule": schedule}


def _figure(what: str, files: int, measured: Measured, home: Home) -> Figure:
    document = json.loads(measured.out) if measured.code == 0 else {}
    if not document:
        sys.exit(f"{what}: filesync sync ended with {measured.code}: {measured.err}")
    requests = sum(sync["api_requests"] for sync in document["syncs"])
    size = sum(path.stat().st_size for path in home.database.parent.glob("connector.db*") if path.is_file())
    return Figure(
        what,
        files,
        requests,
        measured.wall_seconds,
        measured.cpu_seconds,
        measured.peak_bytes / 2**20,
        size / 2**20,
    )


def _row(figure: Figure) -> str:
    f = figure
    return (
        f"| {f.what} | {f.files:,} | {f.requests:,} | {f.wall_seconds:.2f} | {f.cpu_seconds:.2f}"
        f" | {f.peak_mib:.0f} | {f.database_mib:.1f} |"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
