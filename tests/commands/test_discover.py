"""`filesync discover`: what a login sees, with ids that can be used as they are."""

import json
from typing import Any

import pytest
import yaml

from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET
from filesync.simulators.faults import status
from tests.support.homes import READER, Acc, Drive, Ended

HOSTILE = [
    "a: b # c",
    '"quoted" \\ \'s',
    "${HOME}",
    "- x\n- y\x1b[31m",
    "null",
    "0x1F",
    "\u202egnp.exe",
    "東京",
    "{project_name}",
]


def rows(ended: Ended) -> list[dict[str, Any]]:
    assert ended.code == 0, ended.err
    found: list[dict[str, Any]] = json.loads(ended.out)["found"]
    return found


def paste(home: Any, text: str, **top: Any) -> list[dict[str, Any]]:
    """Put what was printed under `endpoints:`, and give the endpoints as filesync reads them."""
    config = home.path / "config" / "connector.yaml"
    config.write_text(f"{yaml.safe_dump(top) if top else ''}endpoints:\n{text}", encoding="utf-8")
    checked = home.run("config", "check")
    assert checked.code == 0, checked.err
    found: list[dict[str, Any]] = json.loads(home.run("endpoints", "--json").out)["endpoints"]
    return found


# --- Autodesk -------------------------------------------------------------------------------


def test_hubs_projects_and_top_folders_are_shown_with_their_ids(acc: Acc) -> None:
    acc.service.rename_project(acc.project, "Tower")
    old = acc.service.add_project(acc.hub, "Old", kind="BIM360")
    found = rows(acc.home.run("discover", "autodesk", "--json"))
    assert [(row["kind"], row["name"], row["type"], row["level"]) for row in found] == [
        ("hub", "Example Construction", None, 0),
        ("project", "Old", "BIM 360", 1),
        ("folder", "Plans", None, 2),
        ("folder", "Project Files", None, 2),
        ("project", "Tower", "ACC", 1),
        ("folder", "Project Files", None, 2),
    ]
    assert (found[0]["id"], found[1]["id"], found[5]["id"]) == (acc.hub, old, acc.top)
    assert found[5]["endpoint_details"] == {"hub_id": acc.hub, "project_id": acc.project, "folder_id": acc.top}
    assert acc.service.count() == 4  # hubs, projects, and the folders of each


def test_it_needs_no_configuration_and_writes_none(acc: Acc) -> None:
    (acc.home.path / "config" / "connector.yaml").unlink()
    out = acc.home.run("discover", "autodesk").out
    assert acc.hub in out
    assert acc.top in out
    assert not acc.home.database.exists()
    assert list((acc.home.path / "data" / "limits").iterdir())  # the budgets that syncs go by


def test_without_folders_it_asks_less(acc: Acc) -> None:
    found = rows(acc.home.run("discover", "autodesk", "--no-folders", "--json"))
    assert [row["kind"] for row in found] == ["hub", "project"]
    assert acc.service.count() == 2


def test_one_hub_or_one_project_can_be_looked_at(acc: Acc) -> None:
    other = acc.service.add_hub("Other", "EMEA")
    theirs = acc.service.add_project(other, "Theirs")
    found = rows(acc.home.run("discover", "autodesk", "--hub", other.removeprefix("b."), "--json"))
    assert [row["id"] for row in found][:2] == [other, theirs]
    acc.service.reset()
    found = rows(acc.home.run("discover", "autodesk", "--project", acc.project, "--json"))
    assert [row["kind"] for row in found] == ["hub", "project", "folder"]
    assert found[1]["id"] == acc.project
    assert acc.service.count("top_folders") == 1
    missing = acc.home.run("discover", "autodesk", "--project", "b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb")
    assert (missing.code, "is not in any hub that this login sees" in missing.err) == (1, True)
    wrong = acc.home.run("discover", "autodesk", "--hub", "a.x")
    assert (wrong.code, "--hub: an id of Fusion Team" in wrong.err) == (2, True)


def test_another_login_sees_something_else(acc: Acc) -> None:
    other = acc.service.add_hub("Partner")
    acc.service.add_app("partner-app", "secret-of-the-partner", hubs=[other])
    partner = {"client_id": "partner-app", "client_secret": "secret-of-the-partner"}
    acc.home.configure(credentials={"partner": partner})
    found = rows(acc.home.run("discover", "autodesk", "--credentials", "partner", "--json"))
    assert [row["id"] for row in found] == [other]
    ended = acc.home.run("discover", "autodesk", "--credentials", "parner")
    assert (ended.code, "did you mean partner?" in ended.err) == (2, True)


