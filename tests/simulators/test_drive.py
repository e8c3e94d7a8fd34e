"""The simulated Drive's API: what it lists, gets and refuses."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import METADATA_READONLY, GoogleDrive, OverLimit
from filesync.simulators.faults import ENDLESS
from tests.support.drive_client import ANNA, BEN, DRIVES, Client

ROBOT = "robot@simulated.example"


def fill(drive: GoogleDrive, folder: str, count: int) -> list[str]:
    return [drive.state.add_file(folder, f"{number:04}.pdf") for number in range(count)]


# files.get


def test_without_fields_a_file_has_four_fields(drive: GoogleDrive, root: str, anna: Client) -> None:
    file = drive.state.add_file(root, "plan.pdf")
    about = {"kind": "drive#file", "id": file, "name": "plan.pdf", "mimeType": "application/pdf"}
    assert anna.get(f"files/{file}") == about
    page = anna.get("files", q="trashed=false")
    assert page == {"kind": "drive#fileList", "incompleteSearch": False, "files": [about]}


def test_a_file_looks_as_recorded(drive: GoogleDrive, root: str, anna: Client) -> None:
    file_id = drive.state.add_file(root, "plan.PNG", 1234)
    file = anna.get(f"files/{file_id}", fields="*")
    assert (file["size"], file["quotaBytesUsed"], file["version"]) == ("1234", "1234", "1")
    assert file["fileExtension"] == "PNG"
    assert file["webViewLink"] == f"https://drive.google.com/file/d/{file_id}/view?usp=drivesdk"
    assert file["parents"] == [root]
    assert (len(file["md5Checksum"]), len(file["sha256Checksum"]), len(file["headRevisionId"])) == (32, 64, 52)
    assert file["owners"][0]["emailAddress"] == ANNA
    assert file["ownedByMe"] is True


def test_a_folder_has_no_content(drive: GoogleDrive, root: str, anna: Client) -> None:
    folder = anna.get(f"files/{drive.state.add_folder(root, 'Plans')}", fields="*")
    assert not {"size", "md5Checksum", "headRevisionId", "webContentLink", "fileExtension"} & folder.keys()
    assert folder["webViewLink"] == f"https://drive.google.com/drive/folders/{folder['id']}"


def test_a_native_document_has_export_links_and_no_revision(drive: GoogleDrive, root: str, anna: Client) -> None:
    sheet = anna.get(f"files/{drive.state.add_native(root, 'Costs', 'spreadsheet')}", fields="*")
    assert sheet["mimeType"] == "application/vnd.google-apps.spreadsheet"
    assert "exportLinks" in sheet
    assert not {"md5Checksum", "headRevisionId"} & sheet.keys()
    assert sheet["webViewLink"].startswith("https://docs.google.com/spreadsheets/d/")


def test_a_shortcut_names_its_target(drive: GoogleDrive, root: str, anna: Client) -> None:
    folder = drive.state.add_folder(root, "Plans")
    shortcut = anna.get(f"files/{drive.state.add_shortcut(root, 'To plans', folder)}", fields="shortcutDetails,size")
    kind = "application/vnd.google-apps.folder"
    assert shortcut == {"shortcutDetails": {"targetId": folder, "targetMimeType": kind}}


def test_root_is_an_alias_of_an_id_and_has_no_parents(root: str, anna: Client) -> None:
    assert anna.get("files/root", fields="id,name,parents") == {"id": root, "name": "My Drive"}
    assert root.startswith("0A")
    assert root.endswith("Uk9PVA")


@pytest.mark.parametrize("name", ["nothing", "1" * 33])
def test_an_unknown_file_is_404(anna: Client, name: str) -> None:
    assert anna.refusal(f"files/{name}") == (404, "notFound", "fileId")


def test_someone_elses_file_is_404(drive: GoogleDrive, ben: Client, root: str) -> None:
    assert ben.refusal(f"files/{drive.state.add_file(root, 'a')}") == (404, "notFound", "fileId")


def test_an_editor_may_come_without_an_address(drive: GoogleDrive, root: str, anna: Client) -> None:
    drive.state.add_user("carl@example.com", "Carl", shows_email=False)
    file = drive.state.add_file(root, "a", by="carl@example.com")
    user = anna.get(f"files/{file}", fields="lastModifyingUser")["lastModifyingUser"]
    assert user["displayName"] == "Carl"
    assert "emailAddress" not in user


def test_viewing_a_file_moves_the_counter_only(drive: GoogleDrive, root: str, anna: Client) -> None:
    file = drive.state.add_file(root, "a")
    fields = "name,md5Checksum,headRevisionId,modifiedTime,parents"
    before = anna.get(f"files/{file}", fields=fields)
    drive.state.view(file)
    assert anna.get(f"files/{file}", fields=fields) == before
    assert anna.get(f"files/{file}", fields="version,viewedByMe") == {"version": "2", "viewedByMe": True}


def test_only_new_content_moves_the_modified_time(
    drive: GoogleDrive, root: str, anna: Client, clock: SimulatedClock
) -> None:
    file, folder = drive.state.add_file(root, "a"), drive.state.add_folder(root, "b")
    before = anna.get(f"files/{file}", fields="modifiedTime")
    clock.advance(60)
    drive.state.rename(file, "c")
    drive.state.move(file, folder)
    drive.state.trash(file)
    drive.state.untrash(file)
    assert anna.get(f"files/{file}", fields="modifiedTime") == before
    drive.state.new_revision(file, 5)
    assert anna.get(f"files/{file}", fields="modifiedTime") != before


def test_an_upload_may_keep_an_old_modified_time(drive: GoogleDrive, root: str, anna: Client) -> None:
    file = drive.state.add_file(root, "a")
    before = anna.get(f"files/{file}", fields="md5Checksum,headRevisionId")
    old = drive.state.items[file].created_at.replace(year=2001)
    drive.state.new_revision(file, modified_at=old)
    after = anna.get(f"files/{file}", fields="modifiedTime,md5Checksum,headRevisionId")
    assert after["modifiedTime"].startswith("2001-")
    assert after["md5Checksum"] != before["md5Checksum"]
    assert after["headRevisionId"] != before["headRevisionId"]


def test_content_is_not_given_out(drive: GoogleDrive, root: str, anna: Client) -> None:
    file = drive.state.add_file(root, "a")
    assert anna.refusal(f"files/{file}", alt="media") == (403, "fileNotDownloadable", None)


# parameters and fields


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ({"pageSize": "0"}, "pageSize"),
        ({"pageSize": "-1"}, "pageSize"),
        ({"pageSize": "many"}, "pageSize"),
        ({"supportsAllDrives": "yes"}, "supportsAllDrives"),
        ({"supportsAllDrives": "True"}, "supportsAllDrives"),
        ({"invented": "1"}, "invented"),
        ({"fileId": "1"}, "fileId"),
        ({"access_token": "x"}, "access_token"),
        ({"alt": "xml"}, "alt"),
        ({"fields": "files(id,invented)"}, "fields"),
        ({"fields": "files(id"}, "fields"),
        ({"fields": "files(id))"}, "fields"),
        ({"fields": "files(id)!"}, "fields"),
        ({"fields": ""}, "fields"),
        ({"fields": "files/owners/size"}, "fields"),
    ],
)
def test_a_wrong_parameter_is_refused(anna: Client, query: dict[str, str], location: str) -> None:
    assert anna.refusal("files", **query) == (400, "invalidParameter", location)


def test_page_sizes_above_the_most_are_coerced(drive: GoogleDrive, root: str, anna: Client) -> None:
    fill(drive, root, 1001)
    assert len(anna.get("files", pageSize=5000)["files"]) == 1000
    assert anna.get("drives", pageSize=101)["drives"] == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("files(id)", {"files": [{"id": 0}]}),
        ("files/id,kind", {"kind": "drive#fileList", "files": [{"id": 0}]}),
        ("files(owners/displayName)", {"files": [{"owners": [{"displayName": "Anna"}]}]}),
        ("files(owners(displayName,me))", {"files": [{"owners": [{"displayName": "Anna", "me": True}]}]}),
        ("files(owners/displayName,owners/me)", {"files": [{"owners": [{"displayName": "Anna", "me": True}]}]}),
        ("incompleteSearch", {"incompleteSearch": False}),
        ("files(thumbnailLink)", {"files": [{}]}),
        ("files(exportLinks/whatever)", {"files": [{}]}),
    ],
)
def test_a_mask_is_honoured(drive: GoogleDrive, root: str, anna: Client, fields: str, expected: dict[str, Any]) -> None:
    file = drive.state.add_file(root, "a")
    assert anna.get("files", fields=fields) == json.loads(json.dumps(expected).replace('"id": 0', f'"id": "{file}"'))


def test_a_star_asks_for_everything(drive: GoogleDrive, root: str, anna: Client) -> None:
    drive.state.add_file(root, "a")
    assert anna.get("files", fields="files(*)")["files"] == anna.get("files", fields="*")["files"]


def test_no_next_page_token_without_asking(drive: GoogleDrive, root: str, anna: Client) -> None:
    fill(drive, root, 3)
    assert anna.get("files", pageSize=2, fields="files(id)").keys() == {"files"}
    assert "nextPageToken" in anna.get("files", pageSize=2)


def test_about_needs_fields(anna: Client) -> None:
    assert anna.refusal("about") == (400, "required", "fields")
    assert anna.get("about", fields="user(emailAddress)") == {"user": {"emailAddress": ANNA}}


def test_a_long_address_is_refused(anna: Client) -> None:
    q = " or ".join(f"name='{number:030}'" for number in range(230))
    assert anna.answer("files", q=q).status_code == 414


def test_a_long_query_may_come_as_a_post_that_overrides_its_method(drive: GoogleDrive, root: str, anna: Client) -> None:
    drive.state.add_file(root, "a")
    q = " or ".join(f"name='{number:030}'" for number in range(230)) + " or name='a'"
    url = f"{drive.base_url}/drive/v3/files"
    answer = anna.session.post(url, data={"q": q}, headers={"x-http-method-override": "GET"}, timeout=10)
    assert len(answer.json()["files"]) == 1
    mixed = anna.session.post(f"{url}?pageSize=3", data={"q": q}, headers={"x-http-method-override": "GET"}, timeout=10)
    assert mixed.status_code == 400


def test_writing_is_refused(drive: GoogleDrive, anna: Client) -> None:
    answer = anna.session.post(f"{drive.base_url}/drive/v3/files", json={"name": "x"}, timeout=10)
    assert answer.status_code == 403
    assert anna.answer("nothing").status_code == 404


# paging


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (1, [1]), (460, [460]), (461, [460, 1]), (921, [460, 460, 1])])
def test_asking_for_parents_caps_a_page_at_460(
    drive: GoogleDrive, root: str, anna: Client, count: int, sizes: list[int]
) -> None:
    ids = fill(drive, root, count)
    pages = list(anna.pages("files", pageSize=1000, fields="nextPageToken,files(id,parents)"))
    assert [len(page["files"]) for page in pages] == sizes
    assert sorted(file["id"] for page in pages for file in page["files"]) == sorted(ids)


def test_asking_for_permissions_caps_a_page_at_100(drive: GoogleDrive, root: str, anna: Client) -> None:
    fill(drive, root, 101)
    assert len(anna.get("files", pageSize=1000, fields="files(permissions)")["files"]) == 100
    assert len(anna.get("files", pageSize=1000, fields="files(*)")["files"]) == 100


def test_a_page_has_100_files_by_default_and_1000_at_most(drive: GoogleDrive, root: str, anna: Client) -> None:
    fill(drive, root, 1001)
    assert len(anna.get("files")["files"]) == 100
    assert len(anna.get("files", pageSize=1000)["files"]) == 1000


def test_items_that_come_and_go_between_pages_disturb_nobody_else(drive: GoogleDrive, root: str, anna: Client) -> None:
    ids = fill(drive, root, 10)
    pages = anna.pages("files", pageSize=4, fields="nextPageToken,files(id)")
    seen = [file["id"] for file in next(pages)["files"]]
    drive.state.add_file(root, "new")
    drive.state.delete(seen[-1])
    seen += [file["id"] for page in pages for file in page["files"]]
    assert sorted(seen) == sorted(ids)


def test_a_page_token_is_opaque_and_may_be_used_again(drive: GoogleDrive, root: str, anna: Client) -> None:
    fill(drive, root, 3)
    token = anna.get("files", pageSize=1)["nextPageToken"]
    assert len(token) == 424
    assert (
        anna.get("files", pageSize=1, pageToken=token)["files"]
        == anna.get("files", pageSize=1, pageToken=token)["files"]
    )


@pytest.mark.parametrize("other", [{"q": "trashed=true"}, {"pageSize": "2"}, {"corpora": "allDrives", **DRIVES}])
def test_a_page_token_belongs_to_its_question(
    drive: GoogleDrive, root: str, anna: Client, ben: Client, other: dict[str, str]
) -> None:
    fill(drive, root, 3)
    asked = {"q": "trashed=false", "pageSize": "1"}
    token = anna.get("files", **asked)["nextPageToken"]
    assert anna.refusal("files", **(asked | other), pageToken=token) == (400, "invalid", "pageToken")
    assert ben.refusal("files", **asked, pageToken=token) == (400, "invalid", "pageToken")
    assert anna.refusal("files", **asked, pageToken="x") == (400, "invalid", "pageToken")


def test_a_page_token_dies_after_some_hours(drive: GoogleDrive, root: str, anna: Client, clock: SimulatedClock) -> None:
    fill(drive, root, 3)
    drive.tokens.lifetime = 10**6
    anna.session.headers["Authorization"] = f"Bearer {drive.token_for(ANNA)}"
    token = anna.get("files", pageSize=1)["nextPageToken"]
    clock.advance(4 * 3600 - 1)
    anna.get("files", pageSize=1, pageToken=token)
    clock.advance(1)
    assert anna.refusal("files", pageSize=1, pageToken=token) == (400, "invalid", "pageToken")


def test_an_endless_page_leads_back_to_itself(drive: GoogleDrive, root: str, anna: Client) -> None:
    fill(drive, root, 3)
    token = anna.get("files", pageSize=1)["nextPageToken"]
    drive.faults.fail(ENDLESS)
    assert anna.get("files", pageSize=1, pageToken=token)["nextPageToken"] == token


def test_files_come_in_the_asked_order(drive: GoogleDrive, root: str, anna: Client) -> None:
    for name in "bca":
        drive.state.add_file(root, name)
    drive.state.add_folder(root, "z")
    pages = anna.pages("files", orderBy="folder,name desc", pageSize=2, fields="nextPageToken,files(name)")
    assert [file["name"] for page in pages for file in page["files"]] == ["z", "c", "b", "a"]
    assert anna.refusal("files", orderBy="beauty") == (400, "invalid", "orderBy")


# what a listing holds


def test_the_bin_is_listed_unless_it_is_excluded(drive: GoogleDrive, root: str, anna: Client) -> None:
    folder = drive.state.add_folder(root, "folder")
    drive.state.add_file(folder, "below")
    drive.state.add_file(root, "kept")
    drive.state.trash(folder)
    assert anna.names(q="name != ''") == ["below", "folder", "kept"]
    assert anna.names("trashed=false") == ["kept"]
    flags = {
        file["name"]: (file["trashed"], file["explicitlyTrashed"])
        for file in anna.get("files", fields="files(name,trashed,explicitlyTrashed)")["files"]
    }
    assert flags == {"folder": (True, True), "below": (True, False), "kept": (False, False)}


def test_roots_are_not_listed(drive: GoogleDrive, root: str, anna: Client) -> None:
    assert anna.names() == []


def test_a_grouped_query_loses_the_children_of_some_parents(drive: GoogleDrive, root: str, anna: Client) -> None:
    folders = [drive.state.add_folder(root, f"folder {number}") for number in range(6)]
    for number, folder in enumerate(folders):
        drive.state.add_file(folder, str(number))
    group = " or ".join(f"'{folder}' in parents" for folder in folders)
    assert len(anna.names(f"({group}) and trashed=false")) == 4
    assert anna.names(f"({group}) and trashed=false") == anna.names(f"({group}) and trashed=false")
    assert [anna.names(f"'{folder}' in parents") for folder in folders] == [[str(n)] for n in range(6)]
    assert len(anna.names(f"'{folders[0]}' in parents or '{folders[1]}' in parents")) == 1
    drive.grouped_parents_lose = False
    assert len(anna.names(f"({group}) and trashed=false")) == 6


def test_a_parent_that_cannot_be_seen_is_404_without_its_id(drive: GoogleDrive, root: str, ben: Client) -> None:
    answer = ben.answer("files", q=f"'{root}' in parents")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "File not found: ."


def test_a_lagging_listing_is_behind_what_get_says(clock: SimulatedClock) -> None:
    with GoogleDrive(clock, harsh=True) as drive:
        drive.state.add_user(ANNA)
        root = drive.state.root_of(ANNA)
        old, moved = drive.state.add_file(root, "old"), drive.state.add_file(root, "moved")
        drive.state.settle()
        folder = drive.state.add_folder(root, "folder")
        drive.state.trash(old)
        drive.state.rename(moved, "renamed")
        drive.state.move(moved, folder)
        anna = Client(drive, ANNA)
        assert anna.names() == ["moved", "old"]
        assert anna.names(f"'{root}' in parents") == ["moved", "old"]
        assert anna.names(f"'{folder}' in parents") == []
        assert anna.get(f"files/{old}", fields="trashed") == {"trashed": True}
        assert anna.get(f"files/{moved}", fields="name,parents") == {"name": "renamed", "parents": [folder]}
        clock.advance(120)
        assert anna.names() == ["folder", "renamed"]
        assert anna.names(f"'{folder}' in parents") == ["renamed"]
        anna.session.close()


def test_incomplete_search_can_be_switched_on(drive: GoogleDrive, anna: Client) -> None:
    drive.incomplete_search = True
    assert anna.get("files")["incompleteSearch"] is True


# sharing


def test_a_shared_file_has_no_parents_for_whom_it_is_shared_with(
    drive: GoogleDrive, root: str, anna: Client, ben: Client
) -> None:
    folder = drive.state.add_folder(root, "folder")
    file = drive.state.add_file(folder, "a")
    drive.state.share_with(file, BEN)
    assert ben.get(f"files/{file}", fields="parents,ownedByMe,shared") == {"ownedByMe": False, "shared": True}
    assert ben.names() == ["a"]
    assert ben.names("sharedWithMe") == ["a"]
    assert anna.names("sharedWithMe") == []
    drive.unseen_parents = True
    assert ben.get(f"files/{file}", fields="parents") == {"parents": [folder]}
    drive.state.unshare(file, BEN)
    assert ben.refusal(f"files/{file}")[0] == 404
    assert ben.names() == []


def test_what_lies_in_a_shared_folder_is_shared(drive: GoogleDrive, root: str, ben: Client) -> None:
    folder = drive.state.add_folder(root, "folder")
    deep = drive.state.add_folder(folder, "deep")
    file = drive.state.add_file(deep, "a")
    drive.state.share_with(folder, BEN)
    assert ben.names() == ["a", "deep", "folder"]
    assert ben.names("sharedWithMe") == ["folder"]
    assert ben.get(f"files/{file}", fields="parents") == {"parents": [deep]}
    drive.state.move(deep, root)
    assert ben.names() == ["folder"]


def test_my_folder_holds_other_peoples_files_too(drive: GoogleDrive, root: str, anna: Client, ben: Client) -> None:
    folder = drive.state.add_folder(root, "folder")
    drive.state.share_with(folder, BEN)
    drive.state.add_file(folder, "bens", owner=BEN)
    assert anna.names() == ["bens", "folder"]
    assert anna.names("'me' in owners") == ["folder"]
    assert ben.names("'me' in owners") == ["bens"]


def test_a_folder_with_limited_access_shows_itself_and_nothing_below(drive: GoogleDrive, anna: Client) -> None:
    shared = drive.state.add_drive("Site", ANNA, BEN)
    folder = drive.state.add_folder(shared, "folder")
    file = drive.state.add_file(folder, "a")
    drive.state.restrict(folder)
    got = anna.get(f"files/{folder}", fields="capabilities/canListChildren", supportsAllDrives="true")
    assert got == {"capabilities": {"canListChildren": False}}
    assert anna.names(f"'{folder}' in parents", **DRIVES) == []
    assert anna.names(corpora="drive", driveId=shared, **DRIVES) == ["folder"]
    assert anna.refusal(f"files/{file}", supportsAllDrives="true")[0] == 404
    drive.state.share_with(folder, ANNA)
    assert anna.names(f"'{folder}' in parents", **DRIVES) == ["a"]


# shared drives


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({"corpora": "planet"}, (400, "invalid", "corpora")),
        ({"spaces": "photos"}, (400, "invalid", "spaces")),
        ({"corpora": "drive", **DRIVES}, (403, "teamDriveIdRequiresTeamDriveCorpora", None)),
        ({"driveId": "ID", **DRIVES}, (403, "teamDriveIdRequiresTeamDriveCorpora", None)),
        ({"corpora": "drive", "driveId": "ID"}, (403, "teamDriveIncludeItemsRequired", None)),
        ({"corpora": "allDrives"}, (403, "teamDriveIncludeItemsRequired", None)),
        ({"includeItemsFromAllDrives": "true"}, (403, "teamDriveSupportRequired", None)),
        ({"corpora": "drive", "driveId": "0Anothing", **DRIVES}, (404, "notFound", "driveId")),
    ],
)
def test_a_shared_drive_must_be_asked_for_rightly(
    drive: GoogleDrive, anna: Client, query: dict[str, str], refusal: tuple[int, str, str | None]
) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    query = {name: shared if value == "ID" else value for name, value in query.items()}
    assert anna.refusal("files", **query) == refusal


def test_a_shared_drives_items_show_only_when_asked_for(drive: GoogleDrive, anna: Client, ben: Client) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    folder = drive.state.add_folder(shared, "folder")
    file = drive.state.add_file(folder, "a")
    assert anna.names() == []
    assert anna.names(corpora="drive", driveId=shared, **DRIVES) == ["a", "folder"]
    assert anna.names(corpora="allDrives", **DRIVES) == ["a", "folder"]
    assert anna.names(f"'{folder}' in parents", **DRIVES) == ["a"]
    assert anna.names(f"'{folder}' in parents", supportsAllDrives="true") == []
    assert anna.refusal("files", q=f"'{folder}' in parents")[0] == 404
    assert anna.refusal(f"files/{file}") == (404, "notFound", "fileId")
    assert ben.refusal("files", corpora="drive", driveId=shared, **DRIVES)[0] == 404
    got = anna.get(f"files/{file}", supportsAllDrives="true", fields="driveId,parents,owners,ownedByMe,shared")
    assert got == {"driveId": shared, "parents": [folder]}


def test_a_shared_drives_root_is_called_drive(drive: GoogleDrive, anna: Client) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    assert anna.get(f"files/{shared}", supportsAllDrives="true", fields="name,parents") == {"name": "Drive"}
    assert anna.get(f"drives/{shared}")["name"] == "Site"


def test_drives_are_listed_in_pages_of_ten(drive: GoogleDrive, anna: Client, ben: Client) -> None:
    for number in range(11):
        drive.state.add_drive(f"Site {number}", ANNA)
    assert [len(page["drives"]) for page in anna.pages("drives")] == [10, 1]
    assert len(anna.get("drives", pageSize=100)["drives"]) == 11
    assert ben.get("drives")["drives"] == []


def test_metadata_readonly_lists_files_and_no_drives(drive: GoogleDrive) -> None:
    client = Client(drive, ANNA, METADATA_READONLY)
    client.get("files")
    assert client.refusal("drives") == (403, "insufficientPermissions", None)
    client.session.close()


# limits, gzip


def test_a_user_may_spend_325_000_units_a_minute(
    drive: GoogleDrive, anna: Client, ben: Client, clock: SimulatedClock
) -> None:
    drive.quota.scale = 0.001  # 325 units
    for _ in range(3):
        anna.get("files")
    for _ in range(5):
        anna.get("files/root")
    assert anna.refusal("files/root") == (403, "userRateLimitExceeded", None)
    ben.get("files")
    clock.advance(60)
    anna.get("files/root")
    assert drive.limit_hits == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [(OverLimit.PROJECT, (403, "rateLimitExceeded")), (OverLimit.TOO_MANY, (429, "rateLimitExceeded"))],
)
def test_the_words_of_the_limit_can_be_chosen(
    drive: GoogleDrive, anna: Client, words: OverLimit, expected: tuple[int, str]
) -> None:
    drive.over_limit_answer, drive.quota.scale = words, 0.0
    answer = anna.answer("files")
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == expected
    assert answer.json()["error"]["errors"][0]["domain"] == "usageLimits"
    assert "Retry-After" not in answer.headers
    drive.says_retry_after = True
    assert anna.answer("files").headers["Retry-After"] == "60"


def test_the_whole_project_has_a_limit_too(drive: GoogleDrive, anna: Client, ben: Client) -> None:
    drive.state.add_user(ROBOT)
    robot, carl = Client(drive, ROBOT), Client(drive, drive.state.add_user("carl@example.com").email)
    drive.quota.scale = 0.001  # 1000 units
    for _ in range(3):
        for client in (anna, ben, robot):
            client.get("files")
    carl.get("files")
    assert carl.refusal("files")[0] == 403
    robot.session.close()
    carl.session.close()


def test_gzip_is_for_those_who_say_so_twice(drive: GoogleDrive, root: str, anna: Client) -> None:
    fill(drive, root, 100)
    assert "Content-Encoding" not in anna.answer("files").headers
    anna.session.headers["User-Agent"] = "filesync (gzip)"
    with anna.session.get(f"{drive.base_url}/drive/v3/files", stream=True, timeout=10) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(json.loads(gzip.decompress(answer.raw.read(decode_content=False)))["files"]) == 100
    anna.session.headers["Accept-Encoding"] = "identity"
    assert "Content-Encoding" not in anna.answer("files").headers


def test_listings_stay_right_while_others_write(drive: GoogleDrive, root: str, anna: Client) -> None:
    stable = fill(drive, root, 50)
    drive.quota.scale = None

    def listed(_: int) -> set[str]:
        pages = anna.pages("files", pageSize=20, fields="nextPageToken,files(id)")
        return {file["id"] for page in pages for file in page["files"]}

    with ThreadPoolExecutor(8) as pool:
        writing = pool.submit(churn, drive, root)
        found = list(pool.map(listed, range(20)))
        writing.result()
    assert all(set(stable) <= ids for ids in found)


def churn(drive: GoogleDrive, root: str) -> None:
    for number in range(200):
        folder = drive.state.add_folder(root, str(number))
        drive.state.move(drive.state.add_file(folder, "a"), root)
        drive.state.delete(folder)
