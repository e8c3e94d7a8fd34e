"""Histories that once lost something behind a success, or refused what was in order.

Most are of listings that are stopped between pages and go on hours later, while files, filters, ages and scopes change.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from filesync.core.model import RemoteFile
from filesync.core.retention import Keep, Retention
from filesync.runtime.clock import Stop
from filesync.simulators.faults import altered
from filesync.store.sqlite.database import open_for_writing
from filesync.store.upkeep.pruning import prune
from tests.adversarial.model.drive_machine import OurClock
from tests.support.cli_home import CliHome, file
from tests.support.homes import READER, Acc, Drive
from tests.support.truth import assert_acc_truth, assert_drive_truth

HOUR, DAY = 3600, 86_400


@pytest.fixture(autouse=True)
def a_page_is_a_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that come together are stated together, and which do is chance; here each is stated by itself."""
    monkeypatch.setattr("filesync.providers.google_drive.prefetch._AT_ONCE", 1)


def configure(drive: Drive, **details: Any) -> None:
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared, **details}})


def fill(drive: Drive, folder: str, files: int, kind: str = "pdf", **about: Any) -> list[str]:
    """Add files, so that each is listed before the one that was added before it."""
    return [drive.service.state.add_file(folder, f"{number}.{kind}", 1, **about) for number in range(files)]


def stop_a_full_listing(drive: Drive, *, after_files: int, seconds: int = 2 * HOUR) -> None:
    """List everything in pages of ten, and be stopped after the page with that file; then hours pass."""
    drive.settle()
    drive.service.largest_page = 10

    def stop(_: int) -> None:
        seen = drive.home.query("SELECT files_seen FROM sync_logs ORDER BY id DESC LIMIT 1")[0]["files_seen"]
        if seen >= after_files:
            drive.home.halt()

    drive.home.after_statement = stop
    assert drive.home.sync(full=True).status == "interrupted"
    drive.home.after_statement = None
    drive.service.clock.advance(seconds)


def test_a_filter_that_is_dropped_while_a_listing_is_stopped_loses_no_file(drive: Drive) -> None:
    fill(drive, drive.service.state.add_folder(drive.shared, "plans"), 30, "dwg")
    configure(drive, file_types=["pdf"])
    drive.settle()
    drive.home.sync()
    stop_a_full_listing(drive, after_files=20)
    configure(drive)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_an_age_that_passes_while_a_listing_is_stopped_loses_no_file(drive: Drive) -> None:
    now = drive.service.clock.now()
    fill(
        drive, drive.service.state.add_folder(drive.shared, "plans"), 30, modified_at=now - timedelta(days=90, hours=-1)
    )
    configure(drive, modified_before="90d")
    drive.settle()
    drive.home.sync()
    stop_a_full_listing(drive, after_files=20)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_folder_that_is_renamed_out_of_an_exclusion_while_a_listing_is_stopped_loses_no_file(drive: Drive) -> None:
    archive = drive.service.state.add_folder(drive.shared, "Archive")
    fill(drive, archive, 30)
    configure(drive, exclude=["Archive/**"])
    drive.settle()
    drive.home.sync()
    stop_a_full_listing(drive, after_files=20)
    drive.service.state.rename(archive, "Plans")
    drive.settle()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_file_added_to_a_folder_that_was_away_while_a_listing_was_stopped_is_found(drive: Drive) -> None:
    state = drive.service.state
    other = state.add_drive("Other", READER)
    folder = state.add_folder(drive.shared, "folder")
    fill(drive, folder, 2)
    fill(drive, drive.shared, 30)
    drive.settle()
    drive.home.sync()
    stop_a_full_listing(drive, after_files=20)
    state.move(folder, other)
    drive.settle()
    assert drive.home.sync_stopped(after=2).status == "interrupted"
    state.add_file(folder, "new.pdf", 1)
    state.move(folder, drive.shared)
    drive.settle()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_what_is_uploaded_during_a_listing_that_is_stopped_for_hours_is_not_missed_by_it(drive: Drive) -> None:
    fill(drive, drive.shared, 35)
    drive.settle()
    drive.home.sync()
    stop_a_full_listing(drive, after_files=10, seconds=600)
    drive.service.largest_page = 1000  # what happened meanwhile is one page of the log
    for uploads in (100, 1, 1):
        fill(drive, drive.shared, uploads)
        drive.settle()
        assert drive.home.sync_stopped(after=2).status == "interrupted"
        drive.service.clock.advance(HOUR)
    outcome = drive.home.sync()
    assert (outcome.status, outcome.error_message) == ("success", None)
    assert_drive_truth(drive.home, drive.shared)


