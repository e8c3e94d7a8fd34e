"""Findings: what a check found, and the literal list of all checks there are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

# Every check, by area, in the order in which they are made. A check that is not here cannot find anything.
CHECKS: Mapping[str, Sequence[str]] = {
    "program": ("sqlite",),
    "configuration": ("variables", "file", "remarks", "logins"),
    "paths": ("home", "config", "data", "database", "locks", "logs", "tokens", "disk", "space", "inodes"),
    "secrets": ("env", "keys", "tokens", "inventory", "leftovers"),
    "database": ("opens", "schema", "journal", "log", "pages", "references", "search", "totals", "feed", "growth"),
    "logins": ("login",),
    "scheduler": ("installed", "program", "variables", "alive", "ended"),
    "syncs": ("endpoints", "dead", "locks", "removals", "filters", "odd"),
    "notify": ("target",),
    "network": ("proxy", "authorities"),
    "services": ("reach", "clock"),
}
# Checks of an inventory on a server, beside those; a home without one has nothing to be looked at.
ON_A_SERVER: Mapping[str, Sequence[str]] = {"database": ("tls", "clock", "pipeline", "pooler", "rights")}


class Severity(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `subject` says of which of several things, '' where there is but one.

    `fix` is the step that fixes it: a command where there is one. Only what is well has none.
    """

    area: str
    check: str
    level: Severity
    detail: str
    fix: str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        if self.check not in (*CHECKS[self.area], *ON_A_SERVER.get(self.area, ())):
            raise ValueError(f"{self.area}: no check {self.check}")
        if bool(self.fix) == (self.level is Severity.OK):
            raise ValueError(f"{self.area} {self.check}: the step that fixes it is missing, or nothing is to be fixed")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A check that could not be made, and why: what stands in its way is a finding of its own, or was asked for."""

    area: str
    check: str
    reason: str
    subject: str = ""


def ok(area: str, check: str, detail: str, subject: str = "") -> Finding:
    return Finding(area, check, Severity.OK, detail, subject=subject)


def warn(area: str, check: str, detail: str, fix: str, subject: str = "") -> Finding:
    return Finding(area, check, Severity.WARN, detail, fix, subject)


def fail(area: str, check: str, detail: str, fix: str, subject: str = "") -> Finding:
    return Finding(area, check, Severity.FAIL, detail, fix, subject)


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def named(names: Sequence[str], most: int = 3) -> str:
    """Name the first of several things."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def exit_code(findings: Iterable[Finding]) -> int:
    """Tell 1 when something failed; a warning is no failure."""
    return int(any(each.level is Severity.FAIL for each in findings))
