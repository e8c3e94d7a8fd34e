"""GET /authentication/v2/authorize: the browser's first stop of a three-legged login.

https://aps.autodesk.com/en/docs/oauth/v2/reference/http/authorize-GET
"""

import re
from collections.abc import Callable, Mapping

from filesync.simulators.acc.granting import wanted_scopes
from filesync.simulators.acc.records import RegisteredApp
from filesync.simulators.consent import (
    AuthorizationError,
    ConsentDesk,
    ConsentRequest,
    challenge_of,
    redirect,
    refused_page,
)
from filesync.simulators.messages import Call, HttpResponse, Refused

_LONGEST_SCOPE = 2000  # characters
_STATE = re.compile(r"[A-Za-z0-9,._-]*")
_PROMPTS = (None, "login", "create")


class AutodeskAuthorize:
    """Checks what an app wants before the person is asked: errors go to the app once its address is known."""

    def __init__(self, apps: Mapping[str, RegisteredApp], desk: ConsentDesk, person: Callable[[], str]) -> None:
        self._apps = apps
        self._desk = desk
        self._person = person

    def reply(self, call: Call) -> HttpResponse:
        app = self._apps.get(call.query.get("client_id", ""))
        if app is None:
            raise refused_page(400, "invalid_client", "The client_id is missing or not known.")
        uri = call.query.get("redirect_uri", "")
        if uri not in app.callbacks:
            raise refused_page(400, "invalid_request", "The redirect_uri is missing, or no callback URL of the app.")
        try:
            request = _read(call.query, app)
        except AuthorizationError as error:
            return redirect(uri, call.query.get("state"), error=error.code, error_description=str(error))
        return self._desk.ask(request, self._person())


def _read(query: Mapping[str, str], app: RegisteredApp) -> ConsentRequest:
    if query.get("response_type") != "code":
        raise AuthorizationError("unsupported_response_type", "The response_type must be code.")
    if query.get("response_mode", "query") != "query" or query.get("prompt") not in _PROMPTS:
        raise AuthorizationError("invalid_request", "The response_mode or prompt is not supported.")
    state = query.get("state")
    if state is not None and not _STATE.fullmatch(state):
        raise AuthorizationError("invalid_request", "The state may hold letters, digits and ,._- only.")
    challenge = challenge_of(query, required=app.client_secret is None)
    return ConsentRequest(app.client_id, query["redirect_uri"], _scopes(query, app), state, challenge)


def _scopes(query: Mapping[str, str], app: RegisteredApp) -> frozenset[str]:
    try:
        scopes = wanted_scopes(query.get("scope", ""), app.scopes, _LONGEST_SCOPE)
    except Refused:
        scopes = frozenset()
    if not scopes:
        raise AuthorizationError("invalid_scope", "The requested scope is missing, invalid, unknown or malformed.")
    return scopes