def test_a_file_added_early_in_a_stopped_listing_of_a_wider_scope_is_not_out_of_scope(drive: Drive) -> None:
    state = drive.service.state
    mine = state.root_of(READER)
    inner = state.add_folder(mine, "inner")
    fill(drive, inner, 3)
    fill(drive, mine, 30)
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": inner, "subject": READER}})
    drive.settle()
    drive.home.sync()
    drive.home.configure({"name": "D", "endpoint_details": {"subject": READER}})
    stop_a_full_listing(drive, after_files=10, seconds=600)
    drive.service.largest_page = 1000
    for _ in range(3):
        state.add_file(mine, "new.pdf", 1)
        drive.settle()
        assert drive.home.sync_stopped(after=2).status == "interrupted"
        drive.service.clock.advance(HOUR)
    outcome = drive.home.sync()
    assert (outcome.status, outcome.tally.files_removed) == ("success", 0)
    assert_drive_truth(drive.home, mine)


def test_a_file_that_moves_during_the_first_crawl_of_a_narrower_scope_is_not_out_of_scope(acc: Acc) -> None:
    service = acc.service
    plans = service.add_folder(acc.top, "Plans")
    inner = service.add_folder(plans, "inner")
    file = service.add_file(service.add_folder(inner, "innermost"), "a.pdf")
    acc.settle()
    acc.home.sync()
    details = {"project_id": acc.project, "folder_id": plans}
    acc.home.configure({"name": "P", "endpoint_details": details, "max_delete_percent": 100})

    def move(answer: Any) -> Any:
        service.move_file(file, plans)  # which was read by now
        return answer

    service.faults.fail(altered(move), route="contents", path_contains=inner.rpartition(".")[2])
    outcome = acc.home.sync()
    assert (outcome.status, outcome.tally.files_removed) == ("success", 0)
    assert acc.home.paths() == ["/a.pdf"]


def leave_stamps(acc: Acc, folder: str, act: Callable[[], object]) -> None:
    """Do something that moves no stamp of a folder or of what is above it."""
    chain = acc.service.folders[folder].chain()
    stamps = [each.rollup for each in chain]
    act()
    for each, stamp in zip(chain, stamps, strict=True):
        each.rollup = stamp


def test_a_file_that_moved_unseen_out_of_a_folder_does_not_go_with_it(acc: Acc) -> None:
    service = acc.service
    old, new = service.add_folder(acc.top, "old"), service.add_folder(acc.top, "new")
    file = service.add_file(old, "a.pdf")
    service.add_file(old, "b.pdf")
    acc.settle()
    acc.home.sync()
    leave_stamps(acc, new, lambda: service.move_file(file, new))
    service.hide_folder(old)
    service.add_file(acc.top, "c.pdf")  # so that the folder above is read
    acc.settle()
    acc.home.sync()
    assert acc.home.paths() == ["/Project Files/c.pdf", "/Project Files/new/a.pdf"]


def test_deletions_are_removed_and_noted_as_accepted_in_one_commit(acc: Acc) -> None:
    files = [acc.service.add_file(acc.top, f"{number}.pdf", 1) for number in range(20)]
    acc.settle()
    acc.home.sync()
    for each in files[:15]:
        acc.service.hide_file(each)
    acc.settle()
    assert acc.home.sync(full=True).error_type == "mass_delete"
    with closing(sqlite3.connect(acc.home.database)) as connection:
        connection.execute(
            """CREATE TRIGGER nothing_is_accepted BEFORE UPDATE OF deletions_accepted_at ON sync_state
               WHEN new.deletions_accepted_at IS NOT NULL BEGIN SELECT raise(ABORT, 'the process died here'); END"""
        )
    with pytest.raises(sqlite3.IntegrityError, match="the process died here"):
        acc.home.sync("P", accept_deletions=True)
    assert len(acc.home.files()) == 20


