"""What other commands report of logins, targets and endpoints, as findings; and what the services' clocks say."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from filesync.auth.clock_skew import SKEW, in_words
from filesync.doctor.findings import Finding, Skipped, counted, fail, ok, warn


@dataclass(frozen=True, slots=True)
class KnownLogins:
    """One login: `row` as `filesync auth … status --json` shows it, and the command that renews it ('': a key does)."""

    row: Mapping[str, Any]
    log_in: str = ""


def check_logins(logins: Sequence[KnownLogins]) -> Iterator[Finding]:
    """Look at every login that an endpoint could use."""
    for each in logins:
        yield _login(each)


def _login(login: KnownLogins) -> Finding:
    row = login.row
    service, named = row["service"].capitalize(), f" ({row['credentials']})" if row["credentials"] else ""
    subject = f"{row['service']}{named}"
    fix = login.log_in or f"put it right as OAUTH_SETUP.md says, then: filesync auth {row['service']} status"
    if row["state"] == "login_needed":
        return fail("logins", "login", f"{service}{named}: {row['detail']}", fix, subject)
    if row["state"] == "expiring":
        return warn("logins", "login", f"{service}{named}: {row['detail']}", fix, subject)
    who = row["user"] or row["client"] or "somebody"
    left = "" if row["days_left"] is None else f", {row['days_left']} days left when nobody uses it"
    return ok("logins", "login", f"{service}{named}: {who}, {row['flow']}{left}", subject)


def check_targets(rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Look at how the last delivery to each target went; rows are as in `filesync notify status --json`."""
    bad = [_failing(row) for row in rows if row["failures_in_a_row"]]
    yield from bad
    if len(bad) < len(rows) or not rows:
        well = counted(len(rows) - len(bad), "target")
        said = f"{well} without a failed delivery" if rows else "no target is configured"
        yield ok("notify", "target", said)


def _failing(row: Mapping[str, Any]) -> Finding:
    name, waiting = row["target"], row["waiting"]
    times = counted(row["failures_in_a_row"], "delivery").replace("deliverys", "deliveries")
    detail = f"{name}: {times} failed in a row, {counted(waiting, 'message')} waiting: {row['last_error']}"
    return warn("notify", "target", detail, f"filesync notify test {name}", name)


_TOO_FAR = timedelta(minutes=2)  # the shortest life of what a service account signs
_PARTLY = 3  # exit codes of a sync
_TEMPORARY = 75


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of reading the beginning of an endpoint; `failed` is the step that failed, '' for none."""

    endpoint: str
    failed: str
    detail: str
    exit_code: int


def check_reach(reached: Reached) -> Finding:
    """Judge one endpoint's login, reach and first listing."""
    name, again = reached.endpoint, f"filesync endpoints check {shlex.quote(reached.endpoint)}"
    if not reached.failed and reached.exit_code == 0:
        return ok("services", "reach", f"{name}: {reached.detail}", name)
    detail = f"{name}: {reached.failed or 'listing'}: {reached.detail}"
    if reached.exit_code == _PARTLY:
        return warn("services", "reach", detail, "let the login read it, or name it in expected_unreadable", name)
    if reached.exit_code == _TEMPORARY:
        return fail("services", "reach", detail, f"look at the network, then: {again}", name)
    return fail("services", "reach", detail, f"do what it says, then: {again}", name)


def check_clock(apart: Mapping[str, Sequence[timedelta]]) -> Iterator[Finding | Skipped]:
    """Compare this machine's clock with what each service's answers were dated.

    The nearest counts: an answer that was long on its way looks as if the clock were ahead.
    """
    for service, differences in apart.items():
        if not differences:
            yield Skipped("services", "clock", "no answer said what time it is there", service)
            continue
        nearest = min(differences, key=abs)
        detail = f"this machine's clock is {in_words(nearest)} {service.capitalize()}'s"
        fix = "set this machine's clock, and let it be kept right (timedatectl set-ntp true)"
        if abs(nearest) > _TOO_FAR:
            yield fail("services", "clock", detail, fix, service)
        elif abs(nearest) > SKEW:
            yield warn("services", "clock", detail, fix, service)
        else:
            yield ok("services", "clock", f"agrees with {service.capitalize()}'s", service)
