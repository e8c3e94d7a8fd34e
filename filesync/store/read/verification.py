"""Rows held against what a service shows of the same items: which to look at, and where they differ. Writes nothing."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import Any

from filesync.core.filters import Selection
from filesync.core.model import Candidate, Gone, RemoteFile, RemoteFolder, Shown
from filesync.core.timestamps import Timestamp, to_timestamp
from filesync.store.engine import Database
from filesync.store.write.change_writer import load_states
from filesync.store.write.endpoints import load
from filesync.store.write.feed_replay import load_records
from filesync.store.write.file_state import TRACKED, FileState, Value, alive, facts_of, is_alive, parent_of, path_of
from filesync.store.write.folder_rows import FolderRow
from filesync.store.write.folders import BY_ITSELF, FolderTree, join
from filesync.store.write.provider_view import ProviderView, ReconcilePace

Pick = Callable[[Sequence[int], int], Sequence[int]]  # random.sample's shape

_IDLE = ReconcilePace(timedelta(days=1), timedelta(days=1))  # of a reader that lists nothing
_REASON = "deleted_reason"
_GONE = (_REASON, "deleted_at")  # where a difference says that an item is gone, of a file and of a folder
_REFUSALS = (Gone.REMOVED, Gone.ACCESS_LOST)
_REASONS = frozenset(each.value for each in Gone)


class RowKind(StrEnum):
    """What rows are drawn from."""

    LIVE = "live files"
    DELETED = "deleted files"
    FOLDERS = "folders"


# those that may be refused come last and together: one bad id spoils a look-up in bulk
_ROWIDS = {
    RowKind.LIVE: "SELECT id FROM files WHERE endpoint_id = ? AND deleted_at IS NULL ORDER BY id",
    RowKind.DELETED: """SELECT id FROM files WHERE endpoint_id = ? AND deleted_at IS NOT NULL
                     ORDER BY deleted_reason IN ('removed', 'access_lost'), id""",
    RowKind.FOLDERS: """SELECT id FROM folders AS f WHERE endpoint_id = ? AND listable
                     AND external_folder_id IS DISTINCT FROM (
                         SELECT root_id FROM sync_state AS s WHERE s.endpoint_id = f.endpoint_id)
                     ORDER BY deleted_at IS NOT NULL, id""",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One column in which a row is not what its service shows; `shown` of a gone item is why it is gone."""

    column: str
    stored: Value
    shown: Value


@dataclass(frozen=True, slots=True)
class Compared:
    """One row and what was found about it.

    `contradicts_feed`: it says something that filesync never told, so that somebody else wrote it. `read_at` is when
    filesync last read what it says. `in_the_dark`: a folder above it cannot be read.
    """

    id: str
    is_folder: bool
    path: str
    parent_id: str | None
    differences: tuple[Difference, ...]
    contradicts_feed: bool = False
    read_at: Timestamp | None = None
    in_the_dark: bool = False

    @property
    def columns(self) -> set[str]:
        return {difference.column for difference in self.differences}

    @property
    def is_refused(self) -> bool:
        """Tell whether the service answered for a live row that there is no such thing, or not for this login."""
        return self.is_gone and any(each.shown in _REFUSALS for each in self.differences)

    @property
    def is_gone(self) -> bool:
        """Tell whether the row is live and the service shows nothing for it."""
        return any(each.column in _GONE and each.stored is None and each.shown for each in self.differences)