def test_a_file_that_was_deleted_again_while_old_rows_are_dropped_keeps_its_row(tmp_path: Path) -> None:
    home = CliHome(tmp_path)
    home.configure({"name": "A"})
    a, b = file("a.pdf"), file("b.pdf")

    def show(*files: RemoteFile) -> None:
        home.show("A", *files)
        home.sync()

    show(a, b)
    for _ in range(3):  # uneventful but for the first
        home.clock.advance(DAY // 4)
        show(a)
    home.clock.advance(90 * DAY)
    policy = Retention(deleted_files=Keep(timedelta(days=30)))
    database = open_for_writing(home.database)
    shown = iter([(a, b), (a,)])

    def go_on() -> bool:
        for files in shown:
            show(*files)
        return True

    pruned = prune(database, policy, home.clock.now(), go_on=go_on)
    rows = database.connection.execute("SELECT external_file_id, deleted_at IS NULL FROM files ORDER BY 1").fetchall()
    database.close()
    assert pruned.sync_logs
    assert rows == [("a.pdf", 1), ("b.pdf", 0)]


def test_a_filter_that_is_put_back_while_a_listing_is_stopped_removes_nothing(drive: Drive) -> None:
    fill(drive, drive.service.state.add_folder(drive.shared, "plans"), 30)
    drive.settle()
    drive.home.sync()
    configure(drive, file_types=["dwg"])
    stop_a_full_listing(drive, after_files=20)
    configure(drive)
    outcome = drive.home.sync()
    assert (outcome.status, outcome.tally.files_removed) == ("success", 0)
    assert_drive_truth(drive.home, drive.shared)


def test_what_people_do_after_a_filter_was_changed_is_not_said_to_follow_from_it(drive: Drive) -> None:
    state = drive.service.state
    archive = state.add_folder(drive.shared, "Archive")
    file_id = state.add_file(archive, "a.pdf", 1)
    configure(drive, exclude=["Archive/**"])
    drive.settle()
    drive.home.sync()
    configure(drive)
    drive.home.sync()
    state.new_revision(file_id, 2)
    drive.settle()
    drive.home.sync()
    assert [(change["kind"], change["cause"]) for change in drive.home.changes()] == [
        ("created", "config"),
        ("modified", "file"),
    ]


def test_looking_up_an_old_scope_goes_on_where_it_was_stopped(acc: Acc) -> None:
    service = acc.service
    plans = service.add_folder(acc.top, "Plans")
    service.add_file(plans, "kept.pdf")
    others = service.add_folder(acc.top, "Others")
    for number in range(2_500):
        service.add_file(others, f"{number}.pdf")
    acc.settle()
    acc.home.sync()
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project, "folder_id": plans}})
    acc.settle()
    service.reset()

    def stop(answer: Any) -> Any:
        acc.home.stop.request()
        return answer

    service.faults.fail(altered(stop), nth=30, route="commands")
    assert acc.home.sync().status == "interrupted"
    acc.home.stop = Stop(acc.home.clock)
    service.clock.advance(300)
    assert acc.home.sync().status == "success"
    assert service.count("commands") < 75  # of 50: those that were answered are not asked again
    assert [row["file_name"] for row in acc.home.files().values()] == ["kept.pdf"]
    acc.home.assert_sound()


def test_an_excluded_folder_that_is_deleted_while_a_listing_is_stopped_does_not_come_in_again(drive: Drive) -> None:
    """The way of owncloud/client issue 6716: exclude, delete, wait, and drop the exclusion."""
    photos = drive.service.state.add_folder(drive.shared, "Photos")
    fill(drive, photos, 20)
    fill(drive, drive.shared, 30)
    drive.settle()
    drive.home.sync()
    configure(drive, exclude=["Photos/**"])
    stop_a_full_listing(drive, after_files=20)
    drive.service.state.trash(photos)
    drive.settle()
    configure(drive)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    assert [c["kind"] for c in drive.home.changes() if c["external_file_id"] == photos] == []
    drive.home.assert_sound()


def test_a_folder_of_acc_that_was_excluded_and_deleted_does_not_come_in_again(acc: Acc) -> None:
    photos = acc.service.add_folder(acc.top, "Photos")
    for number in range(20):
        acc.service.add_file(photos, f"{number}.jpg")
        acc.service.add_file(acc.top, f"{number}.pdf")
    acc.settle()
    acc.home.sync()
    details = {"project_id": acc.project}
    acc.home.configure({"name": "P", "endpoint_details": {**details, "exclude": ["Project Files/Photos/**"]}})
    assert acc.home.sync_stopped(after=2, full=True).status == "interrupted"
    acc.service.hide_folder(photos)
    acc.settle()
    acc.home.configure({"name": "P", "endpoint_details": details})
    acc.service.clock.advance(6 * HOUR)
    assert acc.home.sync().status == "success"
    assert_acc_truth(acc.home, acc.project)
    acc.home.assert_sound()


