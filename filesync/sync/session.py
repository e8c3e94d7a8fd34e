"""A session: one start of `filesync sync`, with what it works with, who follows it, and what it reports."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from filesync.config import Endpoint, EndpointSet
from filesync.core.errors import ConfigError, TimeLimitError
from filesync.core.schedule import TEMPORARY
from filesync.runtime.clock import Clock, Stop
from filesync.runtime.database_url import Address
from filesync.runtime.log import Log, nowhere
from filesync.sync.options import SyncOptions

if TYPE_CHECKING:
    from filesync.store.sqlite.migrations import Upgrade
    from filesync.store.write.sync_log import Outcome
    from filesync.sync.endpoint import ActiveSync, OpenProvider
    from filesync.sync.refresh_sets import FindMembers, SetRefresh


@dataclass(slots=True)
class RunningEndpoint:
    """One endpoint of this session, as a progress display sees it."""

    name: str
    attempt: "ActiveSync | None" = None
    outcome: "Outcome | None" = None
    skipped: str | None = None
    has_slot: bool = False
    bug: BaseException | None = None
    done: bool = False
    log: Log = field(default_factory=nowhere)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a session did; `abandoned` says that threads still hang in a request and the process should just end."""

    outcomes: "tuple[Outcome, ...]" = ()
    skipped: tuple[tuple[str, str], ...] = ()  # (endpoint, why)
    abandoned: bool = False
    expansions: "tuple[SetRefresh, ...]" = ()  # of the sets that were asked for


class SyncWatcher:
    """Follows a session; this one lets everything pass. No method may wait."""

    def upgrading(self, upgrade: "Upgrade") -> None:
        """Note that the database gets another schema."""

    def check_names(self, known: Sequence[str]) -> None:
        """Raise UsageError for a chosen name that is not among all there are."""

    def begin_endpoint(self, endpoint: Endpoint, endpoint_id: int) -> None:
        """Note that the sync of an endpoint begins."""

    def show(self, running: Sequence[RunningEndpoint]) -> None:
        """Show how far the endpoints of this session are."""

    def exit_code(self, report: SyncReport) -> int:
        """Return the exit code to record."""
        return exit_code(report)


@dataclass(frozen=True, slots=True)
class SyncSession:
    """What a session is given; `endpoints` are those that the file names one by one."""

    endpoints: Sequence[Endpoint]
    database_address: Address
    choice: SyncOptions
    clock: Clock
    stop: Stop
    open_provider: "OpenProvider"
    concurrency: int = 5
    sets: Sequence[EndpointSet] = ()
    find_members: "FindMembers | None" = None  # None: nobody asks, the members are those of the last answer
    watcher: SyncWatcher = field(default_factory=SyncWatcher)
    log: Log = field(default_factory=nowhere)
    run_id: str = ""


def exit_code(report: SyncReport) -> int:
    """Return the exit code of a session."""
    codes = {_code_of(outcome) for outcome in report.outcomes}
    codes |= {failure_code(each.error_type) for each in report.expansions if each.error_type}
    return first_code(codes)


def first_code(codes: Collection[int]) -> int:
    """Return the exit code of several endpoints: the first that applies of 78, 77, 1, 75, 3, 0."""
    return next((code for code in (78, 77, 1, 75, 3) if code in codes), 0)


def failure_code(error_type: str | None) -> int:
    """Return the exit code of one failure."""
    if error_type == ConfigError.error_type:  # of the environment, such as a bundle of authorities that is not there
        return ConfigError.exit_code
    if error_type == "login":
        return 77
    return 75 if error_type in {*TEMPORARY, TimeLimitError.error_type} else 1


def _code_of(outcome: "Outcome") -> int:
    if outcome.status == "partial":
        return 0 if outcome.trigger == "trial" else 3  # a trial is meant to stop early
    return failure_code(outcome.error_type) if outcome.status == "failed" else 0
