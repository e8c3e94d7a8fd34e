"""The Google Drive provider's translations, refusals and entry in the table of providers."""

import json
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from filesync.clock import Stop, SystemClock
from filesync.errors import AuthError, ResponseError
from filesync.http import Connector, Counters
from filesync.providers.base import Surroundings
from filesync.providers.google_drive import KIND
from filesync.providers.google_drive.memory import Listing, Phase
from filesync.providers.google_drive.memory import Memory as ProviderMemory
from filesync.providers.google_drive.routes import DEAD_TOKEN, explain
from filesync.providers.google_drive.translate import to_changes_page, to_file, to_file_type, to_item, to_items_page
from filesync.simulators.drive import GoogleDrive as Simulator
from tests.drive_memory import Memory

ROBOT, PERSON = "robot@example.iam.gserviceaccount.com", "ana@example.com"

PDF = {
    "id": "1a",
    "name": "Plan.PDF",
    "mimeType": "application/pdf",
    "parents": ["0f"],
    "size": "2048",
    "md5Checksum": "0cc175b9c0f1b6a831c399e269772661",
    "sha256Checksum": "ca97",
    "headRevisionId": "0r",
    "version": "17",
    "createdTime": "2026-01-02T03:04:05.678Z",
    "modifiedTime": "2026-01-02T05:04:05+01:00",
    "webViewLink": "https://drive.google.com/file/d/1a/view?usp=drivesdk",
    "owners": [{"displayName": "Ana", "emailAddress": PERSON}],
    "lastModifyingUser": {"displayName": "Ben", "permissionId": "77"},
    "ownedByMe": False,
    "thumbnailLink": "https://example.com/changes-hourly",
}


def test_a_file_has_drives_facts() -> None:
    file = to_file(to_item(PDF, "there"), "0f")
    assert (file.id, file.name, file.parent_id, file.file_type, file.size) == ("1a", "Plan.PDF", "0f", "pdf", 2048)
    assert (file.version, file.version_number) == ("0r", None)
    assert (file.checksum, file.checksum_algorithm) == ("0cc175b9c0f1b6a831c399e269772661", "md5")
    assert (file.created_at, file.updated_at) == ("2026-01-02T03:04:05.678Z", "2026-01-02T04:04:05.000Z")
    assert (file.created_by, file.modified_by, file.modified_by_id) == (PERSON, "Ben", "77")
    assert json.loads(file.extra or "") == {"ownedByMe": False, "sha256": "ca97"}


def test_what_drive_does_not_say_is_none() -> None:
    nobody = {"displayName": "", "kind": "drive#user", "me": False}
    bare = {"id": "1", "name": "Notes", "mimeType": "application/vnd.google-apps.document", "lastModifyingUser": nobody}
    file = to_file(to_item(bare, "there"), None)
    assert (file.size, file.version, file.checksum, file.checksum_algorithm) == (None, None, None, None)
    assert (file.created_by, file.modified_by, file.modified_by_id, file.extra) == (None, None, None, None)
    assert (file.link, file.created_at, file.file_type) == (None, None, "gdoc")


def test_a_shortcut_is_an_item_of_its_own() -> None:
    kind = "application/vnd.google-apps.shortcut"
    details = {"targetId": "9", "targetMimeType": "application/pdf"}
    file = to_file(to_item({"id": "1", "name": "a.pdf", "mimeType": kind, "shortcutDetails": details}, "there"), None)
    assert (file.file_type, file.size) == ("shortcut", None)
    assert json.loads(file.extra or "") == {"shortcutDetails": details}


