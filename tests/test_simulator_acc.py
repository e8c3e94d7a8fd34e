"""The simulated ACC keeps the service's promises and refuses what the service refuses."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from filesync.simulators import faults
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator, Rules
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.messages import Answer, Call
from filesync.simulators.trees import HOSTILE_FILES, grow

TOKEN_PATH = "/authentication/v2/token"
DM_TYPE = "application/vnd.api+json"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Site:
    """A simulator with one project, and a client that is logged in to it."""

    def __init__(self, acc: AccSimulator, session: requests.Session) -> None:
        self.acc = acc
        self.session = session
        self.hub = acc.add_hub()
        self.project = acc.add_project(self.hub)
        self.root = acc.project_files(self.project)
        self.headers: dict[str, str] = {}
        self.log_in()

    def log_in(self, client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET, scope: str = "data:read") -> None:
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = self.ask_token(form, auth=(client_id, client_secret))
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def ask_token(self, form: dict[str, str], **more: Any) -> requests.Response:
        return self.session.post(self.acc.base_url + TOKEN_PATH, data=form, timeout=5, **more)

    def get(self, path: str, headers: dict[str, str] | None = None, /, **query: str) -> requests.Response:
        url = path if path.startswith("http") else self.acc.base_url + path
        return self.session.get(url, params=query, headers={**self.headers, **(headers or {})}, timeout=5)

    def pages(self, folder: str, **query: str) -> Iterator[Any]:
        url = f"{self.contents(folder)}?" + "&".join(f"{quote(name)}={text}" for name, text in query.items())
        while url:
            page = self.get(url).json()
            yield page
            url = page["links"].get("next", {}).get("href", "")

    def names(self, folder: str, **query: str) -> list[str]:
        """List sub-folders and files of a folder by name, in the order of the pages."""
        found = []
        for page in self.pages(folder, **query):
            tips = {tip["id"]: tip["attributes"]["name"] for tip in page.get("included", [])}
            found += [_name(entry, tips) for entry in page["data"]]
        return found

    def command(self, *ids: str, content_type: str = DM_TYPE, **changes: Any) -> requests.Response:
        body = json.dumps({**_command(*ids), **changes})
        headers = {**self.headers, "Content-Type": content_type}
        url = f"{self.acc.base_url}/data/v1/projects/{self.project}/commands"
        return self.session.post(url, data=body, headers=headers, timeout=5)

    def rollup(self, folder: str) -> str:
        return str(self.get(self.folder(folder)).json()["data"]["attributes"]["lastModifiedTimeRollup"])

    def top_names(self, headers: dict[str, str] | None = None, **query: str) -> list[str]:
        answer = self.get(f"{self.in_hub()}/topFolders", headers, **query)
        return [entry["attributes"]["name"] for entry in answer.json()["data"]]

    def in_hub(self) -> str:
        return f"/project/v1/hubs/{self.hub}/projects/{self.project}"

    def folder(self, folder: str) -> str:
        return f"/data/v1/projects/{self.project}/folders/{quote(folder, safe='')}"

    def contents(self, folder: str) -> str:
        return f"{self.folder(folder)}/contents"

    def item(self, file: str) -> str:
        return f"/data/v1/projects/{self.project}/items/{quote(file, safe='')}"


def _name(entry: Any, tips: dict[str, str]) -> str:
    if entry["type"] == "folders":
        return str(entry["attributes"]["name"])
    return tips[entry["relationships"]["tip"]["data"]["id"]]


def _command(*ids: str) -> dict[str, Any]:
    extension = {"type": "commands:autodesk.core:ListItems", "version": "1.1.0", "data": {"includePathInProject": True}}
    resources = {"data": [{"type": "items", "id": urn} for urn in ids]}
    data = {"type": "commands", "attributes": {"extension": extension}, "relationships": {"resources": resources}}
    return {"jsonapi": {"version": "1.0"}, "data": data}


@pytest.fixture
def site() -> Iterator[Site]:
    with AccSimulator(SimulatedClock(START, frozen=True)) as acc, requests.Session() as session:
        yield Site(acc, session)


def code_of(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body["errors"][0]["code"] if "errors" in body else body.get(
        "errorCode", body.get("error")
    )


# --- login ---


def test_a_token_is_given_for_basic_credentials_and_for_form_credentials(site: Site) -> None:
    form = {"grant_type": "client_credentials", "scope": "data:read"}
    in_form = {**form, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    for answer in (site.ask_token(form, auth=(CLIENT_ID, CLIENT_SECRET)), site.ask_token(in_form)):
        assert answer.status_code == 200
        assert {**answer.json(), "access_token": ""} == {"access_token": "", "token_type": "Bearer", "expires_in": 3599}


@pytest.mark.parametrize(
    ("form", "auth", "refusal"),
    [
        ({"client_id": CLIENT_ID}, (CLIENT_ID, CLIENT_SECRET), (400, "invalid_request")),
        ({}, None, (400, "invalid_request")),
        ({}, (CLIENT_ID, "wrong"), (401, "invalid_client")),
        ({"client_id": "nobody", "client_secret": CLIENT_SECRET}, None, (401, "invalid_client")),
        ({"client_id": CLIENT_ID}, None, (401, "invalid_client")),
        ({"scope": "data:write"}, (CLIENT_ID, CLIENT_SECRET), (400, "invalid_scope")),
        ({"scope": "data:read  data:search"}, (CLIENT_ID, CLIENT_SECRET), (400, "invalid_scope")),
        ({"scope": " ".join(["data:read"] * 51)}, (CLIENT_ID, CLIENT_SECRET), (400, "invalid_scope")),
        ({"grant_type": "password"}, (CLIENT_ID, CLIENT_SECRET), (400, "unsupported_grant_type")),
    ],
)
def test_a_wrong_login_is_refused(
    site: Site, form: dict[str, str], auth: tuple[str, str] | None, refusal: tuple[int, str]
) -> None:
    asked = {"grant_type": "client_credentials", "scope": "data:read", **form}
    assert code_of(site.ask_token(asked, auth=auth)) == refusal


def test_the_login_wants_a_form_a_basic_header_and_each_parameter_once(site: Site) -> None:
    url, auth = site.acc.base_url + TOKEN_PATH, (CLIENT_ID, CLIENT_SECRET)
    as_json = site.session.post(url, json={"grant_type": "client_credentials"}, auth=auth, timeout=5)
    twice = site.session.post(url, data=[("grant_type", "client_credentials")] * 2, auth=auth, timeout=5)
    bearer = site.ask_token({"grant_type": "client_credentials"}, headers={"Authorization": "Bearer x"})
    garbage = site.ask_token({"grant_type": "client_credentials"}, headers={"Authorization": "Basic %%%"})
    assert [answer.status_code for answer in (as_json, twice, bearer, garbage)] == [400, 400, 401, 401]


def test_a_token_dies_of_age_and_of_revocation(site: Site) -> None:
    assert site.get("/project/v1/hubs").status_code == 200
    site.acc.clock.advance(3598)
    assert site.get("/project/v1/hubs").status_code == 200
    site.acc.clock.advance(1)
    assert code_of(site.get("/project/v1/hubs")) == (401, "AUTH-006")
    site.log_in()
    site.acc.revoke_tokens()
    assert code_of(site.get("/project/v1/hubs")) == (401, "AUTH-006")


def test_every_route_wants_a_token(site: Site) -> None:
    file = site.acc.add_file(site.root, "a.pdf")
    site.headers = {}
    paths = [
        site.in_hub(),
        f"{site.in_hub()}/topFolders",
        "/project/v1/hubs",
        site.contents(site.root),
        site.item(file),
    ]
    answers = [*(site.get(path) for path in paths), site.command(file)]
    assert {code_of(answer) for answer in answers} == {(401, "AUTH-008")}


def test_a_token_without_the_scope_or_the_api_is_refused(site: Site) -> None:
    site.log_in(scope="data:search")
    assert code_of(site.get(site.contents(site.root))) == (403, "AUTH-010")
    site.acc.add_app("other", "not-a-secret", api_enabled=False)
    site.log_in("other", "not-a-secret")
    assert code_of(site.get(site.contents(site.root))) == (403, "AUTH-001")


# --- hubs and projects ---


def test_regions_without_a_hub_are_warnings_not_failures(site: Site) -> None:
    found = site.get("/project/v1/hubs").json()
    assert [hub["id"] for hub in found["data"]] == [site.hub]
    assert {warning["HttpStatusCode"] for warning in found["meta"]["warnings"]} == {"403"}
    assert len(found["meta"]["warnings"]) == 7


def test_an_app_that_no_account_entered_sees_no_hub_and_may_open_none(site: Site) -> None:
    site.acc.add_app("other", "not-a-secret", hubs=())
    site.log_in("other", "not-a-secret")
    found = site.get("/project/v1/hubs").json()
    assert (found["data"], len(found["meta"]["warnings"])) == ([], 8)
    assert site.get(f"/project/v1/hubs/{site.hub}").status_code == 403
    assert site.get(site.contents(site.root)).status_code == 403


def test_a_region_that_is_down_takes_its_hubs_off_the_list_with_a_warning(site: Site) -> None:
    site.acc.regions_down.add("US")
    found = site.get("/project/v1/hubs").json()
    assert found["data"] == []
    assert "500" in {warning["HttpStatusCode"] for warning in found["meta"]["warnings"]}
    assert site.get(f"/project/v1/hubs/{site.hub}/projects").status_code == 503


def test_projects_are_paged_and_name_their_root_folder(site: Site) -> None:
    for number in range(3):
        site.acc.add_project(site.hub, f"Project {number}")
    path = f"/project/v1/hubs/{site.hub}/projects"
    first = site.get(path, **{"page[limit]": "3"}).json()
    last = site.get(first["links"]["next"]["href"]).json()
    assert (len(first["data"]), len(last["data"]), "next" in last["links"]) == (3, 1, False)
    root = site.get(site.in_hub()).json()["data"]["relationships"]["rootFolder"]["data"]["id"]
    assert site.get(site.folder(root)).status_code == 200


def test_an_archived_project_leaves_the_list_and_answers_that_it_is_not_active(site: Site) -> None:
    site.acc.archive_project(site.project)
    assert site.get(f"/project/v1/hubs/{site.hub}/projects").json()["data"] == []
    refused = site.get(f"{site.in_hub()}/topFolders")
    assert code_of(refused) == (403, "BIM360DM_ERROR")
    assert refused.json()["errors"][0]["detail"] == f"Project is not active: {site.project}"
    assert site.get(site.contents(site.root)).status_code == 403


def test_ids_without_their_prefix_or_of_elsewhere_are_refused(site: Site) -> None:
    bare, other = site.project.removeprefix("b."), site.acc.add_project(site.acc.add_hub("Other", "EMEA"))
    assert site.get(f"/data/v1/projects/{bare}/folders/{site.root}/contents").status_code == 400
    assert site.get(f"/data/v1/projects/b.none/folders/{site.root}/contents").status_code == 404
    assert site.get(f"/data/v1/projects/{other}/folders/{site.root}/contents").status_code == 404
    assert site.get(f"/project/v1/hubs/{site.hub}/projects/{other}/topFolders").status_code == 404
    assert site.get(f"/project/v1/hubs/{bare}/projects").status_code == 404
    assert site.get(site.folder("co.none")).status_code == 400
    assert site.get(site.folder("urn:adsk.wipprod:fs.folder:co.none")).status_code == 404


def test_unknown_routes_are_404_and_wrong_methods_405(site: Site) -> None:
    search = site.get(f"{site.folder(site.root)}/search")
    posted = site.session.post(site.acc.base_url + site.contents(site.root), headers=site.headers, timeout=5)
    listed = site.get(f"/data/v1/projects/{site.project}/commands")
    assert [answer.status_code for answer in (search, posted, listed)] == [404, 405, 405]


# --- top folders and members ---


def test_plain_two_legged_callers_see_system_folders_whatever_they_ask(site: Site) -> None:
    names = site.top_names(excludeDeleted="true", projectFilesOnly="true")
    assert {"Photos", "Recycle Bin", "Project Files"} < set(names)
    assert any(name.startswith("checklist_") for name in names)


def test_an_admin_can_ask_for_project_files_only(site: Site) -> None:
    admin = site.acc.add_user("Adam Admin")
    site.acc.add_member(site.project, admin)
    site.acc.hide_folder(site.acc.add_folder(site.acc.root_folder(site.project), "Old"))
    as_admin = {"x-user-id": admin}
    assert site.top_names(as_admin, projectFilesOnly="true", excludeDeleted="true") == ["Project Files"]
    assert site.top_names(as_admin, projectFilesOnly="true") == ["Project Files", "Old"]


def test_a_member_sees_his_highest_folders_with_their_parents_and_nothing_else(site: Site) -> None:
    drawings = site.acc.add_folder(site.root, "Drawings")
    mine = site.acc.add_folder(drawings, "Mine")
    file, other = site.acc.add_file(mine, "a.pdf"), site.acc.add_file(drawings, "b.pdf")
    member = site.acc.add_user("Mia Member")
    site.acc.add_member(site.project, member, [mine, site.acc.add_folder(mine, "Deeper")])
    as_member = {"x-user-id": member}
    (top,) = site.get(f"{site.in_hub()}/topFolders", as_member).json()["data"]
    parents = top["attributes"]["extension"]["data"]["folderParents"]
    assert [(parent["title"], parent["isRoot"]) for parent in parents] == [("Project Files", True), ("Drawings", False)]
    assert site.get(site.contents(mine), as_member).status_code == 200
    assert site.get(site.contents(drawings), as_member).status_code == 403
    assert [site.get(site.item(one), as_member).status_code for one in (file, other)] == [200, 403]
    assert [row["id"] for row in site.acc.truth(site.project, user=member)] == [file]


def test_an_unknown_user_and_one_of_another_project_are_refused(site: Site) -> None:
    stranger = site.acc.add_user("Sam Stranger")
    for user in ("nobody", stranger):
        assert site.get(site.contents(site.root), {"x-user-id": user}).status_code == 403
    assert site.get("/project/v1/hubs", {"x-user-id": stranger}).json()["data"] == []


# --- contents ---


@pytest.mark.parametrize(("count", "pages"), [(0, [0]), (1, [1]), (200, [200]), (201, [200, 1]), (401, [200, 200, 1])])
def test_contents_are_cut_into_pages_of_at_most_200(site: Site, count: int, pages: list[int]) -> None:
    names = [f"{number}.pdf" for number in range(count)]
    for name in names:
        site.acc.add_file(site.root, name)
    found = list(site.pages(site.root))
    assert [len(page["data"]) for page in found] == pages
    assert [len(page.get("included", [])) for page in found] == pages
    assert site.names(site.root) == names


def test_a_page_without_items_has_no_included(site: Site) -> None:
    assert "included" not in next(site.pages(site.root))
    site.acc.add_folder(site.root, "Empty")
    assert "included" not in next(site.pages(site.root))


@pytest.mark.parametrize(
    "query",
    [
        {"page[limit]": "201"},
        {"page[limit]": "0"},
        {"page[limit]": "many"},
        {"page[number]": "-1"},
        {"filter[name]": "a.pdf"},
        {"filter[type]": "files"},
        {"filter[hidden]": "maybe"},
    ],
)
def test_an_odd_question_is_bad_input(site: Site, query: dict[str, str]) -> None:
    assert code_of(site.get(site.contents(site.root), **query)) == (400, "BAD_INPUT")


def test_hidden_things_are_left_out_after_the_page_was_cut(site: Site) -> None:
    files = [site.acc.add_file(site.root, f"{number}.pdf") for number in range(4)]
    for file in files[:3]:
        site.acc.hide_file(file)
    pages = list(site.pages(site.root, **{"page[limit]": "2"}))
    assert [len(page["data"]) for page in pages] == [0, 1]
    assert len(site.names(site.root, includeHidden="true")) == 4
    assert len(site.names(site.root, **{"filter[hidden]": "true"})) == 3
    assert len(site.names(site.root, **{"filter[hidden]": "true,false"})) == 4


def test_contents_can_be_filtered_by_type_and_id(site: Site) -> None:
    folder, file = site.acc.add_folder(site.root, "Sub"), site.acc.add_file(site.root, "a.pdf")
    assert site.names(site.root) == ["Sub", "a.pdf"]
    assert site.names(site.root, **{"filter[type]": "folders"}) == ["Sub"]
    assert site.names(site.root, **{"filter[id]": file}) == ["a.pdf"]
    assert site.names(site.root, **{"filter[extension.type]": "folders:autodesk.bim360:Folder"}) == ["Sub"]
    assert site.names(folder) == []


def test_an_item_and_its_tip_tell_all_about_a_file(site: Site) -> None:
    ann, bob = site.acc.add_user("Ann"), site.acc.add_user("Bob")
    file = site.acc.add_file(site.root, "Plan.pdf", 10, ann)
    site.acc.clock.advance(60)
    site.acc.add_version(file, 20, bob)
    (page,) = site.pages(site.root)
    (item,), (tip,) = page["data"], page["included"]
    assert item["relationships"]["tip"]["data"]["id"] == tip["id"]
    assert tip["relationships"]["item"]["data"]["id"] == item["id"] == file
    assert item["attributes"]["createUserName"] == "Ann"
    about = tip["attributes"]
    assert (about["name"], about["storageSize"], about["versionNumber"], about["fileType"]) == (
        "Plan.pdf",
        20,
        2,
        "pdf",
    )
    assert (about["lastModifiedUserName"], about["lastModifiedTime"]) == ("Bob", "2026-03-02T08:01:00.0000000Z")
    assert item["attributes"]["createTime"] == "2026-03-02T08:00:00.0000000Z"


def test_a_cloud_model_has_no_size_and_an_old_entry_no_user(site: Site) -> None:
    file = site.acc.add_file(site.root, "Model.rvt", None, "", kind="autodesk.bim360:C4RModel")
    tip = site.get(site.item(file)).json()["included"][0]
    assert "storageSize" not in tip["attributes"]
    assert tip["attributes"]["createUserName"] == ""
    assert tip["attributes"]["extension"]["type"] == "versions:autodesk.bim360:C4RModel"


def test_hostile_names_survive_the_trip(site: Site) -> None:
    for name in HOSTILE_FILES:
        site.acc.add_file(site.root, name)
    assert site.names(site.root) == list(HOSTILE_FILES)


def test_versions_come_newest_first(site: Site) -> None:
    file = site.acc.add_file(site.root, "a.pdf")
    site.acc.add_version(file)
    site.acc.rename_file(file, "b.pdf")
    versions = site.get(f"{site.item(file)}/versions").json()["data"]
    assert [(one["attributes"]["versionNumber"], one["attributes"]["name"]) for one in versions] == [
        (3, "b.pdf"),
        (2, "a.pdf"),
        (1, "a.pdf"),
    ]


def test_a_lagging_listing_shows_new_things_later_but_by_id_at_once(site: Site) -> None:
    site.acc.rules.list_lag = 30
    old = site.acc.add_file(site.root, "old.pdf", 1)
    site.acc.clock.advance(31)
    site.acc.add_version(old, 2)
    new = site.acc.add_file(site.root, "new.pdf")
    site.acc.add_folder(site.root, "New")
    (page,) = site.pages(site.root)
    assert [tip["attributes"]["storageSize"] for tip in page["included"]] == [1]
    assert site.get(site.item(new)).status_code == 200
    site.acc.clock.advance(30)
    assert site.names(site.root) == ["New", "old.pdf", "new.pdf"]


# --- ListItems ---


def test_list_items_shows_deleted_and_moved_files_with_their_tips(site: Site) -> None:
    there, gone = site.acc.add_file(site.root, "there.pdf"), site.acc.add_file(site.root, "gone.pdf")
    sub = site.acc.add_folder(site.root, "Sub")
    site.acc.move_file(there, sub)
    site.acc.hide_file(gone)
    answer = site.command(there, gone).json()
    items = [resource["meta"] for resource in answer["data"]["relationships"]["resources"]["data"]]
    assert [item["attributes"]["hidden"] for item in items] == [False, True]
    assert [item["relationships"]["parent"]["data"]["id"] for item in items] == [sub, site.root]
    assert items[0]["attributes"]["pathInProject"] == "/Project Files/Sub"
    tips = {tip["relationships"]["item"]["data"]["id"]: tip["attributes"] for tip in answer["included"]}
    assert tips[there]["name"] == "there.pdf"
    assert tips[gone]["extension"]["type"] == "versions:autodesk.core:Deleted"


def test_list_items_takes_fifty_ids_of_the_right_type_and_kind(site: Site) -> None:
    files = [site.acc.add_file(site.root, f"{number}.pdf") for number in range(51)]
    assert site.command(*files[:50]).status_code == 200
    assert site.command(*files).status_code == 400
    assert site.command().status_code == 400
    assert site.command(site.root).status_code == 404
    assert site.command("co.none").status_code == 400
    assert site.command(files[0], content_type="application/json").status_code == 415
    assert site.command(files[0], jsonapi={}).status_code == 400
    assert site.command(files[0], data={"type": "commands"}).status_code == 400
    assert site.command(files[0], data=[]).status_code == 400


def test_one_bad_id_refuses_all_unless_told_otherwise(site: Site) -> None:
    good, revoked = site.acc.add_file(site.root, "a.pdf"), site.acc.add_file(site.root, "b.pdf")
    purged = site.acc.add_file(site.root, "c.pdf")
    site.acc.revoke_access(revoked)
    site.acc.remove_for_good(purged)
    assert site.command(good, purged).status_code == 404
    assert site.command(good, revoked).status_code == 403
    site.acc.rules.list_items_all_or_nothing = False
    answer = site.command(good, revoked, purged).json()
    assert [one["id"] for one in answer["data"]["relationships"]["resources"]["data"]] == [good]


# --- what happens to files and folders, and what the rollup shows of it ---


class Rollup:
    """Tells whether the rollups of Project Files/Sub, Project Files and the project's root moved."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.sub = site.acc.add_folder(site.root, "Sub")
        self.other = site.acc.add_folder(site.root, "Other")
        self.file = site.acc.add_file(self.sub, "a.pdf")

    def moved_by(self, change: Any, *arguments: Any) -> tuple[bool, ...]:
        chain = (self.sub, self.other, self.site.root, self.site.acc.root_folder(self.site.project))
        before = [self.site.rollup(folder) for folder in chain]
        self.site.acc.clock.advance(10)
        change(*arguments)
        return tuple(old != self.site.rollup(folder) for old, folder in zip(before, chain, strict=True))


