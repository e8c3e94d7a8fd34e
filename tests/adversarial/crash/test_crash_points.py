"""A process that kills itself at its n-th step: around every commit and request, every file, in rotation, in migration.

Whatever the step, the next start ends as if nothing had ever happened. A refresh, a pruning and a restore that are
killed have tests of their own: test_auth_processes, test_retention, test_snapshot.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from filesync.runtime.rotating_file import append
from filesync.store.sqlite.database import open_for_writing
from tests.adversarial.crash.self_killing import COMMITS, EXCHANGES, FILES, STATEMENTS, Mortals
from tests.adversarial.faults import scenes
from tests.adversarial.faults.scenes import Scene

MAKERS: dict[str, tuple[Callable[[], Any], Callable[..., Scene]]] = {
    "acc first": (scenes.frozen_acc, scenes.acc_before_its_first_sync),
    "acc later": (scenes.frozen_acc, scenes.acc_after_changes),
    "drive first": (scenes.frozen_drive, scenes.drive_before_its_first_sync),
    "drive later": (scenes.frozen_drive, scenes.drive_after_changes),
}
COMMITS_AND_REQUESTS = (COMMITS, EXCHANGES)


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    frozen, make = MAKERS[request.param]
    with frozen() as service:
        yield make(tmp_path / "home", service)


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    with Mortals() as started:
        yield started


def die_everywhere(scene: Scene, mortals: Mortals, doors: Sequence[str], *, every: int = 1, last: int = 0) -> list[str]:
    """Begin afresh for every step, or every so many and all of the last ones: be killed there, and end right.

    Gives the steps that it died at.
    """
    scene.begin()
    undisturbed = mortals.run(scene.home, *scene.arguments, doors=doors, step=0)
    assert undisturbed.code == 0, undisturbed.err
    scene.assert_is_right()
    total = len(undisturbed.steps)
    died_at = []
    for step in sorted({*range(1, total + 1, every), *range(max(1, total - last + 1), total + 1)}):
        scene.begin()
        life = mortals.run(scene.home, *scene.arguments, doors=doors, step=step)
        if not life.was_killed:  # threads: this time it took fewer steps
            assert life.code == 0, life.err
            break
        died_at.append(life.steps[-1])
        scene.assert_ends_right()
        assert_every_line_of_the_log_is_whole(scene.home.path / "logs" / "connector.log")
    return died_at


def assert_every_line_of_the_log_is_whole(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        json.loads(line)


@pytest.mark.parametrize(
    ("scene", "every", "last"),
    [("acc first", 9, 0), ("acc later", 9, 8), ("drive first", 8, 0), ("drive later", 7, 8)],
    indirect=["scene"],
)
def test_killed_around_a_commit_or_a_request_the_next_sync_ends_right(
    scene: Scene, mortals: Mortals, every: int, last: int
) -> None:
    died_at = die_everywhere(scene, mortals, COMMITS_AND_REQUESTS, every=every, last=last)
    assert {"before COMMIT", "after COMMIT", "before a request", "after an answer"} & {*died_at}
    assert len(died_at) > 4


@pytest.mark.parametrize("scene", ["acc first", "drive first"], indirect=True)
def test_killed_at_a_file_operation_the_next_sync_ends_right(scene: Scene, mortals: Mortals) -> None:
    assert len(die_everywhere(scene, mortals, [FILES], every=23)) > 2


@pytest.mark.parametrize("scene", ["acc later", "drive later"], indirect=True)
def test_starts_that_are_killed_one_after_the_other_get_there_and_lose_nothing(scene: Scene, mortals: Mortals) -> None:
    deaths = 0
    for step in range(1, 1_000, 7):
        life = mortals.run(scene.home, *scene.arguments, doors=COMMITS_AND_REQUESTS, step=step)
        if not life.was_killed:
            break
        deaths += 1
        scene.assert_nothing_was_lost()
    assert deaths > 2
    scene.assert_ends_right()


# --- rotation --------------------------------------------------------------------------------

LINES = [f'{{"number": {number}}}\n' for number in range(5)]


def write_lines(path: str) -> None:
    """Write lines into a log of which a file holds one; called by its name in a process of its own."""
    for line in LINES:
        append(Path(path), line.encode(), largest=len(LINES[0]))


def lines_in(folder: Path) -> list[str]:
    """Read all that is kept, oldest first."""
    files = sorted(folder.glob("connector.log*"), key=lambda path: path.name, reverse=True)
    return [line for path in files for line in path.read_text(encoding="utf-8").splitlines(keepends=True)]


def test_killed_anywhere_in_a_rotation_every_line_that_was_written_is_there_whole_and_in_order(
    tmp_path: Path, mortals: Mortals
) -> None:
    steps = []
    for step in range(1, 1_000):
        folder = tmp_path / str(step)
        path = folder / "connector.log"
        call = "tests.adversarial.crash.test_crash_points:write_lines", {"path": str(path)}
        life = mortals.call(*call, folder, doors=[FILES], step=step)
        if not life.was_killed:
            break
        steps.append(life.steps[-1].partition(" ")[0])
        written = max(0, life.steps.count("write") - (life.steps[-1] == "write"))
        assert lines_in(folder) == LINES[:written]
        append(path, b"one more\n", largest=len(LINES[0]))
        assert lines_in(folder) == [*LINES[:written], "one more\n"]
    assert {"write", "replace", "flock", "open"} <= {*steps}
    assert lines_in(folder) == LINES


# --- migration -------------------------------------------------------------------------------


def migrate(path: str) -> None:
    """Open a database as a sync does; called by its name in a process of its own."""
    open_for_writing(Path(path)).close()


def schema_and_rows(path: Path) -> tuple[list[Any], list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        return tables, connection.execute("SELECT id, file_name, file_path FROM files").fetchall()


@pytest.mark.parametrize("every", [13, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_while_a_new_database_is_made_the_next_start_makes_it_whole(
    tmp_path: Path, mortals: Mortals, every: int
) -> None:
    wanted: tuple[list[Any], list[Any]] | None = None
    for step in range(0, 10_000, every):  # 0: undisturbed
        path = tmp_path / f"{step}.db"
        call = "tests.adversarial.crash.test_crash_points:migrate", {"path": str(path)}
        life = mortals.call(*call, tmp_path, doors=[STATEMENTS], step=step)
        assert life.code in (None, 0), life.err
        if step and not life.was_killed:
            break
        migrate(str(path))
        wanted = wanted or schema_and_rows(path)
        assert schema_and_rows(path) == wanted
    assert step > 3 * every


# --- every one of them: minutes --------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.parametrize("doors", [COMMITS_AND_REQUESTS, (FILES,), (STATEMENTS,)])
@pytest.mark.parametrize("scene", MAKERS, indirect=True)
def test_killed_at_every_step_the_next_sync_ends_right(scene: Scene, mortals: Mortals, doors: Sequence[str]) -> None:
    assert len(die_everywhere(scene, mortals, doors)) > 15
