"""From the environment to a connection with Autodesk: which login, which requests; nothing is asked yet."""

from filesync.auth import Login
from filesync.auth.autodesk import TwoLegged, app_of
from filesync.errors import AuthError
from filesync.http import Connection
from filesync.providers.autodesk.routes import ROUTES, explain
from filesync.providers.base import Surroundings


def connect(surroundings: Surroundings, act_as_user: str | None = None) -> tuple[Connection, Login]:
    """Choose the login and make a connection that sends what ROUTES allow. Raises AuthError."""
    app = app_of(surroundings.variables)
    login = _login(surroundings, act_as_user)
    connection = surroundings.connector.connect(
        base_url=app.base_url, routes=ROUTES, client_key=app.client_id, authoriser=login, explain=explain
    )
    return connection, login


def _login(surroundings: Surroundings, act_as_user: str | None) -> Login:
    flow = surroundings.variables.get("CONNECTOR_AUTODESK_AUTH", "").strip()
    if flow not in ("", "auto", "two_legged"):
        raise AuthError(f"CONNECTOR_AUTODESK_AUTH is {flow}: only two_legged is supported so far; see OAUTH_SETUP.md")
    tokens = surroundings.path("tokens")
    app = app_of(surroundings.variables)
    return TwoLegged(app, surroundings.connector, surroundings.clock, tokens, act_as_user=act_as_user)
