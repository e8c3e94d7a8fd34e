"""Lanes: how many requests of a kind may leave in a minute, shared by all threads and processes of a home.

A lane is a small file: a header with the wall-clock time until which the service asked to wait, then
the wall-clock send times of the last minute. It holds no names and no secrets; its name is a hash.
A file that is half-written or not ours counts as empty and is written anew.
"""

import hashlib
import math
import struct
import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from filesync.core.errors import LocalFileError
from filesync.runtime.clock import Clock
from filesync.runtime.locks import make_private_folder, open_alone

WINDOW = 61.0  # seconds: the service's minute, and one for what the network bunches up
LONGEST_WAIT = 600.0  # seconds of one Retry-After that are obeyed before asking again

_MAGIC = b"filesync lane 1\n"
_HEADER = struct.Struct("<16sd")
_STAMP_SIZE = array("d").itemsize


@dataclass(frozen=True, slots=True)
class Wait:
    """How long nobody need ask again, and why."""

    seconds: float
    reason: str
    is_asked_for: bool = False  # by the service, with Retry-After


@dataclass(frozen=True, slots=True)
class Sent:
    """What a lane's file says, in seconds since 1970; the times are ascending."""

    blocked_until: float
    times: Sequence[float]


class RateLimit:
    """One kind of request under one client id: at most `limit` in any WINDOW, none while the service asked to wait."""

    def __init__(self, path: Path, limit: int | None, clock: Clock) -> None:
        self._path = path
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()  # cheaper than the file's where threads compete

    def claim(self) -> Wait | None:
        """Take a place and return None, or return how long to wait before asking again."""
        with self._lock, _alone(self._path) as file:
            sent, now = self._read(file)
            wait = self._wait(sent, now)
            if self._limit is not None or sent.blocked_until:
                taken = [now] if wait is None and self._limit is not None else []
                _write(file, replace(sent, times=[*sent.times, *taken]))
        return wait

    def postpone(self, seconds: float) -> None:
        """Date the place that was taken that long ago to now: the service may have seen the request only now."""
        with self._lock, _alone(self._path) as file:
            sent, now = self._read(file)
            taken = min(sent.times, key=lambda time: abs(time - (now - seconds)), default=None)
            if taken is not None:
                index = sent.times.index(taken)
                _write(file, replace(sent, times=[*sent.times[:index], *sent.times[index + 1 :], now]))

    def block(self, seconds: float) -> None:
        """Let nobody through for that long."""
        with self._lock, _alone(self._path) as file:
            sent, now = self._read(file)
            until = now + min(seconds, LONGEST_WAIT)
            _write(file, replace(sent, blocked_until=max(sent.blocked_until, until)))

    def _wait(self, sent: Sent, now: float) -> Wait | None:
        if sent.blocked_until > now:
            return Wait(sent.blocked_until - now, "asked to wait", is_asked_for=True)
        if self._limit is None or len(sent.times) < self._limit:
            return None
        return Wait(sent.times[-self._limit] + WINDOW - now, f"limit of {self._limit} a minute")

    def _read(self, file: BinaryIO) -> tuple[Sent, float]:
        content = file.read()
        now = self._clock.now().timestamp()  # behind the lock, or somebody who waited would bring an older time
        return _at(_parse(content), now), now


def lane_path(folder: Path, *names: str) -> Path:
    """Name a lane's file after what shares the budget: host, client and kind of request."""
    return folder / (hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:32] + ".lane")


def share(per_minute: int | None, percent: int) -> int | None:
    """Return our part of a documented limit; never less than one."""
    return None if per_minute is None else max(1, per_minute * percent // 100)


def _write(file: BinaryIO, sent: Sent) -> None:
    # In place: no reader is without the lock, and a process that dies halfway leaves what _parse survives.
    content = _HEADER.pack(_MAGIC, sent.blocked_until) + array("d", sent.times).tobytes()
    file.seek(0)
    file.write(content)
    if file.read(1):  # it was longer before
        file.truncate(len(content))


def _parse(content: bytes) -> Sent:
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        return Sent(0.0, ())
    _, blocked_until = _HEADER.unpack_from(content)
    whole = (len(content) - _HEADER.size) // _STAMP_SIZE * _STAMP_SIZE
    times = array("d", content[_HEADER.size : _HEADER.size + whole])
    is_ours = math.isfinite(sum(times, blocked_until))  # one odd number makes the sum odd
    return Sent(blocked_until, sorted(times)) if is_ours else Sent(0.0, ())


def _at(sent: Sent, now: float) -> Sent:
    """See a lane as of now: old times are gone, and times ahead of a clock that jumped back are now.

    Counting them as now is the careful way: they were sent, it is only unknown when.
    """
    old, past = bisect_right(sent.times, now - WINDOW), bisect_right(sent.times, now)
    recent = [*sent.times[old:past], *[now] * (len(sent.times) - past)]
    blocked_until = min(sent.blocked_until, now + LONGEST_WAIT) if sent.blocked_until > now else 0.0
    return Sent(blocked_until, recent)


@contextmanager
def _alone(path: Path) -> Iterator[BinaryIO]:
    try:
        with _opened(path) as file:
            yield file
    except OSError as error:
        raise LocalFileError(f"{path}: the request budget cannot be kept: {error.strerror}") from error


def _opened(path: Path) -> BinaryIO:
    try:
        return open_alone(path)
    except FileNotFoundError:  # it is made when it is missed: looking for it each time costs more than all the rest
        make_private_folder(path.parent)
        return open_alone(path)
