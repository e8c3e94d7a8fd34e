"""Which refusals say that a thing is gone: the service's own about that very thing, and no other."""

from pathlib import Path

import pytest

from filesync.simulators import faults
from filesync.simulators.acc import refusals as acc_refusals
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.faults import Fault, Kind
from tests.support.homes import READER, Acc, Home
from tests.support.truth import assert_acc_truth, assert_drive_truth

PAGE = b"<html><h1>Blocked by the proxy</h1></html>"
_NOT_PROVISIONED = acc_refusals.document(403, "BIM360DM_ERROR", "You don't have permission to access this API").answer
NOT_PROVISIONED = Fault(Kind.STATUS, 403, _NOT_PROVISIONED.body, _NOT_PROVISIONED.content_type)
FORBIDDEN = Fault(Kind.STATUS, 403, acc_refusals.forbidden("folder").answer.body)
NO_EVIDENCE = [
    (faults.status(403, PAGE), "forbidden"),
    (faults.status(404, PAGE), "not_found"),
    (NOT_PROVISIONED, "login"),
]


@pytest.mark.parametrize(("fault", "error_type"), NO_EVIDENCE, ids=["a page with 403", "a page with 404", "of the app"])
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_a_refusal_that_is_not_about_the_thing_removes_nothing_in_acc(
    acc: Acc, fault: Fault, error_type: str, *, is_folder: bool
) -> None:
    service = acc.service
    old, new = (service.add_folder(acc.top, name) for name in ("old", "new"))
    inner = service.add_folder(old, "inner")
    file = service.add_file(inner if is_folder else old, "plan.pdf")
    acc.settle()
    assert acc.home.sync().status == "success"
    acc.settle()
    if is_folder:
        service.move_folder(inner, new)
    else:
        service.move_file(file, new)
    service.add_file(old, "other.pdf")
    service.faults.fail(FORBIDDEN, route="contents", path_contains=new, times=None)
    for route in ("folder", "commands", "item"):
        service.faults.fail(fault, route=route, times=None)
    outcome = acc.home.sync()
    assert (outcome.status, outcome.error_type) == ("failed", error_type), outcome
    assert file in acc.home.files()
    service.faults.clear()
    assert acc.home.sync().status == "success"
    assert_acc_truth(acc.home, acc.project)


@pytest.mark.parametrize("status", [403, 404])
def test_a_proxys_page_is_no_evidence_that_a_file_of_drive_is_gone(tmp_path: Path, status: int) -> None:
    clock = SimulatedClock(frozen=True)
    drive = GoogleDrive(clock, wall=clock, list_lag=120.0)
    drive.state.add_user(READER)
    shared = drive.state.add_drive("Tower", READER)
    file = drive.state.add_file(shared, "plan.pdf")
    clock.advance(200)
    with drive:
        home = Home(tmp_path, None, drive)
        home.configure({"name": "D", "endpoint_details": {"drive_id": shared}})
        assert home.sync().status == "success"
        drive.state.trash(file)
        clock.advance(200)
        drive.state.untrash(file)  # which the listing does not show yet
        drive.kill_change_tokens()
        drive.faults.fail(faults.status(status, PAGE), route="files.get", nth=2)
        outcome = home.sync(full=True)
        assert (outcome.status, outcome.error_type) == ("failed", "not_found" if status == 404 else "forbidden"), (
            outcome
        )
        assert file in home.files()
        assert home.sync().status == "success"
        assert_drive_truth(home, shared)
