"""The benchmark itself: that it measures what it says, of everybody alike; small, without peers, never timed."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.cases import CASES
from benchmarks.contestants.filesync import on_drive
from benchmarks.contestants.floor import floor
from benchmarks.drive import Drive, drive
from benchmarks.racing import Bench, Case, Contestant, Goal, Missing, Outcome, Race, Sample, run
from benchmarks.report import to_document, to_markdown
from filesync.runtime.clock import SystemClock

ROOT = Path(__file__).parent.parent
PAGE = 460  # files that Drive puts on a page that names parents
SIZE = 500  # 10,000 by the scale below: two pages


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """Run a case as people do, where no peer is installed."""
    folder = tmp_path_factory.mktemp("benchmark")
    files = ("--json", folder / "figures.json", "--markdown", folder / "tables.md")
    wanted = ("drive-flat-10k", "--scale", str(SIZE / 10_000), "--repeat", "2", *files)
    command = [sys.executable, "-m", "benchmarks", *map(str, wanted)]
    ended = subprocess.run(command, cwd=ROOT, env={"PATH": str(folder)}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == (folder / "tables.md").read_text() + "\n"
    return json.loads((folder / "figures.json").read_text()), ended.stdout


def middles(document: dict[str, Any], figure: str) -> dict[str, float]:
    """Give a figure of the only contestant by race, without the latency."""
    return {
        race["race"].partition(",")[0]: race["contestants"][0]["figures"][figure]["median"]
        for race in document["races"]
    }


def test_a_case_counts_requests_rows_and_bytes(report: tuple[dict[str, Any], str]) -> None:
    document, _ = report
    found = middles(document, "requests")
    first = document["races"][0]["contestants"][0]["figures"]["requests"]
    assert (
        2 <= first["min"] <= first["max"] <= 2 + 8
    )  # two pages, each time; the rest is what a first sync asks besides
    assert (found["nothing changed"], found["1 % changed"]) == (1, 1)
    assert set(middles(document, "rows").values()) == {SIZE}
    assert min(middles(document, "database_bytes").values()) > 100_000
    assert min(middles(document, "peak_bytes").values()) > 20_000_000
    assert all(value > 0 for value in middles(document, "cpu_seconds").values())


def test_a_peer_that_is_not_installed_is_named(report: tuple[dict[str, Any], str]) -> None:
    document, tables = report
    assert {one["name"] for one in document["races"][0]["missing"]} == {"rclone", "google-drive-to-sqlite"}
    assert document["versions"]["rclone"] == "not installed"
    assert "**rclone is missing**" in tables
    assert "**google-drive-to-sqlite is missing**" in tables
    targets = [goal for goal in document["races"][0]["goals"] if goal["at_most"]]
    assert len(targets) == 2  # what was to be shown stands there, too
    assert all((goal["reached"], goal["met"]) == (None, None) for goal in targets)
    assert tables.count("not measured") == 5


def test_tables_and_json_say_the_same(report: tuple[dict[str, Any], str]) -> None:
    document, tables = report
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in tables.splitlines() if line.startswith("|")]
    heading = cells[0]
    for race in document["races"]:
        (row,) = (one for one in cells if one[:2] == [race["race"], "filesync"] and len(one) == len(heading))
        shown, figures = dict(zip(heading, row, strict=True)), race["contestants"][0]["figures"]
        assert shown["runs"] == "2"
        for head, figure, digits in (("requests", "requests", 0), ("files", "rows", 0), ("wall s", "wall_seconds", 2)):
            low, middle, high = (f"{figures[figure][part]:.{digits}f}" for part in ("min", "median", "max"))
            assert shown[head] == (middle if low == high else f"{middle} ({low}-{high})")


def test_everybody_reaches_the_same_drive_at_googles_address(served: Drive) -> None:
    address = "https://www.googleapis.com/drive/v3/about?fields=user"
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": served.address}
        session.verify = served.authority
        session.headers["Authorization"] = f"Bearer {served.access_token()}"
        told = session.get(address, timeout=10).json()
        assert told["user"]["emailAddress"] == served.service.ids["user"]
        assert served.service.take_requests() == 1
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            session.get("https://example.com/", timeout=10)
    assert served.service.take_requests() == 0


def test_the_floor_parses_the_same_answers_and_writes_the_same_rows(served: Drive, tmp_path: Path) -> None:
    ours, answers, folder = on_drive(served, tmp_path / "home"), tmp_path / "answers.jsonl", tmp_path / "floor"
    served.service.order("record", to=str(answers))
    requests_of_sync = ours.first().requests
    served.service.order("record", to=None)
    said = [json.loads(line) for line in answers.read_text().splitlines()]
    assert len(said) > (requests_of_sync or 0)  # the check of the endpoint asked, too
    assert sum(len(page.get("files", ())) for page in said) >= 3
    run = floor(answers, ours.home.database, folder)
    assert [run().rows, run().rows] == [3, 3]  # each in a new database
    for query in ("* FROM files", "* FROM changes", "* FROM folders", "count(*) FROM files_search('sheet')"):
        assert rows(folder / "floor.db", query) == rows(ours.home.database, query) != []


def rows(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT {query}").fetchall()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Drive]:
    with drive(tmp_path, "--even", "0,0,3") as served:
        yield served


def sample(seconds: float, **about: Any) -> Sample:
    return Sample(seconds, seconds, 1, **about)


def timed(times: Iterator[float]) -> Sample:
    return sample(next(times))


def raced(folder: Path, *contestants: Contestant, repeat: int = 3, **about: Any) -> Outcome:
    case = Case("small", "No reading.", lambda _bench: iter([Race("race", contestants, **about)]))
    (outcome,) = run(case, Bench(folder, repeat))
    return outcome


def test_contestants_take_turns_and_slow_ones_run_less(tmp_path: Path) -> None:
    order: list[str] = []

    def runner(name: str) -> Sample:
        order.append(name)
        return sample(1)

    raced(tmp_path, Contestant("a", lambda: runner("a")), Contestant("b", lambda: runner("b"), 2))
    assert order == ["a", "b", "a", "b", "a"]


def test_nobody_is_fast_by_leaving_something_out(tmp_path: Path) -> None:
    lazy = Contestant("lazy", lambda: sample(1, rows=9))
    with pytest.raises(RuntimeError, match="lazy found 9 of 10 files"):
        raced(tmp_path, lazy, files=10)


def test_a_goal_is_about_medians_and_may_be_missed(tmp_path: Path) -> None:
    times = {"ours": iter([9.0, 1.0, 2.0]), "theirs": iter([4.0, 4.0, 400.0])}
    contestants = [Contestant(name, partial(timed, found)) for name, found in times.items()]
    goals = [
        Goal("wall_seconds", "ours", "theirs", at_most=0.5),
        Goal("wall_seconds", "ours", "theirs", at_most=0.4),
        Goal("wall_seconds", "ours", at_most=2.0),
        Goal("wall_seconds", "ours", "nobody", at_most=1.0),
    ]
    outcome = raced(tmp_path, *contestants, goals=goals, absent=[Missing("nobody", "call somebody")])
    document = to_document([outcome], at=SystemClock().now(), machine=MACHINE, versions={})
    met = [(goal["reached"], goal["met"]) for goal in document["races"][0]["goals"]]
    assert met == [(0.5, True), (0.5, False), (2.0, True), (None, None)]
    tables = to_markdown(document)
    assert tables.count("**no**") == 1
    assert "call somebody" in tables
    assert "| 2.00 (1.00-9.00) |" in tables


MACHINE = {"processor": "abacus", "cores": "1", "memory": "none", "system": "wood"}


def test_cases_have_names_of_their_own_and_say_how_to_read_them() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.reading.endswith(".") for case in CASES)
