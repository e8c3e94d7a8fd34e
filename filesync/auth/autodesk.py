"""Autodesk logins: how the app, or a person through it, proves who it is.

https://aps.autodesk.com/en/docs/oauth/v2/reference/http/gettoken-POST/
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filesync.auth.tokens import Token, TokenFile, TokenKey, bearer, bearer_token, fingerprint, to_token
from filesync.clock import Clock
from filesync.errors import AuthError, RefusedError
from filesync.http import Connector, Refusal, Route, Secret
from filesync.model import Identity

BASE_URL = "https://developer.api.autodesk.com"
READ_ONLY = ("data:read",)

TOKEN = Route("Autodesk login", "POST", "/authentication/v2/token", per_minute=500)

_CLIENT_ID = "CONNECTOR_AUTODESK_CLIENT_ID"
_CLIENT_SECRET = "CONNECTOR_AUTODESK_CLIENT_SECRET"  # noqa: S105  the variable's name


@dataclass(frozen=True, slots=True)
class App:
    """An app as it is registered with Autodesk, and the address it is used at."""

    client_id: str
    client_secret: Secret
    base_url: str = BASE_URL

    def basic_header(self) -> Mapping[str, str]:
        """Give the client's proof. It goes into the header only: header and form together are a 400."""
        proof = base64.b64encode(f"{self.client_id}:{self.client_secret.reveal()}".encode())
        return {"Authorization": f"Basic {proof.decode()}"}


def app_of(variables: Mapping[str, str]) -> App:
    """Read the app from the environment of spec section 2. Raises AuthError that names what is missing."""
    for name in (_CLIENT_ID, _CLIENT_SECRET):
        if not variables.get(name, "").strip():
            raise AuthError(f"{name} is not set: the Autodesk login needs it; see OAUTH_SETUP.md")
    base_url = variables.get("CONNECTOR_AUTODESK_BASE_URL", "").strip() or BASE_URL
    return App(variables[_CLIENT_ID].strip(), Secret(variables[_CLIENT_SECRET].strip()), base_url)


class TwoLegged:
    """The app in its own name (client_credentials), or as one member with `act_as_user`; an Authoriser."""

    def __init__(
        self, app: App, connector: Connector, clock: Clock, tokens: Path, *, act_as_user: str | None = None
    ) -> None:
        self._app = app
        self._clock = clock
        self._redactor = connector.redactor
        self._identity = {"x-user-id": act_as_user} if act_as_user else {}
        self._connection = connector.connect(
            base_url=app.base_url, routes=(TOKEN,), client_key=app.client_id, authoriser=None, explain=explain_login
        )
        # One token serves every act_as_user: the header says for whom, not the token.
        credential = fingerprint(app.client_secret.reveal())
        address = app.base_url.rstrip("/")
        key = TokenKey("autodesk-two-legged", app.client_id, address, READ_ONLY, credential=credential)
        self._file = TokenFile(tokens, key, clock, connector.stop)
        self._redactor.hide(app.client_secret.reveal())
        self._redactor.hide(app.basic_header()["Authorization"].removeprefix("Basic "))

    def headers(self) -> Mapping[str, str]:
        token = self._file.current(self._fetch)
        self._redactor.hide(token)
        return {**bearer(token), **self._identity}

    def renew(self, rejected: Mapping[str, str]) -> None:
        self._file.forget(bearer_token(rejected))

    def identity(self) -> Identity:
        return Identity("two_legged", self._app.client_id, self._identity.get("x-user-id", ""))

    def _fetch(self) -> Token:
        form = {"grant_type": "client_credentials", "scope": " ".join(READ_ONLY)}
        try:
            answer = self._connection.post_form(TOKEN, "/authentication/v2/token", form, self._app.basic_header())
        except RefusedError as error:
            raise AuthError(
                f"{error}; check {_CLIENT_ID} and {_CLIENT_SECRET}, and the app's APIs; see OAUTH_SETUP.md"
            ) from error
        return to_token(answer, self._clock)


def explain_login(_status: int, body: Any) -> Refusal:
    """Read the token endpoint's two shapes of error: its own (RFC 6749, 5.2) and the API gateway's."""
    fields = body if isinstance(body, Mapping) else {}
    reason = fields.get("error") or fields.get("errorCode") or ""
    detail = fields.get("error_description") or fields.get("developerMessage") or ""
    return Refusal(str(reason), str(detail))
