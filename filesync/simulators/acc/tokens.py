"""The token endpoint: who asks, for what, and what a token that comes back is worth.

https://aps.autodesk.com/en/docs/oauth/v2/reference/http/gettoken-POST
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from filesync.simulators.acc import refusals
from filesync.simulators.acc.records import App
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.messages import Answer, Call

LIFETIME = 3599  # seconds
_MOST_SCOPES = 50
_LONGEST_SCOPE = 3000  # characters


@dataclass(frozen=True, slots=True)
class Token:
    app: App
    scopes: frozenset[str]
    expires: float  # the clock's monotonic seconds


class Tokens:
    """Issues tokens to the apps and knows them again; `lifetime` is in seconds."""

    def __init__(self, apps: Mapping[str, App], clock: SimulatedClock) -> None:
        self.lifetime = float(LIFETIME)
        self._apps = apps
        self._clock = clock
        self._issued: dict[str, Token] = {}
        self._count = 0

    def revoke_all(self) -> None:
        """Make every token that is out unknown."""
        self._issued.clear()

    def reply(self, call: Call) -> Answer:
        """POST /authentication/v2/token, grant client_credentials."""
        form = _form(call)
        app = self._client(call, form)
        if form.get("grant_type") != "client_credentials":
            raise refusals.login(400, "unsupported_grant_type", "The grant type is not supported or missing.")
        return self._issue(app, _scopes(form, app))

    def check(self, call: Call) -> Token:
        """Give the token that the call carries, or refuse as the gateway does."""
        kind, _, text = call.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not text:
            raise refusals.gateway(401, "AUTH-008", "Token is not provided in the request.")
        token = self._issued.get(text)
        if token is None or token.expires <= self._clock.monotonic():
            raise refusals.gateway(401, "AUTH-006", "The token is not valid or has expired.")
        return token

    def _client(self, call: Call, form: Mapping[str, str]) -> App:
        header = call.headers.get("authorization")
        in_form = "client_id" in form or "client_secret" in form
        if header is not None and in_form:
            raise refusals.login(400, "invalid_request", "Client credentials are in the header and in the body.")
        if header is None and not in_form:
            raise refusals.login(400, "invalid_request", "The client_id is not present in the request.")
        name, secret = _basic(header) if header is not None else (form.get("client_id", ""), form.get("client_secret"))
        app = self._apps.get(name)
        if app is None or secret != app.client_secret:
            raise refusals.login(401, "invalid_client", "The client_id or client_secret is not valid.")
        return app

    def _issue(self, app: App, scopes: frozenset[str]) -> Answer:
        self._count += 1
        text = f"simulated.{hashlib.blake2b(f'{app.client_id}:{self._count}'.encode(), digest_size=24).hexdigest()}"
        self._issued[text] = Token(app, scopes, self._clock.monotonic() + self.lifetime)
        return Answer.of_json({"access_token": text, "token_type": "Bearer", "expires_in": int(self.lifetime)})


def _form(call: Call) -> dict[str, str]:
    if call.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise refusals.login(400, "invalid_request", "The content type must be application/x-www-form-urlencoded.")
    pairs = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    if len(pairs) != len(dict(pairs)):
        raise refusals.login(400, "invalid_request", "A parameter is given more than once.")
    return dict(pairs)


def _basic(header: str) -> tuple[str, str]:
    kind, _, text = header.partition(" ")
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name, secret = "", ""
    if kind != "Basic":  # the OpenAPI text says Bearer, which is a slip (aps.md 1.1)
        raise refusals.login(401, "invalid_client", "The authorization header must be Basic.")
    return name, secret


def _scopes(form: Mapping[str, str], app: App) -> frozenset[str]:
    text = form.get("scope", "")
    wanted = text.split(" ") if text else []
    if len(wanted) > _MOST_SCOPES or len(text) > _LONGEST_SCOPE or not app.scopes.issuperset(wanted):
        raise refusals.login(400, "invalid_scope", "The requested scope is invalid, unknown or malformed.")
    return frozenset(wanted)
