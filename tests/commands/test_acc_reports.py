"""What people report in public of ACC and BIM 360, answered rightly: each as it comes over the wire."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from filesync.simulators import faults
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator, refusals
from filesync.simulators.faults import Fault, Kind, altered
from filesync.simulators.messages import Refused
from tests.support.homes import Acc
from tests.support.truth import assert_acc_truth

SHEET = "autodesk.bim360:Document"
GUID = "6c2cffb0-e8c8-43d3-b415-e53f4377cedb"


def refusing(refused: Refused) -> Fault:
    return Fault(Kind.STATUS, refused.answer.status, refused.answer.body, refused.answer.content_type)


USER = refusing(refusals.document(403, "USER_NOT_AUTHENTICATED", "The user could not be authenticated."))
PROJECT = refusing(
    refusals.document(403, "BIM360DM_ERROR", "You do not have permission to access this project. Please contact your")
)
NO_API = refusing(refusals.document(403, "BIM360DM_ERROR", "You don't have permission to access this API"))
NEW = refusing(refusals.document(403, "QUARANTINED", "The folder is under embargo."))
GONE = refusing(refusals.not_found("item", "urn:adsk.wipprod:dm.lineage:x"))
NO_FOLDER = refusing(refusals.forbidden("folder"))


def altering(change: Callable[[Any], None]) -> Fault:
    """Change an answer in place."""

    def alter(answer: Any) -> Any:
        change(answer)
        return answer

    return altered(alter)


def last_part(urn: str) -> str:
    return urn.rpartition(":")[2]


def removed(acc: Acc) -> dict[str, str]:
    rows = acc.home.query(
        "SELECT external_file_id AS id, deleted_reason AS why FROM files WHERE deleted_at IS NOT NULL"
    )
    return {row["id"]: row["why"] for row in rows}


def with_files(acc: Acc, *folders: str, each: int = 2) -> dict[str, list[str]]:
    """Sync a project with these folders; give their files."""
    ids = {name: acc.service.add_folder(acc.top, name) for name in folders}
    files = {name: [acc.service.add_file(ids[name], f"{name}{n}.pdf", 10) for n in range(each)] for name in folders}
    acc.settle()
    assert acc.home.sync().status == "success"
    acc.settle()
    return {**files, "": [ids[name] for name in folders]}


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["look-ups", "contents"])
@pytest.mark.parametrize(
    ("fault", "error_type", "words"),
    [
        (USER, "login", "Autodesk does not accept this login's user"),
        (PROJECT, "login", "may not enter the project"),
        (NO_API, "login", "Custom Integrations"),
        (NEW, "forbidden", "The folder is under embargo"),
    ],
    ids=["user", "project", "app", "new"],
)
def test_a_refusal_that_is_not_of_one_item_removes_nothing(
    acc: Acc, fault: Fault, error_type: str, words: str, route: str
) -> None:
    files = with_files(acc, "A")["A"]
    acc.service.hide_file(files[0])
    for name in ("commands", "item", "folder") if route == "look-ups" else ("contents",):
        acc.service.faults.fail(fault, route=name, times=None)
    outcome = acc.home.sync(full=True)
    assert (outcome.status, outcome.error_type) == ("failed", error_type), outcome
    assert words in str(outcome.error_message)
    assert not removed(acc)
    acc.service.faults.clear()
    assert acc.home.sync(full=True).status == "success"
    assert removed(acc) == {files[0]: "trashed"}


def test_a_refusal_of_everything_is_no_loss_of_what_was_asked_for(acc: Acc) -> None:
    files = with_files(acc, "A", each=5)["A"]
    for file in files[:3]:
        acc.service.hide_file(file)
    for route, fault in (("commands", GONE), ("item", GONE), ("folder", NO_FOLDER)):
        acc.service.faults.fail(fault, route=route, times=None)
    outcome = acc.home.sync(full=True)
    assert (outcome.status, outcome.error_type) == ("failed", "forbidden"), outcome
    assert "proves nothing and nothing is removed" in str(outcome.error_message)
    assert not removed(acc)
    assert acc.service.count("folder") == 1  # that is asked once, for all of them


def test_what_counts_as_gone_is_held_against_something_readable_once_in_a_sync(acc: Acc) -> None:
    files = with_files(acc, "A", each=5)["A"]
    for file in files[:3]:
        acc.service.remove_for_good(file)
    assert acc.home.sync(full=True).status == "success"
    assert removed(acc) == dict.fromkeys(files[:3], "removed")
    assert acc.service.count("folder") == 1


def test_verify_repairs_nothing_by_a_refusal_of_everything(acc: Acc) -> None:
    with_files(acc, "A", each=10)
    for route, fault in (("commands", GONE), ("item", GONE), ("folder", NO_FOLDER)):
        acc.service.faults.fail(fault, route=route, times=None)
    ended = acc.home.run("verify", "--sample", "10", "--repair", "--json")
    assert ended.code == 1, ended.out
    assert "proves nothing" in ended.out
    assert not removed(acc)


@pytest.mark.parametrize("route", ["hubs", "hub", "projects", "project", "top_folders"])
@pytest.mark.parametrize("command", [["sync", "--all"], ["endpoints", "check"]], ids=["sync", "check"])
@pytest.mark.parametrize("fault", [NO_API, PROJECT], ids=["app", "member"])
def test_a_login_that_is_not_let_in_ends_with_77_wherever_it_is_told(
    acc: Acc, route: str, command: list[str], fault: Fault
) -> None:
    other = {"name": "Q", "endpoint_details": {"project_id": acc.service.add_project(acc.hub, "Other")}}
    ids = {"project_id": acc.project, **({"hub_id": acc.hub} if route == "hub" else {})}
    acc.home.configure({"name": "P", "endpoint_details": ids}, *([other] if route == "projects" else []))
    acc.service.faults.fail(fault, route=route, times=None)
    if route == "projects":  # the list is asked for by the second that looks for its project; each by its id after
        acc.service.faults.fail(fault, route="project", times=None)
    assert acc.home.run(*command).code == 77


def test_discover_says_of_a_hub_that_it_does_not_let_this_login_in(acc: Acc) -> None:
    acc.service.add_hub("Second")
    acc.service.faults.fail(NO_API, route="projects", path_contains=acc.hub, times=None)
    ended = acc.home.run("discover", "autodesk", "--json")
    problems = {row["name"]: row["problem"] for row in json.loads(ended.out)["found"] if row["kind"] == "hub"}
    assert ended.code == 77
    assert "Custom Integrations" in problems["Example Construction"]
    assert problems["Second"] is None


def test_a_hub_that_calls_a_project_of_another_one_bad_is_not_the_end_of_the_search(acc: Acc) -> None:
    """A public tool skips 400 BIM360DM_ERROR and 404 while it looks for a project's hub."""
    second = acc.service.add_project(acc.service.add_hub("Second"), "Second")
    acc.service.add_file(acc.service.project_files(second), "a.pdf", 1)
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": second}})
    wrong = refusing(refusals.document(400, "BIM360DM_ERROR", "Unable to get the project."))
    acc.service.faults.fail(wrong, route="project", path_contains=acc.hub, times=None)
    acc.settle()
    assert acc.home.sync().status == "success"
    assert acc.home.paths() == ["/Project Files/a.pdf"]


