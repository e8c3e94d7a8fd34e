"""Logins that begin with somebody else's: a workload identity, or a service account that is impersonated.

https://cloud.google.com/iam/docs/workload-identity-federation
https://cloud.google.com/iam/docs/service-account-impersonation
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filesync.auth.clock_skew import skew
from filesync.auth.google.credentials_file import (
    AuthorizedUser,
    ExternalAccount,
    GoogleServiceAccountKey,
    ImpersonatedAccount,
)
from filesync.auth.google.service import billed_to, path_of, way_to, why_not
from filesync.auth.google.service_account import to_credentials as of_key
from filesync.auth.google.transport import GoogleAuthTransport
from filesync.auth.google.user import to_credentials as of_person
from filesync.auth.logins import Client
from filesync.auth.token_login import FetchedLogin
from filesync.auth.tokens import Token, TokenKey, fingerprint
from filesync.core.errors import AuthError, ConfigError, RefusedError
from filesync.core.model import Identity
from filesync.http import Connector, Route

Source = GoogleServiceAccountKey | AuthorizedUser | ExternalAccount | ImpersonatedAccount

_ADVICE = {
    "Workload identity": "check the pool, its provider and its conditions, and what the other service's token says; "
    "see 'Workload identity' in OAUTH_SETUP.md",
    "Impersonated accounts": "the one who impersonates needs the role Service Account Token Creator on the account, "
    "whose project needs the IAM Service Account Credentials API; see 'Impersonated accounts' in OAUTH_SETUP.md",
}


class FederatedAccount(FetchedLogin):
    """A workload identity or an impersonated service account; an Authoriser."""

    def __init__(
        self,
        found: ExternalAccount | ImpersonatedAccount,
        connector: Connector,
        tokens: Path,
        scopes: Sequence[str],
        project: str = "",
    ) -> None:
        self.flow = "workload_identity" if isinstance(found, ExternalAccount) else "impersonated"
        self._found = found
        self._connector = connector
        self._scopes = tuple(scopes)
        for secret in _secrets(found):
            connector.redactor.hide(secret)
        self._ways = {}
        for name, route, url in _addresses(found):
            try:
                self._ways[url.partition("?")[0]] = way_to(connector, found.principal, route, url)
            except (ConfigError, ValueError) as error:
                raise found.file.unusable(why_not(error, name)) from None
        key = TokenKey(
            f"google-{self.flow.replace('_', '-')}",
            found.principal,
            found.impersonation_url,
            self._scopes,
            credential=fingerprint(json.dumps(found.file.fields(), sort_keys=True)),
        )
        super().__init__(key, tokens, connector, billed_to(project or found.quota_project))

    @property
    def account(self) -> str:
        return self._found.principal

    def identity(self) -> Identity:
        return Identity(self.flow, self._found.principal)

    def check(self) -> None:
        self._credentials()

    def _fetch(self) -> Token:
        try:
            return GoogleAuthTransport(self._connector, self._ways).token(self._credentials())
        except RefusedError as error:
            advice = skew(error, self._clock.now()) or _ADVICE[self._found.file.guide]
            raise AuthError(f"{error}; {advice}") from error
        except AuthError as error:
            if "OAUTH_SETUP.md" in str(error):
                raise
            raise self._found.file.unusable(str(error)) from None

    def _credentials(self) -> Any:
        try:
            return _to_credentials(self._found, self._scopes, int(self._clock.now().timestamp()))
        except ValueError:  # google-auth's own checks; their text may show what is in the file
            raise self._found.file.unusable("its fields do not fit together") from None


def _to_credentials(found: Source, scopes: Sequence[str], now: int) -> Any:
    if isinstance(found, GoogleServiceAccountKey):
        return of_key(found, scopes, now)
    if isinstance(found, AuthorizedUser):
        return of_person(Client(found.client_id, found.client_secret, found.token_uri), found.refresh_token)
    if isinstance(found, ExternalAccount):
        from google.auth import identity_pool  # noqa: PLC0415  only a fetch needs it

        return identity_pool.Credentials.from_info(found.fields, scopes=list(scopes))
    from google.auth import impersonated_credentials  # noqa: PLC0415  only a fetch needs it

    return impersonated_credentials.Credentials(
        _to_credentials(found.source, scopes, now),
        found.principal,
        list(scopes),
        delegates=list(found.delegates),
        iam_endpoint_override=found.impersonation_url,
    )


def _secrets(found: Source) -> Iterator[str]:
    """Name what its file proves itself with and no request shows as it is."""
    if isinstance(found, ImpersonatedAccount):
        yield from _secrets(found.source)
    elif isinstance(found, GoogleServiceAccountKey):
        yield found.private_key.reveal()
    elif isinstance(found, ExternalAccount) and isinstance(secret := found.fields.get("client_secret"), str):
        yield secret  # it goes out in a header, as Basic


def _addresses(found: Source) -> Iterator[tuple[str, Route, str]]:
    """Name all that this login asks: the field that says so, what is asked, and where."""
    if isinstance(found, GoogleServiceAccountKey | AuthorizedUser):
        yield "token_uri", _route("Google login", found.token_uri), found.token_uri
        return
    if isinstance(found, ExternalAccount):
        yield "token_url", _route("Google token exchange", found.token_url), found.token_url
        if found.source_url:
            url = found.source_url
            yield "credential_source", Route("subject token", "GET", path_of(url), answers=not found.is_text), url
    else:
        yield from _addresses(found.source)
    if found.impersonation_url:
        url = found.impersonation_url
        yield "service_account_impersonation_url", _route("Google impersonation", url), url


def _route(name: str, url: str) -> Route:
    return Route(name, "POST", path_of(url), gives_login=True)