@pytest.fixture
def rollup(site: Site) -> Rollup:
    return Rollup(site)


NOWHERE, IN_SUB, IN_OTHER = (False,) * 4, (True, False, True, True), (False, True, True, True)


def test_uploads_versions_renames_and_processing_move_the_rollup_up_to_the_root(rollup: Rollup) -> None:
    acc = rollup.site.acc
    assert rollup.moved_by(acc.add_file, rollup.sub, "b.pdf") == IN_SUB
    assert rollup.moved_by(acc.add_version, rollup.file) == IN_SUB
    assert rollup.moved_by(acc.rename_file, rollup.file, "c.pdf") == IN_SUB
    assert rollup.moved_by(acc.finish_processing, rollup.file) == IN_SUB


def test_a_move_shows_at_the_target_and_not_at_the_source(rollup: Rollup) -> None:
    acc = rollup.site.acc
    assert rollup.moved_by(acc.move_file, rollup.file, rollup.other) == IN_OTHER
    deep = acc.add_folder(rollup.sub, "Deep")
    assert rollup.moved_by(acc.move_folder, deep, rollup.other) == IN_OTHER
    moved = rollup.site.get(rollup.site.item(rollup.file)).json()
    stamps = {moved["data"]["attributes"]["lastModifiedTime"], moved["included"][0]["attributes"]["lastModifiedTime"]}
    assert stamps == {"2026-03-02T08:00:10.0000000Z"}


