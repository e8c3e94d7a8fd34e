"""The simulated ACC lets in whom the service lets in, and refuses what it refuses."""

import pytest

from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET
from tests.support.acc_site import Site, code_of


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
    url, auth = site.token_url, (CLIENT_ID, CLIENT_SECRET)
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
