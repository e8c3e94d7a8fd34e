"""Requests over real sockets: what is sent, what is believed, and what is refused."""

import gzip
import threading
import traceback
from datetime import UTC, datetime

import pytest

import filesync
from filesync.core.errors import (
    AuthError,
    ConfigError,
    FilesyncError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ResponseError,
)
from filesync.http import Connection, Redactor, Route, Secret
from tests.support.http_loopback import COMMAND, PAGE, Handler, Say, Script, Service, World, running

CANARY = "not-a-secret-but-hidden"


class Badge:
    """An authoriser with one token that never changes."""

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {CANARY}"}

    def renew(self, rejected: object) -> None:
        pass


def test_an_answer_is_the_object_the_service_sent(connection: Connection, service: Service) -> None:
    service.says(Say(200, {"a": 1}, {"Date": "Sun, 01 Mar 2026 10:00:00 GMT", "X-Thing": "yes"}))
    answer = connection.get(PAGE, "/pages/1", {"page[limit]": "2"})
    assert (answer.status, answer.body, answer.url) == (200, {"a": 1}, f"{service.url}/pages/1")
    assert answer.date == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert answer.headers["x-thing"] == "yes"
    assert service.requests[0].path == "/pages/1?page%5Blimit%5D=2"


def test_a_command_is_posted_as_json_of_its_type(connection: Connection, service: Service) -> None:
    connection.post(COMMAND, "/commands", {"a": "\ud800"}, content_type="application/vnd.api+json")
    request = service.requests[0]
    assert (request.body, request.headers["Content-Type"]) == (b'{"a": "\\ud800"}', "application/vnd.api+json")


def test_requests_name_the_program_and_take_compressed_answers(connection: Connection, service: Service) -> None:
    body = gzip.compress(b'{"a": 1}')
    service.says(Say(200, body, {"Content-Encoding": "gzip"}))
    assert connection.get(PAGE, "/pages").body == {"a": 1}
    assert service.requests[0].headers["User-Agent"] == f"filesync/{filesync.__version__} (gzip)"


def test_one_connection_serves_many_requests(connection: Connection, service: Service) -> None:
    for _ in range(5):
        connection.get(PAGE, "/pages")
    assert len({request.port for request in service.requests}) == 1


def test_sixteen_workers_get_their_own_answers(connection: Connection, service: Service) -> None:
    service.says(lambda handler: Say(200, {"path": handler.path})(handler))
    wrong: list[str] = []

    def work(worker: int) -> None:
        for page in range(10):
            path = f"/pages/{worker}-{page}"
            if connection.get(PAGE, path).body != {"path": path}:
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(service.requests) == 160


@pytest.mark.parametrize(
    "url",
    [
        "/other",
        "/pages/1/2",
        "/pages/../other",
        "/pages/%2e%2e/other",
        "/pages/%2E%2E",
        "/pages/.",
        "//pages.example/pages",
        "/pagesx",
        "/",
    ],
)
def test_a_path_that_is_not_published_is_never_sent(connection: Connection, service: Service, url: str) -> None:
    with pytest.raises(ResponseError, match="not on the list"):
        connection.get(PAGE, url)
    assert service.requests == []


def test_a_method_or_route_that_is_not_published_is_never_sent(connection: Connection, service: Service) -> None:
    with pytest.raises(ResponseError, match="not on the list"):
        connection.post(PAGE, "/pages", {})
    with pytest.raises(ResponseError, match="not on the list"):
        connection.get(Route("anything", "GET", ".*"), "/pages")
    assert service.requests == []


def test_another_host_is_never_asked(connection: Connection, service: Service) -> None:
    with running(Service()) as foreign, pytest.raises(ResponseError, match="not on the list"):
        connection.get(PAGE, f"{foreign.url}/pages")
    assert foreign.requests == service.requests == []


def test_routes_count_from_the_base_urls_path(world: World, service: Service) -> None:
    connection = world.connect(f"{service.url}/below/")
    assert connection.get(PAGE, "/pages").url == f"{service.url}/below/pages"
    with pytest.raises(ResponseError, match="not on the list"):
        connection.get(PAGE, f"{service.url}/pages")


