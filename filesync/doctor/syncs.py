"""The syncs: how the endpoints are, what dead processes left behind, who holds which lock, what waits to be removed."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from filesync.core.durations import ago
from filesync.core.schedule import TEMPORARY
from filesync.core.timestamps import from_timestamp
from filesync.doctor.findings import Finding, counted, fail, named, ok, warn
from filesync.store.read.diagnostics import Odd, Open, WaitingWork
from filesync.sync.status import Status

_NAMED = 5  # endpoints that leave something out
_SILENCE = timedelta(
    minutes=15
)  # a sync says every few seconds that it lives, and ends itself after ten silent minutes


@dataclass(frozen=True, slots=True)
class Held:
    """A lock, and the process that holds it; `pid` None where the system does not tell."""

    path: Path
    pid: int | None = None


def check_endpoints(statuses: Sequence[Status], left_out: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Name every endpoint that a person should look at, and what those that are well leave out on purpose."""
    bad = [finding for status in statuses if (finding := _endpoint(status))]
    yield from bad
    well = len(statuses) - len(bad)
    if well or not statuses:
        yield ok(
            "syncs",
            "endpoints",
            f"{well:,} of {counted(len(statuses), 'endpoint')} well{_left_out(left_out)}",
        )


def check_dead(syncs: Sequence[Open], running: frozenset[int]) -> Finding:
    """Find rows that say `running` and belong to nobody."""
    dead = [each for each in syncs if each.endpoint_id not in running]
    if dead:
        said = named([f"{each.endpoint} since {each.started_at[:16].replace('T', ' ')} UTC" for each in dead])
        detail = f"{counted(len(dead), 'row')} of sync_logs say `running`, and the process died: {said}"
        return warn(
            "syncs", "dead", detail, "nothing: the next start closes them as interrupted and goes on from there"
        )
    return ok("syncs", "dead", "no row of a dead process")


def check_locks(
    held: Sequence[Held], syncs: Sequence[Open], running: frozenset[int], now: datetime
) -> Iterator[Finding]:
    """Find locks whose holder does nothing any more; a lock falls with its holder, so none is left by the dead."""
    stuck = [_silent(each, now) for each in syncs if each.endpoint_id in running and _is_silent(each, now)]
    stopped = [_stopped(each) for each in held if each.pid is not None and _state_of(each.pid) in {"T", "t"}]
    yield from (*stuck, *stopped)
    if stuck or stopped:
        return
    holders = sorted({str(each.pid) for each in held if each.pid is not None})
    by = f"process {named(holders)}" if len(holders) == 1 else f"processes {named(holders)}"
    yield ok("syncs", "locks", f"{counted(len(held), 'lock')} held by {by}" if holders else "none is held")


def check_removals(waiting: Sequence[WaitingWork], running: frozenset[int], now: datetime) -> Iterator[Finding]:
    """Name what waits to be removed; while a sync runs that is as it should be."""
    found = [each for each in waiting if each.endpoint_id not in running]
    for each in found:
        what = "1 file or folder waits" if each.count == 1 else f"{each.count:,} files or folders wait"
        detail = f"{each.endpoint}: {what} to be removed, the first one was missed {ago(each.since, now)}"
        yield warn("syncs", "removals", detail, _let_through(each.endpoint), each.endpoint)
    if not found:
        yield ok("syncs", "removals", "none waits")


def check_filters(all_withheld: Mapping[str, int]) -> Iterator[Finding]:
    """Name endpoints whose filters leave out every file that was seen: nobody means that, and no sync fails by it."""
    for name, files in all_withheld.items():
        detail = f"{name}: its filters leave out {'the only file' if files == 1 else f'all {files:,} files'}"
        fix = "look at its file_types, include, exclude, modified_after and modified_before: filesync config show"
        yield warn("syncs", "filters", detail, fix, name)
    if not all_withheld:
        yield ok("syncs", "filters", "none leaves out every file")


def check_odd(found: Sequence[Odd]) -> Iterator[Finding]:
    """Name entries of which the service says what cannot be so; all else that it says of them is in the inventory."""
    for each in found:
        entries = "1 entry has" if each.count == 1 else f"{each.count:,} entries have"
        detail = f"{each.endpoint}: {entries} something odd: {each.path} ({each.odd})"
        fix = "look at it in the service; here it is NULL or a name made of the id, and all else is right"
        yield warn("syncs", "odd", f"{detail}{' and others' if each.count > 1 else ''}", fix, each.endpoint)
    if not found:
        yield ok("syncs", "odd", "no entry has anything odd in it")


def _left_out(found: Mapping[str, Sequence[str]]) -> str:
    said = [f"{name}: {named(what)}" for name, what in found.items()]
    return f"; left out on purpose: {named(said, _NAMED)}" if said else ""


def _endpoint(status: Status) -> Finding | None:
    """Judge one endpoint; None when nobody need look at it."""
    name, facts = shlex.quote(status.name), status.facts
    message = f"{status.name}: {facts.get('error_message') or 'no reason is known'}"
    match status.state:
        case "blocked":
            return fail("syncs", "endpoints", message, _let_through(status.name), status.name)
        case "login":
            return fail(
                "syncs", "endpoints", message, f"do what it says, then: filesync sync --endpoint {name}", status.name
            )
        case "failed":
            judge = warn if facts.get("error_type") in TEMPORARY else fail
            return judge("syncs", "endpoints", message, f"filesync endpoints check {name}", status.name)
        case "partial":
            fix = f"let the login read it, or name it in expected_unreadable; filesync logs --endpoint {name}"
            return warn("syncs", "endpoints", message, fix, status.name)
    if status.late:
        fix = f"see what is said of the scheduler; by hand: filesync sync --endpoint {name}"
        return fail("syncs", "endpoints", f"{status.name}: {status.late}", fix, status.name)
    return None


def _let_through(endpoint: str) -> str:
    name = shlex.quote(endpoint)
    look = f"filesync files --pending-removal --endpoint {name}"
    return f"{look}; if they are right: filesync sync --endpoint {name} --accept-deletions"


def _is_silent(sync: Open, now: datetime) -> bool:
    if sync.waiting_until and from_timestamp(sync.waiting_until) > now:
        return False
    return now - from_timestamp(sync.heartbeat_at) > _SILENCE


def _silent(sync: Open, now: datetime) -> Finding:
    silent = ago(sync.heartbeat_at, now).removesuffix(" ago")
    detail = f"{sync.endpoint}: process {sync.pid} on {sync.host} has its lock, and no sign of life for {silent}"
    return fail("syncs", "locks", detail, f"kill {sync.pid}", sync.endpoint)


def _stopped(held: Held) -> Finding:
    detail = f"{held.path.name} is held by process {held.pid}, which is stopped"
    return fail("syncs", "locks", detail, f"kill -CONT {held.pid}   # or end it: kill -9 {held.pid}", held.path.name)


def _state_of(pid: int) -> str:
    """Tell a process's state as the kernel writes it; '' where it does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]
