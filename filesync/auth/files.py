"""Token files: what is fetched once and used by all processes of a home, until shortly before it runs out.

The order is: lock, read again, take room on the disk, fetch, write, then use. So two processes never spend
the same login twice, a token that could not be written is not used, and that it cannot be written is known
before anything is spent for it.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from filesync.core.errors import FilesyncError, LocalFileError, TransientError
from filesync.runtime.clock import Clock, Stop
from filesync.runtime.locks import FileLock, check_private, make_private_folder, replacing, sweep

_LONGEST_WAIT = 120.0  # seconds for another process that refreshes the same login
_LOOK_AGAIN = 0.1  # seconds between two looks at another process's lock


class Kept(Protocol):
    """What a token file holds."""

    def usable(self) -> str:
        """Return the access token. Raises AuthError when there will be none without a person."""

    def is_settled(self, now: datetime) -> bool:
        """Return whether nothing is to be fetched: the access token is good, or none can be had."""

    def carries(self, access_token: str) -> bool:
        """Return whether this is its access token."""

    def without_access(self) -> Self | None:
        """Return what is left once the access token is worthless; None: nothing worth keeping."""

    def to_bytes(self) -> bytes:
        """Write it down."""


K = TypeVar("K", bound=Kept)


class TokenFile(Generic[K]):
    """One token or login, in memory and in a file of the token folder; safe to share between threads and processes.

    `decode` reads what a file holds, None for what is to be fetched anew. Methods raise LocalFileError when the
    file cannot be kept, AuthError when others can read it.
    """

    def __init__(self, path: Path, clock: Clock, stop: Stop, decode: Callable[[bytes], K | None]) -> None:
        self.path = path
        self._clock = clock
        self._stop = stop
        self._decode = decode
        self._lock = threading.Lock()
        self._kept: K | None = None
        self._failures = 0
        self._failure: FilesyncError | None = None

    def current(self, fetch: Callable[[K | None], K]) -> K:
        """Return what is kept, fetching only when neither memory nor file has anything that is settled.

        `fetch` is given what the file held. Raises what it raises, in every thread that waited for it.
        """
        kept = self._kept
        if kept and kept.is_settled(self._clock.now()):
            return kept
        failures = self._failures
        with self._lock:
            if self._failure and self._failures > failures:
                raise self._failure  # it failed while we waited: another try would only take as long again
            return self._settled(fetch)

    def read(self) -> K | None:
        """Look at the file; nothing is fetched and no lock is taken."""
        try:
            check_private(self.path.parent)
            check_private(self.path)
            return self._decode(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._problem(error) from error

    def put(self, make: Callable[[], K]) -> None:
        """Put what `make` gives in the file's place, whatever it held."""
        with self._lock, self._exclusive():
            check_private(self.path.parent)
            self._kept = self._fetch_into_file(None, lambda _: make())

    def replace(self, make: Callable[[K | None], K], *, only_if: Callable[[K | None], bool] = lambda _: True) -> None:
        """Put what `make` makes of the file's content in its place, one process at a time."""
        with self._lock, self._exclusive():
            kept = self.read()
            if only_if(kept):
                self._kept = self._fetch_into_file(kept, make)

    def forget(self, access_token: str) -> None:
        """Drop an access token that the service rejected, unless another one has taken its place."""
        with self._lock:
            if self._kept and self._kept.carries(access_token):
                self._kept = None
            with self._exclusive():
                kept = self.read()
                if kept and kept.carries(access_token):
                    self._write_or_remove(kept.without_access())

    def remove(self, before: Callable[[K], None]) -> bool:
        """Remove the file once `before` was given what it holds; False when there was none.

        What `before` raises keeps the file; it is removed with `remove_unseen`.
        """
        with self._lock, self._exclusive():
            kept = self.read()
            if kept is None:
                return False
            before(kept)
            self._unlink()
            self.path.with_suffix(".lock").unlink(missing_ok=True)  # who waits for it notices
            return True

    def remove_unseen(self) -> None:
        """Remove the file, whatever it holds."""
        with self._lock, self._exclusive():
            self._unlink()
            self.path.with_suffix(".lock").unlink(missing_ok=True)

    def _unlink(self) -> None:
        self._kept = None
        sweep(self.path)
        self.path.unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Find out now whether the file could be written."""
        with self._exclusive(), replacing(self.path):
            check_private(self.path.parent)

    def _settled(self, fetch: Callable[[K | None], K]) -> K:
        if self._kept and self._kept.is_settled(self._clock.now()):
            return self._kept
        try:
            self._kept = self._read_or_fetch(fetch)
        except FilesyncError as error:
            self._failures, self._failure = self._failures + 1, error
            raise
        return self._kept

    def _read_or_fetch(self, fetch: Callable[[K | None], K]) -> K:
        with self._exclusive():
            kept = self.read()
            if kept and kept.is_settled(self._clock.now()):
                return kept
            return self._fetch_into_file(kept, fetch)

    def _fetch_into_file(self, kept: K | None, fetch: Callable[[K | None], K]) -> K:
        sweep(self.path)
        with replacing(self.path) as write:
            fresh = fetch(kept)
            write(fresh.to_bytes())
        return fresh

    def _write_or_remove(self, left: K | None) -> None:
        if left is None:
            self.path.unlink()
            return
        with replacing(self.path) as write:
            write(left.to_bytes())

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the file's lock across processes; a stop or a deadline ends the wait for it."""
        lock = FileLock(self.path.with_suffix(".lock"))
        try:
            make_private_folder(self.path.parent)
            self._wait_for(lock)
            yield
        except OSError as error:
            raise self._problem(error) from error
        finally:
            lock.release()

    def _wait_for(self, lock: FileLock) -> None:
        until = self._clock.monotonic() + _LONGEST_WAIT
        while not lock.acquire(blocking=False):
            if self._clock.monotonic() >= until:
                raise TransientError(f"{lock.path}: another process has held this lock for {_LONGEST_WAIT:.0f} s")
            self._stop.wait(_LOOK_AGAIN)

    def _problem(self, error: OSError) -> LocalFileError:
        return LocalFileError(f"{self.path}: the login cannot be kept: {error.strerror}")
