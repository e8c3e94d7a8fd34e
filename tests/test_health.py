"""The health server's rules: who may ask what, what nobody can make it hold, and what monitors read."""

import base64
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from filesync.cli.health import _Look
from filesync.core.errors import ResponseError
from filesync.core.model import RemoteFolder
from filesync.health import server as bounds
from filesync.health.facts import CachedSnapshot, Facts, to_health, to_status
from filesync.health.metrics import to_openmetrics, to_text
from filesync.health.page import POLICY, to_page
from filesync.health.server import Server, place_of
from filesync.health.wsgi import AccessRules, HealthApplication
from filesync.runtime.clock import Clock, SystemClock
from filesync.simulators.clock import SimulatedClock
from filesync.sync.status import STATES
from tests.cli_home import CliHome, file
from tests.homes import ROOT
from tests.served import Visitor

TOKEN = "long-and-secret-ä"
PATHS = ["/", "/health", "/status", "/metrics", "/no-such-page"]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """One good endpoint, one that is partly unreadable, one that failed, with names that nobody would choose."""
    home = CliHome(tmp_path_factory.mktemp("health"))
    home.configure({"name": "A"}, {"name": 'quote " back \\ slash'}, {"name": "<b>bold</b>"}, {"name": "never"})
    home.show("A", file("<img src=x onerror=alert(1)>.pdf"), file("b.txt"))
    home.show(
        'quote " back \\ slash', file("x.txt"), folders=[RemoteFolder("hr", "HR", "root")], unreadable={"hr": "403"}
    )
    home.show("<b>bold</b>", error=ResponseError("<i>no</i> JSON"))
    home.sync("A", 'quote " back \\ slash', "<b>bold</b>")
    return _Look(home.process().home)()


