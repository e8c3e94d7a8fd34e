"""A person's login at work: its access token for every request, refreshed when it runs out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from filesync.auth.files import TokenFile
from filesync.auth.logins import StoredLogin
from filesync.auth.tokens import bearer, bearer_token
from filesync.core.errors import AuthError, ResponseError
from filesync.core.model import Identity
from filesync.core.timestamps import to_timestamp
from filesync.http import Redactor, Secret
from filesync.runtime.clock import Clock

NOBODY = "?"  # begins the name of a person whom the service does not name, who is somebody else after each login


@dataclass(frozen=True, slots=True)
class Person:
    """A login of a person; an Authoriser that knows whose it is.

    `refresh` spends the refresh token for the next access token, `who` asks the service whose a token is;
    `missing` says what to do when there is no login, `seed` makes one where it can be had without a person.
    """

    flow: str
    file: TokenFile[StoredLogin]
    refresh: Callable[[StoredLogin], StoredLogin]
    who: Callable[[str], str]
    missing: str
    redactor: Redactor
    clock: Clock
    seed: Callable[[], StoredLogin] | None = None
    began_as: list[StoredLogin] = field(default_factory=list, repr=False)  # the login of the first request, at most one

    def headers(self) -> Mapping[str, str]:
        return bearer(self._access_token(self.kept()))

    def kept(self) -> StoredLogin:
        """Return the login with an access token that is good, or with the reason why there is none.

        Raises AuthError when somebody else logged in meanwhile: what this one cannot see would look as if it were
        gone. ResponseError when a refresh brought no access token.
        """
        kept = self.file.current(self._next)
        if not kept.refused and kept.access.expires_at <= kept.access.obtained_at:
            raise ResponseError(f"{kept.client.token_address}: the answer to a refresh has no access_token")
        if not self.began_as:
            self.began_as.append(kept)
        elif _is_another(self.began_as[0], kept):
            raise AuthError("somebody else logged in meanwhile; the next sync begins with the new login")
        return kept

    def renew(self, rejected: Mapping[str, str]) -> None:
        self.file.forget(bearer_token(rejected))

    def identity(self) -> Identity:
        kept = self.kept()
        user = kept.user or self._named(kept)
        return Identity(self.flow, kept.client.client_id, user)

    def keep_alive(self, idle: timedelta) -> None:
        """Refresh the login when nobody used it for that long. Raises what a refresh raises."""
        now = self.clock.now()
        self.file.replace(self._next, only_if=lambda kept: kept is not None and kept.is_idle(now - idle, now))
        self.kept().usable()

    def _access_token(self, kept: StoredLogin) -> str:
        token = kept.usable()
        self.redactor.hide(token)
        return token

    def _next(self, kept: StoredLogin | None) -> StoredLogin:
        kept = kept or (self.seed() if self.seed else None)
        if kept is None:
            raise AuthError(self.missing)
        for secret in (kept.refresh_token, kept.client.client_secret, Secret(kept.access.access_token)):
            self.redactor.hide(secret.reveal())
        return self.refresh(kept)

    def _named(self, kept: StoredLogin) -> str:
        """Ask whose login it is and keep the answer, unless the login was ended or replaced meanwhile."""
        user = self.who(self._access_token(kept)) or f"{NOBODY}{to_timestamp(kept.logged_in_at)}"
        self.file.replace(
            lambda latest: replace(latest or kept, user=user),
            only_if=lambda latest: latest is not None and latest.logged_in_at == kept.logged_in_at,
        )
        return user


def _is_another(first: StoredLogin, now: StoredLogin) -> bool:
    """Return whether this is a new login by somebody else, not a refreshed one."""
    if first.logged_in_at == now.logged_in_at and first.client.client_id == now.client.client_id:
        return False
    return not first.user or first.user != now.user or first.client.client_id != now.client.client_id