@pytest.mark.parametrize(
    ("name", "mime_type", "expected"),
    [
        ("a.tar.GZ", None, "gz"),
        (".hidden", "text/plain", None),
        ("no extension", "text/plain", None),
        ("ends in a dot.", None, None),
        ("a.pdf ", "application/pdf", "pdf"),
        ("Wall 1/2.dwg", None, "dwg"),
        ("Sheet", "application/vnd.google-apps.spreadsheet", "gsheet"),
        ("Slides.pptx", "application/vnd.google-apps.presentation", "gslides"),
        ("Drawing", "application/vnd.google-apps.drawing", "gdraw"),
        ("Form", "application/vnd.google-apps.form", "gform"),
        ("Site", "application/vnd.google-apps.site", "gsite"),
        ("Map", "application/vnd.google-apps.map", "gmap"),
        ("Script", "application/vnd.google-apps.script", "gscript"),
        ("Jam", "application/vnd.google-apps.jam", "gjam"),
        ("Their app's", "application/vnd.google-apps.drive-sdk.123", "gdrive-sdk"),
    ],
)
def test_the_file_type(name: str, mime_type: str | None, expected: str | None) -> None:
    assert to_file_type(name, mime_type) == expected


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", " https://elsewhere"]
)
def test_a_link_that_is_no_web_address_is_dropped(link: str) -> None:
    assert to_file(to_item({**PDF, "webViewLink": link}, "there"), None).link is None


def test_a_lone_surrogate_does_not_reach_the_store() -> None:
    item = to_item({"id": "1", "name": "bad \ud800 name"}, "there")
    item.name.encode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"id": ""},
        {"id": 7},
        {"name": None},
        {"parents": "0f"},
        {"parents": [1]},
        {"trashed": "no"},
        {"size": "-1"},
        {"size": 12},
        {"createdTime": "yesterday"},
        {"createdTime": "2026-01-02T03:04:05"},
        {"owners": ["Ana"]},
        {"lastModifyingUser": "Ana"},
    ],
)
def test_a_file_that_is_not_what_the_reference_says_is_an_error_that_names_the_request(
    wrong: Mapping[str, Any],
) -> None:
    with pytest.raises(ResponseError, match=r"^there: "):
        to_file(to_item({**PDF, **wrong}, "there"), None)


def test_a_page_that_is_not_what_the_reference_says_is_an_error() -> None:
    answers: list[Mapping[str, Any]] = [
        {"files": {}},
        {"files": [1]},
        {"nextPageToken": 3},
        {"incompleteSearch": "false"},
    ]
    for answer in answers:
        with pytest.raises(ResponseError, match=r"^there: "):
            to_items_page(answer, "there")
    for entry in ({"removed": False, "fileId": "1"}, {"removed": True}, {"changeType": "drive", "removed": True}):
        with pytest.raises(ResponseError, match=r"^there: "):
            to_changes_page({"changes": [entry], "newStartPageToken": "8"}, "there")


@pytest.mark.parametrize("answer", [{"files": []}, {"incompleteSearch": False}])
def test_a_page_without_items_and_token_is_the_end(answer: Mapping[str, Any]) -> None:
    page = to_items_page(answer, "there")
    assert (page.items, page.next_token, page.is_incomplete) == ((), None, False)


@pytest.mark.parametrize("answer", [{}, {"error": "none"}])
def test_an_answer_with_none_of_a_pages_fields_is_no_page(answer: Mapping[str, Any]) -> None:
    with pytest.raises(ResponseError, match="there: the answer is no list of files"):
        to_items_page(answer, "there")


def envelope(reason: str, **more: str) -> Mapping[str, Any]:
    return {"error": {"code": 0, "message": "In Google's words.", "errors": [{"reason": reason, **more}]}}


@pytest.mark.parametrize("reason", ["userRateLimitExceeded", "rateLimitExceeded"])
def test_only_a_403_for_asking_too_fast_is_retried(reason: str) -> None:
    assert explain(403, envelope(reason)).retry
    assert not explain(400, envelope(reason)).retry
    assert not explain(403, envelope("dailyLimitExceeded")).retry


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("accessNotConfigured", "Enable the Drive API"),
        ("insufficientPermissions", "Grant the scope"),
        ("dailyLimitExceeded", "Quotas"),
        ("domainPolicy", "Ask the administrator"),
    ],
)
def test_a_refusal_of_the_account_says_where_to_read_on(reason: str, advice: str) -> None:
    refusal = explain(403, envelope(reason))
    assert refusal.reason == reason
    assert f'"{advice}" in OAUTH_SETUP.md' in refusal.detail


