"""Forgetting an endpoint that left the configuration: its files leave the inventory, and retention frees the rows."""

from collections.abc import Callable
from datetime import datetime

from filesync.core.model import Gone
from filesync.core.timestamps import to_timestamp
from filesync.store.engine import Database
from filesync.store.write import sync_log
from filesync.store.write.change_writer import ChangeWriter, FileChange, Tally, load_states
from filesync.store.write.endpoints import find, former_name
from filesync.store.write.file_state import gone
from filesync.store.write.sync_log import Beginning, Outcome, Usage

FORGOTTEN_SCOPE = "null"  # the scope of an endpoint that no service ids lead to any more
_BATCH = 500  # files of one transaction
_TABLES = ("withheld_files", "candidates", "owed", "odd_entries", "seen")  # what no reader was ever told of


def count_files(database: Database, endpoint_id: int) -> int:
    """Count the live files of an endpoint."""
    with database.reading() as connection:
        row = connection.execute("SELECT live_files FROM sync_state WHERE endpoint_id = ?", (endpoint_id,)).fetchone()
    return int(row[0]) if row else 0


def forget(database: Database, beginning: Beginning, now: Callable[[], datetime]) -> int:
    """Record every live file as deleted, out of scope, and let the endpoint be known by nothing; return how many.

    The feed keeps its promise that nothing is missing between two of its numbers, so no row is dropped here. What a
    killed process left undone the next call does. The caller holds the endpoint's lock.
    """
    endpoint_id, tally = beginning.endpoint_id, Tally()
    row = find(database, endpoint_id)
    with database.transaction() as connection:
        log_id = sync_log.begin(database, beginning)
    more = True
    while more:
        with database.transaction() as connection:
            at = to_timestamp(now())
            states = load_states(connection, endpoint_id, f"deleted_at IS NULL LIMIT {_BATCH}", ())
            turns = [
                FileChange(id_, state, gone(state, at, Gone.OUT_OF_SCOPE), "config") for id_, state in states.items()
            ]
            ChangeWriter(connection, endpoint_id, log_id, tally).record(turns, at)
        more = len(states) == _BATCH
    with database.transaction() as connection:
        at = to_timestamp(now())
        for table in _TABLES:
            connection.execute(f"DELETE FROM {table} WHERE endpoint_id = ?", (endpoint_id,))  # noqa: S608  our own words
        connection.execute(
            "UPDATE folders SET deleted_at = ? WHERE endpoint_id = ? AND deleted_at IS NULL", (at, endpoint_id)
        )
        connection.execute(
            "UPDATE sync_state SET scope = ?, provider_state = '{}', identity = NULL WHERE endpoint_id = ?",
            (FORGOTTEN_SCOPE, endpoint_id),
        )
        started = datetime.fromisoformat(beginning.started_at)
        outcome = Outcome(row.name, "success", beginning.mode, beginning.trigger, started, now(), tally, Usage())
        facts = {"is_active": False, "updated_at": at, "name": former_name(database, row)}
        database.table("endpoints").update(endpoint_id, facts)
        sync_log.conclude(database, endpoint_id, log_id, outcome, None)
    return tally.files_removed