def test_a_file_that_the_log_tells_of_before_its_folder_was_listed_is_not_shown_elsewhere(drive: Drive) -> None:
    state = drive.service.state
    folder = state.add_folder(state.root_of(READER), "Plans")
    file_id = state.add_file(folder, "a.pdf", 1)
    drive.home.configure({"name": "D", "endpoint_details": {"subject": READER, "shared_with_me": True}})
    drive.settle()
    assert drive.home.sync_stopped(after=2).status == "interrupted"
    state.new_revision(file_id, 2)
    drive.settle()
    assert drive.home.sync_stopped(after=2).status == "interrupted"
    assert drive.home.sync().status == "success"
    assert [(change["kind"], change["file_path"]) for change in drive.home.changes()] == [("created", "/Plans/a.pdf")]


def test_a_folder_that_is_deleted_between_two_changes_of_scope_does_not_keep_the_first_one(drive: Drive) -> None:
    """When the listing ends it cannot be read, when the look-ups end it is gone: files outside leave all the same."""
    state = drive.service.state
    fill(drive, state.add_folder(drive.shared, "Before"), 3)
    plans = state.add_folder(state.root_of(READER), "Plans")
    inner = state.add_folder(state.add_folder(plans, "outer"), "inner")
    state.add_file(inner, "a.pdf", 1)
    configure(drive, subject=READER)
    drive.settle()
    drive.home.sync()
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": plans, "subject": READER}})
    assert drive.home.sync_stopped(after=5).status == "interrupted"
    state.delete(inner)
    drive.home.configure({"name": "D", "endpoint_details": {"subject": READER}})
    assert drive.home.sync_stopped(after=2).status == "interrupted"
    drive.settle()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, state.root_of(READER))


def with_what_is_shared(drive: Drive) -> str:
    """Read My Drive and what is shared, with a folder of five files; give the folder."""
    state = drive.service.state
    mine = state.root_of(READER)
    folder = state.add_folder(mine, "Projects")
    fill(drive, mine, 30)
    fill(drive, folder, 5)
    drive.home.configure({"name": "D", "endpoint_details": {"subject": READER, "shared_with_me": True}})
    drive.settle()
    assert drive.home.sync().status == "success"
    drive.service.clock.advance(600)
    return folder


def assert_soon_true(drive: Drive) -> None:
    """Within three starts the inventory says what is there: a listing of everything is owed, and comes."""
    for _ in range(3):
        assert drive.home.sync().status == "success"
        drive.service.clock.advance(300)
    there = {row["id"] for row in drive.service.truth(READER, drive.service.state.root_of(READER))}
    assert {row["external_file_id"] for row in drive.home.files("D").values()} == there


@pytest.mark.parametrize("nth", [2, 3, 4, 5])
def test_a_folder_that_is_deleted_while_everything_is_listed_leaves_no_file_behind(drive: Drive, nth: int) -> None:
    """A listing under way does not settle what the log says is owed: it began before."""
    folder = with_what_is_shared(drive)
    drive.service.largest_page = 10

    def delete(answer: Any) -> Any:
        drive.service.state.delete(folder)
        return answer

    drive.service.faults.fail(altered(delete), nth=nth, route="files.list")
    drive.home.sync(full=True)
    drive.service.faults.clear()
    assert_soon_true(drive)


def test_a_file_added_to_a_shared_folder_that_was_away_while_a_listing_was_stopped_is_found(drive: Drive) -> None:
    folder = with_what_is_shared(drive)
    state = drive.service.state
    stop_a_full_listing(drive, after_files=20, seconds=600)
    state.move(folder, drive.shared)
    drive.service.clock.advance(900)
    assert drive.home.sync_stopped(after=2).status == "interrupted"
    state.add_file(folder, "new.pdf", 7)
    state.move(folder, state.root_of(READER))
    drive.service.clock.advance(900)
    assert_soon_true(drive)


def test_a_clock_that_is_set_back_during_a_listing_makes_nothing_readable(drive: Drive) -> None:
    closed = drive.service.state.add_folder(drive.shared, "closed")
    fill(drive, closed, 5)
    fill(drive, drive.service.state.add_folder(drive.shared, "open"), 5)
    configure(drive)
    drive.settle()
    drive.service.state.restrict(closed)
    assert drive.home.sync().status == "partial"
    ours = OurClock(drive.service.clock)
    drive.home.clock, ours.ahead = ours, 200.0
    drive.service.largest_page = 3
    assert drive.home.sync_stopped(after=2, full=True).status == "interrupted"
    ours.ahead = 0.0
    drive.service.clock.advance(60)
    assert drive.home.sync().status == "partial"
