"""Changing: whatever people do, the rows say it afterwards, and a row stays the file's own."""

from collections.abc import Callable
from dataclasses import dataclass

from filesync.testing.assertions import claim
from filesync.testing.inventory import Inventory
from filesync.testing.stage import Stage


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """What happened between two syncs, and both inventories that looked: one as usual, one listing afresh."""

    inventories: tuple[Inventory, Inventory]
    row_ids: dict[str, int]  # of the files before, by the service's id

    def claim_kind(self, file: str, *kinds: str) -> None:
        """Claim what the feed calls the last change of a file."""
        for inventory in self.inventories:
            found = [change["kind"] for change in inventory.changes() if change["external_file_id"] == file]
            claim(found[-1] in kinds, f"{inventory.name}: the feed says {found[-1]}, not {' or '.join(kinds)}")

    def claim_gone(self, files: list[str], *reasons: str) -> None:
        """Claim that files are marked as gone, and why."""
        for inventory in self.inventories:
            gone = inventory.gone()
            for file in files:
                why = gone[file]["deleted_reason"] if file in gone else "still there"
                claim(why in reasons, f"{inventory.name}: file {file!r} is {why}, not {' or '.join(reasons)}")


class Changing(Stage):
    """What a sync after a change promises."""

    def test_a_second_sync_writes_nothing(self) -> None:
        self.site.grow()
        self.there.settle()
        inventory = self.inventory()
        inventory.complete()
        for full in (False, True, False):
            inventory.claim_quiet("when nothing happened", full=full)

    def test_new_files_and_folders_are_found(self) -> None:
        def add(ids: dict[str, str]) -> None:
            self.site.add_file(ids["Older"], "new.pdf")
            self.site.add_file(self.site.add_folder(ids["Letters"], "new folder"), "newer.pdf")

        self._watch(add)

    def test_a_new_version_keeps_the_row_and_is_modified(self) -> None:
        change = self._watch(lambda ids: self.site.new_version(ids["d.ifc"], 4321))
        change.claim_kind(self.ids["d.ifc"], "modified")

    def test_a_renamed_file_keeps_its_row(self) -> None:
        change = self._watch(lambda ids: self.site.rename(ids["a.pdf"], "renamed.dwg"))
        change.claim_kind(self.ids["a.pdf"], "renamed")

    def test_a_renamed_folder_renames_every_path_below(self) -> None:
        change = self._watch(lambda ids: self.site.rename(ids["Plans"], "Drawings / current"))
        change.claim_kind(self.ids["d.ifc"], "moved")

    def test_a_moved_file_keeps_its_row(self) -> None:
        change = self._watch(lambda ids: self.site.move(ids["a.pdf"], ids["Letters"]))
        change.claim_kind(self.ids["a.pdf"], "moved")

    def test_a_moved_folder_keeps_every_row_below(self) -> None:
        change = self._watch(lambda ids: self.site.move(ids["Old"], ids["Letters"]))
        change.claim_kind(self.ids["d.ifc"], "moved")

    def test_a_folder_that_moved_and_was_emptied_is_told_right(self) -> None:
        def shuffle(ids: dict[str, str]) -> None:
            self.site.move(ids["Older"], self.site.root)
            self.site.move(ids["c.pdf"], ids["Older"])
            self.site.move(ids["Old"], ids["Older"])

        self._watch(shuffle)

    def test_a_trashed_file_is_gone_and_says_why(self) -> None:
        change = self._watch(lambda ids: self.site.trash(ids["a.pdf"]))
        change.claim_gone([self.ids["a.pdf"]], "trashed")

    def test_a_trashed_folder_takes_everything_below_along(self) -> None:
        change = self._watch(lambda ids: self.site.trash(ids["Plans"]))
        change.claim_gone([self.ids[name] for name in ("a.pdf", "b.dwg", "c.pdf", "d.ifc")], "trashed")

    def test_a_file_deleted_for_good_is_gone_and_says_why(self) -> None:
        change = self._watch(lambda ids: self.site.remove(ids["c.pdf"]))
        change.claim_gone([self.ids["c.pdf"]], "removed")

    def test_a_folder_deleted_for_good_takes_everything_below_along(self) -> None:
        change = self._watch(lambda ids: self.site.remove(ids["Old"]))
        change.claim_gone([self.ids["c.pdf"], self.ids["d.ifc"]], "removed")

    def test_a_file_moved_out_of_the_scope_is_gone_and_says_why(self) -> None:
        change = self._watch(lambda ids: self.site.move_out(ids["a.pdf"]))
        change.claim_gone([self.ids["a.pdf"]], *self.there.reasons_of_leaving)

    def test_a_folder_moved_out_of_the_scope_takes_everything_below_along(self) -> None:
        change = self._watch(lambda ids: self.site.move_out(ids["Old"]))
        change.claim_gone([self.ids["c.pdf"], self.ids["d.ifc"]], *self.there.reasons_of_leaving)

    def test_what_is_restored_is_the_same_row_again(self) -> None:
        def trash(ids: dict[str, str]) -> None:
            self.site.trash(ids["a.pdf"])
            self.site.trash(ids["Old"])

        def restore() -> None:
            self.site.restore(self.ids["a.pdf"])
            self.site.restore(self.ids["Old"])

        change = self._watch(trash)
        self._follow(change, restore)
        for name in ("a.pdf", "d.ifc"):
            change.claim_kind(self.ids[name], "restored")

    def _watch(self, act: Callable[[dict[str, str]], None]) -> ServiceChange:
        """Grow a tree, list it, let something happen to it, and look again in both ways."""
        self.ids = self.site.grow()
        self.there.settle()
        inventories = (self.inventory("as usual"), self.inventory("listing afresh"))
        for inventory in inventories:
            inventory.complete()
            inventory.claim_truth("before anything happened")
        change = ServiceChange(inventories, {id_: row["id"] for id_, row in inventories[0].live().items()})
        self._follow(change, lambda: act(self.ids))
        return change

    def _follow(self, change: ServiceChange, act: Callable[[], None]) -> None:
        self.there.settle()
        act()
        self.there.settle()
        usual, afresh = change.inventories
        usual.complete()
        if not self.there.is_prompt:
            usual.complete(full=True)
        afresh.complete(full=True)
        for inventory in change.inventories:
            inventory.claim_truth(f"in the inventory that was kept {inventory.name}")
            inventory.claim_quiet("after the change was seen", full=False)
        self._claim_same_rows(change)

    def _claim_same_rows(self, change: ServiceChange) -> None:
        rows = {**change.inventories[0].gone(), **change.inventories[0].live()}
        for file, row_id in change.row_ids.items():
            claim(file in rows and rows[file]["id"] == row_id, f"file {file!r} did not keep its row")
