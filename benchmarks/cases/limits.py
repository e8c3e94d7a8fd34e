"""Autodesk's documented limits in force, and a clock that runs faster for both sides so that nobody waits for hours."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from threading import Event

from benchmarks.contestants.filesync import ACC, NAME, checked, endpoint, made, to_sample
from benchmarks.racing import Bench, Case, Contestant, Goal, Race, Sample
from benchmarks.services import Home, Service, acc_environ, serve
from benchmarks.stopwatch import measure_python
from filesync.http.budget import WINDOW
from filesync.runtime.clock import SystemClock

_FACTOR = 6  # the second by which a minute is longer for filesync than for the service must stay long enough
_FOLDERS = 3_000
_A_MINUTE = 300  # folder listings that Autodesk allows
_FEW_RUNS = 2


def _first_sync(bench: Bench) -> Iterator[Race]:
    folders = bench.sized(_FOLDERS)
    hurry = (str(_FACTOR), str(SystemClock().now().timestamp()))
    size = ("--folders", str(folders - 1), "--files", str(2 * folders))
    with serve("filesync.simulators", "acc", "--orders", "--hurry", ",".join(hurry), *size) as service:
        details = {"project_id": service.ids["project_id"], "hub_id": service.ids["hub_id"]}

        def run() -> Sample:
            shutil.rmtree(bench.folder / "home", ignore_errors=True)
            Event().wait(WINDOW / _FACTOR)  # a new home knows nothing of the run before; let the service forget it
            home = made(bench.folder / "home", acc_environ(service), [endpoint("P", ACC, details)])
            return _hurried_sync(home, service, hurry)

        goals = [
            Goal("of_the_limits_time", NAME, at_most=1.05, words="time, by that which the limit allows for as many"),
            Goal("refusals", NAME, at_most=0, words="answers with 429"),
        ]
        yield Race(f"first sync, {folders:,} folders", [Contestant(NAME, run, _FEW_RUNS)], goals, files=2 * folders)


def _hurried_sync(home: Home, service: Service, hurry: tuple[str, str]) -> Sample:
    service.order("count")
    command = ["-m", "benchmarks.accelerated", *hurry, "sync", "--all", "--json"]
    measured = checked(measure_python(command, {**home.environ, "FILESYNC_HOME": str(home.path)}))
    counts = service.order("count")["requests"]
    [sync] = json.loads(measured.out)["syncs"]
    allowed = counts["contents"] / _A_MINUTE * 60
    more = {"of_the_limits_time": sync["duration_seconds"] / allowed, "refusals": sync["retries"]}
    return replace(to_sample(measured, home, requests=sum(counts.values()) - counts["token"]), more=more)


CASES = (
    Case(
        "acc-limits",
        "A first sync of ACC at Autodesk's documented limits, which the simulator enforces; for both, time runs "
        f"{_FACTOR} times as fast. The limit's time is what as many folder listings take at 300 a minute. A sync may "
        "be faster than that, since the first 300 leave at once; later it is a little slower: filesync takes 61 s for "
        "a minute.",
        _first_sync,
        long=True,
    ),
)
