"""A Secure Service Account: a member of the account that no person is, and that proves itself with a key.

https://aps.autodesk.com/en/docs/ssa/v1/developers_guide/jwt-assertions/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filesync.auth.autodesk.app import ACCOUNT_DISABLED, READ_ONLY, TOKEN, LoginService, refused
from filesync.auth.clock_skew import skew
from filesync.auth.credential_file import HandedOver
from filesync.auth.token_login import FetchedLogin
from filesync.auth.tokens import Token, TokenKey, fingerprint, to_token
from filesync.core.errors import RefusedError
from filesync.core.model import Identity
from filesync.http import Connector, Secret

VARIABLE = "CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH"

_DISABLED = (
    "check that the service account is enabled and has not expired, and enable it again; the next start goes on by "
    "itself; see 'Secure Service Account' in OAUTH_SETUP.md"
)
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE = 120  # seconds; the service refuses more than five minutes, and a short life leaves room for a slow clock
_REFUSED = (
    "check that the service account is enabled and its key exists; see 'Secure Service Account' in OAUTH_SETUP.md"
)


@dataclass(frozen=True, slots=True)
class AutodeskServiceAccountKey:
    """What the JSON file of a service account says."""

    file: HandedOver
    service_account_id: str
    key_id: str
    private_key: Secret


def read_key(path: Path, credentials: str = "") -> AutodeskServiceAccountKey:
    """Read a service account's file. Raises AuthError that names the file and the setting it comes from."""
    setting = f"service_account_path of credentials {credentials!r}" if credentials else VARIABLE
    file = HandedOver(path, f"{setting}: {path}", "Secure Service Account")
    account, key_id, private_key = file.texts(file.fields(), "service_account_id", "key_id", "private_key")
    # The key is shown once, as JSON; copied by hand it often keeps its line ends as two characters.
    return AutodeskServiceAccountKey(file, account, key_id, Secret(private_key.replace("\\n", "\n")))


class AutodeskServiceAccount(FetchedLogin):
    """A Secure Service Account; an Authoriser. Its token counts as a member's, and there is no refresh token."""

    flow = "service_account"

    def __init__(
        self, key: AutodeskServiceAccountKey, service: LoginService, connector: Connector, tokens: Path
    ) -> None:
        self._key = key
        self._service = service
        service.redactor.hide(key.private_key.reveal())
        token_key = TokenKey(
            "autodesk-service-account",
            service.app.client_id,
            service.app.base_url.rstrip("/"),
            READ_ONLY,
            key.service_account_id,
            fingerprint(key.private_key.reveal()),
        )
        super().__init__(token_key, tokens, connector)

    def identity(self) -> Identity:
        return Identity(self.flow, self._service.app.client_id, self._key.service_account_id)

    def check(self) -> None:
        self._assertion()

    def _fetch(self) -> Token:
        service, assertion = self._service, self._assertion()
        service.redactor.hide(assertion)
        form = {"grant_type": _JWT_BEARER, "assertion": assertion}
        try:
            return to_token(service.ask(TOKEN, form), service.clock)
        except RefusedError as error:
            otherwise = skew(error, service.clock.now()) or _REFUSED
            raise refused(error, service.app, _DISABLED if error.reason == ACCOUNT_DISABLED else otherwise) from error

    def _assertion(self) -> str:
        from google.auth import jwt  # noqa: PLC0415  only a fetch needs it

        signer = self._key.file.signer(self._key.private_key, self._key.key_id)
        assertion: bytes = jwt.encode(signer, self._claims())
        return assertion.decode()

    def _claims(self) -> Mapping[str, Any]:
        """Make the claims: `scope` is a list, and without `iat` a clock that is ahead can do less harm."""
        return {
            "iss": self._service.app.client_id,
            "sub": self._key.service_account_id,
            "aud": self._service.app.token_address,
            "exp": int(self._service.clock.now().timestamp()) + _LIFE,
            "scope": list(READ_ONLY),
        }
