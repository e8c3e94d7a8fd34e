"""Logins that need no person: whenever the access token runs out, the next one is fetched with the same proof."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from filesync.auth.files import TokenFile
from filesync.auth.tokens import Token, TokenKey, bearer, bearer_token, of_bytes
from filesync.http import Connector


class FetchedLogin(ABC):
    """An Authoriser whose token is fetched; a login of this kind says how."""

    def __init__(
        self, key: TokenKey, tokens: Path, connector: Connector, more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._more = more  # headers that go with the token
        self._redactor = connector.redactor
        self._clock = connector.clock
        self._file = TokenFile(tokens / key.file_name(), connector.clock, connector.stop, of_bytes)

    def headers(self) -> Mapping[str, str]:
        token = self._file.current(lambda _: self._fetch()).usable()
        self._redactor.hide(token)
        return {**bearer(token), **self._more}

    def renew(self, rejected: Mapping[str, str]) -> None:
        self._file.forget(bearer_token(rejected))

    def good_until(self) -> datetime | None:
        """Return until when the token at hand is good; None when there is none. Nothing is asked."""
        kept = self._file.read()
        return kept.expires_at if kept else None

    def check(self) -> None:  # noqa: B027  a secret that is text is always usable, as far as that can be seen
        """Raise AuthError when what proves the login can be seen to be unusable; nothing is asked."""

    @abstractmethod
    def _fetch(self) -> Token:
        """Ask for the next token. Raises AuthError when the proof is refused."""
