"""The Google Drive provider's translations, refusals and entry in the table of providers."""

import json
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from filesync.core.errors import AuthError, ResponseError
from filesync.core.model import KnownFolder, RemoteFile
from filesync.http import Connector, Counters
from filesync.providers.base import Surroundings
from filesync.providers.google_drive import KIND
from filesync.providers.google_drive.location import Places
from filesync.providers.google_drive.memory import DriveMemory as ProviderMemory
from filesync.providers.google_drive.memory import ListingState, Phase
from filesync.providers.google_drive.refusals import DEAD_TOKEN, explain
from filesync.providers.google_drive.translate import (
    FOLDER_TYPE,
    to_changes_page,
    to_file,
    to_file_type,
    to_folder,
    to_item,
    to_items_page,
)
from filesync.runtime.clock import Stop, SystemClock

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
        {"id": "a\0b"},
        {"id": "a\ud800"},
        {"parents": "0f"},
        {"parents": [1]},
        {"parents": ["a\0b"]},
        {"driveId": 7},
        {"trashed": "no"},
    ],
    ids=str,
)
def test_a_file_whose_identity_or_place_cannot_be_told_is_lost_to_its_page_and_costs_no_other(
    wrong: Mapping[str, Any],
) -> None:
    with pytest.raises(ResponseError, match=r"^there: "):
        to_item({**PDF, **wrong}, "there")
    page = to_items_page({"files": [{**PDF, **wrong}, PDF, "no object"]}, "there")
    assert [item.id for item in page.items] == [PDF["id"]]
    assert page.lost == 2
    assert "2 entries without a sound id or place" in str(page.lack)


# What is sent, the fields that are None then (or something else), and what is told of it.
ODD: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], tuple[str, ...]]] = {
    "a leap second": ({"modifiedTime": "2016-12-31T23:59:60.000Z"}, {"updated_at": "2017-01-01T00:00:00.000Z"}, ()),
    "the year 0": (
        {"modifiedTime": "0000-01-01T00:00:00Z"},
        {"updated_at": None},
        ("modifiedTime: 0000-01-01T00:00:00Z",),
    ),
    "the year 10000": (
        {"createdTime": "10000-01-01T00:00:00Z"},
        {"created_at": None},
        ("createdTime: 10000-01-01T00:00:00Z",),
    ),
    "no zone": ({"createdTime": "2026-01-02T03:04:05"}, {"created_at": None}, ("createdTime: 2026-01-02T03:04:05",)),
    "before time": (
        {"createdTime": "0001-01-01T00:00:00+23:00"},
        {"created_at": None},
        ("createdTime: 0001-01-01T00:00:00+23:00",),
    ),
    "no leap second": (
        {"createdTime": "2026-01-02T03:59:60Z"},
        {"created_at": None},
        ("createdTime: 2026-01-02T03:59:60Z",),
    ),
    "a time that is a number": ({"modifiedTime": 1767323045}, {"updated_at": None}, ("modifiedTime: 1767323045",)),
    "a negative size": ({"size": "-1"}, {"size": None}, ("size: -1",)),
    "a size beyond 64 bits": ({"size": str(2**63)}, {"size": None}, (f"size: {2**63}",)),
    "a size of 5,000 digits": ({"size": "9" * 5000}, {"size": None}, (f"size: {'9' * 60}…",)),
    "a size that is a number": ({"size": 12}, {"size": 12}, ()),
    "a size that is true": ({"size": True}, {"size": None}, ("size: true",)),
    "no name": ({"name": None}, {"name": "1a", "file_type": None}, ("name: null",)),
    "an empty name": ({"name": ""}, {"name": "1a", "file_type": None}, ("name: empty",)),
    "a name that is a number": ({"name": 7}, {"name": "1a", "file_type": None}, ("name: 7",)),
    "null for owners": ({"owners": None}, {"created_by": None}, ("owners: null",)),
    "owners by name": ({"owners": ["Ana"]}, {"created_by": None}, ("owners: a list",)),
    "an owner with a numeric address": (
        {"owners": [{"emailAddress": 5, "displayName": "Ana"}]},
        {"created_by": "Ana"},
        ("owners/emailAddress: 5",),
    ),
    "null for parents": ({"parents": None}, {}, ("parents: null",)),
    "one parent of two": ({"parents": [7, "0f"]}, {}, ("parents: a list",)),
    "null for the editor": (
        {"lastModifyingUser": None},
        {"modified_by": None, "modified_by_id": None},
        ("lastModifyingUser: null",),
    ),
    "an editor's name": (
        {"lastModifyingUser": "Ben"},
        {"modified_by": None, "modified_by_id": None},
        ("lastModifyingUser: Ben",),
    ),
    "null for capabilities": ({"capabilities": None}, {}, ("capabilities: null",)),
    "a capability in words": ({"capabilities": {"canListChildren": "no"}}, {}, ("capabilities/canListChildren: no",)),
    "null for a shortcut": ({"shortcutDetails": None}, {}, ("shortcutDetails: null",)),
    "a list for a shortcut": ({"shortcutDetails": [1]}, {}, ("shortcutDetails: a list",)),
    "null for the type": ({"mimeType": None}, {"mime_type": None, "file_type": "pdf"}, ("mimeType: null",)),
    "a number for the type": ({"mimeType": 1}, {"mime_type": None}, ("mimeType: 1",)),
    "a revision that is a list": ({"headRevisionId": [1]}, {"version": None}, ("headRevisionId: a list",)),
    "a checksum that is a number": (
        {"md5Checksum": 1},
        {"checksum": None, "checksum_algorithm": None},
        ("md5Checksum: 1",),
    ),
    "a link that runs": ({"webViewLink": "javascript:alert(1)"}, {"link": None}, ("webViewLink: javascript:alert(1)",)),
    "a link that is none": ({"webViewLink": {}}, {"link": None}, ("webViewLink: an object",)),
    "a digest that is a number": ({"sha256Checksum": 5}, {"extra": '{"ownedByMe": false}'}, ("sha256Checksum: 5",)),
    "something unprintable": ({"size": "1\n\x1b[31m"}, {"size": None}, ("size: 1\ufffd\ufffd[31m",)),
}


