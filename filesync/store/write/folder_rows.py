"""The rows of one endpoint's folders, read when they are asked for and kept for a while."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from filesync.core.model import KnownFolder
from filesync.store.engine import Question, SqlConnection

_MOST = 5_000  # folders that are kept in memory when others are met: some megabytes
COLUMNS = (
    "external_folder_id, parent_external_id, folder_name, folder_path, depth, readable, deleted_at,"
    " listable, excluded, change_stamp, entry_cause, listed_stamp, relist, last_listed_at IS NOT NULL"
)

_ROWS = f"""SELECT {COLUMNS} FROM folders
    WHERE endpoint_id = ? AND external_folder_id IN (SELECT value FROM json_each(?))"""  # noqa: S608  our own words
_CHILDREN = f"""SELECT {COLUMNS} FROM folders
    WHERE endpoint_id = ? AND deleted_at IS NULL
    AND parent_external_id IN (SELECT value FROM json_each(?))"""  # noqa: S608  as above


@dataclass(slots=True)
class FolderRow:
    """A row of `folders`, as far as placing needs it."""

    id: str
    parent_id: str | None
    name: str
    path: str | None
    depth: int | None
    readable: bool
    deleted_at: str | None
    listable: bool
    excluded: bool
    change_stamp: str | None
    entry_cause: str | None
    listed_stamp: str | None
    relist: int
    was_listed: bool

    @property
    def is_placed(self) -> bool:
        return self.path is not None and self.deleted_at is None

    @classmethod
    def new(  # noqa: PLR0913  what a service tells of a folder
        cls, id_: str, parent_id: str | None, name: str, stamp: str | None, listable: bool, cause: str | None
    ) -> "FolderRow":
        """Make the row of a folder that was never named before."""
        return cls(id_, parent_id, name, None, None, True, None, listable, False, stamp, cause, None, 0, False)

    def shown_as(self, id_: str, parent_id: str | None, name: str, stamp: str | None, listable: bool) -> "FolderRow":
        """Make the row of this folder as the service shows it now."""
        return replace(self, id=id_, parent_id=parent_id, name=name, change_stamp=stamp, listable=listable)

    def as_known(self) -> KnownFolder:
        return KnownFolder(self.id, self.parent_id, self.name, self.path, self.change_stamp, bool(self.readable))


class FolderRows:
    """The folders of one endpoint, by id."""

    def __init__(self, connection: SqlConnection, endpoint_id: int) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._cache: dict[str, FolderRow | None] = {}  # None: there is no such row

    def get(self, folder_id: str | None) -> FolderRow | None:
        """Find a folder, live or not, placed or not."""
        if folder_id is None:
            return None
        if folder_id not in self._cache:
            self._load([folder_id])
        return self._cache.get(folder_id)

    def meet(self, folder_ids: Iterable[str | None]) -> None:
        """Read at once the folders that are about to be asked for; where many are known by now, forget those first."""
        self._make_room()
        unknown = {id_ for id_ in folder_ids if id_ is not None and id_ not in self._cache}
        if unknown:
            self._load([*unknown])

    def place_of(self, folder_id: str | None) -> FolderRow | None:
        """Find a folder that is live and has a path."""
        folder = self.get(folder_id)
        return folder if folder and folder.is_placed else None

    def children(self, folder_id: str) -> list[FolderRow]:
        """List the live direct sub-folders that the store knows."""
        return self._children([folder_id])

    def subtree(self, folder_id: str) -> list[str]:
        """List that folder and every live folder below it."""
        rows = self._connection.execute(
            """WITH RECURSIVE below (id) AS (
                   SELECT external_folder_id FROM folders
                   WHERE endpoint_id = :endpoint AND external_folder_id = :folder
                   UNION
                   SELECT f.external_folder_id FROM folders AS f JOIN below ON f.parent_external_id = below.id
                   WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL)
               SELECT id FROM below""",
            {"endpoint": self._endpoint_id, "folder": folder_id},
        )
        return [row[0] for row in rows]

    def alive_among(self, ids: Sequence[str]) -> list[str]:
        """Pick the ids of live folders."""
        self._load(ids)
        return [id_ for id_ in ids if (folder := self._cache.get(id_)) and folder.deleted_at is None]

    def refresh(self, folder_ids: Sequence[str]) -> None:
        """Read folders' rows again, which somebody else wrote."""
        self._load(folder_ids)

    def note_listed(self, folder_id: str, stamp: str | None) -> None:
        """Keep the row of a folder in step that was read and marked so."""
        folder = self._cache.get(folder_id)
        if folder is None:
            self._cache.pop(folder_id, None)  # it is read when somebody asks
            return
        folder.listed_stamp, folder.relist, folder.readable = stamp, 0, True
        folder.entry_cause, folder.was_listed = None, True

    def forget_cache(self) -> None:
        """Drop what was read; to be called when a transaction was rolled back."""
        self._cache.clear()

    def _children(self, folder_ids: Sequence[str]) -> list[FolderRow]:
        """List the live direct sub-folders of any of these."""
        rows = self._connection.execute(*self.children_question(folder_ids))
        return [FolderRow(*row) for row in rows]

    def children_question(self, folder_ids: Sequence[str]) -> Question:
        """Ask for the live direct sub-folders of any of these."""
        return _CHILDREN, (self._endpoint_id, json.dumps(list(folder_ids)))

    def rows_question(self, folder_ids: Sequence[str]) -> Question:
        """Ask for the rows of these."""
        return _ROWS, (self._endpoint_id, json.dumps(list(folder_ids)))

    def row_questions(self, folder_id: str) -> list[Question]:
        """Ask for a folder's row, where `get` is going to: an answer that nobody takes would be old when one does."""
        return [] if folder_id in self._cache else [self.rows_question([folder_id])]

    def _make_room(self) -> None:
        if len(self._cache) > _MOST:  # all that is in there is in the rows, too
            self._cache.clear()

    def _existing(self, folder_id: str) -> FolderRow:
        folder = self.get(folder_id)
        if folder is None:
            raise KeyError(folder_id)
        return folder

    def _load(self, ids: Sequence[str]) -> None:
        rows = self._connection.execute(*self.rows_question(ids))
        self._cache.update(dict.fromkeys(ids))
        self._cache.update((row[0], FolderRow(*row)) for row in rows)
