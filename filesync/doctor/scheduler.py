"""The scheduler: whether something starts `filesync sync` for this home, once, with a program that starts."""

import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from filesync.core.durations import ago
from filesync.core.errors import SchedulerError
from filesync.core.timestamps import from_timestamp
from filesync.doctor.findings import Finding, Skipped, fail, ok, warn
from filesync.scheduling import crontab, systemd
from filesync.scheduling.commands import try_out
from filesync.scheduling.timer import LENGTHS

_SLOTS = 3  # that may pass without a start
LONGEST_SLOT = timedelta(days=8)  # of an endpoint that is read once a week
_REGULAR = 3  # starts within that time which no person makes by chance
_UNKNOWN_LENGTH = timedelta(hours=1)  # of the slots of a timer that somebody changed, or of one that we do not know
_CLOCK_TOLERANCE = timedelta(minutes=1)
_PATH_OF_CRON = "/usr/bin:/bin"
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_CODES = {
    1: "an endpoint failed",
    3: "an endpoint was only partly listed",
    75: "every failure was temporary",
    77: "a login is needed",
    78: "the configuration was wrong",
    129: "its terminal was closed",
    130: "it was stopped by a signal",
    143: "it was stopped by a signal",
}


@dataclass(frozen=True, slots=True)
class Installed:
    """A timer of this home: what is installed, in its own words, and `problem`, why it is not at work ('': it is)."""

    kind: str  # cron, systemd
    place: str
    option: str  # what `filesync schedule` calls it
    text: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Starts:
    """The last start of `filesync sync`, and whether a sync is under way; `needed`: some endpoint runs by itself.

    `scheduled` counts the starts of the last days that synced something nobody asked for by name. Without `is_known`
    there is a database that cannot tell.
    """

    last_at: str | None
    exit_code: int | None
    scheduled: int
    is_busy: bool
    needed: bool
    now: datetime
    is_known: bool = True

    def is_alive(self, slot: timedelta) -> bool:
        if self.is_busy:
            return True
        return self.last_at is not None and self.now - from_timestamp(self.last_at) <= _SLOTS * slot

    def is_scheduled(self) -> bool:
        """Return whether something starts it by itself: once or twice may have been a person, without a name."""
        return self.scheduled >= _REGULAR


def check_installed(timers: Sequence[Installed], starts: Starts) -> Iterator[Finding]:
    """Exactly one timer is right; none, where something else starts it, such as `filesync loop`."""
    for timer in timers:
        if timer.problem:
            fix = f"filesync schedule install {timer.option}"
            yield fail("scheduler", "installed", f"{timer.place}: {timer.problem}", fix, timer.kind)
    if len(timers) > 1:
        places = " and ".join(timer.place for timer in timers)
        fix = f"filesync schedule uninstall {timers[-1].option}"
        yield warn("scheduler", "installed", f"{places} both start this home", fix)
    elif not timers:
        yield _without_timer(starts)
    elif not timers[0].problem:
        yield ok("scheduler", "installed", timers[0].place)


def check_program(timer: Installed, home: Path, *, may_start: bool) -> Finding:
    """Look whether what is installed is for this home, and, where it may be started, whether it starts."""
    fix = f"filesync schedule install {timer.option}"
    words = _words(timer)
    if words is None or "--home" not in words[1:-1]:
        return fail("scheduler", "program", f"{timer.place}: does not start filesync for a home", fix, timer.kind)
    at = words.index("--home")
    if Path(words[at + 1]) != home:
        return fail("scheduler", "program", f"{timer.place}: is for another home, {words[at + 1]}", fix, timer.kind)
    if "sync" not in words[at:]:
        return fail("scheduler", "program", f"{timer.place}: does not call `sync`", fix, timer.kind)
    program = words[at - 3 : at] if words[at - 2 : at] == ["-m", "filesync"] else words[at - 1 : at]
    if shutil.which(program[0], path=_PATH_OF_CRON) is None:
        detail = f"{timer.place}: {program[0]} is not there, or is not a program"
        return fail("scheduler", "program", detail, fix, timer.kind)
    try:
        if may_start:
            try_out(program)
    except SchedulerError as error:
        return fail("scheduler", "program", f"{timer.place}: {error}", fix, timer.kind)
    return ok("scheduler", "program", program[0], timer.kind)


def check_variables(timers: Sequence[Installed], only_here: Sequence[str], env: Path) -> Finding:
    """Point out what only this shell knows: what a timer starts will not have it."""
    if timers and only_here:
        return warn("scheduler", "variables", f"only this shell knows {', '.join(only_here)}", f"put it into {env}")
    return ok("scheduler", "variables", "none is known to this shell only")


