"""A person's login at work: its access token for every request, refreshed when it runs out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from filesync.auth.files import TokenFile
from filesync.auth.logins import StoredLogin
from filesync.auth.tokens import bearer, bearer_token
from filesync.clock import Clock
from filesync.errors import AuthError
from filesync.http import Redactor, Secret
from filesync.model import Identity

NOBODY = "?"  # stands for a person whom the service does not name; '' would be asked for again and again


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

    def headers(self) -> Mapping[str, str]:
        return bearer(self._access_token(self.kept()))

    def kept(self) -> StoredLogin:
        """Give the login with an access token that is good, or with the reason why there is none."""
        return self.file.current(self._next)

    def renew(self, rejected: Mapping[str, str]) -> None:
        self.file.forget(bearer_token(rejected))

    def identity(self) -> Identity:
        kept = self.kept()
        user = kept.user or self._named(kept)
        return Identity(self.flow, kept.client.client_id, user)

    def keep_alive(self, idle: timedelta) -> None:
        """Refresh the login when nobody used it for that long. Raises what a refresh raises."""
        since = self.clock.now() - idle
        self.file.replace(self._next, only_if=lambda kept: kept is not None and kept.is_idle(since))
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
        user = self.who(self._access_token(kept)) or NOBODY
        self.file.replace(lambda latest: replace(latest or kept, user=user))
        return user
