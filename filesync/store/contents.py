"""Files as the service shows them, turned into rows: shown when they are in scope, withheld when they are not."""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from filesync.model import RemoteFile
from filesync.store.ledger import Ledger, Turn, load_states
from filesync.store.removals import Removals
from filesync.store.sighting import Sighting
from filesync.store.states import (
    FACTS,
    Facts,
    FileState,
    alive,
    facts_of,
    is_alive,
    moved_to,
    name_of,
    parent_of,
    path_of,
    type_of,
    updated_at,
)
from filesync.store.tree import BY_ITSELF, Tree, join
from filesync.timestamps import Timestamp

_WITHHOLD = f"""
    INSERT INTO withheld_files (endpoint_id, external_file_id, {", ".join(FACTS)})
    VALUES ({", ".join("?" * (len(FACTS) + 2))})
    ON CONFLICT (endpoint_id, external_file_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in FACTS)}
"""  # noqa: S608  column names are ours

Matches = Callable[[str, str | None, Timestamp | None], bool]  # path, file_type, updated_at


class Contents:
    """The files of one endpoint, shown and withheld."""

    def __init__(  # noqa: PLR0913  the parts of one sync, put together in one place
        self,
        connection: sqlite3.Connection,
        endpoint_id: int,
        tree: Tree,
        ledger: Ledger,
        removals: Removals,
        matches: Matches,
    ) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._tree = tree
        self._ledger = ledger
        self._removals = removals
        self._matches = matches

    def put(
        self, files: Sequence[RemoteFile], sighting: Sighting, *, keep_strays: bool, adopt_into: str | None
    ) -> None:
        """Write files that the service shows: row and change where something differs, nothing otherwise."""
        latest = {file.id: file for file in files}
        ids = json.dumps(list(latest))
        rows = self._rows_of(ids)
        withheld = self._withheld_among(ids)
        self._removals.seen_again(ids)
        self._tree.meet(file.parent_id for file in latest.values())
        turns: list[Turn] = []
        shown: list[str] = []
        kept: list[tuple[str, Facts]] = []
        dropped: list[str] = []
        for file in latest.values():
            before = rows.get(file.id)
            parent = self._tree.home_of(file.parent_id, adopt_into)
            if parent is None and self._tree.is_adrift(file.parent_id):
                kept.append((file.id, facts_of(file, file.parent_id)))  # it waits with its folder
                continue
            if parent is None:
                if keep_strays:
                    kept.append((file.id, facts_of(file, file.parent_id)))
                else:
                    dropped.append(file.id)
                self._leave(file.id, before, sighting, vanished=True)
                continue
            facts = facts_of(file, parent.id)
            after = alive(facts, join(str(parent.path), file.name))
            if self._matches(path_of(after), file.file_type, file.updated_at):
                shown.append(file.id)
                if before != after:
                    turns.append(Turn(file.id, before, after, parent.entry_cause or sighting.cause))
                continue
            kept.append((file.id, facts))
            cause = "config" if before == after else sighting.cause
            self._leave(file.id, before, replace(sighting, cause=cause), vanished=False)
        self._ledger.record(turns, sighting.now, reconciled=sighting.reconciled)
        self._withhold(kept)
        self._release(withheld.intersection([*shown, *dropped]))

    def _leave(self, file_id: str, before: FileState | None, sighting: Sighting, *, vanished: bool) -> None:
        if before is not None and is_alive(before):
            self._removals.leave(file_id, sighting, vanished=vanished)

    def alive_among(self, ids: Sequence[str]) -> list[str]:
        """Pick the ids of live files."""
        rows = self._rows_of(json.dumps(list(ids)))
        return [id_ for id_, state in rows.items() if is_alive(state)]

    def path_of(self, file_id: str) -> str | None:
        """Give the path of a file that the store has a row of."""
        state = self._rows_of(json.dumps([file_id])).get(file_id)
        return path_of(state) if state else None

    def forget(self, ids: Sequence[str]) -> None:
        """Drop withheld files that are gone: nobody was ever told of them."""
        self._release(ids)

    def missing_from(self, folder_id: str, present: frozenset[str]) -> list[str]:
        """List the live files that the store has in a folder and that are not among `present`."""
        rows = self._connection.execute(
            """SELECT external_file_id FROM files
               WHERE endpoint_id = ? AND parent_external_id = ? AND deleted_at IS NULL""",
            (self._endpoint_id, folder_id),
        )
        return [row[0] for row in rows if row[0] not in present]

    def forget_withheld(self, folder_id: str, present: frozenset[str]) -> None:
        """Drop withheld files that a folder no longer shows: nobody was ever told of them."""
        rows = self._connection.execute(
            "SELECT external_file_id FROM withheld_files WHERE endpoint_id = ? AND parent_external_id = ?",
            (self._endpoint_id, folder_id),
        )
        self._release({row[0] for row in rows}.difference(present))

    def reconsider_shown(self, states: Mapping[str, FileState], sighting: Sighting) -> None:
        """Decide live files afresh: paths from the tree, filters as they are now; no request."""
        turns: list[Turn] = []
        kept: list[tuple[str, Facts]] = []
        for id_, before in states.items():
            parent = self._tree.place_of(parent_of(before))
            if parent is None:
                continue  # its folder is a candidate itself
            path = join(str(parent.path), name_of(before))
            if not self._matches(path, type_of(before), updated_at(before)):
                kept.append((id_, before[: len(FACTS)]))
                self._removals.leave(id_, sighting, vanished=False)
            elif path != path_of(before):
                turns.append(Turn(id_, before, moved_to(before, path), sighting.cause))
        self._ledger.record(turns, sighting.now)
        self._withhold(kept)

    def reconsider_withheld(self, facts: Mapping[str, Facts], sighting: Sighting) -> None:
        """Decide withheld files afresh, likewise."""
        if not facts:
            return
        rows = self._rows_of(json.dumps(list(facts)))
        turns: list[Turn] = []
        shown: list[str] = []
        waiting: list[str] = []
        for id_, values in facts.items():
            parent = self._tree.place_of(parent_of(values))
            if parent is None:
                continue  # it waits for its folder's place
            if parent.relist == BY_ITSELF:
                waiting.append(id_)  # its folder was out of sight: what is in it now shows when it is read
                continue
            path = join(str(parent.path), name_of(values))
            if self._matches(path, type_of(values), updated_at(values)):
                shown.append(id_)
                before, after = rows.get(id_), alive(values, path)
                if before != after:
                    turns.append(Turn(id_, before, after, sighting.cause))
        self._removals.seen_again(json.dumps(shown))
        self._removals.waiting(waiting)
        self._ledger.record(turns, sighting.now)
        self._release(shown)

    def _rows_of(self, ids: str) -> dict[str, FileState]:
        condition = "external_file_id IN (SELECT value FROM json_each(?))"
        return load_states(self._connection, self._endpoint_id, condition, [ids])

    def _withheld_among(self, ids: str) -> set[str]:
        rows = self._connection.execute(
            """SELECT external_file_id FROM withheld_files
               WHERE endpoint_id = ? AND external_file_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, ids),
        )
        return {row[0] for row in rows}

    def _withhold(self, kept: Sequence[tuple[str, Facts]]) -> None:
        self._connection.executemany(_WITHHOLD, ((self._endpoint_id, id_, *facts) for id_, facts in kept))

    def _release(self, ids: Sequence[str] | set[str]) -> None:
        self._connection.executemany(
            "DELETE FROM withheld_files WHERE endpoint_id = ? AND external_file_id = ?",
            ((self._endpoint_id, id_) for id_ in ids),
        )