@pytest.fixture
def elsewhere(acc: Acc) -> Acc:
    """Read, as a member of one project, another one in a region where the user is in none."""
    user = acc.service.add_user("Bob Example")
    acc.service.add_member(acc.project, user)
    far = acc.service.add_project(acc.service.add_hub("Far", "EMEA"), "Far")
    details = {"project_id": far, "act_as_user": user}
    acc.home.configure({"name": "P", "endpoint_details": details})
    return acc


def test_a_region_that_lets_the_app_in_and_not_the_user_is_named(elsewhere: Acc) -> None:
    acc = elsewhere
    checked = acc.home.run("endpoints", "check", "--json")
    assert checked.code == 77
    for text in (checked.out, acc.home.run("sync", "--all").err):
        assert "EMEA: 401 an account there knows the app, but not this login's user" in text
        assert "AUS, CAN, DEU, IND, JPN, GBR: 403 no account there knows the app (ordinary" in text


def test_a_region_that_does_not_know_the_app_is_named(acc: Acc) -> None:
    far = acc.service.add_project(acc.service.add_hub("Far", "EMEA"), "Far")
    acc.service.add_app(CLIENT_ID, CLIENT_SECRET, hubs=[acc.hub])
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": far}})
    ended = acc.home.run("endpoints", "check", "--json")
    assert ended.code == 1
    assert "check endpoint_details.project_id" in ended.out
    assert "EMEA, AUS, CAN, DEU, IND, JPN, GBR: 403 no account there knows the app" in ended.out
    shown = acc.home.run("discover", "autodesk", "--project", far)
    assert shown.code == 1
    assert "EMEA, AUS" in shown.err


