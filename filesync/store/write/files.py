"""Files as the service shows them, turned into rows: shown when they are in scope, withheld when they are not."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from filesync.core.model import RemoteFile
from filesync.core.timestamps import Timestamp
from filesync.store.engine import Delete, Insert, Question, SqlConnection
from filesync.store.write.change_writer import ChangeWriter, FileChange, Observation, load_states, states_question
from filesync.store.write.file_state import (
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
from filesync.store.write.folder_rows import FolderRow
from filesync.store.write.folders import BY_ITSELF, FolderTree, join
from filesync.store.write.removals import Removals

_KEY = ("endpoint_id", "external_file_id")
_WITHHOLD = Insert(
    "withheld_files",
    (*_KEY, *FACTS),
    f"""ON CONFLICT (endpoint_id, external_file_id) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in FACTS)}""",
)
_RELEASE = Delete("withheld_files", _KEY)
_AMONG = "external_file_id IN (SELECT value FROM json_each(?))"
_WITHHELD_AMONG = f"SELECT external_file_id FROM withheld_files WHERE endpoint_id = ? AND {_AMONG}"  # noqa: S608  our own words
_IN_FOLDER = """
    SELECT external_file_id FROM files WHERE endpoint_id = ? AND parent_external_id = ? AND deleted_at IS NULL"""
_WITHHELD_IN_FOLDER = "SELECT external_file_id FROM withheld_files WHERE endpoint_id = ? AND parent_external_id = ?"

Matches = Callable[[str, str | None, Timestamp | None], bool]  # path, file_type, updated_at


@dataclass(slots=True)
class _Decided:
    """What becomes of the files of one batch: changes, and what is written to or taken from `withheld_files`."""

    turns: list[FileChange] = field(default_factory=list)
    withheld: list[tuple[str, Facts]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)  # shown now, or of no concern


class FileWriter:
    """The files of one endpoint, shown and withheld."""

    def __init__(  # noqa: PLR0913  the parts of one sync, put together in one place
        self,
        connection: SqlConnection,
        endpoint_id: int,
        tree: FolderTree,
        ledger: ChangeWriter,
        removals: Removals,
        matches: Matches,
    ) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._tree = tree
        self._ledger = ledger
        self._removals = removals
        self._matches = matches

    def questions(self, files: Sequence[RemoteFile]) -> list[Question]:
        """Give what `put` is about to ask."""
        if not files:
            return []
        ids = json.dumps(list({file.id: file for file in files}))
        return [states_question(self._endpoint_id, _AMONG, [ids]), (_WITHHELD_AMONG, (self._endpoint_id, ids))]

    def folder_questions(self, folder_id: str) -> list[Question]:
        """Give what `missing_from` and `forget_withheld` are about to ask."""
        return [(sql, (self._endpoint_id, folder_id)) for sql in (_IN_FOLDER, _WITHHELD_IN_FOLDER)]

    def put(
        self, files: Sequence[RemoteFile], sighting: Observation, *, keep_strays: bool, adopt_into: str | None
    ) -> None:
        """Write files that the service shows: row and change where something differs, nothing otherwise.

        | the file's folder                  | the file                                                         |
        |------------------------------------|------------------------------------------------------------------|
        | has a place, the filters let it in | is shown; a change where its row says something else             |
        | has a place, they do not           | is withheld; a live row leaves, without counting as vanished     |
        | lost its place in this sync        | is withheld until that is looked up; a live row stays            |
        | has none, strays are kept          | is withheld; a live row leaves as moved out                      |
        | has none, strays are not kept      | is forgotten; likewise                                           |
        """
        latest = {file.id: file for file in files}  # named twice, a file is what the last entry says
        ids = json.dumps(list(latest))
        rows, withheld = self._rows_of(ids), self._withheld_among(ids)
        self._removals.seen_again(ids)  # whatever it was missing from, the service shows it
        self._tree.meet(file.parent_id for file in latest.values())
        decided = _Decided()
        for file in latest.values():
            before, parent = rows.get(file.id), self._tree.home_of(file.parent_id, adopt_into)
            if parent is not None:
                self._place(file, before, parent, sighting, decided)
            elif self._tree.is_adrift(file.parent_id):
                # What another folder shows took its folder's place away; where that hangs now is about to be asked.
                decided.withheld.append((file.id, facts_of(file, file.parent_id)))
            else:
                if keep_strays:  # pages name files in any order: its folder may be on a later one
                    decided.withheld.append((file.id, facts_of(file, file.parent_id)))
                else:  # folders are read from the root down: what hangs in no known one lies outside the scope
                    decided.released.append(file.id)
                self._leave(file.id, before, sighting, vanished=True)  # by the service's doing, so the guard counts it
        self._ledger.record(decided.turns, sighting.now, reconciled=sighting.reconciled)
        self._withhold(decided.withheld)
        self._release(withheld.intersection(decided.released))  # most were never there, which saves the statements

    def _place(
        self, file: RemoteFile, before: FileState | None, parent: FolderRow, sighting: Observation, decided: _Decided
    ) -> None:
        """Decide a file whose folder has a place."""
        facts = facts_of(file, parent.id)
        after = alive(facts, join(str(parent.path), file.name))
        if self._matches(path_of(after), file.file_type, file.updated_at):
            decided.released.append(file.id)
            if before != after:
                # A file that shows because its folder came in has the folder's cause: nobody added it.
                decided.turns.append(FileChange(file.id, before, after, parent.entry_cause or sighting.cause))
            return
        decided.withheld.append((file.id, facts))  # so that other filters can show it without a request
        cause = "config" if before == after else sighting.cause  # the filters changed, or else the file did
        self._leave(file.id, before, replace(sighting, cause=cause), vanished=False)

    def _leave(self, file_id: str, before: FileState | None, sighting: Observation, *, vanished: bool) -> None:
        if before is not None and is_alive(before):  # any other was never reported, or is gone already
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
        """Drop withheld files that are gone: they were never reported."""
        self._release(ids)

    def missing_from(self, folder_id: str, present: frozenset[str]) -> list[str]:
        """List the live files that the store has in a folder and that are not among `present`."""
        rows = self._connection.execute(_IN_FOLDER, (self._endpoint_id, folder_id))
        return [row[0] for row in rows if row[0] not in present]

    def forget_withheld(self, folder_id: str, present: frozenset[str]) -> None:
        """Drop withheld files that a folder no longer shows: they were never reported."""
        rows = self._connection.execute(_WITHHELD_IN_FOLDER, (self._endpoint_id, folder_id))
        self._release({row[0] for row in rows}.difference(present))

    def reconsider_shown(self, states: Mapping[str, FileState], sighting: Observation) -> None:
        """Decide live files afresh: paths from the tree, filters as they are now; no request."""
        turns: list[FileChange] = []
        kept: list[tuple[str, Facts]] = []
        for id_, before in states.items():
            parent = self._tree.place_of(parent_of(before))
            if parent is None:
                continue  # its folder is a candidate itself, and decides for it
            path = join(str(parent.path), name_of(before))
            if not self._matches(path, type_of(before), updated_at(before)):  # by its new path, or the new filters
                kept.append((id_, before[: len(FACTS)]))
                self._removals.leave(id_, sighting, vanished=False)  # ours to leave out: the guard need not count it
            elif path != path_of(before):  # nothing else follows from a folder's move
                turns.append(FileChange(id_, before, moved_to(before, path), sighting.cause))
        self._ledger.record(turns, sighting.now)
        self._withhold(kept)

    def reconsider_withheld(self, facts: Mapping[str, Facts], sighting: Observation) -> None:
        """Decide withheld files afresh, likewise."""
        if not facts:
            return
        rows = self._rows_of(json.dumps(list(facts)))
        turns: list[FileChange] = []
        shown: list[str] = []
        waiting: list[str] = []
        for id_, values in facts.items():
            parent = self._tree.place_of(parent_of(values))
            if parent is None:
                continue  # it waits on for its folder's place
            if parent.relist == BY_ITSELF:
                waiting.append(id_)  # its folder was out of sight: what is in it now shows when it is read
                continue
            path = join(str(parent.path), name_of(values))
            if self._matches(path, type_of(values), updated_at(values)):
                shown.append(id_)
                before, after = rows.get(id_), alive(values, path)
                if before != after:  # a row that is about to leave by an older decision may be what it was
                    turns.append(FileChange(id_, before, after, sighting.cause))
        self._removals.seen_again(json.dumps(shown))
        self._removals.waiting(waiting)
        self._ledger.record(turns, sighting.now)
        self._release(shown)

    def _rows_of(self, ids: str) -> dict[str, FileState]:
        return load_states(self._connection, self._endpoint_id, _AMONG, [ids])

    def _withheld_among(self, ids: str) -> set[str]:
        rows = self._connection.execute(_WITHHELD_AMONG, (self._endpoint_id, ids))
        return {row[0] for row in rows}

    def _withhold(self, kept: Sequence[tuple[str, Facts]]) -> None:
        self._connection.write_many(_WITHHOLD, ((self._endpoint_id, id_, *facts) for id_, facts in kept))

    def _release(self, ids: Sequence[str] | set[str]) -> None:
        self._connection.write_many(_RELEASE, ((self._endpoint_id, id_) for id_ in ids))
