"""Starts of filesync beside those of others, with nothing to do or little."""

import sqlite3  # noqa: TID251  makes endpoints look as if they had run, which no command offers
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from benchmarks.contestants import google_drive_to_sqlite
from benchmarks.contestants.filesync import NAME, checked, endpoint, to_sample
from benchmarks.racing import Bench, Case, Contestant, Goal, Race, Sample
from benchmarks.services import Home
from benchmarks.stopwatch import measure_python

_ENDPOINTS = 200
_PYTHON = "python -c pass"
_MIB = 2**20


def _nothing_due(bench: Bench) -> Iterator[Race]:
    for number in (1, _ENDPOINTS):
        home = Home(bench.folder / f"home-{number}", {"GOOGLE_CREDENTIALS_PATH": "none.json"})
        _make_up_to_date(home, number)
        peers, missing = google_drive_to_sqlite.start(bench)
        contestants = [Contestant(NAME, _starts(home)), *peers, Contestant(_PYTHON, _bare_python)]
        goals = [
            Goal("wall_seconds", NAME, google_drive_to_sqlite.START, at_most=1.2 if number == _ENDPOINTS else None),
            Goal("cpu_seconds", NAME, google_drive_to_sqlite.START),
            Goal("wall_seconds", NAME, _PYTHON),
            Goal("peak_bytes", NAME, at_most=60 * _MIB),
        ]
        yield Race(f"nothing due, {number} endpoint{'s' if number > 1 else ''}", contestants, goals, missing)


def _starts(home: Home) -> Any:
    return lambda: to_sample(checked(home.run("sync")), home, requests=0)


def _bare_python() -> Sample:
    measured = measure_python(["-c", "pass"], {})
    return Sample(measured.wall_seconds, measured.cpu_seconds, measured.peak_bytes)


def _make_up_to_date(home: Home, endpoints: int) -> None:
    """Configure that many endpoints, each once a day, and note that each was read just now."""
    home.configure(_endpoints(endpoints, {"type": "manual"}))
    checked(home.run("sync"))
    with closing(sqlite3.connect(home.database)) as connection, connection:
        connection.execute(
            "UPDATE sync_state SET last_status = 'success', last_started_at = strftime('%Y-%m-%dT%H:%M:%fZ')"
        )
    home.configure(_endpoints(endpoints, {"type": "interval", "interval_minutes": 1440}))
    checked(home.run("sync"))


def _endpoints(number: int, schedule: dict[str, object]) -> Sequence[dict[str, Any]]:
    def details(project: int) -> dict[str, Any]:
        return {"project_id": f"b.00000000-0000-4000-8000-{project:012}", "file_types": ["rvt", "dwg", "pdf"]}

    kind = "autodesk_construction_cloud"
    return [endpoint(f"Project {one}", kind, details(one), schedule=schedule) for one in range(number)]


CASES = (
    Case(
        "start",
        "`filesync sync` when nothing is due, as cron starts it every five minutes, beside what another program of the "
        "same kind takes to say its version, and beside Python itself.",
        _nothing_due,
    ),
)