@pytest.mark.parametrize("credentials", [None, "partner"])
def test_yaml_can_be_pasted_whatever_the_names_are(acc: Acc, credentials: str | None) -> None:
    top = {}
    if credentials:
        top = {"credentials": {credentials: {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}}}
    acc.home.configure(**top)
    for name in [*HOSTILE, "Twin", "Twin", "x" * 300]:
        project = acc.service.add_project(acc.hub, name)
        acc.service.add_folder(acc.service.root_folder(project), name)
    option = ("--credentials", credentials) if credentials else ()
    ended = acc.home.run("discover", "autodesk", "--yaml", *option)
    assert ended.code == 0, ended.err
    assert ended.out.replace("\n", "").isprintable()
    pasted = paste(acc.home, ended.out, **top)
    ids = {each["endpoint_details"]["project_id"] for each in pasted}
    assert ids == set(acc.service.projects)
    assert {each["credentials"] for each in pasted} == {credentials}
    names = [each["name"] for each in pasted]
    assert {"a: b # c", '"quoted" \\ \'s', "${HOME}", "null", "0x1F", "東京", "{project_name}", "gnp.exe"} <= set(names)
    assert len(set(names)) == len(names)
    assert "# folder_id: " in ended.out
    assert acc.home.run("sync", "--endpoint", "null").code == 0


def test_yaml_of_one_project_syncs(acc: Acc) -> None:
    acc.service.add_file(acc.top, "plan.pdf")
    acc.home.configure()
    ended = acc.home.run("discover", "autodesk", "--project", acc.project, "--yaml")
    (endpoint,) = paste(acc.home, ended.out.replace("# folder_id", "folder_id"))
    assert endpoint["endpoint_details"]["folder_id"] == acc.top
    assert acc.home.run("sync", "--all").code == 0
    assert acc.home.paths() == ["/plan.pdf"]


def test_a_project_whose_folders_cannot_be_read_says_so_and_the_rest_goes_on(acc: Acc) -> None:
    acc.service.rename_project(acc.project, "A")
    acc.service.add_project(acc.hub, "B")
    acc.service.faults.fail(status(403), route="top_folders", path_contains=acc.project)
    found = rows(acc.home.run("discover", "autodesk", "--json"))
    assert [(row["kind"], row["name"], row["problem"] is None) for row in found] == [
        ("hub", "Example Construction", True),
        ("project", "A", False),
        ("project", "B", True),
        ("folder", "Project Files", True),
    ]
    assert "403" in found[1]["problem"]


def test_a_hub_that_does_not_answer_says_so_and_the_rest_goes_on(acc: Acc) -> None:
    other = acc.service.add_hub("Other")
    acc.service.add_project(other, "Theirs")
    acc.service.faults.fail(status(503), times=None, route="projects", path_contains=other)
    ended = acc.home.run("discover", "autodesk", "--json")
    assert ended.code == 75
    found = json.loads(ended.out)["found"]
    assert {row["name"]: row["problem"] is None for row in found if row["kind"] == "hub"} == {
        "Example Construction": True,
        "Other": False,
    }
    assert acc.project in [row["id"] for row in found]


def test_silent_regions_are_ordinary_and_an_outage_is_not(acc: Acc) -> None:
    ended = acc.home.run("discover", "autodesk", "--json")
    assert (ended.code, json.loads(ended.out)["outages"]) == (0, [])
    acc.service.add_hub("Down", "EMEA")
    acc.service.regions_down.add("EMEA")
    ended = acc.home.run("discover", "autodesk", "--json")
    assert ended.code == 75
    assert "does not answer now" in json.loads(ended.out)["outages"][0]
    assert "autodesk: a part of Autodesk does not answer now" in ended.err
    assert "outage" not in acc.home.run("discover", "autodesk").out


def test_a_login_that_is_let_in_nowhere_is_told_what_to_do(acc: Acc) -> None:
    acc.service.add_app(CLIENT_ID, CLIENT_SECRET, hubs=[])
    ended = acc.home.run("discover", "autodesk")
    assert ended.code == 77
    assert "Custom Integrations" in ended.err


def test_names_do_nothing_to_the_terminal(acc: Acc) -> None:
    acc.service.rename_project(acc.project, "a\nb\x1b[31m\u202e")
    out = acc.home.run("discover", "autodesk").out
    assert out.replace("\n", "").isprintable()
    assert len(out.splitlines()) == 4