@pytest.mark.parametrize("name", ODD)
def test_whatever_else_is_odd_about_a_file_is_unknown_and_told(name: str) -> None:
    sent, fields, told = ODD[name]
    plain, odd = (to_file(to_item({**PDF, **facts}, "there"), "0f") for facts in ({}, sent))
    assert odd == replace(plain, odd=told, **fields) if fields else odd == replace(plain, odd=told, extra=odd.extra)


def test_an_odd_folder_says_so_too() -> None:
    folder = {"id": "0f", "mimeType": FOLDER_TYPE, "parents": None}
    assert to_folder(to_item(folder, "there"), None).odd == ("name: null", "parents: null")


def test_a_page_that_is_not_what_the_reference_says_is_an_error() -> None:
    answers: list[Mapping[str, Any]] = [
        {"files": {}},
        {"nextPageToken": 3},
        {"nextPageToken": "a\0b"},
        {"incompleteSearch": "false"},
    ]
    for answer in answers:
        with pytest.raises(ResponseError, match=r"^there: "):
            to_items_page(answer, "there")
    for tokens in ({"changes": {}, "newStartPageToken": "8"}, {}, {"nextPageToken": "7", "newStartPageToken": "8"}):
        with pytest.raises(ResponseError, match=r"^there: "):
            to_changes_page({"changes": [], **tokens}, "there")


@pytest.mark.parametrize(
    "entry",
    [
        "no object",
        {"removed": False, "fileId": "1"},
        {"removed": True},
        {"removed": "yes", "fileId": "1"},
        {"fileId": "1", "file": {**PDF, "trashed": "no"}},
        {"changeType": "drive", "removed": True},
    ],
    ids=str,
)
def test_a_change_that_does_not_say_what_it_is_about_is_counted(entry: Any) -> None:
    told = [{"fileId": "1a", "file": PDF}, entry, {"removed": True, "fileId": "2"}]
    page = to_changes_page({"changes": told, "newStartPageToken": "8"}, "there")
    assert [change.id for change in page.changes] == ["1a", "2"]
    assert page.lost == 1


def test_a_change_is_about_the_file_that_it_shows() -> None:
    page = to_changes_page({"changes": [{"fileId": None, "file": PDF}], "newStartPageToken": "8"}, "there")
    assert [change.id for change in page.changes] == ["1a"]
    assert page.lost == 0


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


@pytest.mark.parametrize("listing", [None, ListingState(Phase.FILES, "t", full=True, incomplete=True, limited=("a",))])
def test_what_is_remembered_survives_json(listing: ListingState | None) -> None:
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


def test_missing_credentials_name_the_variable(tmp_path: Path, connector: Connector) -> None:
    surroundings = Surroundings({}, connector, SystemClock(), lambda name: tmp_path / name)
    details = KIND.details().model_validate({"drive_id": "0AExample"})
    with pytest.raises(AuthError, match=r"GOOGLE_CREDENTIALS_PATH.*google-service-account\.json.*OAUTH_SETUP\.md"):
        KIND.open(details, surroundings)


class Folders:
    """Known folders by id, for items with several parents."""

    state: Mapping[str, object] = {"root_id": "root"}
    full = False

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    def folder(self, folder_id: str) -> KnownFolder | None:
        known = KnownFolder(folder_id, None, folder_id, "/", None, readable=True)
        return known if folder_id in self._ids else None


def test_an_old_item_with_several_parents_hangs_in_the_first_that_is_known() -> None:
    item = to_item({"id": "1", "name": "old.pdf", "parents": ["a", "b", "c"]}, "there")
    for ids, expected in ((("b", "c"), "b"), ((), "a"), (("c",), "c")):
        places = Places(Folders(*ids), None)  # type: ignore[arg-type]
        (file,), _ = places.entries([item])
        assert isinstance(file, RemoteFile)
        assert file.parent_id == expected
    assert Places(Folders("c"), None).parent_of(item, {"b"}) == "b"  # type: ignore[arg-type]
