"""GET /o/oauth2/auth: the browser's first stop of a person's login.

https://developers.google.com/identity/protocols/oauth2/native-app#step-2:-send-a-request-to-googles-oauth-2.0-server
"""

from collections.abc import Callable, Mapping

from filesync.simulators.consent import AuthorizationError, ConsentDesk, ConsentRequest, challenge_of, refused_page
from filesync.simulators.drive.clients import RegisteredClients
from filesync.simulators.drive.discovery import known_scopes
from filesync.simulators.messages import Call, HttpResponse

_PROMPTS = frozenset({"none", "consent", "select_account"})


class GoogleAuthorize:
    """Checks what an app wants before the person is asked; mistakes are shown to the person, never sent to the app."""

    def __init__(self, clients: RegisteredClients, desk: ConsentDesk, person: Callable[[], str]) -> None:
        self._clients = clients
        self._desk = desk
        self._person = person

    def reply(self, call: Call) -> HttpResponse:
        client = self._clients.find(call.query.get("client_id", ""))
        if client is None:
            raise refused_page(401, "invalid_client", "The OAuth client was not found.")
        if not client.accepts(call.query.get("redirect_uri", "")):
            message = "The redirect URI in the request does not match the ones authorized for the OAuth client."
            raise refused_page(400, "redirect_uri_mismatch", message)
        try:
            request = _read(call.query)
        except AuthorizationError as error:
            raise refused_page(400, error.code, str(error)) from None
        if "none" in _prompts(call.query):
            return request.back(error="interaction_required")
        return self._desk.ask(request, self._person())


def _read(query: Mapping[str, str]) -> ConsentRequest:
    if query.get("response_type") != "code":
        raise AuthorizationError("unsupported_response_type", "The response_type must be code.")
    access, prompts = query.get("access_type", "online"), _prompts(query)
    if access not in ("online", "offline") or not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise AuthorizationError("invalid_request", "The access_type or prompt is invalid.")
    scopes = frozenset(query.get("scope", "").split())
    if not scopes or not scopes <= known_scopes():
        raise AuthorizationError("invalid_scope", "Some requested scopes were invalid, or there were none.")
    return ConsentRequest(
        query["client_id"],
        query["redirect_uri"],
        scopes,
        query.get("state"),
        challenge_of(query, required=False),
        offline=access == "offline",
        insists="consent" in prompts,
    )


def _prompts(query: Mapping[str, str]) -> frozenset[str]:
    return frozenset(query.get("prompt", "").split())
