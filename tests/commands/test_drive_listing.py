"""How a drive, a folder of it and My Drive are listed and followed, what it costs, and what a root must be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from filesync.simulators import faults
from filesync.simulators.trees import grow
from tests.support.homes import READER, Drive
from tests.support.truth import assert_drive_truth

OTHER = "ben@example.com"
PAGE = 460  # what Drive gives where parents are asked for
SCOPES = ("a shared drive", "a folder of a drive", "a folder of a drive by its id", "My Drive", "a folder of My Drive")


@dataclass(frozen=True)
class Scope:
    """What an endpoint covers: its details, and the item below which it lists."""

    details: Mapping[str, str]
    root: str


def read(drive: Drive, **details: object) -> None:
    """Make the endpoint cover this."""
    drive.home.configure({"name": "D", "endpoint_details": details, "max_delete_percent": 100})


def scope_called(drive: Drive, name: str) -> Scope:
    """Build both kinds of drive with a folder in each, and choose the endpoint's part of them."""
    state = drive.service.state
    mine = state.root_of(READER)
    in_drive, in_mine = state.add_folder(drive.shared, "Inside"), state.add_folder(mine, "In mine")
    for parent in (mine, in_mine, drive.shared, in_drive):
        grow(state, parent, files=12, folders=3)
    scope = dict(
        zip(
            SCOPES,
            (
                Scope({"drive_id": drive.shared}, drive.shared),
                Scope({"drive_id": drive.shared, "folder_id": in_drive}, in_drive),
                Scope({"folder_id": in_drive}, in_drive),
                Scope({"subject": READER}, mine),
                Scope({"folder_id": in_mine, "subject": READER}, in_mine),
            ),
            strict=True,
        )
    )[name]
    read(drive, **scope.details)
    return scope


def folder_endpoint(drive: Drive) -> str:
    """Make the endpoint one folder of the drive, with something beside it."""
    state = drive.service.state
    state.add_file(state.add_folder(drive.shared, "Beside"), "outside.pdf")
    folder = state.add_folder(drive.shared, "Inside")
    read(drive, drive_id=drive.shared, folder_id=folder)
    return folder


def sync(drive: Drive, *, full: bool = False) -> int:
    """Sync with success, and count the requests."""
    drive.service.reset()
    outcome = drive.home.sync(full=full)
    assert outcome.status == "success", outcome
    return drive.service.count()


# --- listing ---


@pytest.mark.parametrize("name", SCOPES)
def test_nothing_changed_costs_one_request_and_writes_no_cursor(drive: Drive, name: str) -> None:
    scope = scope_called(drive, name)
    sync(drive)
    assert_drive_truth(drive.home, scope.root)
    before = drive.home.query("SELECT provider_state FROM sync_state"), drive.home.last_seq()
    assert sync(drive) == 1
    assert (drive.home.query("SELECT provider_state FROM sync_state"), drive.home.last_seq()) == before


@pytest.mark.parametrize("name", SCOPES)
def test_each_change_is_one_page_of_changes_in_every_scope(drive: Drive, name: str) -> None:
    scope, state = scope_called(drive, name), drive.service.state
    file, doomed = (state.add_file(scope.root, name) for name in ("plan.pdf", "doomed.pdf"))
    above = state.add_folder(scope.root, "Above")
    state.add_file(state.add_folder(above, "Sub"), "deep.pdf")
    sync(drive)
    for change, *arguments in (
        (state.new_revision, file, 77),
        (state.rename, file, "other.pdf"),
        (state.move, file, above),
        (state.rename, above, "Renamed"),
        (state.trash, doomed),
        (state.untrash, doomed),
        (state.delete, doomed),
        (state.trash, above),
    ):
        change(*arguments)
        assert sync(drive) == 1
        assert_drive_truth(drive.home, scope.root)


def test_a_subtree_is_complete_although_grouped_queries_lose_children(drive: Drive) -> None:
    folder = folder_endpoint(drive)
    grow(drive.service.state, folder, files=600, folders=130, seed=5)
    sync(drive)
    assert_drive_truth(drive.home, folder)


def test_folders_are_asked_for_in_groups_and_those_without_a_result_alone(drive: Drive) -> None:
    drive.service.grouped_parents_lose = False
    folder, state = folder_endpoint(drive), drive.service.state
    for number in range(100):
        state.add_file(state.add_folder(folder, f"F{number}"), "a.pdf")
    empty = state.add_folder(folder, "Empty")
    sync(drive)
    assert_drive_truth(drive.home, folder)
    asked = [request for request in drive.service.requests if request.route == "files.list"]
    alone = [request for request in asked if request.query["q"] == f"('{empty}' in parents) and trashed = false"]
    assert (len(asked), len(alone)) == (1 + 3 + 1, 1)
    assert max(len(str(request.query)) for request in asked) < 6000