# --- Google ---------------------------------------------------------------------------------


def test_shared_drives_and_their_top_folders_are_shown(drive: Drive) -> None:
    state = drive.service.state
    plans = state.add_folder(drive.shared, "Plans")
    state.add_folder(plans, "Deep")
    state.add_file(drive.shared, "file.pdf", 1)
    other = state.add_drive("Bridge", READER)
    found = rows(drive.home.run("discover", "google", "--json"))
    assert [(row["kind"], row["id"], row["name"], row["level"]) for row in found] == [
        ("drive", other, "Bridge", 0),
        ("drive", drive.shared, "Tower", 0),
        ("folder", plans, "Plans", 1),
    ]
    assert found[2]["endpoint_details"] == {"drive_id": drive.shared, "folder_id": plans}
    assert drive.service.count() == 3


def test_one_drive_can_be_looked_at_and_folders_left_out(drive: Drive) -> None:
    drive.service.state.add_drive("Bridge", READER)
    found = rows(drive.home.run("discover", "google", "--drive", drive.shared, "--no-folders", "--json"))
    assert [row["id"] for row in found] == [drive.shared]
    assert drive.service.count() == 1
    assert drive.home.run("discover", "google", "--drive", "0Abc").code == 1


def test_a_person_is_shown_my_drive_too(drive: Drive) -> None:
    state = drive.service.state
    state.add_user("ann@example.com")
    mine = state.add_folder(state.root_of("ann@example.com"), "Mine")
    scopes = ["https://www.googleapis.com/auth/drive.readonly"]
    file = drive.home.path / "credentials" / "ann.json"
    drive.service.tokens.make_user_file(file, "ann@example.com", scopes)
    ended = drive.home.run("discover", "google", "--json", GOOGLE_CREDENTIALS_PATH=str(file))
    assert [(row["kind"], row["name"]) for row in rows(ended)] == [("my_drive", "My Drive"), ("folder", "Mine")]
    assert rows(ended)[1]["id"] == mine
    drive.home.configure()
    pasted = drive.home.run("discover", "google", "--yaml", GOOGLE_CREDENTIALS_PATH=str(file))
    config = drive.home.path / "config" / "connector.yaml"
    config.write_text(f"endpoints:\n{pasted.out}", encoding="utf-8")
    assert drive.home.run("config", "check", GOOGLE_CREDENTIALS_PATH=str(file)).code == 0


def test_yaml_of_drives_can_be_pasted(drive: Drive) -> None:
    drive.home.configure()
    for name in HOSTILE:
        drive.service.state.add_folder(drive.service.state.add_drive(name, READER), name)
    ended = drive.home.run("discover", "google", "--yaml")
    assert ended.code == 0, ended.err
    ids = {each["endpoint_details"]["drive_id"] for each in paste(drive.home, ended.out)}
    assert ids == set(drive.service.state.drives)


# --- wrong calls ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["autodes"], "did you mean autodesk? allowed: autodesk, google"),
        (["autodesk", "--drive", "x"], "--drive does not apply to autodesk"),
        (["google", "--hub", "x"], "--hub does not apply to google"),
        (["autodesk", "--yaml", "--json"], "exclude each other"),
    ],
)
def test_a_wrong_call_is_one_line(acc: Acc, arguments: list[str], words: str) -> None:
    ended = acc.home.run("discover", *arguments)
    assert ended.code == 2
    assert words in ended.err


def test_what_is_configured_already_is_no_second_endpoint_when_pasted(acc: Acc) -> None:
    other = acc.service.add_project(acc.hub, "P")
    config = acc.home.path / "config" / "connector.yaml"
    there = f"  - name: P\n    endpoint_type: autodesk_construction_cloud\n    endpoint_details: {{project_id: {acc.project}}}\n"
    config.write_text(f"endpoints:\n{there}", encoding="utf-8")
    written = acc.home.run("discover", "autodesk", "--yaml").out
    assert 'exists already, as "P"' in written
    assert written.count("# folder_id:") == 1  # of the other one
    config.write_text(f"endpoints:\n{there}{written}", encoding="utf-8")
    assert acc.home.run("config", "check").code == 0
    rows = json.loads(acc.home.run("endpoints", "--json").out)["endpoints"]
    assert [row["endpoint_details"]["project_id"] for row in rows] == [acc.project, other]
    assert len({row["name"] for row in rows}) == 2