class Verification:
    """One endpoint's rows. Each method looks at the database anew: a sync may run meanwhile."""

    def __init__(
        self, database: Database, endpoint_id: int, selection: Selection, now: datetime, *, stamped: bool
    ) -> None:
        self._database = database
        self._connection = database.connection
        self._endpoint_id = endpoint_id
        self._bounds = selection.at(now)
        self._stamped = stamped
        self._tree = FolderTree(database.connection, endpoint_id, selection.may_contain, stamped=stamped)
        self._root_id: str | None = None
        self.known = ProviderView(
            database.connection,
            endpoint_id,
            self._tree,
            remembered=self._remembered,
            full=False,
            stamped=stamped,
            fresh_but_for=None,
            pace=_IDLE,
            now=lambda: now,
            is_expected_unreadable=lambda _: False,
        )

    def _remembered(self) -> tuple[str, str | None]:
        sql = "SELECT provider_state, root_id FROM sync_state WHERE endpoint_id = ?"
        row = self._connection.execute(sql, (self._endpoint_id,)).fetchone()
        return row[0], row[1]

    def draw(self, kind: RowKind, fraction: float, least: int, pick: Pick) -> tuple[list[int], int]:
        """Draw that part of the rows, at least so many where there are; give them in order, and how many there are."""
        with self._database.reading() as connection:
            rowids = [row[0] for row in connection.execute(_ROWIDS[kind], (self._endpoint_id,))]
        count = min(len(rowids), max(math.ceil(len(rowids) * fraction), least))
        if count == len(rowids):
            return rowids, len(rowids)
        return [rowids[at] for at in sorted(pick(range(len(rowids)), count))], len(rowids)

    def count(self, kind: RowKind) -> int:
        with self._database.reading() as connection:
            sql = f"SELECT count(*) FROM ({_ROWIDS[kind]}) AS drawn"  # noqa: S608  our own words
            row = connection.execute(sql, (self._endpoint_id,)).fetchone()
        return int(row[0])

    def items(self, kind: RowKind, rowids: Sequence[int]) -> list[Candidate]:
        """Say what to ask the service for."""
        table, column = ("folders", "external_folder_id") if kind is RowKind.FOLDERS else ("files", "external_file_id")
        with self._database.reading() as connection:
            rows = connection.execute(
                f"""SELECT id, {column}, parent_external_id FROM {table}
                    WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))""",  # noqa: S608  our own words
                (json.dumps(list(rowids)),),
            )
            found = {row[0]: Candidate(row[1], kind is RowKind.FOLDERS, row[2]) for row in rows}
        self._tree.forget_cache()
        return [found[rowid] for rowid in rowids if rowid in found]

    def again(self, compared: Sequence[Compared]) -> list[Candidate]:
        """Say what to ask the service for to compare these once more."""
        self._tree.forget_cache()
        with self._database.reading():
            files = self._states([each.id for each in compared if not each.is_folder])
            folders = [self._tree.get(each.id) for each in compared if each.is_folder]
        return [
            *(Candidate(folder.id, True, folder.parent_id) for folder in folders if folder),
            *(Candidate(id_, False, parent_of(state)) for id_, state in files.items()),
        ]

    def compare(self, files: Sequence[Shown], folders: Sequence[Shown]) -> list[Compared]:
        """Give what differs from the rows as they are now; a row that is no more is not compared."""
        self._tree.forget_cache()
        with self._database.reading() as connection:
            self._root_id = connection.execute(
                "SELECT root_id FROM sync_state WHERE endpoint_id = ?", (self._endpoint_id,)
            ).fetchone()[0]
            states = self._states([shown.id for shown in files])
            compared = [self._file(shown, states[shown.id]) for shown in files if shown.id in states]
            compared += [self._folder(shown, row) for shown in folders if (row := self._tree.get(shown.id))]
            return [self._with_evidence(each, states) for each in compared if each.differences]

    def wrongly_withheld(self) -> list[Compared]:
        """Find files that are withheld although the filters let them in, and the place of their folder is known.

        No request: what is compared is what the service said of them with what the filters say now. Those whose folder
        was out of sight, and is to be read before they are shown, are as they should be.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                """SELECT w.external_file_id, w.file_name, w.file_type, w.updated_at, w.parent_external_id,
                          p.folder_path FROM withheld_files AS w JOIN folders AS p
                   ON p.endpoint_id = w.endpoint_id AND p.external_folder_id = w.parent_external_id
                   WHERE w.endpoint_id = ? AND p.folder_path IS NOT NULL AND p.deleted_at IS NULL AND p.relist <> ?""",
                (self._endpoint_id, BY_ITSELF),
            )
            placed = ((id_, kind, moment, parent, join(path, name)) for id_, name, kind, moment, parent, path in rows)
            return [
                Compared(id_, False, path, parent, (Difference("file_path", None, path),))
                for id_, kind, moment, parent, path in placed
                if self._bounds.matches(path, kind, moment)
            ]

    def pending(self) -> frozenset[str]:
        """Give the ids of what a sync found missing and did not take away yet."""
        with self._database.reading() as connection:
            rows = connection.execute(
                """WITH RECURSIVE below (id) AS (
                       SELECT external_id FROM candidates WHERE endpoint_id = :endpoint AND is_folder
                       UNION
                       SELECT f.external_folder_id FROM folders AS f JOIN below ON f.parent_external_id = below.id
                       WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL)
                   SELECT id FROM below
                   UNION SELECT external_id FROM candidates WHERE endpoint_id = :endpoint
                   UNION SELECT external_file_id FROM files
                   WHERE endpoint_id = :endpoint AND parent_external_id IN (SELECT id FROM below)""",
                {"endpoint": self._endpoint_id},
            )
            return frozenset(row[0] for row in rows)

    def _states(self, ids: Sequence[str]) -> dict[str, FileState]:
        condition = "external_file_id IN (SELECT value FROM json_each(?))"
        return load_states(self._connection, self._endpoint_id, condition, [json.dumps(list(ids))])

    def _file(self, shown: Shown, row: FileState) -> Compared:
        now, why = self._expected(shown)
        if now is None:
            differences = _gone(row, why) if is_alive(row) else _reason_of(row)
        elif not is_alive(row):
            differences = [Difference(_REASON, row[TRACKED.index(_REASON)], None)]
        else:
            pairs = zip(TRACKED, row, now, strict=True)
            differences = [Difference(name, old, new) for name, old, new in pairs if old != new]
        return Compared(shown.id, False, path_of(row), parent_of(row), tuple(differences))

    def _expected(self, shown: Shown) -> tuple[FileState | None, str]:
        """Tell what the row should say; None when there should be no live one, and why."""
        file = shown.item
        if not isinstance(file, RemoteFile):
            return None, str(shown.gone)
        folder_path = self._path_of(file.parent_id, shown.way)
        if folder_path is None:
            return None, Gone.OUT_OF_SCOPE
        path = join(folder_path, file.name)
        if not self._bounds.matches(path, file.file_type, file.updated_at):
            return None, Gone.OUT_OF_SCOPE
        return alive(facts_of(file, file.parent_id), path), ""

    def _folder(self, shown: Shown, row: FolderRow) -> Compared:
        folder = shown.item
        path = None
        if isinstance(folder, RemoteFolder):
            above = self._path_of(folder.parent_id, shown.way)
            path = None if above is None else join(above, folder.name)
        if not isinstance(folder, RemoteFolder) or path is None:
            is_placed = row.deleted_at is None and row.path is not None  # one without a place waits, or moved away
            differences = [Difference("deleted_at", None, str(shown.gone or Gone.OUT_OF_SCOPE))] if is_placed else []
        elif row.deleted_at is not None:
            differences = [Difference("deleted_at", row.deleted_at, None)]
        else:
            differences = _differing(row, folder, path)
        return Compared(shown.id, True, row.path or row.name, row.parent_id, tuple(differences))

    def _path_of(self, folder_id: str | None, way: Sequence[RemoteFolder] = ()) -> str | None:
        """Work a folder's path out from names, whatever its row says it is."""
        names = [folder.name for folder in reversed(way)]
        passed: set[str] = set()
        at = way[0].parent_id if way else folder_id
        while at != self._root_id:
            folder = self._tree.get(at)
            if folder is None or folder.deleted_at is not None or folder.id in passed:
                return None
            passed.add(folder.id)
            names.append(folder.name)
            at = folder.parent_id
        return reduce(join, reversed(names), "/")

    def _with_evidence(self, compared: Compared, states: Mapping[str, FileState]) -> Compared:
        told = load_records(self._connection, self._endpoint_id, [compared.id])[compared.id]
        return replace(
            compared,
            contradicts_feed=not compared.is_folder and told.contradicted_by(states[compared.id], [*compared.columns]),
            read_at=self._read_at(compared.parent_id),
            in_the_dark=self._is_dark(compared.id if compared.is_folder else compared.parent_id),
        )

    def _read_at(self, parent_id: str | None) -> Timestamp | None:
        """Tell when the folder was listed; where a change feed keeps everything current, when the last sync began."""
        if self._stamped:
            sql = "SELECT last_listed_at FROM folders WHERE endpoint_id = ? AND external_folder_id = ?"
            row = self._connection.execute(sql, (self._endpoint_id, parent_id)).fetchone()
        else:
            sql = "SELECT complete_as_of FROM sync_state WHERE endpoint_id = ?"
            row = self._connection.execute(sql, (self._endpoint_id,)).fetchone()
        return row[0] if row else None

    def _is_dark(self, folder_id: str | None) -> bool:
        passed: set[str] = set()
        while (folder := self._tree.get(folder_id)) and folder.id not in passed:
            if not folder.readable:
                return True
            passed.add(folder.id)
            folder_id = folder.parent_id
        return False


