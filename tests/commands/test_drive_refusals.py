"""What a refusal or a failure of Drive's proves: of one file only what is known to be said of one, of all else nothing."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from filesync.core.errors import About
from filesync.providers.google_drive.refusals import explain
from filesync.simulators import faults
from filesync.simulators.faults import Fault
from tests.support.homes import READER, Drive
from tests.support.truth import assert_drive_truth

NO_PERMISSION = "Caller does not have required permission to use project example-1."


def body(reason: str, message: str = "No.", *, more: tuple[str, ...] = (), **about: Any) -> Mapping[str, Any]:
    """Make an error as Drive sends it; `about` are further fields of `error`, but for the first cause's location."""
    cause = {"domain": "global", "reason": reason, "message": message}
    if location := about.pop("location", None):
        cause["location"] = location
    causes = [cause, *({"domain": "global", "reason": each, "message": message} for each in more)]
    return {"error": {"code": about.pop("code", 403), "message": message, "errors": causes, **about}}


def info(reason: str, kind: str = "ErrorInfo", **more: Any) -> Mapping[str, Any]:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", "reason": reason, "domain": "googleapis.com", **more}


HELP = {"@type": "type.googleapis.com/google.rpc.Help", "links": []}
VIOLATION = {
    "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
    "violations": [{"type": "VPC_SERVICE_CONTROLS", "description": "x"}],
}
OF_ALL: Mapping[str, Mapping[str, Any]] = {
    "the quota project": body("forbidden", NO_PERMISSION),
    "no login arrived": body("dailyLimitExceededUnreg", "Daily Limit for Unauthenticated Use Exceeded."),
    "a reason nobody knows": body("somethingNew", "Something new."),
    "the consumer, further down": body(
        "insufficientFilePermissions", details=[HELP, info("CONSUMER_SUSPENDED", metadata={"consumer": "projects/1"})]
    ),
    "the service, further down": body("notFound", location="fileId", code=404, details=[info("SERVICE_DISABLED")]),
    "an organisation's network": body("insufficientFilePermissions", details=[VIOLATION]),
    "a quota that nobody knows": body("insufficientFilePermissions", details=[info("NEW_QUOTA", "QuotaFailure")]),
    "a second cause": body("insufficientFilePermissions", more=("accessNotConfigured",)),
    "the shared drive": body("notFound", "Shared drive not found: 0A", location="driveId", code=404),
    "a 404 of nothing in particular": body("notFound", code=404),
    "a 404 without causes": {
        "error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}
    },
    "a service that is switched off": body("forbidden", "The authenticated user cannot access this service."),
    "membership": body("forbidden", "The attempted action requires shared drive membership."),
}
# What a person must do something about, at the login or its project: exit code 77.
NOT_ADMITTED = {
    "the quota project",
    "the consumer, further down",
    "the service, further down",
    "an organisation's network",
    "a second cause",
    "a service that is switched off",
}
OF_FILE: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "not found": (404, body("notFound", "File not found: 1a.", location="fileId")),
    "not found, without a location": (404, body("notFound", "File not found: .")),
    "no permission": (403, body("insufficientFilePermissions")),
    "with a link to read on": (403, body("insufficientFilePermissions", details=[HELP])),
}


def fault(answer: Mapping[str, Any], status: int = 0) -> Fault:
    return faults.status(status or answer["error"]["code"], json.dumps(answer).encode())


@pytest.mark.parametrize("name", OF_FILE)
def test_what_is_said_of_one_file_is_told(name: str) -> None:
    status, answer = OF_FILE[name]
    assert explain(status, answer).about is About.ITEM


@pytest.mark.parametrize("name", OF_ALL)
def test_whatever_else_is_refused_is_about_no_file(name: str) -> None:
    about = explain(OF_ALL[name]["error"]["code"], OF_ALL[name]).about
    assert about is About.LOGIN if name in NOT_ADMITTED else about in {About.SCOPE, About.UNKNOWN}


def test_a_quota_that_is_used_up_for_a_minute_is_waited_for_whatever_its_reason_is() -> None:
    assert explain(403, body("forbidden", "Quota exceeded for quota metric 'Queries' and limit 'a minute'.")).retry


def test_bodies_made_to_break_the_reader_are_about_no_file() -> None:
    strange: list[Any] = [
        {"errors": [{"reason": ["notFound"], "location": {"fileId": 1}}]},
        {"errors": [None, 1, {"reason": None}], "details": [None, {"violations": "x"}, {"reason": {}}]},
        {"errors": {"reason": "notFound"}, "details": "x", "message": 1, "status": []},
    ]
    for error in strange:
        assert explain(404, {"error": error}).about is About.UNKNOWN


