"""Answers that are far too large, packed small, deep, or never end: refused, by name, in bounded memory and time."""

import gc
import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from filesync.core.errors import FilesyncError, ResponseError
from tests.homes import ROOT
from tests.hostile import head
from tests.http_loopback import COMMAND, PAGE, Handler, Script, Service, World, running

MIB = 2**20
MOST = 160 * 1024  # KiB of memory beyond what was there before: five answers of the largest size
MEMBER = gzip.compress(bytes(MIB), 9)  # a MiB in a KiB; gzip files may be put one behind the other


def streamed(start: bytes, piece: bytes, times: int, end: bytes = b"") -> Script:
    """Write the pieces until the client has had enough."""

    def play(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(start)
        for _ in range(times):
            handler.wfile.write(piece)
        handler.wfile.write(end)

    return play


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


BOMBS: Mapping[str, Script] = {
    "declared": streamed(head(Content_Length=str(200 * MIB)), bytes(MIB), 200),
    "undeclared": streamed(head(), bytes(MIB), 200),
    "chunked-without-end": streamed(head(Transfer_Encoding="chunked"), chunk(bytes(MIB)), 10**6),
    "gzip-of-a-terabyte": streamed(head(Content_Encoding="gzip"), MEMBER, 10**6),
    "gzip-in-gzip": streamed(head(Content_Encoding="gzip, gzip"), gzip.compress(MEMBER * 1000), 1),
    "deflate": streamed(head(Content_Encoding="deflate"), zlib.compress(bytes(200 * MIB), 9), 1),
    "lists": streamed(head(), b"[]," * MIB, 10, b"[]]}"),
    "text-in-objects": streamed(head() + b'{"data":[', b'{"a":"b"},' * (MIB // 8), 24, b"1]}"),
    "refused": streamed(head("400 Bad Request"), bytes(MIB), 200),
}


class Bombs(Service):
    """Answers each path with the bomb of that name."""

    def take(self, request: object) -> Script:
        return BOMBS[str(getattr(request, "path", "")).strip("/")]


def test_answers_that_are_too_large_are_refused_by_name_in_bounded_memory(tmp_path: Path) -> None:
    with running(Bombs()) as service:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bombs", service.url, str(tmp_path), *BOMBS],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    before, *outcomes, most = done.stdout.splitlines()
    said = {name: (kind, message) for name, kind, message in (line.split("\t") for line in outcomes)}
    assert {name: kind for name, (kind, _) in said.items()} == {
        name: "refused" if name == "refused" else "bad_answer" for name in BOMBS
    }, done.stderr
    for name, (_, message) in said.items():
        assert message.startswith(f"pages: GET {service.url}/{name}: "), message
    assert "200 MiB" not in done.stdout
    assert int(most) - int(before) < MOST


@pytest.fixture
def service() -> Iterator[Service]:
    with running(Service()) as service:
        yield service


def outcome(service: Service, folder: Path, *script: Script) -> object:
    """Ask for a page by a clock that waits in no time."""
    service.says(*script)
    try:
        return World(folder).connect(service.url).get(PAGE, "/pages").body
    except FilesyncError as error:
        return error


def assert_named(error: object, service: Service) -> None:
    """One line that names the request."""
    assert isinstance(error, FilesyncError)
    assert str(error).startswith(f"pages: GET {service.url}/pages: "), error
    assert str(error).isprintable()


DEEP = {
    "lists": b'{"data": ' + b"[" * 1100 + b"]" * 1100 + b"}",
    "lists far deeper": b'{"data": ' + b"[" * 10**6 + b"]" * 10**6 + b"}",
    "objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "brackets that never close": b'{"data": ' + b"[" * 10**6,
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP)
def test_an_answer_that_is_nested_too_deep_is_an_error_that_names_the_request(
    service: Service, tmp_path: Path, body: bytes
) -> None:
    gc.collect()  # what earlier tests left would be finalised at the depth where nothing can be called any more
    error = outcome(service, tmp_path, streamed(head(), body, 1))
    assert isinstance(error, ResponseError)
    assert_named(error, service)


def test_many_commas_in_a_name_are_no_many_values(service: Service, tmp_path: Path) -> None:
    body = json.dumps({"name": ',[{"\\' * 1_000_000}).encode()
    assert outcome(service, tmp_path, streamed(head(), body, 1)) == json.loads(body)


ODD = {
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.6\r\n",
    "nothing": b"",
    "a status that is no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "a status of one digit": b"HTTP/1.1 7 OK\r\n\r\n{}",
    "a status of 999": head("999 Odd") + b"{}",
    "a length that is no number": head(Content_Length="ten") + b"no JSON",
    "a length that is too long": head(Content_Length="100") + b"{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "a chunk whose size is no number": head(Transfer_Encoding="chunked") + b"xyz\r\n{}\r\n",
    "a chunk of negative size": head(Transfer_Encoding="chunked") + b"-5\r\n{}\r\n0\r\n\r\n",
    "chunks that break off": head(Transfer_Encoding="chunked") + chunk(b'{"a":'),
    "a packing that does not exist": head(Content_Encoding="rot13") + b"{",
    "a packing that is none": head(Content_Encoding="gzip") + b"{}",
    "a hundred packings": head(Content_Encoding=", ".join(["gzip"] * 100)) + b"{}",
    "a header of a mebibyte": b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * MIB + b"\r\n\r\n{}",
    "ten thousand headers": b"HTTP/1.1 200 OK\r\n" + b"X-Many: a\r\n" * 10_000 + b"\r\n{}",
    "ten thousand times 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    "headers that are no text": b"HTTP/1.1 200 OK\r\nX\xff\x00: \xff\x00\x1b[2J\r\n: no name\r\n\r\n{]",
    "latin-1": head(Content_Type="application/json; charset=latin-1") + b'{"name": "\xe9"}',
    "UTF-8 of a surrogate": head() + b'{"name": "\xed\xa0\x80"',
    "not a number": head() + b'{"a": NaN}',
    "more than a float": head() + b'{"a": 1e400}',
    "a bare number": head() + b"1e400",
    "NUL": head() + b"\0\0\0\0",
    "a redirect elsewhere": head("302 Found", Location="http://elsewhere.example/"),
    "a refusal in no JSON": head("400 Bad Request") + b"\x1b[2J<b>\xff\0",
    "a refusal nested deep": head("403 Forbidden") + b"[" * 10**5,
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_what_is_no_usable_answer_is_an_error_that_names_the_request(
    service: Service, tmp_path: Path, answer: bytes
) -> None:
    assert_named(outcome(service, tmp_path, streamed(answer, b"", 0)), service)


FINE = {
    "a byte order mark": "\ufeff".encode() + b'{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32-le"),
    "a key given twice": b'{"a": 2, "a": 1}',
}


@pytest.mark.parametrize("body", FINE.values(), ids=FINE)
def test_json_in_any_encoding_is_read(service: Service, tmp_path: Path, body: bytes) -> None:
    assert outcome(service, tmp_path, streamed(head(), body, 1)) == {"a": 1}


@pytest.mark.parametrize("length", ["-5", "9" * 5000, "", "+2"])
def test_a_length_that_is_none_is_not_waited_for(service: Service, tmp_path: Path, length: str) -> None:
    assert outcome(service, tmp_path, streamed(head(Content_Length=length), b"{}", 1)) == {}


WAITS = ("1e400", "inf", "nan", "-1", "9" * 5000, "1_0", "\u0663".encode().decode("latin-1"), "0x10", "", "1.5", "soon")
DATES = (
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 99 Foo 2026 99:99:99 GMT",
    "Thu, 01 Jan 1970 00:00:00 -99999999999999999999",
    "9" * 5000,
    "\x1b[2J",
)


@pytest.mark.parametrize("retry_after", [*WAITS, *DATES])
@pytest.mark.parametrize("date", ["Sun, 01 Mar 2026 12:00:00 GMT", DATES[0], DATES[-1]])
def test_a_retry_after_that_makes_no_sense_costs_ten_minutes_at_most(
    service: Service, tmp_path: Path, retry_after: str, date: str
) -> None:
    world = World(tmp_path)
    busy = streamed(head("429 Too Many Requests", Retry_After=retry_after, Date=date), b"", 0)
    service.says(busy, streamed(head() + b"{}", b"", 0))
    assert world.connect(service.url).get(PAGE, "/pages").body == {}
    assert sum(world.clock.waits) <= 602


def test_an_odd_date_is_no_date(service: Service, tmp_path: Path) -> None:
    for date in DATES:
        service.says(streamed(head(Date=date) + b"{}", b"", 0))
        assert World(tmp_path).connect(service.url).post(COMMAND, "/commands", {}).date is None
