"""Google logins: a service account's key signs who it is, and Google's token endpoint answers with a token.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest

The token is fetched by our own connection: google-auth's transport would ask a second host in the background.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filesync.auth.tokens import Token, TokenFile, TokenKey, bearer, bearer_token, fingerprint, to_token
from filesync.clock import Clock
from filesync.errors import AuthError, ConfigError, RefusedError
from filesync.http import Connection, Connector, Refusal, Route, Secret
from filesync.model import Identity

DEFAULT_KEY_PATH = "./credentials/google-service-account.json"
METADATA_ONLY = ("https://www.googleapis.com/auth/drive.metadata.readonly",)

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE = 3600  # seconds: the longest an assertion may live

_ADVICE = {
    "invalid_grant": "check this machine's clock, that the key was not deleted, and `subject` if it is set",
    "unauthorized_client": "a Workspace administrator must allow this account's client id and scopes "
    "under domain-wide delegation, which can take a day to spread",
}


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    """What a service account's JSON key file says."""

    path: Path
    client_email: str
    key_id: str
    private_key: Secret
    token_uri: str


def read_key(path: Path) -> ServiceAccountKey:
    """Read a service account's key file. Raises AuthError that names the file and the variable it comes from."""
    fields = _read_object(path)
    if fields.get("type") != "service_account":
        raise _unusable(path, "it is no service account's key")
    names = ("client_email", "private_key_id", "private_key", "token_uri")
    for name in names:
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise _unusable(path, f"it has no {name}")
    email, key_id, private_key, token_uri = (fields[name] for name in names)
    return ServiceAccountKey(path, email, key_id, Secret(private_key), token_uri)


class ServiceAccount:
    """A service account, in its own name or, by domain-wide delegation, as `subject`; an Authoriser."""

    def __init__(  # noqa: PLR0913  a login is its key, what it may do and whom it stands for
        self,
        key: ServiceAccountKey,
        connector: Connector,
        clock: Clock,
        tokens: Path,
        *,
        scopes: Sequence[str] = METADATA_ONLY,
        subject: str | None = None,
    ) -> None:
        self._key = key
        self._clock = clock
        self._scopes = tuple(scopes)
        self._subject = subject
        self._redactor = connector.redactor
        self._redactor.hide(key.private_key.reveal())
        self._route = Route("Google login", "POST", re.escape(urlsplit(key.token_uri).path))
        self._connection = self._connect(connector)
        credential = fingerprint(key.private_key.reveal())
        token_key = TokenKey(
            "google-service-account", key.client_email, key.token_uri, self._scopes, subject or "", credential
        )
        self._file = TokenFile(tokens, token_key, clock, connector.stop)

    def headers(self) -> Mapping[str, str]:
        token = self._file.current(self._fetch)
        self._redactor.hide(token)
        return bearer(token)

    def renew(self, rejected: Mapping[str, str]) -> None:
        self._file.forget(bearer_token(rejected))

    def identity(self) -> Identity:
        return Identity("service_account", self._key.client_email, self._subject or "")

    def _connect(self, connector: Connector) -> Connection:
        parts = urlsplit(self._key.token_uri)
        try:
            return connector.connect(
                base_url=f"{parts.scheme}://{parts.netloc}",
                routes=(self._route,),
                client_key=self._key.client_email,
                authoriser=None,
                explain=explain_login,
            )
        except ConfigError as error:
            raise _unusable(self._key.path, "its token_uri is neither https nor on this machine") from error

    def _fetch(self) -> Token:
        assertion = self._assertion()
        self._redactor.hide(assertion)
        form = {"grant_type": _GRANT, "assertion": assertion}
        try:
            answer = self._connection.post_form(self._route, self._key.token_uri, form)
        except RefusedError as error:
            advice = _ADVICE.get(error.reason, "check the service account and its key")
            raise AuthError(f"{error}; {advice}; see OAUTH_SETUP.md") from error
        return to_token(answer, self._clock)

    def _assertion(self) -> str:
        from google.auth import crypt, jwt  # noqa: PLC0415  costs a tenth of a second, and only a fetch needs it

        try:
            signer = crypt.RSASigner.from_string(self._key.private_key.reveal(), self._key.key_id)
        except (ValueError, TypeError) as error:
            raise _unusable(self._key.path, "its private_key cannot be read") from error
        signed: bytes = jwt.encode(signer, self._claims())
        return signed.decode()

    def _claims(self) -> Mapping[str, Any]:
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._key.client_email,
            "scope": " ".join(self._scopes),
            "aud": self._key.token_uri,
            "iat": now,
            "exp": now + _LIFE,
        }
        return {**claims, "sub": self._subject} if self._subject else claims


def explain_login(_status: int, body: Any) -> Refusal:
    """Read the token endpoint's error; RFC 6749, 5.2."""
    fields = body if isinstance(body, Mapping) else {}
    return Refusal(str(fields.get("error") or ""), str(fields.get("error_description") or ""))


def _read_object(path: Path) -> Mapping[str, Any]:
    try:
        fields = json.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from error
    except (ValueError, RecursionError):
        raise _unusable(path, "it is not JSON") from None  # the parser's error holds the file's text
    if not isinstance(fields, dict):
        raise _unusable(path, "it is no service account's key")
    return fields


def _unusable(path: Path, why: str) -> AuthError:
    return AuthError(f"GOOGLE_CREDENTIALS_PATH: {path} cannot be used: {why}; see OAUTH_SETUP.md")
