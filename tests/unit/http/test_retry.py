"""What is tried again, how long is waited, and what ends the waiting."""

import os
import socket
import struct
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from filesync.core.errors import (
    AuthError,
    FilesyncError,
    NetworkError,
    NotFoundError,
    RateLimitedError,
    ResponseError,
    ServiceDownError,
    StalledError,
    StoppedError,
    TimeLimitError,
)
from filesync.http import Connection
from tests.support.http_loopback import PAGE, START, FakeClock, Handler, Say, Script, Service, World


def truncated(handler: Handler) -> None:
    handler.reply(200, b'{"a": 1', {"Content-Length": "100"})
    handler.close_connection = True


def broken_chunks(handler: Handler) -> None:
    handler.reply(200, b'7\r\n{"a": 1\r\n5\r\n', {"Transfer-Encoding": "chunked"})
    handler.close_connection = True


def reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())
    handler.close_connection = True


def silent(handler: Handler) -> None:
    handler.close_connection = True


def garbled(handler: Handler) -> None:
    handler.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    handler.wfile.flush()
    handler.close_connection = True


def broken_refusal(handler: Handler) -> None:
    handler.reply(404, b'{"reason": "notFou', {"Content-Length": "100"})
    handler.close_connection = True


@pytest.mark.parametrize("broken", [broken_refusal, Say(403, b'{"reason": "rateLi')], ids=["dropped", "cut"])
def test_a_refusal_whose_reason_got_lost_is_asked_for_again(
    connection: Connection, service: Service, broken: Script
) -> None:
    service.says(broken, Say(404, {"reason": "notFound"}))
    with pytest.raises(NotFoundError, match="404 notFound") as raised:
        connection.get(PAGE, "/pages")
    assert raised.value.reason == "notFound"
    assert len(service.requests) == 2


def test_a_refusal_that_is_always_cut_is_an_answer_that_breaks_off(connection: Connection, service: Service) -> None:
    service.says(Say(404, b'{"reason": "notFou'))
    with pytest.raises(ResponseError, match="404, and the answer breaks off"):
        connection.get(PAGE, "/pages")
    assert len(service.requests) == 3


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(world: World, connection: Connection, service: Service, status: int) -> None:
    service.says(Say(status), Say(status), Say(200, {"a": 1}))
    assert connection.get(PAGE, "/pages").body == {"a": 1}
    assert world.counters.retries == 2


@pytest.mark.parametrize("drop", [truncated, broken_chunks, reset, silent, garbled])
def test_a_dropped_connection_is_tried_again(connection: Connection, service: Service, drop: Script) -> None:
    service.says(drop, Say(200, {"a": 1}))
    assert connection.get(PAGE, "/pages").body == {"a": 1}


FINAL = [
    (Say(429), RateLimitedError, "429"),
    (Say(403, {"retry": True, "reason": "rateLimitExceeded"}), RateLimitedError, "403 rateLimitExceeded"),
    (Say(500), ServiceDownError, "500"),
    (Say(503, b"<html>"), ServiceDownError, "503"),
    (Say(408), NetworkError, "408"),
    (truncated, NetworkError, "the connection was dropped"),
    (reset, NetworkError, "Connection reset by peer"),
]


@pytest.mark.parametrize(("script", "error", "text"), FINAL)
def test_six_tries_are_all(
    connection: Connection, service: Service, script: Script, error: type[FilesyncError], text: str
) -> None:
    service.says(script)
    with pytest.raises(error, match=r"^pages: GET http://127.0.0.1:\d+/pages: .*" + text) as raised:
        connection.get(PAGE, "/pages", {"a": "b"})
    assert type(raised.value) is error
    assert len(service.requests) == 6


STUMPS = [b"", b'{"a": [1, 2', b'{"a": "text', b'{"a": fals', b'{"a": "\xc3', b'{"a": "\\u12', b'{"a": 1,', b"{"]


@pytest.mark.parametrize("stump", STUMPS)
def test_an_answer_that_breaks_off_is_tried_three_times(connection: Connection, service: Service, stump: bytes) -> None:
    service.says(Say(200, stump))
    with pytest.raises(ResponseError, match="breaks off"):
        connection.get(PAGE, "/pages")
    assert len(service.requests) == 3


def test_broken_compression_is_tried_three_times(connection: Connection, service: Service) -> None:
    service.says(Say(200, b'{"a": 1}', {"Content-Encoding": "gzip"}))
    with pytest.raises(ResponseError, match="compression"):
        connection.get(PAGE, "/pages")
    assert len(service.requests) == 3


