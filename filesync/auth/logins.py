"""A person's login: what is kept of it between two starts, and how its refresh token becomes the next access token."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filesync.auth.files import TokenFile
from filesync.auth.tokens import Token, of_fields, to_life, to_secret, to_token
from filesync.core.errors import AuthError, ResponseError
from filesync.core.timestamps import from_timestamp, to_timestamp
from filesync.http import Answer, Secret
from filesync.runtime.clock import Clock, Stop

ASK_AGAIN = timedelta(hours=1)  # after a refusal that may heal: as often as a login that works is refreshed

_FORMAT = 1
_LAST_YEAR = 9999  # of the calendar: no hour comes after it


class DamagedLoginError(AuthError):
    """A file in a login's place that is none, or only a part of one."""


@dataclass(frozen=True, slots=True)
class Client:
    """The app that a login was made for, and where its tokens come from; a public app has no secret."""

    client_id: str
    client_secret: Secret
    token_address: str


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A login as its file holds it.

    `user` is the service's name for the person, '' until it was asked. `refresh_expires_at` is None where the
    service names no end. `refused` is why the service no longer takes the refresh token, '' while it does; `refused_at`
    is when it last said so, None where it will never take it again: what an administrator can mend is asked again now
    and then, for nothing notifies us.
    """

    client: Client
    scopes: tuple[str, ...]
    access: Token
    refresh_token: Secret
    refresh_expires_at: datetime | None
    logged_in_at: datetime
    user: str = ""
    refused: str = ""
    refused_at: datetime | None = None
    lives_on: bool = True  # False: it ends at refresh_expires_at however often it is used

    def usable(self) -> str:
        if self.refused:
            raise AuthError(self.problem)
        return self.access.access_token

    @property
    def problem(self) -> str:
        """Return why it is refused, and when it is tried again; '' while it is not."""
        if self.refused_at is None:
            return self.refused
        return f"{self.refused}; filesync asks again after {self.refused_at + ASK_AGAIN:%Y-%m-%d %H:%M} UTC"

    def is_settled(self, now: datetime) -> bool:
        if self.refused:
            # decision 55: never sent again, or asked about once an hour
            return self.refused_at is None or self.refused_at <= now < self.refused_at + ASK_AGAIN
        return self.access.is_settled(now)

    def carries(self, access_token: str) -> bool:
        return self.access.carries(access_token)

    def without_access(self) -> "StoredLogin":
        return replace(self, access=self.access.spent())

    def is_idle(self, since: datetime, now: datetime) -> bool:
        """Return whether it was not refreshed since then, although it could be now."""
        return not (self.refused and self.is_settled(now)) and self.access.obtained_at <= since

    def to_bytes(self) -> bytes:
        ends = self.refresh_expires_at
        fields = {
            "filesync_login": _FORMAT,
            "client_id": self.client.client_id,
            "client_secret": self.client.client_secret.reveal(),
            "token_uri": self.client.token_address,
            "scopes": list(self.scopes),
            "user": self.user,
            "logged_in_at": to_timestamp(self.logged_in_at),
            "refresh_token": self.refresh_token.reveal(),
            "refresh_expires_at": to_timestamp(ends) if ends else None,
            "refused": self.refused,
            "refused_at": to_timestamp(self.refused_at) if self.refused_at else None,
            "lives_on": self.lives_on,
            **self.access.to_fields(),
        }
        return json.dumps(fields, indent=1).encode()


def login_file(path: Path, clock: Clock, stop: Stop, mend: str) -> TokenFile[StoredLogin]:
    """Make the keeper of a login; `mend` says how to get a new one."""

    def decode(content: bytes) -> StoredLogin:
        try:
            return _of_fields(json.loads(content))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # from None: the parser's error holds the file's text
            raise DamagedLoginError(
                f"{path}: is no login of filesync, or only a part of one; put the right file back, or {mend}"
            ) from None

    return TokenFile(path, clock, stop, decode)


def to_login(answer: Answer, client: Client, clock: Clock, *, refresh_life: timedelta | None) -> StoredLogin:
    """Translate the answer to a code; `refresh_life` is how long the service's refresh tokens live, None: no end.

    Raises ResponseError when there is no refresh token, without which a login does not last.
    """
    refresh_token = to_secret(answer, "refresh_token")
    if refresh_token is None:
        raise ResponseError(f"{answer.url}: the answer has no refresh_token")
    return StoredLogin(
        client=client,
        scopes=_scopes(answer),
        access=to_token(answer, clock),
        refresh_token=Secret(refresh_token),
        refresh_expires_at=_refresh_end(answer, clock, refresh_life),
        logged_in_at=moment(clock),
        lives_on="refresh_token_expires_in" not in answer.body,
    )


def moment(clock: Clock) -> datetime:
    """Return the time as a file keeps it, so that a login read back is the same one."""
    return from_timestamp(to_timestamp(clock.now()))


def to_refreshed(login: StoredLogin, answer: Answer, clock: Clock, *, refresh_life: timedelta | None) -> StoredLogin:
    """Translate the answer to a refresh; the refresh token stays the same where none came."""
    refresh_token = to_secret(answer, "refresh_token")
    ends = _refresh_end(answer, clock, refresh_life) if refresh_token else login.refresh_expires_at
    # A new refresh token is kept whatever else the answer lacks: the old one is spent.
    has_access = to_secret(answer, "access_token") is not None
    return replace(
        login,
        access=to_token(answer, clock) if has_access or not refresh_token else login.access.spent(),
        scopes=_scopes(answer) or login.scopes,
        refresh_token=Secret(refresh_token) if refresh_token else login.refresh_token,
        refresh_expires_at=ends,
        refused="",
        refused_at=None,
    )


Refresh = Callable[[StoredLogin], StoredLogin]


def _scopes(answer: Answer) -> tuple[str, ...]:
    """Read what was granted, where the answer says so: RFC 6749, 5.1."""
    granted = answer.body.get("scope")
    return tuple(sorted(granted.split())) if isinstance(granted, str) else ()


def _refresh_end(answer: Answer, clock: Clock, life: timedelta | None) -> datetime | None:
    """Return when the refresh token dies: as the answer says, else as the service documents."""
    if "refresh_token_expires_in" in answer.body:
        life = to_life(answer, "refresh_token_expires_in", 0)
    return clock.now() + life if life else None


def _of_fields(fields: Mapping[str, Any]) -> StoredLogin:
    if fields["filesync_login"] != _FORMAT:
        raise ValueError("another format")
    ends = fields["refresh_expires_at"]
    texts = {name: _text(fields[name]) for name in ("client_id", "client_secret", "token_uri", "refresh_token")}
    return StoredLogin(
        client=Client(texts["client_id"], Secret(texts["client_secret"]), texts["token_uri"]),
        scopes=tuple(_text(scope) for scope in fields["scopes"]),
        access=of_fields(fields),
        refresh_token=Secret(texts["refresh_token"]),
        refresh_expires_at=from_timestamp(ends) if ends else None,
        logged_in_at=from_timestamp(fields["logged_in_at"]),
        user=_text(fields["user"]),
        refused=_text(fields["refused"]),
        refused_at=_refused_at(fields.get("refused_at")),  # it came later than the other fields
        lives_on=fields["lives_on"] is True,
    )


def _refused_at(text: Any) -> datetime | None:
    if not text:
        return None
    found = from_timestamp(text)
    if not found.tzinfo or found.year >= _LAST_YEAR:
        raise ValueError("a time is needed")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is needed")
    return value
