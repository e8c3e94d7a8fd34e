"""Where a sync that did not end, or old evidence, could make the inventory tell what is not so."""

import resource
import signal
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from filesync.core.errors import StoreError
from filesync.core.filters import Selection
from filesync.core.model import Page, RemoteFolder, Rooted
from filesync.runtime.clock import Clock
from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator, refusals
from filesync.store.engine import Database, Insert
from filesync.store.sqlite.database import open_for_writing
from filesync.store.write.provider_view import ReconcilePace
from filesync.store.write.sync_writer import SyncPlan, SyncWriter
from filesync.sync.endpoint_locks import EndpointLocks
from filesync.sync.options import SyncOptions
from tests.support.homes import READER, Acc, Drive, Home
from tests.support.truth import assert_drive_truth


def names(drive: Drive) -> list[str]:
    return sorted(row["file_name"] for row in drive.home.files().values())


def test_a_lost_cursor_makes_no_file_a_candidate(drive: Drive) -> None:
    for number in range(30):
        drive.service.state.add_file(drive.shared, f"{number}.pdf", 1)
    drive.settle()
    drive.home.sync()
    drive.home.sync(full=True)
    drive.service.state.kill_change_tokens()
    drive.settle()
    outcome = drive.home.sync()
    assert outcome.status == "success", outcome
    assert drive.service.count("files.get") <= 1


def blocked_folder(drive: Drive) -> tuple[str, str, str]:
    state = drive.service.state
    top = state.add_folder(drive.shared, "top")
    away = state.add_folder(drive.shared, "away")
    folder = state.add_folder(top, "folder")
    file = state.add_file(folder, "file.pdf", 1)
    for number in range(30):
        state.add_file(folder, f"{number}.pdf", 1)
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": top}})
    drive.settle()
    drive.home.sync()
    state.move(folder, away)
    return top, folder, file


def test_a_file_modified_while_its_folder_was_away_is_there_when_the_folder_is_back(drive: Drive) -> None:
    top, folder, file = blocked_folder(drive)
    drive.service.state.new_revision(file, 5)
    assert drive.home.sync().error_type == "mass_delete"
    drive.service.state.move(folder, top)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)


def test_a_file_added_while_its_folder_was_away_is_there_when_the_folder_is_back(drive: Drive) -> None:
    top, folder, _ = blocked_folder(drive)
    assert drive.home.sync().error_type == "mass_delete"
    drive.service.state.add_file(folder, "new.pdf", 5)
    drive.settle()
    assert drive.home.sync().error_type == "mass_delete"
    drive.service.state.move(folder, top)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)


def test_a_folder_that_was_in_another_drive_for_a_while_is_read_afresh(drive: Drive) -> None:
    state = drive.service.state
    other = state.add_drive("Other", READER)
    folder = state.add_folder(drive.shared, "folder")
    for number in range(30):
        state.add_file(folder, f"{number}.pdf", 1)
    drive.settle()
    drive.home.sync()
    state.move(folder, other)
    assert drive.home.sync().error_type == "mass_delete"
    state.add_file(folder, "new.pdf", 1)
    state.move(folder, drive.shared)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_what_an_earlier_sync_looked_up_is_asked_again_before_it_removes(acc: Acc) -> None:
    files = [acc.service.add_file(acc.top, f"{number}.pdf", 1) for number in range(120)]
    acc.settle()
    acc.home.sync()
    for file in files[:55]:
        acc.service.hide_file(file)
    acc.settle()
    for route in ("commands", "item"):  # what fails together is asked for one by one
        acc.service.faults.fail(faults.status(500), nth=2, times=None, route=route)
    assert acc.home.sync(full=True).status == "failed"
    acc.service.faults.clear()
    for file in files[:55]:
        acc.service.restore_file(file)
    acc.settle()
    assert acc.home.sync().status == "success"
    assert not acc.home.query("SELECT * FROM files WHERE deleted_at IS NOT NULL")


def test_a_lagging_relisting_undoes_neither_a_removal_nor_a_rename(drive: Drive) -> None:
    state = drive.service.state
    file = state.add_file(drive.shared, "gone.pdf", 1)
    other = state.add_file(drive.shared, "old.pdf", 1)
    drive.settle()
    drive.home.sync()
    state.history.lag = 120.0
    drive.service.clock.advance(300)
    state.trash(file)
    state.rename(other, "new.pdf")
    drive.service.clock.advance(10)
    drive.home.sync(full=True)
    drive.service.clock.advance(300)
    drive.home.sync()
    assert names(drive) == ["new.pdf"]


