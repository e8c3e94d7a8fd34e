"""One endpoint's sync, as the store sees it: take batches, hold removals back, conclude.

A batch, its changes and its state are one commit. All removals of a sync, and its outcome, are one more.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import Any, Literal

from filesync.clock import Timestamp, to_timestamp
from filesync.model import (
    Batch,
    Candidate,
    Changed,
    FolderListed,
    FoldersKnown,
    Gone,
    Page,
    RemoteFile,
    RemoteFolder,
    Resolved,
    Rooted,
    ScopeListed,
    State,
    Unreadable,
)
from filesync.selection import Selection
from filesync.store import journal
from filesync.store.contents import Contents, Sighting
from filesync.store.database import Database
from filesync.store.journal import Beginning, Outcome
from filesync.store.known import Pace, StoredKnowledge
from filesync.store.ledger import Ledger, Tally
from filesync.store.removals import Removals
from filesync.store.tree import Folder, Placing, Tree


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be synced, and how; decided before the first request."""

    endpoint_id: int
    selection: Selection
    pace: Pace
    stamped: bool  # the provider prunes by change stamps and reconciles continuously
    trigger: Literal["schedule", "manual", "trial"]
    full: bool = False
    expected_unreadable: tuple[str, ...] = ()


@dataclass(slots=True)
class _Scope:
    """How stray items are treated, as the provider's `Rooted` said."""

    root_id: str | None = None
    keep_strays: bool = False
    adopt_into: RemoteFolder | None = None


@dataclass(frozen=True, slots=True)
class _Memory:
    """What sync_state said when the sync began."""

    completed: bool
    rescoping: bool
    full_pending: bool
    full_listed_at: str | None
    track_seen: bool
    selection: str | None
    after: str | None
    before: str | None


@dataclass(slots=True)
class Guard:
    """What the mass-delete guard counted."""

    vanishing: int
    of: int
    trips: bool


