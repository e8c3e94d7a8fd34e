"""What nobody should send: values for any place of an answer, names for any cell, and the places of an answer."""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from filesync.simulators import faults
from filesync.simulators.server import Loopback

Place = tuple[str | int, ...]  # the keys and positions that lead to a value

LEFT_OUT = object()


def nested(depth: int) -> Any:
    """Make a list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


CONTROLS = "".join(map(chr, (*range(0x20), 0x7F, *range(0x80, 0xA0))))
NAMES = (
    CONTROLS,
    "nul\0in the middle.pdf",
    "\x1b[2J\x1b]0;title\x07\x1b[31mred.pdf",
    "\u202egnp.exe\u2066\u200b\ufeff.pdf",
    "x" * 10_000,
    "\U0001f9e8" * 3000 + ".pdf",
    "half \ud800 a pair \udfff.pdf",
    "../../../etc/passwd",
    "..",
    "/",
    "//",
    "a/b\\c.pdf",
    "carriage\rreturn.pdf",
    "line\nbreak\r\n\u2028\u2029.pdf",
    "<script>alert(1)</script><img src=x onerror=alert(2)>.pdf",
    "\"quotes' &amp; `ticks`.pdf",
    '=HYPERLINK("http://elsewhere.example";"a")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\uff1d1+1",
    ',;","\n',
    "%s %n {0} ${HOME} $(id) `id`",
    "'; DROP TABLE files; --",
    "* OR NEAR(",
    "[1-9]?*.pdf",
    " ",
    ".",
    "nothing after the dot.",
    "e\u0301 and \u00e9",
)  # fmt: skip

VALUES: Sequence[Any] = (
    None, True, 0, -1, 2**63, 2**64, -(2**70), 10**4200, 1.5, "", "0", "-5", "\0", "a\0b", "\ud800", "x" * 10_000,
    "../..", "/", "\n\x1b[31m", "9" * 5000, "9223372036854775808", "\u0967\u0968", "2026-01-01", "2026-01-01T10",
    "0000-00-00T00:00:00Z", "0001-01-01T00:00:00+23:00", "0999-12-31T00:00:00Z", "9999-12-31T23:59:59-23:00",
    "10000-01-01T00:00:00Z", "2026-01-01T24:00:00Z", "https://elsewhere.example/x", "javascript:alert(1)",
    [], {}, [None], [[]], [{}], {"a": 1}, nested(400), LEFT_OUT,
)  # fmt: skip


def places(answer: Any, at: Place = ()) -> Iterator[Place]:
    """Name every place of a JSON value, the whole first; of lists only the first two entries."""
    yield at
    entries = answer.items() if isinstance(answer, dict) else enumerate(answer[:2]) if isinstance(answer, list) else ()
    for key, value in entries:
        yield from places(value, (*at, key))


def put(answer: Any, place: Place, value: Any) -> Any:
    """Copy a JSON value with another one at that place; as it is where there is no such place."""
    if not place:
        return {} if value is LEFT_OUT else value
    changed = copy.deepcopy(answer)
    at = changed
    try:
        for step in place[:-1]:
            at = at[step]
        if value is LEFT_OUT:
            del at[place[-1]]
        else:
            at[place[-1]] = value
    except (KeyError, IndexError, TypeError):
        return answer
    return changed


def answers_of(service: Loopback, ask: Callable[[], object]) -> dict[str, Any]:
    """Tell what the service answers on each route while `ask` runs: the last answer."""
    heard: dict[str, Any] = {}

    def listen(route: str) -> Callable[[Any], Any]:
        return lambda answer: heard.update({route: answer}) or answer

    for route in service.routes():
        service.faults.fail(faults.altered(listen(route.name)), route=route.name, times=None)
    ask()
    service.faults.clear()
    return heard


def head(status: str = "200 OK", **headers: str) -> bytes:
    """Write the head of an answer; an underscore stands for a hyphen."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
