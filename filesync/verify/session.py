"""Verifying: rows of an endpoint, drawn at random, held against what its service shows of the same items by id.

What differs is asked once more after an ordinary sync of a private copy of the database, so that what merely happened
since the last sync is separated from what the inventory should have known. Nothing is written; `repair` does that.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path

from filesync.config import Config, Endpoint
from filesync.core.errors import FilesyncError, StoppedError, TransientError
from filesync.core.model import Candidate, Identity
from filesync.http.counters import Counters
from filesync.providers.base import Provider
from filesync.runtime.clock import Clock, Stop
from filesync.runtime.database_url import Address
from filesync.store.database import copy_to, open_for_writing
from filesync.store.read.verification import Compared, Pick, RowKind, find, forget_filters, read_only_changes
from filesync.store.write.sync_log import Outcome
from filesync.sync.endpoint import OpenProvider
from filesync.sync.options import SyncOptions
from filesync.sync.session import SyncReport, SyncSession, failure_code
from filesync.sync.workers import sync_due
from filesync.verify.comparison import ChangedAt, Comparison, Doors, NothingToCompareError, comparing
from filesync.verify.findings import Drift, RowJudge, RowVerdict
from filesync.verify.repair import Mending

_CHUNK: Mapping[RowKind, int] = {
    RowKind.LIVE: 500,
    RowKind.DELETED: 500,
    RowKind.FOLDERS: 25,
}  # looked up, then compared
_LEAST: Mapping[RowKind, int] = {
    RowKind.LIVE: 20,
    RowKind.DELETED: 5,
    RowKind.FOLDERS: 10,
}  # of a sample, where there are so many
_GUARD = "mass_delete"
_PATIENCE = 600.0  # seconds that a repair waits for a sync that runs
_LOOK_AGAIN = 5.0  # seconds: each look is a whole start


@dataclass(frozen=True, slots=True)
class Share:
    """How many rows are drawn: a part of each kind, or (`count`) so many live files and that part of the others."""

    fraction: float = 0.02
    count: int | None = None

    def of(self, kind: RowKind, live: int) -> tuple[float, int]:
        """Return the part of a kind's rows, and how many there are to be at least."""
        if self.count is None:
            return self.fraction, _LEAST[kind]
        return min(1.0, self.count / live) if live else 1.0, 0 if kind is RowKind.LIVE else _LEAST[kind]


EVERYTHING = Share(1.0)


@dataclass(frozen=True, slots=True)
class VerifyCost:
    """What looking up what was drawn takes, about."""

    files: int
    folders: int
    requests: int
    minutes: float


