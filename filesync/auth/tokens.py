"""Access tokens: how long one is good, what makes two of them different, and how a service's answer becomes one."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from filesync.core.errors import ResponseError
from filesync.core.timestamps import from_timestamp, to_timestamp
from filesync.http import Answer
from filesync.runtime.clock import Clock

_MARGIN = timedelta(minutes=5)  # before its end a token is not used any more; a tenth of its life when that is shorter
_LONGEST_LIFE = 10 * 365 * 86_400.0  # seconds: longer ones could leave the calendar
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_UNSTATED_LIFE = 600.0  # seconds: expires_in is only recommended, RFC 6749, 5.1


def fingerprint(secret: str) -> str:
    """Return a text that differs for different secrets, from which no secret can be read."""
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

    def is_settled(self, now: datetime) -> bool:
        """Return whether it may still be used; never for one from a clock that was ahead."""
        margin = min(_MARGIN, (self.expires_at - self.obtained_at) / 10)
        return self.obtained_at <= now < self.expires_at - margin

    def usable(self) -> str:
        return self.access_token

    def carries(self, access_token: str) -> bool:
        return self.access_token == access_token

    def without_access(self) -> None:
        """Leave nothing: there is no more to it."""

    def spent(self) -> "Token":
        """Return the same token as one that is not to be used any more."""
        return replace(self, expires_at=self.obtained_at)

    def to_fields(self) -> dict[str, str]:
        return {
            "access_token": self.access_token,
            "obtained_at": to_timestamp(self.obtained_at),
            "expires_at": to_timestamp(self.expires_at),
        }

    def to_bytes(self) -> bytes:
        return json.dumps(self.to_fields()).encode()

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at})"


def of_fields(fields: Mapping[str, Any]) -> Token:
    """Read what `to_fields` wrote. Raises ValueError, TypeError, KeyError for anything else."""
    times = [from_timestamp(fields[name]) for name in ("obtained_at", "expires_at")]
    if not all(time.tzinfo for time in times):
        raise ValueError("times have a zone")
    return Token(str(fields["access_token"]), *times)


def of_bytes(content: bytes) -> Token | None:
    """Read a token back; a half-written or foreign one is none: it is fetched anew."""
    try:
        return of_fields(json.loads(content))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def to_token(answer: Answer, clock: Clock) -> Token:
    """Translate a token endpoint's answer; RFC 6749, 5.1. Raises ResponseError when there is no token in it."""
    text = to_secret(answer, "access_token")
    if text is None:
        raise ResponseError(f"{answer.url}: the answer has no access_token")
    now = clock.now()
    return Token(text, now, now + to_life(answer, "expires_in", _UNSTATED_LIFE))


def to_secret(answer: Answer, name: str) -> str | None:
    """Return a token of the answer; None when there is none that a header or a form could carry."""
    text = answer.body.get(name)
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text.strip():
        return None
    return text


def to_life(answer: Answer, name: str, unstated: float) -> timedelta:
    """Read a number of seconds; what is none counts as unstated, because a token came with it."""
    value = answer.body.get(name)
    seconds = float(value) if isinstance(value, int | float | str) and _NUMBER.fullmatch(str(value)) else unstated
    return timedelta(seconds=min(seconds, _LONGEST_LIFE))


def bearer(access_token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


def bearer_token(headers: Mapping[str, str]) -> str:
    return headers.get("Authorization", "").removeprefix("Bearer ")
