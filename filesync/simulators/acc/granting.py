"""The endpoints that give, take back and describe tokens.

https://aps.autodesk.com/en/docs/oauth/v2/reference/http/gettoken-POST
"""

from collections.abc import Mapping

from filesync.simulators.acc import refusals
from filesync.simulators.acc.clients import authenticate, form_of
from filesync.simulators.acc.records import RegisteredApp
from filesync.simulators.acc.service_accounts import ServiceAccounts
from filesync.simulators.acc.tokens import AutodeskCode, AutodeskSignIn, AutodeskTokens, Refresh
from filesync.simulators.consent import is_proof
from filesync.simulators.keys import JWT_BEARER
from filesync.simulators.messages import Call, HttpResponse, Refused

_MOST_SCOPES = 50
_LONGEST_SCOPE = 3000  # characters


class Granting:
    """Answers the calls of apps, which prove themselves each time."""

    def __init__(self, apps: Mapping[str, RegisteredApp], tokens: AutodeskTokens, accounts: ServiceAccounts) -> None:
        self._apps = apps
        self._tokens = tokens
        self._accounts = accounts
        self._grants = {
            "client_credentials": self._by_credentials,
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            JWT_BEARER: self._by_assertion,
        }

    def token(self, call: Call) -> HttpResponse:
        """POST /authentication/v2/token."""
        form = form_of(call)
        app = authenticate(call, form, self._apps)
        grant = self._grants.get(form.get("grant_type", ""))
        if grant is None:
            raise refusals.login(400, "unsupported_grant_type", "The grant type is not supported or missing.")
        with self._tokens.lock:
            return HttpResponse.of_json(grant(app, form))

    def revoke(self, call: Call) -> HttpResponse:
        """POST /authentication/v2/revoke: it looks only where the hint says; what is not known is no mistake."""
        form = form_of(call)
        app = authenticate(call, form, self._apps)
        text, hint = _required(form, "token"), _required(form, "token_type_hint")
        if hint not in ("access_token", "refresh_token"):
            raise refusals.login(400, "invalid_request", "The token_type_hint is not valid.")
        with self._tokens.lock:
            if hint == "refresh_token":
                self._revoke_login(app, text)
            else:
                self._revoke_token(app, text)
        return HttpResponse(200)

    def introspect(self, call: Call) -> HttpResponse:
        """POST /authentication/v2/introspect: of access tokens, and only the app's own."""
        form = form_of(call)
        app = authenticate(call, form, self._apps)
        token = self._tokens.find(_required(form, "token"))
        if token is None or token.app.client_id != app.client_id:
            return HttpResponse.of_json({"active": False})
        user = {"userid": token.user.id} if token.user else {}
        about = {"scope": " ".join(sorted(token.scopes)), "client_id": app.client_id}
        return HttpResponse.of_json({"active": True, **about, "exp": self._tokens.to_timestamp(token.expires), **user})

    def _by_credentials(self, app: RegisteredApp, form: Mapping[str, str]) -> dict[str, object]:
        _check_confidential(app)
        return self._answer(app, wanted_scopes(form.get("scope", ""), app.scopes, _LONGEST_SCOPE))

    def _by_code(self, app: RegisteredApp, form: Mapping[str, str]) -> dict[str, object]:
        text, uri = _required(form, "code"), _required(form, "redirect_uri")
        verifier = form.get("code_verifier") if app.client_secret else _required(form, "code_verifier")
        code = self._tokens.find_code(text)
        if code is None or not code.login.is_of(app):
            raise _invalid_grant("The authorization code is invalid.")
        if code.used:
            code.login.alive = False
            raise _invalid_grant("The authorization code was used already.")
        if self._tokens.is_over(code.expires) or uri != code.request.redirect_uri:
            raise _invalid_grant("The authorization code has expired, or the redirect_uri is another.")
        _check_verifier(code, verifier)
        code.used = True
        return self._three_legged(code.login, code.login.scopes)

    def _by_refresh(self, app: RegisteredApp, form: Mapping[str, str]) -> dict[str, object]:
        refresh = self._own_refresh(app, _required(form, "refresh_token"))
        if refresh is None:
            raise _invalid_grant("The refresh token is invalid.")
        if refresh.used:
            refresh.login.alive = False
        if not refresh.login.alive or self._tokens.is_over(refresh.expires):
            raise _invalid_grant("The refresh token has expired, or was used or revoked.")
        scopes = wanted_scopes(form.get("scope", ""), refresh.login.scopes, _LONGEST_SCOPE) or refresh.login.scopes
        refresh.used = True
        return self._three_legged(refresh.login, scopes)

    def _by_assertion(self, app: RegisteredApp, form: Mapping[str, str]) -> dict[str, object]:
        _check_confidential(app)
        login, scopes = self._accounts.admit(_required(form, "assertion"), app)
        wanted = wanted_scopes(form.get("scope", ""), scopes, _LONGEST_SCOPE) or scopes
        return self._answer(app, wanted, login)

    def _three_legged(self, login: AutodeskSignIn, scopes: frozenset[str]) -> dict[str, object]:
        answer = self._answer(login.app, scopes, login)
        return {**answer, "refresh_token": self._tokens.issue_refresh(login)}

    def _answer(
        self, app: RegisteredApp, scopes: frozenset[str], login: AutodeskSignIn | None = None
    ) -> dict[str, object]:
        token = self._tokens.issue(app, scopes, login)
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(self._tokens.lifetime)}

    def _own_refresh(self, app: RegisteredApp, text: str) -> Refresh | None:
        refresh = self._tokens.find_refresh(text)
        return refresh if refresh and refresh.login.is_of(app) else None

    def _revoke_login(self, app: RegisteredApp, text: str) -> None:
        refresh = self._tokens.find_refresh(text)
        if refresh is not None:
            _check_own(refresh.login.app, app)
            refresh.login.alive = False

    def _revoke_token(self, app: RegisteredApp, text: str) -> None:
        token = self._tokens.find(text)
        if token is not None:
            _check_own(token.app, app)
            self._tokens.revoke(text)


def wanted_scopes(text: str, most: frozenset[str], longest: int) -> frozenset[str]:
    """Read a list of scopes with one space between two; raises Refused for more than `most`."""
    wanted = text.split(" ") if text else []
    if len(wanted) > _MOST_SCOPES or len(text) > longest or not most.issuperset(wanted):
        raise refusals.login(400, "invalid_scope", "The requested scope is invalid, unknown or malformed.")
    return frozenset(wanted)


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise refusals.login(400, "invalid_request", f"The required parameter {name} is missing.")
    return form[name]


def _check_confidential(app: RegisteredApp) -> None:
    if app.client_secret is None:
        raise refusals.login(400, "unauthorized_client", "The client is not allowed to use this grant type.")


def _check_verifier(code: AutodeskCode, verifier: str | None) -> None:
    """Hold the verifier against the challenge; a verifier for a code without one is a downgrade, and refused too."""
    challenge = code.request.challenge
    if challenge is None and verifier is None:
        return
    if challenge is None or verifier is None or not is_proof(challenge, verifier):
        raise _invalid_grant("The code_verifier is invalid.")


def _check_own(owner: RegisteredApp, app: RegisteredApp) -> None:
    if owner.client_id != app.client_id:
        raise refusals.login(400, "invalid_request", "The token was not issued to this client.")


def _invalid_grant(description: str) -> Refused:
    return refusals.login(400, "invalid_grant", description)
