"""Google's credential files: what kind one is, and what it says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filesync.auth.google.service import TOKEN_URI
from filesync.errors import AuthError
from filesync.http import Secret

_LARGEST = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    """What a service account's JSON key file says."""

    source: str  # the variable and path, for messages
    client_email: str
    key_id: str
    private_key: Secret
    token_uri: str


@dataclass(frozen=True, slots=True)
class AuthorizedUser:
    """What an authorised user's file says, as gcloud and Google's libraries write it."""

    source: str
    client_id: str
    client_secret: Secret
    refresh_token: Secret
    token_uri: str
    quota_project: str | None


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """What the file of an OAuth client says, as the Cloud console gives it."""

    client_id: str
    client_secret: Secret
    auth_uri: str
    token_uri: str


def read_credentials(path: Path, variable: str) -> ServiceAccountKey | AuthorizedUser:
    """Read a credential file. Raises AuthError that names the file and the variable it comes from."""
    source = f"{variable}: {path}"
    fields = _read_object(path, source)
    kind = fields.get("type")
    if kind == "service_account":
        email, key_id, key, uri = _texts(fields, source, "client_email", "private_key_id", "private_key", "token_uri")
        return ServiceAccountKey(source, email, key_id, Secret(key), uri)
    if kind == "authorized_user":
        client_id, secret, token = _texts(fields, source, "client_id", "client_secret", "refresh_token")
        uri, project = fields.get("token_uri") or TOKEN_URI, fields.get("quota_project_id")
        return AuthorizedUser(
            source, client_id, Secret(secret), Secret(token), str(uri), project if isinstance(project, str) else None
        )
    if "installed" in fields or "web" in fields:
        raise _unusable(
            source, "it is an OAuth client, not a login; log in with it: filesync auth google login --client PATH"
        )
    if isinstance(kind, str):
        raise _unusable(
            source,
            f"credentials of type {kind[:40]!r} are not supported, only keys of service accounts and authorised users",
        )
    raise _unusable(source, "it is no service account's key and no authorised user's file")


def read_client(path: Path) -> OAuthClient:
    """Read the file of an OAuth client. Raises AuthError."""
    source = f"OAuth client {path}"
    fields = _read_object(path, source)
    client = fields.get("installed") or fields.get("web")
    if not isinstance(client, dict):
        raise _unusable(source, "it is no OAuth client: download the client of type Desktop app as JSON")
    client_id, secret, auth_uri, token_uri = _texts(
        client, source, "client_id", "client_secret", "auth_uri", "token_uri"
    )
    return OAuthClient(client_id, Secret(secret), auth_uri, token_uri)


def _texts(fields: Mapping[str, Any], source: str, *names: str) -> list[str]:
    for name in names:
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise _unusable(source, f"it has no {name}")
    return [fields[name] for name in names]


def _read_object(path: Path, source: str) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            fields = json.loads(file.read(_LARGEST))
    except OSError as error:
        raise _unusable(source, error.strerror or "it cannot be read") from error
    except (ValueError, RecursionError):
        raise _unusable(source, "it is not JSON") from None  # the parser's error holds the file's text
    if not isinstance(fields, dict):
        raise _unusable(source, "it is no credential file")
    return fields


def _unusable(source: str, why: str) -> AuthError:
    return AuthError(f"{source} cannot be used: {why}; see 'Which login' in OAUTH_SETUP.md")
