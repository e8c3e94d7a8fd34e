"""Logins: there, good, and for how long; nothing is asked of a service."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from filesync.doctor.findings import Finding, fail, ok, warn


@dataclass(frozen=True, slots=True)
class Known:
    """One login: `row` as `filesync auth … status --json` shows it, and the command that renews it ('': a key does)."""

    row: Mapping[str, Any]
    log_in: str = ""


def check_logins(logins: Sequence[Known]) -> Iterator[Finding]:
    """Look at every login that an endpoint could use."""
    for each in logins:
        yield _login(each)


def _login(login: Known) -> Finding:
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
