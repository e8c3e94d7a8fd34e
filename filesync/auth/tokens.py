"""Access tokens on disk: each is fetched once and used by all processes of a home until shortly before it expires.

The order is: lock, read again, fetch, write, then use. So two processes never spend the same login
twice, and a token that could not be written is not used.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filesync.clock import Clock, Stop, from_timestamp, to_timestamp
from filesync.errors import FilesyncError, LocalFileError, ResponseError
from filesync.http import Answer
from filesync.locks import FileLock, make_private_folder, write_private

_MARGIN = timedelta(minutes=5)  # before its end a token is not used any more; a tenth of its life when that is shorter
_UNSTATED_LIFE = 600.0  # seconds: expires_in is only recommended, RFC 6749, 5.1
_LOOK_AGAIN = 0.1  # seconds between two looks at another process's lock


def fingerprint(secret: str) -> str:
    """Tell secrets apart without keeping them."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What makes two tokens different ones: how they were got, for whom, for what and from whom."""

    flow: str
    client_id: str
    address: str
    scopes: tuple[str, ...]
    subject: str = ""
    credential: str = ""  # `fingerprint` of the secret it was got with: another secret has to prove itself

    def file_name(self) -> str:
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
        return f"{self.flow}-{digest[:16]}.json"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and its life."""

    access_token: str
    obtained_at: datetime
    expires_at: datetime

    def is_good(self, now: datetime) -> bool:
        """Tell whether it may still be used; never for one from a clock that was ahead."""
        margin = min(_MARGIN, (self.expires_at - self.obtained_at) / 10)
        return self.obtained_at <= now < self.expires_at - margin

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at})"


class TokenFile:
    """One token, in memory and in a file of the token folder; safe to share between threads and processes."""

    def __init__(self, folder: Path, key: TokenKey, clock: Clock, stop: Stop) -> None:
        self._path = folder / key.file_name()
        self._clock = clock
        self._stop = stop
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._failures = 0
        self._failure: FilesyncError | None = None

    def current(self, fetch: Callable[[], Token]) -> str:
        """Give a usable token, fetching one only when neither memory nor file has it.

        Raises what `fetch` raises, in every thread that waited for it; LocalFileError when the file cannot be kept.
        """
        token = self._token
        if token and token.is_good(self._clock.now()):
            return token.access_token
        failures = self._failures
        with self._lock:
            if self._failure and self._failures > failures:
                raise self._failure  # it failed while we waited: another try would only take as long again
            return self._good_token(fetch).access_token

    def forget(self, access_token: str) -> None:
        """Drop a token that the service rejected, unless another one has taken its place."""
        with self._lock:
            if self._token and self._token.access_token == access_token:
                self._token = None
            with self._exclusive():
                token = _read(self._path)
                if token and token.access_token == access_token:
                    self._path.unlink()

    def _good_token(self, fetch: Callable[[], Token]) -> Token:
        if self._token and self._token.is_good(self._clock.now()):
            return self._token
        try:
            self._token = self._read_or_fetch(fetch)
        except FilesyncError as error:
            self._failures, self._failure = self._failures + 1, error
            raise
        return self._token

    def _read_or_fetch(self, fetch: Callable[[], Token]) -> Token:
        with self._exclusive():
            token = _read(self._path)
            if token and token.is_good(self._clock.now()):
                return token
            token = fetch()
            write_private(self._path, _to_json(token))
            return token

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the token's lock across processes; a stop or a deadline ends the wait for it."""
        lock = FileLock(self._path.with_suffix(".lock"))
        try:
            make_private_folder(self._path.parent)
            while not lock.acquire(blocking=False):
                self._stop.wait(_LOOK_AGAIN)
            yield
        except OSError as error:
            raise LocalFileError(f"{self._path}: the login cannot be kept: {error.strerror}") from error
        finally:
            lock.release()


def to_token(answer: Answer, clock: Clock) -> Token:
    """Translate a token endpoint's answer; RFC 6749, 5.1."""
    text, life = answer.body.get("access_token"), answer.body.get("expires_in", _UNSTATED_LIFE)
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text.strip():
        raise ResponseError(f"{answer.url}: the answer has no access_token")
    now = clock.now()
    return Token(text, now, now + _to_life(life, answer))


def bearer(access_token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


def bearer_token(headers: Mapping[str, str]) -> str:
    return headers.get("Authorization", "").removeprefix("Bearer ")


def _to_life(seconds: Any, answer: Answer) -> timedelta:
    try:
        return timedelta(seconds=float(seconds))
    except (TypeError, ValueError, OverflowError) as error:
        raise ResponseError(f"{answer.url}: the answer's expires_in is no number of seconds") from error


def _to_json(token: Token) -> bytes:
    fields = {
        "access_token": token.access_token,
        "obtained_at": to_timestamp(token.obtained_at),
        "expires_at": to_timestamp(token.expires_at),
    }
    return json.dumps(fields).encode()


def _read(path: Path) -> Token | None:
    """Read a token back; a missing, half-written or foreign file is none."""
    try:
        fields = json.loads(path.read_bytes())
        times = [from_timestamp(fields[name]) for name in ("obtained_at", "expires_at")]
        return Token(str(fields["access_token"]), *times) if all(time.tzinfo for time in times) else None
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        return None
