"""The Drives of some people and the drives they share: what is in them, and how it changes."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from filesync.clock import Clock
from filesync.simulators.drive.access import Access, is_trashed
from filesync.simulators.drive.history import History
from filesync.simulators.drive.items import (
    FOLDER,
    NATIVE_PREFIX,
    SHORTCUT,
    Content,
    Ids,
    Item,
    SharedDrive,
    User,
    make_content,
    type_of,
)
from filesync.simulators.drive.log import ChangeLog, Subject
from filesync.simulators.drive.order import Order

_MOVES_ACCESS = frozenset({"parent_id", "shared_with", "limited"})


class DriveState:
    """Pure state, safe for threads: take `lock` to read several things of one moment.

    Items are known by id. `list_lag` (seconds) keeps files.list behind; `settle` lets it catch up.
    `descendant_entries`: what happens to a folder is told of everything below it too.
    """

    def __init__(self, clock: Clock, *, seed: int = 0, list_lag: float = 0.0, descendant_entries: bool = False) -> None:
        self.lock = threading.RLock()
        self.seed = seed
        self.descendant_entries = descendant_entries
        self.users: dict[str, User] = {}
        self.drives: dict[str, SharedDrive] = {}
        self.items: dict[str, Item] = {}
        self.ids = Ids(seed)
        self.history = History(clock, list_lag)
        self.access = Access(self.items, self.drives)
        self.children: dict[str, Order] = defaultdict(Order)
        self.in_drive: dict[str, Order] = defaultdict(Order)
        self.in_corpus: dict[str, Order] = defaultdict(Order)
        self.user_logs: dict[str, ChangeLog] = {}
        self.drive_logs: dict[str, ChangeLog] = {}
        self._clock = clock
        self._by_number: list[str] = []
        self._corpus: dict[str, frozenset[str]] = {}

    # --- people and drives ---

    def add_user(self, email: str, name: str | None = None, *, shows_email: bool = True) -> User:
        with self.lock:
            root_id = self.ids.root()
            user = User(email, name or email.partition("@")[0].title(), root_id, self.ids.permission(), shows_email)
            self.users[email] = user
            self.user_logs[email] = self._new_log()
            self._put_new("My Drive", FOLDER, None, item_id=root_id, owner=email)
            return user

    def root_of(self, email: str) -> str:
        return self.users[email].root_id

    def add_drive(self, name: str, *members: str) -> str:
        """Make a shared drive; its id is its root folder's."""
        with self.lock:
            drive_id = self.ids.root()
            self.drives[drive_id] = SharedDrive(drive_id, name, frozenset(members), self._clock.now())
            self.drive_logs[drive_id] = self._new_log()
            self._put_new("Drive", FOLDER, None, item_id=drive_id)
            self._tell_of_drive(drive_id, members)
            return drive_id

    def rename_drive(self, drive_id: str, name: str) -> None:
        with self.lock:
            drive = self.drives[drive_id] = replace(self.drives[drive_id], name=name)
            self._tell_of_drive(drive_id, drive.members)

    def add_member(self, drive_id: str, email: str) -> None:
        with self.lock:
            self._set_members(drive_id, self.drives[drive_id].members | {email})
            self._tell_of_drive(drive_id, [email])

    def remove_member(self, drive_id: str, email: str) -> None:
        with self.lock:
            self._set_members(drive_id, self.drives[drive_id].members - {email})
            self._tell_of_drive(drive_id, [email])

    def delete_drive(self, drive_id: str) -> None:
        with self.lock:
            members = self.drives[drive_id].members
            for item in list(self.subtree(drive_id)):
                self._drop(item)
            del self.drives[drive_id], self.drive_logs[drive_id]
            self.access.forget()
            self._tell_of_drive(drive_id, members)

    # --- things come ---

    def add_folder(self, parent: str, name: str, **about: Any) -> str:
        """Add an item and give its id; `about`: created_at, modified_at, owner, by (who did it)."""
        return self._add(parent, name, FOLDER, **about)

    def add_file(
        self, parent: str, name: str, size: int = 1, *, content: object = None, mime_type: str = "", **about: Any
    ) -> str:
        """Add a blob of that size in bytes; the same `content` gives the same digests, None a fresh one."""
        with self.lock:
            blob = self._content(content, size)
            return self._add(parent, name, mime_type or type_of(name), content=blob, **about)

    def add_native(self, parent: str, name: str, kind: str = "document", **about: Any) -> str:
        """Add one of Google's own: document, spreadsheet, presentation, drawing, form, …."""
        return self._add(parent, name, NATIVE_PREFIX + kind, **about)

    def add_shortcut(self, parent: str, name: str, target_id: str, **about: Any) -> str:
        with self.lock:
            kind = self.items[target_id].mime_type
            return self._add(parent, name, SHORTCUT, target_id=target_id, target_type=kind, **about)

    # --- things change ---

    def new_revision(
        self,
        item_id: str,
        size: int | None = None,
        *,
        content: object = None,
        modified_at: datetime | None = None,
        by: str | None = None,
    ) -> None:
        """Upload new content (or edit a native document); `modified_at` is the uploaded file's own time."""
        with self.lock:
            item = self.items[item_id]
            blob = self._content(content, item.content.size if size is None else size) if item.content else None
            by = by or item.modified_by
            self._change(item_id, content=blob, modified_at=modified_at or self._clock.now(), modified_by=by)

    def rename(self, item_id: str, name: str) -> None:
        self._change(item_id, name=name)

    def move(self, item_id: str, parent_id: str) -> None:
        """Move within a drive, or to another one: then the user's log says removed and the drive's log tells of it."""
        with self.lock:
            if item_id == parent_id or item_id in {above.id for above in self.ancestors(parent_id)}:
                raise ValueError(f"{item_id}: a folder cannot lie below itself")
            self._change(item_id, parent_id=parent_id)

    def trash(self, item_id: str, by: str | None = None) -> None:
        self._change(item_id, trashed_at=self._clock.now(), trashed_by=by)

    def untrash(self, item_id: str) -> None:
        self._change(item_id, trashed_at=None, trashed_by=None)

    def delete(self, item_id: str) -> None:
        """Delete for good, with everything below."""
        with self.lock:
            doomed = list(self.subtree(item_id))
            for item in doomed if self.descendant_entries else doomed[:1]:
                self._tell(item, self._corpus[item.id])
            for item in doomed:
                self._drop(item)
            self.access.forget()

    def share_with(self, item_id: str, email: str) -> None:
        with self.lock:
            self._change(item_id, shared_with={**self.items[item_id].shared_with, email: self._clock.now()})

    def unshare(self, item_id: str, email: str) -> None:
        with self.lock:
            left = {name: at for name, at in self.items[item_id].shared_with.items() if name != email}
            self._change(item_id, shared_with=left)

    def restrict(self, folder_id: str) -> None:
        """Limit access: those above still see the folder, but only its owner and those it is shared with open it."""
        self._change(folder_id, limited=True)

    def unrestrict(self, folder_id: str) -> None:
        self._change(folder_id, limited=False)

    def view(self, item_id: str) -> None:
        """Open the item: nothing moves but the counter and who viewed it when."""
        self._change(item_id, viewed_at=self._clock.now())

    def settle(self) -> None:
        """Let files.list catch up with everything so far."""
        with self.lock:
            self.history.clear()

    def kill_change_tokens(self) -> None:
        with self.lock:
            for log in (*self.user_logs.values(), *self.drive_logs.values()):
                log.kill_tokens()

    # --- reading ---

    def item_at(self, number: int) -> Item | None:
        return self.items.get(self._by_number[number])

    def listed(self, number: int) -> Item | None:
        """Give the item as files.list knows it: maybe not yet, maybe as it was."""
        return self.look_listed(self._by_number[number])

    def look_listed(self, item_id: str) -> Item | None:
        return self.history.before(item_id, self.items.get(item_id))

    def may_see(self, item: Item, email: str) -> bool:
        return email in self.access.may_see(item)

    def is_trashed(self, item: Item) -> bool:
        return is_trashed(item, self.items.get)

    def subtree(self, item_id: str) -> Iterator[Item]:
        """Give the item and everything below, parents first."""
        waiting = [self.items[item_id]]
        while waiting:
            item = waiting.pop()
            yield item
            below = (self.item_at(number) for number in self.children.get(item.id, ()))
            waiting += [child for child in below if child]

    def ancestors(self, item_id: str) -> Iterator[Item]:
        """Give the item's folder, that folder's folder, … up to the root."""
        item = self.items[item_id]
        while item.parent_id:
            item = self.items[item.parent_id]
            yield item

    # --- below the surface ---

    def _add(self, parent_id: str, name: str, mime_type: str, **about: Any) -> str:
        with self.lock:
            home = self.items[parent_id].home
            landlord = None if home in self.drives else self.items[home].owner
            owner = None if home in self.drives else about.pop("owner", landlord)
            by = about.pop("by", owner)
            item = self._put_new(name, mime_type, parent_id, owner=owner, modified_by=by, **about)
            self._tell(item, self._corpus[item.id])
            return item.id

    def _put_new(
        self, name: str, mime_type: str, parent_id: str | None, *, item_id: str | None = None, **about: Any
    ) -> Item:
        created_at = about.pop("created_at", None) or self._clock.now()
        modified_at = about.pop("modified_at", None) or created_at
        new_id = item_id or self.ids.file()
        home = self.items[parent_id].home if parent_id else new_id
        item = Item(new_id, len(self._by_number), name, mime_type, parent_id, home, created_at, modified_at, **about)
        self._by_number.append(new_id)
        self.history.remember(new_id, None)
        self.items[new_id] = item
        self._file_under(item)
        return item

    def _content(self, seed: object, size: int) -> Content:
        revision_id = self.ids.revision()
        return make_content(revision_id if seed is None else seed, size, revision_id)

    def _change(self, item_id: str, **news: Any) -> None:
        with self.lock:
            old, before = self.items[item_id], self._corpus[item_id]
            self._replace(replace(old, version=old.version + 1, **news))
            if _MOVES_ACCESS & news.keys():
                self._rehouse(item_id)
                self._see_again(item_id)
            new, after = self.items[item_id], self._corpus[item_id]
            self._tell(old, before - after)
            self._tell(new, after)
            if self.descendant_entries and (_MOVES_ACCESS | {"trashed_at"}) & news.keys():
                self._tell_below(item_id)

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

    def _set_members(self, drive_id: str, members: frozenset[str]) -> None:
        self.drives[drive_id] = replace(self.drives[drive_id], members=members)
        self._see_again(drive_id)

    def _new_log(self) -> ChangeLog:
        return ChangeLog(10_000 * (len(self.user_logs) + len(self.drive_logs) + 1) + self.seed % 1000)

    def _tell(self, item: Item, emails: Iterable[str]) -> None:
        now = self._clock.now()
        for email in sorted(emails):
            mine = item.home == self.root_of(email)
            self.user_logs[email].add(Subject.FILE, item.id, now, in_my_drive=mine)
        if item.home in self.drive_logs:
            self.drive_logs[item.home].add(Subject.FILE, item.id, now)

    def _tell_below(self, item_id: str) -> None:
        for item in list(self.subtree(item_id))[1:]:
            self._tell(item, self._corpus[item.id])

    def _tell_of_drive(self, drive_id: str, emails: Iterable[str]) -> None:
        for email in sorted(emails):
            self.user_logs[email].add(Subject.DRIVE, drive_id, self._clock.now())
