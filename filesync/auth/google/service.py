"""Google's token endpoint, at the address that the credentials themselves name.

https://developers.google.com/identity/protocols/oauth2/native-app

Tokens are fetched by our own connection: google-auth's transport would ask a second host in the background.
"""

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from filesync.auth import Login
from filesync.auth.google.refusals import explain_login
from filesync.core.errors import AuthError, ConfigError
from filesync.http import Answer, Connector, Route

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
METADATA_ONLY = ("https://www.googleapis.com/auth/drive.metadata.readonly",)
READ_ONLY = ("https://www.googleapis.com/auth/drive.readonly",)

_WIDER = {  # what a person may have granted instead
    METADATA_ONLY[0]: {"drive.metadata.readonly", "drive.metadata", "drive.readonly", "drive"},
    READ_ONLY[0]: {"drive.readonly", "drive"},
}


class Account(Login, Protocol):
    """A login at Google."""

    @property
    def account(self) -> str:
        """Name it as far as that is known without asking: an e-mail address, to share things with."""


class TokenService:
    """One token endpoint; `source` is how messages name where its address comes from."""

    def __init__(self, token_uri: str, client_key: str, connector: Connector, source: str) -> None:
        self.redactor = connector.redactor
        self.clock = connector.clock
        self.stop = connector.stop
        self._token_uri = token_uri
        self._revoke_uri = token_uri.rpartition("/")[0] + "/revoke"
        try:
            self._token = Route("Google login", "POST", _path_of(token_uri), gives_login=True)
            self._revoke = Route("Google logout", "POST", _path_of(self._revoke_uri), answers=False)
            parts = urlsplit(token_uri)
            self._connection = connector.connect(
                base_url=f"{parts.scheme}://{parts.netloc}",
                routes=(self._token, self._revoke),
                client_key=client_key,
                authoriser=None,
                explain=explain_login,
            )
        except (ConfigError, ValueError) as error:
            raise AuthError(
                f"{source} cannot be used: its token_uri is neither https nor on this machine; "
                "see 'Which login' in OAUTH_SETUP.md"
            ) from error

    def token(self, form: Mapping[str, str]) -> Answer:
        """Ask for a token. Raises RefusedError."""
        return self._connection.post_form(self._token, self._token_uri, form)

    def revoke(self, token: str) -> None:
        """Have Google forget a refresh token and all that came from it. Raises RefusedError."""
        self._connection.post_form(self._revoke, self._revoke_uri, {"token": token})


def lacking(granted: tuple[str, ...], needed: tuple[str, ...]) -> str | None:
    """Name the first scope that is needed and not granted, itself or as part of a wider one."""
    names = {scope.rpartition("/")[2] for scope in granted}
    return next((scope for scope in needed if names.isdisjoint(_WIDER.get(scope, {scope.rpartition("/")[2]}))), None)


def _path_of(address: str) -> str:
    return re.escape(urlsplit(address).path)