def test_deletions_restorations_and_folder_names_move_no_rollup_by_default(rollup: Rollup) -> None:
    acc = rollup.site.acc
    assert rollup.moved_by(acc.hide_file, rollup.file) == NOWHERE
    assert rollup.moved_by(acc.restore_file, rollup.file) == NOWHERE
    assert rollup.moved_by(acc.hide_folder, rollup.sub) == NOWHERE
    assert rollup.moved_by(acc.restore_folder, rollup.sub) == NOWHERE
    assert rollup.moved_by(acc.rename_folder, rollup.sub, "Renamed") == NOWHERE
    assert rollup.moved_by(acc.add_folder, rollup.sub, "New") == NOWHERE
    assert rollup.moved_by(acc.revoke_access, rollup.file) == NOWHERE
    assert rollup.moved_by(acc.remove_for_good, rollup.file) == NOWHERE


def test_the_kinder_guesses_can_be_switched_on(rollup: Rollup) -> None:
    acc = rollup.site.acc
    acc.rules = Rules(
        deletion_moves_rollup=True,
        restoring_moves_rollup=True,
        folder_rename_moves_rollup=True,
        new_folder_moves_rollup=True,
    )
    assert rollup.moved_by(acc.hide_file, rollup.file) == IN_SUB
    assert rollup.moved_by(acc.restore_file, rollup.file) == IN_SUB
    assert rollup.moved_by(acc.hide_folder, rollup.sub) == IN_SUB
    assert rollup.moved_by(acc.restore_folder, rollup.sub) == IN_SUB
    assert rollup.moved_by(acc.rename_folder, rollup.sub, "Renamed") == IN_SUB
    assert rollup.moved_by(acc.add_folder, rollup.sub, "New") == IN_SUB