@dataclass(slots=True)
class Verified:
    """What was found out about one endpoint; `checked` and `known` count rows by their kind.

    `unanswered` are the items that could not be looked up though others could, and why: ids, reasons.
    """

    endpoint: str
    checked: dict[RowKind, int] = field(default_factory=lambda: dict.fromkeys(RowKind, 0))
    known: dict[RowKind, int] = field(default_factory=lambda: dict.fromkeys(RowKind, 0))
    findings: Sequence[Drift] = ()
    unanswered: dict[str, str] = field(default_factory=dict)
    api_requests: int = 0
    skipped: str | None = None
    error_type: str | None = None
    error_message: str | None = None

    def drifted(self) -> Sequence[Compared]:
        return [each.compared for each in self.findings if each.verdict is RowVerdict.DRIFT]

    def count(self, verdict: RowVerdict) -> int:
        return sum(finding.verdict is verdict for finding in self.findings)

    def count_repaired(self) -> int:
        return sum(finding.is_repaired is True for finding in self.findings)

    def exit_codes(self) -> set[int]:
        failed = {failure_code(self.error_type)} if self.error_type else set()
        # decision 37: 1 also after a repair
        return failed | ({1} if self.drifted() else set()) | ({3} if self.unanswered else set())


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies endpoints, one after the other; `say` gets the cost, `tick` the progress (name, done, of)."""

    config: Config
    database_address: Address
    clock: Clock
    stop: Stop
    open_provider: OpenProvider
    pick: Pick
    concurrency: int = 5
    say: Callable[[str, VerifyCost], None] = lambda *_: None
    tick: Callable[[str, int, int], None] = lambda *_: None

    def verify(self, endpoint: Endpoint, share: Share, read_as: Identity | None) -> Verified:
        """Compare and judge. A failure becomes part of what was found; StoppedError is raised."""
        verified = Verified(endpoint.name)
        doors = self._doors(endpoint, read_as)
        with _noting(verified, doors.counters):
            with comparing(doors, self.database_address) as comparison:
                verified.unanswered = comparison.unanswered
                differing = list(self._compare_drawn(comparison, share, verified))
                withheld = comparison.rows.wrongly_withheld()
            if differing or withheld:
                self._judge(doors, differing, withheld, comparison.changed_at, verified)
        return verified

    def repair(self, endpoint: Endpoint, verified: Verified, read_as: Identity | None) -> None:
        """Make the rows that drifted right by a sync that looks them up first; then compare them once more."""
        doors = self._doors(endpoint, read_as)
        drifted = verified.drifted()
        with _noting(verified, doors.counters):
            with comparing(doors, self.database_address) as comparison:
                items = comparison.rows.again(drifted)
                has_withheld = bool(comparison.rows.wrongly_withheld())
            if has_withheld:
                self._decide_anew(endpoint)
            outcome = self._mend(endpoint, items)
            verified.api_requests += outcome.usage.api_requests
            with comparing(doors, self.database_address) as comparison:
                wrong = {each.id for each in comparison.compare_again(drifted)} | comparison.unanswered.keys()
                wrong |= {each.id for each in comparison.rows.wrongly_withheld()}
            verified.findings = [
                replace(each, is_repaired=each.compared.id not in wrong) if each.verdict is RowVerdict.DRIFT else each
                for each in verified.findings
            ]
            _raise_failure(outcome)

    def _doors(self, endpoint: Endpoint, read_as: Identity | None) -> Doors:
        return Doors(endpoint, self.clock, self.stop, self.open_provider, read_as)

    def _compare_drawn(self, comparison: Comparison, share: Share, verified: Verified) -> Iterator[Compared]:
        rows = comparison.rows
        drawn: dict[RowKind, list[int]] = {}
        live = rows.count(RowKind.LIVE)
        for kind in RowKind:
            drawn[kind], verified.known[kind] = rows.draw(kind, *share.of(kind, live), self.pick)
        total = sum(map(len, drawn.values()))
        self.say(verified.endpoint, _cost(comparison, drawn))
        for kind, rowids in drawn.items():
            size = _CHUNK[kind]
            for start in range(0, len(rowids), size):
                yield from comparison.compare(rows.items(kind, rowids[start : start + size]))
                verified.checked[kind] = min(start + size, len(rowids))
                self.tick(verified.endpoint, sum(verified.checked.values()), total)

    def _judge(
        self,
        doors: Doors,
        differing: Sequence[Compared],
        withheld: Sequence[Compared],
        changed_at: ChangedAt,
        verified: Verified,
    ) -> None:
        """Sync a copy as usual, and compare again: what is right there was only behind."""
        with tempfile.TemporaryDirectory(prefix="filesync-verify-") as folder:
            copy = Path(folder) / "connector.db"
            copy_to(self.database_address, copy)
            outcome = self._sync_copy(doors.endpoint, copy, differing)  # decision 35
            verified.api_requests += outcome.usage.api_requests
            if outcome.error_type != _GUARD:
                _raise_failure(outcome)
            with comparing(doors, copy) as comparison:
                comparison.changed_at |= {each.id: changed_at[each.id] for each in differing}
                left = {each.id: each for each in comparison.compare_again(differing)}
                judge = RowJudge(
                    comparison.rows.pending(), comparison.changed_at, comparison.is_stamped, self.clock.now()
                )
                still_withheld = {each.id for each in comparison.rows.wrongly_withheld()}
            verified.unanswered |= comparison.unanswered
            answered = [each for each in differing if each.id not in comparison.unanswered]
            verified.findings = [
                *(judge.judge(each, left.get(each.id)) for each in answered),
                *(
                    Drift(each, RowVerdict.DRIFT if each.id in still_withheld else RowVerdict.BEHIND)
                    for each in withheld
                ),
            ]

    def _sync_copy(self, endpoint: Endpoint, copy: Path, differing: Sequence[Compared]) -> Outcome:
        """Sync as usual; where something was refused, see whether its folder can still be read."""
        refused = [each for each in differing if each.is_refused]
        doubted = {each.id if each.is_folder else each.parent_id or "" for each in refused}
        database = open_for_writing(copy)
        try:
            endpoint_id = find(database, endpoint.endpoint_type, endpoint.scope)
            if endpoint_id is not None:
                read_only_changes(database, endpoint_id, self.clock.now(), sorted(doubted))
        finally:
            database.close()
        choice = SyncOptions(names=(endpoint.name,))
        report = sync_due(SyncSession([endpoint], copy, choice, self.clock, self.stop, self.open_provider))
        self.stop.check()
        return report.outcomes[0]

    def _decide_anew(self, endpoint: Endpoint) -> None:
        database = open_for_writing(self.database_address)
        try:
            endpoint_id = find(database, endpoint.endpoint_type, endpoint.scope)
            if endpoint_id is not None:
                forget_filters(database, endpoint_id)
        finally:
            database.close()

    def _mend(self, endpoint: Endpoint, items: Sequence[Candidate]) -> Outcome:
        """Sync as soon as nobody else does. Raises FilesyncError when that takes too long."""
        until = self.clock.monotonic() + _PATIENCE
        while not (report := self._start_mending(endpoint, items)).outcomes:
            if self.clock.monotonic() >= until:
                raise TransientError(f"not repaired: {report.skipped[0][1] if report.skipped else 'it is no more'}")
            self.stop.wait(_LOOK_AGAIN)
        return report.outcomes[0]

    def _start_mending(self, endpoint: Endpoint, items: Sequence[Candidate]) -> SyncReport:
        def open_mending(each: Endpoint, stop: Stop, counters: Counters) -> Provider:
            return Mending(self.open_provider(each, stop, counters), items)

        choice = SyncOptions(names=(endpoint.name,))
        start = SyncSession(
            self.config.endpoints,
            self.database_address,
            choice,
            self.clock,
            self.stop,
            open_mending,
            self.concurrency,
            sets=self.config.sets,
        )
        report = sync_due(start)
        self.stop.check()
        return report


class _EndedError(FilesyncError):
    """A sync that belongs to a verification did not come to its end; the same failure, by its type and code."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error_message or f"its sync was {outcome.status}")
        self.error_type = outcome.error_type or self.error_type
        self.exit_code = failure_code(outcome.error_type)


@contextmanager
def _noting(verified: Verified, counters: Counters) -> Iterator[None]:
    """Note in what was found how a look at an endpoint failed, and what it cost."""
    try:
        yield
    except StoppedError:
        raise
    except NothingToCompareError as exc:
        verified.skipped = str(exc)
    except FilesyncError as exc:
        verified.error_type, verified.error_message = exc.error_type, str(exc)
    finally:
        verified.api_requests += counters.requests


def _raise_failure(outcome: Outcome) -> None:
    if outcome.status not in {"success", "partial"}:
        raise _EndedError(outcome)


def _cost(comparison: Comparison, drawn: Mapping[RowKind, Sequence[int]]) -> VerifyCost:
    """Reckon without refusals, and without the folders that are climbed to."""
    service = comparison.service
    files, folders = len(drawn[RowKind.LIVE]) + len(drawn[RowKind.DELETED]), len(drawn[RowKind.FOLDERS])
    requests = ceil(files / service.files_per_look_up) + folders
    return VerifyCost(files, folders, requests, requests / service.look_ups_per_minute)
