"""What the feed says of a file: the record that a row is held against, and put back to when somebody else wrote it."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from filesync.core.timestamps import Timestamp
from filesync.store.engine import Delete, SqlConnection
from filesync.store.write.change_writer import ChangeWriter, FileChange, load_states
from filesync.store.write.file_state import TRACKED, FileState, Value

_CREATED = dict.fromkeys(TRACKED)
_FORGET = Delete("files", ("endpoint_id", "external_file_id"))


@dataclass(slots=True)
class FeedRecord:
    """What the changes of one file add up to. A column of which they say nothing any more is not in `columns`."""

    columns: dict[str, Value] = field(default_factory=dict)
    first_at: Timestamp | None = None  # None: its creation was dropped from the feed
    last_at: Timestamp | None = None  # None: the feed never told of it
    # decision 28: no table of baselines says more
    is_cut: bool = False  # some of the feed was dropped, so that silence means nothing

    @property
    def never(self) -> bool:
        """Tell whether the feed, which is whole, does not know the file."""
        return self.last_at is None and not self.is_cut

    def contradicted_by(self, state: FileState, columns: Sequence[str]) -> bool:
        """Tell whether a row says something else, in these columns, than the feed told."""
        if self.never:
            return True
        row = dict(zip(TRACKED, state, strict=True))
        return any(name in self.columns and self.columns[name] != row[name] for name in columns)

    def applied_to(self, state: FileState) -> FileState:
        row = dict(zip(TRACKED, state, strict=True)) | self.columns
        return tuple(row[name] for name in TRACKED)


def load_records(connection: SqlConnection, endpoint_id: int, ids: Sequence[str]) -> Mapping[str, FeedRecord]:
    """Add up the feed for these files."""
    floor = connection.execute("SELECT floor_seq FROM retention").fetchone()[0]
    told = {id_: FeedRecord(is_cut=floor > 0) for id_ in ids}
    rows = connection.execute(
        """SELECT external_file_id, kind, detected_at, after FROM changes
           WHERE endpoint_id = ? AND external_file_id IN (SELECT value FROM json_each(?)) ORDER BY seq""",
        (endpoint_id, json.dumps(list(ids))),
    )
    for id_, kind, detected_at, after in rows:
        of_file = told[id_]
        if kind == "created":
            of_file.columns, of_file.first_at = dict(_CREATED), detected_at
        of_file.columns |= {name: value for name, value in json.loads(after).items() if name in _CREATED}
        of_file.last_at = detected_at
    return told


class FeedReplay:
    """Puts rows of one endpoint back to what the feed says, and the count of the live ones to what the rows say."""

    def __init__(self, connection: SqlConnection, endpoint_id: int, ledger: ChangeWriter) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._ledger = ledger

    def put_back(self, ids: Sequence[str], now: Timestamp, *, about_to_be_put: Collection[str] = ()) -> None:
        """Make the rows say what the feed told of them.

        The feed is not written for that: it never said what they said, so that there is nothing to take back. A row
        of which it never told is told of now, as it is; unless it is about to be put, which tells of it.
        """
        condition = "external_file_id IN (SELECT value FROM json_each(?))"
        states = load_states(self._connection, self._endpoint_id, condition, [json.dumps(list(ids))])
        told = load_records(self._connection, self._endpoint_id, list(states))
        unknown = {id_: state for id_, state in states.items() if told[id_].never}
        for id_ in states.keys() - unknown.keys():
            self._write(id_, states[id_], told[id_])
        self._forget(unknown)
        untold = [FileChange(id_, None, state, "file") for id_, state in unknown.items() if id_ not in about_to_be_put]
        self._ledger.record(untold, now)
        self._connection.execute(
            """UPDATE sync_state SET live_files = (
                   SELECT count(*) FROM files WHERE endpoint_id = :endpoint AND deleted_at IS NULL)
               WHERE endpoint_id = :endpoint""",
            {"endpoint": self._endpoint_id},
        )

    def _write(self, id_: str, state: FileState, told: FeedRecord) -> None:
        self._connection.execute(
            f"""UPDATE files SET {", ".join(f"{name} = ?" for name in TRACKED)},
                changed_at = coalesce(?, changed_at), first_seen_at = coalesce(?, first_seen_at)
                WHERE endpoint_id = ? AND external_file_id = ?""",  # noqa: S608  column names are ours
            (*told.applied_to(state), told.last_at, told.first_at, self._endpoint_id, id_),
        )

    def _forget(self, ids: Iterable[str]) -> None:
        self._connection.write_many(_FORGET, ((self._endpoint_id, id_) for id_ in ids))