def test_a_folder_shared_out_of_a_drive_is_followed_in_the_users_own_log(drive: Drive) -> None:
    state = drive.service.state
    state.add_user(OTHER)
    shared = state.add_folder(state.add_drive("Not a member", OTHER), "Shared")
    below = state.add_folder(shared, "Below")
    state.share_with(shared, READER)
    state.add_file(below, "a.pdf")
    read(drive, folder_id=shared)
    sync(drive)
    state.add_file(below, "b.pdf")
    assert sync(drive) == 1
    assert_drive_truth(drive.home, shared)


@pytest.mark.parametrize("is_flat", [True, False])
def test_a_subtree_that_moves_in_is_listed_and_one_that_moves_out_is_not(drive: Drive, *, is_flat: bool) -> None:
    state = drive.service.state
    inside = folder_endpoint(drive)
    outside = state.add_drive("Elsewhere", READER) if is_flat else drive.shared
    if is_flat:
        read(drive, drive_id=drive.shared)
    coming = state.add_folder(outside, "Coming")
    grow(state, coming, files=30, folders=6)
    sync(drive)
    state.move(coming, inside)
    sync(drive)
    assert_drive_truth(drive.home, drive.shared if is_flat else inside)
    state.move(coming, outside)
    assert sync(drive) == 1
    assert_drive_truth(drive.home, drive.shared if is_flat else inside)


# --- the log of changes, and listing again ---


def test_several_pages_of_changes_and_empty_ones_are_followed_to_the_end(drive: Drive) -> None:
    sync(drive)
    for number in range(2 * PAGE + 5):
        drive.service.state.add_file(drive.shared, f"{number}.pdf")
    drive.service.empty_change_pages = True
    sync(drive)
    assert_drive_truth(drive.home, drive.shared)
    drive.service.empty_change_pages = False
    assert sync(drive) == 1


def test_every_page_of_changes_carries_its_own_cursor(drive: Drive) -> None:
    sync(drive)
    for number in range(PAGE + 1):
        drive.service.state.add_file(drive.shared, f"{number}.pdf")
    assert drive.home.sync_stopped(2).status == "interrupted"  # the root, and the first page
    assert len(drive.home.files()) == PAGE
    assert sync(drive) == 1
    assert_drive_truth(drive.home, drive.shared)


def test_listing_again_follows_the_changes_first_and_takes_no_new_cursor(drive: Drive) -> None:
    grow(drive.service.state, drive.shared, files=50)
    sync(drive)
    drive.service.state.add_file(drive.shared, "new.pdf")
    sync(drive, full=True)
    assert_drive_truth(drive.home, drive.shared)
    routes = [request.route for request in drive.service.requests]
    assert "changes.getStartPageToken" not in routes
    assert routes.index("changes.list") < routes.index("files.list")


@pytest.mark.parametrize("name", SCOPES)
def test_a_listing_for_a_dead_token_that_was_stopped_is_not_forgotten(drive: Drive, name: str) -> None:
    scope, state = scope_called(drive, name), drive.service.state
    sync(drive)
    state.add_file(state.add_folder(scope.root, "Unseen"), "unseen.pdf")
    drive.service.kill_change_tokens()
    drive.home.sync_stopped(3)
    sync(drive)
    assert_drive_truth(drive.home, scope.root)


def test_a_full_listing_goes_on_from_the_one_that_a_dead_token_began(drive: Drive) -> None:
    grow(drive.service.state, drive.shared, files=20, folders=5)
    sync(drive)
    drive.service.kill_change_tokens()
    drive.home.sync_stopped(4)  # the root, the cursor, the folders, and that these are all
    sync(drive, full=True)
    assert drive.service.count("files.get") == 1  # the root; no folder was missed and looked up
    assert_drive_truth(drive.home, drive.shared)


# --- what was not shown ---


def test_what_a_listing_does_not_show_gets_the_fate_that_its_look_up_tells(drive: Drive) -> None:
    folder, state = folder_endpoint(drive), drive.service.state
    sub = state.add_folder(folder, "Sub")
    names = ("here", "trashed", "deleted", "outside", "another drive", "moved", "secret")
    ids = {name: state.add_file(folder, name) for name in names}
    sync(drive)
    state.trash(ids["trashed"])
    state.delete(ids["deleted"])
    state.move(ids["outside"], drive.shared)
    state.move(ids["another drive"], state.add_drive("Another", READER))
    state.move(ids["moved"], sub)
    state.delete(ids["secret"])
    drive.service.kill_change_tokens()
    refusal = b'{"error":{"errors":[{"reason":"insufficientFilePermissions"}]}}'
    drive.service.faults.fail(faults.status(403, refusal), path_contains=ids["secret"])
    sync(drive)
    assert drive.service.count("files.get") == 1 + 5 + 1  # the root, the missing ones, the root before a refusal counts
    rows = drive.home.query("SELECT file_name, deleted_reason FROM files WHERE deleted_at IS NOT NULL")
    assert {row["file_name"]: row["deleted_reason"] for row in rows} == {
        "trashed": "trashed",
        "deleted": "removed",
        "outside": "out_of_scope",
        "another drive": "out_of_scope",
        "secret": "access_lost",
    }
    assert drive.home.paths() == ["/Sub/moved", "/here"]