def test_a_deleted_file_is_hidden_and_comes_back_as_the_same_item(site: Site) -> None:
    file = site.acc.add_file(site.root, "a.pdf", 7)
    site.acc.hide_file(file)
    hidden = site.get(site.item(file)).json()
    assert hidden["data"]["attributes"]["hidden"] is True
    assert "storageSize" not in hidden["included"][0]["attributes"]
    assert (site.names(site.root), site.acc.truth(site.project)) == ([], [])
    site.acc.restore_file(file)
    (row,) = site.acc.truth(site.project)
    assert (row["id"], row["name"], row["size"], row["version_number"]) == (file, "a.pdf", 7, 3)
    assert site.names(site.root) == ["a.pdf"]


def test_what_is_in_a_deleted_folder_is_not_hidden_itself(site: Site) -> None:
    folder = site.acc.add_folder(site.root, "Old")
    file = site.acc.add_file(folder, "a.pdf")
    site.acc.hide_folder(folder)
    assert site.get(site.folder(folder)).json()["data"]["attributes"]["hidden"] is True
    assert site.get(site.item(file)).json()["data"]["attributes"]["hidden"] is False
    assert (site.names(site.root), site.acc.truth(site.project)) == ([], [])


def test_a_revoked_folder_is_listed_but_not_opened_nor_anything_in_it(site: Site) -> None:
    folder = site.acc.add_folder(site.root, "HR")
    deep = site.acc.add_folder(folder, "Deep")
    file = site.acc.add_file(deep, "a.pdf")
    site.acc.revoke_access(folder)
    refused = [site.folder(folder), site.contents(folder), site.contents(deep), site.item(file)]
    assert {site.get(path).status_code for path in refused} == {403}
    assert site.names(site.root) == ["HR"]
    site.acc.rules.hide_revoked = True
    assert site.names(site.root) == []
    site.acc.grant_access(folder)
    assert site.get(site.contents(deep)).status_code == 200
    assert len(site.acc.truth(site.project)) == 1