def check_starts(timers: Sequence[Installed], starts: Starts) -> Iterator[Finding | Skipped]:
    """Look at the last start: how long ago it was, and how it ended."""
    if not starts.is_known:
        yield from (Skipped("scheduler", each, "the database cannot be read") for each in ("alive", "ended"))
        return
    slot = min((slot_of(timer) for timer in timers), default=_UNKNOWN_LENGTH)
    if starts.last_at is None:
        yield _never(slot) if starts.needed else Skipped("scheduler", "alive", "every endpoint is manual")
        return
    said = f"the last start was {ago(starts.last_at, starts.now)}"
    if from_timestamp(starts.last_at) > starts.now + _CLOCK_TOLERANCE:
        yield warn("scheduler", "alive", f"{said}: the clock was set back, or is wrong now", "set this machine's clock")
    elif not starts.needed:
        yield Skipped("scheduler", "alive", "every endpoint is manual")
    elif starts.is_alive(slot):
        yield ok("scheduler", "alive", f"{said}{', a sync is running' if starts.is_busy else ''}")
    else:
        fix = _look_into(timers[0]) if timers else "filesync schedule install"
        yield fail("scheduler", "alive", f"{said}, and one is due every {_minutes(slot)}", fix)
    yield _ended(starts, said)


def slot_of(timer: Installed) -> timedelta:
    """Return how far apart a timer's starts are; one that somebody changed counts as an hourly one."""
    for every in LENGTHS:
        slots = f"OnCalendar={systemd.calendar(every)}\n" if timer.kind == "systemd" else f"{crontab.slots(every)} "
        if timer.text.startswith(slots) or f"\n{slots}" in timer.text:
            return timedelta(minutes=every)
    return _UNKNOWN_LENGTH


def _without_timer(starts: Starts) -> Finding:
    if not starts.needed:
        return ok("scheduler", "installed", "none, and every endpoint is manual")
    if starts.is_alive(_UNKNOWN_LENGTH) and starts.is_scheduled():
        return ok("scheduler", "installed", "neither cron nor systemd, but something starts it")
    if starts.is_alive(_UNKNOWN_LENGTH):
        detail = "neither cron nor systemd starts this home; so far it was started by hand"
        return warn("scheduler", "installed", detail, "filesync schedule install, or filesync loop")
    if not starts.is_known:
        detail = "neither cron nor systemd starts this home; the database cannot be read for other starts"
        return warn("scheduler", "installed", detail, "put the database right; or: filesync schedule install")
    return fail("scheduler", "installed", "nothing starts `filesync sync` for this home", "filesync schedule install")


def _never(slot: timedelta) -> Finding:
    detail = "no start of `filesync sync` was recorded yet"
    return warn("scheduler", "alive", detail, f"wait {_minutes(slot)}, or start one by hand: filesync sync")


def _ended(starts: Starts, said: str) -> Finding:
    if starts.exit_code == 0:
        return ok("scheduler", "ended", "the last start ended with exit code 0")
    if starts.exit_code is not None:
        meaning = _CODES.get(starts.exit_code, "see its messages")
        detail = f"the last start ended with exit code {starts.exit_code}: {meaning}"
        return warn("scheduler", "ended", detail, "filesync status, filesync logs --failed")
    if starts.is_busy:
        return ok("scheduler", "ended", "the last start has not ended yet")
    fix = "the next start goes on; when that happens often, look whether the system kills it (dmesg | grep -i kill)"
    return warn("scheduler", "ended", f"{said}, and its process died before it ended", fix)


def _look_into(timer: Installed) -> str:
    if timer.kind == "systemd":
        return f"systemctl {'' if timer.option.endswith('--system') else '--user '}list-timers 'filesync-*'"
    return "see whether cron runs (systemctl status cron) and what it says (journalctl -u cron, or your mail)"


def _words(timer: Installed) -> list[str] | None:
    """Read the command of a timer as its shell or systemd would; None when there is none that can be read."""
    if timer.kind == "systemd":
        found = re.search(r"^ExecStart=[-:@+!|]*(.+)$", timer.text, re.MULTILINE)
        command = found[1].replace("%%", "%") if found else ""
    else:
        line = timer.text.splitlines()[0]
        parts = line.split(None, 1 if line.startswith("@") else 5)
        command = parts[-1].replace(r"\%", "%")
    try:
        words = shlex.split(command, comments=timer.kind == "cron")
    except ValueError:
        return None
    return [word for word in words if not _ASSIGNMENT.match(word)] or None


def _minutes(slot: timedelta) -> str:
    minutes = slot // timedelta(minutes=1)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"
