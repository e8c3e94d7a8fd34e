"""What a person types, line by line, without keeping the process from ending."""

import select
from collections.abc import Callable, Iterator
from typing import TextIO

_GLANCE = 0.2  # seconds between two looks at whether anybody still wants to know


def typed_lines(stream: TextIO, is_over: Callable[[], bool]) -> Iterator[str]:
    """Return lines until the stream ends or `is_over` says so.

    The stream itself is not read: a thread that hangs in it would keep the interpreter from ending cleanly.
    """
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        yield from stream
        return
    with open(number, "rb", buffering=0, closefd=False) as raw:
        yield from _lines(raw.read, lambda: _is_ready(number), is_over)


def _lines(
    read: Callable[[int], bytes | None], is_ready: Callable[[], bool], is_over: Callable[[], bool]
) -> Iterator[str]:
    begun = b""
    while not is_over():
        if not is_ready():
            continue
        piece = read(65_536)
        if not piece:
            break
        *whole, begun = (begun + piece).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
    if begun:
        yield begun.decode("utf-8", "replace")


def _is_ready(number: int) -> bool:
    ready, _, _ = select.select([number], [], [], _GLANCE)
    return bool(ready)
