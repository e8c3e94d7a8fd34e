"""The Drives of some people and the drives they share: what is in them, and how it changes."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from filesync.simulators.drive.items import (
    FOLDER,
    NATIVE_PREFIX,
    SHORTCUT,
    Content,
    DriveUser,
    SharedDrive,
    make_content,
    type_of,
)
from filesync.simulators.drive.log import Subject
from filesync.simulators.drive.storage import Shelves


class DriveState(Shelves):
    """Everything that people do with their Drives; items are known by id, safe for threads.

    `list_lag` (seconds) keeps files.list behind; `settle` lets it catch up.
    """

    def add_user(self, email: str, name: str | None = None, *, shows_email: bool = True) -> DriveUser:
        with self.lock:
            root_id = self.ids.root()
            user = DriveUser(
                email, name or email.partition("@")[0].title(), root_id, self.ids.permission(), shows_email
            )
            self.users[email] = user
            self.access.forget()
            self.user_logs[email] = self._new_log()
            self._put_new("My Drive", FOLDER, None, item_id=root_id, owner=email)
            return user

    def add_drive(self, name: str, *members: str) -> str:
        """Make a shared drive; its id is its root folder's."""
        with self.lock:
            drive_id = self.ids.root()
            self.drives[drive_id] = SharedDrive(drive_id, name, frozenset(members), self._clock.now())
            self.drive_logs[drive_id] = self._new_log()
            self._put_new("Drive", FOLDER, None, item_id=drive_id)
            self._log_drive(drive_id, members)
            return drive_id

    def rename_drive(self, drive_id: str, name: str) -> None:
        with self.lock:
            drive = self.drives[drive_id] = replace(self.drives[drive_id], name=name)
            self._log_drive(drive_id, drive.members)

    def add_member(self, drive_id: str, email: str) -> None:
        with self.lock:
            self._set_members(drive_id, self.drives[drive_id].members | {email})
            self._log_drive(drive_id, [email])

    def remove_member(self, drive_id: str, email: str) -> None:
        with self.lock:
            self._set_members(drive_id, self.drives[drive_id].members - {email})
            self._log_drive(drive_id, [email])

    def delete_drive(self, drive_id: str) -> None:
        with self.lock:
            members = self.drives[drive_id].members
            for item in list(self.subtree(drive_id)):
                self._drop(item)
            del self.drives[drive_id], self.drive_logs[drive_id]
            self.access.forget()
            self._log_drive(drive_id, members)

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
        """Move within a drive, or to another one: then the user's log says removed and the drive's log shows it."""
        with self.lock:
            if item_id == parent_id or item_id in {above.id for above in self.ancestors(parent_id)}:
                raise ValueError(f"{item_id}: a folder cannot lie below itself")
            self._change(item_id, parent_id=parent_id)

    def orphan(self, item_id: str) -> None:
        """Take the item out of its folder, as when somebody else deletes that one: its owner keeps it, in none."""
        self._change(item_id, parent_id=None)

    def add_computer(self, email: str, name: str, **about: Any) -> str:
        """Add the top folder of a computer's backup, which hangs in no folder: rclone#1773."""
        with self.lock:
            folder = self.add_folder(self.root_of(email), name, **about)
            self.orphan(folder)
            return folder

    def trash(self, item_id: str, by: str | None = None) -> None:
        self._change(item_id, trashed_at=self._clock.now(), trashed_by=by)

    def untrash(self, item_id: str) -> None:
        self._change(item_id, trashed_at=None, trashed_by=None)

    def delete(self, item_id: str) -> None:
        """Delete for good, with everything below."""
        with self.lock:
            doomed = list(self.subtree(item_id))
            for item in doomed if self.descendant_entries else doomed[:1]:
                self._log(item, self._corpus[item.id])
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

    def _add(self, parent_id: str, name: str, mime_type: str, **about: Any) -> str:
        with self.lock:
            home = self.items[parent_id].home
            landlord = None if home in self.drives else self.items[home].owner
            owner = None if home in self.drives else about.pop("owner", landlord)
            by = about.pop("by", owner)
            item = self._put_new(name, mime_type, parent_id, owner=owner, modified_by=by, **about)
            self._log(item, self._corpus[item.id])
            return item.id

    def _content(self, seed: object, size: int) -> Content:
        revision_id = self.ids.revision()
        return make_content(revision_id if seed is None else seed, size, revision_id)

    def _set_members(self, drive_id: str, members: frozenset[str]) -> None:
        self.drives[drive_id] = replace(self.drives[drive_id], members=members)
        self._see_again(drive_id)

    def _log_drive(self, drive_id: str, emails: Iterable[str]) -> None:
        for email in sorted(emails):
            self.user_logs[email].add(Subject.DRIVE, drive_id, self._clock.now())
