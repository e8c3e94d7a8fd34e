"""The budget: never more in a minute than agreed, whoever asks, and whatever happens to its file."""

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from filesync.core.errors import LocalFileError, TimeLimitError
from filesync.http import Route
from filesync.http.budget import WINDOW, RateLimit, lane_path
from tests import ROOT as CHECKOUT
from tests.support.http_loopback import FakeClock, Handler, Say, Service, World

LIMIT = 10
LIMITED = Route("pages", "GET", "/pages", per_minute=LIMIT)
OTHER = Route("others", "GET", "/others", per_minute=LIMIT)

# One process of a home: asks until it would have to wait, with the machine's own clock.
PROCESS = """
import random, sys
from pathlib import Path
from filesync.runtime.clock import Stop, SystemClock
from filesync.core.errors import TimeLimitError
from filesync.http import Connector, Counters, Refusal, Route

url, folder = sys.argv[1:]
route = Route("pages", "GET", "/pages", per_minute=10)
clock = SystemClock()
connector = Connector(
    clock=clock, stop=Stop(clock, deadline=clock.monotonic() + 30), counters=Counters(),
    limits_folder=Path(folder), percent=100, random=random.Random(), log=lambda attempt: None,
)
connection = connector.connect(
    base_url=url, routes=[route], client_key="client", authoriser=None, explain=lambda status, body: Refusal("", "")
)
sent = 0
try:
    while sent < 50:
        connection.get(route, "/pages")
        sent += 1
except TimeLimitError:
    pass
connector.close()
print(sent)
"""


@pytest.fixture
def lane(tmp_path: Path) -> RateLimit:
    return RateLimit(tmp_path / "limits" / "a.lane", LIMIT, FakeClock())


def sent_at(world: World, service: Service, requests: int) -> list[float]:
    """Ask that often; tell the clock's times at which the service was asked."""
    connection = world.connect(service.url, LIMITED)
    times: list[float] = []

    def note_time(handler: Handler) -> None:
        times.append(world.clock.monotonic())
        Say()(handler)

    service.says(note_time)
    for _ in range(requests):
        connection.get(LIMITED, "/pages")
    world.connector.close()
    return times


def most_in_any_minute(times: list[float]) -> int:
    return max(sum(1 for time in times if begin <= time < begin + 60) for begin in times)


def test_no_minute_sees_more_than_the_limit(service: Service, tmp_path: Path) -> None:
    times = sent_at(World(tmp_path), service, 4 * LIMIT)
    assert most_in_any_minute(times) == LIMIT
    assert times[-1] - times[0] == pytest.approx(3 * WINDOW, abs=0.1)


def test_beneath_the_limit_nothing_waits(service: Service, tmp_path: Path) -> None:
    world = World(tmp_path)
    sent_at(world, service, LIMIT)
    assert (world.clock.waits, world.counters.throttled_seconds) == ([], 0)


def test_a_limit_that_is_reached_is_counted_and_named(service: Service, tmp_path: Path) -> None:
    world = World(tmp_path)
    sent_at(world, service, LIMIT + 1)
    assert world.counters.throttled_seconds == pytest.approx(WINDOW)
    assert world.attempts[-1].waited == pytest.approx(WINDOW)


@pytest.mark.parametrize(("percent", "share"), [(100, 10), (50, 5), (1, 1)])
def test_our_share_of_a_limit_is_never_exceeded(service: Service, tmp_path: Path, percent: int, share: int) -> None:
    times = sent_at(World(tmp_path, percent=percent), service, 3 * share)
    assert most_in_any_minute(times) == share


def test_retries_and_renewed_tokens_take_places_too(service: Service, tmp_path: Path) -> None:
    world = World(tmp_path, seconds=30)
    connection = world.connect(service.url, LIMITED)
    service.says(Say(500), Say(500), Say(200))
    world.dice.value = 0.001
    for _ in range(LIMIT - 2):
        connection.get(LIMITED, "/pages")
    with pytest.raises(TimeLimitError):
        connection.get(LIMITED, "/pages")
    world.connector.close()
    assert len(service.requests) == LIMIT


def test_every_route_and_client_has_its_own_budget(service: Service, tmp_path: Path) -> None:
    world = World(tmp_path)
    for client in ("a", "b"):
        connection = world.connect(service.url, LIMITED, OTHER, client=client)
        for _ in range(LIMIT):
            connection.get(LIMITED, "/pages")
            connection.get(OTHER, "/others")
    world.connector.close()
    assert world.clock.waits == []


def test_connections_and_syncs_of_a_client_share_its_budget(service: Service, tmp_path: Path) -> None:
    clock = FakeClock()
    worlds = [World(tmp_path, clock, seconds=30) for _ in range(3)]
    connections = [world.connect(service.url, LIMITED) for world in worlds for _ in range(2)]
    for turn in range(LIMIT):
        connections[turn % len(connections)].get(LIMITED, "/pages")
    for connection in connections:
        with pytest.raises(TimeLimitError):
            connection.get(LIMITED, "/pages")
    for world in worlds:
        world.connector.close()
    assert len(service.requests) == LIMIT