def test_a_user_whom_no_hub_shows_is_told_that_the_app_is_known(acc: Acc) -> None:
    details = {"project_id": acc.project, "act_as_user": acc.service.add_user("Bob Example")}
    acc.home.configure({"name": "P", "endpoint_details": details})
    ended = acc.home.run("endpoints", "check", "--json")
    assert ended.code == 77
    assert "an account knows this app, but not the user" in ended.out
    assert "Custom Integrations" not in ended.out


# --- entries with something odd in them -----------------------------------------------------


def test_a_sheet_without_any_name_costs_nobody_anything(acc: Acc) -> None:
    file, other = (acc.service.add_file(acc.top, f"{n}.pdf", 10) for n in range(2))
    acc.service.add_folder(acc.top, "Sub")

    def without_names(answer: Any) -> None:
        for entry in answer["data"]:
            if entry["id"] == file or entry["type"] == "folders":
                entry["attributes"] |= {"displayName": "", "name": "", "extension": {}}
        for version in answer.get("included", []):
            if last_part(file) in version["id"]:
                version["attributes"] |= {"name": "", "extension": {}, "storageSize": "-1"}
                del version["relationships"]["storage"]

    acc.settle()
    acc.service.faults.fail(altering(without_names), route="contents", path_contains=acc.top, times=None)
    outcome = acc.home.sync()
    assert outcome.status == "success", outcome
    assert acc.home.paths() == sorted(["/Project Files/1.pdf", f"/Project Files/unnamed {last_part(file)}"])
    odd = {row["external_id"]: row["odd"] for row in acc.home.query("SELECT external_id, odd FROM odd_entries")}
    assert "storageSize: -1" in odd[file]
    assert other not in odd
    acc.service.hide_file(other)
    acc.settle()
    assert acc.home.sync(full=True).status == "success"
    assert removed(acc) == {other: "trashed"}


def test_a_folder_that_lists_an_entry_without_an_id_is_a_gap_and_all_else_goes_on(acc: Acc) -> None:
    files = with_files(acc, "A", "B")
    sub = acc.service.add_folder(files[""][0], "Sub")
    new, deep = acc.service.add_file(files[""][0], "new.pdf", 1), acc.service.add_file(sub, "deep.pdf", 1)
    acc.service.hide_file(files["A"][0])
    acc.service.hide_file(files["B"][0])
    acc.settle()
    nameless = {"type": "items", "attributes": {"displayName": "x"}}
    acc.service.faults.fail(
        altering(lambda answer: answer["data"].append(nameless)),
        route="contents",
        path_contains=last_part(files[""][0]),
        times=None,
    )
    outcome = acc.home.sync(full=True)
    assert (outcome.status, outcome.error_type) == ("partial", "unreadable"), outcome
    assert "/Project Files/A" in str(outcome.error_message)
    assert {new, deep} <= acc.home.files().keys()
    assert removed(acc) == {files["B"][0]: "trashed"}


