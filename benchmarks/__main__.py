"""Runs the cases that are named, or all that are not long, and writes what they gave as Markdown and JSON."""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cases import CASES
from benchmarks.machine import describe_machine, describe_versions
from benchmarks.racing import Bench, Case, Outcome, run
from benchmarks.report import Json, to_document, to_markdown
from filesync.runtime.clock import SystemClock


def main() -> None:
    wanted = _parser().parse_args()
    if wanted.list:
        _say("\n".join(f"{case.name:24}{'long  ' if case.long else '      '}{case.reading}" for case in CASES))
        return
    cases = _chosen(wanted.cases, everything=wanted.all)
    began, machine = SystemClock().now(), describe_machine()
    versions = describe_versions(_bench(wanted, Path()))
    outcomes: list[Outcome] = []
    for outcome in _outcomes(cases, wanted):
        outcomes.append(outcome)
        _write(to_document(outcomes, at=began, machine=machine, versions=versions), wanted)  # nothing measured is lost
    _say(to_markdown(to_document(outcomes, at=began, machine=machine, versions=versions)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="see --list")
    parser.add_argument("--all", action="store_true", help="the long ones, too")
    parser.add_argument("--list", action="store_true", help="name the cases and say what they show")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="runs of each contestant (default: 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="sizes times that, to try things out")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), metavar="PATH")
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="where the table goes, besides standard output")
    parser.add_argument("--rclone", type=Path, metavar="PATH", help="default: the one on PATH")
    parser.add_argument("--google-drive-to-sqlite", type=Path, metavar="PATH", help="default: the one on PATH")
    return parser


def _chosen(names: Sequence[str], *, everything: bool) -> Sequence[Case]:
    unknown = set(names) - {case.name for case in CASES}
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; see python -m benchmarks --list")
    if names:
        return [case for case in CASES if case.name in names]
    return [case for case in CASES if everything or not case.long]


def _outcomes(cases: Sequence[Case], wanted: argparse.Namespace) -> Iterator[Outcome]:
    for case in cases:
        with TemporaryDirectory(prefix="benchmark-") as folder:
            yield from run(case, _bench(wanted, Path(folder)), _tell)


def _write(document: Json, wanted: argparse.Namespace) -> None:
    wanted.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    if wanted.markdown:
        wanted.markdown.write_text(to_markdown(document), encoding="utf-8")


def _bench(wanted: argparse.Namespace, folder: Path) -> Bench:
    return Bench(
        folder,
        wanted.repeat,
        wanted.scale,
        _program(wanted.rclone, "rclone"),
        _program(wanted.google_drive_to_sqlite, "google-drive-to-sqlite"),
    )


def _program(given: Path | None, name: str) -> Path | None:
    """Find a peer: the one that was named, or the one on PATH; None: there is none."""
    if given is not None:
        if not given.is_file():
            sys.exit(f"{given}: there is no such program")
        return given.resolve()
    found = shutil.which(name)
    return Path(found) if found else None


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
