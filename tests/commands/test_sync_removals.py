"""Only evidence removes: candidates, their fates, the guard, and what cannot be read."""

import json
from typing import Any

from filesync.simulators import faults
from tests.support.homes import Acc, Drive
from tests.support.truth import assert_acc_truth, assert_drive_truth

BOTH_ENGINES = True


def reasons(home: Any) -> dict[str, str]:
    rows = home.query("SELECT file_name, deleted_reason FROM files WHERE deleted_at IS NOT NULL")
    return {row["file_name"]: row["deleted_reason"] for row in rows}


def test_each_fate_of_a_missing_acc_file_is_told_apart(acc: Acc) -> None:
    other = acc.service.add_folder(acc.top, "other")
    names = ["hidden.pdf", "purged.pdf", "locked.pdf", "moved.pdf", "kept.pdf"]
    ids = {name: acc.service.add_file(acc.top, name, 1) for name in names}
    acc.settle()
    acc.home.sync()
    acc.service.hide_file(ids["hidden.pdf"])
    acc.service.remove_for_good(ids["purged.pdf"])
    acc.service.revoke_access(ids["locked.pdf"])
    acc.service.move_file(ids["moved.pdf"], other)
    acc.settle()
    acc.home.sync(full=True)
    assert reasons(acc.home) == {"hidden.pdf": "trashed", "purged.pdf": "removed", "locked.pdf": "access_lost"}
    assert acc.home.paths() == ["/Project Files/kept.pdf", "/Project Files/other/moved.pdf"]
    causes = {c["file_name"]: c["cause"] for c in acc.home.changes() if c["kind"] == "deleted"}
    assert causes["locked.pdf"] == "access"
    acc.home.assert_sound()


def test_a_hidden_acc_folder_is_decided_once_for_everything_below(acc: Acc) -> None:
    folder = acc.service.add_folder(acc.top, "gone")
    inner = acc.service.add_folder(folder, "inner")
    for number in range(30):
        acc.service.add_file(inner, f"{number}.pdf", 1)
    acc.service.add_file(acc.top, "kept.pdf", 1)
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}, "max_delete_percent": 100})
    acc.settle()
    acc.home.sync()
    acc.service.hide_folder(folder)
    acc.settle()
    outcome = acc.home.sync(full=True)
    assert outcome.tally.files_removed == 30
    assert acc.service.count("commands") == 0
    assert acc.service.count("folder") == 1
    assert acc.home.paths() == ["/Project Files/kept.pdf"]
    acc.service.restore_folder(folder)
    acc.settle()
    acc.home.sync(full=True)
    assert_acc_truth(acc.home, acc.project)
    assert {c["kind"] for c in acc.home.changes()} == {"created", "deleted", "restored"}
    acc.home.assert_sound()


def test_an_acc_folder_that_cannot_be_read_makes_the_sync_partial_and_keeps_its_files(acc: Acc) -> None:
    secret = acc.service.add_folder(acc.top, "HR")
    acc.service.add_file(secret, "salaries.xlsx", 1)
    acc.service.add_file(acc.top, "plan.pdf", 1)
    acc.settle()
    acc.home.sync()
    acc.service.revoke_access(secret)
    acc.service.add_file(acc.top, "new.pdf", 1)
    acc.settle()
    outcome = acc.home.sync(full=True)
    assert outcome.status == "partial"
    assert "/Project Files/HR" in str(outcome.error_message)
    assert acc.home.paths() == ["/Project Files/HR/salaries.xlsx", "/Project Files/new.pdf", "/Project Files/plan.pdf"]
    acc.settle()
    assert acc.home.sync().status == "partial"
    assert acc.service.count() == 2  # the probe, and the one folder on its own
    acc.service.grant_access(secret)
    acc.service.add_file(secret, "bonus.xlsx", 1)
    acc.settle()
    assert acc.home.sync().status == "success"
    assert_acc_truth(acc.home, acc.project)
    assert [c["cause"] for c in acc.home.changes() if c["file_name"] == "bonus.xlsx"] == ["access"]


