"""A flat listing: everything by pages, in any order; what it has named so far, and what it has not at its end."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from filesync.core.model import RemoteFolder
from filesync.core.timestamps import Timestamp
from filesync.store.engine import Database, Insert
from filesync.store.write.change_writer import Observation
from filesync.store.write.files import FileWriter
from filesync.store.write.folders import BY_ITSELF, WITH_ALL, FolderTree
from filesync.store.write.removals import Removals
from filesync.store.write.sync_state import SyncState

_AT_ONCE = 5_000  # ids
_SEEN = Insert("seen", ("endpoint_id", "external_id"), "ON CONFLICT DO NOTHING")
# A file or folder `f` hangs in a folder that this sync reads by itself, which tells better what is missing from it.
_READ_NEXT = f"""EXISTS (
    SELECT 1 FROM folders AS p WHERE p.endpoint_id = f.endpoint_id AND p.external_folder_id = f.parent_external_id
    AND p.relist = {BY_ITSELF} AND p.folder_path IS NOT NULL AND p.deleted_at IS NULL AND p.listable
    AND NOT p.excluded)"""  # noqa: S608  our own words
_IN_SCOPE = """EXISTS (
    SELECT 1 FROM folders AS p WHERE p.endpoint_id = f.endpoint_id AND p.external_folder_id = f.parent_external_id
    AND p.folder_path IS NOT NULL AND p.deleted_at IS NULL)"""
_UNSEEN = """NOT EXISTS (SELECT 1 FROM seen AS s WHERE s.endpoint_id = :endpoint AND s.external_id = {})"""
# What only the old scope has is no suspect: it is decided once the new one was read.
_UNSEEN_FILES = f"""
    SELECT f.external_file_id FROM files AS f WHERE f.endpoint_id = :endpoint AND f.external_file_id > :last
    AND f.deleted_at IS NULL AND {_UNSEEN.format("f.external_file_id")} AND NOT {_READ_NEXT}
    AND (NOT :rescoping OR {_IN_SCOPE}) ORDER BY f.external_file_id LIMIT :most"""  # noqa: S608  as above
_UNSEEN_FOLDERS = f"""
    SELECT f.external_folder_id FROM folders AS f WHERE f.endpoint_id = :endpoint AND f.external_folder_id > :last
    AND f.deleted_at IS NULL AND {_UNSEEN.format("f.external_folder_id")} AND NOT {_READ_NEXT}
    AND f.folder_path IS NOT NULL AND f.external_folder_id NOT IN (:root, :adopter)
    ORDER BY f.external_folder_id LIMIT :most"""  # noqa: S608  as above
_UNSEEN_WITHHELD = f"""
    SELECT f.external_file_id FROM withheld_files AS f WHERE f.endpoint_id = :endpoint AND f.external_file_id > :last
    AND {_UNSEEN.format("f.external_file_id")} AND NOT {_READ_NEXT}
    ORDER BY f.external_file_id LIMIT :most"""  # noqa: S608  as above


@dataclass(slots=True)
class TreeScope:
    """Where the tree hangs and how stray items are treated, as the provider's `Rooted` said."""

    root_id: str | None = None
    keep_strays: bool = False
    adopt_into: RemoteFolder | None = None

    @property
    def adopter(self) -> str | None:
        return self.adopt_into.id if self.adopt_into else None


