"""The services: whether each endpoint can be read, and how far this machine's clock is from theirs."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from filesync.auth.skew import SKEW, in_words
from filesync.doctor.findings import Finding, Skipped, fail, ok, warn

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