def test_top_folders_with_an_entry_without_an_id_are_a_gap(acc: Acc) -> None:
    files = with_files(acc, "A")["A"]
    acc.service.add_version(files[0], 99)
    acc.settle()
    nameless = {"type": "folders", "attributes": {"name": "x"}}
    acc.service.faults.fail(altering(lambda answer: answer["data"].append(nameless)), route="top_folders", times=None)
    outcome = acc.home.sync()
    assert (outcome.status, outcome.error_type) == ("partial", "unreadable"), outcome
    assert acc.home.files()[files[0]]["file_size"] == 99


def test_lists_of_hubs_and_projects_go_on_without_an_entry_that_has_no_id(acc: Acc) -> None:
    def one_more(answer: Any) -> None:
        answer["data"].insert(0, {"type": "x", "attributes": {"name": "x"}})

    acc.home.configure(
        {"name": "P {project_name}", "endpoint_details": {"hub_id": acc.hub, "projects": {"include": ["*"]}}}
    )
    for route in ("hubs", "projects"):
        acc.service.faults.fail(altering(one_more), route=route, times=None)
    assert acc.home.run("sync").code == 0
    assert acc.home.query("SELECT name FROM endpoints WHERE name = 'P Example Tower'")
    ended = acc.home.run("discover", "autodesk", "--json")
    assert "projects listed without an id: 1" in ended.out
    assert acc.project in ended.out


# --- tips that do not come along ------------------------------------------------------------


@pytest.mark.parametrize("known_to", ["the command", "the item alone"])
def test_a_tip_that_did_not_come_along_is_looked_up(acc: Acc, known_to: str) -> None:
    files = with_files(acc, "A", each=3)["A"]
    acc.service.add_version(files[0], 55)
    acc.service.finish_processing(files[1])
    acc.settle()
    before = acc.home.last_seq()

    def without_tips(answer: Any) -> None:
        answer.pop("included", None)
        for entry in answer["data"]:
            entry["attributes"]["displayName"] = None

    if known_to == "the item alone":
        acc.service.tips_left_out.update(files)
    acc.service.faults.fail(altering(without_tips), route="contents", times=None)
    assert acc.home.sync(full=True).status == "success"
    assert_acc_truth(acc.home, acc.project)
    changes = [(change["external_file_id"], change["kind"]) for change in acc.home.changes(before)]
    assert sorted(changes) == sorted([(files[0], "modified"), (files[1], "touched")])
    assert (acc.service.count("commands"), acc.service.count("item")) == (
        (1, 0) if known_to == "the command" else (1, 3)
    )


def test_a_tip_that_cannot_be_looked_up_takes_nothing_from_its_row(acc: Acc) -> None:
    files = with_files(acc, "A", each=3)["A"]
    acc.service.tips_left_out.add(files[0])
    acc.service.add_version(files[1], 77)
    acc.settle()
    acc.service.faults.fail(faults.status(500), route="item", times=None)
    outcome = acc.home.sync()
    assert (outcome.status, outcome.error_type) == ("partial", "unreadable"), outcome
    assert acc.home.files()[files[0]]["file_size"] == 10
    assert acc.home.files()[files[1]]["file_size"] == 77
    acc.service.faults.clear()
    assert acc.home.sync().status == "success"


def test_a_cloud_model_that_has_no_tip_is_null_in_truth(acc: Acc) -> None:
    model = acc.service.add_file(acc.top, "Model.rvt", None)
    acc.service.tips_left_out.add(model)
    acc.settle()

    def without_tip(answer: Any) -> None:
        answer.pop("included", None)

    acc.service.faults.fail(altering(without_tip), route="item", times=None)
    assert acc.home.sync().status == "success"
    row = acc.home.files()[model]
    assert (row["file_name"], row["file_size"], row["version_number"]) == ("Model", None, None)


