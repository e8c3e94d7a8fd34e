"""Continuing: a sync that is stopped anywhere is gone on with, and ends with the rows of one that was not."""

import threading
from collections.abc import Iterator

from filesync.testing.assertions import claim, claim_same
from filesync.testing.inventory import Inventory
from filesync.testing.stage import Stage

_MOST_STARTS = 100


class Continuing(Stage):
    """What closing `read` early promises."""

    def test_a_first_listing_stopped_anywhere_ends_with_the_same_rows(self) -> None:
        self._grow_wide()
        self.there.settle()
        undisturbed = self.inventory("undisturbed")
        undisturbed.complete()
        undisturbed.claim_truth("undisturbed")
        for stop_after in _stops(undisturbed.batches):
            stopped = self.inventory(f"stopped after {stop_after} of {undisturbed.batches} batches")
            self._stop_once(stopped, stop_after)
            _finish(stopped)
            stopped.claim_truth(f"when first {stopped.name}")
            claim_same(stopped.rows(), undisturbed.rows(), f"files when first {stopped.name}")

    def test_a_first_listing_stopped_again_and_again_comes_to_its_end(self) -> None:
        self._grow_wide()
        self.there.settle()
        inventory = self.inventory()
        for _ in range(3):
            inventory.sync(stop_after=2)
        _finish(inventory)
        inventory.claim_truth("after several stops")

    def test_a_relisting_stopped_anywhere_still_tells_the_truth(self) -> None:
        ids = self._grow_wide()
        self.there.settle()
        stops = (1, 3, 7)
        inventories = [self.inventory(f"relisting stopped after {stop} batches") for stop in stops]
        for inventory in inventories:
            inventory.complete()
        self._rearrange(ids)
        self.there.settle()
        for stop_after, inventory in zip(stops, inventories, strict=True):
            inventory.sync(full=True, stop_after=stop_after)
            _finish(inventory)
            inventory.complete(full=True)
            inventory.claim_truth(f"by {inventory.name}")

    def test_a_usual_sync_stopped_anywhere_loses_no_change(self) -> None:
        ids = self._grow_wide()
        self.there.settle()
        stops = (1, 2, 3)
        inventories = [self.inventory(f"stopped after {stop} batches") for stop in stops]
        for inventory in inventories:
            inventory.complete()
        self.site.add_file(ids["Older"], "new.pdf")
        self.site.new_version(ids["c.pdf"], 777)
        self.site.add_file(self.site.add_folder(ids["Letters"], "new folder"), "newer.pdf")
        self.there.settle()
        for stop_after, inventory in zip(stops, inventories, strict=True):
            inventory.sync(stop_after=stop_after)
            _finish(inventory)
            inventory.claim_truth(f"when {inventory.name}")

    def test_a_closed_generator_leaves_no_thread_behind(self) -> None:
        self._grow_wide()
        self.there.settle()
        for stop_after in (1, 2, 5):
            before = set(threading.enumerate())
            self.inventory(f"closed after {stop_after}").sync(stop_after=stop_after)
            self.claim_ended(before, f"closed after {stop_after} batches")

    def test_a_generator_that_came_to_its_end_leaves_no_thread_behind(self) -> None:
        self._grow_wide()
        self.there.settle()
        before = set(threading.enumerate())
        self.inventory().complete()
        self.claim_ended(before, "at its end")

    def _stop_once(self, inventory: Inventory, stop_after: int) -> None:
        outcome = inventory.sync(stop_after=stop_after)
        claim(outcome.status in {"interrupted", "success"}, f"{inventory.name}: {outcome.error_message}")
        gone = inventory.gone()
        claim(not gone, f"{inventory.name}: it removed {len(gone)} files")

    def _grow_wide(self) -> dict[str, str]:
        """Make a tree whose listing takes a good many batches."""
        ids = self.site.grow()
        for number in range(8):
            folder = self.site.add_folder(ids["Letters"], f"week {number}")
            self.site.add_file(self.site.add_folder(folder, "inside"), f"{number}.pdf")
        big = self.site.add_folder(self.site.root, "big")
        for number in range(self.there.page_size + 1):
            self.site.add_file(big, f"{number:05}.pdf", number)
        return ids

    def _rearrange(self, ids: dict[str, str]) -> None:
        self.site.rename(ids["Plans"], "Drawings")
        self.site.new_version(ids["e.pdf"], 999)
        self.site.add_file(ids["Older"], "new.pdf")
        self.site.move(ids["b.dwg"], ids["Older"])
        self.site.move(ids["Older"], ids["Letters"])
        self.site.trash(ids["c.pdf"])


def _stops(batches: int) -> Iterator[int]:
    """Yield numbers of batches to stop after: the first ones, some in between, and the last ones."""
    yield from sorted({number for number in (1, 2, 4, 8, batches // 2, batches - 1) if 0 <= number < batches})


def _finish(inventory: Inventory) -> None:
    """Start again until a sync comes to its end."""
    for _ in range(_MOST_STARTS):
        outcome = inventory.sync()
        if outcome.status != "interrupted":
            claim(outcome.status == "success", f"{inventory.name}: went on and failed: {outcome.error_message}")
            return
    raise AssertionError(f"{inventory.name}: never comes to its end")