def test_what_is_removed_for_good_is_404_with_all_below_it(site: Site) -> None:
    folder = site.acc.add_folder(site.root, "Old")
    file = site.acc.add_file(site.acc.add_folder(folder, "Deep"), "a.pdf")
    site.acc.remove_for_good(folder)
    assert {site.get(path).status_code for path in (site.folder(folder), site.item(file))} == {404}
    assert site.names(site.root) == []


def test_a_folder_cannot_be_moved_into_itself(site: Site) -> None:
    folder = site.acc.add_folder(site.root, "Outer")
    with pytest.raises(ValueError, match="into itself"):
        site.acc.move_folder(folder, site.acc.add_folder(folder, "Inner"))


# --- truth ---


def test_truth_is_what_the_pages_show(site: Site) -> None:
    tree = grow(site.acc, site.root, files=600, folders=40, seed=7)
    for file in tree.files[::9]:
        site.acc.hide_file(file)
    for file in tree.files[1::9]:
        site.acc.rename_file(file, "renamed / twice.pdf")
    site.acc.move_folder(tree.folders[0], site.root)
    shown = dict(_walk(site, site.root, "/Project Files"))
    assert {row["id"]: row["path"] for row in site.acc.truth(site.project)} == shown
    assert len(shown) == 600 - len(tree.files[::9])


