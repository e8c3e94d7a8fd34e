"""The loop: every minute, one sync at a time, signals handed on, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from filesync.runtime.signals import Inbox, arriving
from filesync.scheduling.loop import Children, Job, Loop, next_beat
from filesync.simulators.clock import SimulatedClock
from tests.homes import ROOT, Acc
from tests.test_sync_processes import PATIENCE, acc, wait_until

__all__ = ["acc"]  # the fixture by the machine's own clock

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUICK = [sys.executable, "-S", "-c", ""]


class Script:
    """Plays the signals: each wait takes the next step, lets the clock run to the wait's end, or does what it says."""

    def __init__(self, clock: SimulatedClock, steps: list[Callable[[], frozenset[int]] | int | None]) -> None:
        self.clock = clock
        self.steps = steps
        self.waits: list[float] = []

    def wait(self, seconds: float) -> frozenset[int]:
        self.waits.append(seconds)
        step = self.steps.pop(0) if self.steps else signal.SIGTERM
        if callable(step):
            return step()
        self.clock.advance(seconds)
        return frozenset() if step is None else frozenset({step})


class Played(Children):
    """Children that end when the test says so; no processes."""

    def __init__(self) -> None:
        super().__init__({})
        self.started: list[tuple[str, ...]] = []
        self.ended: list[tuple[str, int]] = []

    def start(self, name: str, command: object) -> None:
        self.started.append((name,))
        self._names[len(self.started)] = name

    def signal(self, number: int) -> None:
        self.started.append(("signal", str(int(number))))
        self.ended = [(name, 0) for name in self._names.values()]

    def reap(self) -> Iterator[tuple[str, int]]:
        ended, self.ended = self.ended, []
        gone = {name for name, _ in ended}
        self._names = {pid: name for pid, name in self._names.items() if name not in gone}
        return iter(ended)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOON + timedelta(seconds=17.5), frozen=True)


def test_beats_are_full_minutes_of_the_clock() -> None:
    assert next_beat(NOON, MINUTE) == NOON + MINUTE
    assert next_beat(NOON + timedelta(seconds=59.9), MINUTE) == NOON + MINUTE
    assert next_beat(NOON + timedelta(minutes=3), 5 * MINUTE) == NOON + 5 * MINUTE


def test_a_job_starts_at_once_then_at_each_beat_at_which_it_does_not_run(clock: SimulatedClock) -> None:
    children, told = Played(), list[str]()

    def end(code: int) -> Callable[[], frozenset[int]]:
        def step() -> frozenset[int]:
            children.ended = [("sync", code)]
            return frozenset({signal.SIGCHLD})

        return step

    script = Script(clock, [end(0), None, None, None, end(-9), None])
    code = Loop({"sync": Job(["sync"])}, MINUTE, clock, script, children, told.append).run()
    assert code == 143
    assert children.started == [("sync",), ("sync",), ("sync",), ("signal", "15")]
    assert script.waits[1] == 42.5
    assert clock.now().second == 0
    assert told == ["sync was killed by signal 9; started again at the next beat"]


def test_a_clock_that_is_set_back_starves_nobody(clock: SimulatedClock) -> None:
    children = Played()

    def set_back() -> frozenset[int]:
        clock.advance(-7200)
        children.ended = [("sync", 0)]
        return frozenset()

    Loop({"sync": Job(["sync"])}, MINUTE, clock, Script(clock, [set_back, signal.SIGINT]), children, print).run()
    assert children.started == [("sync",), ("sync",), ("signal", "2")]


def test_a_job_that_cannot_be_started_is_tried_again(clock: SimulatedClock) -> None:
    told: list[str] = []
    script = Script(clock, [None, signal.SIGTERM])
    Loop({"sync": Job(["/nowhere/filesync"])}, MINUTE, clock, script, Children({}), told.append).run()
    assert told == ["sync cannot be started: No such file or directory; tried again at the next beat"] * 2


