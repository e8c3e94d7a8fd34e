"""Google's credential files: what kind one is, and what it says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filesync.auth.credential_file import HandedOver
from filesync.auth.google.service import TOKEN_URI, UNIVERSE, check_host, why_not
from filesync.core.errors import ConfigError
from filesync.http import Secret

_PRINCIPAL = re.compile(r"/serviceAccounts/([^/:]+):generateAccessToken$")
_GUIDES = {"external_account": "Workload identity", "impersonated_service_account": "Impersonated accounts"}


@dataclass(frozen=True, slots=True)
class GoogleServiceAccountKey:
    """What a service account's JSON key file says."""

    file: HandedOver
    client_email: str
    key_id: str
    private_key: Secret
    token_uri: str
    universe: str = UNIVERSE
    quota_project: str = ""


@dataclass(frozen=True, slots=True)
class AuthorizedUser:
    """What an authorised user's file says, as gcloud and Google's libraries write it."""

    file: HandedOver
    client_id: str
    client_secret: Secret
    refresh_token: Secret
    token_uri: str
    quota_project: str  # '' for none


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """What the file of a workload identity says: another service's token is exchanged for one of Google's."""

    file: HandedOver
    fields: Mapping[str, Any] = field(repr=False)
    audience: str
    token_url: str
    source_url: str  # where the other service's token is asked for; '' when a file holds it
    is_text: bool  # that token is the whole answer, not a field of it
    impersonation_url: str  # '' to stay who it is
    universe: str
    quota_project: str

    @property
    def principal(self) -> str:
        return _principal(self.impersonation_url) or self.audience


@dataclass(frozen=True, slots=True)
class ImpersonatedAccount:
    """What the file of an impersonated service account says."""

    file: HandedOver
    source: "GoogleServiceAccountKey | AuthorizedUser | ExternalAccount"
    principal: str
    impersonation_url: str
    delegates: tuple[str, ...]
    universe: str
    quota_project: str


Credentials = GoogleServiceAccountKey | AuthorizedUser | ExternalAccount | ImpersonatedAccount


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """What the file of an OAuth client says, as the Cloud console gives it."""

    client_id: str
    client_secret: Secret
    auth_uri: str
    token_uri: str


def read_credentials(path: Path, variable: str, universe: str = "") -> Credentials:
    """Read a credential file; `universe` is a domain of Google's besides the usual one.

    Raises AuthError that names the file and the variable it comes from.
    """
    file = HandedOver(path, f"{variable}: {path}", "Which login")
    fields = file.fields()
    kind = fields.get("type")
    file = replace(file, guide=_GUIDES.get(str(kind), file.guide))
    if "installed" in fields or "web" in fields:
        raise file.unusable(
            "it is an OAuth client, not a login; log in with it: filesync auth google login --client PATH"
        )
    if not isinstance(kind, str):
        raise file.unusable("it is no service account's key and no authorised user's file")
    if kind == "impersonated_service_account":
        return _to_impersonated(file, fields, universe)
    return _to_credentials(file, fields, universe)


def _to_credentials(
    file: HandedOver, fields: Mapping[str, Any], universe: str
) -> GoogleServiceAccountKey | AuthorizedUser | ExternalAccount:
    kind = fields.get("type")
    if kind == "service_account":
        names = ("client_email", "private_key_id", "private_key", "token_uri")
        email, key_id, key, uri = file.texts(fields, *names)
        domain = _universe(file, fields, universe)
        return GoogleServiceAccountKey(file, email, key_id, Secret(key), uri, domain, _text(fields, "quota_project_id"))
    if kind == "authorized_user":
        return _to_user(file, fields)
    if kind == "external_account":
        return _to_external(file, fields, universe)
    raise file.unusable(
        f"credentials of type {str(kind)[:40]!r} are not supported, only keys of service accounts, authorised users, "
        "workload identities and impersonated accounts"
    )