@pytest.mark.parametrize("value", [0.001, 0.25, 0.999])
def test_backoff_doubles_and_is_all_jitter(
    world: World, connection: Connection, service: Service, value: float
) -> None:
    world.dice.value = value
    service.says(Say(500))
    with pytest.raises(ServiceDownError):
        connection.get(PAGE, "/pages")
    assert world.clock.waits == pytest.approx([value * ceiling for ceiling in (1, 2, 4, 8, 16)])


def test_nobody_there_is_a_network_error(world: World, service: Service) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        connection = world.connect(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(NetworkError, match="Connection refused"):
            connection.get(PAGE, "/pages")
    assert [each.status for each in world.attempts] == [None] * 6


def test_an_answer_that_does_not_begin_is_given_up(
    connection: Connection, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filesync.http.transport.TIMEOUT", (5.0, 0.05))
    over = threading.Event()

    def hang(_: Handler) -> None:
        over.wait()

    service.says(hang)
    with pytest.raises(NetworkError, match="no answer within"):
        connection.get(PAGE, "/pages")
    over.set()
    assert len(service.requests) == 6


WAITS = [
    ("25", {}, 25),
    ("Sun, 01 Mar 2026 10:00:40 GMT", {"Date": "Sun, 01 Mar 2026 10:00:00 GMT"}, 40),
    ("Sun, 01 Mar 2026 12:00:30 GMT", {}, 30),
    ("Sunday, 01-Mar-26 12:00:30 GMT", {}, 30),
    ("86400", {}, 600),
    ("9" * 400, {}, 600),
]


@pytest.mark.parametrize(("text", "headers", "seconds"), WAITS)
@pytest.mark.parametrize("status", [429, 503, 403])
def test_retry_after_is_obeyed(
    world: World,
    connection: Connection,
    service: Service,
    text: str,
    headers: dict[str, str],
    seconds: int,
    status: int,
) -> None:
    service.says(Say(status, {"retry": True}, {"Retry-After": text, **headers}), Say(200))
    connection.get(PAGE, "/pages")
    assert sum(world.clock.waits) == pytest.approx(seconds + 0.5)
    assert world.counters.throttled_seconds == pytest.approx(seconds + 0.5)
    assert world.counters.waiting_for is None


@pytest.mark.parametrize("text", ["0", "-5", "soon", "", "Sun, 01 Mar 2020 10:00:00 GMT", "1e9", "\xb2"])
def test_a_retry_after_that_says_nothing_leaves_it_to_backoff(
    world: World, connection: Connection, service: Service, text: str
) -> None:
    service.says(Say(429, {}, {"Retry-After": text}), Say(200))
    connection.get(PAGE, "/pages")
    assert world.clock.waits == [0.5]


def test_one_retry_after_stops_every_process_of_the_home(service: Service, tmp_path: Path) -> None:
    first, other = World(tmp_path, seconds=10), World(tmp_path)  # they share the folder only, as processes do
    service.says(Say(429, {}, {"Retry-After": "30"}), Say(200))
    with pytest.raises(TimeLimitError):
        first.connect(service.url).get(PAGE, "/pages")
    other.connect(service.url).get(PAGE, "/pages")
    assert sum(other.clock.waits) == pytest.approx(30.5)
    assert len(service.requests) == 2
    first.connector.close()
    other.connector.close()


def test_a_retry_after_of_one_client_does_not_stop_another(world: World, service: Service, tmp_path: Path) -> None:
    service.says(Say(429, {}, {"Retry-After": "30"}), Say(200))
    world.connect(service.url, client="a").get(PAGE, "/pages")
    other = World(tmp_path)
    other.connect(service.url, client="b").get(PAGE, "/pages")
    other.connector.close()
    assert other.clock.waits == []


def test_what_is_waited_for_can_be_seen(service: Service, tmp_path: Path) -> None:
    seen: list[object] = []

    class Watched(FakeClock):
        def wait(self, event: threading.Event, seconds: float) -> bool:
            seen.append((counters.waiting_for, counters.waiting_until))
            return super().wait(event, seconds)

    world = World(tmp_path, Watched())
    counters = world.counters
    service.says(Say(429, {}, {"Retry-After": "30"}), Say(200))
    world.connect(service.url).get(PAGE, "/pages")
    world.connector.close()
    assert seen == [("pages (asked to wait)", START + timedelta(seconds=30.5))]
    assert (counters.waiting_for, counters.waiting_until) == (None, None)


def test_a_wait_that_cannot_be_finished_is_not_begun(service: Service, tmp_path: Path) -> None:
    world = World(tmp_path, seconds=20)
    service.says(Say(503, {}, {"Retry-After": "25"}))
    with pytest.raises(TimeLimitError):
        world.connect(service.url).get(PAGE, "/pages")
    world.connector.close()
    assert (world.clock.waits, len(service.requests)) == ([], 1)


def test_a_stop_leaves_an_answer_that_does_not_come(world: World, connection: Connection, service: Service) -> None:
    over, answered = threading.Event(), threading.Event()

    def hang(_: Handler) -> None:
        world.stop.request()
        over.wait(30)
        answered.set()

    service.says(hang)
    with pytest.raises(StoppedError):
        connection.get(PAGE, "/pages")
    assert not answered.is_set()
    over.set()


def test_a_deadline_leaves_an_answer_that_does_not_come(service: Service, tmp_path: Path) -> None:
    world = World(tmp_path, seconds=60)
    over = threading.Event()

    def hang(_: Handler) -> None:
        world.clock.advance(61)
        over.wait()

    service.says(hang)
    with pytest.raises(TimeLimitError):
        world.connect(service.url).get(PAGE, "/pages")
    over.set()
    world.connector.close()


def test_an_answer_that_trickles_for_ten_minutes_is_stalled(
    world: World, connection: Connection, service: Service
) -> None:
    over = threading.Event()

    def trickle(handler: Handler) -> None:
        handler.reply(200, b'{"a":', {"Content-Length": "1000000"})
        world.clock.advance(599)
        while not over.wait(0.01):
            world.clock.advance(0.1)
            handler.wfile.write(b" ")
            handler.wfile.flush()

    service.says(trickle)
    with pytest.raises(StalledError, match=r"^pages: GET .*/pages: no whole answer for ten minutes"):
        connection.get(PAGE, "/pages")
    over.set()
    assert len(service.requests) == 1


def test_ten_minutes_of_tries_without_an_answer_are_stalled_but_waits_do_not_count(
    world: World, connection: Connection, service: Service
) -> None:
    def slow_drop(handler: Handler) -> None:
        world.clock.advance(250)
        handler.close_connection = True

    over = threading.Event()

    def hang(_: Handler) -> None:
        world.clock.advance(250)
        over.wait()

    wait = Say(503, {}, {"Retry-After": "590"})
    service.says(slow_drop, wait, slow_drop, slow_drop, hang)
    with pytest.raises(StalledError):
        connection.get(PAGE, "/pages")
    over.set()
    assert len(service.requests) == 5


def test_any_answer_ends_the_silence(world: World, connection: Connection, service: Service) -> None:
    def slow_drop(handler: Handler) -> None:
        world.clock.advance(299)
        handler.close_connection = True

    def slow_answer(handler: Handler) -> None:
        threading.Event().wait(0.3)  # long enough for the caller to look at the clock
        Say(200)(handler)

    service.says(slow_drop, slow_drop, Say(503), slow_drop, slow_answer)
    assert connection.get(PAGE, "/pages").status == 200


class Badges:
    """An authoriser that numbers its tokens."""

    def __init__(self) -> None:
        self.number = 1
        self.rejected: list[str] = []

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer number-{self.number}"}

    def renew(self, rejected: dict[str, str]) -> None:
        self.rejected.append(rejected["Authorization"])
        self.number += 1


def test_a_rejected_token_is_renewed_once(world: World, service: Service) -> None:
    badges = Badges()
    service.says(Say(401), Say(200))
    world.connect(service.url, authoriser=badges).get(PAGE, "/pages")
    assert badges.rejected == ["Bearer number-1"]
    assert [each.headers["Authorization"] for each in service.requests] == ["Bearer number-1", "Bearer number-2"]


def test_a_second_rejection_is_final(world: World, service: Service) -> None:
    badges = Badges()
    service.says(Say(401, {"detail": "token revoked"}))
    with pytest.raises(AuthError, match="401 token revoked; log in again") as raised:
        world.connect(service.url, authoriser=badges).get(PAGE, "/pages")
    assert (raised.value.exit_code, len(service.requests), len(badges.rejected)) == (77, 2, 1)