def test_a_vanished_folder_is_not_listed_but_looked_up(drive: Drive) -> None:
    folder, state = folder_endpoint(drive), drive.service.state
    gone = state.add_folder(folder, "Gone")
    state.add_file(gone, "a.pdf")
    sync(drive)
    (row,) = drive.home.query("SELECT provider_state FROM sync_state")
    nothing = {"changes": [], "newStartPageToken": json.loads(row["provider_state"])["cursor"]}
    drive.service.faults.fail(faults.status(200, json.dumps(nothing).encode()), route="changes.list")  # the log is late
    drive.service.faults.fail(faults.hang(0.3), route="files.list", path_contains=f"q=%28%27{folder}%27+in+parents%29")
    state.delete(gone)
    assert drive.home.sync(full=True).status == "success"
    assert drive.home.query("SELECT deleted_reason FROM files") == [{"deleted_reason": "removed"}]


def test_a_folder_that_is_refused_is_unreadable_and_the_rest_is_listed(drive: Drive) -> None:
    folder, state = folder_endpoint(drive), drive.service.state
    refused, fine = state.add_folder(folder, "Refused"), state.add_folder(folder, "Fine")
    state.add_file(fine, "a.pdf")
    not_found = b'{"error":{"code":404,"message":"File not found: .","errors":[{"reason":"notFound"}]}}'
    drive.service.faults.fail(faults.status(404, not_found), route="files.list", path_contains=refused, times=None)
    outcome = drive.home.sync()
    assert (outcome.status, "/Refused" in str(outcome.error_message)) == ("partial", True)
    assert_drive_truth(drive.home, folder)


# --- roots that cannot be read ---


def assert_refused(drive: Drive, said: str, *, full: bool = False) -> None:
    """Sync, and see that it fails with these words and changes nothing."""
    before = drive.home.paths() if drive.home.database.exists() else []
    outcome = drive.home.sync(full=full)
    assert (outcome.status, said in str(outcome.error_message)) == ("failed", True), outcome
    assert drive.home.paths() == before


def test_a_root_that_cannot_be_seen_fails_and_says_what_to_do(drive: Drive) -> None:
    state = drive.service.state
    state.add_user(OTHER)
    theirs, other = state.add_folder(state.root_of(OTHER), "Theirs"), state.add_drive("Not a member", OTHER)
    read(drive, folder_id=theirs)
    assert_refused(drive, f"folder {theirs} cannot be read by {READER}: share the folder")
    read(drive, drive_id=other)
    assert_refused(drive, f"shared drive {other} cannot be read by {READER}: add that address")


def test_a_root_that_may_not_be_opened_fails(drive: Drive) -> None:
    folder = folder_endpoint(drive)
    drive.service.state.restrict(folder)
    assert_refused(drive, f"folder {folder} may be seen but not opened by {READER}: share the folder")


def test_a_root_that_is_refused_while_it_is_listed_fails(drive: Drive) -> None:
    folder = folder_endpoint(drive)
    not_found = b'{"error":{"errors":[{"reason":"notFound"}]}}'
    drive.service.faults.fail(faults.status(404, not_found), route="files.list")
    assert_refused(drive, f"folder {folder} cannot be read by {READER}")


def test_a_root_in_the_trash_or_deleted_fails_and_removes_nothing(drive: Drive) -> None:
    folder, state = folder_endpoint(drive), drive.service.state
    state.add_file(folder, "a.pdf")
    sync(drive)
    state.trash(folder)
    for full in (False, True):
        assert_refused(drive, "is in the trash", full=full)
    state.untrash(folder)
    sync(drive)
    assert_drive_truth(drive.home, folder)
    state.delete(folder)
    assert_refused(drive, "cannot be read")
    state.delete_drive(drive.shared)
    assert_refused(drive, "cannot be read")


def test_a_root_that_is_no_folder_is_a_mistake_in_the_configuration(drive: Drive) -> None:
    folder, state = folder_endpoint(drive), drive.service.state
    read(drive, folder_id=state.add_file(drive.shared, "a.pdf"))
    assert_refused(drive, "is a file")
    read(drive, folder_id=state.add_shortcut(drive.shared, "Short", folder))
    assert_refused(drive, f"leads to {folder}")
    read(drive, drive_id=state.add_drive("Other", READER), folder_id=folder)
    assert_refused(drive, "is not in shared drive")


@pytest.mark.parametrize("route", ["changes.list", "files.list"])
def test_a_page_that_leads_back_to_itself_is_an_error(drive: Drive, route: str) -> None:
    folder = folder_endpoint(drive)
    sync(drive)
    for number in range(PAGE + 10):
        drive.service.state.add_file(folder, f"{number}.pdf")
    drive.service.faults.fail(faults.ENDLESS, route=route, times=None)
    outcome = drive.home.sync(full=route == "files.list")
    assert (outcome.status, "named twice" in str(outcome.error_message)) == ("failed", True), outcome
