"""A million files: what questions cost then, how much memory a sync takes, and how the database grows."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from benchmarks.cases.acc import settle
from benchmarks.contestants.filesync import (
    ACC,
    NAME,
    Filesync,
    checked,
    database_bytes,
    endpoint,
    made,
    on_acc,
    to_sample,
)
from benchmarks.inventories import Size, fill
from benchmarks.racing import Bench, Case, Contestant, Goal, Race, Sample
from benchmarks.services import Home, acc_environ, acc_home, drive_home, simulator
from benchmarks.stopwatch import measure_python

_ENDPOINTS = 10
_LARGE = Size(files=100_000, folders=2_500, syncs=2_000)  # each
_SMALL = Size(files=10, folders=2, syncs=2)
_QUESTIONS = (
    ("status",),
    ("files", "--limit", "20"),
    ("files", "--limit", "20", "--search", "0012345"),
    ("files", "--limit", "20", "--name", "*Plan 0012345.*"),
    ("files", "--limit", "20", "--name", "*.pdf"),
    ("files", "--limit", "20", "--modified-since", "1d"),
    ("files", "--limit", "20", "--deleted"),
    ("changes",),
    ("changes", "--since", "1d", "--limit", "20"),
    ("changes", "--endpoint", "Project 7"),
    ("logs",),
    ("logs", "--endpoint", "Project 7"),
)
# FTS5 goes through all places of a word's beginning, here one for each of the million files, before it answers.
_DEAR = ("files", "--limit", "20", "--search", "plan 0012345")
_IN_A_SMALL_ONE = "in 100 files"
_IN_A_LARGE_ONE = "in 1,000,000 files"
_SYNCS = 1_000
_ONCE = 1
_MB = 1_000_000

Serve = Callable[..., AbstractContextManager[Home]]


def _questions(bench: Bench) -> Iterator[Race]:
    """Ask the same of a small inventory and of a large one: everything else the command does is the same."""
    large = Size(bench.sized(_LARGE.files), bench.sized(_LARGE.folders), bench.sized(_LARGE.syncs))
    homes = {_IN_A_SMALL_ONE: _filled(bench, "small", _SMALL), _IN_A_LARGE_ONE: _filled(bench, "large", large)}
    for question in (*_QUESTIONS, _DEAR):
        goals = [
            Goal("cpu_seconds", _IN_A_LARGE_ONE, _IN_A_SMALL_ONE, at_most=None if question is _DEAR else 1.2),
            Goal("wall_seconds", _IN_A_LARGE_ONE, _IN_A_SMALL_ONE),
        ]
        yield Race(
            " ".join(question), [Contestant(name, _asked(home, question)) for name, home in homes.items()], goals
        )


def _filled(bench: Bench, name: str, each: Size) -> Home:
    environ = {"CONNECTOR_AUTODESK_CLIENT_ID": "none", "CONNECTOR_AUTODESK_CLIENT_SECRET": "none"}
    endpoints = [
        endpoint(f"Project {number}", ACC, {"project_id": f"b.{number}", "hub_id": "b.0"}, schedule={"type": "manual"})
        for number in range(_ENDPOINTS)
    ]
    home = made(bench.folder / name, environ, endpoints)
    checked(home.run("sync"))  # makes the database and its endpoints, and has nothing to do
    fill(home.database, each)
    return home


def _asked(home: Home, question: tuple[str, ...]) -> Callable[[], Sample]:
    return lambda: to_sample(checked(home.run(*question)), home, requests=0)


def _memory(kind: str) -> Callable[[Bench], Iterator[Race]]:
    """Sync 10,000 files and 1,000,000 for the first time, each once: the second takes long."""
    serve: Serve = {"acc": acc_home, "drive": drive_home}[kind]

    def races(bench: Bench) -> Iterator[Race]:
        def run(files: int) -> Callable[[], Sample]:
            return lambda: _first_sync(serve, bench.folder / f"{files}", files)

        sizes = {f"{files:,} files": run(files) for files in (bench.sized(10_000), bench.sized(1_000_000))}
        few, many = sizes
        goals = [Goal("peak_bytes", many, few, at_most=1.3)]
        yield Race("first sync", [Contestant(name, one, _ONCE) for name, one in sizes.items()], goals)

    return races


def _first_sync(serve: Serve, folder: Path, files: int) -> Sample:
    with serve(folder, "--files", str(files), "--folders", str(max(1, files // 40))) as home:
        settle()
        sample = to_sample(checked(home.run("sync", "--all")), home)
        shutil.rmtree(home.database.parent)
    return replace(sample, more={"bytes_a_file": (sample.database_bytes or 0) / files})


def _growth(bench: Bench) -> Iterator[Race]:
    """Sync a thousand times when nothing changed, in one process: starting it is not what grows."""
    files = bench.sized(10_000)
    with simulator("acc", "--files", str(files), "--folders", str(max(1, files // 40))) as service:
        ours = on_acc(service, bench.folder / "home", acc_environ(service), settle)
        settle()
        ours.first()
        goals = [Goal("growth_mb", NAME, at_most=1.0, words="growth of the database, MB")]
        yield Race("1,000 syncs, nothing changed", [Contestant(NAME, _repeated(ours, bench), _ONCE)], goals)


def _repeated(ours: Filesync, bench: Bench) -> Callable[[], Sample]:
    def run() -> Sample:
        home, syncs = ours.home, bench.sized(_SYNCS)
        before = database_bytes(home)
        command = ["-m", "benchmarks.repeated", str(syncs), "--quiet", "sync", "--all"]
        with home.budgets_lifted():
            measured = checked(measure_python(command, {**home.environ, "FILESYNC_HOME": str(home.path)}))
        grown = (database_bytes(home) - before) / syncs * _SYNCS / _MB
        each = measured.cpu_seconds / syncs * 1000
        return replace(to_sample(measured, home), more={"growth_mb": grown, "cpu_ms_a_sync": each})

    return run


CASES = (
    Case(
        "million",
        "Questions to an inventory of ten endpoints with 100,000 files, 2,500 folders and 2,000 syncs each, and over a "
        "million changes, beside the same questions to one with ten files each. The rows are written by SQL. The last "
        "question has a word that every file has, and takes longer: all places of a word's beginning are gone through.",
        _questions,
    ),
    Case(
        "memory-acc",
        "Peak memory of a first sync of 10,000 files in 250 folders, and of 1,000,000 files in 25,000 folders; the "
        "database by files, too.",
        _memory("acc"),
        long=True,
    ),
    Case("memory-drive", "As memory-acc, of one shared drive.", _memory("drive"), long=True),
    Case(
        "growth",
        "What 1,000 syncs of 10,000 files that find nothing new add to the database, SQLite's log included; all in one "
        "process.",
        _growth,
    ),
)