def _walk(site: Site, folder: str, path: str) -> Iterator[tuple[str, str]]:
    for page in site.pages(folder):
        tips = {tip["id"]: tip["attributes"]["name"] for tip in page.get("included", [])}
        for entry in page["data"]:
            place = f"{path}/{_name(entry, tips).replace('/', chr(0xFF0F))}"
            if entry["type"] == "items":
                yield entry["id"], place
            else:
                yield from _walk(site, entry["id"], place)


def test_truth_tells_a_row_as_the_database_stores_it(site: Site) -> None:
    file = site.acc.add_file(site.acc.add_folder(site.root, "1/2"), "a/b.pdf", 5)
    (row,) = site.acc.truth(site.project)
    link = site.get(site.item(file)).json()["data"]["links"]["webView"]["href"]
    stamp = "2026-03-02T08:00:00.000Z"
    assert (row["path"], row["name"]) == ("/Project Files/1\uff0f2/a\uff0fb.pdf", "a/b.pdf")
    assert (row["created_at"], row["updated_at"], row["link"]) == (stamp, stamp, link)
    assert site.acc.truth(site.project, row["parent_id"])[0]["path"] == "/a\uff0fb.pdf"


def test_truth_leaves_internal_folders_out_unless_asked(site: Site) -> None:
    folders = {folder.name: folder for folder in site.acc.projects[site.project].root.folders.values()}
    site.acc.add_file(folders["Photos"].id, "site.jpg")
    site.acc.add_file(site.acc.add_folder(site.root, "Photos"), "mine.jpg")
    assert [row["name"] for row in site.acc.truth(site.project)] == ["mine.jpg"]
    assert {row["name"] for row in site.acc.truth(site.project, system=True)} == {"mine.jpg", "site.jpg"}