class PagedListing:
    """The flat listing of one sync, if it is one; each method is part of a transaction of the caller's."""

    def __init__(  # noqa: PLR0913  the parts of one sync, put together in one place
        self,
        database: Database,
        memory: SyncState,
        tree: FolderTree,
        contents: FileWriter,
        removals: Removals,
        began: Timestamp,
        *,
        possible: bool,
    ) -> None:
        """`possible`: neither a trial nor of a provider that reads folder by folder."""
        self._connection = database.connection
        self._memory = memory
        self._endpoint_id = memory.endpoint_id
        self._tree = tree
        self._contents = contents
        self._removals = removals
        self._began = began
        self._possible = possible
        self._has_ended = False

    def is_under_way(self, scope: TreeScope) -> bool:
        """Tell whether everything is being listed by pages: there strays wait for their parents."""
        return self._possible and self._memory.full and scope.keep_strays and not self._has_ended

    def names_folders(self, scope: TreeScope) -> bool:
        """Tell whether folders are still being named for the first time: one that is unknown may just not have come."""
        knows_tree = self._memory.completed and not self._memory.rescoping  # by an earlier listing
        return self.is_under_way(scope) and not self._memory.knows_folders and not knows_tree

    def note_named(self, scope: TreeScope, folder_ids: Sequence[str], now: Timestamp) -> None:
        """Note which folders the listing named: only what hangs in those is told by its other pages."""
        if not self.is_under_way(scope):
            return
        self._connection.execute(
            """UPDATE folders SET last_tried_at = ?
               WHERE endpoint_id = ? AND readable AND external_folder_id IN (SELECT value FROM json_each(?))""",
            (self._memory.tried_at(now), self._endpoint_id, json.dumps(folder_ids)),
        )

    def note_seen(self, scope: TreeScope, ids: Sequence[str]) -> None:
        """Keep count of what is there, shown by a page or by the log."""
        if self.is_under_way(scope) and self._memory.track_seen:
            self._connection.write_many(_SEEN, ((self._endpoint_id, id_) for id_ in ids))

    def note_folders_known(self, scope: TreeScope, now: Timestamp) -> None:
        """Take note that every folder was named."""
        if not self.is_under_way(scope) or self._memory.knows_folders:
            return
        # All files are on the pages that are still to come. Marks that are set from now on stay: what a folder
        # holds that comes back after this may have been on a page that was read without it.
        self._connection.execute(
            """UPDATE folders SET relist = :with_all
               WHERE endpoint_id = :endpoint AND relist = :by_itself AND last_tried_at >= :began""",
            {
                "with_all": WITH_ALL,
                "endpoint": self._endpoint_id,
                "by_itself": BY_ITSELF,
                "began": self._memory.listing_since(self._began),
            },
        )
        self._memory.note_folders_known(now)
        self._tree.forget_cache()

    def suspects(self, scope: TreeScope, sighting: Observation) -> Iterator[Callable[[], None]]:
        """Give the steps that note what none of its pages has shown.

        Each is a commit of its own: a listing of any length that shows none of a million files is one statement.
        """
        if not (self.is_under_way(scope) and self._memory.track_seen):
            return  # it was no whole listing, or a first one: nothing can be missing
        for ids in self._unseen(_UNSEEN_FILES, rescoping=self._memory.rescoping):
            yield partial(self._removals.suspect, ids, sighting, is_folder=False)
        for ids in self._unseen(_UNSEEN_FOLDERS, root=scope.root_id, adopter=scope.adopter or ""):
            yield partial(self._removals.suspect, ids, sighting, is_folder=True)
        for ids in self._unseen(_UNSEEN_WITHHELD):  # which were never reported, so nobody need hear that they went
            yield partial(self._contents.forget, ids)

    def end(self, root_id: str | None, now: Timestamp) -> None:
        """Take note that every page was read."""
        since = self._memory.listing_since(self._began)
        # What only earlier syncs could not read is readable as far as anybody knows; the root is in any case, for all
        # that is in it was listed.
        self._connection.execute(
            """UPDATE folders SET readable = TRUE, unreadable_reason = NULL
               WHERE endpoint_id = ? AND NOT readable AND (external_folder_id = ? OR last_tried_at < ?)""",
            (self._endpoint_id, root_id, since),
        )
        # Marks stay where only reading the folder itself tells what is in it.
        self._connection.execute(
            """UPDATE folders SET last_listed_at = :now, last_tried_at = :now, failures = 0, entry_cause = NULL,
               relist = CASE WHEN relist = :by_itself AND listable THEN relist ELSE 0 END
               WHERE endpoint_id = :endpoint AND deleted_at IS NULL AND folder_path IS NOT NULL AND readable
               AND (NOT listable OR last_tried_at >= :since)""",
            {"now": now, "endpoint": self._endpoint_id, "since": since, "by_itself": BY_ITSELF},
        )
        self._tree.forget_cache()
        self._memory.end_listing()
        self._has_ended = True

    def _unseen(self, question: str, **values: object) -> Iterator[list[str]]:
        """Read ids in order, some at a time."""
        last = ""
        while True:
            given = {"endpoint": self._endpoint_id, "last": last, "most": _AT_ONCE, **values}
            rows = self._connection.execute(question, given).fetchall()
            if not rows:
                return
            yield [row[0] for row in rows]
            last = rows[-1][0]
