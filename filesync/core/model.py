"""The nouns of a sync: what a provider saw (files, folders) and what it claims about it (batches).

A batch is a statement. The store acts on exactly what was stated, so a provider that cannot
make a statement does not make it: a page says nothing about what is absent from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, overload

from filesync.core.errors import FilesyncError
from filesync.core.timestamps import Timestamp

State = Mapping[str, Any]  # a provider's own memory between syncs: JSON, opaque to everyone else


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom an endpoint is read: what another identity cannot see is not gone.

    `client` is the app's client id or the account's address, `user` whom it stands for ('': nobody but itself).
    A rotated secret or key is the same identity.
    """

    flow: str
    client: str
    user: str = ""

    def __str__(self) -> str:
        return f"{self.user or self.client} ({self.flow.replace('_', ' ')}{f', {self.client}' if self.user else ''})"


@dataclass(frozen=True, slots=True)
class SetSource:
    """What was asked for the members of a set: sets with the same source share its answer; `question` is JSON text."""

    endpoint_type: str
    credentials: str
    question: str


@dataclass(frozen=True, slots=True)
class Member:
    """What a set has an endpoint for (a project, a shared drive), as its service describes it.

    `details` are the ids that the `endpoint_details` of such an endpoint hold. `state` is what its provider need
    not ask: keys of that provider's own memory, put there before the first sync, and again when the name changed.
    """

    id: str
    name: str
    details: Mapping[str, Any]
    state: State = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Members(Sequence[Member]):
    """Members, and what else is known of the answer that named them.

    `whole` False: it may lack some, so that nobody counts as missing. `identity`: as whom it was asked for.
    """

    named: Sequence[Member]
    whole: bool = True
    identity: Identity | None = None

    @overload
    def __getitem__(self, at: int) -> Member: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Member]: ...

    def __getitem__(self, at: int | slice) -> Member | Sequence[Member]:
        return self.named[at]

    def __len__(self) -> int:
        return len(self.named)


@dataclass(frozen=True, slots=True)
class KnownMember:
    """A member that some answer named; `named_at` is when its present name was first seen."""

    member: Member
    first_seen_at: Timestamp
    named_at: Timestamp
    archived_at: Timestamp | None = None


