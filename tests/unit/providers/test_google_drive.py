"""The Google Drive provider against the simulated service, over real HTTP on loopback."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import pytest

from filesync.core.errors import (
    ConfigError,
    ForbiddenError,
    NotAdmittedError,
    NotFoundError,
    RefusedError,
    ResponseError,
    StoppedError,
)
from filesync.core.model import (
    Candidate,
    Changed,
    FolderListed,
    Gone,
    Identity,
    KnownFolder,
    Page,
    RemoteFile,
    Resolved,
    Rooted,
    ScopeListed,
)
from filesync.http import Connector, Counters
from filesync.providers.base import Provider
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.location import Places
from filesync.providers.google_drive.provider import GoogleDriveProvider
from filesync.providers.google_drive.refusals import explain
from filesync.providers.google_drive.routes import ROUTES
from filesync.providers.google_drive.scope import DriveScope
from filesync.providers.google_drive.translate import to_item
from filesync.runtime.clock import Stop
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import METADATA_READONLY
from filesync.simulators.drive import GoogleDrive as Simulator
from filesync.simulators.drive.listing import PAGE_WITH_PARENTS
from filesync.simulators.faults import ENDLESS, hang, status
from filesync.simulators.trees import grow
from tests.unit.providers.drive_memory import Memory

USER, OTHER = "ana@example.com", "ben@example.com"
PAGE = 460  # what Drive gives where parents are asked for

Open = Callable[..., Provider]


@dataclass
class Bearer:
    """An Authoriser with a token that needs no login."""

    token: str

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def renew(self, rejected: Mapping[str, str]) -> None:
        raise AssertionError


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(SimulatedClock(datetime(2026, 3, 1, tzinfo=UTC), frozen=True)) as sim:
        sim.state.add_user(USER)
        sim.state.add_user(OTHER)
        yield sim


@pytest.fixture
def stop(sim: Simulator) -> Stop:
    return Stop(sim.clock)


@pytest.fixture
def connect(sim: Simulator, stop: Stop, tmp_path: Path) -> Iterator[Open]:
    connector = Connector(
        clock=sim.clock,
        stop=stop,
        counters=Counters(),
        limits_folder=tmp_path / "limits",
        percent=100,
        random=random.Random(1),
    )

    def open_provider(
        drive_id: str | None = None, folder_id: str | None = None, *, shared_with_me: bool = False
    ) -> Provider:
        sim.reset()
        login = Bearer(sim.token_for(USER, METADATA_READONLY))
        connection = connector.connect(
            base_url=sim.base_url, routes=ROUTES, client_key=USER, authoriser=login, explain=explain
        )
        scope = DriveScope(drive_id, folder_id, shared_with_me, USER)
        return GoogleDriveProvider(
            Drive(connection, sim.base_url), scope, sim.clock.now, lambda: Identity("user", "c", USER)
        )

    yield open_provider
    connector.close()


@pytest.fixture
def drive(sim: Simulator) -> str:
    return sim.state.add_drive("Example Tower", USER)


@pytest.fixture
def folder(sim: Simulator, drive: str) -> str:
    """Give a folder of the drive, with a smaller tree beside it."""
    sim.state.add_file(sim.state.add_folder(drive, "Beside"), "outside.pdf")
    return sim.state.add_folder(drive, "Inside")


def check(sim: Simulator, memory: Memory, scope: str, *, strays: bool = False) -> None:
    rows = sim.truth(USER, scope, strays=strays)
    expected = {row["id"]: (row["path"], row["size"], row["md5"], row["head_revision_id"]) for row in rows}
    assert memory.inventory() == expected


# --- the first sync ---


def test_a_shared_drive_is_listed_flat_within_the_budget(sim: Simulator, drive: str, connect: Open) -> None:
    tree = grow(sim.state, drive, files=1500, seed=3)
    memory = Memory()
    memory.sync(connect(drive))
    check(sim, memory, drive)
    items = len(tree.files) + len(tree.folders)
    assert sim.count() <= ceil(items / PAGE) + 5
    assert sim.count("files.list") <= ceil(items / PAGE) + 1


def test_an_empty_drive_is_listed(sim: Simulator, drive: str, connect: Open) -> None:
    memory = Memory()
    memory.sync(connect(drive))
    assert memory.inventory() == {}
    assert memory.of(ScopeListed)
    assert sim.count() <= 5


def test_my_drive_is_what_hangs_below_its_root(sim: Simulator, connect: Open) -> None:
    mine, theirs = sim.state.root_of(USER), sim.state.root_of(OTHER)
    grow(sim.state, mine, files=40)
    shared = sim.state.add_folder(theirs, "Theirs")
    sim.state.add_file(shared, "theirs.pdf")
    sim.state.share_with(shared, USER)
    memory = Memory()
    memory.sync(connect())
    check(sim, memory, mine)
    (rooted,) = memory.of(Rooted)
    assert isinstance(rooted, Rooted)
    assert (rooted.root.name, rooted.root.listable, rooted.adopt_into) == ("", False, None)


@pytest.mark.parametrize("unseen_parents", [False, True])
def test_what_is_shared_with_me_hangs_below_its_own_folder(sim: Simulator, connect: Open, unseen_parents: bool) -> None:
    sim.unseen_parents = unseen_parents
    mine, theirs = sim.state.root_of(USER), sim.state.root_of(OTHER)
    sim.state.add_file(mine, "mine.pdf")
    shared = sim.state.add_folder(theirs, "Theirs")
    grow(sim.state, shared, files=20)
    sim.state.share_with(shared, USER)
    sim.state.share_with(sim.state.add_file(theirs, "alone.pdf"), USER)
    memory = Memory()
    memory.sync(connect(shared_with_me=True))
    check(sim, memory, mine, strays=True)
    memory.sync(connect(shared_with_me=True))
    assert sim.count() == 1
    check(sim, memory, mine, strays=True)
    memory.full = True
    memory.sync(connect(shared_with_me=True))
    assert memory.fates == {}
    check(sim, memory, mine, strays=True)


def test_a_subtree_is_complete_although_grouped_queries_lose_children(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    tree = grow(sim.state, folder, files=600, folders=130, seed=5)
    memory = Memory()
    memory.sync(connect(drive, folder))
    check(sim, memory, folder)
    listed = [batch.folder_id for batch in memory.of(FolderListed) if isinstance(batch, FolderListed)]
    assert sorted(listed) == sorted([folder, *tree.folders])


def test_grouping_saves_requests(sim: Simulator, drive: str, folder: str, connect: Open) -> None:
    sim.grouped_parents_lose = False
    for number in range(100):
        sim.state.add_file(sim.state.add_folder(folder, f"F{number}"), "a.pdf")
    memory = Memory()
    memory.sync(connect(drive, folder))
    check(sim, memory, folder)
    assert sim.count("files.list") == 1 + 2
    assert max(len(str(request.query)) for request in sim.requests) < 6000


def test_an_empty_folder_is_asked_for_alone_before_it_is_called_empty(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    empty, full = sim.state.add_folder(folder, "Empty"), sim.state.add_folder(folder, "Full")
    sim.state.add_file(full, "a.pdf")
    memory = Memory()
    memory.sync(connect(drive, folder))
    alone = [request.query["q"] for request in sim.requests if request.route == "files.list"]
    assert f"('{empty}' in parents) and trashed = false" in alone


def test_a_folder_of_several_pages_loses_nothing(sim: Simulator, folder: str, connect: Open) -> None:
    for number in range(2 * PAGE + 1):
        sim.state.add_file(folder, f"{number}.pdf")
    memory = Memory()
    memory.sync(connect(folder_id=folder))
    check(sim, memory, folder)
    (listed,) = memory.of(FolderListed)
    assert isinstance(listed, FolderListed)
    assert len(listed.files) == 2 * PAGE + 1


def test_a_folder_shared_out_of_a_drive_is_followed_in_the_users_own_log(sim: Simulator, connect: Open) -> None:
    other = sim.state.add_drive("Not a member", OTHER)
    shared = sim.state.add_folder(other, "Shared")
    below = sim.state.add_folder(shared, "Below")
    sim.state.share_with(shared, USER)
    sim.state.add_file(below, "a.pdf")
    memory = Memory()
    memory.sync(connect(folder_id=shared))
    check(sim, memory, shared)
    sim.state.add_file(below, "b.pdf")
    memory.sync(connect(folder_id=shared))
    check(sim, memory, shared)
    assert sim.count() == 1


def test_what_stays_shared_is_adopted_when_the_folder_above_it_is_not(sim: Simulator, connect: Open) -> None:
    sim.unseen_parents = True
    above = sim.state.add_folder(sim.state.root_of(OTHER), "Above")
    kept = sim.state.add_file(above, "kept.pdf")
    sim.state.share_with(above, USER)
    memory = Memory()
    memory.sync(connect(shared_with_me=True))
    sim.state.share_with(kept, USER)
    sim.state.unshare(above, USER)
    memory.sync(connect(shared_with_me=True))
    check(sim, memory, sim.state.root_of(USER), strays=True)


# --- later syncs ---


def scopes(sim: Simulator, drive: str, folder: str) -> list[tuple[Mapping[str, str], str]]:
    mine = sim.state.root_of(USER)
    in_mine = sim.state.add_folder(mine, "In mine")
    for parent in (mine, in_mine, drive, folder):
        grow(sim.state, parent, files=12, folders=3)
    return [
        ({}, mine),
        ({"drive_id": drive}, drive),
        ({"drive_id": drive, "folder_id": folder}, folder),
        ({"folder_id": folder}, folder),
        ({"folder_id": in_mine}, in_mine),
    ]


def test_nothing_changed_costs_one_request_and_writes_no_cursor(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    for details, root in scopes(sim, drive, folder):
        memory = Memory()
        memory.sync(connect(**details))
        check(sim, memory, root)
        memory.sync(connect(**details))
        assert sim.count() == 1
        assert not any(getattr(batch, "state", None) for batch in memory.batches)


def test_each_change_is_one_page_of_changes_in_every_scope(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    for details, root in scopes(sim, drive, folder):
        memory = Memory()
        file = sim.state.add_file(root, "plan.pdf")
        doomed = sim.state.add_file(root, "doomed.pdf")
        above = sim.state.add_folder(root, "Above")
        sim.state.add_file(sim.state.add_folder(above, "Sub"), "deep.pdf")
        memory.sync(connect(**details))
        changes: list[tuple[Callable[..., None], Sequence[str | int]]] = [
            (sim.state.new_revision, (file, 77)),
            (sim.state.rename, (file, "other.pdf")),
            (sim.state.move, (file, above)),
            (sim.state.rename, (above, "Renamed")),
            (sim.state.trash, (doomed,)),
            (sim.state.untrash, (doomed,)),
            (sim.state.delete, (doomed,)),
            (sim.state.trash, (above,)),
        ]
        for change, arguments in changes:
            change(*arguments)
            memory.sync(connect(**details))
            assert sim.count() == 1
            check(sim, memory, root)


def test_the_fates_that_the_log_tells(sim: Simulator, connect: Open) -> None:
    mine, drive = sim.state.root_of(USER), sim.state.add_drive("Elsewhere", USER)
    trashed, deleted, moved = (sim.state.add_file(mine, name) for name in ("t.pdf", "d.pdf", "m.pdf"))
    memory = Memory()
    memory.sync(connect())
    sim.state.trash(trashed)
    sim.state.delete(deleted)
    sim.state.move(moved, drive)
    memory.sync(connect())
    assert memory.fates == {trashed: Gone.TRASHED, deleted: Gone.REMOVED, moved: Gone.REMOVED}


@pytest.mark.parametrize("flat", [True, False])
def test_a_subtree_that_moves_in_is_listed(sim: Simulator, connect: Open, flat: bool) -> None:
    mine = sim.state.root_of(USER)
    inside = sim.state.add_folder(mine, "Inside")
    outside = sim.state.add_drive("Elsewhere", USER) if flat else mine
    tree = sim.state.add_folder(outside, "Coming")
    grow(sim.state, tree, files=30, folders=6)
    details = {} if flat else {"folder_id": inside}
    memory = Memory()
    memory.sync(connect(**details))
    sim.state.move(tree, inside)
    memory.sync(connect(**details))
    check(sim, memory, mine if flat else inside)


def test_a_subtree_that_moves_out_is_left_to_the_store(sim: Simulator, folder: str, drive: str, connect: Open) -> None:
    leaving = sim.state.add_folder(folder, "Leaving")
    sim.state.add_file(leaving, "a.pdf")
    memory = Memory()
    memory.sync(connect(folder_id=folder))
    sim.state.move(leaving, drive)
    memory.sync(connect(folder_id=folder))
    assert sim.count() == 1
    check(sim, memory, folder)


def test_several_pages_of_changes_and_empty_ones_are_followed_to_the_end(
    sim: Simulator, drive: str, connect: Open
) -> None:
    memory = Memory()
    memory.sync(connect(drive))
    for number in range(2 * PAGE + 5):
        sim.state.add_file(drive, f"{number}.pdf")
    sim.empty_change_pages = True
    memory.sync(connect(drive))
    check(sim, memory, drive)
    sim.empty_change_pages = False
    memory.sync(connect(drive))
    assert sim.count() == 1


def test_every_page_of_changes_carries_its_own_cursor(sim: Simulator, drive: str, connect: Open) -> None:
    memory = Memory()
    memory.sync(connect(drive))
    for number in range(PAGE + 1):
        sim.state.add_file(drive, f"{number}.pdf")
    memory.sync(connect(drive), batches=2)  # Rooted, and the first page
    assert len(memory.files) == PAGE
    memory.sync(connect(drive))
    check(sim, memory, drive)
    assert sim.count() == 1


# --- relisting, stopped listings, dead tokens ---


def test_a_relisting_follows_the_changes_first_and_takes_no_new_cursor(
    sim: Simulator, drive: str, connect: Open
) -> None:
    grow(sim.state, drive, files=50)
    memory = Memory()
    memory.sync(connect(drive))
    sim.state.add_file(drive, "new.pdf")
    memory.full = True
    memory.sync(connect(drive))
    check(sim, memory, drive)
    assert sim.count("changes.getStartPageToken") == 0
    assert [type(batch) for batch in memory.batches[:2]] == [Rooted, Changed]
    assert memory.of(ScopeListed)


@pytest.mark.parametrize("batches", range(1, 9))
def test_a_stopped_listing_goes_on_and_ends_as_an_undisturbed_one(
    sim: Simulator, drive: str, connect: Open, batches: int
) -> None:
    grow(sim.state, drive, files=1000, folders=500)
    memory = Memory()
    memory.sync(connect(drive), batches=batches)
    stated = [page for page in memory.of(Page) if isinstance(page, Page) and (page.files or page.folders)]
    had_ended = bool(memory.of(ScopeListed))
    sim.state.add_file(drive, "meanwhile.pdf")
    memory.sync(connect(drive))
    check(sim, memory, drive)
    pages = sum(ceil(len(each) / PAGE_WITH_PARENTS) for page in stated for each in (page.files, page.folders))
    # Only what was read ahead of the statements, not stated pages; on a slow machine one statement may hold several
    # pages, and so many batches may have been the whole listing.
    assert sim.count("files.list") == 2 + 3 - (0 if had_ended else pages)
    assert memory.of(ScopeListed)


@pytest.mark.parametrize("batches", range(1, 12, 2))
def test_a_stopped_listing_of_a_subtree_goes_on(
    sim: Simulator, drive: str, folder: str, connect: Open, batches: int
) -> None:
    grow(sim.state, folder, files=60, folders=30)
    memory = Memory()
    memory.sync(connect(drive, folder), batches=batches)
    sim.state.add_file(folder, "meanwhile.pdf")
    memory.sync(connect(drive, folder))
    check(sim, memory, folder)


def test_a_listing_whose_page_token_died_is_begun_again(sim: Simulator, drive: str, connect: Open) -> None:
    grow(sim.state, drive, files=1000, folders=10)
    memory = Memory()
    memory.sync(connect(drive), batches=5)  # Rooted, cursor, folders, FoldersKnown, a page of files
    sim.clock.advance(24 * 3600)
    memory.sync(connect(drive))
    check(sim, memory, drive)
    assert sim.count("files.list") == 1 + 3
    assert sim.requests[0].route == "files.get"


def test_a_page_token_that_dies_again_is_an_error(sim: Simulator, drive: str, connect: Open) -> None:
    grow(sim.state, drive, files=1000, folders=10)
    refused = b'{"error":{"code":400,"errors":[{"reason":"invalid","location":"pageToken"}]}}'
    sim.faults.fail(status(400, refused), route="files.list", path_contains="pageToken", times=None)
    with pytest.raises(RefusedError, match="page token"):
        Memory().sync(connect(drive))


@pytest.mark.parametrize("dead", [400, 410])
def test_a_dead_change_token_leads_to_a_full_listing_and_keeps_the_rows(
    sim: Simulator, drive: str, folder: str, connect: Open, dead: int
) -> None:
    sim.dead_token_status = dead
    for details, root in scopes(sim, drive, folder):
        memory = Memory()
        memory.sync(connect(**details))
        before = dict(memory.files)
        sim.state.add_file(sim.state.add_folder(root, "Unseen"), "unseen.pdf")
        sim.kill_change_tokens()
        memory.sync(connect(**details))
        check(sim, memory, root)
        assert before.items() <= memory.files.items()
        memory.sync(connect(**details))
        assert sim.count() == 1
        assert "listing" not in memory.state


def test_a_listing_for_a_dead_token_that_was_stopped_is_not_forgotten(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    for details, root in scopes(sim, drive, folder):
        memory = Memory()
        memory.sync(connect(**details))
        sim.state.add_file(sim.state.add_folder(root, "Unseen"), "unseen.pdf")
        sim.kill_change_tokens()
        memory.sync(connect(**details), batches=3)
        memory.sync(connect(**details))
        check(sim, memory, root)


def test_a_full_listing_goes_on_from_the_one_that_a_dead_token_began(sim: Simulator, drive: str, connect: Open) -> None:
    grow(sim.state, drive, files=20, folders=5)
    memory = Memory()
    memory.sync(connect(drive))
    sim.kill_change_tokens()
    memory.sync(connect(drive), batches=4)  # Rooted, cursor, folders, FoldersKnown
    memory.full = True
    memory.sync(connect(drive))
    assert sim.count("files.get") == 1  # the root; no folder was missed and looked up
    check(sim, memory, drive)


def test_an_incomplete_search_is_no_success_and_removes_nothing(sim: Simulator, drive: str, connect: Open) -> None:
    gone = sim.state.add_file(drive, "gone.pdf")
    memory = Memory()
    memory.sync(connect(drive))
    memory.full = True
    sim.incomplete_search = True
    sim.faults.fail(status(200, b'{"changes":[],"newStartPageToken":"1"}'), route="changes.list", times=2)
    sim.state.delete(gone)
    memory.sync(connect(drive))
    assert "incompleteSearch" in memory.unreadable[drive]
    assert not memory.of(ScopeListed)
    assert gone in memory.files


def test_an_incomplete_search_in_a_subtree_makes_the_folder_unreadable(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    subs = [sim.state.add_folder(folder, name) for name in ("One", "Two")]
    for sub in subs:
        sim.state.add_file(sub, "a.pdf")
    memory = Memory()
    memory.sync(connect(drive, folder), batches=4)
    sim.incomplete_search = True
    memory.sync(connect(drive, folder))
    assert sorted(memory.unreadable) == sorted(subs)
    assert not memory.of(FolderListed)


# --- what was not shown is looked up ---


def resolve(provider: Provider, memory: Memory, *candidates: Candidate) -> dict[str, Gone | Page | None]:
    found: dict[str, Gone | Page | None] = {}
    for batch in provider.resolve(candidates, memory):
        if isinstance(batch, Resolved):
            found[batch.id] = batch.gone
        elif isinstance(batch, Page):
            found.update({file.id: batch for file in batch.files})
    return found


def test_each_candidate_gets_its_fate(sim: Simulator, drive: str, folder: str, connect: Open) -> None:
    names = ("here", "trashed", "deleted", "outside", "moved", "secret")
    ids = {name: sim.state.add_file(folder, f"{name}.pdf") for name in names}
    sub = sim.state.add_folder(folder, "Sub")
    memory = Memory()
    memory.sync(connect(drive, folder))
    sim.state.trash(ids["trashed"])
    sim.state.delete(ids["deleted"])
    sim.state.move(ids["outside"], drive)
    sim.state.move(ids["moved"], sub)
    sim.faults.fail(
        status(403, b'{"error":{"errors":[{"reason":"insufficientFilePermissions"}]}}'), path_contains=ids["secret"]
    )
    found = resolve(connect(drive, folder), memory, *(Candidate(one, False, folder) for one in ids.values()))
    page = found.pop(ids["moved"])
    assert isinstance(page, Page)
    assert [file.parent_id for file in page.files] == [sub]
    assert found == {
        ids["here"]: None,
        ids["trashed"]: Gone.TRASHED,
        ids["deleted"]: Gone.REMOVED,
        ids["outside"]: Gone.OUT_OF_SCOPE,
        ids["secret"]: Gone.ACCESS_LOST,
    }
    assert sim.count() == len(ids) + 1  # the root, before a refusal counts


def test_a_candidate_in_another_drive_is_out_of_scope(sim: Simulator, drive: str, connect: Open) -> None:
    file = sim.state.add_file(drive, "a.pdf")
    memory = Memory()
    memory.sync(connect(drive))
    sim.state.move(file, sim.state.add_drive("Other", USER))
    assert resolve(connect(drive), memory, Candidate(file, False, drive)) == {file: Gone.OUT_OF_SCOPE}
    mine = sim.state.root_of(USER)
    with_strays = connect(shared_with_me=True)
    Memory().sync(with_strays)
    assert resolve(with_strays, Memory(), Candidate(file, False, mine)) == {file: Gone.OUT_OF_SCOPE}


def test_a_refusal_of_the_whole_account_is_nobodys_fate(sim: Simulator, drive: str, connect: Open) -> None:
    file = sim.state.add_file(drive, "a.pdf")
    memory = Memory()
    memory.sync(connect(drive))
    not_admitted = ("accessNotConfigured", "insufficientPermissions", "domainPolicy")
    kinds = {"dailyLimitExceeded": ForbiddenError, **dict.fromkeys(not_admitted, NotAdmittedError)}
    for reason, kind in kinds.items():
        sim.faults.fail(status(403, f'{{"error":{{"errors":[{{"reason":"{reason}"}}]}}}}'.encode()))
        with pytest.raises(kind, match=r"OAUTH_SETUP\.md"):
            resolve(connect(drive), memory, Candidate(file, False, drive))


def test_many_candidates_are_looked_up_once_each(sim: Simulator, drive: str, connect: Open) -> None:
    files = [sim.state.add_file(drive, f"{number}.pdf") for number in range(40)]
    memory = Memory()
    memory.sync(connect(drive))
    found = resolve(connect(drive), memory, *(Candidate(file, False, drive) for file in files))
    assert found == dict.fromkeys(files)
    assert sim.count("files.get") == 40


# --- what cannot be read ---


@pytest.mark.parametrize("flat", [True, False])
def test_a_folder_with_limited_access_is_unreadable_until_it_opens(
    sim: Simulator, drive: str, folder: str, connect: Open, flat: bool
) -> None:
    details = {"drive_id": drive} if flat else {"folder_id": folder}
    limited = sim.state.add_folder(folder, "HR")
    sim.state.add_file(limited, "secret.pdf")
    sim.state.restrict(limited)
    memory = Memory()
    memory.sync(connect(**details))
    assert list(memory.unreadable) == [limited]
    memory.sync(connect(**details))
    assert list(memory.unreadable) == [limited]
    sim.state.unrestrict(limited)
    memory.sync(connect(**details))
    assert memory.unreadable == {}
    check(sim, memory, drive if flat else folder)


def test_a_folder_that_is_refused_is_unreadable_and_the_rest_is_listed(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    refused, fine = sim.state.add_folder(folder, "Refused"), sim.state.add_folder(folder, "Fine")
    sim.state.add_file(fine, "a.pdf")
    not_found = b'{"error":{"code":404,"message":"File not found: .","errors":[{"reason":"notFound"}]}}'
    sim.faults.fail(status(404, not_found), route="files.list", path_contains=refused, times=None)
    memory = Memory()
    memory.sync(connect(drive, folder))
    assert list(memory.unreadable) == [refused]
    check(sim, memory, folder)


def test_a_vanished_folder_is_not_listed_but_looked_up(sim: Simulator, drive: str, folder: str, connect: Open) -> None:
    gone = sim.state.add_folder(folder, "Gone")
    sim.state.add_file(gone, "a.pdf")
    memory = Memory()
    memory.sync(connect(drive, folder))
    memory.full = True
    cursor = memory.state["cursor"]
    nothing = f'{{"changes":[],"newStartPageToken":"{cursor}"}}'.encode()
    sim.faults.fail(status(200, nothing), route="changes.list")  # the log is late
    sim.faults.fail(hang(0.3), route="files.list", path_contains=f"q=%28%27{folder}%27+in+parents%29")
    sim.state.delete(gone)
    memory.sync(connect(drive, folder))
    assert memory.unreadable == {}
    assert memory.fates == {gone: Gone.REMOVED}


def test_a_root_that_cannot_be_seen_fails_and_says_what_to_do(sim: Simulator, connect: Open) -> None:
    theirs = sim.state.add_folder(sim.state.root_of(OTHER), "Theirs")
    with pytest.raises(NotFoundError, match=f"folder {theirs} cannot be read by {USER}: share the folder"):
        Memory().sync(connect(folder_id=theirs))
    other = sim.state.add_drive("Not a member", OTHER)
    with pytest.raises(NotFoundError, match=f"shared drive {other} cannot be read by {USER}: add that address"):
        Memory().sync(connect(other))


def test_a_root_that_may_not_be_opened_fails(sim: Simulator, drive: str, folder: str, connect: Open) -> None:
    sim.state.restrict(folder)
    with pytest.raises(ForbiddenError, match=f"folder {folder} may be seen but not opened by {USER}: share the folder"):
        Memory().sync(connect(drive, folder))


def test_a_root_that_is_refused_while_it_is_listed_fails(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    sim.faults.fail(status(404, b'{"error":{"errors":[{"reason":"notFound"}]}}'), route="files.list")
    with pytest.raises(NotFoundError, match=f"folder {folder} cannot be read by {USER}"):
        Memory().sync(connect(drive, folder))


def test_a_root_in_the_trash_fails(sim: Simulator, drive: str, folder: str, connect: Open) -> None:
    memory = Memory()
    sim.state.add_file(folder, "a.pdf")
    memory.sync(connect(drive, folder))
    sim.state.trash(folder)
    for full in (False, True):
        memory.full = full
        with pytest.raises(NotFoundError, match="is in the trash"):
            memory.sync(connect(drive, folder))
    assert len(memory.files) == 1
    sim.state.untrash(folder)
    memory.sync(connect(drive, folder))
    check(sim, memory, folder)


def test_a_root_that_was_deleted_or_lost_fails_and_removes_nothing(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    memory, whole = Memory(), Memory()
    sim.state.add_file(folder, "a.pdf")
    memory.sync(connect(drive, folder))
    whole.sync(connect(drive))
    sim.state.delete(folder)
    with pytest.raises(NotFoundError, match="cannot be read"):
        memory.sync(connect(drive, folder))
    sim.state.delete_drive(drive)
    for lost, details in ((memory, (drive, folder)), (whole, (drive,))):
        with pytest.raises(NotFoundError, match="cannot be read"):
            lost.sync(connect(*details))
        assert lost.files


def test_a_root_that_is_no_folder_is_a_mistake_in_the_configuration(
    sim: Simulator, drive: str, folder: str, connect: Open
) -> None:
    file = sim.state.add_file(drive, "a.pdf")
    with pytest.raises(ConfigError, match="is a file"):
        Memory().sync(connect(folder_id=file))
    shortcut = sim.state.add_shortcut(drive, "Short", folder)
    with pytest.raises(ConfigError, match=f"leads to {folder}"):
        Memory().sync(connect(folder_id=shortcut))
    elsewhere = sim.state.add_drive("Other", USER)
    with pytest.raises(ConfigError, match="is not in shared drive"):
        Memory().sync(connect(elsewhere, folder))


# --- the service misbehaves ---


def test_a_page_that_leads_back_to_itself_is_an_error(sim: Simulator, drive: str, folder: str, connect: Open) -> None:
    memory = Memory()
    memory.sync(connect(drive))
    grow(sim.state, drive, files=PAGE + 10, folders=2)
    sim.faults.fail(ENDLESS, route="changes.list", times=None)
    with pytest.raises(ResponseError, match="named twice"):
        memory.sync(connect(drive))
    sim.faults.clear()
    for number in range(PAGE + 10):
        sim.state.add_file(folder, f"{number}.pdf")
    sim.faults.fail(ENDLESS, route="files.list", times=None)
    for details in ((drive,), (drive, folder)):
        with pytest.raises(ResponseError, match="named twice"):
            Memory().sync(connect(*details))


@pytest.mark.parametrize("tokens", [b"", b',"nextPageToken":"7","newStartPageToken":"8"'])
def test_a_page_of_changes_with_neither_or_both_tokens_is_an_error(
    sim: Simulator, drive: str, connect: Open, tokens: bytes
) -> None:
    memory = Memory()
    memory.sync(connect(drive))
    sim.faults.fail(status(200, b'{"changes":[]' + tokens + b"}"), route="changes.list")
    with pytest.raises(ResponseError, match=r"/drive/v3/changes: .* of its two tokens"):
        memory.sync(connect(drive))


def test_the_403_for_asking_too_fast_is_retried(sim: Simulator, drive: str, connect: Open) -> None:
    grow(sim.state, drive, files=10)
    for reason in ("userRateLimitExceeded", "rateLimitExceeded"):
        sim.faults.fail(status(403, f'{{"error":{{"errors":[{{"reason":"{reason}"}}]}}}}'.encode()))
    memory = Memory()
    memory.sync(connect(drive))
    check(sim, memory, drive)


def test_closing_the_generator_abandons_the_workers(sim: Simulator, drive: str, folder: str, connect: Open) -> None:
    for number in range(5):
        sim.state.add_folder(folder, f"F{number}")
    memory = Memory()
    reading = connect(drive, folder).read(memory)
    for batch in reading:
        memory.put(batch)
        if isinstance(batch, FolderListed):
            break
    sim.faults.fail(hang(), times=None)
    reading.close()  # type: ignore[attr-defined]
    ours = [thread for thread in threading.enumerate() if thread.name == "filesync worker"]
    for thread in ours:
        thread.join(5)
    assert not any(thread.is_alive() for thread in ours)


def test_a_stop_ends_a_listing_that_waits_for_an_answer(
    sim: Simulator, drive: str, folder: str, stop: Stop, connect: Open
) -> None:
    sim.faults.fail(hang(), route="files.list")
    threading.Timer(0.2, stop.request).start()
    with pytest.raises(StoppedError):
        Memory().sync(connect(drive, folder))


# --- places ---


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