def test_an_expected_gap_is_not_partial(acc: Acc) -> None:
    secret = acc.service.add_folder(acc.top, "HR")
    acc.service.add_file(acc.top, "plan.pdf", 1)
    acc.service.revoke_access(secret)
    acc.home.configure(
        {"name": "P", "endpoint_details": {"project_id": acc.project}, "expected_unreadable": ["Project Files/HR"]}
    )
    acc.settle()
    assert acc.home.sync().status == "success"
    acc.settle()
    assert acc.home.sync().status == "success"
    assert acc.service.count() == 1
    acc.service.grant_access(secret)
    acc.service.add_file(secret, "open now.pdf", 1)
    acc.service.clock.advance(7 * 3600)
    acc.home.sync()  # one stale folder a start is twice the fair share of two
    acc.home.sync()
    assert "/Project Files/HR/open now.pdf" in acc.home.paths()


def test_a_listing_that_fails_in_the_middle_removes_nothing(acc: Acc) -> None:
    folders = [acc.service.add_folder(acc.top, f"{number}") for number in range(5)]
    for folder in folders:
        for number in range(10):
            acc.service.add_file(folder, f"{number}.pdf", 1)
    acc.settle()
    acc.home.sync()
    for file in list(acc.service.files):
        acc.service.hide_file(file)
    acc.settle()
    acc.service.faults.fail(faults.status(500), nth=4, times=100)
    outcome = acc.home.sync(full=True)
    assert (outcome.status, outcome.error_type) == ("failed", "service_down")
    assert len(acc.home.files()) == 50


def test_a_mass_deletion_stops_and_asks_and_additions_are_written(acc: Acc) -> None:
    files = [acc.service.add_file(acc.top, f"{number}.pdf", 1) for number in range(100)]
    acc.settle()
    acc.home.sync()
    for file in files[:51]:
        acc.service.hide_file(file)
    acc.service.add_file(acc.top, "new.pdf", 1)
    acc.settle()
    outcome = acc.home.sync(full=True)
    assert (outcome.status, outcome.error_type) == ("failed", "mass_delete")
    assert "--accept-deletions" in str(outcome.error_message)
    assert len(acc.home.files()) == 101
    pending = acc.home.query("SELECT count(*) AS n FROM candidates")
    assert pending[0]["n"] == 51
    outcome = acc.home.sync("P", accept_deletions=True)
    assert outcome.status == "success"
    assert len(acc.home.files()) == 50
    acc.service.hide_file(files[51])
    acc.settle()
    assert acc.home.sync(full=True).status == "success"  # what was accepted is not counted again
    assert len(acc.home.files()) == 49
    acc.home.assert_sound()


def test_a_file_that_a_listing_missed_and_a_look_up_found_stays_and_its_folder_is_read_again(acc: Acc) -> None:
    ids = [acc.service.add_file(acc.top, f"{number}.pdf", 1) for number in range(3)]
    acc.settle()
    acc.home.sync()

    def without_the_first(contents: Any) -> Any:
        return {**contents, "data": [entry for entry in contents["data"] if entry["id"] != ids[0]]}

    acc.service.faults.fail(faults.altered(without_the_first), route="contents")
    assert acc.home.sync(full=True).status == "success"
    assert len(acc.home.files()) == 3
    acc.settle()
    assert acc.home.sync().status == "success"
    assert acc.service.count("contents") == 1
    acc.settle()
    acc.home.sync()
    assert acc.service.count("contents") == 0


