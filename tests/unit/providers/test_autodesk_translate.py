"""Autodesk's JSON, and its ways to say no, as they were recorded and as they might come."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from filesync.core.errors import About, ResponseError
from filesync.core.model import RemoteFile, RemoteFolder
from filesync.core.redaction import LONGEST_TEXT
from filesync.core.timestamps import Timestamp
from filesync.http import Answer
from filesync.providers.autodesk import refusals
from filesync.providers.autodesk.hub_cache import ProjectPlace
from filesync.providers.autodesk.location import remembered
from filesync.providers.autodesk.refusals import PROJECT_NOT_ACTIVE, explain
from filesync.providers.autodesk.top_folders import SystemFolders, to_batches
from filesync.providers.autodesk.translate import FolderContents, next_href, to_contents

FOLDER = "urn:adsk.wipprod:fs.folder:co.AAA"
GUID = "6c2cffb0-e8c8-43d3-b415-e53f4377cedb"
LINEAGE = "urn:adsk.wipprod:dm.lineage:BBB"
TIP = "urn:adsk.wipprod:fs.file:vf.BBB?version=2"
LINK = "https://acc.autodesk.com/docs/files/projects/p?folderUrn=f&entityId=BBB"
STORAGE = "urn:adsk.objects:os.object:wip.dm.prod/x.pdf"


def answer(body: Mapping[str, Any], date: datetime | None = datetime(2026, 1, 5, 9, tzinfo=UTC)) -> Answer:
    return Answer("https://example.test/contents", 200, body, {}, date)


def item(**attributes: Any) -> dict[str, Any]:
    """Make an item as recorded in ACC."""
    about = {
        "displayName": "Plan",
        "createTime": "2026-01-05T08:24:24.0000000Z",
        "createUserName": "Bob",
        "lastModifiedTime": "2026-01-05T08:30:00.0000000Z",
        "lastModifiedUserName": "Bob",
        "hidden": False,
        "reserved": False,
        "extension": {"type": "items:autodesk.bim360:File", "data": {"sourceFileName": "Plan.pdf"}},
    }
    return {
        "type": "items",
        "id": LINEAGE,
        "attributes": about | attributes,
        "links": {"webView": {"href": LINK}},
        "relationships": {"tip": {"data": {"type": "versions", "id": TIP}}, "parent": {"data": {"id": FOLDER}}},
    }


def version(**attributes: Any) -> dict[str, Any]:
    about = {
        "name": "Plan.PDF",
        "displayName": "Plan",
        "createTime": "2026-01-05T08:26:00.0000000Z",
        "lastModifiedTime": "2026-01-05T08:27:50.1239999Z",
        "lastModifiedUserId": "U2",
        "lastModifiedUserName": "ann@example.com",
        "versionNumber": 2,
        "storageSize": 322126,
        "fileType": "pdf",
        "extension": {"type": "versions:autodesk.bim360:File", "data": {"processState": "PROCESSING_COMPLETE"}},
    }
    return {
        "type": "versions",
        "id": TIP,
        "attributes": about | attributes,
        "relationships": {"item": {"data": {"id": LINEAGE}}, "storage": {"data": {"id": STORAGE}}},
    }


def translated(*entries: Any, included: Any = ()) -> FolderContents:
    return to_contents(answer({"data": list(entries), "included": list(included)}), FOLDER)


def file_of(entry: dict[str, Any], *included: dict[str, Any]) -> RemoteFile:
    (file,) = translated(entry, included=included).files
    return file


def folder(name: str = "Drawings", rollup: Any = "2026-01-05T08:27:50.0000000Z", **attributes: Any) -> dict[str, Any]:
    return {
        "type": "folders",
        "id": f"urn:adsk.wipprod:fs.folder:co.{name}",
        "attributes": {"name": name, "lastModifiedTimeRollup": rollup, "hidden": False} | attributes,
    }


def test_a_file_is_its_item_and_its_tip() -> None:
    file = file_of(item(), version())
    assert file == RemoteFile(
        id=LINEAGE,
        name="Plan.PDF",
        parent_id=FOLDER,
        link=LINK,
        size=322126,
        file_type="pdf",
        version="2",
        version_number=2,
        created_by="Bob",
        modified_by="ann@example.com",
        modified_by_id="U2",
        created_at=Timestamp("2026-01-05T08:24:24.000Z"),
        updated_at=Timestamp("2026-01-05T08:27:50.123Z"),
        extra=file.extra,
    )
    assert json.loads(file.extra or "") == {
        "item_type": "items:autodesk.bim360:File",
        "process_state": "PROCESSING_COMPLETE",
        "storage_id": STORAGE,
        "version_created_at": "2026-01-05T08:26:00.000Z",
        "version_id": TIP,
        "version_type": "versions:autodesk.bim360:File",
    }


def test_a_file_without_a_tip_is_still_listed() -> None:
    file = file_of(item(displayName="Model.rvt"))
    assert (file.name, file.file_type, file.size, file.version_number) == ("Model.rvt", "rvt", None, None)
    assert file.updated_at == "2026-01-05T08:30:00.000Z"


def test_a_tip_is_found_by_its_item_when_the_item_does_not_name_it() -> None:
    entry = item()
    del entry["relationships"]["tip"]
    assert file_of(entry, version()).size == 322126


def test_deleted_files_are_not_there_even_if_they_have_no_name() -> None:
    deleted = version(extension={"type": "versions:autodesk.core:Deleted", "data": {}})
    assert translated(item(), included=[deleted]).files == []
    assert translated(item(hidden=True, displayName=None), folder(hidden=True)).files == []
    assert translated(folder(hidden=True)).folders == []


@pytest.mark.parametrize("wrong", [None, "12", True, -1, 2**63, [], {}, 1.5])
def test_a_size_of_another_type_is_unknown(wrong: Any) -> None:
    file = file_of(item(), version(storageSize=wrong, versionNumber=wrong))
    assert (file.size, file.version, file.version_number) == (None, None, None)


@pytest.mark.parametrize("wrong", [None, 7, "", " ", [], {"name": "x"}])
def test_a_person_of_another_type_is_unknown(wrong: Any) -> None:
    assert file_of(item(createUserName=wrong), version()).created_by is None


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("2024-11-14T11:24:38.0000000Z", "2024-11-14T11:24:38.000Z"),
        ("2024-11-14T11:24:38.9999999Z", "2024-11-14T11:24:38.999Z"),
        ("2024-11-14T11:24:38Z", "2024-11-14T11:24:38.000Z"),
        ("2024-11-14T11:24:38.5Z", "2024-11-14T11:24:38.500Z"),
        ("2024-11-14T11:24:38+01:00", "2024-11-14T10:24:38.000Z"),
        ("2024-11-14T11:24:38", "2024-11-14T11:24:38.000Z"),
        ("20241114T112438Z", "2024-11-14T11:24:38.000Z"),
        ("0001-01-01T00:00:00Z", None),
        ("2024-13-14T11:24:38.0000000Z", None),
        ("soon", None),
        (1731583478, None),
    ],
)
def test_times_are_written_the_databases_way(given: Any, written: str | None) -> None:
    assert file_of(item(createTime=given), version()).created_at == written


@pytest.mark.parametrize(
    ("name", "file_type"),
    [("A.tar.GZ", "gz"), ("Report v1. final", "pdf"), ("README", "pdf"), (".rvt", "pdf"), ("a.", "pdf")],
)
def test_the_type_is_the_names_extension_else_the_services_word(name: str, file_type: str) -> None:
    assert file_of(item(), version(name=name, fileType="PDF")).file_type == file_type


def test_a_link_that_is_no_web_address_is_dropped() -> None:
    entry = item()
    entry["links"]["webView"]["href"] = "javascript:alert(1)"
    assert file_of(entry, version()).link is None


def test_half_a_character_in_a_name_can_be_stored() -> None:
    assert file_of(item(), version(name="a\ud800b\U0001f600.pdf")).name == "a\ufffdb\U0001f600.pdf"


@pytest.mark.parametrize(
    "entry", [item() | {"id": None}, folder() | {"id": 3}, {"id": "x"}, item(hidden="true"), "text"]
)
def test_an_entry_whose_id_or_place_is_not_known_is_told_and_costs_no_other(entry: Any) -> None:
    contents = translated(entry, item(), folder(), included=[version()])
    assert ([file.id for file in contents.files], len(contents.folders)) == ([LINEAGE], 1)
    assert "1 entry" in (contents.unusable or "")
    assert translated(item(), folder()).unusable is None


@pytest.mark.parametrize(
    ("entry", "tip", "name"),
    [
        (item(displayName=""), version(name=""), "Plan.pdf"),
        (
            item(displayName=None, extension={}),
            version(name=None, extension={"data": {"sourceFileName": "A.pdf"}}),
            "A.pdf",
        ),
        (item(displayName=None, extension=None), version(name=7), "unnamed BBB"),
        (item(displayName=[], extension=None), None, "unnamed BBB"),
    ],
)
def test_a_file_without_a_name_takes_another_or_one_made_of_its_id(entry: Any, tip: Any, name: str) -> None:
    file = file_of(entry, *([tip] if tip else []))
    assert file.name == name
    assert any(name in said for said in file.odd), file.odd


def test_a_folder_without_a_name_takes_one_made_of_its_id() -> None:
    (shown,) = translated(folder(name="", displayName=None)).folders
    assert (shown.name, shown.odd) == ("unnamed co.", ("name: none, called 'unnamed co.'",))
    assert translated(folder(name="", displayName="Shown")).folders[0].name == "Shown"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"storageSize": "-1"}, "size"),
        ({"storageSize": 2**63}, "size"),
        ({"versionNumber": "2"}, "version_number"),
        ({"lastModifiedTime": "2016-12-31T23:59:60.000Z", "createTime": None}, "updated_at"),
        ({"lastModifiedTime": "0000-01-01T00:00:00Z", "createTime": None}, "updated_at"),
        ({"lastModifiedTime": "10000-01-01T00:00:00Z", "createTime": None}, "updated_at"),
        ({"lastModifiedUserName": {"name": "x"}}, "modified_by"),
        ({"mimeType": 7}, "mime_type"),
    ],
)
def test_what_cannot_be_so_is_null_and_named_once(wrong: dict[str, Any], field: str) -> None:
    file = file_of(item(), version(**wrong))
    assert getattr(file, field) is None
    (said,) = file.odd
    assert said.startswith(next(iter(wrong))), said


def test_what_is_absent_is_not_odd() -> None:
    empty = {"storageSize": None, "lastModifiedUserId": "", "lastModifiedUserName": " ", "fileType": None}
    assert file_of(item(createTime="0001-01-01T00:00:00Z"), version(**empty)).odd == ()
    assert file_of(item()).odd == ()


def test_an_ancestor_without_a_title_keeps_the_way_whole() -> None:
    parents = [PARENTS[0], PARENTS[1] | {"title": None}, PARENTS[2]]
    deep = folder("B", extension={"data": {"folderParents": parents}})
    deep["relationships"] = {"parent": {"data": {"id": "A"}}}
    batches = list(to_batches(answer({"data": [deep]}), "root", SystemFolders(include=False)))
    assert [(b.folder_id, [f.name for f in b.folders]) for b in batches] == [
        ("root", ["unnamed files"]),
        ("files", ["A"]),
        ("A", ["B"]),
    ]


def test_a_tip_is_found_when_one_of_both_ids_is_encoded() -> None:
    entry, tip = item(), version() | {"id": TIP.replace("?", "%3F"), "relationships": {}}
    assert file_of(entry, tip).size == 322126


def test_what_a_model_is_told_by_is_kept() -> None:
    facts = {"projectGuid": "P", "modelGuid": "M", "isCompositeDesign": False, "conformingStatus": "NON_CONFORMING"}
    kept = json.loads(file_of(item(), version(extension={"data": facts})).extra or "")
    assert (
        kept.items()
        >= {
            "project_guid": "P",
            "model_guid": "M",
            "is_composite_design": False,
            "conforming_status": "NON_CONFORMING",
        }.items()
    )


SHEET = "versions:autodesk.bim360:Document"


@pytest.mark.parametrize(
    ("kind", "name", "given", "source", "file_type"),
    [
        (SHEET, "A1.01", "PDF", None, "pdf"),
        (SHEET, "A1.dwg", "pdf", None, "pdf"),
        (SHEET, "A1.01", None, "Set.PDF", "pdf"),
        (SHEET, "A1.01", None, None, None),
        ("versions:autodesk.bim360:File", "A1.01", "pdf", None, "pdf"),
        ("versions:autodesk.bim360:File", "disk.001", None, None, "001"),
    ],
)
def test_a_number_behind_a_dot_is_no_type_of_a_sheet(
    kind: str, name: str, given: str | None, source: str | None, file_type: str | None
) -> None:
    extension = {"type": kind, "data": {"sourceFileName": source}}
    assert file_of(item(), version(name=name, fileType=given, extension=extension)).file_type == file_type


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"type": "folders"}}])
def test_an_answer_without_a_list_is_an_error(body: Mapping[str, Any]) -> None:
    with pytest.raises(ResponseError):
        to_contents(answer(body), FOLDER)


def test_an_empty_folder_has_no_included_and_no_end_but_a_missing_link() -> None:
    assert to_contents(answer({"data": []}), FOLDER) == FolderContents([], [], None)
    assert next_href(answer({"links": {"next": {"href": "?page=1"}}})) == "?page=1"
    assert next_href(answer({"links": {"next": "?page=1"}})) == "?page=1"
    assert next_href(answer({"links": {"next": None}})) is None


@pytest.mark.parametrize(
    ("rollup", "stamp"),
    [
        ("2026-01-05T08:59:58.0000000Z", "2026-01-05T08:59:58.0000000Z"),
        ("2026-01-05T08:59:59.0000000Z", None),
        ("2026-01-05T09:00:00.0000000Z", None),
        ("2026-01-05T10:00:00.0000000Z", None),
        ("never", None),
        (None, None),
    ],
)
def test_a_stamp_younger_than_two_seconds_is_not_trusted(rollup: Any, stamp: str | None) -> None:
    (shown,) = translated(folder(rollup=rollup)).folders
    assert shown == RemoteFolder("urn:adsk.wipprod:fs.folder:co.Drawings", "Drawings", FOLDER, stamp)


def test_without_a_date_no_stamp_is_trusted() -> None:
    (shown,) = to_contents(answer({"data": [folder()]}, date=None), FOLDER).folders
    assert shown.change_stamp is None


PARENTS = [
    {"urn": "root", "isRoot": False, "title": "p-root-folder", "parentUrn": None},
    {"urn": "files", "isRoot": True, "title": "Project Files", "parentUrn": "root"},
    {"urn": "A", "isRoot": False, "title": "A", "parentUrn": "files"},
]


@pytest.mark.parametrize("parents", [PARENTS, PARENTS[::-1], PARENTS[1:]])
def test_a_deep_folder_hangs_below_ancestors_in_any_order(parents: list[dict[str, Any]]) -> None:
    deep = folder("B", extension={"data": {"folderParents": parents}})
    deep["relationships"] = {"parent": {"data": {"id": "A"}}}
    batches = list(to_batches(answer({"data": [deep]}), "root", SystemFolders(include=False)))
    assert [(b.folder_id, [(f.id, f.name, f.listable) for f in b.folders]) for b in batches] == [
        ("root", [("files", "Project Files", False)]),
        ("files", [("A", "A", False)]),
        ("A", [(deep["id"], "B", True)]),
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("Project Files", "Plans", "Shared", "Consumed", "For the field", "My Photos", "Photos 2", "issues_list"),
        *("issue", "assets", "00_Client Documents", "2026 Drawings", f"{GUID}-root-folder"),
    ],
)
def test_peoples_top_folders_stay(name: str) -> None:
    assert not SystemFolders(include=False).leaves_out(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            GUID,
            GUID.upper(),
            f"checklist_{GUID}",
            f"issue_{GUID}",
            "submittals-attachments",
            f"meetings-project-{GUID}",
        ),
        *(f"COST Root Folder {GUID}", f"quantification_{GUID}", f"rfis_project_{GUID}", f"assets_{GUID}", "assets_"),
        *("0", "000", f"something new of {GUID}", GUID.replace("-", ""), "Recycle bin"),
    ],
)
def test_autodesks_own_top_folders_go(name: str) -> None:
    assert SystemFolders(include=False).leaves_out(name)


@pytest.mark.parametrize(
    ("status", "body", "reason", "words"),
    [
        (403, {"developerMessage": "The client_id…", "errorCode": "AUTH-001"}, "AUTH-001", "Create the app"),
        (403, {"developerMessage": "Token does not…", "errorCode": "AUTH-010"}, "AUTH-010", "data:read"),
        (400, {"error": "invalid_grant", "error_description": "…"}, "invalid_grant", "has expired"),
        (401, {"error": "invalid_client"}, "invalid_client", "CLIENT_SECRET"),
        (404, {"errors": [{"code": "FOLDER_NOT_FOUND", "detail": "gone"}]}, "FOLDER_NOT_FOUND", "gone"),
        (
            403,
            {"errors": [{"code": "BIM360DM_ERROR", "detail": "Project is not active: b.1"}]},
            PROJECT_NOT_ACTIVE,
            "archived or closed",
        ),
        (
            403,
            {"errors": [{"code": "BIM360DM_ERROR", "detail": "You don't have permission to access this API"}]},
            "NOT_PROVISIONED",
            "Custom Integrations",
        ),
        (403, {"reason": "no such bucket"}, "", "no such bucket"),
        (429, {"developerMessage": "Quota limit exceeded."}, "", "Quota limit exceeded."),
        (500, None, "", ""),
        (500, [], "", ""),
        (500, {"errors": [None], "errorCode": 3}, "", ""),
    ],
)
def test_every_shape_of_refusal_is_read(status: int, body: Any, reason: str, words: str) -> None:
    refusal = explain(status, body)
    assert refusal.reason == reason
    assert words in refusal.detail


def said(code: str, detail: str) -> dict[str, str]:
    return {"code": code, "detail": detail}


@pytest.mark.parametrize(
    ("status", "errors", "about"),
    [
        (404, [said("FOLDER_NOT_FOUND", "gone")], About.ITEM),
        (404, [said("ITEM_NOT_FOUND", "")], About.ITEM),
        (404, [said("NOT_FOUND", "The item urn:adsk.wipprod:dm.lineage:project does not exist.")], About.ITEM),
        (404, [said("NOT_FOUND", "The project or folder does not exist.")], About.UNKNOWN),
        (404, [said("NOT_FOUND", "")], About.UNKNOWN),
        (404, [said("PROJECT_NOT_FOUND", "The project b.1 does not exist.")], About.UNKNOWN),
        (403, [said("FORBIDDEN", "You don't have permission to access this folder.")], About.ITEM),
        (403, [said("FORBIDDEN", "You don\u2019t have permission to access this project.")], About.LOGIN),
        (403, [said("FORBIDDEN", "Access denied")], About.UNKNOWN),
        (403, [said("BIM360DM_ERROR", "You don't have permission to access this folder")], About.UNKNOWN),
        (403, [said("BIM360DM_ERROR", "You do not have permission to access this project. Please ask")], About.LOGIN),
        (400, [said("BIM360DM_ERROR", "You don't have permission to access this API")], About.LOGIN),
        (403, [said("USER_NOT_AUTHENTICATED", "The user could not be authenticated.")], About.LOGIN),
        (403, [said("AUTH-012", "something new")], About.LOGIN),
        (403, [said("SOMETHING_NEW", "The folder is under embargo")], About.UNKNOWN),
        (
            403,
            [said("FORBIDDEN", "permission to access this item"), said("USER_NOT_AUTHENTICATED", "The user")],
            About.LOGIN,
        ),
        (404, [said("ITEM_NOT_FOUND", ""), said("SOMETHING_NEW", "")], About.UNKNOWN),
        (403, [said("BIM360DM_ERROR", "Project is not active: b.1")], About.SCOPE),
    ],
)
def test_only_what_is_known_to_be_said_of_one_item_is_about_it(
    status: int, errors: list[dict[str, str]], about: About
) -> None:
    refusal = explain(status, {"errors": errors})
    assert refusal.about is about
    assert len(refusal.detail) <= LONGEST_TEXT


@pytest.mark.parametrize("body", [None, {}, [], "page", {"developerMessage": "The folder"}, {"errors": [{"code": ""}]}])
@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_body_without_a_code_is_about_nobody_knows_what(status: int, body: Any) -> None:
    assert explain(status, body).about is About.UNKNOWN


def test_a_refusal_that_nobody_knows_keeps_its_sentence_and_says_who_can_tell() -> None:
    detail = explain(403, {"errors": [said("SOMETHING_NEW", "The folder is under embargo")]}).detail
    assert detail.startswith("The folder is under embargo; ")
    assert "ask the account admin" in detail


def test_a_list_that_is_refused_with_warnings_alone_is_read() -> None:
    """403-general in Autodesk's OpenAPI: no errors, but the warnings of a list."""
    warning = {"ErrorCode": "BIM360DM_ERROR", "Detail": "You don't have permission to access this API"}
    refusal = explain(403, {"data": [], "meta": {"warnings": [warning]}})
    assert (refusal.reason, refusal.about) == ("NOT_PROVISIONED", About.LOGIN)


def test_what_we_say_about_a_refusal_is_never_cut() -> None:
    texts = list(refusals._MEANINGS.values())
    assert max(map(len, texts)) <= LONGEST_TEXT


def test_remote_words_become_one_short_line() -> None:
    detail = explain(400, {"errors": [{"code": "X", "detail": "a\n\x1b[31mb" + "c" * 500}]}).detail
    assert detail.isprintable()
    assert len(detail) <= LONGEST_TEXT


def test_what_is_remembered_of_another_project_or_hub_is_not_used() -> None:
    place = ProjectPlace("b.p", "b.h", "root", "Tower", None, None)
    state = place.rooted(RemoteFolder("root", "", None)).state or {}
    assert remembered(state, "b.p", None) == remembered(state, "b.p", "b.h") == place
    assert remembered(state, "b.other", None) is remembered(state, "b.p", "b.other") is remembered({}, "b.p", None)
