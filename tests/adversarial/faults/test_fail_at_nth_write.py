"""What is written fails at the n-th operation, for every n: statements of SQLite, files, real full disks.

Each time: one line that says what to do, nothing lost, and the next sync ends as if nothing had ever happened.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from tests.adversarial.faults import scenes
from tests.adversarial.faults.fault_injection import (
    FILE_PROBLEMS,
    SQLITE_PROBLEMS,
    Countdown,
    file_operations,
    os_error,
    small_database,
    small_files,
    sqlite_error,
    statements,
)
from tests.adversarial.faults.scenes import Scene
from tests.support.homes import Ended

MAKERS: dict[str, tuple[Callable[[], Any], Callable[..., Scene]]] = {
    "acc first": (scenes.frozen_acc, scenes.acc_before_its_first_sync),
    "acc later": (scenes.frozen_acc, scenes.acc_after_changes),
    "drive first": (scenes.frozen_drive, scenes.drive_before_its_first_sync),
    "drive later": (scenes.frozen_drive, scenes.drive_after_changes),
}
# What a file is that fails tells who must act: the configuration, the login, else it is the database or the disk.
CODES = {"connector.yaml": 78, "google-service-account.json": 77}


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    frozen, make = MAKERS[request.param]
    with frozen() as service:
        yield make(tmp_path / "home", service)


def firsts(names: Sequence[str]) -> list[int]:
    """Number the first of each: every statement that there is, where it comes up first."""
    return sorted({name: number for number, name in reversed([*enumerate(names, 1)])}.values())


def counted(scene: Scene, door: Callable[[Countdown], AbstractContextManager[None]]) -> list[str]:
    """Name the operations of a sync that nothing happens to."""
    scene.begin()
    countdown = Countdown(0, lambda _: None)
    with door(countdown):
        assert scene.run().code == 0
    return countdown.passed


def assert_said(ended: Ended, what: str, most: int = 1) -> None:
    """One line for each file that fails; no traceback, and none without a line where the exit code tells of one."""
    lines = ended.err.splitlines()
    complaints = [line for line in lines if line.startswith("filesync: ")]
    assert len(complaints) <= most, (what, ended)
    assert len(lines) - len(complaints) <= 1, (what, ended)
    assert "Traceback" not in ended.err
    if ended.code:
        assert complaints, (what, ended)


def fail(scene: Scene, door: AbstractContextManager[None]) -> Ended:
    scene.begin()
    with door:
        return scene.run()


def fail_statement(scene: Scene, number: int, problem: str, *, lasting: bool = False) -> bool:
    """Let a statement fail, and see that all is well; False when there are not so many."""
    countdown = Countdown(number, sqlite_error(problem), lasting=lasting)
    ended = fail(scene, statements(countdown))
    if not countdown.has_struck:
        return False
    what = f"{problem} at {number}: {countdown.struck}"
    assert_said(ended, what)
    assert ended.code in (0, 1), (what, ended)
    if ended.code:
        assert str(scene.home.database) in ended.err, (what, ended)
    else:
        scene.assert_is_right()
    scene.assert_ends_right()
    return True


def fail_file_operation(scene: Scene, number: int, problem: int) -> bool:
    countdown = Countdown(number, os_error(problem))
    ended = fail(scene, file_operations(countdown, scene.home.path))
    if not countdown.has_struck:
        return False
    what = f"{problem} at {number}: {countdown.struck}"
    assert_said(ended, what)
    expected = next((code for name, code in CODES.items() if countdown.struck.endswith(name)), 1)
    assert ended.code in (0, expected), (what, ended)
    if not ended.code:
        scene.assert_is_right()
    scene.assert_ends_right()
    return True


@pytest.mark.parametrize(("scene", "every"), [("acc later", 1), ("drive later", 5)], indirect=["scene"])
def test_whichever_statement_fails_is_said_and_the_next_sync_ends_right(scene: Scene, every: int) -> None:
    numbers = firsts(counted(scene, statements))
    assert len(numbers) > 40
    for number in numbers[::every]:
        assert fail_statement(scene, number, SQLITE_PROBLEMS[number % len(SQLITE_PROBLEMS)])


@pytest.mark.parametrize("scene", ["acc later", "drive later"], indirect=True)
def test_a_disk_that_stays_full_from_any_statement_on_is_said_once_and_loses_nothing(scene: Scene) -> None:
    total = len(counted(scene, statements))
    for number in range(1, total + 1, total // 6):
        assert fail_statement(scene, number, "SQLITE_FULL", lasting=True)


@pytest.mark.parametrize("scene", ["acc later", "drive later"], indirect=True)
def test_whichever_file_operation_fails_is_said_and_the_next_sync_ends_right(scene: Scene) -> None:
    total = len(counted(scene, lambda countdown: file_operations(countdown, scene.home.path)))
    for number in range(1, total + 1, 5):
        assert fail_file_operation(scene, number, FILE_PROBLEMS[number % len(FILE_PROBLEMS)])


@pytest.mark.parametrize("scene", ["acc first", "drive first"], indirect=True)
def test_a_database_that_cannot_grow_by_another_page_is_full_and_the_next_sync_ends_right(scene: Scene) -> None:
    before, codes = pages(scene), set()
    scene.run()
    after = pages(scene)
    assert after > before
    for most in range(before, after + 1):
        ended = fail(scene, small_database(most))
        assert_said(ended, f"{most} pages")
        assert ended.code == 0 or "cannot grow: the disk is full" in ended.err
        codes.add(ended.code)
        scene.assert_ends_right()
    assert codes == {0, 1}


@pytest.mark.parametrize("scene", ["acc first"], indirect=True)
def test_wherever_the_system_refuses_to_let_a_file_grow_the_next_sync_ends_right(scene: Scene) -> None:
    codes = []
    for largest in (*range(0, 400, 80), *range(4_096, 1_000_000, 100_000)):
        ended = fail(scene, small_files(largest))
        assert_said(ended, f"{largest} bytes", most=3)  # the log, the database, and old rows in it
        assert ended.code in (0, 1), ended
        codes.append(ended.code)
        scene.assert_ends_right()
    assert (codes[0], codes[-1]) == (1, 0)


def pages(scene: Scene) -> int:
    with closing(sqlite3.connect(scene.home.database)) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


# --- what was found ---------------------------------------------------------------------------


def number_of(names: Sequence[str], *words: str) -> int:
    """Number the first operation whose name has all these words."""
    return next(number for number, name in enumerate(names, 1) if all(word in name for word in words))


@pytest.mark.parametrize("scene", ["drive later"], indirect=True)
@pytest.mark.parametrize("words", [["SELECT external_folder_id"], ["SELECT", "NOT readable", "leaving"]])
def test_a_disk_that_fails_while_a_sync_reads_rows_is_no_defect_of_filesync(scene: Scene, words: list[str]) -> None:
    number = number_of(counted(scene, statements), *words)
    assert fail_statement(scene, number, "SQLITE_IOERR_WRITE")
    (failed, _) = scene.home.query("SELECT status, error_type FROM sync_logs ORDER BY id DESC LIMIT 2")[::-1]
    assert (failed["status"], failed["error_type"]) == ("failed", "database")


@pytest.mark.parametrize("scene", ["drive later"], indirect=True)
def test_a_failure_between_the_beginning_and_the_first_write_leaves_no_transaction_open(scene: Scene) -> None:
    names = counted(scene, statements)
    reads = number_of(
        names, "SELECT external_folder_id"
    )  # from here on it is the sync that writes, and concludes after it
    number = reads + number_of(names[reads:], "BEGIN IMMEDIATE") + 1
    assert names[number - 1].startswith("PRAGMA busy_timeout")
    assert fail_statement(scene, number, "SQLITE_FULL")


@pytest.mark.parametrize("scene", ["acc later"], indirect=True)
def test_a_lock_that_the_system_refuses_is_said_with_its_file(scene: Scene) -> None:
    names = counted(scene, lambda countdown: file_operations(countdown, scene.home.path))
    number = number_of(names, "open", "endpoint-1.lock") + 1
    countdown = Countdown(number, os_error(0))
    ended = fail(scene, file_operations(countdown, scene.home.path))
    lock = scene.home.database.with_name("connector.db.locks") / "endpoint-1.lock"
    assert (ended.code, ended.err) == (1, f"filesync: {lock}: No locks available\n")
    last = logged(scene)[-1]
    assert (last["event"], last["error_type"], last["exit_code"]) == ("start_ended", "local_file", 1)
    scene.assert_ends_right()


def logged(scene: Scene) -> list[dict[str, Any]]:
    path = scene.home.path / "logs" / "connector.log"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# --- every one of them: minutes --------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.parametrize(
    ("problem", "lasting"), [*((problem, False) for problem in SQLITE_PROBLEMS), ("SQLITE_FULL", True)]
)
@pytest.mark.parametrize("scene", MAKERS, indirect=True)
def test_every_statement_fails_once_and_for_good(scene: Scene, problem: str, lasting: bool) -> None:
    number = 1
    while fail_statement(scene, number, problem, lasting=lasting):
        number += 1
    assert number > 100


@pytest.mark.soak
@pytest.mark.parametrize("problem", FILE_PROBLEMS)
@pytest.mark.parametrize("scene", MAKERS, indirect=True)
def test_every_file_operation_fails(scene: Scene, problem: int) -> None:
    number = 1
    while fail_file_operation(scene, number, problem):
        number += 1
    assert number > 30