@pytest.mark.parametrize("url", ["http://service.example", "ftp://127.0.0.1", "https://", "nonsense", "https://a@b"])
def test_a_base_url_that_would_show_logins_is_refused(world: World, url: str) -> None:
    with pytest.raises(ConfigError):
        world.connect(url)


def test_a_next_link_may_be_relative(connection: Connection, service: Service) -> None:
    seen: set[str] = set()
    link = connection.next_link("/pages?page=2", after=f"{service.url}/pages", seen=seen)
    assert link == f"{service.url}/pages?page=2"
    assert connection.get(PAGE, link).status == 200


def test_a_repeated_next_link_is_an_error(connection: Connection, service: Service) -> None:
    first, seen = f"{service.url}/pages", set[str]()
    second = connection.next_link("/pages?page=2", after=first, seen=seen)
    for href in ("/pages?page=2", "/pages?page=2#again", "/pages"):
        with pytest.raises(ResponseError, match="read before"):
            connection.next_link(href, after=second, seen=seen)


@pytest.mark.parametrize(
    "href",
    [
        "https://127.0.0.1:{port}/pages",
        "http://localhost:{port}/pages",
        "http://127.0.0.1:1/pages",
        "//other.example/pages",
        "http://127.0.0.1:{port}@other.example/pages",
        "http://user@127.0.0.1:{port}/pages",
        "http://other.example\\@127.0.0.1:{port}/pages",
        "file:///etc/passwd",
        "http://[",
    ],
)
def test_a_foreign_next_link_is_an_error(connection: Connection, service: Service, href: str) -> None:
    port = service.server_address[1]
    with pytest.raises(ResponseError, match="another address"):
        connection.next_link(href.format(port=port), after=f"{service.url}/pages", seen=set())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_stays(world: World, service: Service, status: int) -> None:
    connection = world.connect(service.url, authoriser=Badge())
    with running(Service()) as foreign:
        service.says(Say(status, {}, {"Location": f"{foreign.url}/pages"}))
        with pytest.raises(ResponseError, match=r"pages: GET http://127.0.0.1:.*/pages: redirected"):
            connection.get(PAGE, "/pages")
    assert foreign.requests == []
    assert len(service.requests) == 1


BAD_BODIES = {
    "a web page": b"\xef\xbb\xbf \n<!DOCTYPE html><html>Please log in</html>",
    "a list": b"[1, 2]",
    "a number": b"7",
    "not JSON": b"all is well",
    "more than JSON": b'{"a": 1} {"b": 2}',
    "not a number": b'{"a": NaN}',
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "nested without end": b'{"a":' + b"[" * 200_000,
    "a number without end": b'{"a": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_an_answer_that_is_no_json_object_is_an_error_that_names_the_request(
    connection: Connection, service: Service, body: bytes
) -> None:
    service.says(Say(200, body))
    with pytest.raises(ResponseError, match=r"^pages: GET http://127.0.0.1:\d+/pages/1: the answer") as raised:
        connection.get(PAGE, "/pages/1", {"token": CANARY})
    assert len(service.requests) == 1
    assert CANARY not in everything(raised.value)


def test_an_answer_that_is_too_large_is_an_error(connection: Connection, service: Service) -> None:
    service.says(Say(200, gzip.compress(bytes(33 * 2**20), 1), {"Content-Encoding": "gzip"}))
    with pytest.raises(ResponseError, match="larger than 32 MiB"):
        connection.get(PAGE, "/pages")


def test_lone_surrogates_are_somebody_elses_concern(connection: Connection, service: Service) -> None:
    service.says(Say(200, b'{"name": "\\ud83d"}'))
    assert connection.get(PAGE, "/pages").body == {"name": "\ud83d"}


REFUSALS = [(400, RefusedError), (403, ForbiddenError), (404, NotFoundError), (409, RefusedError), (423, RefusedError)]


