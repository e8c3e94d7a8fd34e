"""Writes a file's new state and the change that tells of it, always together, and counts both."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from filesync.core.timestamps import Timestamp
from filesync.store.engine import Insert, Question, SqlConnection, Update
from filesync.store.write.file_state import (
    TRACKED,
    ChangeRow,
    FileState,
    name_of,
    path_of,
    to_change_row,
    to_created_row,
)

_KEY = ("endpoint_id", "external_file_id")
_INSERT_FILE = Insert("files", (*_KEY, *TRACKED, "first_seen_at", "changed_at"))
_UPDATE_FILE = Update("files", (*TRACKED, "changed_at"), _KEY)
_PUT_CHANGE = Insert(
    "changes",
    (
        "sync_log_id", "endpoint_id", "external_file_id", "kind", "cause", "content_changed", "file_name", "file_path",
        "detected_at", "before", "after",
    ),
)  # fmt: skip


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

    def __init__(self, connection: SqlConnection, endpoint_id: int, sync_log_id: int, tally: Tally) -> None:
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
        self._connection.append_changes(_PUT_CHANGE, changes)
        self._count(to.kind for to in steps)
        if reconciled:
            self._tally.found_by_reconcile += len(steps)

    def _insert(self, turns: Sequence[FileChange], now: Timestamp) -> None:
        if not turns:
            return
        rows = [(self._endpoint_id, turn.external_id, *turn.after, now, now) for turn in turns]
        self._connection.add_files(_INSERT_FILE, rows)  # decision 4: not through `insert_all`

    def _update(self, turns: Sequence[FileChange], now: Timestamp) -> None:
        rows = [(*turn.after, now, self._endpoint_id, turn.external_id) for turn in turns]
        if rows:
            self._connection.write_many(_UPDATE_FILE, rows)

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


def states_question(endpoint_id: int, where: str, parameters: Sequence[object]) -> Question:
    """Ask for files by a condition on their columns."""
    sql = f"SELECT external_file_id, {', '.join(TRACKED)} FROM files WHERE endpoint_id = ? AND {where}"  # noqa: S608
    return sql, (endpoint_id, *parameters)


def load_states(
    connection: SqlConnection, endpoint_id: int, where: str, parameters: Sequence[object]
) -> dict[str, FileState]:
    """Read files by a condition on their columns: id -> state."""
    rows = connection.execute(*states_question(endpoint_id, where, parameters))
    return {row[0]: row[1:] for row in rows}
