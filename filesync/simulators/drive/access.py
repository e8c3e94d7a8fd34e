"""Who may see what, and what lies in the bin: both come down from above."""

from collections.abc import Callable, Mapping

from filesync.simulators.drive.items import Item, SharedDrive

Look = Callable[[str], Item | None]


class Access:
    """Answers from the items as they are; what was worked out for folders is kept until `forget`.

    `era` counts how often that was: what depends on no more than an item and this is still so in the same era.
    """

    def __init__(self, items: Mapping[str, Item], drives: Mapping[str, SharedDrive]) -> None:
        self._items = items
        self._drives = drives
        self._open: dict[str, frozenset[str]] = {}
        self._owning: dict[tuple[str | None, str], frozenset[str]] = {}
        self.era = 0

    def forget(self) -> None:
        self._open.clear()
        self._owning.clear()
        self.era += 1

    def may_open(self, folder_id: str) -> frozenset[str]:
        """Name those who may list the folder's children.

        A folder with limited access shows itself to those above it, but opens for its owner and those it was shared
        with: https://developers.google.com/workspace/drive/api/guides/limited-expansive-access
        """
        known = self._open.get(folder_id)
        if known is None:
            folder = self._items[folder_id]
            known = self._own(folder) if folder.limited else self.may_see(folder)
            self._open[folder_id] = known
        return known

    def may_see(self, item: Item) -> frozenset[str]:
        if item.parent_id is None or item.parent_id not in self._items:
            return self._own(item)
        above = self.may_open(item.parent_id)
        own = self._own(item)
        return above if own <= above else above | own

    def corpus_of(self, item: Item) -> frozenset[str]:
        """Name those whose own corpus and log the item is in: a shared drive's members have the drive's instead."""
        drive = self._drives.get(item.home)
        return self.may_see(item) - drive.members if drive else self.may_see(item)

    def _own(self, item: Item) -> frozenset[str]:
        if item.is_root and item.home in self._drives:
            return self._drives[item.home].members
        if item.shared_with:
            return self._owners(item) | item.shared_with.keys()
        known = self._owning.get((item.owner, item.home))
        if known is None:
            known = self._owning[item.owner, item.home] = self._owners(item)
        return known

    def _owners(self, item: Item) -> frozenset[str]:
        landlord = self._items[item.home].owner if item.home in self._items else None
        return frozenset(name for name in (item.owner, landlord) if name)


def is_trashed(item: Item, look: Look) -> bool:
    """Return whether the item or a folder above it is in the bin."""
    at: Item | None = item
    while at is not None:
        if at.trashed_at is not None:
            return True
        at = look(at.parent_id) if at.parent_id else None
    return False
