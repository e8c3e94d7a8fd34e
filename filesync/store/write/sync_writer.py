"""One endpoint's sync, as the store sees it: take batches, hold removals back, conclude.

A batch, its changes and its state are one commit. All removals of a sync, and its outcome, are one more.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filesync.core.errors import UnstorableTextError
from filesync.core.filters import Selection, is_within
from filesync.core.identity import check_identity
from filesync.core.model import Batch, Candidate, Identity, Resolved, ScopeListed, Unanswered
from filesync.core.timestamps import Timestamp, to_timestamp
from filesync.store.engine import Database
from filesync.store.row_codec import without_surrogates, without_surrogates_and_nul
from filesync.store.write import mass_delete_guard as guard
from filesync.store.write import sync_log
from filesync.store.write.apply_batch import BatchWriter, Parts
from filesync.store.write.change_writer import ChangeWriter, Tally
from filesync.store.write.coverage import Coverage
from filesync.store.write.files import FileWriter
from filesync.store.write.folders import FolderTree
from filesync.store.write.lookups import LookUps
from filesync.store.write.mass_delete_guard import Guard
from filesync.store.write.odd_entries import OddEntries, OddEntry, any_odd
from filesync.store.write.owed import STEP, Owed, any_owed
from filesync.store.write.provider_view import ProviderView, ReconcilePace
from filesync.store.write.removals import Removals, any_waiting
from filesync.store.write.sync_log import Beginning, Outcome
from filesync.store.write.sync_state import SyncState

if TYPE_CHECKING:
    from filesync.core.alerts import Audience

_ASKED_AT_ONCE = 1_000  # candidates
_FORGOTTEN_AT_ONCE = 50_000  # ids


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What is to be synced, and how; decided before the first request."""

    endpoint_id: int
    selection: Selection
    pace: ReconcilePace
    stamped: bool  # the provider prunes by change stamps and reconciles continuously
    trigger: Literal["schedule", "manual", "trial"]
    full: bool = False
    expected_unreadable: tuple[str, ...] = ()
    audience: "Audience | None" = None  # who is told how it ended; None: nobody