@pytest.fixture
def synced(drive: Drive) -> Drive:
    """A drive of 40 files, six of which its listings leave out from now on."""
    files = [drive.service.state.add_file(drive.shared, f"{number}.pdf") for number in range(40)]
    drive.settle()
    assert drive.home.sync().status == "success"
    drive.settle()

    def forgetful(answer: Any) -> Any:
        return {**answer, "files": [file for file in answer["files"] if file["id"] not in files[:6]]}

    drive.service.faults.fail(
        faults.altered(forgetful), route="files.list", path_contains="mimeType+%21%3D", times=None
    )
    return drive


OF_ANOTHER = {"another file": body("notFound", "File not found: 0AAnotherOne.", location="fileId", code=404)}


@pytest.mark.parametrize("name", [*OF_ALL, *OF_ANOTHER])
def test_files_that_a_listing_leaves_out_stay_whatever_their_look_ups_are_refused_with(
    synced: Drive, name: str
) -> None:
    drive, answer = synced, {**OF_ALL, **OF_ANOTHER}[name]
    drive.service.faults.fail(fault(answer), nth=2, route="files.get", times=None)  # after the root
    ended = drive.home.run("sync", "--full")
    assert ended.code == (77 if name in NOT_ADMITTED else 1)
    (log,) = drive.home.query("SELECT error_message FROM sync_logs ORDER BY id DESC LIMIT 1")
    assert answer["error"]["message"].rstrip(".") in log["error_message"]  # the service's own sentence
    assert "OAUTH_SETUP.md" in ended.err or answer["error"]["code"] == 404
    assert len(drive.home.files()) == 40
    drive.service.faults.clear()
    assert drive.home.sync(full=True).status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_refusal_of_every_file_is_no_loss_though_it_is_worded_as_one(synced: Drive) -> None:
    """What can be known to be readable, the root, is asked for once, before the first refusal counts."""
    drive = synced
    drive.service.faults.fail(fault(body("insufficientFilePermissions")), nth=2, route="files.get", times=None)
    outcome = drive.home.sync(full=True)
    assert (outcome.status, outcome.error_type) == ("failed", "forbidden")
    assert len(drive.home.files()) == 40


def test_a_lost_file_is_gone_once_the_root_was_asked_for_and_that_is_asked_once(synced: Drive) -> None:
    drive = synced
    lost = {row["external_file_id"] for row in drive.home.files().values()} - set(drive.service.state.items)
    assert not lost
    answer = fault(body("insufficientFilePermissions"))
    for file in [file for file, row in drive.home.files().items() if row["file_name"] in {"0.pdf", "1.pdf", "2.pdf"}]:
        drive.service.faults.fail(answer, route="files.get", path_contains=file, times=None)
    assert drive.home.sync(full=True).status == "success"
    assert len(drive.home.files()) == 37
    assert drive.service.count("files.get") == 1 + 6 + 1  # the root, the missing ones, the root


@pytest.mark.parametrize("name", ["the quota project", "no login arrived", "the consumer, further down"])
def test_verify_repairs_nothing_when_its_look_ups_are_refused(drive: Drive, name: str) -> None:
    for number in range(60):
        drive.service.state.add_file(drive.shared, f"{number}.pdf")
    drive.settle()
    drive.home.sync()
    drive.service.faults.fail(fault(OF_ALL[name]), route="files.get", times=None)
    ended = drive.home.run("verify", "--sample", "10", "--repair")
    assert ended.code == (77 if name in NOT_ADMITTED else 1), ended.out
    drive.service.faults.clear()
    assert len(drive.home.files()) == 60
    assert not drive.home.query("SELECT * FROM candidates")


# --- one that fails by itself ---


def as_tree(drive: Drive) -> tuple[str, list[str]]:
    """Make the endpoint a folder with ten folders of three files each."""
    top = drive.service.state.add_folder(drive.shared, "Top")
    folders = [drive.service.state.add_folder(top, f"F{number}") for number in range(10)]
    for folder in folders:
        for number in range(3):
            drive.service.state.add_file(folder, f"{number}.pdf")
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared, "folder_id": top}})
    drive.settle()
    return top, folders