# decision 6: not frozen, that takes three times as long to make, and there is one for each file listed
@dataclass(slots=True)
class RemoteFile:
    """A file as its service describes it; None is 'the service does not know', never 0 or ''.

    `size` is in bytes. `parent_id` is None when the service shows no parent. `extra` is JSON text
    with sorted keys: the provider's own facts, which decide nothing. `odd` names, for people, what the service sent
    that cannot be so ('modifiedTime: 0000-01-01'): the fields' values here are None, or a name that was made up.
    """

    id: str
    name: str
    parent_id: str | None
    link: str | None = None
    size: int | None = None
    file_type: str | None = None
    mime_type: str | None = None
    version: str | None = None
    version_number: int | None = None
    checksum: str | None = None
    checksum_algorithm: str | None = None
    created_by: str | None = None
    modified_by: str | None = None
    modified_by_id: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    extra: str | None = None
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder as its service describes it; `odd` as of a file.

    `change_stamp` is the service's text that differs once anything below has changed (ACC's
    lastModifiedTimeRollup), None where there is none or it is too fresh to be trusted.
    `listable` is False for a folder that is known by name only (an ancestor we may not open,
    a synthetic folder): it is never handed back for listing.
    """

    id: str
    name: str
    parent_id: str | None
    change_stamp: str | None = None
    listable: bool = True
    odd: tuple[str, ...] = ()


class Gone(StrEnum):
    """Why a file is no longer in the inventory; stored as `deleted_reason`."""

    TRASHED = "trashed"
    REMOVED = "removed"
    ACCESS_LOST = "access_lost"
    OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True, slots=True)
class Rooted:
    """The endpoint's tree hangs at `root`; comes first in every sync, costs no request when remembered.

    `keep_strays`: an item whose parent is unknown waits for that parent (a listing of a whole
    drive names it sooner or later); False: it lies outside the scope and is dropped.
    `adopt_into`: id of the (synthetic) folder for items that hang in no visible folder.
    The names describe the endpoint in the `endpoints` table.
    """

    root: RemoteFolder
    keep_strays: bool = False
    adopt_into: RemoteFolder | None = None
    project_id: str | None = None
    project_name: str | None = None
    hub_name: str | None = None
    region: str | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """These exist. Says nothing about what is absent; a crash may go on from `state`.

    `anew`: a listing of everything begins with this page, though none was asked for; it ends with ScopeListed.
    """

    files: Sequence[RemoteFile] = ()
    folders: Sequence[RemoteFolder] = ()
    state: State | None = None
    anew: bool = False


@dataclass(frozen=True, slots=True)
class FolderListed:
    """These, and the ids in `earlier` (given in Pages before), are all children of the folder: every page was read.

    `stamp` is the folder's change_stamp as observed BEFORE its contents were asked for.
    """

    folder_id: str
    files: Sequence[RemoteFile]
    folders: Sequence[RemoteFolder]
    stamp: str | None = None
    earlier: frozenset[str] = frozenset()
    state: State | None = None


@dataclass(frozen=True, slots=True)
class FoldersKnown:
    """Every folder of the scope has been named: one whose parent is still unknown hangs in no visible folder."""

    state: State | None = None


@dataclass(frozen=True, slots=True)
class ScopeListed:
    """The Pages of this listing together were everything; what was in none of them is a candidate."""

    state: State | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """One page of a change feed: rows and `state` (the next cursor) commit together.

    `removed` maps ids, of files or folders, known or not, to why they are gone. The root among `folders` says
    that it may have been out of sight meanwhile: everything below it is to be read afresh.
    """

    files: Sequence[RemoteFile] = ()
    folders: Sequence[RemoteFolder] = ()
    removed: Mapping[str, Gone] = field(default_factory=dict)
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What lies below this folder is unknown: nothing there may be removed, and the sync is partial."""

    folder_id: str
    reason: str
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Reading this folder, or looking this candidate up, failed, while the service answered for others.

    Nobody knows yet whether the fault is its own: the sync fails with `error` and removes nothing. One that failed
    like this in several syncs in a row is unreadable (a candidate: undecided), and the sync is partial.
    """

    id: str
    error: FilesyncError
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What looking up a candidate by id said: gone and why, or (None) still where it was.

    A candidate that turned up elsewhere in the scope is stated by a Page or FolderListed with it.
    """

    id: str
    gone: Gone | None


@dataclass(frozen=True, slots=True)
class Corrected:
    """A comparison found the rows of these wrong: `files` and `folders` are so now, as look-ups by id showed them.

    `missing` are ids, of files or folders, that were not shown where the store has them: candidates.
    """

    files: Sequence[RemoteFile] = ()
    folders: Sequence[RemoteFolder] = ()
    missing: Sequence[str] = ()
    state: State | None = None


Batch = (
    Rooted | Page | FolderListed | FoldersKnown | ScopeListed | Changed | Unreadable | Unanswered | Resolved | Corrected
)


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """A folder the store remembers; `change_stamp` as its parent's last listing showed it."""

    id: str
    parent_id: str | None
    name: str
    path: str | None  # below the endpoint's root, '/' for the root itself; None: its place is not known
    change_stamp: str | None
    readable: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a listing should have shown and did not; or that is looked up to be compared with its row."""

    id: str
    is_folder: bool
    parent_id: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a look-up by id showed: the item as it is now, below its parent; or (`item` None) that it is gone, and why.

    `failure`: it could not be looked up, though others could, so that nothing is known of it.

    `way` are the folders above it that the store does not have, topmost first. `changed_at` is the service's own time
    of the last change of anything about the item, None where it gives none.
    """

    id: str
    item: RemoteFile | RemoteFolder | None
    gone: Gone | None = None
    way: Sequence[RemoteFolder] = ()
    changed_at: Timestamp | None = None
    failure: FilesyncError | None = None
