"""Folders that are endpoints and go to another drive: their changes are in another log from then on."""

import pytest

from filesync.simulators import faults
from tests.homes import READER, Drive
from tests.truth import assert_drive_truth


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