@pytest.mark.parametrize(
    "failure",
    [faults.status(500), faults.status(503), fault(body("invalid", code=400)), faults.status(404, b"<html>")],
    ids=["500", "503", "400", "a page with 404"],
)
def test_one_folder_that_always_fails_holds_nothing_else_up_from_the_third_sync_on(
    drive: Drive, failure: Fault
) -> None:
    top, folders = as_tree(drive)
    assert drive.home.sync().status == "success"
    drive.service.faults.fail(failure, route="files.list", path_contains=folders[3], times=None)
    drive.service.state.delete(drive.service.state.add_file(folders[5], "short-lived.pdf"))
    gone = next(row["id"] for row in drive.service.truth(READER, top) if row["path"] == "/F5/0.pdf")
    drive.service.state.trash(gone)
    for _ in range(2):
        drive.settle()
        assert drive.home.sync(full=True).status == "failed"
        assert len(drive.home.files()) == 30
    drive.settle()
    outcome = drive.home.sync(full=True)
    assert outcome.status == "partial"
    assert "/F3" in str(outcome.error_message)
    assert len(drive.home.files()) == 29
    drive.service.faults.clear()
    assert drive.home.sync(full=True).status == "success"
    assert_drive_truth(drive.home, top)


def test_one_look_up_that_always_fails_holds_only_its_own_removal_up(drive: Drive) -> None:
    files = [drive.service.state.add_file(drive.shared, f"{number}.pdf") for number in range(30)]
    drive.settle()
    drive.home.sync()
    for file in files[:2]:
        drive.service.state.delete(file)
    drive.service.kill_change_tokens()  # so that look-ups have to tell
    drive.service.faults.fail(faults.status(500), route="files.get", path_contains=files[0], times=None)
    for _ in range(2):
        assert drive.home.sync(full=True).status == "failed"
        assert len(drive.home.files()) == 30
    outcome = drive.home.sync(full=True)
    assert outcome.status == "partial"
    assert {*files} - {*drive.home.files()} == {files[1]}
    drive.service.faults.clear()
    assert drive.home.sync(full=True).status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_folder_of_a_drive_that_the_login_is_no_member_of_is_followed_in_its_own_log(drive: Drive) -> None:
    top, _ = as_tree(drive)
    drive.service.faults.fail(
        fault(OF_ALL["membership"]), route="changes.getStartPageToken", path_contains="driveId=", times=None
    )
    drive.service.faults.fail(fault(OF_ALL["membership"]), route="files.list", path_contains="driveId=", times=None)
    drive.service.state.share_with(top, READER)
    drive.home.configure({"name": "D", "endpoint_details": {"folder_id": top}})
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)


def test_verify_says_which_file_could_not_be_looked_up_and_repairs_the_others(drive: Drive) -> None:
    files = [drive.service.state.add_file(drive.shared, f"{number}.pdf") for number in range(20)]
    drive.settle()
    drive.home.sync()
    drive.service.faults.fail(faults.status(500), route="files.get", path_contains=files[0], times=None)
    ended = drive.home.run("verify", "--all", "--repair")
    assert ended.code == 3, ended.out + ended.err
    assert "1 could not be looked up" in ended.err
    assert len(drive.home.files()) == 20


# --- what is no list ---

ERROR = {
    "error": {"code": 403, "message": NO_PERMISSION, "errors": [{"reason": "forbidden", "message": NO_PERMISSION}]}
}
NO_LISTS: Mapping[str, tuple[bytes, str]] = {
    "an error": (json.dumps(ERROR).encode(), NO_PERMISSION.rstrip(".")),
    "nothing": (b"{}", "is no list"),
    "an error without a number": (b'{"error": "backendError", "drives": [], "files": []}', "error"),
}


def of_drives() -> Mapping[str, Any]:
    details = {"drives": {"include": ["*"]}}
    return {"name": "D {drive_name}", "endpoint_type": "google_drive", "endpoint_details": details}


@pytest.mark.parametrize(("name", "nth"), [("an error", 1), ("nothing", 2), ("an error without a number", 2)])
def test_an_answer_that_is_no_list_of_drives_archives_none(drive: Drive, name: str, nth: int) -> None:
    content, said = NO_LISTS[name]
    for number in range(101):
        drive.service.state.add_drive(f"N{number:03}", READER)
    drive.home.configure({**of_drives(), "schedule": {"type": "manual"}})
    assert drive.home.run("sync").code == 0
    drive.service.faults.fail(faults.status(200, content), nth=nth, route="drives.list", times=None)
    for _ in range(3):
        drive.service.clock.advance(24 * 3600)
        ended = drive.home.run("sync")
        assert ended.code == (77 if name == "an error" else 1)
        assert said in ended.err.replace("\n", " ")
    rows = json.loads(drive.home.run("status", "--json").out)["endpoints"]
    assert "archived" not in {row["state"] for row in rows}
    assert len(rows) > 101


