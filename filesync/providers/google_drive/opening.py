"""From the environment to a connection with Drive: which login, with which scopes; nothing is asked yet."""

from filesync.auth.google import METADATA_ONLY, Account, login_of
from filesync.providers.base import Surroundings
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.refusals import explain
from filesync.providers.google_drive.routes import ROUTES

_BASE_URL = "https://www.googleapis.com"


def connect(
    surroundings: Surroundings, subject: str | None = None, *, scopes: tuple[str, ...] = METADATA_ONLY
) -> tuple[Drive, Account]:
    """Choose the login and make a connection that sends what ROUTES allow. Raises AuthError."""
    variables, connector = surroundings.variables, surroundings.connector
    login = login_of(
        variables,
        connector,
        surroundings.path,
        surroundings.credentials,
        explain=explain,
        subject=subject,
        scopes=scopes,
    )
    base_url = variables.get("CONNECTOR_GOOGLE_BASE_URL") or _BASE_URL
    connection = connector.connect(
        base_url=base_url, routes=ROUTES, client_key=login.account, authoriser=login, explain=explain
    )
    return Drive(connection, base_url), login