def test_cloud_models_that_name_no_tip_cost_a_request_for_fifty(acc: Acc) -> None:
    models = {acc.service.add_file(acc.top, f"{n}.rvt", None) for n in range(60)}
    acc.settle()

    def without_tips(answer: Any) -> None:
        answer.pop("included", None)
        data = answer["data"]
        entries = (
            data if isinstance(data, list) else [one["meta"] for one in data["relationships"]["resources"]["data"]]
        )
        for entry in entries:
            entry["relationships"].pop("tip", None)

    for route in ("contents", "commands"):
        acc.service.faults.fail(altering(without_tips), route=route, times=None)
    assert acc.home.sync().status == "success"
    assert acc.home.files().keys() == models
    assert (acc.service.count("commands"), acc.service.count("item")) == (2, 0)


# --- what fails by itself -------------------------------------------------------------------

FAILURES: Mapping[str, Fault] = {
    "500": faults.status(500),
    "503": faults.status(503),
    "400": refusing(refusals.bad_input("The folder id is invalid.")),
    "a bad answer": altered(lambda _: {"data": {}}),
}


@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
def test_a_folder_that_fails_by_itself_costs_no_other_anything(acc: Acc, fault: Fault) -> None:
    files = with_files(acc, "A", "B")
    acc.service.hide_file(files["B"][0])
    new = acc.service.add_file(files[""][1], "new.pdf", 1)
    acc.service.faults.fail(fault, route="contents", path_contains=last_part(files[""][0]), times=None)
    for _ in range(2):
        acc.settle()
        outcome = acc.home.sync(full=True)
        assert outcome.status == "failed", outcome
        assert not removed(acc)
        assert new in acc.home.files()
    acc.settle()
    outcome = acc.home.sync(full=True)
    assert (outcome.status, outcome.error_type) == ("partial", "unreadable"), outcome
    assert "/Project Files/A" in str(outcome.error_message)
    assert files[""][0] in str(outcome.error_message)
    assert removed(acc) == {files["B"][0]: "trashed"}
    acc.service.faults.clear()
    assert acc.home.sync().status == "success"


@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
def test_a_look_up_that_fails_by_itself_decides_nothing_of_that_file_and_all_of_the_others(
    acc: Acc, fault: Fault
) -> None:
    files = with_files(acc, "A", each=6)["A"]
    for file in files[:3]:
        acc.service.hide_file(file)
    acc.service.faults.fail(fault, route="commands", times=None)
    acc.service.faults.fail(fault, route="item", path_contains=last_part(files[0]), times=None)
    for status in ("failed", "failed", "partial"):
        acc.settle()
        assert not removed(acc)
        assert acc.home.sync(full=True).status == status
    assert removed(acc) == dict.fromkeys(files[1:3], "trashed")
    assert files[0] in acc.home.files()


def test_a_folder_whose_look_up_fails_by_itself_keeps_all_below_it(acc: Acc) -> None:
    files = with_files(acc, "A", "B")
    acc.service.hide_folder(files[""][0])
    acc.service.hide_file(files["B"][0])
    acc.service.faults.fail(faults.status(503), route="folder", path_contains=last_part(files[""][0]), times=None)
    for status in ("failed", "failed", "partial"):
        acc.settle()
        assert not removed(acc)
        assert acc.home.sync(full=True).status == status
    assert removed(acc) == {files["B"][0]: "trashed"}
    acc.service.faults.clear()
    acc.settle()
    assert acc.home.sync(full=True).status == "success"
    assert removed(acc) == dict.fromkeys([files["B"][0], *files["A"]], "trashed")