@contextmanager
def answering(
    look: Callable[[], Facts], rules: AccessRules | None = None, clock: Clock | None = None
) -> Iterator[tuple[Visitor, list[str]]]:
    """Serve from this process; gives the visitor, and what the server reports."""
    reported: list[str] = []
    listener = place_of("127.0.0.1", 0).listen()
    server = Server(
        listener,
        HealthApplication(CachedSnapshot(look, clock or SystemClock()), rules or AccessRules()),
        reported.append,
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Visitor(listener.getsockname()[1]), reported
    finally:
        server.stop()
        thread.join()


# --- who may ask what -----------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_with_a_token_nothing_is_said_without_it(facts: Facts, path: str) -> None:
    rules = AccessRules(token=TOKEN)
    with answering(lambda: facts, rules) as (visitor, _):
        for given in (
            None,
            "Bearer",
            "Bearer wrong",
            f"Bearer {TOKEN}x",
            "Basic %%%",
            _basic("wrong"),
            f"Digest {TOKEN}",
        ):
            answer = visitor.get(path, **_authorized(given))
            assert (answer.status, "filesync" in answer.text.lower().replace("filesync_health_token", "")) == (
                401,
                False,
            )
            assert answer.headers["WWW-Authenticate"]
        for given in (f"Bearer {TOKEN}", f"bearer {TOKEN}", _basic(TOKEN)):
            assert visitor.get(path, **_authorized(given)).status in {200, 404}


def _authorized(given: str | None) -> Any:
    return {"Authorization": given.encode().decode("latin-1")} if given else {}


def _basic(password: str) -> str:
    return f"Basic {base64.b64encode(f'anybody:{password}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("host", "is_meant"),
    [
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("localhost.", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("[::1]", True),
        ("files.example.com", True),
        ("", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("localhost@evil.example", False),
        ("evil.example:80, localhost", False),
        ("10.0.0.1", False),
        ("localhost:80:80", False),
        ("[::2]", False),
    ],
)
def test_only_hosts_that_are_meant_are_answered(host: str, is_meant: bool) -> None:
    assert AccessRules(hosts=frozenset({"files.example.com"})).is_meant(host) is is_meant


def test_a_foreign_host_and_none_at_all_learn_nothing(facts: Facts) -> None:
    with answering(lambda: facts) as (visitor, _):
        answer = visitor.get("/status", Host="evil.example")
        assert (answer.status, "endpoints" in answer.text) == (421, False)
        assert _say(visitor, b"GET /status HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 421")


def test_only_reading_methods_are_answered(facts: Facts) -> None:
    with answering(lambda: facts) as (visitor, _):
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
            answer = visitor.get("/status", method)
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
        for path in PATHS:
            whole, head = visitor.get(path), visitor.get(path, "HEAD")
            assert (head.status, head.text) == (whole.status, "")
            assert head.headers["Content-Length"] == str(len(whole.text.encode()))
            assert head.headers["Content-Type"] == whole.headers["Content-Type"]


def test_every_answer_says_how_it_may_be_used(facts: Facts) -> None:
    with answering(lambda: facts) as (visitor, _):
        for answer in (*map(visitor.get, PATHS), visitor.get("/", "POST"), visitor.get("/", Host="evil.example")):
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert "Access-Control-Allow-Origin" not in answer.headers


# --- what nobody can make it hold -----------------------------------------------------------


def _say(visitor: Visitor, said: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", visitor.port), timeout=20) as connection:
        connection.sendall(said)
        answer = b""
        while more := connection.recv(65_536):
            answer += more
        return answer


def test_huge_requests_are_refused_and_the_next_one_is_answered(facts: Facts) -> None:
    with answering(lambda: facts) as (visitor, _):
        head = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
        long = head + b"X-Long: "
        assert _say(visitor, long + b"x" * (16_384 - len(long))).startswith(b"HTTP/1.0 431")
        assert _say(visitor, b"GET /" + b"x" * (16_384 - 5)).startswith(b"HTTP/1.0 431")
        with contextlib.suppress(ConnectionError):  # what it did not read makes it a reset
            _say(visitor, long + b"x" * 50_000_000)
        assert b" 413 " in _say(visitor, head + b"Content-Length: 5000000\r\n\r\n").splitlines()[0]
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n" + b"1\r\nx\r\n"
        assert b" 413 " in _say(visitor, chunked).splitlines()[0]
        assert b" 400 " in _say(visitor, b"\x16\x03\x01 this is TLS\r\n\r\n").splitlines()[0]
        assert visitor.get("/health").status == 200


def test_slow_visitors_are_shown_out_and_keep_nobody_waiting(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "_ASKING_SECONDS", 0.5)
    with answering(lambda: facts) as (visitor, _):
        slow = [socket.create_connection(("127.0.0.1", visitor.port), timeout=20) for _ in range(20)]
        try:
            shown_out = set[int]()
            until = time.monotonic() + 20
            while len(shown_out) < len(slow):
                assert time.monotonic() < until
                assert visitor.get("/health").status == 200
                for number, each in enumerate(slow):
                    if number not in shown_out and _is_closed(each):
                        shown_out.add(number)
        finally:
            for each in slow:
                each.close()


def _is_closed(connection: socket.socket) -> bool:
    """Send one more drop of a request that never ends; tell whether the other side has enough."""
    connection.settimeout(0.01)
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_more_visitors_than_it_takes_wait_and_are_answered_later(facts: Facts) -> None:
    with answering(lambda: facts) as (visitor, _):
        crowd = [socket.create_connection(("127.0.0.1", visitor.port), timeout=20) for _ in range(100)]
        later = threading.Thread(target=lambda: [*map(socket.socket.close, crowd)])
        later.start()
        assert visitor.get("/health").status == 200
        later.join()


def test_a_bug_is_told_and_does_not_end_the_server(facts: Facts) -> None:
    bugs = [RuntimeError("a bug")]

    def look() -> Facts:
        while bugs:
            raise bugs.pop()
        return facts

    with answering(look) as (visitor, reported):
        answer = visitor.get("/status")
        assert (answer.status, "a bug" in answer.text) == (500, False)
        assert "RuntimeError: a bug" in "".join(reported)
        assert visitor.get("/status").status == 200


def test_a_crowd_costs_one_look(facts: Facts) -> None:
    looks: list[Facts] = []

    def look() -> Facts:
        looks.append(facts)
        return facts

    with answering(look, clock=SimulatedClock(frozen=True)) as (visitor, _):
        threads = [threading.Thread(target=visitor.get, args=(path,)) for path in PATHS * 4]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert len(looks) == 1


# --- metrics --------------------------------------------------------------------------------


def _read_openmetrics(text: str) -> list[Metric]:
    return [*read_openmetrics(text)]  # type: ignore[no-untyped-call]


def test_both_parsers_take_every_metric(facts: Facts) -> None:
    text, openmetrics = to_text(facts).decode(), to_openmetrics(facts).decode()
    for families in ([*read_text(text)], _read_openmetrics(openmetrics)):
        samples = {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}
        assert len(samples) == sum(len(family.samples) for family in families) > 100
        assert samples["filesync_files",] == 3
        assert samples["filesync_database_up",] == 1
        name = ("endpoint", 'quote " back \\ slash')
        acc = ("provider", "autodesk_construction_cloud")
        assert samples["filesync_syncs_total", name, acc, ("status", "partial")] == 1
        assert samples["filesync_changed_files_total", ("change", "added"), ("endpoint", "A"), acc] == 2
        assert samples["filesync_endpoint_last_success_timestamp_seconds", ("endpoint", "A")] == 1772625630
        assert (
            sum(samples["filesync_endpoint_state", ("endpoint", "A"), acc, ("state", state)] for state in STATES) == 1
        )


def test_metrics_have_base_units_and_say_what_they_are(facts: Facts) -> None:
    for family in _read_openmetrics(to_openmetrics(facts).decode()):
        assert family.name.startswith("filesync_")
        assert family.documentation
        assert not re.search(r"milli|micro|minutes|hours|percent|kilo|mega", family.name)
        assert family.type in {"gauge", "counter"}
        if "timestamp" in family.name or "duration" in family.name:
            assert family.name.endswith("_seconds")


def test_every_metric_and_every_field_is_documented(facts: Facts) -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    names = {s.name for family in read_text(to_text(facts).decode()) for s in family.samples}
    running = {"filesync_endpoint_running_since_timestamp_seconds", "filesync_endpoint_running_files_seen"}
    assert set(re.findall(r"`(filesync_[a-z_]+)`", page)) == names | running
    status = to_status(facts)
    fields = {*status, *status["database"], *status["scheduler"], *status["config"], *to_health(facts)}
    assert not {name for name in fields if f"`{name}`" not in page}


def test_without_a_database_the_metrics_say_so(facts: Facts) -> None:
    gone = replace(facts, overview=None, endpoints=(), database_problem="gone")
    samples = {s.name: s.value for family in read_text(to_text(gone).decode()) for s in family.samples}
    assert (samples["filesync_database_up"], samples["filesync_config_valid"]) == (0, 1)


def test_prometheus_gets_the_format_that_it_asks_for(facts: Facts) -> None:
    with answering(lambda: facts) as (visitor, _):
        wanted = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        answer = visitor.get("/metrics", Accept=wanted)
        assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert answer.text.endswith("# EOF\n")
        answer = visitor.get("/metrics")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_the_textfile_is_replaced_whole_and_others_may_read_it(tmp_path: Path) -> None:
    home = CliHome(tmp_path / "home")
    home.configure({"name": "A"})
    home.show("A", file("a.txt"))
    target = tmp_path / "filesync.prom"
    target.write_text("old")
    for is_up in (0.0, 1.0):
        result = home.run("metrics", "--textfile", str(target))
        assert (result.code, result.out, result.err) == (0, "", "")
        samples = {s.name: s.value for family in read_text(target.read_text()) for s in family.samples}
        assert samples["filesync_database_up"] == is_up
        if not is_up:
            home.sync()
    assert target.stat().st_mode & 0o444 == 0o444
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["filesync.prom"]
    assert home.run("metrics").out == target.read_text()
    result = home.run("metrics", "--textfile", str(tmp_path / "missing" / "x.prom"))
    assert (result.code, "cannot be written: No such file" in result.err) == (1, True)


# --- the page, as text ----------------------------------------------------------------------


def test_foreign_text_is_text_on_the_page(facts: Facts) -> None:
    page = to_page(facts).decode()
    assert "&lt;img src=x onerror=alert(1)&gt;.pdf" in page
    assert "&lt;b&gt;bold" in page
    assert "&lt;i&gt;no" in page
    assert "<img" not in page
    assert "<b>" not in page


def test_the_page_holds_nothing_that_its_policy_forbids(facts: Facts) -> None:
    page = to_page(facts).decode()
    without_text = re.sub(r"&lt;.*?&gt;", "", page)
    assert not re.search(r"<[^>]*\s(?:on\w+|style)\s*=", without_text)
    assert set(re.findall(r"https?://[^/\"' ]+", without_text)) == {
        "http://www.w3.org"
    }  # a namespace's name, in the icon
    assert len(re.findall("<script", page)) == len(re.findall("<style", page)) == 1
    assert "unsafe" not in POLICY
    assert json.dumps(POLICY).count("sha256-") == 2


def test_what_a_person_should_look_at_comes_first(facts: Facts) -> None:
    page = to_page(facts).decode()
    assert "1 of 4 endpoints needs attention" in page
    names = re.findall(r'<th scope="row" role="rowheader">(.*?)<small>', page)
    assert names == ["&lt;b&gt;bold&lt;/b&gt;", "quote &quot; back \\ slash", "A", "never"]


def test_wherever_a_database_is_damaged_it_is_said_and_nothing_breaks(tmp_path: Path) -> None:
    home = CliHome(tmp_path)
    home.configure({"name": "A"})
    home.show("A", *(file(f"{number}.txt") for number in range(100)))
    home.sync()
    whole, dice, looks = home.database.read_bytes(), Random(4), []
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(200):
            damaged[dice.randrange(100, len(damaged))] ^= 0x80
        home.database.write_bytes(damaged)
        facts = _Look(home.process().home)()
        looks.append(facts)
        for render in (to_page, to_text, to_openmetrics):
            render(facts)
        assert json.dumps(to_status(facts))
        assert (facts.overview is None) == (facts.database_problem is not None)
    assert sum("damaged" in (facts.database_problem or "") for facts in looks) > 20