def test_threads_share_a_budget(service: Service, tmp_path: Path) -> None:
    world = World(tmp_path, seconds=30)
    connection = world.connect(service.url, LIMITED)

    def work() -> None:
        for _ in range(5):
            try:
                connection.get(LIMITED, "/pages")
            except TimeLimitError:
                return

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.connector.close()
    assert len(service.requests) == LIMIT


def test_two_processes_share_a_budget(service: Service, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", PROCESS, service.url, str(tmp_path)]
    processes = [
        subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    results = [process.communicate(timeout=60) for process in processes]
    assert [errors for _, errors in results] == [b"", b""]
    assert sum(int(sent) for sent, _ in results) == len(service.requests) == LIMIT


@pytest.mark.parametrize(
    "content", [b"", b"half", b"\xff" * 500, b"filesync lane 1\n", b"filesync lane 1\n" + b"\xff" * 99]
)
def test_a_foreign_or_half_written_file_counts_as_empty(lane: RateLimit, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "limits").mkdir()
    (tmp_path / "limits" / "a.lane").write_bytes(content)
    waits = [lane.claim() for _ in range(LIMIT + 1)]
    assert waits[:LIMIT] == [None] * LIMIT
    assert waits[LIMIT] is not None


def test_a_file_cut_in_the_middle_of_a_time_keeps_the_whole_ones(lane: RateLimit, tmp_path: Path) -> None:
    for _ in range(4):
        lane.claim()
    path = tmp_path / "limits" / "a.lane"
    path.write_bytes(path.read_bytes()[:-3])
    waits = [lane.claim() for _ in range(LIMIT)]
    assert waits.index(next(wait for wait in waits if wait)) == LIMIT - 3


def test_a_clock_that_jumps_back_neither_starves_nor_forgets(tmp_path: Path) -> None:
    clock = FakeClock()
    lane = RateLimit(tmp_path / "a.lane", LIMIT, clock)
    for _ in range(LIMIT):
        lane.claim()
    lane.block(300)
    clock.at -= timedelta(days=30)
    asked_to_wait = lane.claim()
    assert asked_to_wait is not None
    assert asked_to_wait.seconds == pytest.approx(600)
    clock.advance(600.5)
    assert lane.claim() is None


def test_places_taken_before_a_clock_jumped_back_still_count(tmp_path: Path) -> None:
    clock = FakeClock()
    lane = RateLimit(tmp_path / "a.lane", LIMIT, clock)
    for _ in range(LIMIT):
        lane.claim()
    clock.at -= timedelta(days=30)
    full = lane.claim()
    assert full is not None
    assert full.seconds == pytest.approx(WINDOW)
    clock.advance(WINDOW + 0.01)
    assert lane.claim() is None


def test_a_smaller_share_counts_what_the_larger_one_sent(tmp_path: Path) -> None:
    clock = FakeClock()
    larger, smaller = (RateLimit(tmp_path / "a.lane", limit, clock) for limit in (LIMIT, 2))
    for _ in range(5):
        larger.claim()
    assert smaller.claim() is not None
    assert larger.claim() is None


def test_a_budgets_file_is_small_and_names_nobody(service: Service, tmp_path: Path) -> None:
    world = World(tmp_path)
    connection = world.connect(service.url, LIMITED, client="not-a-secret-client")
    for _ in range(5 * LIMIT):
        connection.get(LIMITED, "/pages")
    world.connector.close()
    (path,) = (tmp_path / "limits").iterdir()
    assert "not-a-secret" not in path.name
    assert b"not-a-secret" not in path.read_bytes()
    assert path.stat().st_size < 24 + 8 * (LIMIT + 1)


def test_a_request_that_arrives_late_is_dated_late(service: Service, tmp_path: Path) -> None:
    world = World(tmp_path)
    connection = world.connect(service.url, LIMITED)
    times: list[float] = []

    def arrive(handler: Handler) -> None:
        world.clock.advance(4 if not times else 0)  # the first one's connection takes so long
        times.append(world.clock.monotonic())
        Say()(handler)

    service.says(arrive)
    for _ in range(3 * LIMIT):
        connection.get(LIMITED, "/pages")
    world.connector.close()
    assert most_in_any_minute(times) == LIMIT


def test_names_cannot_run_into_each_other(tmp_path: Path) -> None:
    assert lane_path(tmp_path, "a", "bc") != lane_path(tmp_path, "ab", "c")


def test_a_folder_that_cannot_be_written_is_a_clear_error(service: Service, tmp_path: Path) -> None:
    (tmp_path / "limits").write_text("a file, not a folder")
    world = World(tmp_path)
    with pytest.raises(LocalFileError, match=r"limits/.*the request budget cannot be kept"):
        world.connect(service.url, LIMITED).get(LIMITED, "/pages")
    world.connector.close()
    assert service.requests == []
