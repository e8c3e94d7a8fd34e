"""The gateway in front of the service: logins, tokens, limits, and the switches for their moods."""

import json
from collections.abc import Mapping
from dataclasses import replace

from filesync.runtime.clock import Clock, SystemClock
from filesync.simulators.acc import refusals
from filesync.simulators.acc.authorize import AutodeskAuthorize
from filesync.simulators.acc.clients import named
from filesync.simulators.acc.documents import Documents, Rules
from filesync.simulators.acc.granting import Granting
from filesync.simulators.acc.records import AccUser
from filesync.simulators.acc.service_accounts import ServiceAccounts
from filesync.simulators.acc.texts import AccFileTexts
from filesync.simulators.acc.tokens import AutodeskSignIn, AutodeskTokens
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.consent import Consent, ConsentDesk, ConsentRequest
from filesync.simulators.echo import echoed
from filesync.simulators.messages import Call, HttpResponse, ServedRoute
from filesync.simulators.server import Loopback

# https://aps.autodesk.com/en/docs/data/v2/developers_guide/rate-limiting/dm-rate-limits: per client id and minute
LIMITS = {
    **dict.fromkeys(("token", "authorize", "introspect"), 500),
    "revoke": 100,
    **dict.fromkeys(("hubs", "hub", "projects", "project"), 50),
    **dict.fromkeys(("top_folders", "folder", "contents", "item", "commands"), 300),
    "versions": 800,
}
_LOGIN = "/authentication/v2"


class AutodeskGateway(Documents, Loopback):
    """Lets apps and people in.

    `consent`: how the page of a three-legged login is answered. `signed_in`: the id of the user who sits before it.
    `wall`: the clock by which the makers of assertions live. `echoes_secrets`: refusals of logins
    and of tokens repeat what was sent. Lifetimes are in `tokens`.
    """

    def __init__(
        self,
        clock: SimulatedClock | None = None,
        *,
        seed: int = 1,
        rules: Rules | None = None,
        wall: Clock | None = None,
    ) -> None:
        Loopback.__init__(self, clock, LIMITS)
        Documents.__init__(self, self.clock, seed, rules)
        self.wall: Clock = wall or SystemClock()
        self.consent: Consent = "ask"
        self.signed_in = self.default_user.id
        self.largest_page = 200  # entries; a test makes it small to have many pages of a small folder
        self.echoes_secrets = False
        self.tokens = AutodeskTokens(self.clock)
        self.texts = AccFileTexts()
        self._service_accounts = ServiceAccounts(lambda: f"{self.base_url}{_LOGIN}/token", lambda: self.wall)
        self._desk = ConsentDesk(lambda: self.consent, f"{_LOGIN}/authorize/decision", self._approve)

    def add_service_account(self, client_id: str, name: str = "filesync") -> dict[str, str]:
        """Add a Secure Service Account to an app: a user who sees nothing until he is a member of something.

        Returns what his key file holds, and his e-mail address.
        """
        app, user = self.apps[client_id], self.users[self.add_user(name)]
        return self._service_accounts.add(AutodeskSignIn(app, user, app.scopes), self.ids.guid())

    def enable_service_account(self, service_account_id: str) -> None:
        """Let a disabled service account log in again."""
        self._service_accounts.enable(service_account_id)

    def disable_service_account(self, service_account_id: str) -> None:
        self._service_accounts.disable(service_account_id)

    def revoke_tokens(self) -> None:
        """Answer 401 to every access token that is out."""
        self.tokens.revoke_all()

    def revoke_logins(self) -> None:
        """Refuse every refresh token that is out: people must sign in again."""
        self.tokens.revoke_logins()

    def login_routes(self) -> tuple[ServedRoute, ...]:
        granting = Granting(self.apps, self.tokens, self._service_accounts)
        authorize = AutodeskAuthorize(self.apps, self._desk, lambda: self.users[self.signed_in].name)
        return (
            ServedRoute("token", "POST", f"{_LOGIN}/token", granting.token, token=True),
            ServedRoute("revoke", "POST", f"{_LOGIN}/revoke", granting.revoke, token=True),
            ServedRoute("introspect", "POST", f"{_LOGIN}/introspect", granting.introspect, token=True),
            ServedRoute("authorize", "GET", f"{_LOGIN}/authorize", authorize.reply, token=True),
            ServedRoute("decision", "POST", f"{_LOGIN}/authorize/decision", self._desk.decide, token=True),
        )

    def authorise(self, route: ServedRoute, call: Call) -> str:
        if route.token:
            return named(call)
        token = self.tokens.check(call)
        if not token.app.api_enabled:
            message = "The client_id specified does not have access to the api product"
            raise refusals.gateway(403, "AUTH-001", message)
        if "data:read" not in token.scopes:
            raise refusals.gateway(403, "AUTH-010", "Token does not have the privilege for this request.")
        if token.user is not None and "x-user-id" in call.headers:
            raise refusals.document(403, "BIM360DM_ERROR", "The header x-user-id is for two-legged tokens only.")
        return token.app.client_id

    def reply(self, route: ServedRoute, call: Call) -> tuple[HttpResponse, Call]:
        answer, call = super().reply(route, call)
        refused = answer.status in (401, 403) or (route.token and answer.status >= 400)
        return (echoed(answer, call) if self.echoes_secrets and refused else answer), call

    def unknown_route(self, call: Call) -> HttpResponse:
        return refusals.gateway(404, "PATH-404", f"No such resource: {call.path[:100]}").answer

    def wrong_method(self, call: Call, allowed: str) -> HttpResponse:
        refused = refusals.gateway(405, "METHOD-405", f"{call.method} is not allowed here.")
        return refused.answer.with_headers(Allow=allowed)

    def over_limit(self, route: str, retry_after: float | None) -> HttpResponse:  # noqa: ARG002 - all routes say the same
        return refusals.over_limit(retry_after)

    def repeat_page(self, answer: HttpResponse, call: Call) -> HttpResponse:
        page = json.loads(answer.body)
        page.setdefault("links", {})["next"] = {"href": f"{self.base_url}{call.target}"}
        return replace(answer, body=json.dumps(page).encode())

    def asking_user(self, call: Call) -> AccUser | None:
        """Return on whose behalf the call asks: the token's user, or the one in x-user-id; None: the app itself."""
        user, name = self.tokens.check(call).user, call.headers.get("x-user-id")
        if user is not None or name is None:
            return user
        if name not in self.users:
            raise refusals.document(403, "BIM360DM_ERROR", "The user in x-user-id is not known.")
        return self.users[name]

    def _approve(self, request: ConsentRequest) -> Mapping[str, str]:
        login = AutodeskSignIn(self.apps[request.client_id], self.users[self.signed_in], request.scopes)
        return {"code": self.tokens.issue_code(request, login)}