def test_deletions_are_accepted_once(acc: Acc) -> None:
    files = [acc.service.add_file(acc.top, f"{number}.pdf", 1) for number in range(100)]
    acc.settle()
    acc.home.sync()
    for gone, choice in ((files[:60], {"accept_deletions": True}), (files[60:90], {})):
        for file in gone:
            acc.service.hide_file(file)
        acc.settle()
        assert acc.home.sync(full=True).error_type == "mass_delete"
        assert acc.home.sync("P", **choice).status == ("success" if choice else "failed")
    assert len(acc.home.files()) == 40


def test_a_folder_that_became_unreadable_is_tried_again_by_the_next_sync_though_no_stamp_moved(acc: Acc) -> None:
    secret = acc.service.add_folder(acc.top, "HR")
    acc.service.add_file(secret, "salaries.xlsx", 1)
    acc.settle()
    acc.home.sync()
    acc.service.revoke_access(secret)
    acc.service.clock.advance(7 * 3600)
    while acc.home.sync().status == "success":  # reconciling comes to it
        pass
    acc.service.grant_access(secret)
    assert acc.home.sync().status == "success"
    assert acc.home.query("SELECT readable FROM folders WHERE folder_name = 'HR'") == [{"readable": 1}]


def test_a_folder_that_a_relisting_misses_is_looked_up_once_for_everything_below(drive: Drive) -> None:
    folder = drive.service.state.add_folder(drive.shared, "gone")
    inner = drive.service.state.add_folder(folder, "inner")
    kept = drive.service.state.add_folder(drive.shared, "kept")
    for number in range(30):
        drive.service.state.add_file(inner, f"{number}.pdf", 1)
        drive.service.state.add_file(kept, f"{number}.pdf", 1)
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared}, "max_delete_percent": 100})
    drive.settle()
    drive.home.sync()
    drive.service.state.trash(folder)
    drive.service.state.kill_change_tokens()
    drive.settle()
    drive.home.sync()
    drive.home.sync(full=True)
    looked_up = {request.path.rpartition("/")[2] for request in drive.service.requests if request.route == "files.get"}
    assert looked_up - {drive.shared} == {folder}
    assert_drive_truth(drive.home, drive.shared)


def test_half_the_files_going_bit_by_bit_within_the_window_trips_the_guard(acc: Acc) -> None:
    files = [acc.service.add_file(acc.top, f"{number}.pdf", 1) for number in range(100)]
    acc.settle()
    acc.home.sync()
    for file in files[:30]:
        acc.service.hide_file(file)
    acc.settle()
    assert acc.home.sync(full=True).status == "success"
    for file in files[30:60]:
        acc.service.hide_file(file)
    acc.settle()
    assert acc.home.sync(full=True).error_type == "mass_delete"
    acc.service.clock.advance(7 * 3600)
    assert acc.home.sync(full=True).status == "success"


def test_below_twenty_files_nothing_is_guarded(acc: Acc) -> None:
    files = [acc.service.add_file(acc.top, f"{number}.pdf", 1) for number in range(19)]
    acc.settle()
    acc.home.sync()
    for file in files:
        acc.service.hide_file(file)
    acc.settle()
    assert acc.home.sync(full=True).status == "success"
    assert acc.home.files() == {}


def test_files_that_come_back_while_blocked_are_no_longer_pending(drive: Drive) -> None:
    files = [drive.service.state.add_file(drive.shared, f"{number}.pdf", 1) for number in range(30)]
    drive.settle()
    drive.home.sync()
    for file in files[:20]:
        drive.service.state.trash(file)
    assert drive.home.sync().error_type == "mass_delete"
    assert len(drive.home.files()) == 30
    for file in files[:15]:
        drive.service.state.untrash(file)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    assert len(drive.home.files()) == 25