class Run:
    """The writer of one sync; made by `begin`, ended by `conclude`."""

    def __init__(self, database: Database, plan: Plan, now: Callable[[], datetime], host: str, pid: int) -> None:
        """Write the `running` row and prepare; no request was made yet."""
        self.tally = Tally()
        self.plan = plan
        self._database = database
        self._now = now
        self._scope = _Scope()
        with database.transaction() as connection:
            self._memory = _remember(database, plan.endpoint_id)
            self.full = self._decide_full()
            mode = "full" if self.full or plan.trigger == "trial" else "incremental"
            self.mode: str = mode
            beginning = Beginning(plan.endpoint_id, mode, plan.trigger, self._stamp(), host, pid)
            self.log_id = journal.begin(connection, beginning)
            if self.full and not self._memory.full_pending and plan.trigger != "trial":
                self._begin_full()
        self._tried: set[str] = set()  # the folders that a trial listed
        self._assemble()

    @property
    def _is_trial(self) -> bool:
        return self.plan.trigger == "trial"

    def _assemble(self) -> None:
        connection, endpoint_id = self._database.connection, self.plan.endpoint_id
        bound = self.plan.selection.at(self._now())
        self._bounds = (bound.after, bound.before)
        self._tree = Tree(connection, endpoint_id, self.plan.selection.may_contain)
        self._ledger = Ledger(connection, endpoint_id, self.log_id, self.tally)
        self._removals = Removals(connection, endpoint_id, self._tree, self._ledger)
        self._contents = Contents(connection, endpoint_id, self._tree, self._ledger, self._removals, bound.matches)
        self.known = StoredKnowledge(
            connection,
            endpoint_id,
            self._tree,
            full=self.full or self._is_trial,
            stamped=self.plan.stamped,
            fresh_but_for=self._tried if self._is_trial else None,
            pace=self.plan.pace,
            now=self._now,
            is_expected_unreadable=self._is_expected_unreadable,
        )

    # --- what the provider says -------------------------------------------------------------

    def put(self, batch: Batch) -> None:
        """Store one statement: rows, changes and state in one commit."""
        try:
            self._put(batch)
        except UnicodeEncodeError:  # a lone surrogate in a name: SQLite holds UTF-8 only
            self._put(_without_surrogates(batch))

    def _put(self, batch: Batch) -> None:
        with self._writing():
            self._take(batch)
            if batch_state(batch) is not None and not self._is_trial:
                self._remember_state(batch_state(batch))
            journal.note_progress(self._database.connection, self.log_id, self.tally, self._stamp())

    def _take(self, batch: Batch) -> None:
        match batch:
            case Rooted():
                self._root(batch)
            case Page():
                self._page(batch)
            case FolderListed():
                self._folder_listed(batch)
            case FoldersKnown():
                self._folders_known()
            case ScopeListed():
                self._scope_listed()
            case Changed():
                self._changed(batch)
            case Unreadable():
                self._unreadable(batch)
            case Resolved():
                self._removals.decide(batch.id, batch.gone)

    def _root(self, batch: Rooted) -> None:
        self._scope = _Scope(batch.root.id, batch.keep_strays, batch.adopt_into)
        self._rehang(self._tree.set_root(batch.root))
        if batch.adopt_into is not None:
            self._rehang(self._tree.put([batch.adopt_into], keep_strays=True))
        self._database.connection.execute(
            "UPDATE sync_state SET root_id = ? WHERE endpoint_id = ?", (batch.root.id, self.plan.endpoint_id)
        )
        self._database.connection.execute(
            """UPDATE endpoints SET external_project_id = ?1, external_project_name = ?2, hub_name = ?3, region = ?4,
               updated_at = ?5 WHERE id = ?6 AND (external_project_id, external_project_name, hub_name, region)
               IS NOT (?1, ?2, ?3, ?4)""",
            (batch.project_id, batch.project_name, batch.hub_name, batch.region, self._stamp(), self.plan.endpoint_id),
        )

    def _page(self, batch: Page) -> None:
        sighting = self._sighting(reconciled=self._is_relisting())
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        self._note_seen([*(f.id for f in batch.folders), *(f.id for f in batch.files)])

    def _folder_listed(self, batch: FolderListed) -> None:
        folder = self._tree.get(batch.folder_id)
        if folder is None or self._is_trial:
            self._tried.add(batch.folder_id)
            self._page(Page(batch.files, batch.folders))
            return
        sighting = self._sighting(reconciled=self._is_reconciling(folder, batch.stamp))
        if not folder.readable:
            sighting = replace(sighting, cause="access")
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        self._suspect_missing(batch, sighting)
        self._mark_listed(batch.folder_id, batch.stamp)
        self.tally.folders_listed += folder.listable

    def _suspect_missing(self, batch: FolderListed, sighting: Sighting) -> None:
        present = batch.earlier.union((f.id for f in batch.files), (f.id for f in batch.folders))
        self._removals.suspect(self._contents.missing_from(batch.folder_id, present), sighting, is_folder=False)
        self._contents.forget_withheld(batch.folder_id, present)
        adopting = self._scope.adopt_into.id if self._scope.adopt_into else None
        left = [c.id for c in self._tree.children(batch.folder_id) if c.id not in present and c.id != adopting]
        self._removals.suspect(left, sighting, is_folder=True)

    def _mark_listed(self, folder_id: str, stamp: str | None) -> None:
        self._database.connection.execute(
            """UPDATE folders SET last_listed_at = ?1, last_tried_at = ?1, listed_stamp = ?2, relist = 0, readable = 1,
               unreadable_reason = NULL, entry_cause = NULL WHERE endpoint_id = ?3 AND external_folder_id = ?4""",
            (self._stamp(), stamp, self.plan.endpoint_id, folder_id),
        )
        self._tree.refresh(folder_id)

    def _folders_known(self) -> None:
        if self._scope.adopt_into is not None:
            self._rehang(self._tree.adopt(self._scope.adopt_into))

    def _scope_listed(self) -> None:
        if self._is_trial:
            return
        sighting = self._sighting(reconciled=self._memory.completed)
        if self._memory.track_seen:
            self._suspect_unseen(sighting)
        self._database.connection.execute(
            """UPDATE folders SET readable = 1, unreadable_reason = NULL
               WHERE endpoint_id = ?1 AND NOT readable
               AND (external_folder_id = ?2 OR last_tried_at < (
                   SELECT full_begun_at FROM sync_state WHERE endpoint_id = ?1))""",
            (self.plan.endpoint_id, self._scope.root_id),
        )
        self._database.connection.execute(
            """UPDATE folders SET last_listed_at = ?1, last_tried_at = ?1, relist = 0, entry_cause = NULL
               WHERE endpoint_id = ?2 AND deleted_at IS NULL AND folder_path IS NOT NULL AND readable""",
            (self._stamp(), self.plan.endpoint_id),
        )
        self._tree.forget_cache()

    def _suspect_unseen(self, sighting: Sighting) -> None:
        connection, endpoint_id = self._database.connection, self.plan.endpoint_id
        unseen_files = connection.execute(
            """SELECT f.external_file_id FROM files AS f LEFT JOIN seen AS s
               ON s.endpoint_id = f.endpoint_id AND s.external_id = f.external_file_id
               WHERE f.endpoint_id = ? AND f.deleted_at IS NULL AND s.external_id IS NULL""",
            (endpoint_id,),
        ).fetchall()
        unseen_folders = connection.execute(
            """SELECT f.external_folder_id FROM folders AS f LEFT JOIN seen AS s
               ON s.endpoint_id = f.endpoint_id AND s.external_id = f.external_folder_id
               WHERE f.endpoint_id = ? AND f.deleted_at IS NULL AND s.external_id IS NULL
               AND f.folder_path IS NOT NULL AND f.external_folder_id NOT IN (?, ?)""",
            (endpoint_id, self._scope.root_id, self._scope.adopt_into.id if self._scope.adopt_into else ""),
        ).fetchall()
        self._removals.suspect((row[0] for row in unseen_files), sighting, is_folder=False)
        self._removals.suspect((row[0] for row in unseen_folders), sighting, is_folder=True)
        connection.execute(
            """DELETE FROM withheld_files WHERE endpoint_id = ?1 AND NOT EXISTS (
               SELECT 1 FROM seen AS s WHERE s.endpoint_id = ?1 AND s.external_id = external_file_id)""",
            (endpoint_id,),
        )
        connection.execute("DELETE FROM seen WHERE endpoint_id = ?", (endpoint_id,))

    def _changed(self, batch: Changed) -> None:
        sighting = self._sighting()
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        if self._is_trial:
            return
        for fate in Gone:
            ids = [id_ for id_, gone in batch.removed.items() if gone is fate and id_ != self._scope.root_id]
            self._expect(ids, sighting, fate)

    def _expect(self, ids: Sequence[str], sighting: Sighting, fate: Gone) -> None:
        files, folders = self._contents.alive_among(ids), self._tree.alive_among(ids)
        self._removals.expect(files, sighting, fate, is_folder=False)
        self._removals.expect(folders, sighting, fate, is_folder=True)
        self._contents.forget(ids)

    def _unreadable(self, batch: Unreadable) -> None:
        self._database.connection.execute(
            """UPDATE folders SET readable = 0, unreadable_reason = ?, last_tried_at = ?
               WHERE endpoint_id = ? AND external_folder_id = ?""",
            (batch.reason, self._stamp(), self.plan.endpoint_id, batch.folder_id),
        )
        self._tree.refresh(batch.folder_id)

    # --- files and folders ------------------------------------------------------------------

    def _put_folders(self, folders: Sequence[RemoteFolder], sighting: Sighting) -> None:
        folders = [folder for folder in folders if folder.id != self._scope.root_id]
        if not folders:
            return
        placing = self._tree.put(folders, keep_strays=self._scope.keep_strays)
        self._removals.seen_again(json.dumps(list(placing.found)))
        self._removals.expect(placing.lost, sighting, Gone.OUT_OF_SCOPE, is_folder=True)
        self._rehang(placing)

    def _put_files(self, files: Sequence[RemoteFile], sighting: Sighting) -> None:
        adopt_into = self._scope.adopt_into.id if self._scope.adopt_into else None
        self.tally.files_seen += len(files)
        if files:
            self._contents.put(files, sighting, keep_strays=self._scope.keep_strays, adopt_into=adopt_into)

    def _rehang(self, placing: Placing) -> None:
        if placing.shifted:
            self._contents.rehang(placing.shifted, self._sighting(cause="folder"))

    def _sighting(self, *, cause: str = "file", reconciled: bool = False) -> Sighting:
        if self._memory.rescoping:
            cause = "config"
        if not self._memory.completed:
            cause = "baseline"
        return Sighting(cause, self._stamp(), reconciled)

    def _is_reconciling(self, folder: Folder, stamp: str | None) -> bool:
        """Tell whether nothing said that this folder changed since it was listed."""
        return self.plan.stamped and stamp is not None and folder.listed_stamp == stamp and bool(folder.readable)

    def _is_relisting(self) -> bool:
        return self.full and self._memory.completed and not self.plan.stamped and not self._memory.rescoping

    def _note_seen(self, ids: Sequence[str]) -> None:
        if self.full and self._memory.track_seen and not self.plan.stamped and not self._is_trial:
            self._database.connection.executemany(
                "INSERT OR IGNORE INTO seen (endpoint_id, external_id) VALUES (?, ?)",
                ((self.plan.endpoint_id, id_) for id_ in ids),
            )

    # --- before and after -------------------------------------------------------------------

    def apply_filters(self) -> None:
        """Decide remembered files afresh where the filters changed or an age passed; no request."""
        if self._is_trial:
            return
        fingerprint = self.plan.selection.fingerprint
        after, before = self._bounds
        old = self._memory
        if (old.selection, old.after, old.before) == (fingerprint, after, before):
            return
        with self._writing():
            if old.selection != fingerprint:
                self._refilter_all()
            else:
                self._refilter_between(old.after, after)
                self._refilter_between(old.before, before)
            self._database.connection.execute(
                """UPDATE sync_state SET selection = ?, selection_after = ?, selection_before = ?
                   WHERE endpoint_id = ?""",
                (fingerprint, after, before, self.plan.endpoint_id),
            )

    def _refilter_all(self) -> None:
        self._tree.refilter()
        self._contents.reconsider("1", [], self._sighting(cause="config"))

    def _refilter_between(self, old: str | None, new: str | None) -> None:
        if old == new or old is None or new is None:
            return
        bounds = sorted([old, new])
        self._contents.reconsider("updated_at >= ? AND updated_at < ?", bounds, self._sighting(cause="config"))

    def undecided(self) -> list[Candidate]:
        """List the candidates that must be looked up."""
        if not self._memory.rescoping:
            return self._removals.undecided()
        with self._writing():
            self._removals.decide_all_out_of_scope(self._stamp())
        return []

    def guard(self, max_percent: float) -> Guard:
        """Count what would vanish within `reconcile_every`; trips above max_percent of at least 20 files."""
        vanishing = self._removals.count_vanished()
        if not vanishing or self._memory.rescoping:
            return Guard(0, 0, trips=False)
        before = self._removals.removed_since(self._guarded_since())
        live = self._database.connection.execute(
            "SELECT live_files FROM sync_state WHERE endpoint_id = ?", (self.plan.endpoint_id,)
        ).fetchone()[0]
        total = live + before
        trips = total >= 20 and (vanishing + before) * 100 > max_percent * total
        return Guard(vanishing + before, total, trips)

    def accept_deletions(self) -> None:
        """Start the guard's window anew: what vanishes now was confirmed by a person."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE sync_state SET deletions_accepted_at = ? WHERE endpoint_id = ?",
                (self._stamp(), self.plan.endpoint_id),
            )

    def _guarded_since(self) -> Timestamp:
        since = to_timestamp(self._now() - self.plan.pace.every)
        accepted = self._database.connection.execute(
            "SELECT deletions_accepted_at FROM sync_state WHERE endpoint_id = ?", (self.plan.endpoint_id,)
        ).fetchone()[0]
        return Timestamp(max(since, accepted or since))

    def unread(self) -> list[tuple[str, str]]:
        """List the folders that could not be read and were not expected to be: (path, reason)."""
        rows = self._database.connection.execute(
            """SELECT folder_path, unreadable_reason FROM folders WHERE endpoint_id = ? AND NOT readable
               AND deleted_at IS NULL AND folder_path IS NOT NULL AND NOT excluded ORDER BY folder_path""",
            (self.plan.endpoint_id,),
        ).fetchall()
        return [(path, reason or "") for path, reason in rows if not self._is_expected_unreadable(path)]

    def conclude(
        self, outcome: Outcome, *, listed: bool, removals: bool, next_due_at: datetime | None = None
    ) -> None:
        """Write the outcome, and (with `removals`) everything that is known to be gone, in one commit.

        `listed`: the provider read to its end, so the inventory is complete as of this sync.
        """
        with self._writing() as connection:
            if removals and not self._is_trial:
                self._removals.apply(self._stamp())
            self.tally.folders_skipped = self._count_skipped()
            if listed and not self._is_trial:
                self._note_completed(outcome)
            journal.conclude(connection, self.plan.endpoint_id, self.log_id, outcome, next_due_at)

    def _note_completed(self, outcome: Outcome) -> None:
        connection, endpoint_id, started = self._database.connection, self.plan.endpoint_id, outcome.started_at
        root_read = connection.execute(
            "SELECT readable FROM folders WHERE endpoint_id = ? AND external_folder_id = ?",
            (endpoint_id, self._scope.root_id),
        ).fetchone()
        if root_read and not root_read[0]:
            return
        if self._memory.rescoping:
            connection.execute(
                """UPDATE folders SET deleted_at = ?
                   WHERE endpoint_id = ? AND deleted_at IS NULL AND folder_path IS NULL""",
                (self._stamp(), endpoint_id),
            )
        connection.execute(
            """UPDATE sync_state SET completed_at = coalesce(completed_at, ?1), rescoping = 0,
               full_listed_at = CASE WHEN ?2 THEN ?3 ELSE full_listed_at END,
               full_begun_at = CASE WHEN ?2 THEN NULL ELSE full_begun_at END,
               complete_as_of = ?4 WHERE endpoint_id = ?5""",
            (
                to_timestamp(outcome.finished_at),
                self.full,
                to_timestamp(started),
                self._complete_as_of() or to_timestamp(started),
                endpoint_id,
            ),
        )

    def _complete_as_of(self) -> Timestamp | None:
        """Tell the time of the oldest listing in use; None where a change feed keeps everything current."""
        if not self.plan.stamped:
            return None
        row = self._database.connection.execute(
            """SELECT min(last_listed_at) FROM folders WHERE endpoint_id = ? AND deleted_at IS NULL
               AND folder_path IS NOT NULL AND listable AND NOT excluded AND readable""",
            (self.plan.endpoint_id,),
        ).fetchone()
        return row[0] if row[0] is None else Timestamp(row[0])

    def _count_skipped(self) -> int:
        if not self.plan.stamped:
            return 0
        row = self._database.connection.execute(
            """SELECT count(*) FROM folders WHERE endpoint_id = ? AND deleted_at IS NULL AND folder_path IS NOT NULL
               AND listable AND (last_tried_at IS NULL
                   OR last_tried_at < (SELECT started_at FROM sync_logs WHERE id = ?))""",
            (self.plan.endpoint_id, self.log_id),
        ).fetchone()
        return int(row[0])

    def _decide_full(self) -> bool:
        memory = self._memory
        if self.plan.full or memory.full_pending or memory.rescoping or not memory.completed:
            return True
        if self.plan.stamped:
            return False
        due = to_timestamp(self._now() - self.plan.pace.every)
        return memory.full_listed_at is None or memory.full_listed_at <= due

    def _begin_full(self) -> None:
        """Make a full listing something that a later sync can go on with."""
        connection, endpoint_id = self._database.connection, self.plan.endpoint_id
        connection.execute("DELETE FROM seen WHERE endpoint_id = ?", (endpoint_id,))
        connection.execute("UPDATE folders SET relist = 1 WHERE endpoint_id = ?", (endpoint_id,))
        connection.execute(
            """UPDATE sync_state SET full_begun_at = ?2, track_seen = EXISTS (
                   SELECT 1 FROM files WHERE endpoint_id = ?1
                   UNION ALL SELECT 1 FROM folders WHERE endpoint_id = ?1
                   UNION ALL SELECT 1 FROM withheld_files WHERE endpoint_id = ?1)
               WHERE endpoint_id = ?1""",
            (endpoint_id, self._stamp()),
        )
        self._memory = _remember(self._database, endpoint_id)

    def _remember_state(self, state: State | None) -> None:
        self._database.connection.execute(
            "UPDATE sync_state SET provider_state = ? WHERE endpoint_id = ?",
            (json.dumps(state, separators=(",", ":")), self.plan.endpoint_id),
        )

    def _is_expected_unreadable(self, path: str) -> bool:
        below = path.strip("/")
        return any(
            below == gap or below.startswith(f"{gap}/")
            for gap in (expected.strip("/") for expected in self.plan.expected_unreadable)
        )

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        kept = replace(self.tally)
        try:
            with self._database.transaction() as connection:
                yield connection
        except BaseException:
            self._tree.forget_cache()
            for name in fields(Tally):
                setattr(self.tally, name.name, getattr(kept, name.name))
            raise

    def _stamp(self) -> Timestamp:
        return to_timestamp(self._now())


def batch_state(batch: Batch) -> State | None:
    return None if isinstance(batch, Resolved) else batch.state


def _remember(database: Database, endpoint_id: int) -> _Memory:
    row = database.connection.execute(
        """SELECT completed_at IS NOT NULL, rescoping, full_begun_at IS NOT NULL, full_listed_at, track_seen,
                  selection, selection_after, selection_before FROM sync_state WHERE endpoint_id = ?""",
        (endpoint_id,),
    ).fetchone()
    return _Memory(bool(row[0]), bool(row[1]), bool(row[2]), row[3], bool(row[4]), row[5], row[6], row[7])


_SURROGATE = re.compile("[\ud800-\udfff]")


def _without_surrogates(value: Any) -> Any:
    """Copy a batch with every lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list | tuple | frozenset):
        return type(value)(_without_surrogates(item) for item in value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _without_surrogates(getattr(value, f.name)) for f in fields(value)})
    return value