def test_two_folders_that_swapped_places_on_two_pages_of_changes_stay(drive: Drive) -> None:
    state = drive.service.state
    a = state.add_folder(drive.shared, "a")
    b = state.add_folder(a, "b")
    state.add_file(a, "a.pdf", 1)
    state.add_file(b, "b.pdf", 1)
    drive.settle()
    drive.home.sync()
    state.move(b, drive.shared)
    state.move(a, b)
    state.rename(b, "B")
    drive.service.largest_page = 1
    drive.home.sync()
    assert_drive_truth(drive.home, drive.shared)
    assert {c["kind"] for c in drive.home.changes()} == {"created", "moved"}


def test_folders_renamed_on_one_page_above_and_below_one_that_was_not(drive: Drive) -> None:
    above = drive.service.state.add_folder(drive.shared, "A")
    between = drive.service.state.add_folder(above, "B")
    below = drive.service.state.add_folder(between, "C")
    drive.service.state.add_file(below, "x.rvt", 1)
    drive.settle()
    drive.home.sync()
    drive.service.state.rename(above, "A2")
    drive.service.state.rename(below, "C2")
    drive.settle()
    assert drive.home.sync().status == "success"
    assert drive.home.paths() == ["/A2/B/C2/x.rvt"]


def test_a_relisting_removes_nothing_below_a_folder_that_may_not_be_opened(drive: Drive) -> None:
    state = drive.service.state
    folder = state.add_folder(drive.shared, "limited")
    state.add_file(folder, "in.pdf", 1)
    drive.settle()
    drive.home.sync()
    state.restrict(folder)
    drive.settle()
    assert drive.home.sync().status == "partial"
    assert names(drive) == ["in.pdf"]
    assert drive.home.sync(full=True).status == "partial"
    assert names(drive) == ["in.pdf"]


def test_a_file_that_changed_in_a_renamed_folder_is_one_change(drive: Drive) -> None:
    state = drive.service.state
    folder = state.add_folder(drive.shared, "folder")
    file = state.add_file(folder, "in.pdf", 1)
    drive.settle()
    drive.home.sync()
    before = drive.home.last_seq()
    state.rename(folder, "renamed")
    state.new_revision(file, 7)
    drive.home.sync()
    assert len(drive.home.changes(before)) == 1


def test_a_filtered_file_that_left_the_folder_does_not_come_back_with_the_filter(drive: Drive) -> None:
    state = drive.service.state
    top = state.add_folder(drive.shared, "top")
    file = state.add_file(top, "a.dwg", 1)
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": top, "file_types": ["pdf"]}})
    drive.settle()
    drive.home.sync()
    state.move(file, drive.shared)
    drive.home.sync()
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": top}})
    drive.home.sync()
    assert_drive_truth(drive.home, top)


def test_an_incomplete_search_of_a_wider_scope_removes_nothing(drive: Drive) -> None:
    state = drive.service.state
    top = state.add_folder(drive.shared, "top")
    state.add_file(top, "a.pdf", 1)
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": top}})
    drive.settle()
    drive.home.sync()
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared}})
    state.history.lag = 1000.0
    state.rename(top, "Top")
    drive.service.incomplete_search = True
    assert drive.home.sync().status == "partial"
    assert len(drive.home.files()) == 1


def test_a_root_folder_that_was_out_of_sight_is_read_afresh(drive: Drive) -> None:
    state = drive.service.state
    state.add_user("colleague@example.com")
    folder = state.add_folder(state.root_of("colleague@example.com"), "Theirs")
    state.add_file(folder, "a.pdf", 1)
    state.share_with(folder, READER)
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": folder, "subject": READER}})
    drive.settle()
    drive.home.sync()
    state.unshare(folder, READER)
    drive.settle()
    assert drive.home.sync().status == "failed"
    state.add_file(folder, "b.pdf", 1)
    state.share_with(folder, READER)
    drive.settle()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, folder)


def test_an_excluded_acc_folder_that_comes_in_again_is_read_before_its_files_are_shown(acc: Acc) -> None:
    archive = acc.service.add_folder(acc.top, "Archive")
    for number in range(20):
        acc.service.add_file(acc.service.add_folder(archive, f"{number}"), "d.pdf", 1)
    acc.settle()
    acc.home.sync()
    ids = {"project_id": acc.project}
    acc.home.configure({"name": "P", "endpoint_details": {**ids, "exclude": ["Project Files/Archive/**"]}})
    acc.home.sync()
    for file in list(acc.service.files):
        acc.service.hide_file(file)
    acc.service.clock.advance(30 * 86400)
    acc.home.sync()
    acc.home.configure({"name": "P", "endpoint_details": ids, "max_delete_percent": 100})
    acc.settle()
    acc.home.sync()
    assert acc.home.paths() == []


