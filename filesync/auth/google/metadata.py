"""The service account of a virtual machine in Google's cloud, from the machine's metadata server.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys (service-accounts)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filesync.auth.google.service import UNIVERSE, billed_to
from filesync.auth.google.transport import GoogleAuthTransport, Way
from filesync.auth.token_login import FetchedLogin
from filesync.auth.tokens import Token, TokenKey
from filesync.core.errors import AuthError, ConfigError, FilesyncError, NetworkError, RefusedError
from filesync.core.model import Identity
from filesync.http import CLOUD_METADATA, Connection, Connector, Refusal, Route

_ACCOUNT_PATH = "/computeMetadata/v1/instance/service-accounts/default/"
_TOKEN_PATH = f"{_ACCOUNT_PATH}token"
_ACCOUNT = Route("this machine's account", "GET", _ACCOUNT_PATH)
_TOKEN = Route("this machine's login", "GET", _TOKEN_PATH, gives_login=True)
_NAME = "metadata.google.internal"
_GUIDE = "see 'Application Default Credentials' in OAUTH_SETUP.md"


class MachineAccount(FetchedLogin):
    """The account of the machine this runs on, an Authoriser; `host` is another metadata server (GCE_METADATA_HOST)."""

    flow = "machine"

    def __init__(
        self, connector: Connector, tokens: Path, scopes: Sequence[str], host: str = "", project: str = ""
    ) -> None:
        self._scopes = tuple(scopes)
        base_url = f"http://{CLOUD_METADATA if host in ('', _NAME) else host}"
        self._connector = connector
        self._connection = _connect(connector, base_url)
        key = TokenKey("google-machine", "default", base_url, self._scopes)
        super().__init__(key, tokens, connector, billed_to(project))

    @property
    def account(self) -> str:
        return "the machine's service account"

    def identity(self) -> Identity:
        """Ask which account it is; a request that does not leave the machine's host."""
        try:
            email = self._connection.get(_ACCOUNT, _ACCOUNT_PATH, {"recursive": "true"}).body.get("email")
        except (RefusedError, NetworkError) as error:
            raise _absent(error) from error
        return Identity(self.flow, email if isinstance(email, str) else "default")

    def _fetch(self) -> Token:
        from google.auth.compute_engine import Credentials  # noqa: PLC0415  only a fetch needs it

        ways = {_ACCOUNT_PATH: Way(_ACCOUNT, self._connection), _TOKEN_PATH: Way(_TOKEN, self._connection)}
        # with a universe named, google-auth does not look for one by itself
        credentials = Credentials(scopes=self._scopes, universe_domain=UNIVERSE)
        try:
            return GoogleAuthTransport(self._connector, ways).token(credentials)
        except (RefusedError, NetworkError) as error:
            raise _absent(error) from error


def _absent(error: FilesyncError) -> AuthError:
    return AuthError(f"{error}; this is no machine of Google's cloud, or it has no service account; {_GUIDE}")


def _connect(connector: Connector, base_url: str) -> Connection:
    try:
        return connector.connect(
            base_url=base_url,
            routes=(_ACCOUNT, _TOKEN),
            client_key="machine",
            authoriser=_Flavour(),
            explain=lambda _status, _body: Refusal("", ""),
        )
    except ConfigError as error:
        raise AuthError(f"GCE_METADATA_HOST: {base_url} is neither this machine nor its cloud's; {_GUIDE}") from error


@dataclass(frozen=True, slots=True)
class _Flavour:
    """The header without which the metadata server refuses."""

    def headers(self) -> Mapping[str, str]:
        return {"Metadata-Flavor": "Google"}

    def renew(self, rejected: Mapping[str, str]) -> None:
        """Leave it: there is nothing to renew."""