def test_a_drive_without_an_id_is_passed_over_and_nobody_counts_as_missing(drive: Drive) -> None:
    drive.service.state.add_drive("Bridge", READER)
    drive.home.configure({**of_drives(), "schedule": {"type": "manual"}})
    assert drive.home.run("sync").code == 0

    def without_id(answer: Any) -> Any:
        return {**answer, "drives": [{"name": "Tower"}, {"id": 7}, {**answer["drives"][1], "name": None}]}

    drive.service.faults.fail(faults.altered(without_id), route="drives.list", times=None)
    for _ in range(3):
        drive.service.clock.advance(24 * 3600)
        drive.home.run("sync")
    rows = json.loads(drive.home.run("status", "--json").out)["endpoints"]
    assert "archived" not in {row["state"] for row in rows}


@pytest.mark.parametrize("route", ["files.list", "changes.list", "changes.getStartPageToken", "files.get"])
@pytest.mark.parametrize("name", NO_LISTS)
def test_an_error_that_comes_with_200_is_no_answer(drive: Drive, route: str, name: str) -> None:
    drive.service.state.add_file(drive.shared, "plan.pdf")
    drive.settle()
    drive.service.faults.fail(faults.status(200, NO_LISTS[name][0]), route=route, times=None)
    outcome = drive.home.sync()
    assert outcome.status == "failed", outcome
    drive.service.faults.clear()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_passing_error_that_comes_with_200_is_waited_for(drive: Drive) -> None:
    drive.service.state.add_file(drive.shared, "plan.pdf")
    drive.settle()
    drive.service.faults.fail(faults.status(200, json.dumps(body("backendError", code=503)).encode()))
    assert drive.home.sync().status == "success"


# --- tokens ---

WORDINGS = {
    "400": fault(body("invalid", "Invalid Value", code=400)),
    "400, another reason": fault(body("badRequest", "The request specifies a token that is not known.", code=400)),
    "404": fault(body("notFound", "Not found.", code=404)),
    "410": faults.status(410),
}


@pytest.mark.parametrize("name", WORDINGS)
def test_a_page_token_refused_in_any_wording_begins_the_listing_anew_once(drive: Drive, name: str) -> None:
    drive.service.largest_page = 50
    for number in range(120):
        drive.service.state.add_file(drive.shared, f"{number}.pdf")
    drive.settle()
    refused = WORDINGS[name]
    drive.service.faults.fail(refused, route="files.list", path_contains="pageToken=")
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    drive.service.faults.fail(refused, route="files.list", path_contains="pageToken=", times=None)
    assert drive.home.sync(full=True).status == "failed"
    assert len(drive.home.files()) == 120


@pytest.mark.parametrize("name", WORDINGS)
@pytest.mark.parametrize("is_tree", [False, True], ids=["drive", "folder"])
def test_a_change_token_refused_in_any_wording_leads_to_one_listing(drive: Drive, name: str, *, is_tree: bool) -> None:
    if is_tree:
        as_tree(drive)
    drive.service.state.add_file(drive.shared, "plan.pdf")
    drive.settle()
    drive.home.sync()
    drive.service.faults.fail(WORDINGS[name], route="changes.list")
    assert drive.home.sync().status == "success"
    drive.settle()
    assert drive.home.sync().status == "success"
    assert drive.service.count() == 1  # the new token does
    drive.service.faults.fail(WORDINGS[name], route="changes.list", times=None)
    assert drive.home.sync().status == "failed"  # and a new one that is refused again is not begun for ever


@pytest.mark.parametrize(
    "failure", [faults.status(500), fault(OF_ALL["a reason nobody knows"])], ids=["500", "a 403 nobody knows"]
)
def test_a_full_listing_never_needs_the_old_cursor(drive: Drive, failure: Fault) -> None:
    drive.service.state.add_file(drive.shared, "plan.pdf")
    drive.settle()
    drive.home.sync()
    (state,) = drive.home.query("SELECT provider_state FROM sync_state")
    old = json.loads(state["provider_state"])["cursor"]
    drive.service.state.add_file(drive.shared, "new.pdf")
    drive.settle()
    drive.service.faults.fail(failure, route="changes.list", path_contains=f"pageToken={old}&", times=None)
    assert drive.home.sync().status == "failed"
    assert drive.home.sync(full=True).status == "success"
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)


def test_a_listing_in_pages_of_discover_survives_a_refused_page_token(drive: Drive) -> None:
    for number in range(101):
        drive.service.state.add_drive(f"N{number}", READER)
    drive.service.faults.fail(WORDINGS["404"], route="drives.list", path_contains="pageToken=")
    found = json.loads(drive.home.run("discover", "google", "--no-folders", "--json").out)["found"]
    assert len(found) == 102
    assert len({each["id"] for each in found}) == 102