class SyncWriter:
    """The writer of one sync, ended by `conclude`."""

    def __init__(  # noqa: PLR0913  what a sync is, and who does it
        self,
        database: Database,
        plan: SyncPlan,
        now: Callable[[], datetime],
        host: str,
        pid: int,
        check_stop: Callable[[], None] = lambda: None,
    ) -> None:
        """Write the `running` row and prepare; no request was made yet.

        `check_stop` raises StoppedError when the sync is to end; it is asked between the steps of what takes many.
        """
        self.tally = Tally()
        self.plan = plan
        self._identity: Identity | None = None  # as whom this sync reads, until it is remembered
        self._host = host
        self._database = database
        self._connection = database.connection
        self._now = now
        self._check_stop = check_stop
        self._accepted = False  # what this sync removes, a person let through
        self._has_left_old_scope = False  # what lies outside a changed scope is among the candidates
        with database.transaction() as connection:
            if not isinstance(database.address, Path):  # other hosts, whose locks are not here, may use it
                sync_log.claim(database, plan.endpoint_id, host, self._stamp())
            if connection.asks_ahead:
                connection.ask_ahead([each(plan.endpoint_id) for each in (any_odd, any_waiting, any_owed)])
            self._memory = SyncState(database, plan.endpoint_id)
            owed = self._memory.needs_full(self._stamp(), self._relist_before())
            if not self._is_trial and (plan.full or owed):
                self._memory.begin_full(self._stamp(), anew=plan.full and plan.stamped)
            self.mode = "full" if self._memory.full or self._is_trial else "incremental"
            beginning = Beginning(plan.endpoint_id, self.mode, plan.trigger, self._stamp(), host, pid)
            self.log_id = sync_log.begin(database, beginning)
            self._assemble()
            if not self._is_trial and (self._removals.are_waiting() or not self._owed.is_clear()):
                self._owed.forget_removals()
                self._lookups.forget_answers(tells_all=not plan.stamped)

    def _assemble(self) -> None:
        connection, plan = self._connection, self.plan
        bound = plan.selection.at(self._now())
        self._bounds = (bound.after, bound.before)
        self._tree = FolderTree(connection, plan.endpoint_id, plan.selection.may_contain, stamped=plan.stamped)
        ledger = ChangeWriter(connection, plan.endpoint_id, self.log_id, self.tally)
        self._removals = Removals(connection, plan.endpoint_id, self.log_id, self._tree, ledger)
        self._lookups = LookUps(self._database, plan.endpoint_id, self.log_id, self._tree)
        self._contents = FileWriter(connection, plan.endpoint_id, self._tree, ledger, self._removals, bound.matches)
        self._owed = Owed(connection, plan.endpoint_id, self._tree, self._contents, self._removals, ledger)
        self._coverage = Coverage(connection, plan.endpoint_id, self._is_expected_unreadable)
        self._odd_entries = OddEntries(connection, plan.endpoint_id, self.log_id)
        parts = Parts(
            self._database,
            self._tree,
            self._contents,
            self._removals,
            self._lookups,
            ledger,
            self.tally,
            self._odd_entries,
            self._owed,
        )
        self._intake = BatchWriter(parts, self._memory, self._stamp, stamped=plan.stamped, trial=self._is_trial)
        self.known = ProviderView(
            connection,
            plan.endpoint_id,
            self._tree,
            remembered=self._memory.provider_memory,
            full=self.mode == "full",
            stamped=plan.stamped,
            fresh_but_for=self._intake.tried if self._is_trial else None,
            pace=plan.pace,
            now=self._now,
            is_expected_unreadable=self._is_expected_unreadable,
        )

    def read_as(self, identity: Identity | None, name: str, *, accepted: bool) -> None:
        """Note the identity that this sync reads the endpoint of that name as; None where it is not known.

        Raises AuthError when the rows were read as another one that was not `accepted`. An accepted one lists
        everything afresh (the plan says `full` then). It is remembered with the first statement: a mistyped client id
        reads nothing, and must not stand in the way of the right one.
        """
        before = self._memory.identity
        if identity is None or identity == before:
            return
        check_identity(name, before, identity, accepted=accepted or self._memory.knows_nothing())
        if self._is_trial:
            return
        self._identity = identity
        if before is not None:
            with self._writing():
                self._memory.forget_reader(self._stamp())

    def put(self, batch: Batch) -> None:
        """Store one statement: rows, changes and state in one commit.

        Where it concerns more files than a commit should, they follow in steps, and the state comes last. Raises
        StoppedError between two of them; the next sync begins with what is left.
        """
        try:
            self._put(batch)
        except UnicodeEncodeError:
            self._put(without_surrogates(batch))
        except UnstorableTextError:
            self._put(without_surrogates_and_nul(batch))

    def resolve(self, answers: Sequence[Resolved]) -> None:
        """Store what look-ups said, in one commit."""
        with self._writing():
            for answer in answers:
                self._intake.take(answer)
            sync_log.note_progress(self._connection, self.log_id, self.tally, self._stamp())

    def apply_filters(self) -> None:
        """Owe remembered files a new decision where the filters changed or an age passed; no request."""
        fingerprint, memory = self.plan.selection.fingerprint, self._memory
        if (memory.selection, memory.bounds) == (fingerprint, self._bounds):
            return
        cause = self._intake.sighting(cause="config").cause
        with self._writing():
            if self._is_trial:
                memory.forget_selection()  # what a trial decides by other filters is decided again
                return
            if memory.selection != fingerprint:
                self._removals.reconsider()
                self._tree.refilter()
                self._owed.owe_all(cause)
            else:
                for old, new in zip(memory.bounds, self._bounds, strict=True):
                    since, until = sorted([old or "", new or ""])
                    self._owed.owe_between(since, until, cause)
            memory.set_selection(fingerprint, self._bounds)

    def work_off(self) -> None:
        """Do what folders owe their files, also since an earlier sync that was stopped. Raises StoppedError."""
        while not self._owed.is_clear():
            self._check_stop()
            with self._writing():
                self._owed.step(self._stamp())
                sync_log.note_progress(self._connection, self.log_id, self.tally, self._stamp())

    def weigh(self) -> None:
        """Before candidates are looked up: take those for it that only the old scope has, and spare the unreadable."""
        if not (self._memory.rescoping or self._removals.are_waiting()):
            return
        with self._writing():
            self._leave_old_scope()
            self._removals.spare_unreadable()

    def weigh_again(self) -> bool:
        """After look-ups, which may have found gone what kept the old scope: take it along; tell whether it was."""
        if not self._memory.rescoping or self._has_left_old_scope:
            return False
        with self._writing():
            self._leave_old_scope()
        return self._has_left_old_scope

    def _leave_old_scope(self) -> None:
        if self._memory.rescoping and self._is_scope_read():
            self._removals.leave_old_scope(self._stamp(), unasked=not self.plan.stamped)
            self._has_left_old_scope = True

    def undecided(self, *, folders_only: bool = False) -> list[Candidate]:
        """List candidates that this sync is still to look up: all folders, then some files; empty: there is none."""
        if not self._removals.are_waiting():
            return []
        folders = self._lookups.undecided_folders()
        return folders if folders or folders_only else self._lookups.undecided_files(_ASKED_AT_ONCE)

    def note_asked(self, candidates: Sequence[Candidate]) -> None:
        """Remember which candidates were looked up, whatever was learned of them."""
        with self._writing():
            self._lookups.note_asked([each.id for each in candidates])

    def below_gone(self) -> list[Candidate]:
        """List what is below folders that look-ups found gone: it may have been moved out before, and nothing told.

        Where the service tells of moves, there is nothing to ask about. Where this sync lists everything afresh, only
        what is below a refusal: who may not open a folder may have been given one below it.
        """
        if not self.plan.stamped or self._memory.rescoping or not self._removals.are_waiting():
            return []
        return self._lookups.below_gone(only_refused=self.plan.full)

    def guard(self, max_percent: float) -> Guard:
        """Count what would vanish within `reconcile_every`; trips above max_percent of at least 20 files."""
        if not self._removals.are_waiting():
            return Guard(0, 0, trips=False)
        window_begins = to_timestamp(self._now() - self.plan.pace.every)
        return guard.weigh(self._connection, self._memory, window_begins, max_percent)

    def unread(self) -> list[tuple[str, str]]:
        """List the folders that could not be read and were not expected to be: (path, reason)."""
        return self._coverage.unread()

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
        return self._lookups.unanswered() if self._removals.are_waiting() else []

    def newly_odd(self, most: int) -> list[OddEntry]:
        """List the entries with something odd in them that no sync before has reported."""
        return self._odd_entries.reported(most)

    def note_left_out(self, what: Sequence[str]) -> None:
        """Remember what a complete listing left out on purpose, where that is something else than before."""
        if not self._is_trial and self._memory.left_out != list(what):
            with self._writing():
                self._memory.note_left_out(what)

    def remove(self, *, accepted: bool) -> None:
        """Write removals in steps when they are many; those that fit into one commit go with the outcome.

        A sync that is stopped in between leaves the rest as candidates, which the next one decides once more, for they
        may have come back. `accepted`: a person let them through; that holds until they are written.
        """
        if self._is_trial or self._owed.count_removals(STEP + 1) <= STEP:
            return
        with self._writing():
            self._decide(accepted=accepted)
        is_last = False
        while not is_last:
            self._check_stop()
            with self._writing():
                is_last = self._owed.remove_step(self._stamp())
                sync_log.note_progress(self._connection, self.log_id, self.tally, self._stamp())

    def conclude(
        self,
        outcome: Outcome,
        *,
        listed: bool,
        removals: bool,
        accepted: bool = False,
        next_due_at: datetime | None = None,
    ) -> None:
        """Write the outcome, and (with `removals`) what is known to be gone, in one commit.

        `listed`: the provider read to its end, so the inventory is complete as of this sync.
        """
        with self._writing():
            if removals and not self._is_trial:
                self._decide(accepted=accepted)
                while not self._owed.remove_step(self._stamp()):
                    pass  # what is left fits into this commit
                if self._accepted:  # the guard's window begins anew, behind what was removed
                    self._memory.accept_deletions(self._stamp())
            self.tally.folders_skipped = self._coverage.count_skipped(self.log_id) if self.plan.stamped else 0
            self.tally.odd_entries = self._odd_entries.count_seen()
            if listed and not self._is_trial and self._is_root_read():
                # None where a change feed keeps everything current
                as_of = self._coverage.oldest_listing() if self.plan.stamped else None
                self._memory.note_completed(
                    outcome.started_at, outcome.finished_at, as_of, rescoped=self._has_left_old_scope
                )
            sync_log.conclude(self._database, self.plan.endpoint_id, self.log_id, outcome, next_due_at)
            if self.plan.audience is not None:
                self._note_ending(outcome, self.plan.audience)

    def _decide(self, *, accepted: bool) -> None:
        self._owed.owe_removals()
        if accepted:
            self._removals.accept()
        self._accepted = self._accepted or accepted or self._removals.are_accepted()

    def _note_ending(self, outcome: Outcome, audience: "Audience") -> None:
        from filesync.store.write.notices import Closed, note_ending  # noqa: PLC0415  most syncs have nobody to tell

        note_ending(self._database, Closed(self.plan.endpoint_id, self.log_id, self._host, outcome), audience)

    @property
    def _is_trial(self) -> bool:
        return self.plan.trigger == "trial"

    def _relist_before(self) -> Timestamp | None:
        """Tell how old the last full listing may be; None where reconciling is continuous."""
        return None if self.plan.stamped else to_timestamp(self._now() - self.plan.pace.every)

    def _put(self, batch: Batch) -> None:
        for note_suspects in self._intake.suspects(batch):
            self._check_stop()
            with self._writing():
                note_suspects()
        with self._writing():
            if self._identity is not None:
                self._memory.set_identity(self._identity)
            self._intake.take(batch)
            self._owed.step(self._stamp())
            is_clear = self._owed.is_clear()
            if is_clear:
                self._advance(batch)
        self._identity = None  # only now: a statement that cannot be stored as it is comes once more
        if not is_clear:
            self.work_off()
            with self._writing():
                self._advance(batch)
        if isinstance(batch, ScopeListed):
            self._forget_seen()

    def _advance(self, batch: Batch) -> None:
        """Note the provider's state, when everything that follows from its statement is written."""
        state = None if isinstance(batch, Resolved) else batch.state
        if state is not None and not self._is_trial:
            self._memory.set_state(state)
        sync_log.note_progress(self._connection, self.log_id, self.tally, self._stamp())

    def _forget_seen(self) -> None:
        is_left = True
        while is_left:
            with self._writing():
                is_left = self._memory.forget_seen(_FORGOTTEN_AT_ONCE)

    def _is_scope_read(self) -> bool:
        """Tell whether every folder could be read, so that what is nowhere to be seen lies outside a new scope."""
        return self._is_root_read() and not self.unread()

    def _is_root_read(self) -> bool:
        root = self._tree.get(self._intake.scope.root_id)
        return root is None or bool(root.readable)

    def _is_expected_unreadable(self, path: str) -> bool:
        return is_within(path, self.plan.expected_unreadable)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        kept = replace(self.tally)
        try:
            with self._database.transaction():  # decision 20: a statement, its rows and the cursor
                yield
        except BaseException:
            for part in (self._tree, self._removals, self._owed, self._memory):
                part.forget_cache()
            for name in fields(Tally):
                setattr(self.tally, name.name, getattr(kept, name.name))
            raise

    def _stamp(self) -> Timestamp:
        return to_timestamp(self._now())
