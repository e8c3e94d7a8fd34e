"""The loop: starts what there is to start at every full minute, as cron would, where there is no cron.

It knows nothing of endpoints: what is due is decided by each `filesync sync` that it starts.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from filesync.runtime.clock import Clock
from filesync.runtime.signals import STOPPERS

PATIENCE = 8.0  # seconds that children have to end; a sync needs five at most, and Docker waits ten

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIGNALLED = 128


class Signals(Protocol):
    """Where signals arrive: `filesync.runtime.signals.Inbox`."""

    def wait(self, seconds: float) -> frozenset[int]:
        """Wait until one arrives, at most that long; give those that did."""


@dataclass(frozen=True, slots=True)
class Job:
    """One command; `restarts` tells that it should always run, so that its end is worth a word."""

    command: Sequence[str]
    restarts: bool = False


class Children:
    """The processes that we started, by name; one of each name at a time."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._names: dict[int, str] = {}

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a program by its whole path; it inherits our streams and current folder. Raises OSError."""
        # decision 50: a process, not a sync inside
        self._names[os.posix_spawn(command[0], list(command), self._environ)] = name

    @property
    def running(self) -> frozenset[str]:
        return frozenset(self._names.values())

    def signal(self, number: int) -> None:
        for pid in self._names:  # none of them was reaped, so no other process can have its pid
            os.kill(pid, number)

    def reap(self) -> Iterator[tuple[str, int]]:
        """Return the name and exit code (-N: by signal N) of those that ended; orphans are reaped without a word."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:  # there are none
                return
            if pid == 0:
                return
            name = self._names.pop(pid, None)
            if name is not None:
                yield name, os.waitstatus_to_exitcode(status)


class Loop:
    """Starts each job at once, then at every beat at which it does not run; until a signal, which it hands on."""

    def __init__(  # noqa: PLR0913  the doors to the world
        self,
        jobs: Mapping[str, Job],
        every: timedelta,
        clock: Clock,
        signals: Signals,
        children: Children,
        complain: Callable[[str], None],
    ) -> None:
        self._jobs = jobs
        self._every = every
        self._clock = clock
        self._signals = signals
        self._children = children
        self._complain = complain

    def run(self) -> int:
        """Loop until a signal; give the exit code once no child is left."""
        beat = self._clock.now()
        while True:
            now = self._clock.now()
            if now >= beat or beat - now > self._every:  # the latter: the clock was set back
                self._start_missing()
                beat = next_beat(now, self._every)
            caught = self._signals.wait(max(0.0, (beat - self._clock.now()).total_seconds()))
            self._reap()
            if stopper := caught & STOPPERS:
                return self._end(max(stopper))

    def _start_missing(self) -> None:
        for name in self._jobs.keys() - self._children.running:
            try:
                self._children.start(name, self._jobs[name].command)
            except OSError as exc:  # no memory, no process left: it may pass
                self._complain(f"{name} cannot be started: {exc.strerror}; tried again at the next beat")

    def _reap(self) -> None:
        for name, code in self._children.reap():
            if code < 0:
                self._complain(f"{name} was killed by signal {-code}; started again at the next beat")
            elif self._jobs[name].restarts:
                self._complain(f"{name} ended with exit code {code}; started again at the next beat")

    def _end(self, number: int) -> int:
        """Hand the signal on, and wait for the children; whoever does not end is killed."""
        self._children.signal(number)
        until = self._clock.monotonic() + PATIENCE
        list(self._children.reap())
        while self._children.running:
            left = until - self._clock.monotonic()
            if left <= 0:
                self._complain(f"{', '.join(sorted(self._children.running))} did not end in time and is killed")
                self._children.signal(signal.SIGKILL)
                until = self._clock.monotonic() + PATIENCE
            self._signals.wait(max(left, 0.0))
            list(self._children.reap())
        return _SIGNALLED + number


def next_beat(now: datetime, every: timedelta) -> datetime:
    """Return the next full minute, or whatever `every` is, after now; counted from a fixed instant, as slots are."""
    return _EPOCH + ((now - _EPOCH) // every + 1) * every
