"""Listings of a Google Drive that are stopped at every page and go on minutes, hours or days later.

Between the pieces people move folders out and back, also to other drives, upload many files, and rename what filters
name; filters, ages and scope change. After a sync that came to its end the database says what the model says, and what
is withheld is what the filters leave out; at no time is something marked removed that is there, nor is anybody asked
about deletions while everything is there. `-m soak --hypothesis-profile=night` walks on for hours.
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from filesync.simulators import faults
from filesync.store.sqlite.database import open_for_writing
from filesync.sync.options import SyncOptions
from tests.adversarial.model.drive_machine import FILTERS, SCOPES, N, PeopleAtWork
from tests.adversarial.model.filters import Filters
from tests.adversarial.model.killing import Death, sync_and_die

PERCENTS = st.sampled_from([100, 50, 50, 20])
FULL = st.booleans()
TENTHS = st.integers(0, 10)
LENGTHS = (60, 60, 1200, 3000, 3 * 3600, 5 * 3600, 7 * 3600)  # a page token lives for some hours
AGES = (Filters(modified_before="30d"), Filters(modified_after="30d"))


@pytest.fixture(autouse=True)
def everything_is_done_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """State each page by itself (else those that come together, which is chance), and do in steps what is for few files."""
    monkeypatch.setattr("filesync.providers.google_drive.prefetch._AT_ONCE", 1)
    for at_once in ("owed.STEP", "sync_writer.STEP", "sync_writer._ASKED_AT_ONCE", "flat_listing._AT_ONCE"):
        monkeypatch.setattr(f"filesync.store.write.{at_once}", 3)


class StoppedMachine(PeopleAtWork):
    """One listing after the other that hardly ever comes to its end in one piece."""

    may_lag = False
    tells_causes = False

    @initialize(size=st.integers(2, 5), percent=PERCENTS, files=st.integers(0, 30), which=N, is_known=st.booleans())
    def begin(self, *, size: int, percent: float, files: int, which: int, is_known: bool) -> None:
        self.model.max_delete_percent = self.percent = percent
        self.model.in_steps = True
        self.drive.largest_page = size
        self.filters = (*FILTERS, *FILTERS[:1] * 5)[which % (len(FILTERS) + 5)]
        self.configure()
        open_for_writing(self.home.database).close()
        for number in range(2):
            self.make_full_folder(number, which, number)
        self.upload(which, files, which, 0)
        if is_known:
            self.sync_undisturbed(full=False)

    # What people do

    @rule(where=N, files=st.sampled_from([1, 3, 12, 30]), name=N, age=st.sampled_from([0, 29, 29, 31]))
    def upload(self, where: int, files: int, name: int, age: int) -> None:
        folder = self.folder_at(where)
        for number in range(files):
            self.people.make_file(folder, name + number, number, age)

    @rule(where=N, files=st.sampled_from([1, 5, 30]), name=N, seconds=st.sampled_from(LENGTHS), at=TENTHS)
    def upload_and_sync_a_piece(self, where: int, files: int, name: int, seconds: int, at: int) -> None:
        """Upload files, hear of them, get a little on with the listing; then time passes."""
        self.upload(where, files, name, 0)
        self.rest()
        self.sync_a_piece(at, seconds, full=False)

    @rule(which=N, seconds=st.sampled_from(LENGTHS), at=TENTHS, is_new=st.booleans())
    def send_a_folder_out_and_back(self, which: int, seconds: int, at: int, *, is_new: bool) -> None:
        """Move a folder out of the drive, sync a piece, put something into it, move it back."""
        folders = [
            item for item in self.people.folders(self.scope) if not item.is_root and item.home != self.people.theirs
        ]
        folder = folders[which % len(folders)]
        before = folder.parent_id
        if folder.id == self.scope.root or before not in self.people.state.items:
            return
        self.move_to(folder, self.people.state.items[self.people.other])
        self.rest()
        self.sync_a_piece(at, seconds, full=False)
        folder, parent = self.people.state.items[folder.id], self.people.state.items[before]
        if is_new:
            self.people.make_file(folder, which, which, 0)
        self.move_to(folder, parent)

    @rule(which=N, name=N, seconds=st.sampled_from(LENGTHS), at=TENTHS)
    def rename_a_folder_between_pieces(self, which: int, name: int, seconds: int, at: int) -> None:
        folders = [item for item in self.people.folders(self.scope) if not item.is_root]
        self.sync_a_piece(at, seconds, full=True)
        self.people.rename(self.people.state.items[folders[which % len(folders)].id], name)

    # What happens to the settings

    @rule(which=N, seconds=st.sampled_from(LENGTHS), at=TENTHS, full=st.booleans())
    def change_filters_between_pieces(self, which: int, seconds: int, at: int, *, full: bool) -> None:
        self.sync_a_piece(at, seconds, full=full)
        self.change_filters(which)

    @rule(which=N, seconds=st.sampled_from(LENGTHS), at=TENTHS)
    def change_scope_and_sync_a_piece(self, which: int, seconds: int, at: int) -> None:
        self.change_scope(which)
        self.sync_a_piece(at, seconds, full=False)

    @rule(which=N, days=st.integers(1, 3), at=TENTHS)
    def let_an_age_pass_between_pieces(self, which: int, days: int, at: int) -> None:
        self.filters = AGES[which % len(AGES)]
        self.configure()
        self.sync_a_piece(at, days * 86400, full=True)

    @rule(size=st.integers(1, 5))
    def send_small_pages(self, size: int) -> None:
        self.drive.largest_page = size

    # Pieces

    @rule(at=TENTHS, seconds=st.sampled_from(LENGTHS), full=FULL)
    def sync_a_piece(self, at: int, seconds: int, *, full: bool) -> None:
        """Be stopped by a signal after so many tenths of the statements that there will be, more or less."""
        after = 2 + self.count_pages() * at // 10
        with self.disturbed() as ended:
            ended.append(self.home.sync_stopped(after, "E", full=full))
        self.pass_time(seconds)

    def count_pages(self) -> int:
        found = self.part.found()
        folders = sum(item.is_folder for item, _ in found)
        if "folder_id" in self.scope.details:
            return folders
        size = self.drive.largest_page
        return -(-folders // size) - (folders - len(found)) // size + 1

    @rule(nth=st.integers(1, 9), seconds=st.sampled_from(LENGTHS), full=FULL)
    def sync_until_an_outage(self, nth: int, seconds: int, *, full: bool) -> None:
        self.drive.faults.fail(faults.status(500), nth=nth, times=None, route="files.list")
        self.sync_disturbed(full=full)
        self.drive.faults.clear()
        self.pass_time(seconds)

    @rule(
        at=st.sampled_from(["commit", "committed"]), nth=st.integers(3, 14), seconds=st.sampled_from(LENGTHS), full=FULL
    )
    def sync_until_killed(self, at: Any, nth: int, seconds: int, *, full: bool) -> None:
        with self.disturbed() as ended:
            ended.append(None)
            sync_and_die(self.home, SyncOptions(everything=True, full=full), Death(at, nth))
        self.pass_time(seconds)


def machine(scope: str) -> type[StoppedMachine]:
    return type("StoppedMachine", (StoppedMachine,), {"first_scope": scope})


@pytest.mark.parametrize("scope", SCOPES)
def test_whatever_happens_between_the_pieces_of_a_listing_nothing_is_lost(scope: str) -> None:
    run_state_machine_as_test(machine(scope), settings=settings(max_examples=2, stateful_step_count=30))


@pytest.mark.soak
@pytest.mark.parametrize("scope", SCOPES)
def test_whatever_happens_between_the_pieces_of_very_many_listings_nothing_is_lost(scope: str) -> None:
    run_state_machine_as_test(machine(scope), settings=settings(max_examples=3000, stateful_step_count=50))
