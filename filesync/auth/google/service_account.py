"""Google's service accounts: a key signs who it is, and the token endpoint answers with a token.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filesync.auth.clock_skew import skew
from filesync.auth.google.credentials_file import ServiceAccountKey
from filesync.auth.google.refusals import OF_SERVICE_ACCOUNT
from filesync.auth.google.service import METADATA_ONLY, TokenService
from filesync.auth.signing import JWT_BEARER, sign
from filesync.auth.token_login import FetchedLogin
from filesync.auth.tokens import Token, TokenKey, fingerprint, to_token
from filesync.core.errors import AuthError, RefusedError
from filesync.core.model import Identity
from filesync.http import Connector

_LIFE = 3600  # seconds: the longest an assertion may live

_ADVICE = {
    **OF_SERVICE_ACCOUNT,
    "invalid_grant": "check this machine's clock, that the key was not deleted, and `subject` if it is set; "
    "see 'Service account' in OAUTH_SETUP.md",
    "unauthorized_client": "a Workspace administrator must allow this account's client id and the scopes {scopes} "
    "under domain-wide delegation, which can take a day to spread; see 'Act for a person' in OAUTH_SETUP.md",
}


class ServiceAccount(FetchedLogin):
    """A service account, in its own name or, by domain-wide delegation, as `subject`; an Authoriser."""

    flow = "service_account"

    def __init__(
        self,
        key: ServiceAccountKey,
        connector: Connector,
        tokens: Path,
        *,
        scopes: Sequence[str] = METADATA_ONLY,
        subject: str | None = None,
    ) -> None:
        self._key = key
        self._scopes = tuple(scopes)
        self._subject = subject
        self._service = TokenService(key.token_uri, key.client_email, connector, key.file.source)
        self._service.redactor.hide(key.private_key.reveal())
        credential = fingerprint(key.private_key.reveal())
        token_key = TokenKey(
            "google-service-account", key.client_email, key.token_uri, self._scopes, subject or "", credential
        )
        super().__init__(token_key, tokens, connector)

    @property
    def account(self) -> str:
        return self._subject or self._key.client_email

    def identity(self) -> Identity:
        return Identity(self.flow, self._key.client_email, self._subject or "")

    def check(self) -> None:
        self._assertion()

    def _fetch(self) -> Token:
        service, assertion = self._service, self._assertion()
        service.redactor.hide(assertion)
        try:
            return to_token(service.token({"grant_type": JWT_BEARER, "assertion": assertion}), service.clock)
        except RefusedError as error:
            raise AuthError(f"{error}; {self._advice(error)}") from error

    def _assertion(self) -> str:
        assertion = sign(self._claims(), self._key.private_key, self._key.key_id)
        if assertion is None:
            raise self._key.file.unusable("its private_key cannot be read")
        return assertion

    def _advice(self, error: RefusedError) -> str:
        otherwise = "check the service account and its key; see 'Service account' in OAUTH_SETUP.md"
        subject = f" (or {self._subject})" if self._subject else ""
        said = _ADVICE.get(error.reason, otherwise).format(scopes=" ".join(self._scopes), subject=subject)
        if error.reason in OF_SERVICE_ACCOUNT:
            return said  # no clock has to do with it
        return skew(error, self._service.clock.now()) or said

    def _claims(self) -> Mapping[str, Any]:
        now = int(self._service.clock.now().timestamp())
        claims = {
            "iss": self._key.client_email,
            "scope": " ".join(self._scopes),
            "aud": self._key.token_uri,
            "iat": now,
            "exp": now + _LIFE,
        }
        return {**claims, "sub": self._subject} if self._subject else claims