def test_a_drive_file_trashed_deleted_moved_out_and_restored_keeps_one_row(drive: Drive) -> None:
    state = drive.service.state
    elsewhere = state.add_drive("Elsewhere")
    trashed, deleted, moved = (state.add_file(drive.shared, name, 1) for name in ("t.pdf", "d.pdf", "m.pdf"))
    drive.settle()
    drive.home.sync()
    state.trash(trashed)
    state.delete(deleted)
    state.move(moved, elsewhere)
    drive.home.sync()
    assert reasons(drive.home)["t.pdf"] == "trashed"
    assert reasons(drive.home)["d.pdf"] == "removed"
    assert "m.pdf" in reasons(drive.home)
    state.untrash(trashed)
    drive.home.sync()
    assert drive.home.paths() == ["/t.pdf"]
    assert [c["kind"] for c in drive.home.changes() if c["external_file_id"] == trashed] == [
        "created",
        "deleted",
        "restored",
    ]
    assert len(drive.home.query("SELECT * FROM files")) == 3
    drive.home.assert_sound()


def test_an_incomplete_drive_search_is_partial_and_removes_nothing(drive: Drive) -> None:
    files = [drive.service.state.add_file(drive.shared, f"{number}.pdf", 1) for number in range(10)]
    drive.settle()
    drive.home.sync()
    drive.service.state.kill_change_tokens()
    drive.service.state.delete(files[0])
    drive.service.incomplete_search = True
    outcome = drive.home.sync(full=True)
    assert outcome.status == "partial"
    assert len(drive.home.files()) == 10
    drive.service.incomplete_search = False
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_lagging_drive_listing_removes_nothing_that_is_still_there(drive: Drive) -> None:
    drive.service.state.history.lag = 3600.0
    for number in range(10):
        drive.service.state.add_file(drive.shared, f"{number}.pdf", 1)
    drive.service.clock.advance(7200)
    drive.home.sync()
    fresh = drive.service.state.add_file(drive.shared, "fresh.pdf", 1)
    drive.service.clock.advance(60)
    drive.home.sync()
    assert fresh in drive.home.files()
    drive.home.sync(full=True)  # the listing does not show it yet
    assert fresh in drive.home.files()
    assert not reasons(drive.home)


def test_the_feed_holds_before_and_after_of_what_differs(acc: Acc) -> None:
    file = acc.service.add_file(acc.top, "plan.pdf", 10)
    acc.settle()
    acc.home.sync()
    acc.service.add_version(file, 20)
    acc.settle()
    acc.home.sync()
    change = acc.home.changes()[-1]
    assert (change["kind"], change["content_changed"]) == ("modified", 1)
    before, after = json.loads(change["before"]), json.loads(change["after"])
    assert (before["file_size"], after["file_size"]) == (10, 20)
    assert (before["version"], after["version"]) == ("1", "2")
    assert "file_name" not in after


def test_processing_after_an_upload_is_touched_and_not_modified(acc: Acc) -> None:
    file = acc.service.add_file(acc.top, "plan.pdf", 10)
    acc.settle()
    acc.home.sync()
    acc.service.finish_processing(file)
    acc.settle()
    acc.home.sync()
    assert [(c["kind"], c["content_changed"]) for c in acc.home.changes()][1:] == [("touched", 0)]


def test_looking_at_a_drive_file_is_no_change(drive: Drive) -> None:
    file = drive.service.state.add_file(drive.shared, "plan.pdf", 10)
    drive.settle()
    drive.home.sync()
    drive.service.state.view(file)
    drive.home.sync()
    assert len(drive.home.changes()) == 1


def test_an_acc_rename_is_renamed_with_changed_content(acc: Acc) -> None:
    file = acc.service.add_file(acc.top, "plan.pdf", 10)
    acc.settle()
    acc.home.sync()
    acc.service.rename_file(file, "plan B.pdf")
    acc.settle()
    acc.home.sync()
    change = acc.home.changes()[-1]
    assert (change["kind"], change["content_changed"]) == ("renamed", 1)


