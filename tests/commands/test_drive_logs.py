"""Change logs that are lost: a token that Drive does not know any more, a root that went to another drive."""

import pytest

from filesync.simulators import faults
from tests.support.homes import READER, Drive
from tests.support.truth import assert_drive_truth


def endpoint(drive: Drive) -> tuple[str, str]:
    """Make an endpoint of a folder in the drive, and another drive that it may go to."""
    state = drive.service.state
    top = state.add_folder(drive.shared, "top")
    state.add_file(state.add_folder(top, "inner"), "in.pdf", 1)
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": top}})
    drive.settle()
    drive.home.sync()
    return top, state.add_drive("Other", READER)


@pytest.mark.parametrize("full", [True, False])
def test_what_is_added_to_a_folder_that_went_to_another_drive_is_found(drive: Drive, *, full: bool) -> None:
    top, other = endpoint(drive)
    drive.service.state.move(top, other)
    drive.service.state.add_file(top, "new.pdf", 1)
    drive.settle()
    assert drive.home.sync(full=full).status == "success"
    assert_drive_truth(drive.home, top)


def test_what_happens_to_a_folder_in_its_new_drive_is_followed(drive: Drive) -> None:
    top, other = endpoint(drive)
    drive.service.state.move(top, other)
    drive.settle()
    drive.home.sync()
    drive.service.state.add_file(top, "new.pdf", 1)
    drive.settle()
    assert drive.home.sync().status == "success"
    assert drive.service.count("files.list") == 0
    assert_drive_truth(drive.home, top)


def test_a_listing_that_was_stopped_when_its_folder_went_to_another_drive_begins_again(drive: Drive) -> None:
    top, other = endpoint(drive)
    drive.service.faults.fail(faults.status(500), nth=2, times=100, route="files.list")
    assert drive.home.sync(full=True).status == "failed"
    drive.service.state.add_file(top, "new.pdf", 1)  # of the folder that was listed already
    drive.service.state.move(top, other)
    drive.service.faults.clear()
    drive.service.faults.fail(faults.status(500), nth=1, times=100, route="files.list")
    assert drive.home.sync().status == "failed"
    drive.service.faults.clear()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)


@pytest.mark.parametrize("scope", ["drive_id", "folder_id"])
def test_what_vanished_while_no_log_told_of_it_is_removed_by_the_sync_that_finds_out(drive: Drive, scope: str) -> None:
    state = drive.service.state
    top = state.add_folder(drive.shared, "top")
    file, kept = (state.add_file(top, name, 1) for name in ("gone.pdf", "kept.pdf"))
    drive.home.configure({"name": "D", "endpoint_details": {scope: drive.shared if scope == "drive_id" else top}})
    drive.settle()
    drive.home.sync()
    state.trash(file)
    drive.service.kill_change_tokens()
    drive.settle()
    assert drive.home.sync().status == "success"
    assert set(drive.home.files()) == {kept}
    drive.home.assert_sound()


def test_what_vanished_between_two_logs_is_removed_though_a_stopped_listing_had_shown_it(drive: Drive) -> None:
    state = drive.service.state
    files = [state.add_file(drive.shared, f"{number}.pdf", 1) for number in range(6)]
    drive.settle()
    drive.home.sync()
    drive.service.largest_page = 2
    drive.service.faults.fail(faults.status(500), nth=4, times=100, route="files.list")
    assert drive.home.sync(full=True).status == "failed"
    for file in files:
        state.trash(file)
    drive.service.faults.clear()
    drive.service.kill_change_tokens()
    drive.settle()
    assert drive.home.sync().status == "success"
    assert not drive.home.files()


def test_what_went_to_a_new_folder_while_everything_was_listed_is_not_removed(drive: Drive) -> None:
    state = drive.service.state
    folder = state.add_folder(drive.shared, "folder")
    files = [state.add_file(state.add_folder(folder, "inner"), name, 1) for name in ("a.pdf", "b.pdf")]
    for number in range(3):
        state.add_folder(drive.shared, f"{number}")
    drive.settle()
    drive.home.sync()
    drive.service.largest_page = 1

    def move(answer: object) -> object:
        state.move(folder, state.add_folder(drive.shared, "new"))
        return answer

    drive.service.faults.fail(faults.altered(move), nth=1, route="files.list")
    assert drive.home.sync(full=True).status == "success"
    assert not [change for change in drive.home.changes() if change["kind"] == "deleted"]
    assert set(drive.home.files()) == set(files)
    drive.home.sync()
    assert_drive_truth(drive.home, drive.shared)
