"""google-drive-to-sqlite, unmodified, into a new database each time."""

import json
import sqlite3  # noqa: TID251  counts a peer's rows
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.drive import Drive
from benchmarks.racing import Bench, Contestant, Missing, Sample
from benchmarks.stopwatch import measure

NAME = "google-drive-to-sqlite files"
BY_FOLDER = f"{NAME} --folder"
START = "google-drive-to-sqlite --version"

MISSING = Missing("google-drive-to-sqlite", "pip install it, and give its path with --google-drive-to-sqlite")


def flat(bench: Bench, drive: Drive, most_runs: int | None = None) -> tuple[list[Contestant], list[Missing]]:
    """Give the run that lists everything, whatever folder it is in."""
    return _contestants(bench, drive, NAME, (), most_runs)


def by_folder(bench: Bench, drive: Drive, most_runs: int | None = None) -> tuple[list[Contestant], list[Missing]]:
    """Give the run that walks all folders."""
    return _contestants(bench, drive, BY_FOLDER, ("--folder", drive.root_id), most_runs)


def start(bench: Bench) -> tuple[list[Contestant], list[Missing]]:
    """Give the shortest that it can do."""
    program = bench.google_drive_to_sqlite
    if program is None:
        return [], [MISSING]

    def run() -> Sample:
        measured = measure([str(program), "--version"], {})
        return Sample(measured.wall_seconds, measured.cpu_seconds, measured.peak_bytes)

    return [Contestant(START, run)], []


def _contestants(
    bench: Bench, drive: Drive, name: str, options: Sequence[str], most_runs: int | None
) -> tuple[list[Contestant], list[Missing]]:
    if bench.google_drive_to_sqlite is None:
        return [], [MISSING]
    return [Contestant(name, _lister(bench.google_drive_to_sqlite, drive, options), most_runs)], []


def _lister(program: Path, drive: Drive, options: Sequence[str]) -> Callable[[], Sample]:
    def run() -> Sample:
        login, database = (drive.user_file.with_name(name) for name in ("auth.json", "peer.db"))
        names = {"google_client_id": "client_id", "google_client_secret": "client_secret"}
        about = {
            "refresh_token": drive.login["refresh_token"],
            **{own: drive.login[name] for own, name in names.items()},
        }
        login.write_text(json.dumps({"google-drive-to-sqlite": about}))
        database.unlink(missing_ok=True)
        environ = {"HTTPS_PROXY": drive.address, "SSL_CERT_FILE": drive.authority}
        drive.service.take_requests()
        before = drive.cpu_seconds()
        measured = measure([str(program), "files", str(database), "-a", str(login), *options], environ)
        busy = drive.cpu_seconds() - before
        if measured.code:
            sys.exit(f"google-drive-to-sqlite ended with {measured.code}: {measured.err}")
        return Sample(
            measured.wall_seconds,
            measured.cpu_seconds,
            measured.peak_bytes,
            requests=drive.service.take_requests(),
            rows=_rows(database),
            database_bytes=database.stat().st_size,
            service_seconds=busy,
        )

    return run


def _rows(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM drive_files").fetchone()[0])