def test_a_dead_change_token_loses_no_removal_for_longer_than_the_next_sync(drive: Drive) -> None:
    files = [drive.service.state.add_file(drive.shared, f"{number}.pdf", 1) for number in range(10)]
    drive.settle()
    drive.home.sync()
    drive.service.state.kill_change_tokens()
    drive.service.state.delete(files[0])
    new = drive.service.state.add_file(drive.shared, "new.pdf", 1)
    drive.service.clock.advance(300)
    assert drive.home.sync().status == "success"
    assert new in drive.home.files()
    drive.service.clock.advance(300)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_folder_that_leaves_with_its_parent_and_comes_back_in_the_same_sync_keeps_its_files(drive: Drive) -> None:
    state = drive.service.state
    scope = state.add_folder(drive.shared, "scope")
    outer = state.add_folder(scope, "outer")
    inner = state.add_folder(outer, "inner")
    state.add_file(inner, "plan.pdf", 1)
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": scope}})
    drive.settle()
    drive.home.sync()
    state.move(outer, drive.shared)
    state.rename(inner, "inner 2")
    drive.home.sync()
    assert drive.home.paths() == []
    state.move(outer, scope)
    drive.home.sync()
    assert drive.home.paths() == ["/outer/inner 2/plan.pdf"]
    drive.home.assert_sound()


def test_an_unreadable_folder_that_goes_with_what_is_above_it_makes_nothing_partial(acc: Acc) -> None:
    outer = acc.service.add_folder(acc.top, "outer")
    inner = acc.service.add_folder(outer, "inner")
    acc.service.add_file(inner, "plan.pdf", 1)
    acc.settle()
    acc.home.sync()
    acc.service.revoke_access(inner)
    acc.settle()
    assert acc.home.sync(full=True).status == "partial"
    acc.service.hide_folder(outer)
    acc.settle()
    assert acc.home.sync(full=True).status == "success"
    assert acc.home.files() == {}


def test_a_folder_moved_out_of_a_deleted_one_stays_though_no_stamp_showed_the_move(acc: Acc) -> None:
    acc.service.rules.folder_move_moves_rollup = False
    old, new = acc.service.add_folder(acc.top, "old"), acc.service.add_folder(acc.top, "new")
    inner = acc.service.add_folder(acc.service.add_folder(old, "middle"), "inner")
    for number in range(30):
        acc.service.add_file(inner, f"{number}.pdf", 1)
    gone = acc.service.add_file(old, "gone.pdf")
    acc.settle()
    acc.home.sync()
    acc.service.move_folder(inner, new)
    acc.service.hide_folder(old)
    acc.service.add_file(acc.top, "loud.pdf")
    acc.settle()
    assert acc.home.sync().status == "success"  # not blocked either: what moved is not vanishing
    assert_acc_truth(acc.home, acc.project)
    assert [c["external_file_id"] for c in acc.home.changes() if c["kind"] == "deleted"] == [gone]
    acc.home.assert_sound()


def test_a_folder_that_shows_what_was_above_it_removes_nothing(acc: Acc) -> None:
    acc.service.rules.folder_move_moves_rollup = False
    outer = acc.service.add_folder(acc.top, "outer")
    inner = acc.service.add_folder(outer, "inner")
    acc.service.add_file(inner, "plan.pdf")
    acc.settle()
    acc.home.sync()
    acc.service.clock.advance(3 * 3600)
    acc.service.add_file(outer, "new.pdf")
    acc.settle()
    acc.home.sync()  # of all folders only inner was not listed now
    acc.service.move_folder(inner, acc.top)
    acc.service.move_folder(outer, inner)
    acc.service.clock.advance(3 * 3600)
    acc.service.reset()
    assert acc.home.sync().status == "success"
    assert [request.path.rsplit("/", 2)[-2] for request in acc.service.requests if request.route == "contents"] == [
        inner
    ]
    assert_acc_truth(acc.home, acc.project)
    assert {change["kind"] for change in acc.home.changes()} == {"created", "moved"}
    acc.home.assert_sound()
