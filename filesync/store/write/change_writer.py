"""Writes a file's new state and the change that tells of it, always together, and counts both."""

import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from filesync.core.timestamps import Timestamp
from filesync.store.write.file_state import (
    TRACKED,
    ChangeRow,
    FileState,
    name_of,
    path_of,
    to_change_row,
    to_created_row,
)

_INSERT_FILE = f"""
    INSERT INTO files (endpoint_id, external_file_id, {", ".join(TRACKED)}, first_seen_at, changed_at)
    VALUES ({", ".join("?" * (len(TRACKED) + 4))})
"""  # noqa: S608  column names are ours
_UPDATE_FILE = f"""
    UPDATE files SET {", ".join(f"{name} = ?" for name in TRACKED)}, changed_at = ?
    WHERE endpoint_id = ? AND external_file_id = ?
"""  # noqa: S608  as above
_PUT_CHANGE = """
    INSERT INTO changes (sync_log_id, endpoint_id, external_file_id, kind, cause, content_changed,
                         file_name, file_path, detected_at, before, after)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# The search index takes a batch's new files at once: fed by a trigger, it is flushed after each of them, which costs
# more than everything else that is written of a file. New rows have the highest ids.
_MAKE_SEARCHABLE = """
    INSERT INTO files_search (rowid, file_name, file_path) SELECT id, file_name, file_path FROM files WHERE id > ?
"""


@dataclass(slots=True)
class Tally:
    """What a sync did so far; the names are `sync_logs`' columns."""

    files_seen: int = 0
    files_added: int = 0
    files_updated: int = 0
    files_removed: int = 0
    found_by_reconcile: int = 0
    folders_listed: int = 0
    folders_skipped: int = 0
    odd_entries: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """Why a batch of files is being written, and what it means for the feed."""

    cause: str
    now: Timestamp
    reconciled: bool = False  # nothing but continuous reconciliation made us look


class FileChange(NamedTuple):
    """A file's next state; `before` is None for a file that was never there."""

    external_id: str
    before: FileState | None
    after: FileState
    cause: str


class ChangeWriter:
    """The one writer of `files` and `changes` for one endpoint in one sync."""

    def __init__(self, connection: sqlite3.Connection, endpoint_id: int, sync_log_id: int, tally: Tally) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._sync_log_id = sync_log_id
        self._tally = tally

    def record(self, turns: Sequence[FileChange], now: Timestamp, *, reconciled: bool = False) -> None:
        """Write turns, all of different files; one that changes nothing must not be among them."""
        if not turns:
            return
        self._insert([turn for turn in turns if turn.before is None], now)
        self._update([turn for turn in turns if turn.before is not None], now)
        steps = [_to_step(turn) for turn in turns]
        changes = [self._change_row(turn, to, now) for turn, to in zip(turns, steps, strict=True)]
        self._connection.executemany(_PUT_CHANGE, changes)
        self._count(to.kind for to in steps)
        if reconciled:
            self._tally.found_by_reconcile += len(steps)

    def _insert(self, turns: Sequence[FileChange], now: Timestamp) -> None:
        if not turns:
            return
        newest = self._connection.execute("SELECT coalesce(max(id), 0) FROM files").fetchone()
        rows = [(self._endpoint_id, turn.external_id, *turn.after, now, now) for turn in turns]
        self._connection.executemany(_INSERT_FILE, rows)  # decision 4: not through `insert_all`
        self._connection.execute(_MAKE_SEARCHABLE, newest)

    def _update(self, turns: Sequence[FileChange], now: Timestamp) -> None:
        rows = [(*turn.after, now, self._endpoint_id, turn.external_id) for turn in turns]
        self._connection.executemany(_UPDATE_FILE, rows)

    def _change_row(self, turn: FileChange, to: ChangeRow, now: Timestamp) -> tuple[object, ...]:
        return (
            self._sync_log_id,
            self._endpoint_id,
            turn.external_id,
            to.kind,
            turn.cause,
            to.content_changed,
            name_of(turn.after),
            path_of(turn.after),
            now,
            to.before,
            to.after,
        )

    def _count(self, kinds: Iterable[str]) -> None:
        live = 0
        for kind in kinds:
            if kind in {"created", "restored"}:
                self._tally.files_added += 1
                live += 1
            elif kind == "deleted":
                self._tally.files_removed += 1
                live -= 1
            else:
                self._tally.files_updated += 1
        if live:
            self._connection.execute(
                "UPDATE sync_state SET live_files = live_files + ? WHERE endpoint_id = ?", (live, self._endpoint_id)
            )


def _to_step(turn: FileChange) -> ChangeRow:
    return to_created_row(turn.after) if turn.before is None else to_change_row(turn.before, turn.after)


def load_states(
    connection: sqlite3.Connection, endpoint_id: int, where: str, parameters: Sequence[object]
) -> dict[str, FileState]:
    """Read files by a condition on their columns: id -> state."""
    rows = connection.execute(
        f"SELECT external_file_id, {', '.join(TRACKED)} FROM files WHERE endpoint_id = ? AND {where}",  # noqa: S608
        (endpoint_id, *parameters),
    )
    return {row[0]: row[1:] for row in rows}
