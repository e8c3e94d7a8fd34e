"""Pages that Drive cannot make are asked for in smaller sizes, and groups of parents that it refuses one by one."""

import pytest

from filesync.simulators import faults
from tests.support.homes import READER, Drive
from tests.support.truth import assert_drive_truth

DAY = 24 * 3600


def sizes(drive: Drive, route: str = "files.list") -> list[int]:
    """Give the page sizes that were asked for, in turn."""
    asked = [request for request in drive.service.requests if request.route == route]
    return [int(request.query["pageSize"]) for request in asked]


def fill(drive: Drive, files: int = 300) -> None:
    for number in range(files):
        drive.service.state.add_file(drive.shared, f"{number}.pdf")
    drive.settle()


@pytest.mark.parametrize("breaks_at", [300, 51])
def test_a_size_that_is_answered_with_500_is_halved_and_remembered_until_the_next_day(
    drive: Drive, breaks_at: int
) -> None:
    fill(drive)
    drive.service.breaks_at_page_size = breaks_at
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    drive.settle()
    assert drive.home.sync(full=True).status == "success"
    assert max(sizes(drive) + sizes(drive, "changes.list")) < breaks_at  # the log is asked first
    assert min(sizes(drive)) >= 50
    assert len(sizes(drive)) <= 3 + 300 // min(sizes(drive))
    drive.service.clock.advance(DAY)
    drive.service.reset()
    drive.service.breaks_at_page_size = 1001
    assert drive.home.sync(full=True).status == "success"
    assert set(sizes(drive)) == {1000}
    drive.settle()
    drive.home.sync(full=True)
    assert set(sizes(drive)) == {1000}


def test_a_listing_that_breaks_at_the_smallest_size_fails_and_keeps_what_is_there(drive: Drive) -> None:
    fill(drive, 60)
    drive.home.sync()
    drive.service.breaks_at_page_size = 1
    outcome = drive.home.sync(full=True)
    assert (outcome.status, outcome.error_type) == ("failed", "service_down")
    assert len(drive.home.files()) == 60


def test_an_outage_that_passes_makes_no_page_smaller(drive: Drive) -> None:
    fill(drive)
    drive.service.faults.fail(faults.status(500), times=7, route="files.list", path_contains="mimeType+%21%3D")
    assert drive.home.sync().status == "success"
    drive.settle()
    drive.home.sync(full=True)
    assert set(sizes(drive)) == {1000}


def test_pages_of_changes_and_of_drives_are_halved_too(drive: Drive) -> None:
    drive.home.sync()
    drive.service.breaks_at_page_size = 300
    fill(drive, 120)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    assert 250 in sizes(drive, "changes.list")
    for number in range(101):
        drive.service.state.add_drive(f"N{number}", READER)
    drive.service.breaks_at_page_size = 60
    assert drive.home.run("discover", "google", "--no-folders").code == 0
    assert 50 in sizes(drive, "drives.list")


def test_a_size_that_is_answered_with_nothing_is_halved(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filesync.http.transport.TIMEOUT", (5.0, 0.1))
    fill(drive, 20)
    drive.service.faults.fail(faults.hang(0.3), route="files.list", path_contains="pageSize=1000", times=None)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_service_that_never_answers_is_not_waited_for_longer_than_ten_minutes(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filesync.http.transport.TIMEOUT", (5.0, 0.1))
    drive.service.faults.fail(faults.hang(0.3), route="files.list", path_contains="mimeType+%3D", times=None)
    outcome = drive.home.sync()
    assert (outcome.status, outcome.error_type) == ("failed", "network")
    asked = [each for each in drive.service.faults.struck if each.kind is faults.Kind.HANG]
    assert len(asked) <= 9  # of a minute each


def tree(drive: Drive) -> str:
    state = drive.service.state
    top = state.add_folder(drive.shared, "Top")
    for number in range(20):
        folder = state.add_folder(top, f"F{number}")
        for each in range(20):
            state.add_file(folder, f"{each}.pdf")
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared, "folder_id": top}})
    drive.settle()
    return top


@pytest.mark.parametrize("status", [400, 413])
def test_a_group_of_parents_that_is_refused_is_asked_one_by_one(drive: Drive, status: int) -> None:
    top = tree(drive)
    drive.service.most_parents, drive.service.many_parents_status = 5, status
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)


def test_an_address_that_is_too_long_for_somebody_is_made_shorter(drive: Drive) -> None:
    top = tree(drive)
    page = b"<html><h1>414 Request-URI Too Large</h1></html>"
    drive.service.faults.fail(faults.status(414, page), route="files.list", path_contains="+or+", times=None)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)


def test_a_folder_that_is_too_large_for_a_page_is_read_in_smaller_ones(drive: Drive) -> None:
    top = tree(drive)
    drive.service.breaks_at_page_size = 150
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)
    drive.settle()
    assert drive.home.sync(full=True).status == "success"
    assert set(sizes(drive)) == {125}


def test_a_listing_that_stops_on_the_way_remembers_the_size(drive: Drive) -> None:
    fill(drive)
    drive.service.breaks_at_page_size, drive.service.largest_page = 300, 50
    refused = faults.status(403, b"<html>")
    drive.service.faults.fail(refused, nth=4, route="files.list", path_contains="pageToken=", times=None)
    assert drive.home.sync().status == "failed"
    drive.service.faults.clear()
    drive.settle()
    assert drive.home.sync().status == "success"
    assert set(sizes(drive)) == {250}
    assert_drive_truth(drive.home, drive.shared)
