"""Google's credential files: what kind one is, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filesync.auth.credential_file import HandedOver
from filesync.auth.google.service import TOKEN_URI
from filesync.http import Secret


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    """What a service account's JSON key file says."""

    file: HandedOver
    client_email: str
    key_id: str
    private_key: Secret
    token_uri: str


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
class OAuthClient:
    """What the file of an OAuth client says, as the Cloud console gives it."""

    client_id: str
    client_secret: Secret
    auth_uri: str
    token_uri: str


def read_credentials(path: Path, variable: str) -> ServiceAccountKey | AuthorizedUser:
    """Read a credential file. Raises AuthError that names the file and the variable it comes from."""
    file = HandedOver(path, f"{variable}: {path}", "Which login")
    fields = file.fields()
    kind = fields.get("type")
    if kind == "service_account":
        names = ("client_email", "private_key_id", "private_key", "token_uri")
        email, key_id, key, uri = file.texts(fields, *names)
        return ServiceAccountKey(file, email, key_id, Secret(key), uri)
    if kind == "authorized_user":
        return _to_user(file, fields)
    if "installed" in fields or "web" in fields:
        raise file.unusable(
            "it is an OAuth client, not a login; log in with it: filesync auth google login --client PATH"
        )
    if isinstance(kind, str):
        raise file.unusable(
            f"credentials of type {kind[:40]!r} are not supported, only keys of service accounts and authorised users"
        )
    raise file.unusable("it is no service account's key and no authorised user's file")


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
    uri, project = (
        text if isinstance(text := fields.get(name), str) else "" for name in ("token_uri", "quota_project_id")
    )
    return AuthorizedUser(file, client_id, Secret(secret), Secret(token), uri or TOKEN_URI, project)
