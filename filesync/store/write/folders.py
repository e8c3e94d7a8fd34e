"""Folders: where each hangs, so that a file's path is its folder's path plus its name.

A folder is PLACED when a chain of known live folders leads from it to the endpoint's root; then it
has a path. One that is not placed keeps its row and waits (or was moved out of the scope).
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from filesync.core.filters import as_segment
from filesync.core.model import RemoteFolder
from filesync.core.timestamps import Timestamp
from filesync.store.engine import Insert, Question, SqlConnection, Update
from filesync.store.write.folder_rows import COLUMNS, FolderRow, FolderRows

# Why a folder is to be read, in `folders.relist`: by itself, whatever else is listed; or because everything is.
BY_ITSELF = 1
WITH_ALL = 2

_KEY = ("endpoint_id", "external_folder_id")
_VALUES = (
    "parent_external_id", "folder_name", "folder_path", "change_stamp", "listable", "relist", "entry_cause",
    "deleted_at",
)  # fmt: skip
_PUT = Insert(
    "folders",
    (*_KEY, *_VALUES),
    f"ON CONFLICT (endpoint_id, external_folder_id) DO UPDATE SET {', '.join(f'{n} = excluded.{n}' for n in _VALUES)}",
)
_PLACE = Update("folders", ("folder_path", "depth", "excluded", "relist"), _KEY)
_REFILTER = Update("folders", ("excluded", "relist", "entry_cause"), _KEY)


@dataclass(frozen=True, slots=True)
class Placing:
    """What putting folders did to the tree."""

    shifted: Sequence[str] = ()  # placed folders whose path, or being excluded, is not what it was
    lost: Sequence[str] = ()  # folders that had a place and hang nowhere now
    found: Sequence[str] = ()  # folders that have a place


def join(folder_path: str, name: str) -> str:
    """Append a name to a folder's path; a '/' inside the name becomes U+FF0F."""
    return f"{folder_path.rstrip('/')}/{as_segment(name)}"