def test_verify_says_what_it_could_not_look_up_and_compares_the_rest(acc: Acc) -> None:
    files = with_files(acc, "A", each=4)["A"]
    acc.service.faults.fail(faults.status(500), route="commands", times=None)
    acc.service.faults.fail(faults.status(500), route="item", path_contains=last_part(files[0]), times=None)
    ended = acc.home.run("verify", "--all", "--json")
    assert ended.code == 3, ended.out
    assert files[0] in ended.err
    (endpoint,) = json.loads(ended.out)["endpoints"]
    assert (endpoint["error_type"], endpoint["files_checked"]) == (None, 4)


def test_an_outage_is_no_fault_of_single_folders(acc: Acc) -> None:
    files = with_files(acc, *[f"F{n}" for n in range(4)])
    for route in ("contents", "folder"):
        acc.service.faults.fail(faults.status(503), route=route, times=None)
    for _ in range(4):
        acc.settle()
        outcome = acc.home.sync(full=True)
        assert (outcome.status, outcome.error_type) == ("failed", "service_down"), outcome
    assert files["F0"][0] in acc.home.files()


def test_the_root_of_an_endpoint_still_fails_it(acc: Acc) -> None:
    folder = with_files(acc, "A")[""][0]
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project, "folder_id": folder}})
    acc.service.faults.fail(faults.status(500), route="contents", times=None)
    for _ in range(4):
        acc.settle()
        assert acc.home.sync(full=True).status == "failed"


# --- what is there is found -----------------------------------------------------------------


def bim360(acc: Acc) -> tuple[str, str]:
    """Make a BIM 360 project; give its id and that of Plans."""
    project = acc.service.add_project(acc.hub, "Old Tower", kind="BIM360")
    plans = next(f.id for f in acc.service.projects[project].root.folders.values() if f.name == "Plans")
    return project, plans


def test_plans_is_read_for_a_user_and_goes_on_being_read_after_a_change_of_login(acc: Acc) -> None:
    project, plans = bim360(acc)
    sheet = acc.service.add_file(plans, "A1.01", 10, kind=SHEET)
    acc.settle()
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": project}})
    assert acc.home.sync().status == "success"
    user = acc.service.add_user("Bob Example")
    acc.service.add_member(project, user)
    acc.service.add_version(sheet, 20)
    acc.settle()
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": project, "act_as_user": user}})
    outcome = acc.home.sync(accept_identity=True, full=True)
    assert outcome.status == "success", outcome
    assert acc.home.files()[sheet]["file_size"] == 20
    asked = [request.query for request in acc.service.requests if request.route == "top_folders"]
    assert asked == [{"excludeDeleted": "true"}]
    assert "Plans" in acc.home.run("discover", "autodesk").out


def test_a_sheet_has_the_type_of_its_file_and_passes_the_filter(acc: Acc) -> None:
    project, plans = bim360(acc)
    for name in ("A1.01", "A1.02"):
        acc.service.add_file(plans, name, 10, kind=SHEET)
    acc.service.add_file(plans, "model.dwg", 10)
    acc.settle()
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": project, "file_types": ["pdf"]}})
    assert acc.home.sync().status == "success"
    assert acc.home.paths() == ["/Plans/A1.01", "/Plans/A1.02"]
    assert {row["file_type"] for row in acc.home.files().values()} == {"pdf"}


def test_internal_folders_with_an_id_in_their_name_are_left_out_and_named(acc: Acc) -> None:
    root = acc.service.root_folder(acc.project)
    internal = [f"COST Root Folder {GUID}", f"quantification_{GUID}", f"rfis_project_{GUID}", f"assets_{GUID}", "0"]
    for name in internal:
        acc.service.add_file(acc.service.add_folder(root, name), "x.pdf", 1)
    peoples = acc.service.add_file(acc.service.add_folder(root, "01 Handover"), "mine.pdf", 1)
    namesake = acc.service.add_file(acc.service.add_folder(acc.top, f"assets_{GUID}"), "mine.pdf", 1)
    acc.settle()
    assert acc.home.sync().status == "success"
    assert acc.home.files().keys() == {peoples, namesake}
    assert "left out on purpose: 0, " in acc.home.run("endpoints", "check", "--json").out