def test_what_does_not_end_in_time_is_killed(clock: SimulatedClock, tmp_path: Path) -> None:
    ready, told = tmp_path / "ready", list[str]()
    code = f"import signal; signal.signal(15, signal.SIG_IGN); open({str(ready)!r}, 'w').close(); signal.pause()"
    jobs = {"sync": Job([sys.executable, "-S", "-c", code])}
    with arriving({signal.SIGCHLD}) as inbox:
        signals = Impatient(clock, inbox, ready)
        assert Loop(jobs, MINUTE, clock, signals, Children(os.environ), told.append).run() == 143
    assert told == ["sync did not end in time and is killed"]


class Impatient:
    """Sends SIGTERM once the child is ready, and makes the seconds pass that it is given then."""

    def __init__(self, clock: SimulatedClock, inbox: Inbox, ready: Path) -> None:
        self._clock = clock
        self._inbox = inbox
        self._ready = ready
        self._waits = 0

    def wait(self, seconds: float) -> frozenset[int]:
        self._waits += 1
        if self._waits == 1:
            wait_until(self._ready.exists)
            return frozenset({signal.SIGTERM})
        self._clock.advance(seconds)
        return self._inbox.wait(PATIENCE) if seconds == 0 else frozenset()


def test_a_service_that_ends_is_told_of_with_its_exit_code(clock: SimulatedClock) -> None:
    told: list[str] = []
    with arriving({signal.SIGCHLD}) as inbox:
        jobs = {"serve-health": Job(QUICK, restarts=True)}
        script = Script(clock, [lambda: inbox.wait(PATIENCE), signal.SIGTERM])
        Loop(jobs, MINUTE, clock, script, Children(os.environ), told.append).run()
    assert told == ["serve-health ended with exit code 0; started again at the next beat"]


def test_sigterm_ends_loop_and_sync_with_its_row_right(acc: Acc) -> None:
    acc.service.latency = 0.2
    process = acc.home.spawn("loop")
    wait_until(lambda: acc.service.count() >= 3)
    os.kill(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (143, "", "")
    (row,) = acc.home.query("SELECT status, error_type FROM sync_logs")
    assert (row["status"], row["error_type"]) == ("interrupted", "signal")
    acc.home.assert_sound()
    log = (acc.home.path / "logs" / "connector.log").read_text(encoding="utf-8").splitlines()
    ended = {line["event"]: line for line in map(json.loads, log[-2:])}
    assert (ended["sync_ended"]["status"], ended["start_ended"]["exit_code"]) == ("interrupted", 143)


def test_the_health_server_runs_beside_it_and_ends_with_it(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}, "schedule": {"type": "manual"}})
    with acc.home.spawn("loop", "--serve-health", "--port", "0") as process:
        assert process.stderr
        assert process.stderr.readline().startswith("serving http://127.0.0.1:")
        process.terminate()
    assert process.returncode == 143


def test_options_of_the_health_server_need_it(acc: Acc) -> None:
    ended = acc.home.run("loop", "--port", "8080")
    assert (ended.code, ended.err) == (2, "filesync: --port goes with --serve-health\n")


ADOPTER = """
import ctypes, os, sys
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # as the first process of a container gets orphans
end, going_on = os.pipe()
if not (child := os.fork()):
    if not os.fork():
        os.close(going_on)
        os.read(end, 1)  # until the test closes it
        os._exit(0)
    os._exit(0)
os.waitpid(child, 0)
os.set_inheritable(going_on, False)  # closed by exec: the orphan ends once the loop runs
os.execv(sys.executable, [sys.executable, "-m", "filesync", "loop"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to another process than the first")
def test_orphans_that_the_first_process_of_a_container_gets_are_reaped(acc: Acc) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | acc.home.environ
    with subprocess.Popen([sys.executable, "-c", ADOPTER], env=environ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: acc.home.database.exists() and not children.read_text().split())
        process.terminate()
    assert process.returncode == 143