def test_bodies_of_other_shapes_are_understood() -> None:
    detail = {"reason": "SERVICE_DISABLED", "domain": "googleapis.com"}
    newer = {"error": {"code": 403, "message": "Off.", "status": "PERMISSION_DENIED", "details": [detail]}}
    assert "Enable the Drive API" in explain(403, newer).detail
    bare = explain(403, {"error": {"message": "No.", "status": "PERMISSION_DENIED"}})
    assert (bare.reason, bare.detail) == ("PERMISSION_DENIED", "No.")
    bodies: list[Any] = [None, [], "text", {"error": "invalid"}, {"error": {"errors": "x"}}, {"error": {"errors": []}}]
    for body in bodies:
        assert explain(500, body).detail == ""


def test_a_400_about_the_page_token_is_told_from_others() -> None:
    assert explain(400, envelope("invalid", location="pageToken")).reason == DEAD_TOKEN
    assert explain(400, envelope("invalid", location="q")).reason == "invalid"
    assert explain(400, {"error": {"message": "Invalid page token"}}).reason == DEAD_TOKEN


def test_remote_text_is_one_short_line() -> None:
    detail = explain(404, {"error": {"message": "a\n\x1b[31m" + "x" * 900}}).detail
    assert detail.isprintable()
    assert len(detail) <= 200


@pytest.mark.parametrize("listing", [None, Listing(Phase.FILES, "t", full=True, incomplete=True, limited=("a",))])
def test_what_is_remembered_survives_json(listing: Listing | None) -> None:
    memory = ProviderMemory("r", "Root", "d", "7", listing)
    assert ProviderMemory.of(json.loads(json.dumps(memory.state()))) == memory
    assert ProviderMemory.of({}) == ProviderMemory()


def test_the_entry_in_the_table_is_light() -> None:
    code = """
import sys
from filesync.providers.google_drive import KIND
KIND.scope(KIND.details().model_validate({"drive_id": "0AExample"}))
heavy = {"requests", "google", "googleapiclient", "sqlite3", "rich", "typer"} & set(sys.modules)
sys.exit(str(heavy) if heavy else 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_scope_is_the_service_ids() -> None:
    details = KIND.details().model_validate({"drive_id": "0AExample", "file_types": ["pdf"]})
    scope = {"drive_id": "0AExample", "folder_id": None, "shared_with_me": False, "subject": None}
    assert KIND.scope(details) == scope


@pytest.fixture
def connector(tmp_path: Path) -> Any:
    clock = SystemClock()
    connector = Connector(
        clock=clock,
        stop=Stop(clock),
        counters=Counters(),
        limits_folder=tmp_path / "limits",
        percent=100,
        random=random.Random(1),
    )
    yield connector
    connector.close()


def test_an_endpoint_opens_with_a_service_accounts_key_and_reads(tmp_path: Path, connector: Connector) -> None:
    with Simulator() as sim:
        sim.state.add_user(PERSON)
        sim.state.add_file(sim.state.root_of(PERSON), "plan.pdf")
        sim.state.add_user(ROBOT)
        drive = sim.state.add_drive("Tower", ROBOT)
        sim.state.add_file(drive, "a.pdf")
        key = sim.make_key_file(tmp_path / "key.json", ROBOT, [PERSON])
        variables = {"GOOGLE_CREDENTIALS_PATH": str(key), "CONNECTOR_GOOGLE_BASE_URL": sim.base_url}
        surroundings = Surroundings(variables, connector, SystemClock(), lambda name: tmp_path / name)
        for settings, expected in (({"drive_id": drive}, "/a.pdf"), ({"subject": PERSON}, "/plan.pdf")):
            memory = Memory()
            memory.sync(KIND.open(KIND.details().model_validate(settings), surroundings))
            assert [row[0] for row in memory.inventory().values()] == [expected]


def test_missing_credentials_name_the_variable(tmp_path: Path, connector: Connector) -> None:
    surroundings = Surroundings({}, connector, SystemClock(), lambda name: tmp_path / name)
    details = KIND.details().model_validate({"drive_id": "0AExample"})
    with pytest.raises(AuthError, match=r"GOOGLE_CREDENTIALS_PATH.*google-service-account\.json.*OAUTH_SETUP\.md"):
        KIND.open(details, surroundings)