@pytest.mark.parametrize("shown", ["root", "nothing"])
def test_what_topfolders_does_not_show_is_read_from_the_root(acc: Acc, shown: Any) -> None:
    files = with_files(acc, "A")["A"]
    acc.service.rules.tops_shown = shown
    acc.service.add_version(files[0], 99)
    acc.service.hide_file(files[1])
    acc.settle()
    assert acc.home.sync(full=True).status == "success"
    assert_acc_truth(acc.home, acc.project)
    acc.service.add_version(files[0], 100)
    acc.settle()
    assert acc.home.sync().status == "success"
    assert acc.home.files()[files[0]]["file_size"] == 100
    assert "Project Files" in acc.home.run("discover", "autodesk").out
    acc.service.rules.tops_shown = "folders"
    acc.settle()
    assert acc.home.sync().status == "success"
    assert_acc_truth(acc.home, acc.project)


@pytest.mark.parametrize("shown", ["root", "nothing"])
def test_a_first_sync_finds_what_topfolders_does_not_show(acc: Acc, shown: Any) -> None:
    acc.service.rules.tops_shown = shown
    acc.service.largest_page = 5  # the root has more folders than that
    acc.service.add_file(acc.service.add_folder(acc.top, "A"), "a.pdf", 1)
    acc.service.add_file(acc.service.root_folder(acc.project), "stray.pdf", 1)
    acc.settle()
    assert acc.home.sync().status == "success"
    assert_acc_truth(acc.home, acc.project)
    assert len(acc.home.files()) == 2


@pytest.mark.parametrize("shown", ["root", "nothing"])
def test_a_member_whom_the_root_is_closed_to_sees_nothing_and_fails_nothing(acc: Acc, shown: Any) -> None:
    user = acc.service.add_user("Bob Example")
    acc.service.add_member(acc.project, user, [])
    acc.service.rules.tops_shown = shown
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project, "act_as_user": user}})
    assert acc.home.sync().status == "success"
    assert acc.home.paths() == []


def test_a_folder_that_topfolders_lacks_and_that_is_there_is_read(acc: Acc) -> None:
    files = with_files(acc, "A")["A"]
    acc.service.tops_left_out.add(acc.top)
    acc.service.add_version(files[0], 99)
    acc.service.hide_file(files[1])
    new = acc.service.add_file(acc.service.add_folder(acc.top, "New"), "new.pdf", 1)
    other = acc.service.add_folder(acc.service.root_folder(acc.project), "Other")
    acc.service.add_file(other, "other.pdf", 1)
    acc.settle()
    assert acc.home.sync(full=True).status == "success"
    assert new in acc.home.files()
    assert_acc_truth(acc.home, acc.project)
    acc.service.add_version(files[0], 100)
    acc.settle()
    assert acc.home.sync().status == "success"
    assert acc.home.files()[files[0]]["file_size"] == 100


def test_a_deep_folder_that_topfolders_lacks_is_not_lost_with_what_only_leads_to_it(acc: Acc) -> None:
    outer = acc.service.add_folder(acc.top, "outer")
    deep, other = acc.service.add_folder(outer, "deep"), acc.service.add_folder(acc.top, "other")
    file = acc.service.add_file(deep, "deep.pdf", 1)
    acc.service.add_file(other, "other.pdf", 1)
    user = acc.service.add_user("Bob Example")
    acc.service.add_member(acc.project, user, [deep, other])
    details = {"project_id": acc.project, "act_as_user": user}
    acc.home.configure({"name": "P", "endpoint_details": details})
    acc.settle()
    assert acc.home.sync().status == "success"
    acc.service.tops_left_out.add(deep)
    acc.service.add_version(file, 99)
    acc.settle()
    for full in (False, True):
        acc.settle()
        assert acc.home.sync(full=full).status == "success"
        assert (acc.home.files()[file]["file_size"], len(acc.home.files())) == (99, 2)
    acc.service.add_member(acc.project, user, [other])
    acc.settle()
    assert acc.home.sync().status == "success"
    assert removed(acc) == {file: "access_lost"}


