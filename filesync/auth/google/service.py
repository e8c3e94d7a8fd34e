"""Google's addresses, and its token endpoint at the address that the credentials themselves name.

https://developers.google.com/identity/protocols/oauth2/native-app
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from filesync.auth import Login
from filesync.auth.google.refusals import explain_login
from filesync.auth.google.transport import GoogleAuthTransport, Way
from filesync.auth.tokens import Token
from filesync.core.errors import AuthError, ConfigError
from filesync.core.url_policy import is_loopback
from filesync.http import CLOUD_METADATA, Answer, Connector, Route

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
UNIVERSE = "googleapis.com"
METADATA_ONLY = ("https://www.googleapis.com/auth/drive.metadata.readonly",)
READ_ONLY = ("https://www.googleapis.com/auth/drive.readonly",)

_WIDER = {  # what a person may have granted instead
    METADATA_ONLY[0]: {"drive.metadata.readonly", "drive.metadata", "drive.readonly", "drive"},
    READ_ONLY[0]: {"drive.readonly", "drive"},
}
_OTHER_HOSTS = {"accounts.google.com"}
_GUIDE = "see 'Which login' in OAUTH_SETUP.md"


class Account(Login, Protocol):
    """A login at Google."""

    @property
    def account(self) -> str:
        """Name it as far as that is known without asking: an e-mail address, to share things with."""


class TokenService:
    """One token endpoint; `source` is how messages name where its address comes from."""

    def __init__(
        self, token_uri: str, client_key: str, connector: Connector, source: str, universe: str = UNIVERSE
    ) -> None:
        self.redactor = connector.redactor
        self.clock = connector.clock
        self.stop = connector.stop
        self._connector = connector
        self._token_uri = token_uri
        self._revoke_uri = token_uri.rpartition("/")[0] + "/revoke"
        try:
            check_host(token_uri, "token_uri", universe)
            self._token = Route("Google login", "POST", path_of(token_uri), gives_login=True)
            self._revoke = Route("Google logout", "POST", path_of(self._revoke_uri), answers=False)
            self._connection = connector.connect(
                base_url=_origin(token_uri),
                routes=(self._token, self._revoke),
                client_key=client_key,
                authoriser=None,
                explain=explain_login,
            )
        except (ConfigError, ValueError) as error:
            raise AuthError(f"{source} cannot be used: {why_not(error, 'token_uri')}; {_GUIDE}") from error

    def token(self, form: Mapping[str, str]) -> Answer:
        """Ask for a token. Raises RefusedError."""
        return self._connection.post_form(self._token, self._token_uri, form)

    def fetch(self, credentials: Any) -> Token:
        """Have google-auth fetch a token from here. Raises RefusedError."""
        return self._transport().token(credentials)

    def refresh(self, credentials: Any) -> Answer:
        """Have google-auth refresh a person's login here. Raises RefusedError."""
        answer = self._transport().refresh(credentials)
        assert answer is not None  # noqa: S101  a person's login is refreshed by asking
        return answer

    def revoke(self, token: str) -> None:
        """Have Google forget a refresh token and all that came from it. Raises RefusedError."""
        self._connection.post_form(self._revoke, self._revoke_uri, {"token": token})

    def _transport(self) -> GoogleAuthTransport:
        return GoogleAuthTransport(self._connector, {self._token_uri: Way(self._token, self._connection)})


def check_host(url: str, name: str, universe: str = UNIVERSE) -> None:
    """Refuse an address for secrets that is neither Google's nor on this machine. Raises ConfigError, ValueError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or is_loopback(host) or (parts.scheme != "https" and host != CLOUD_METADATA):
        return  # the connection refuses http elsewhere, but not to the metadata server, which has no use for a proof
    theirs = host in _OTHER_HOSTS or any(host == one or host.endswith(f".{one}") for one in (UNIVERSE, universe))
    if not theirs:  # decision 3: secrets go to listed hosts only
        raise ForeignHostError(f"its {name} leads to {host[:80]}, which is no host of Google's")


class ForeignHostError(ConfigError):
    """An address in a credentials file that is not Google's."""


def billed_to(project: str) -> Mapping[str, str]:
    """Write the header that names the project whose quota is used; '' for the login's own."""
    return {"x-goog-user-project": project} if project else {}


def way_to(connector: Connector, client_key: str, route: Route, url: str) -> Way:
    """Make a connection for one address of a login. Raises ConfigError, ValueError."""
    connection = connector.connect(
        base_url=_origin(url), routes=(route,), client_key=client_key, authoriser=None, explain=explain_login
    )
    return Way(route, connection)


def lacking(granted: tuple[str, ...], needed: tuple[str, ...]) -> str | None:
    """Name the first scope that is needed and not granted, itself or as part of a wider one."""
    names = {scope.rpartition("/")[2] for scope in granted}
    return next((scope for scope in needed if names.isdisjoint(_WIDER.get(scope, {scope.rpartition("/")[2]}))), None)


def why_not(error: Exception, name: str) -> str:
    """Return why an address of a credentials file is not used."""
    return str(error) if isinstance(error, ForeignHostError) else f"its {name} is neither https nor on this machine"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(address: str) -> str:
    """Return the pattern of an address's path."""
    return re.escape(urlsplit(address).path)
