"""How a project or one of its folders is found and listed, and what becomes of what a listing no longer shows."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from filesync.simulators import faults
from tests.support.homes import Acc
from tests.support.truth import assert_acc_truth

NOWHERE = "b.00000000-0000-4000-8000-000000000000"


def read(acc: Acc, **details: object) -> None:
    """Make the endpoint cover this part of the project."""
    details = {"project_id": acc.project, **details}
    acc.home.configure({"name": "P", "endpoint_details": details, "max_delete_percent": 100})


@pytest.fixture
def tree(acc: Acc) -> dict[str, str]:
    """Build Project Files/{A/{B/{C}},D} with two files in each; give ids by name."""
    ids = {"top": acc.top}
    for name, parent in (("A", "top"), ("B", "A"), ("C", "B"), ("D", "top")):
        ids[name] = acc.service.add_folder(ids[parent], name)
    for name in ("top", "A", "B", "C", "D"):
        ids[f"{name}1"] = acc.service.add_file(ids[name], f"{name}1.pdf", 100)
        ids[f"{name}2"] = acc.service.add_file(ids[name], f"{name}2.dwg", 200)
    read(acc)
    return ids


def sync(acc: Acc, *, full: bool = False) -> int:
    """Sync with success once all is settled, and count the requests."""
    acc.settle()
    outcome = acc.home.sync(full=full)
    assert outcome.status == "success", outcome
    return acc.service.count()


def reasons(acc: Acc) -> dict[str, str]:
    rows = acc.home.query("SELECT file_name, deleted_reason FROM files WHERE deleted_at IS NOT NULL")
    return {row["file_name"].partition(".")[0]: row["deleted_reason"] for row in rows}


def assert_refused(acc: Acc, *said: str) -> None:
    """Sync, and see that it fails with these words."""
    acc.settle()
    outcome = acc.home.sync()
    assert outcome.status == "failed"
    assert not [words for words in said if words not in str(outcome.error_message)], outcome.error_message


# --- finding a project ---


def test_the_project_is_found_in_the_last_of_several_hubs(acc: Acc) -> None:
    acc.service.add_hub("Fusion", fusion=True)
    read(acc, project_id=acc.service.add_project(acc.service.add_hub("Second", "US"), "Elsewhere"))
    assert sync(acc) == 1 + 2 + 2
    (row,) = acc.home.query("SELECT external_project_name, hub_name, region FROM endpoints")
    assert tuple(row.values()) == ("Elsewhere", "Second", "US")


def test_a_project_or_hub_that_is_not_there_is_named_by_its_setting(acc: Acc) -> None:
    read(acc, project_id=NOWHERE)
    assert_refused(acc, "in no hub that this login sees (1)")
    read(acc, project_id=NOWHERE, hub_id=acc.hub)
    assert_refused(acc, f"not in hub {acc.hub}")
    read(acc, hub_id=NOWHERE)
    assert_refused(acc, "endpoint_details.hub_id")


def test_a_region_that_does_not_answer_is_nobodys_mistake(acc: Acc) -> None:
    region = acc.service.hubs[acc.hub].region
    read(acc, project_id=acc.service.add_project(acc.service.add_hub("Second", "EMEA"), "Elsewhere"))
    for down in ({"EMEA"}, {"EMEA", region}):
        acc.service.regions_down = down
        assert_refused(acc, "region")


def test_an_archived_project_is_not_looked_for_elsewhere(acc: Acc) -> None:
    sync(acc)
    acc.service.archive_project(acc.project)
    assert_refused(acc, "archived or closed")
    assert acc.service.count() == 1


def test_a_project_that_is_not_where_it_was_is_looked_for_once_more(acc: Acc, tree: dict[str, str]) -> None:
    sync(acc)
    former = acc.service.add_hub("Former")
    with closing(sqlite3.connect(acc.home.database)) as connection, connection:
        state = json.loads(connection.execute("SELECT provider_state FROM sync_state").fetchone()[0])
        connection.execute("UPDATE sync_state SET provider_state = ?", (json.dumps({**state, "hub_id": former}),))
    sync(acc)
    assert_acc_truth(acc.home, acc.project)
    assert sync(acc) == 1


# --- listing ---


def test_a_stamp_that_is_too_fresh_is_read_once_more(acc: Acc, tree: dict[str, str]) -> None:
    acc.settle()
    late = acc.service.add_file(acc.top, "late.pdf")  # within the second of the look
    acc.home.sync()
    acc.service.rename_file(late, "later.pdf")  # in the same second: the stamp stays
    sync(acc)
    assert_acc_truth(acc.home, acc.project)
    assert sync(acc) == 1


def test_a_full_listing_reads_every_folder_once(acc: Acc, tree: dict[str, str]) -> None:
    sync(acc)
    folders = acc.service.count("contents")
    assert sync(acc, full=True) == 1 + folders
    assert acc.service.count("contents") == folders


def test_a_link_that_leads_in_a_circle_is_refused(acc: Acc, tree: dict[str, str]) -> None:
    acc.service.faults.fail(faults.ENDLESS, route="contents", times=None)
    for _ in range(2):  # from the third time on it is those folders' own trouble
        assert_refused(acc, "contents")
        assert acc.service.count() < 30


def test_system_folders_are_listed_when_asked_for_and_leave_the_scope_with_the_setting(acc: Acc) -> None:
    photos = next(f.id for f in acc.service.projects[acc.project].root.folders.values() if f.name == "Photos")
    acc.service.add_file(photos, "site.jpg")
    read(acc, include_system_folders=True)
    sync(acc)
    assert acc.home.paths() == ["/Photos/site.jpg"]
    read(acc)
    sync(acc)
    assert reasons(acc) == {"site": "out_of_scope"}


def test_the_projects_root_as_endpoint_folder_leaves_system_folders_out_too(acc: Acc, tree: dict[str, str]) -> None:
    root = acc.service.root_folder(acc.project)
    read(acc, folder_id=root)
    sync(acc)
    assert_acc_truth(acc.home, acc.project)
    names = acc.home.query("SELECT folder_name FROM folders WHERE parent_external_id = ?", root)
    assert {row["folder_name"] for row in names} <= {"Project Files", "Plans"}


def test_a_member_sees_his_deep_folders_at_their_real_paths(acc: Acc, tree: dict[str, str]) -> None:
    user = acc.service.add_user("Bob Example")

    def assert_shown() -> None:
        rows = acc.service.truth(acc.project, user=user)
        assert acc.home.paths() == sorted(row["path"] for row in rows)

    acc.service.add_member(acc.project, user, [tree["C"], tree["D"]])
    read(acc, act_as_user=user)
    sync(acc)
    assert_shown()
    assert sync(acc) == 1
    acc.service.add_member(acc.project, user, [tree["D"]])
    sync(acc)
    assert_shown()
    assert reasons(acc) == {"C1": "access_lost", "C2": "access_lost"}
    acc.service.add_member(acc.project, user)  # an administrator now
    sync(acc)
    assert_shown()
    assert len(acc.home.paths()) == 10


def test_an_endpoint_folder_that_is_deleted_or_refused_fails_the_sync(acc: Acc, tree: dict[str, str]) -> None:
    acc.service.hide_folder(tree["A"])
    read(acc, folder_id=tree["A"])
    assert_refused(acc, "was deleted")
    acc.service.revoke_access(tree["D"])
    read(acc, folder_id=tree["D"])
    assert_refused(acc, "folder_id")
    acc.service.grant_access(tree["D"])
    acc.service.faults.fail(faults.status(403), route="contents", times=None)
    assert_refused(acc, "folder contents")


# --- what a listing does not show any more ---


def test_a_hidden_file_is_trashed_although_its_version_says_nothing(acc: Acc, tree: dict[str, str]) -> None:
    sync(acc)
    acc.service.rules.deletion_adds_version = False
    acc.service.hide_file(tree["A1"])
    sync(acc, full=True)
    assert reasons(acc) == {"A1": "trashed"}


def test_a_file_that_moved_into_a_trashed_folder_is_trashed(acc: Acc, tree: dict[str, str]) -> None:
    sync(acc)
    new = acc.service.add_folder(tree["D"], "new")
    acc.service.move_file(tree["A1"], acc.service.add_folder(new, "newer"))
    acc.service.hide_folder(new)
    sync(acc, full=True)
    assert reasons(acc) == {"A1": "trashed"}
    assert_acc_truth(acc.home, acc.project)


def test_one_forbidden_and_one_purged_file_among_many_are_told_apart_at_little_cost(
    acc: Acc, tree: dict[str, str]
) -> None:
    files = [acc.service.add_file(tree["A"], f"{number}.pdf") for number in range(50)]
    sync(acc)
    for file in files[:48]:
        acc.service.hide_file(file)
    acc.service.revoke_access(files[48])
    acc.service.remove_for_good(files[49])
    sync(acc, full=True)
    assert reasons(acc) == {**{str(number): "trashed" for number in range(48)}, "48": "access_lost", "49": "removed"}
    assert acc.service.count("commands") + acc.service.count("item") < 25  # halved until those two are alone


def test_ids_that_the_command_leaves_out_are_asked_alone(acc: Acc, tree: dict[str, str]) -> None:
    sync(acc)
    acc.service.rules.list_items_all_or_nothing = False
    acc.service.hide_file(tree["A1"])
    acc.service.remove_for_good(tree["A2"])
    sync(acc, full=True)
    assert reasons(acc) == {"A1": "trashed", "A2": "removed"}
    assert acc.service.count("commands") == 1


def test_what_moved_where_no_listing_shows_it_comes_with_the_way_to_it(acc: Acc, tree: dict[str, str]) -> None:
    sync(acc)
    deep = acc.service.add_folder(acc.service.add_folder(tree["D"], "new"), "newer")
    acc.service.move_file(tree["A1"], tree["D"])
    acc.service.move_file(tree["A2"], deep)
    acc.service.move_folder(tree["B"], deep)

    def without_news(contents: Any) -> Any:
        return {**contents, "data": [entry for entry in contents["data"] if entry["id"] in {tree["D1"], tree["D2"]}]}

    acc.service.faults.fail(faults.altered(without_news), route="contents", path_contains=tree["D"].rpartition(":")[2])
    sync(acc, full=True)
    assert reasons(acc) == {}
    assert_acc_truth(acc.home, acc.project)


def test_what_leaves_the_endpoints_folder_is_out_of_scope(acc: Acc, tree: dict[str, str]) -> None:
    read(acc, folder_id=tree["A"])
    sync(acc)
    acc.service.move_file(tree["A1"], tree["D"])
    acc.service.move_folder(tree["C"], tree["D"])
    sync(acc, full=True)
    assert reasons(acc) == dict.fromkeys(("A1", "C1", "C2"), "out_of_scope")
    assert acc.home.paths() == ["/A2.dwg", "/B/B1.pdf", "/B/B2.dwg"]


def test_what_moves_into_a_folder_that_is_left_out_is_out_of_scope(acc: Acc, tree: dict[str, str]) -> None:
    sync(acc)
    photos = next(f.id for f in acc.service.projects[acc.project].root.folders.values() if f.name == "Photos")
    acc.service.move_folder(tree["C"], photos)
    sync(acc, full=True)
    assert reasons(acc) == dict.fromkeys(("C1", "C2"), "out_of_scope")
    assert_acc_truth(acc.home, acc.project)


@pytest.mark.parametrize(
    ("vanish", "reason", "asked"),  # the files of a folder that is closed may be open elsewhere
    [("hide_folder", "trashed", 0), ("remove_for_good", "removed", 0), ("revoke_access", "access_lost", 3)],
)
def test_a_vanished_folder_is_asked_once_for_all_below_it(
    acc: Acc, tree: dict[str, str], vanish: str, reason: str, asked: int
) -> None:
    sync(acc)
    acc.service.rules.hide_revoked = True
    getattr(acc.service, vanish)(tree["C"])
    sync(acc, full=True)
    assert reasons(acc) == dict.fromkeys(("C1", "C2"), reason)
    assert acc.service.count("commands") + acc.service.count("item") == asked
    assert_acc_truth(acc.home, acc.project)


def test_a_moved_folder_is_read_at_its_new_place_without_a_look_up(acc: Acc, tree: dict[str, str]) -> None:
    sync(acc)
    folders = acc.service.count("contents")
    acc.service.move_folder(tree["B"], tree["D"])
    assert sync(acc, full=True) == 1 + folders
    assert reasons(acc) == {}
    assert_acc_truth(acc.home, acc.project)