def test_pages_of_lists_that_are_not_said_to_have_any_are_followed(acc: Acc) -> None:
    root = acc.service.root_folder(acc.project)
    for number in range(3):
        acc.service.add_file(acc.service.add_folder(root, f"Top {number}"), "x.pdf", 1)
        acc.service.add_hub(f"Hub {number}")
    second = acc.service.add_project(acc.service.add_hub("Last"), "Last")
    acc.service.rules.tops_on_a_page = 1
    acc.settle()
    assert acc.home.sync().status == "success"
    assert_acc_truth(acc.home, acc.project)
    acc.home.configure({"name": "Q", "endpoint_details": {"project_id": second}})
    assert acc.home.sync().status == "success"
    assert "Top 2" in acc.home.run("discover", "autodesk").out


def test_a_project_without_a_root_folder_is_told_what_to_do(acc: Acc) -> None:
    def without_root(answer: Any) -> None:
        del answer["data"]["relationships"]["rootFolder"]

    acc.service.faults.fail(altering(without_root), route="project", times=None)
    for ended in (acc.home.run("sync", "--all"), acc.home.run("endpoints", "check", "--json")):
        assert ended.code == 1
        assert "a project admin opens Files" in ended.err + ended.out


def test_what_a_holding_area_and_a_model_are_told_by_is_kept(acc: Acc) -> None:
    file = acc.service.add_file(acc.top, "model.rvt", 1)

    def with_facts(answer: Any) -> None:
        for version in answer.get("included", []):
            version["attributes"]["extension"]["data"] |= {
                "conformingStatus": "NON_CONFORMING",
                "projectGuid": "P",
                "modelGuid": "M",
                "isCompositeDesign": True,
            }

    acc.service.faults.fail(altering(with_facts), route="contents", times=None)
    acc.settle()
    assert acc.home.sync().status == "success"
    extra = json.loads(acc.home.files()[file]["extra"])
    kept = {"conforming_status": "NON_CONFORMING", "project_guid": "P", "model_guid": "M", "is_composite_design": True}
    assert extra.items() >= kept.items()


# --- ways out -------------------------------------------------------------------------------


def limits(service: AccSimulator) -> list[str]:
    asked = [request.query for request in service.requests if request.route == "contents"]
    return [query["page[limit]"] for query in asked]


def test_a_listing_that_fails_at_large_pages_is_asked_for_in_smaller_ones_from_then_on(acc: Acc) -> None:
    for number in range(120):
        acc.service.add_file(acc.top, f"{number}.pdf", 1)
    acc.settle()
    acc.service.rules.most_entries = 50
    assert acc.home.sync().status == "success"
    assert_acc_truth(acc.home, acc.project)
    assert set(limits(acc.service)) == {"200", "100", "50"}
    acc.service.add_file(acc.top, "new.pdf", 1)
    acc.settle()
    assert acc.home.sync().status == "success"
    assert set(limits(acc.service)) == {"50"}
    acc.service.rules.most_entries = None
    acc.settle()
    assert acc.home.sync(full=True).status == "success"
    assert limits(acc.service) == ["200"]
    assert_acc_truth(acc.home, acc.project)


def test_a_page_that_fails_on_the_way_begins_the_folder_anew(acc: Acc) -> None:
    for number in range(250):
        acc.service.add_file(acc.top, f"{number}.pdf", 1)
    acc.settle()
    second = "page%5Blimit%5D=200&page%5Bnumber%5D=1"
    acc.service.faults.fail(faults.status(500), route="contents", path_contains=second, times=None)
    assert acc.home.sync().status == "success"
    assert acc.service.faults.struck
    assert_acc_truth(acc.home, acc.project)
