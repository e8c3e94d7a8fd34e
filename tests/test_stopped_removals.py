"""Removals that are decided, or written in part, when a sync ends early: what happens until the next one counts."""

import sqlite3
import threading
from contextlib import closing
from typing import Any

import pytest

from filesync.runtime.clock import Stop
from filesync.simulators.faults import altered
from tests.homes import Acc, Drive, Home
from tests.truth import assert_drive_truth


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removals of a few files are many."""
    monkeypatch.setattr("filesync.store.write.owed.STEP", 3)
    monkeypatch.setattr("filesync.store.write.sync_writer.STEP", 3)


class Patience(threading.Event):
    """A signal to stop that comes when a sync has looked for it too often: it is in an endless loop."""

    left = 5_000

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def die_after_removals(home: Home, number: int, **choice: Any) -> None:
    """Sync, and fail as if the process died once so many files are marked removed."""
    with closing(sqlite3.connect(home.database)) as connection:
        connection.execute(
            f"""CREATE TRIGGER death BEFORE UPDATE OF deleted_at ON files
                WHEN (SELECT count(*) FROM files WHERE deleted_at IS NOT NULL) >= {number}
                BEGIN SELECT raise(ABORT, 'the process died here'); END"""
        )
        with pytest.raises(sqlite3.IntegrityError, match="the process died here"):
            home.sync(**choice)
        connection.execute("DROP TRIGGER death")


@pytest.mark.usefixtures("small_steps")
def test_a_filter_that_changes_while_a_folder_is_removed_in_steps_keeps_none_of_its_files(drive: Drive) -> None:
    state = drive.service.state
    folder = state.add_folder(drive.shared, "folder")
    for number in range(10):
        state.add_file(folder, f"{number}.pdf", 1)
        state.add_file(drive.shared, f"{number}.pdf", 1)
    drive.settle()
    drive.home.sync()
    state.trash(folder)
    drive.settle()
    die_after_removals(drive.home, 2)
    details: dict[str, Any] = {"drive_id": drive.shared, "file_types": ["pdf"]}
    drive.home.configure({"name": "D", "endpoint_details": details, "max_delete_percent": 100})
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    drive.home.assert_sound()


def test_what_a_filter_left_out_and_takes_in_again_stays_below_a_folder_that_became_unreadable(acc: Acc) -> None:
    folder = acc.service.add_folder(acc.top, "Archive")
    acc.service.add_file(folder, "a.pdf")
    acc.settle()
    acc.home.sync()
    details = {"project_id": acc.project}
    acc.home.configure({"name": "P", "endpoint_details": {**details, "exclude": ["Project Files/Archive/**"]}})
    assert acc.home.sync_stopped(1).status == "interrupted"
    acc.home.configure({"name": "P", "endpoint_details": details})
    acc.service.revoke_access(folder)
    outcome = acc.home.sync()
    assert (outcome.status, outcome.tally.files_removed) == ("partial", 0)
    assert acc.home.paths() == ["/Project Files/Archive/a.pdf"]


def test_what_a_scope_left_out_and_takes_in_again_stays_below_a_folder_that_became_unreadable(acc: Acc) -> None:
    service = acc.service
    plans, others = service.add_folder(acc.top, "Plans"), service.add_folder(acc.top, "Others")
    for number in range(600):
        service.add_file(others, f"{number}.pdf")
    acc.settle()
    acc.home.sync()
    whole = {"project_id": acc.project}
    acc.home.configure({"name": "P", "endpoint_details": {**whole, "folder_id": plans}, "max_delete_percent": 100})

    def stop(answer: Any) -> Any:
        acc.home.stop.request()
        return answer

    service.faults.fail(altered(stop), nth=8, route="commands")
    assert acc.home.sync().status == "interrupted"
    acc.home.stop = Stop(acc.home.clock)
    service.faults.clear()
    acc.home.configure({"name": "P", "endpoint_details": whole, "max_delete_percent": 100})
    service.revoke_access(others)
    outcome = acc.home.sync()
    assert (outcome.status, outcome.tally.files_removed) == ("partial", 0)
    assert len(acc.home.files()) == 600


@pytest.mark.usefixtures("small_steps")
def test_files_restored_while_they_are_removed_in_steps_are_not_removed_hours_later(acc: Acc) -> None:
    files = [acc.service.add_file(acc.top, f"{number}.pdf") for number in range(10)]
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}, "max_delete_percent": 100})
    acc.settle()
    acc.home.sync()
    for file in files:
        acc.service.hide_file(file)
    acc.settle()
    die_after_removals(acc.home, 3, full=True)
    removed = len(files) - len(acc.home.files())
    for file in files:
        acc.service.restore_file(file)
    acc.service.clock.advance(3600)
    since = acc.home.last_seq()
    assert acc.home.sync(full=True).status == "success"
    kinds = [change["kind"] for change in acc.home.changes(since)]
    assert [kind for kind in kinds if kind != "modified"] == ["restored"] * removed  # restoring makes a version


def test_look_ups_that_take_longer_than_a_scheduled_sync_has_time_come_to_an_end(drive: Drive) -> None:
    state = drive.service.state
    files = [state.add_file(drive.shared, f"{number}.pdf", 1) for number in range(60)]
    schedule = {"type": "interval", "interval_minutes": 5}
    details = {"drive_id": drive.shared}
    limits = {"schedule": schedule, "time_limit": "60s", "max_delete_percent": 100}
    drive.home.configure({"name": "D", "endpoint_details": details, **limits})
    drive.settle()
    drive.home.sync()
    for file in files[:40]:
        state.delete(file)
    drive.service.kill_change_tokens()  # nothing tells of them but their absence

    def take_long(answer: Any) -> Any:
        drive.service.clock.advance(4)
        return answer

    drive.service.faults.fail(altered(take_long), times=None, route="files.get")
    endings = []
    for _ in range(10):
        drive.service.clock.advance(300)
        endings += [outcome.status for outcome in drive.home.start().outcomes]
    assert endings[0] == "interrupted"
    assert endings[-1] == "success", endings
    assert_drive_truth(drive.home, drive.shared)


@pytest.mark.usefixtures("small_steps")
def test_a_scope_that_is_put_back_while_the_rest_is_removed_in_steps_loses_no_more(drive: Drive) -> None:
    state = drive.service.state
    folder = state.add_folder(drive.shared, "folder")
    for number in range(10):
        state.add_file(drive.shared, f"{number}.pdf", 1)
    whole = {"drive_id": drive.shared}
    drive.settle()
    drive.home.sync()
    limits = {"max_delete_percent": 100}
    drive.home.configure({"name": "D", "endpoint_details": {**whole, "folder_id": folder}, **limits})
    die_after_removals(drive.home, 3)
    removed = 10 - len(drive.home.files())
    drive.home.configure({"name": "D", "endpoint_details": whole, **limits})
    since = drive.home.last_seq()
    assert drive.home.sync().status == "success"
    assert [change["kind"] for change in drive.home.changes(since)] == ["restored"] * removed
    assert_drive_truth(drive.home, drive.shared)


@pytest.mark.usefixtures("small_steps")
def test_a_filter_that_is_put_back_while_the_rest_is_removed_in_steps_loses_no_more(drive: Drive) -> None:
    for number in range(10):
        drive.service.state.add_file(drive.shared, f"{number}.pdf", 1)
    whole = {"drive_id": drive.shared}
    drive.settle()
    drive.home.sync()
    drive.home.configure({"name": "D", "endpoint_details": {**whole, "file_types": ["dwg"]}})
    drive.home.stop.event = Patience()
    die_after_removals(drive.home, 3)
    removed = 10 - len(drive.home.files())
    drive.home.configure({"name": "D", "endpoint_details": whole})
    since = drive.home.last_seq()
    assert drive.home.sync().status == "success"
    assert [change["kind"] for change in drive.home.changes(since)] == ["restored"] * removed
    assert_drive_truth(drive.home, drive.shared)


@pytest.mark.parametrize("files", [2, 5])
def test_a_renamed_folder_of_any_number_of_files_is_done_in_steps(
    drive: Drive, files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In steps of 2,000 it is the folder of 1,999 files."""
    folder = drive.service.state.add_folder(drive.shared, "folder")
    for number in range(files):
        drive.service.state.add_file(folder, f"{number}.pdf", 1)
    drive.settle()
    drive.home.sync()
    monkeypatch.setattr("filesync.store.write.owed.STEP", 3)
    drive.service.state.rename(folder, "renamed")
    drive.settle()
    drive.home.stop.event = Patience()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
