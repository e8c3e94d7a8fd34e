"""From the environment to a connection with Drive: which login, with which scopes; nothing is asked yet."""

from collections.abc import Sequence

from filesync.auth import Login
from filesync.auth.google import DEFAULT_KEY_PATH, METADATA_ONLY, ServiceAccount, read_key
from filesync.providers.base import Surroundings
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.routes import ROUTES, explain

_BASE_URL = "https://www.googleapis.com"


def connect(
    surroundings: Surroundings, subject: str | None = None, *, scopes: Sequence[str] = METADATA_ONLY
) -> tuple[Drive, Login]:
    """Choose the login and make a connection that sends what ROUTES allow. Raises AuthError."""
    variables, connector = surroundings.variables, surroundings.connector
    key = read_key(surroundings.path(variables.get("GOOGLE_CREDENTIALS_PATH") or DEFAULT_KEY_PATH))
    tokens = surroundings.path("tokens")
    login = ServiceAccount(key, connector, surroundings.clock, tokens, scopes=scopes, subject=subject)
    base_url = variables.get("CONNECTOR_GOOGLE_BASE_URL") or _BASE_URL
    connection = connector.connect(
        base_url=base_url,
        routes=ROUTES,
        client_key=subject or key.client_email,
        authoriser=login,
        explain=explain,
    )
    return Drive(connection, base_url), login
