"""From the environment to a connection with Autodesk: which login, which requests; nothing is asked yet."""

from filesync.auth import Login
from filesync.auth.autodesk import login_of
from filesync.http import Connection
from filesync.providers.autodesk.routes import ROUTES, explain
from filesync.providers.base import Surroundings


def connect(surroundings: Surroundings, act_as_user: str | None = None) -> tuple[Connection, Login]:
    """Choose the login and make a connection that sends what ROUTES allow. Raises AuthError."""
    app, login = login_of(
        surroundings.variables, surroundings.connector, surroundings.path, surroundings.credentials, act_as_user
    )
    connection = surroundings.connector.connect(
        base_url=app.base_url, routes=ROUTES, client_key=app.client_id, authoriser=login, explain=explain
    )
    return connection, login