def test_a_folder_restored_while_a_full_listing_was_stopped_is_read(drive: Drive) -> None:
    state = drive.service.state
    folder = state.add_folder(drive.shared, "folder")
    inner = state.add_folder(folder, "inner")
    state.add_file(inner, "in.pdf", 1)
    for number in range(5):
        state.add_file(drive.shared, f"{number}.pdf", 1)
    drive.settle()
    drive.home.sync()
    state.trash(folder)
    drive.settle()
    drive.home.sync()
    drive.service.largest_page = 2
    drive.service.faults.fail(faults.status(500), nth=3, times=100, route="files.list")
    assert drive.home.sync(full=True).status == "failed"
    drive.service.faults.clear()
    state.untrash(folder)
    drive.settle()
    assert drive.home.sync().status == "success"
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_file_shared_on_its_own_survives_the_unsharing_of_its_folder(drive: Drive) -> None:
    state = drive.service.state
    state.add_user("colleague@example.com")
    folder = state.add_folder(state.root_of("colleague@example.com"), "Theirs")
    file = state.add_file(folder, "a.pdf", 1)
    state.share_with(folder, READER)
    state.share_with(file, READER)
    drive.home.configure({"name": "D", "endpoint_details": {"shared_with_me": True, "subject": READER}})
    drive.settle()
    drive.home.sync()
    state.unshare(folder, READER)
    drive.settle()
    drive.home.sync()
    drive.home.sync()
    assert drive.home.paths() == ["/Shared with me/a.pdf"]


def test_a_wider_scope_whose_way_down_cannot_be_read_removes_nothing(acc: Acc) -> None:
    folder = acc.service.add_folder(acc.top, "sub")
    acc.service.add_file(folder, "a.pdf", 1)
    ids = {"project_id": acc.project}
    acc.home.configure({"name": "P", "endpoint_details": {**ids, "folder_id": folder}})
    acc.settle()
    acc.home.sync()
    acc.home.configure({"name": "P", "endpoint_details": ids})
    refusal = refusals.forbidden("folder").answer
    fault = faults.status(403, refusal.body)
    acc.service.faults.fail(fault, path_contains=acc.top.rpartition(".")[2], times=None, route="contents")
    assert acc.home.sync().status == "partial"
    assert len(acc.home.files()) == 1


class Ahead:
    """A clock that is a year ahead of another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now() + timedelta(days=365)

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return self._clock.wait(event, seconds)


def test_reconciling_goes_on_after_the_clock_was_set_back(acc: Acc) -> None:
    file = acc.service.add_file(acc.top, "a.pdf", 1)
    acc.settle()
    acc.home.start(SyncOptions(everything=True), clock=Ahead(acc.service.clock))
    acc.service.hide_file(file)
    for _ in range(26):
        acc.service.clock.advance(900)
        acc.home.start(SyncOptions(everything=True))
    assert not acc.home.files()


def write_much(database: Database) -> None:
    with database.transaction() as connection:
        ids = ((1, f"{number}" * 60) for number in range(100_000))
        connection.write_many(Insert("seen", ("endpoint_id", "external_id")), ids)


def test_a_write_that_the_system_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    database = open_for_writing(tmp_path / "x.db")
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(StoreError):
            write_much(database)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
        database.close()


def test_endpoints_that_never_completed_leave_one_slot_to_the_others(tmp_path: Path) -> None:
    ours, theirs = (EndpointLocks(tmp_path / "connector.db", 2) for _ in range(2))
    first = ours.take_slot(newcomer=True)
    assert first
    assert theirs.take_slot(newcomer=True) is None
    second = theirs.take_slot(newcomer=False)
    assert second
    assert ours.take_slot(newcomer=False) is None
    first.release()
    second.release()


def test_newcomers_wait_for_the_slots_that_their_own_start_fills(tmp_path: Path) -> None:
    with AccSimulator() as service:
        hub = service.add_hub()
        home = Home(tmp_path, service)
        projects = [service.add_project(hub, f"{number}") for number in range(4)]
        home.configure(*({"name": id_, "endpoint_details": {"project_id": id_}} for id_ in projects))
        home.cli("sync", MAX_CONCURRENT_SYNCS="2")
    assert len(home.query("SELECT * FROM sync_logs")) == 4


def test_a_sub_folder_that_a_page_named_still_has_to_be_read_in_a_full_listing(drive: Drive) -> None:
    top = drive.service.state.add_folder(drive.shared, "top")
    inner = drive.service.state.add_folder(top, "inner")
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": top}})
    drive.settle()
    drive.home.sync()
    database = open_for_writing(drive.home.database)
    pace = ReconcilePace(timedelta(hours=6), timedelta(minutes=5))
    plan = SyncPlan(1, Selection(), pace, stamped=False, trigger="manual", full=True)
    run = SyncWriter(database, plan, drive.service.clock.now, "here", 1)
    run.put(Rooted(RemoteFolder(top, "", None)))
    run.put(Page(folders=[RemoteFolder(inner, "inner", top)]))  # of a folder too wide for one statement
    waiting = [folder.id for folder in run.known.unlisted()]
    database.close()
    assert waiting == [top, inner]