@pytest.mark.parametrize(("status", "error"), REFUSALS)
def test_a_refusal_is_not_repeated(
    connection: Connection, service: Service, status: int, error: type[RefusedError]
) -> None:
    service.says(Say(status, {"reason": "AUTH-001", "detail": "no access"}))
    with pytest.raises(error, match=f"{status} AUTH-001 no access$") as raised:
        connection.get(PAGE, "/pages")
    assert (type(raised.value), raised.value.status, raised.value.reason) == (error, status, "AUTH-001")
    assert len(service.requests) == 1


def test_a_401_without_a_login_is_final(connection: Connection, service: Service) -> None:
    service.says(Say(401))
    with pytest.raises(AuthError, match=r"OAUTH_SETUP\.md"):
        connection.get(PAGE, "/pages")
    assert len(service.requests) == 1


def test_remote_text_in_messages_is_short_and_plain(connection: Connection, service: Service) -> None:
    service.says(Say(400, {"reason": "x\x00", "detail": "\x1b[31mred\r\nline\u202e" + "y" * 1000}))
    with pytest.raises(RefusedError) as raised:
        connection.get(PAGE, "/pages")
    text = str(raised.value)
    assert text.isprintable()
    assert "[31mred line" in text
    assert len(text) < 300


SCRIPTS = [
    Say(400, {"reason": CANARY, "detail": f"the token {CANARY} and not-a-\x00secret-but-hidden"}),
    Say(401, {"detail": CANARY}),
    Say(403, {"reason": CANARY}),
    Say(429, {"detail": CANARY}),
    Say(500, CANARY.encode()),
    Say(200, CANARY.encode()),
    Say(200, {"a": CANARY}, {"Content-Length": "1000", "Connection": "close"}),
    Say(302, {}, {"Location": f"/{CANARY}"}),
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_failure_shows_a_secret(world: World, service: Service, script: Script) -> None:
    world.redactor.hide(CANARY)
    service.says(script)
    with pytest.raises(FilesyncError) as raised:
        world.connect(service.url, authoriser=Badge()).get(PAGE, f"/pages/{CANARY}", {"token": CANARY})
    assert CANARY not in everything(raised.value)
    assert CANARY not in str(world.attempts)
    assert service.requests[0].headers["Authorization"] == f"Bearer {CANARY}"


def test_a_redactor_knows_a_secret_in_all_its_forms() -> None:
    redactor = Redactor()
    redactor.hide("first part/1\nsecond part/2")
    text = redactor.scrub("a first part/1 b second%20part%2F2 c first+part%2F1 d")
    assert text == "a **redacted** b **redacted** c **redacted** d"


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret(CANARY)
    assert f"{secret} {secret!r} {secret}" == "**redacted** **redacted** **redacted**"
    assert secret.reveal() == CANARY


def test_the_log_is_told_of_every_attempt(world: World, service: Service) -> None:
    def drop(handler: Handler) -> None:
        handler.close_connection = True

    service.says(drop, Say(503), Say(200, {}, {"x-ads-request-id": "abc\x7f"}))
    world.connect(service.url).get(PAGE, "/pages/1", {"q": CANARY})
    told = [
        (each.route, each.method, each.status, each.attempt, each.waited, each.request_id) for each in world.attempts
    ]
    assert told == [
        ("pages", "GET", None, 1, 0.0, None),
        ("pages", "GET", 503, 2, 0.5, None),
        ("pages", "GET", 200, 3, 1.0, "abc"),
    ]
    assert (world.counters.requests, world.counters.retries) == (3, 2)


def test_logins_are_no_requests_of_the_sync_and_carry_no_token(world: World, service: Service) -> None:
    connection = world.connect(service.url, authoriser=Badge())
    connection.post_form(COMMAND, "/commands", {"a": "b c"}, {"X-Proof": "yes"})
    request = service.requests[0]
    assert (request.body, request.headers["X-Proof"], request.headers.get("Authorization")) == (b"a=b+c", "yes", None)
    assert world.counters.requests == 0


def everything(error: BaseException) -> str:
    """All that a careless log could write of an error: its text, its causes, their traces."""
    return "".join(traceback.format_exception(error)) + repr(error)