def test_the_same_seed_gives_the_same_ids_and_names() -> None:
    assert _grown(1) == _grown(1) != _grown(2)


def _grown(seed: int) -> list[dict[str, Any]]:
    acc = AccSimulator(SimulatedClock(START, frozen=True), seed=seed)
    project = acc.add_project(acc.add_hub())
    grow(acc, acc.project_files(project), files=200, seed=seed)
    return acc.truth(project)


# --- limits, faults, log: what every simulator has ---


def test_the_fifty_first_call_for_hubs_in_a_minute_is_429_and_a_minute_later_it_is_not(site: Site) -> None:
    statuses = [site.get("/project/v1/hubs").status_code for _ in range(51)]
    assert statuses == [200] * 50 + [429]
    refused = site.get("/project/v1/hubs")
    assert (refused.json(), refused.headers["Retry-After"]) == ({"developerMessage": "Quota limit exceeded."}, "60")
    assert site.get(site.contents(site.root)).status_code == 200, "each route has its own budget"
    site.acc.clock.advance(60)
    assert site.get("/project/v1/hubs").status_code == 200
    assert (site.acc.limit_hits, site.acc.limits.peak["hubs"]) == (2, 50)


def test_each_client_has_its_own_budget_and_limits_can_be_scaled_or_off(site: Site) -> None:
    site.acc.limits.scale = 0.04
    assert [site.get("/project/v1/hubs").status_code for _ in range(3)] == [200, 200, 429]
    site.acc.add_app("other", "not-a-secret")
    site.log_in("other", "not-a-secret")
    assert site.get("/project/v1/hubs").status_code == 200
    site.acc.limits.scale = None
    assert {site.get("/project/v1/hubs").status_code for _ in range(60)} == {200}


def test_requests_are_logged_and_counted_without_logins(site: Site) -> None:
    site.get(site.contents(site.root), **{"page[limit]": "5"})
    site.get("/nowhere")
    assert [(one.route, one.status, one.token) for one in site.acc.requests] == [
        ("token", 200, True),
        ("contents", 200, False),
        ("", 404, False),
    ]
    assert site.acc.requests[1].query == {"page[limit]": "5"}
    assert (site.acc.count(), site.acc.count(exclude_token=False), site.acc.count("contents")) == (2, 3, 1)
    site.acc.reset()
    assert site.acc.count(exclude_token=False) == 0


def test_the_date_header_is_the_simulated_clocks(site: Site) -> None:
    site.acc.clock.advance(timedelta(days=1).total_seconds())
    assert site.get("/nowhere").headers["Date"] == "Tue, 03 Mar 2026 08:00:00 GMT"


