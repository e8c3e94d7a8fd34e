"""The app at Autodesk: how it is registered, how it proves itself, and what its login requests are.

https://aps.autodesk.com/en/docs/oauth/v2/reference/http/gettoken-POST/
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from filesync.core.errors import AuthError, RefusedError
from filesync.http import Answer, Connection, Connector, Refusal, Route, Secret

BASE_URL = "https://developer.api.autodesk.com"
READ_ONLY = ("data:read",)
CLIENT_ID = "CONNECTOR_AUTODESK_CLIENT_ID"
CLIENT_SECRET = "CONNECTOR_AUTODESK_CLIENT_SECRET"  # noqa: S105  the variable's name

TOKEN_PATH = "/authentication/v2/token"  # noqa: S105  an address
TOKEN = Route("Autodesk login", "POST", TOKEN_PATH, per_minute=500, gives_login=True)
INTROSPECT = Route("Autodesk login check", "POST", "/authentication/v2/introspect", per_minute=500)
REVOKE = Route("Autodesk logout", "POST", "/authentication/v2/revoke", per_minute=100, answers=False)

ACCOUNT_DISABLED = "account_disabled"  # our reason for what Autodesk, too, calls `invalid_grant`

_GUIDE = "see 'Create the app' in OAUTH_SETUP.md"
_DISABLED = re.compile(r"\b(account|user)\b.*\b(not enabled|disabled|deactivated|suspended|locked)\b")


@dataclass(frozen=True, slots=True)
class App:
    """An app as it is registered with Autodesk, and the address it is used at; a public app has no secret."""

    client_id: str
    client_secret: Secret
    base_url: str = BASE_URL
    credentials: str = ""  # name of the set that this comes from, '' for the environment

    @property
    def named(self) -> str:
        """Return where id and secret come from."""
        if self.credentials:
            return f"client_id and client_secret of credentials {self.credentials!r}"
        return f"{CLIENT_ID} and {CLIENT_SECRET}"

    @property
    def token_address(self) -> str:
        return f"{self.base_url.rstrip('/')}{TOKEN_PATH}"

    def basic_header(self) -> Mapping[str, str]:
        """Return the client's proof. It goes into the header only: header and form together are a 400.

        https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1: both are form-urlencoded first, so that a `:` in the id,
        or a `%` or `+` in either, is not taken for something else.
        """
        client_id, secret = (quote_plus(each) for each in (self.client_id, self.client_secret.reveal()))
        proof = base64.b64encode(f"{client_id}:{secret}".encode())
        return {"Authorization": f"Basic {proof.decode()}"}


class LoginService:
    """Autodesk's login requests as one app; safe to share between threads."""

    def __init__(self, app: App, connector: Connector) -> None:
        self.app = app
        self.redactor = connector.redactor
        self.clock = connector.clock
        self.stop = connector.stop
        self._connection = self._connect(connector)
        if app.client_secret:
            self.redactor.hide(app.client_secret.reveal())
            self.redactor.hide(app.basic_header()["Authorization"].removeprefix("Basic "))

    def ask(self, route: Route, form: Mapping[str, str]) -> Answer:
        """Send a form with the app's proof: the header, or a public app's id in the form. Raises RefusedError."""
        if self.app.client_secret:
            return self._connection.post_form(route, route.pattern, form, self.app.basic_header())
        return self._connection.post_form(route, route.pattern, {**form, "client_id": self.app.client_id})

    def _connect(self, connector: Connector) -> Connection:
        return connector.connect(
            base_url=self.app.base_url,
            routes=(TOKEN, INTROSPECT, REVOKE),
            client_key=self.app.client_id,
            authoriser=None,
            explain=explain_login,
        )


def app_of(variables: Mapping[str, str], credentials: str = "", *, public: bool = False) -> App:
    """Read the app from the environment of spec section 2, or a named set; only a `public` one may lack its secret.

    Raises AuthError that names what is missing.
    """
    client_id, secret = (variables.get(name, "").strip() for name in (CLIENT_ID, CLIENT_SECRET))
    if not client_id:
        name = f"client_id of credentials {credentials!r}" if credentials else CLIENT_ID
        raise AuthError(f"{name} is not set: the Autodesk login needs it; {_GUIDE}")
    if not secret and not public:
        name = f"client_secret of credentials {credentials!r}" if credentials else CLIENT_SECRET
        raise AuthError(
            f"{name} is not set: the app's own login needs it; with an app that has no secret, run: "
            f"filesync auth autodesk login; {_GUIDE}"
        )
    base_url = variables.get("CONNECTOR_AUTODESK_BASE_URL", "").strip() or BASE_URL
    return App(client_id, Secret(secret), base_url, credentials)


def explain_login(_status: int, body: Any) -> Refusal:
    """Read the token endpoint's two shapes of error: its own (RFC 6749, 5.2) and the API gateway's."""
    fields = body if isinstance(body, Mapping) else {}
    reason = str(fields.get("error") or fields.get("errorCode") or "")
    detail = str(fields.get("error_description") or fields.get("developerMessage") or "")
    if reason == "invalid_grant" and _DISABLED.search(detail.casefold()):
        return Refusal(ACCOUNT_DISABLED, f"{reason}: {detail}")
    return Refusal(reason, detail)


_OF_APP = {
    "invalid_client": "check {named}; see 'Create the app' in OAUTH_SETUP.md",
    "unauthorized_client": "this kind of app may not log in this way; see 'Which login' in OAUTH_SETUP.md",
    "invalid_scope": "the app may not ask for data:read: enable the Data Management API for it; "
    "see 'Create the app' in OAUTH_SETUP.md",
    "AUTH-001": "enable the Data Management and Autodesk Construction Cloud APIs for the app; "
    "see 'Create the app' in OAUTH_SETUP.md",
}


def refused(error: RefusedError, app: App, otherwise: str) -> AuthError:
    """Make the error that says what to do: by the service's own code where it concerns the app, else `otherwise`."""
    return AuthError(f"{error}; {_OF_APP.get(error.reason, otherwise).replace('{named}', app.named)}")
