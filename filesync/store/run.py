"""One endpoint's sync, as the store sees it: take batches, hold removals back, conclude.

A batch, its changes and its state are one commit. All removals of a sync, and its outcome, are one more.
"""

import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from filesync.clock import Timestamp, to_timestamp
from filesync.model import Batch, Candidate, Identity, Resolved, Unanswered
from filesync.selection import Selection, is_within
from filesync.store import journal
from filesync.store.contents import Contents
from filesync.store.database import Database
from filesync.store.intake import Intake, Parts
from filesync.store.journal import Beginning, Outcome
from filesync.store.known import Pace, StoredKnowledge
from filesync.store.ledger import Ledger, Tally
from filesync.store.memory import Memory
from filesync.store.odd_entries import OddEntries, OddEntry
from filesync.store.removals import Removals
from filesync.store.surrogates import without_surrogates
from filesync.store.tree import Tree

if TYPE_CHECKING:
    from filesync.alerts import Audience

_FEWEST_GUARDED = 20  # files; smaller endpoints may lose them all


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
    audience: "Audience | None" = None  # who is told how it ended; None: nobody


@dataclass(slots=True)
class Guard:
    """What the mass-delete guard counted."""

    vanishing: int
    of: int
    trips: bool


class Run:
    """The writer of one sync, ended by `conclude`."""

    def __init__(self, database: Database, plan: Plan, now: Callable[[], datetime], host: str, pid: int) -> None:
        """Write the `running` row and prepare; no request was made yet."""
        self.tally = Tally()
        self.plan = plan
        self._host = host
        self._database = database
        self._connection = database.connection
        self._now = now
        with database.transaction() as connection:
            self._memory = Memory(connection, plan.endpoint_id)
            owed = self._memory.needs_full(self._stamp(), self._relist_before())
            if not self._is_trial and (plan.full or owed):
                self._memory.begin_full(self._stamp(), anew=plan.full and plan.stamped)
            self.mode = "full" if self._memory.full or self._is_trial else "incremental"
            beginning = Beginning(plan.endpoint_id, self.mode, plan.trigger, self._stamp(), host, pid)
            self.log_id = journal.begin(connection, beginning)
        self._assemble()
        if not self._is_trial:
            with self._writing():
                self._removals.forget_answers()

    def _assemble(self) -> None:
        connection, plan = self._connection, self.plan
        bound = plan.selection.at(self._now())
        self._bounds = (bound.after, bound.before)
        self._tree = Tree(connection, plan.endpoint_id, plan.selection.may_contain, stamped=plan.stamped)
        ledger = Ledger(connection, plan.endpoint_id, self.log_id, self.tally)
        self._removals = Removals(connection, plan.endpoint_id, self._tree, ledger)
        self._contents = Contents(connection, plan.endpoint_id, self._tree, ledger, self._removals, bound.matches)
        self._odd_entries = OddEntries(connection, plan.endpoint_id, self.log_id)
        parts = Parts(connection, self._tree, self._contents, self._removals, ledger, self.tally, self._odd_entries)
        self._intake = Intake(parts, self._memory, self._stamp, stamped=plan.stamped, trial=self._is_trial)
        self.known = StoredKnowledge(
            connection,
            plan.endpoint_id,
            self._tree,
            full=self.mode == "full",
            stamped=plan.stamped,
            fresh_but_for=self._intake.tried if self._is_trial else None,
            pace=plan.pace,
            now=self._now,
            is_expected_unreadable=self._is_expected_unreadable,
        )

    def read_as(self, identity: Identity, *, accepted: bool) -> Identity | None:
        """Take note of as whom this sync reads.

        Gives the identity that the rows were read with when it is another one and was not `accepted`: then nothing
        may be read. An accepted one lists everything afresh (the plan says `full` then).
        """
        before = self._memory.identity
        if before == identity:
            return None
        accepted = accepted or self._memory.knows_nothing()
        if before is not None and not accepted:
            return before
        if not self._is_trial:
            with self._writing():
                self._take_over(identity, before)
        return None

    def put(self, batch: Batch) -> None:
        """Store one statement: rows, changes and state in one commit."""
        try:
            self._put(batch)
        except UnicodeEncodeError:
            self._put(without_surrogates(batch))

    def apply_filters(self) -> None:
        """Decide remembered files afresh where the filters changed or an age passed; no request."""
        fingerprint, memory = self.plan.selection.fingerprint, self._memory
        if (memory.selection, memory.bounds) == (fingerprint, self._bounds):
            return
        if self._is_trial:
            with self._writing():
                memory.forget_selection()  # what a trial decides by other filters is decided again
            return
        with self._writing():
            if memory.selection != fingerprint:
                self._tree.refilter()
                self._reconsider("1")
            else:
                for old, new in zip(memory.bounds, self._bounds, strict=True):
                    self._reconsider("updated_at >= ? AND updated_at < ?", *sorted([old or "", new or ""]))
            memory.set_selection(fingerprint, self._bounds)

    def undecided(self) -> list[Candidate]:
        """List the candidates that must be looked up; in a new scope nothing is, what it does not show is outside."""
        candidates = self._removals.undecided()
        if candidates:
            with self._writing():
                self._removals.spare_unreadable()
            candidates = self._removals.undecided()
        if not self._memory.rescoping:
            return candidates
        if self._is_scope_read():
            with self._writing():
                self._removals.decide_all_out_of_scope(self._stamp())
        return []

    def below_gone(self) -> list[Candidate]:
        """List folders below those that look-ups found gone: one may have been moved out before, and nothing told.

        Where the service tells of moves, there are none to ask about. Where this sync lists everything afresh, only
        those below a refusal: who may not open a folder may have been given one below it.
        """
        if not self.plan.stamped or self._memory.rescoping:
            return []
        return self._removals.below_gone(only_refused=self.plan.full)

    def guard(self, max_percent: float) -> Guard:
        """Count what would vanish within `reconcile_every`; trips above max_percent of at least 20 files."""
        vanishing = self._removals.count_vanished()
        if not vanishing or self._memory.rescoping:
            return Guard(0, 0, trips=False)
        window = to_timestamp(self._now() - self.plan.pace.every)
        before = self._removals.removed_since(self._memory.guarded_since(window))
        total = self._memory.live_files() + before
        trips = total >= _FEWEST_GUARDED and (vanishing + before) * 100 > max_percent * total
        return Guard(vanishing + before, total, trips)

    def accept_deletions(self) -> None:
        """Start the guard's window anew: what vanished was confirmed by a person."""
        with self._writing():
            self._memory.accept_deletions(self._stamp())

    def unread(self) -> list[tuple[str, str]]:
        """List the folders that could not be read and were not expected to be: (path, reason)."""
        rows = self._connection.execute(
            """WITH RECURSIVE leaving (id) AS (
                   SELECT external_id FROM candidates WHERE endpoint_id = ?1 AND is_folder AND fate IS NOT NULL
                   UNION
                   SELECT f.external_folder_id FROM folders AS f JOIN leaving ON f.parent_external_id = leaving.id
                   WHERE f.endpoint_id = ?1 AND f.deleted_at IS NULL)
               SELECT folder_path, unreadable_reason FROM folders WHERE endpoint_id = ?1 AND NOT readable
               AND deleted_at IS NULL AND folder_path IS NOT NULL AND NOT excluded
               AND external_folder_id NOT IN (SELECT id FROM leaving) ORDER BY folder_path""",
            (self.plan.endpoint_id,),
        ).fetchall()
        return [(path, reason or "") for path, reason in rows if not self._is_expected_unreadable(path)]

    def unsettled(self) -> tuple[str, Unanswered] | None:
        """Give what failed by itself in this sync, and not often enough to be called unreadable: (its path, how)."""
        if not self._intake.unsettled:
            return None
        first = self._intake.unsettled[0]
        folder = self._tree.get(first.id)
        path = folder.path if folder else self._contents.path_of(first.id)
        return path or first.id, first

    def unanswered(self) -> list[tuple[str, str]]:
        """List the candidates that could not be looked up, and wait for the next sync: (path, reason)."""
        return self._removals.unanswered()

    def newly_odd(self, most: int) -> list[OddEntry]:
        """List the entries with something odd in them that no sync before has reported."""
        return self._odd_entries.reported(most)

    def conclude(self, outcome: Outcome, *, listed: bool, removals: bool, next_due_at: datetime | None = None) -> None:
        """Write the outcome, and (with `removals`) everything that is known to be gone, in one commit.

        `listed`: the provider read to its end, so the inventory is complete as of this sync.
        """
        with self._writing() as connection:
            if removals and not self._is_trial:
                self._removals.apply(self._stamp())
            self.tally.folders_skipped = self._count_skipped()
            self.tally.odd_entries = self._odd_entries.count_seen()
            if listed and not self._is_trial and self._is_root_read():
                self._memory.note_completed(
                    outcome.started_at, outcome.finished_at, self._oldest_listing(), rescoped=self._is_scope_read()
                )
            journal.conclude(connection, self.plan.endpoint_id, self.log_id, outcome, next_due_at)
            if self.plan.audience is not None:
                self._note_ending(connection, outcome, self.plan.audience)

    def _note_ending(self, connection: sqlite3.Connection, outcome: Outcome, audience: "Audience") -> None:
        from filesync.store.notices import Closed, note_ending  # noqa: PLC0415  most syncs have nobody to tell

        note_ending(connection, Closed(self.plan.endpoint_id, self.log_id, self._host, outcome), audience)

    def _take_over(self, identity: Identity, before: Identity | None) -> None:
        if before is None:
            self._memory.set_identity(identity)
        else:
            self._memory.begin_as_another(identity, self._stamp())

    @property
    def _is_trial(self) -> bool:
        return self.plan.trigger == "trial"

    def _relist_before(self) -> Timestamp | None:
        """Tell how old the last full listing may be; None where reconciling is continuous."""
        return None if self.plan.stamped else to_timestamp(self._now() - self.plan.pace.every)

    def _put(self, batch: Batch) -> None:
        state = None if isinstance(batch, Resolved) else batch.state
        with self._writing():
            self._intake.take(batch)
            if state is not None and not self._is_trial:
                self._memory.set_state(state)
            journal.note_progress(self._connection, self.log_id, self.tally, self._stamp())

    def _reconsider(self, condition: str, *parameters: str) -> None:
        self._contents.reconsider(condition, parameters, self._intake.sighting(cause="config"))

    def _is_scope_read(self) -> bool:
        """Tell whether every folder could be read, so that what is nowhere to be seen lies outside a new scope."""
        return self._is_root_read() and not self.unread()

    def _is_root_read(self) -> bool:
        root = self._tree.get(self._intake.scope.root_id)
        return root is None or bool(root.readable)

    def _oldest_listing(self) -> Timestamp | None:
        """Tell the time of the oldest listing in use; None where a change feed keeps everything current."""
        if not self.plan.stamped:
            return None
        row = self._connection.execute(
            """SELECT min(last_listed_at) FROM folders WHERE endpoint_id = ? AND deleted_at IS NULL
               AND folder_path IS NOT NULL AND listable AND NOT excluded AND readable""",
            (self.plan.endpoint_id,),
        ).fetchone()
        return row[0] if row[0] is None else Timestamp(row[0])

    def _count_skipped(self) -> int:
        if not self.plan.stamped:
            return 0
        row = self._connection.execute(
            """SELECT count(*) FROM folders WHERE endpoint_id = ? AND deleted_at IS NULL AND folder_path IS NOT NULL
               AND listable AND (last_tried_at IS NULL
                   OR last_tried_at < (SELECT started_at FROM sync_logs WHERE id = ?))""",
            (self.plan.endpoint_id, self.log_id),
        ).fetchone()
        return int(row[0])

    def _is_expected_unreadable(self, path: str) -> bool:
        return is_within(path, self.plan.expected_unreadable)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
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