def test_a_fault_strikes_the_nth_matching_request_and_then_no_more(site: Site) -> None:
    site.acc.faults.fail(faults.status(503), route="hubs", nth=2, times=2)
    assert site.get(site.contents(site.root)).status_code == 200
    assert [site.get("/project/v1/hubs").status_code for _ in range(4)] == [200, 503, 503, 200]


def test_a_fault_spares_logins_unless_it_names_them(site: Site) -> None:
    site.acc.faults.fail(faults.status(500), times=None)
    site.log_in()
    assert site.get("/project/v1/hubs").status_code == 500
    site.acc.faults.clear()
    site.acc.faults.fail(faults.status(500), route="token")
    assert site.ask_token({}).status_code == 500


def test_a_fault_can_be_aimed_at_a_path(site: Site) -> None:
    site.acc.faults.fail(faults.status(404, b"{}", {"X-Why": "test"}), path_contains=quote(site.root, safe=""))
    assert site.get("/project/v1/hubs").status_code == 200
    assert site.get(site.contents(site.root)).headers["X-Why"] == "test"


@pytest.mark.parametrize("fault", [faults.DROP, faults.RESET])
def test_a_broken_connection_is_no_answer(site: Site, fault: faults.Fault) -> None:
    site.acc.add_file(site.root, "a.pdf")
    site.acc.faults.fail(fault)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        site.get(site.contents(site.root))
    assert site.get(site.contents(site.root)).status_code == 200


def test_bodies_can_be_cut_mislabelled_or_a_login_page(site: Site) -> None:
    for fault in (faults.TRUNCATED, faults.WRONG_TYPE, faults.LOGIN_PAGE):
        site.acc.faults.fail(fault)
    cut, mislabelled, html = (site.get(site.contents(site.root)) for _ in range(3))
    assert (cut.status_code, mislabelled.status_code, html.status_code) == (200, 200, 200)
    with pytest.raises(requests.JSONDecodeError):
        cut.json()
    assert mislabelled.headers["Content-Type"] == "text/plain"
    assert html.headers["Content-Type"].startswith("text/html")


def test_an_endless_next_link_leads_back_to_the_same_page(site: Site) -> None:
    site.acc.faults.fail(faults.ENDLESS, times=3)
    seen = [page["links"]["self"]["href"] for page in site.pages(site.root)]
    assert len(seen) == 4
    assert len(set(seen)) == 1


def test_a_quota_answer_can_come_without_retry_after(site: Site) -> None:
    site.acc.faults.fail(faults.too_many())
    bare = site.get("/project/v1/hubs")
    site.acc.faults.fail(faults.too_many(7))
    told = site.get("/project/v1/hubs")
    assert (bare.status_code, "Retry-After" in bare.headers) == (429, False)
    assert (told.status_code, told.headers["Retry-After"]) == (429, "7")


def test_a_hang_ends_after_its_seconds_or_with_the_server(site: Site) -> None:
    site.acc.faults.fail(faults.hang(0.05))
    assert site.get("/project/v1/hubs").status_code == 200
    site.acc.faults.fail(faults.hang())
    with pytest.raises(requests.ReadTimeout):
        site.session.get(f"{site.acc.base_url}/project/v1/hubs", headers=site.headers, timeout=0.05)


def test_bodies_are_compressed_when_both_sides_want_it(site: Site) -> None:
    for number in range(20):
        site.acc.add_file(site.root, f"{number}.pdf")
    assert "Content-Encoding" not in site.get(site.contents(site.root)).headers
    site.acc.gzip = True
    squeezed = site.get(site.contents(site.root))
    assert squeezed.headers["Content-Encoding"] == "gzip"
    assert len(squeezed.json()["data"]) == 20


def test_a_reply_that_crashes_is_not_taken_for_a_fault() -> None:
    class Broken(AccSimulator):
        def _hubs(self, call: Call) -> Answer:
            raise ZeroDivisionError

    broken = Broken().start()
    with requests.Session() as session, pytest.raises(requests.ConnectionError):
        Site(broken, session).get("/project/v1/hubs")
    with pytest.raises(ZeroDivisionError):
        broken.stop()


def test_a_frozen_clock_moves_only_by_waiting_and_advancing() -> None:
    clock = SimulatedClock(START, frozen=True)
    with AccSimulator(clock) as acc:
        assert clock.now() == START
        clock.wait(acc.stopping, 5)
        clock.advance(10)
        assert (clock.now() - START, clock.elapsed) == (timedelta(seconds=15), 15)


def test_a_simulator_runs_as_its_own_process() -> None:
    command = [sys.executable, "-m", "filesync.simulators", "acc", "--files", "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with closing(requests.get(f"{told['base_url']}/project/v1/hubs", timeout=5)) as answer:
            assert answer.status_code == 401
        process.terminate()
        assert json.loads(process.stdout.readline()) == {"requests": {"hubs": 1}}
    assert process.returncode == 0