def read_client(path: Path) -> OAuthClient:
    """Read the file of an OAuth client. Raises AuthError."""
    file = HandedOver(path, f"OAuth client {path}", "Your own OAuth client")
    fields = file.fields()
    client = fields.get("installed") or fields.get("web")
    if not isinstance(client, dict):
        raise file.unusable("it is no OAuth client: download the client of type Desktop app as JSON")
    client_id, secret, auth_uri, token_uri = file.texts(client, "client_id", "client_secret", "auth_uri", "token_uri")
    return OAuthClient(client_id, Secret(secret), auth_uri, token_uri)


def _to_user(file: HandedOver, fields: Mapping[str, Any]) -> AuthorizedUser:
    """Translate an authorised user's file; gcloud names no token address, and sometimes a project for quotas."""
    client_id, secret, token = file.texts(fields, "client_id", "client_secret", "refresh_token")
    uri, project = _text(fields, "token_uri"), _text(fields, "quota_project_id")
    return AuthorizedUser(file, client_id, Secret(secret), Secret(token), uri or TOKEN_URI, project)


def _to_external(file: HandedOver, fields: Mapping[str, Any], universe: str) -> ExternalAccount:
    """Translate a workload identity's file.

    https://cloud.google.com/docs/authentication/client-libraries#external-credentials: what such a file may ask for
    """
    audience, _kind = file.texts(fields, "audience", "subject_token_type")
    domain = _universe(file, fields, universe)
    source = fields.get("credential_source")
    source = source if isinstance(source, Mapping) else {}
    if "executable" in source:  # decision 3
        raise file.unusable("its credential_source runs a program (executable), which filesync never does")
    if ("file" in source) == ("url" in source) or "environment_id" in source:
        raise file.unusable("its credential_source is neither a file nor a url, which are all that filesync reads")
    file.texts(source, "file" if "file" in source else "url")
    form = source.get("format")
    is_text = not isinstance(form, Mapping) or form.get("type", "text") == "text"
    token_url = _text(fields, "token_url") or f"https://sts.{domain}/v1/token"
    impersonation = _text(fields, "service_account_impersonation_url")
    if impersonation and not _principal(impersonation):
        raise file.unusable("its service_account_impersonation_url names no service account")
    _check_hosts(file, domain, token_url=token_url, service_account_impersonation_url=impersonation)
    project = _text(fields, "quota_project_id")
    completed = {**fields, "token_url": token_url, "universe_domain": domain}
    return ExternalAccount(
        file, completed, audience, token_url, _text(source, "url"), is_text, impersonation, domain, project
    )


def _to_impersonated(file: HandedOver, fields: Mapping[str, Any], universe: str) -> ImpersonatedAccount:
    """Translate the file that `gcloud auth application-default login --impersonate-service-account` writes."""
    (url,) = file.texts(fields, "service_account_impersonation_url")
    principal, domain = _principal(url), _universe(file, fields, universe)
    if not principal:
        raise file.unusable("its service_account_impersonation_url names no service account")
    source = fields.get("source_credentials")
    if not isinstance(source, Mapping):
        raise file.unusable("it has no source_credentials")
    found = _to_credentials(file, source, universe)
    _check_hosts(file, domain, service_account_impersonation_url=url, token_uri=getattr(found, "token_uri", ""))
    said = fields.get("delegates")
    delegates = tuple(one for one in said if isinstance(one, str)) if isinstance(said, list) else ()
    return ImpersonatedAccount(file, found, principal, url, delegates, domain, _text(fields, "quota_project_id"))


def _check_hosts(file: HandedOver, universe: str, **addresses: str) -> None:
    for name, address in addresses.items():
        try:
            check_host(address, name, universe)
        except (ConfigError, ValueError) as error:
            raise file.unusable(why_not(error, name)) from None


def _universe(file: HandedOver, fields: Mapping[str, Any], universe: str) -> str:
    domain = _text(fields, "universe_domain") or UNIVERSE
    if domain not in {UNIVERSE, universe}:
        raise file.unusable(
            f"its universe_domain is {domain[:80]}: set GOOGLE_CLOUD_UNIVERSE_DOMAIN to it, if you know it"
        )
    return domain


def _principal(url: str) -> str:
    found = _PRINCIPAL.search(url)
    return found[1] if found else ""


def _text(fields: Mapping[str, Any], name: str) -> str:
    return text.strip() if isinstance(text := fields.get(name), str) else ""
