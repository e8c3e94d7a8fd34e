"""Google's service accounts: a key signs who it is, and google-auth turns that into a token.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filesync.auth.clock_skew import skew
from filesync.auth.google.credentials_file import GoogleServiceAccountKey
from filesync.auth.google.refusals import OF_SERVICE_ACCOUNT
from filesync.auth.google.service import METADATA_ONLY, TokenService, billed_to
from filesync.auth.token_login import FetchedLogin
from filesync.auth.tokens import Token, TokenKey, fingerprint
from filesync.core.errors import AuthError, RefusedError
from filesync.core.model import Identity
from filesync.http import Connector

if TYPE_CHECKING:
    from google.oauth2.service_account import Credentials

_LIFE = 3600  # seconds: the longest an assertion may live

_ADVICE = {
    **OF_SERVICE_ACCOUNT,
    "invalid_grant": "check this machine's clock, that the key was not deleted, and `subject` if it is set; "
    "see 'Service account' in OAUTH_SETUP.md",
    "unauthorized_client": "a Workspace administrator must allow this account's client id and the scopes {scopes} "
    "under domain-wide delegation, which can take a day to spread; see 'Act for a person' in OAUTH_SETUP.md",
}


class GoogleServiceAccount(FetchedLogin):
    """A service account, in its own name or, by domain-wide delegation, as `subject`; an Authoriser."""

    flow = "service_account"

    def __init__(  # noqa: PLR0913  a login is a key, where its token is kept and what it may do
        self,
        key: GoogleServiceAccountKey,
        connector: Connector,
        tokens: Path,
        *,
        scopes: Sequence[str] = METADATA_ONLY,
        subject: str | None = None,
        project: str = "",
    ) -> None:
        self._key = key
        self._scopes = tuple(scopes)
        self._subject = subject
        self._service = TokenService(key.token_uri, key.client_email, connector, key.file.source, key.universe)
        self._service.redactor.hide(key.private_key.reveal())
        credential = fingerprint(key.private_key.reveal())
        token_key = TokenKey(
            "google-service-account", key.client_email, key.token_uri, self._scopes, subject or "", credential
        )
        super().__init__(token_key, tokens, connector, billed_to(project or key.quota_project))

    @property
    def account(self) -> str:
        return self._subject or self._key.client_email

    def identity(self) -> Identity:
        return Identity(self.flow, self._key.client_email, self._subject or "")

    def check(self) -> None:
        self._key.file.signer(self._key.private_key, self._key.key_id)

    def _fetch(self) -> Token:
        credentials = to_credentials(self._key, self._scopes, int(self._service.clock.now().timestamp()), self._subject)
        try:
            return self._service.fetch(credentials)
        except RefusedError as error:
            raise AuthError(f"{error}; {self._advice(error)}") from error

    def _advice(self, error: RefusedError) -> str:
        otherwise = "check the service account and its key; see 'Service account' in OAUTH_SETUP.md"
        subject = f" (or {self._subject})" if self._subject else ""
        said = _ADVICE.get(error.reason, otherwise).format(scopes=" ".join(self._scopes), subject=subject)
        if error.reason in OF_SERVICE_ACCOUNT:
            return said  # no clock has to do with it
        return skew(error, self._service.clock.now()) or said


def to_credentials(
    key: GoogleServiceAccountKey, scopes: Sequence[str], now: int, subject: str | None = None
) -> "Credentials":
    """Make google-auth's credentials of a key; they sign with our clock, for the address they ask.

    Raises AuthError for an unusable key.
    """
    from google.oauth2.service_account import Credentials  # noqa: PLC0415  only a fetch needs it

    return Credentials(
        key.file.signer(key.private_key, key.key_id),
        key.client_email,
        key.token_uri,
        scopes=list(scopes),
        subject=subject,
        universe_domain=key.universe,
        additional_claims={"aud": key.token_uri, "iat": now, "exp": now + _LIFE},
    )