class FolderTree(FolderRows):
    """The places of one endpoint's folders."""

    def __init__(
        self, connection: SqlConnection, endpoint_id: int, is_wanted: Callable[[str], bool], *, stamped: bool
    ) -> None:
        """`is_wanted(path)` tells whether the filters let anything below that folder in.

        `stamped`: nothing tells of removals in a folder but reading it, so one that comes in is read first.
        """
        super().__init__(connection, endpoint_id)
        self._below: dict[str, list[FolderRow]] = {}  # of the folders that are being put
        self._is_wanted = is_wanted
        self._stamped = stamped

    def home_of(self, parent_id: str | None, adopt_into: str | None) -> FolderRow | None:
        """Find the folder that a file is shown in: its parent, or the adopting one when nobody knows the parent.

        A parent that is known and waits for a place of its own has its files wait with it.
        """
        parent = self.get(parent_id)
        if parent is not None and parent.deleted_at is None:
            return parent if parent.is_placed else None
        return self.place_of(adopt_into)

    def is_adrift(self, folder_id: str | None) -> bool:
        """Tell whether a live folder lost its place by what another one shows: where it hangs is to be asked."""
        folder = self.get(folder_id)
        return self._stamped and folder is not None and folder.deleted_at is None and not folder.is_placed

    def set_root(self, root: RemoteFolder) -> Placing:
        """Hang the tree at this folder; every folder that is no longer below it loses its place."""
        row = self.get(root.id)
        if row and row.is_placed and row.path == "/" and row.change_stamp == root.change_stamp:
            return Placing()
        if row is None or row.path != "/":
            self._connection.execute(
                "UPDATE folders SET folder_path = NULL, depth = NULL WHERE endpoint_id = ?", (self._endpoint_id,)
            )
        self._cache.clear()
        self._write([RemoteFolder(root.id, root.name, None, root.change_stamp, root.listable)])
        shifted: list[str] = []
        self._descend([(self._existing(root.id), "/", 0)], shifted)
        return Placing(shifted=shifted)

    def questions(self, folders: Sequence[RemoteFolder]) -> list[Question]:
        """Give what `put` is about to ask."""
        if not folders:
            return []
        return [self.rows_question(_named(folders)), self.children_question([folder.id for folder in folders])]

    def put(self, folders: Sequence[RemoteFolder], *, keep_strays: bool) -> Placing:
        """Take folders as the service shows them now, and give each its place where there is one."""
        ids = [folder.id for folder in folders]
        self._make_room()
        self._load(_named(folders))
        had_place = {id_ for id_ in ids if self.place_of(id_)}
        new = {id_ for id_ in ids if self.get(id_) is None}
        if not self._write(folders):
            return Placing(found=[id_ for id_ in ids if id_ in had_place])
        shifted: list[str] = []
        self._below = {id_: [] for id_ in ids}
        for child in self._children(ids):
            self._below[str(child.parent_id)].append(child)
        homeless = self._settle(ids, shifted)
        self._below = {}
        self._clear_places(homeless & had_place)  # with everything below them
        if not keep_strays:
            self._drop(homeless & new)  # what is read from the root down shows no folder before its parent
        return Placing(
            shifted=[id_ for id_ in shifted if keep_strays or id_ not in new],
            lost=sorted(homeless & had_place),
            found=[id_ for id_ in ids if id_ not in homeless],
        )

    def adopt(self, into: RemoteFolder, *, only_seen: bool) -> Placing:
        """Hang below `into` the live folders whose parent nobody has ever named.

        `only_seen`: of those that the listing under way has named; what another scope left behind is none of them.
        """
        rows = self._connection.execute(
            """SELECT f.external_folder_id FROM folders AS f WHERE f.endpoint_id = :endpoint AND f.folder_path IS NULL
               AND f.deleted_at IS NULL AND f.parent_external_id IS DISTINCT FROM :adopter AND NOT EXISTS (
                   SELECT 1 FROM folders AS p WHERE p.endpoint_id = :endpoint
                   AND p.external_folder_id = f.parent_external_id AND p.deleted_at IS NULL)
               AND (NOT :only_seen OR EXISTS (SELECT 1 FROM seen AS s
                   WHERE s.endpoint_id = :endpoint AND s.external_id = f.external_folder_id))""",
            {"endpoint": self._endpoint_id, "adopter": into.id, "only_seen": only_seen},
        ).fetchall()
        strays = [self._existing(row[0]) for row in rows]
        return self.put([RemoteFolder(s.id, s.name, into.id, s.change_stamp) for s in strays], keep_strays=True)

    def relist_below(self, folder_ids: Sequence[str]) -> None:
        """Have those folders, and every folder below them, read afresh."""
        for folder_id in folder_ids:
            self._connection.execute(
                """UPDATE folders SET relist = 1 WHERE endpoint_id = ?
                   AND external_folder_id IN (SELECT value FROM json_each(?))""",
                (self._endpoint_id, json.dumps(self.subtree(folder_id))),
            )
            self._cache.clear()

    def displace(self, folder_ids: Sequence[str]) -> None:
        """Forget the places of folders that are about to be put, so that they are worked out afresh."""
        self._connection.execute(
            """UPDATE folders SET folder_path = NULL, depth = NULL
               WHERE endpoint_id = ? AND external_folder_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, json.dumps(list(folder_ids))),
        )
        self._load(folder_ids)

    def bury(self, folder_ids: Collection[str], now: Timestamp) -> None:
        """Mark folders as gone."""
        self._connection.execute(
            """UPDATE folders SET deleted_at = ?, readable = TRUE
               WHERE endpoint_id = ? AND deleted_at IS NULL
               AND external_folder_id IN (SELECT value FROM json_each(?))""",
            (now, self._endpoint_id, json.dumps(list(folder_ids))),
        )
        self._cache.clear()

    def refilter(self) -> None:
        """Decide afresh which folders the filters exclude whole."""
        rows = self._connection.execute(
            f"""SELECT {COLUMNS} FROM folders
                WHERE endpoint_id = ? AND folder_path IS NOT NULL AND deleted_at IS NULL""",  # noqa: S608  our own words
            (self._endpoint_id,),
        )
        turned = [row for row in map(_to_row, rows) if row.excluded == self._is_wanted(str(row.path))]
        for row in turned:
            row.excluded = not row.excluded
            if row.excluded:
                continue
            if self._stamped or not row.was_listed:
                row.entry_cause = "config"  # what is in it shows by the configuration's doing
            if self._stamped:
                row.relist = BY_ITSELF
        self._connection.write_many(
            _REFILTER,
            [(row.excluded, row.relist, row.entry_cause, self._endpoint_id, row.id) for row in turned],
        )
        self._cache.clear()

    def _write(self, folders: Sequence[RemoteFolder]) -> bool:
        """Write what differs from the rows; False when nothing does."""
        changed = {folder.id: folder for folder in folders if self._differs(folder)}  # the last word of each counts
        for folder in changed.values():
            self._cache[folder.id] = self._told_by(folder)
        rows = [self._existing(id_) for id_ in changed]
        self._connection.write_many(_PUT, [(self._endpoint_id, *_values_of(row)) for row in rows])
        return any(self._needs_place(folder) for folder in changed.values())

    def _told_by(self, folder: RemoteFolder) -> FolderRow:
        """Make the row that a folder has from now on."""
        row = self.get(folder.id)
        told = (folder.id, folder.parent_id, folder.name, folder.change_stamp, folder.listable)
        if row is None:
            parent = self.get(folder.parent_id)
            return FolderRow.new(*told, parent.entry_cause if parent else None)
        if row.deleted_at is None:
            return row.shown_as(*told)
        back = row.shown_as(*told)  # its place is worked out, and what is in it is read
        back.path, back.relist, back.entry_cause, back.deleted_at = None, BY_ITSELF, "folder", None
        return back

    def _differs(self, folder: RemoteFolder) -> bool:
        row = self.get(folder.id)
        if row and row.path is None and self.place_of(folder.parent_id):
            return True  # it has no place and could have one
        return row is None or (row.parent_id, row.name, row.change_stamp, row.listable, row.deleted_at) != (
            folder.parent_id,
            folder.name,
            folder.change_stamp,
            folder.listable,
            None,
        )

    def _needs_place(self, folder: RemoteFolder) -> bool:
        row = self._existing(folder.id)
        parent = self.place_of(folder.parent_id)
        return row.path is None or parent is None or row.path != join(str(parent.path), row.name)

    def _settle(self, ids: Sequence[str], shifted: list[str]) -> set[str]:
        """Place what can be placed, from the top down; return those that hang nowhere."""
        waiting = set(ids)
        for id_ in ids:
            folder = self._existing(id_)
            if folder.path == "/" and folder.parent_id is None:  # the root itself
                waiting.discard(id_)
        while placed := self._placeable(waiting):
            waiting.difference_update(folder.id for folder, _, _ in placed)
            self._descend(placed, shifted)
        return waiting

    def _placeable(self, waiting: Collection[str]) -> list[tuple[FolderRow, str, int]]:
        """Give the places of folders below which nothing is put twice: those with no waiting folder above them.

        Where there is none, those whose parent has a place: what is above them hangs nowhere, which is for later.
        """
        topmost: list[tuple[FolderRow, str, int]] = []
        others: list[tuple[FolderRow, str, int]] = []
        for id_ in sorted(waiting):
            folder = self._existing(id_)
            parent = self.place_of(folder.parent_id)
            if parent is None or parent.id in waiting:
                continue
            above = self._above(parent)
            if above is None or id_ in above:  # hanging it there would be a circle
                continue
            place = (folder, join(str(parent.path), folder.name), (parent.depth or 0) + 1)
            (topmost if above.isdisjoint(waiting) else others).append(place)
        return topmost or others

    def _above(self, folder: FolderRow) -> set[str] | None:
        """List a folder and what is above it; None when that is a circle."""
        passed: set[str] = set()
        at: FolderRow | None = folder
        while at is not None:
            if at.id in passed:
                return None
            passed.add(at.id)
            at = self.get(at.parent_id)
        return passed

    def _descend(self, level: Sequence[tuple[FolderRow, str, int]], shifted: list[str]) -> None:
        """Give folders their path and depth, and everything below what follows from that, one level after the other."""
        passed: set[str] = set()
        while level:
            moved = [at for at, path, depth in level if at.id not in passed and self._is_shifted(at, path, depth)]
            passed.update(at.id for at in moved)
            shifted += [at.id for at in moved]
            self._connection.write_many(
                _PLACE,
                [(at.path, at.depth, at.excluded, at.relist, self._endpoint_id, at.id) for at in moved],
            )
            if not moved:
                break
            above = {at.id: at for at in moved}
            level = [
                (
                    child,
                    join(str(above[str(child.parent_id)].path), child.name),
                    (above[str(child.parent_id)].depth or 0) + 1,
                )
                for child in self._children_now(list(above))
            ]
        self._make_room()

    def _children_now(self, folder_ids: Sequence[str]) -> list[FolderRow]:
        """List the live direct sub-folders; those of folders that are being put were asked for at once.

        Some of them may have been put elsewhere since, which is what memory says of them.
        """
        if not self._below.keys() >= set(folder_ids):
            return self._children(folder_ids)
        found = (self._cache.get(child.id) or child for id_ in folder_ids for child in self._below[id_])
        return [child for child in found if child.deleted_at is None and child.parent_id in folder_ids]

    def _is_shifted(self, folder: FolderRow, path: str, depth: int) -> bool:
        """Note a folder's place in memory; tell whether that changes anything."""
        excluded = not self._is_wanted(path)
        if (folder.path, folder.depth, folder.excluded) == (path, depth, excluded):
            return False
        came_in = self._stamped and folder.excluded and not excluded
        if folder.was_listed and (folder.path is None or came_in):
            folder.relist = BY_ITSELF  # what is in it may have changed while nobody looked
        folder.path, folder.depth, folder.excluded = path, depth, excluded
        self._cache[folder.id] = folder
        return True

    def _clear_places(self, folder_ids: Iterable[str]) -> None:
        for folder_id in folder_ids:
            below = self.subtree(folder_id)
            self._connection.execute(
                """UPDATE folders SET folder_path = NULL, depth = NULL
                   WHERE endpoint_id = ? AND external_folder_id IN (SELECT value FROM json_each(?))""",
                (self._endpoint_id, json.dumps(below)),
            )
        self._cache.clear()

    def _drop(self, folder_ids: Collection[str]) -> None:
        """Forget folders that were named for the first time and hang nowhere: they lie outside the scope."""
        self._connection.execute(
            "DELETE FROM folders WHERE endpoint_id = ? AND external_folder_id IN (SELECT value FROM json_each(?))",
            (self._endpoint_id, json.dumps(list(folder_ids))),
        )
        for folder_id in folder_ids:
            self._cache.pop(folder_id, None)


def _named(folders: Sequence[RemoteFolder]) -> list[str]:
    return [*(folder.id for folder in folders), *(folder.parent_id for folder in folders if folder.parent_id)]


def _to_row(values: Sequence[Any]) -> FolderRow:
    return FolderRow(*values)


def _values_of(row: FolderRow) -> tuple[object, ...]:
    """Lay out what `_PUT` writes."""
    return (
        row.id,
        row.parent_id,
        row.name,
        row.path,
        row.change_stamp,
        row.listable,
        row.relist,
        row.entry_cause,
        row.deleted_at,
    )
