"""Where everything of a Drive is kept: items, the orders they are read in, and the logs of what happened."""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from filesync.runtime.clock import Clock
from filesync.simulators.drive.access import Access, Look, is_trashed
from filesync.simulators.drive.history import ItemHistory
from filesync.simulators.drive.items import DriveIds, DriveUser, Item, SharedDrive
from filesync.simulators.drive.log import ChangeLog, Subject
from filesync.simulators.drive.order import Order

_MOVES_ACCESS = frozenset({"parent_id", "shared_with", "limited"})


class Shelves:
    """Keeps the orders and logs true whatever happens to an item. Take `lock` to read several things of one moment.

    `descendant_entries`: a change of a folder is an entry for everything below it, too.
    """

    def __init__(self, clock: Clock, *, seed: int = 0, list_lag: float = 0.0, descendant_entries: bool = False) -> None:
        self.lock = threading.RLock()
        self.seed = seed
        self.descendant_entries = descendant_entries
        self.users: dict[str, DriveUser] = {}
        self.drives: dict[str, SharedDrive] = {}
        self.items: dict[str, Item] = {}
        self.ids = DriveIds(seed)
        self.history = ItemHistory(clock, list_lag)
        self.access = Access(self.items, self.drives)
        self.children: dict[str, Order] = defaultdict(Order)
        self.in_drive: dict[str, Order] = defaultdict(Order)
        self.in_corpus: dict[str, Order] = defaultdict(Order)
        self.user_logs: dict[str, ChangeLog] = {}
        self.drive_logs: dict[str, ChangeLog] = {}
        self._clock = clock
        self._by_number: list[str] = []
        self._made_at: list[datetime] = []  # by number, too
        self._made_in_turn = True  # nobody gave a thing a time before that of an older one
        self._corpus: dict[str, frozenset[str]] = {}

    def root_of(self, email: str) -> str:
        return self.users[email].root_id

    def item_at(self, number: int) -> Item | None:
        return self.items.get(self._by_number[number])

    def id_at(self, number: int) -> str:
        return self._by_number[number]

    def numbers_made(self, since: datetime | None, until: datetime | None) -> range:
        """Return among which numbers everything is that was made from since on and before until; None: no bound."""
        in_turn, times = self._made_in_turn, self._made_at
        low = bisect_left(times, since) if since and in_turn else 0
        return range(low, bisect_left(times, until) if until and in_turn else len(times))

    def look_listed(self, item_id: str) -> Item | None:
        """Return the item as files.list knows it: maybe not yet, maybe as it was."""
        return self.history.before(item_id, self.items.get(item_id))

    def look(self) -> Look:
        """Return the way files.list finds an item by its id."""
        return self.look_listed if self.history.recent() else self.items.get

    def may_see(self, item: Item, email: str) -> bool:
        return email in self.access.may_see(item)

    def is_trashed(self, item: Item) -> bool:
        return is_trashed(item, self.items.get)

    def subtree(self, item_id: str) -> Iterator[Item]:
        """Yield the item and everything below, parents first."""
        waiting = [self.items[item_id]]
        while waiting:
            item = waiting.pop()
            yield item
            below = (self.item_at(number) for number in self.children.get(item.id, ()))
            waiting += [child for child in below if child]

    def ancestors(self, item_id: str) -> Iterator[Item]:
        """Yield the item's folder, that folder's folder, … up to the root."""
        item = self.items[item_id]
        while item.parent_id:
            item = self.items[item.parent_id]
            yield item

    def _put_new(
        self, name: str, mime_type: str, parent_id: str | None, *, item_id: str | None = None, **about: Any
    ) -> Item:
        created_at = about.pop("created_at", None) or self._clock.now()
        modified_at = about.pop("modified_at", None) or created_at
        new_id = item_id or self.ids.file()
        home = self.items[parent_id].home if parent_id else new_id
        item = Item(new_id, len(self._by_number), name, mime_type, parent_id, home, created_at, modified_at, **about)
        self._by_number.append(new_id)
        self._made_in_turn &= not self._made_at or self._made_at[-1] <= created_at
        self._made_at.append(created_at)
        self.history.remember(new_id, None)
        self.items[new_id] = item
        self._file_under(item)
        return item

    def _change(self, item_id: str, **news: Any) -> None:
        with self.lock:
            old, before = self.items[item_id], self._corpus[item_id]
            self._replace(replace(old, version=old.version + 1, **news))
            if old.is_folder:
                self.access.forget()
            if _MOVES_ACCESS & news.keys():
                self._rehouse(item_id)
                self._see_again(item_id)
            new, after = self.items[item_id], self._corpus[item_id]
            self._log(old, before - after)
            self._log(new, after)
            if self.descendant_entries and (_MOVES_ACCESS | {"trashed_at"}) & news.keys():
                self._log_below(item_id)

    def _replace(self, new: Item) -> None:
        old = self.items[new.id]
        self.history.remember(new.id, old)
        self.items[new.id] = new
        if old.parent_id != new.parent_id or old.home != new.home:
            self._unfile(old)
            self._file_under(new)

    def _see_again(self, item_id: str) -> None:
        self.access.forget()
        for item in self.subtree(item_id):
            self._see(item)

    def _see(self, item: Item) -> None:
        """Enter the item in the corpus of everyone who has it, and strike it from the others'."""
        old, new = self._corpus.get(item.id, frozenset()), self.access.corpus_of(item)
        for email in new - old:
            self.in_corpus[email].add(item.number)
        for email in old - new:
            self.in_corpus[email].discard(item.number)
        self._corpus[item.id] = new

    def _file_under(self, item: Item) -> None:
        if item.parent_id:
            self.children[item.parent_id].add(item.number)
        if item.home in self.drives and not item.is_root:
            self.in_drive[item.home].add(item.number)
        self._see(item)

    def _unfile(self, item: Item) -> None:
        if item.parent_id:
            self.children[item.parent_id].discard(item.number)
        self.in_drive[item.home].discard(item.number)

    def _drop(self, item: Item) -> None:
        self._unfile(item)
        for email in self._corpus.pop(item.id, ()):
            self.in_corpus[email].discard(item.number)
        self.children.pop(item.id, None)
        self.history.forget(item.id)
        del self.items[item.id]

    def _rehouse(self, item_id: str) -> None:
        """Move everything below along to another drive: a shared drive's things have no owner."""
        item = self.items[item_id]
        home = self.items[item.parent_id].home if item.parent_id else item.home
        if home == item.home:
            return
        owner = None if home in self.drives else self.items[home].owner
        for below in list(self.subtree(item_id)):
            self._replace(replace(below, home=home, owner=owner))

    def _new_log(self) -> ChangeLog:
        return ChangeLog(10_000_000 * (len(self.user_logs) + len(self.drive_logs) + 1) + self.seed % 1000)

    def _log(self, item: Item, emails: Iterable[str]) -> None:
        now = self._clock.now()
        for email in sorted(emails):
            mine = item.home == self.root_of(email)
            self.user_logs[email].add(Subject.FILE, item.id, now, in_my_drive=mine)
        if item.home in self.drive_logs:
            self.drive_logs[item.home].add(Subject.FILE, item.id, now)

    def _log_below(self, item_id: str) -> None:
        for item in list(self.subtree(item_id))[1:]:
            self._log(item, self._corpus[item.id])
