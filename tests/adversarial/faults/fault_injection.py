"""The n-th operation strikes: what filesync asks of SQLite, files and the network is counted at the real doors.

Nothing of filesync is replaced. A countdown stands in front of the library's own calls, lets each through to the real
thing, and at the n-th raises what that library raises, or ends the process.
"""

import builtins
import errno
import fcntl
import io
import os
import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

from filesync.store.sqlite.database import SqliteConnection

Strike = Callable[[str], None]

_PROBLEMS = {
    "SQLITE_BUSY": (sqlite3.SQLITE_BUSY, "database is locked"),
    "SQLITE_FULL": (sqlite3.SQLITE_FULL, "database or disk is full"),
    "SQLITE_IOERR_WRITE": (sqlite3.SQLITE_IOERR_WRITE, "disk I/O error"),
}
SQLITE_PROBLEMS = tuple(_PROBLEMS)
FILE_PROBLEMS = (errno.ENOSPC, errno.EACCES, errno.EIO)


class Countdown:
    """Counts operations from any thread; the one with number `at` strikes, and with `lasting` all after it (0: none)."""

    def __init__(self, at: int, strike: Strike, *, lasting: bool = False) -> None:
        self.passed: list[str] = []
        self._at = at
        self._strike = strike
        self._lasting = lasting
        self._lock = threading.Lock()

    def count(self, name: str) -> None:
        with self._lock:
            self.passed.append(name)
            number = len(self.passed)
        if self._at and (number == self._at or (self._lasting and number > self._at)):
            self._strike(name)

    @property
    def has_struck(self) -> bool:
        return 0 < self._at <= len(self.passed)

    @property
    def struck(self) -> str:
        """Name what it struck, for who reads a red test."""
        return self.passed[self._at - 1]


def sqlite_error(name: str) -> Strike:
    """Make what raises SQLite's own error of that name."""

    def strike(_: str) -> None:
        code, message = _PROBLEMS[name]
        error = sqlite3.OperationalError(message)
        error.sqlite_errorcode, error.sqlite_errorname = code, name
        raise error

    return strike


def os_error(number: int) -> Strike:
    """Make what raises the system's error with that number; a call that is given a path names it, as Python does."""

    def strike(name: str) -> None:
        path = name.partition(" ")[2]
        found = errno.ENOLCK if name == "flock" else number  # the others mean that somebody holds it, or are never seen
        raise OSError(found, os.strerror(found), *([path] if path else []))

    return strike


@contextmanager
def statements(countdown: Countdown) -> Iterator[None]:
    """Count every statement before it is carried out.

    A failing one does to its transaction what SQLite does: an I/O error ends it, a full disk leaves that to the
    program, and a ROLLBACK that fails has rolled back.
    """

    class Counted(SqliteConnection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            self._count(sql)
            return super().execute(sql, *parameters)

        def executemany(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            self._count(sql)
            return super().executemany(sql, *parameters)

        def _count(self, sql: str) -> None:
            try:
                countdown.count(sql)
            except sqlite3.OperationalError as error:
                ends = sql == "ROLLBACK" or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_WRITE
                if ends and self.in_transaction:
                    super().execute("ROLLBACK")
                raise

    with _connections(Counted):
        yield


@contextmanager
def commits(countdown: Countdown) -> Iterator[None]:
    """Count the moments before and after every commit, and after what SQLite commits by itself."""

    class Counted(SqliteConnection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            is_commit = sql == "COMMIT"
            if is_commit:
                countdown.count("before COMMIT")
            before = self.total_changes
            cursor = super().execute(sql, *parameters)
            if is_commit or (self.total_changes > before and not self.in_transaction):
                countdown.count(f"after {sql}")
            return cursor

    with _connections(Counted):
        yield


@contextmanager
def exchanges(countdown: Countdown) -> Iterator[None]:
    """Count the moments before every request and after every answer."""

    def make(real: Callable[..., Any]) -> Callable[..., Any]:
        def send(*arguments: Any, **more: Any) -> Any:
            countdown.count("before a request")
            answer = real(*arguments, **more)
            countdown.count("after an answer")
            return answer

        return send

    with _instead(requests.Session, "send", make):
        yield


_BY_PATH = ("mkdir", "unlink", "rename", "replace", "open")
_BY_NUMBER = ("write", "fsync", "ftruncate")


@contextmanager
def file_operations(countdown: Countdown, home: Path) -> Iterator[None]:
    """Count what is done to files and folders below `home`, before it is done; SQLite's own files are not among them."""

    def by_path(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def make(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(path: Any, *arguments: Any, **more: Any) -> Any:
                if isinstance(path, str | Path) and Path(path).is_relative_to(home):
                    countdown.count(f"{name} {path}")
                return real(path, *arguments, **more)

            return call

        return make

    def by_number(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def make(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(fd: Any, *arguments: Any) -> Any:
                if _is_below(home, fd):
                    countdown.count(name)
                return real(fd, *arguments)

            return call

        return make

    doors: list[AbstractContextManager[None]] = [
        *(_instead(os, name, by_path(name)) for name in _BY_PATH),
        *(_instead(os, name, by_number(name)) for name in _BY_NUMBER),
        _instead(fcntl, "flock", by_number("flock")),
        _instead(io, "open", by_path("open")),
        _instead(builtins, "open", by_path("open")),
    ]
    with ExitStack() as stack:
        for door in doors:
            stack.enter_context(door)
        yield


def _is_below(home: Path, fd: Any) -> bool:
    try:
        return Path(f"/proc/self/fd/{fd}").readlink().is_relative_to(home)
    except OSError:  # a system that does not tell: they all count
        return True


@contextmanager
def small_database(pages: int) -> Iterator[None]:
    """Let no database grow beyond so many pages: SQLite itself then says that the disk is full."""

    class Small(SqliteConnection):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            super().execute(f"PRAGMA max_page_count = {pages}")

    with _connections(Small):
        yield


@contextmanager
def small_files(largest: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: the system itself refuses the write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def _connections(kind: type[SqliteConnection]) -> Iterator[None]:
    def make(real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(*arguments: Any, **more: Any) -> Any:
            return real(*arguments, **{**more, "factory": kind})

        return connect

    with _instead(sqlite3, "connect", make):
        yield


@contextmanager
def _instead(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    real = getattr(owner, name)
    setattr(owner, name, make(real))
    try:
        yield
    finally:
        setattr(owner, name, real)