def find(database: Database, endpoint_type: str, scope: Mapping[str, Any]) -> int | None:
    """Find an endpoint by what it reads; None: no sync of it ever came to its end."""
    rows = (row for row in load(database) if row.endpoint_type == endpoint_type and json.loads(row.scope) == scope)
    return next((row.id for row in rows if row.completed_at is not None), None)


def read_only_changes(database: Database, endpoint_id: int, now: datetime, doubted: Sequence[str]) -> None:
    """Make the next sync of this private database read what the service says changed, and doubted folders."""
    with database.transaction() as connection:
        for sql in (
            "UPDATE sync_state SET full_listed_at = ? WHERE endpoint_id = ?",
            "UPDATE folders SET last_tried_at = ? WHERE endpoint_id = ? AND last_listed_at IS NOT NULL",
        ):
            connection.execute(sql, (to_timestamp(now), endpoint_id))
        connection.execute(
            """UPDATE folders SET relist = 1 WHERE endpoint_id = ? AND listed_stamp IS NOT NULL
               AND external_folder_id IN (SELECT value FROM json_each(?))""",
            (endpoint_id, json.dumps(list(doubted))),
        )


def forget_filters(database: Database, endpoint_id: int) -> None:
    """Have the next sync decide all remembered files afresh."""
    with database.transaction() as connection:
        connection.execute("UPDATE sync_state SET selection = NULL WHERE endpoint_id = ?", (endpoint_id,))


def _gone(row: FileState, why: str) -> list[Difference]:
    return [Difference(_REASON, row[TRACKED.index(_REASON)], why)]


def _reason_of(row: FileState) -> list[Difference]:
    """Look whether a deleted row has a reason at all; which one it is was true on that day."""
    reason = row[TRACKED.index(_REASON)]
    return [] if reason in _REASONS else [Difference(_REASON, reason, None)]


def _differing(row: FolderRow, folder: RemoteFolder, path: str) -> list[Difference]:
    pairs: list[tuple[str, Value, Value]] = [
        ("folder_name", row.name, folder.name),
        ("parent_external_id", row.parent_id, folder.parent_id),
        ("folder_path", row.path, path),
        ("depth", row.depth, path.count("/")),
    ]
    return [Difference(name, old, new) for name, old, new in pairs if old != new]
