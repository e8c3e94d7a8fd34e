"""The front end before Drive: logins, tokens, quotas, compression, and the switches for their moods."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from filesync.runtime.clock import Clock, SystemClock
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.consent import AuthorizationError, Consent, ConsentDesk, ConsentRequest
from filesync.simulators.drive import refusals
from filesync.simulators.drive.authorize import GoogleAuthorize
from filesync.simulators.drive.discovery import method
from filesync.simulators.drive.federation import Federation
from filesync.simulators.drive.quota import Quota
from filesync.simulators.drive.state import DriveState
from filesync.simulators.drive.tokens import GoogleTokens, Grant
from filesync.simulators.echo import echoed
from filesync.simulators.messages import Call, HttpResponse, Refused, ServedRoute
from filesync.simulators.server import Loopback

READONLY = "https://www.googleapis.com/auth/drive.readonly"
METADATA_READONLY = "https://www.googleapis.com/auth/drive.metadata.readonly"

_LONGEST_URI = 8192  # bytes
_AUTH = "/o/oauth2/auth"


class OverLimit(Enum):
    """The answers to asking too often."""

    USER = (403, "userRateLimitExceeded", "User Rate Limit Exceeded")
    PROJECT = (403, "rateLimitExceeded", "Rate Limit Exceeded")
    TOO_MANY = (429, "rateLimitExceeded", "Too many requests")


class GoogleGateway(Loopback):
    """Lets apps and people in; who may sign in is `tokens`.

    `consent`: how the page of a person's login is answered. `signed_in`: the address of the user who sits
    before it, '' for the first one. `granted_scopes`: what is ticked there, None for all that is asked for.
    `rotates_refresh_tokens`: a refresh gives a new refresh token, beside which the old one works on.
    `api_enabled` False: the project of every app lacks the Drive API. `echoes_secrets`: refusals of
    logins and of tokens repeat what was sent.
    """

    def __init__(self, clock: SimulatedClock, state: DriveState, wall: Clock | None) -> None:
        super().__init__(clock)
        self.state = state
        self.tokens = GoogleTokens(clock, wall or SystemClock(), state.ids, lambda: self.rotates_refresh_tokens)
        self.federation = Federation(self.tokens, wall or SystemClock())
        self.billed_to: set[str] = set()  # the projects named in x-goog-user-project
        self.limits = self.quota = Quota(clock)
        self.consent: Consent = "ask"
        self.signed_in = ""
        self.granted_scopes: frozenset[str] | None = None
        self.rotates_refresh_tokens = False
        self.api_enabled = True
        self.echoes_secrets = False
        self.over_limit_answer = OverLimit.USER
        self.says_retry_after = False  # True: a quota's refusal has Retry-After
        self._desk = ConsentDesk(lambda: self.consent, f"{_AUTH}/decision", self._approve)

    def make_key_file(self, path: Path, email: str, subjects: Iterable[str] = ()) -> Path:
        """Register a service account that may act for the subjects, and write its key file (mode 0600)."""
        if email not in self.state.users:
            self.state.add_user(email)
        return self.tokens.make_key_file(path, email, subjects)

    def token_for(self, email: str, *scopes: str) -> str:
        """Issue an access token to a user without a login; without scopes: drive.readonly."""
        return self.tokens.issue(email, scopes or (READONLY,))

    def revoke_tokens(self) -> None:
        self.tokens.revoke()

    def login_routes(self) -> tuple[ServedRoute, ...]:
        authorize = GoogleAuthorize(self.tokens.clients, self._desk, self._person)
        return (
            ServedRoute("token", "POST", "/token", self.tokens.reply, token=True),
            ServedRoute("token", "POST", "/oauth2/v4/token", self.tokens.reply, token=True),  # the older address
            ServedRoute("exchange", "POST", "/v1/token", self.federation.reply_token, token=True),
            ServedRoute("subject token", "GET", "/subject-token", self.federation.reply_subject_token, token=True),
            ServedRoute(
                "impersonation",
                "POST",
                "/v1/projects/-/serviceAccounts/{account}",
                self.federation.reply_impersonation,
                token=True,
            ),
            ServedRoute("revoke", "POST", "/revoke", self.tokens.reply_revoke, token=True),
            ServedRoute("authorize", "GET", _AUTH, authorize.reply, token=True),
            ServedRoute("decision", "POST", f"{_AUTH}/decision", self._desk.decide, token=True),
        )

    def find(self, call: Call) -> tuple[ServedRoute, Call] | HttpResponse:
        """Treat a POST that overrides its method as the GET it stands for, as googleapiclient sends long queries."""
        if call.method != "POST" or call.headers.get("x-http-method-override") != "GET":
            return super().find(call)
        form = dict(parse_qsl(call.body.decode("latin-1"), keep_blank_values=True))
        if form and call.query:
            return refusals.invalid("q", "Parameters in the address and in the body").answer
        return super().find(replace(call, method="GET", query=form or call.query))

    def authorise(self, route: ServedRoute, call: Call) -> str:
        if route.token:
            return ""
        sent_as_uri = call.headers.get("x-http-method-override") is None
        if sent_as_uri and len(call.path) + len(urlencode(call.query)) >= _LONGEST_URI:
            raise Refused(_html(414))
        grant = self.grant_of(call)
        self.billed_to.update(filter(None, [call.headers.get("x-goog-user-project")]))
        if not self.api_enabled:
            raise refusals.access_not_configured()
        if not grant.scopes & method(route.name).scopes:
            raise refusals.insufficient_scope()
        return grant.email

    def grant_of(self, call: Call) -> Grant:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        grant = self.tokens.grant_of(token) if scheme == "Bearer" else None
        if grant is None:
            raise refusals.bad_credentials()
        return grant

    def reply(self, route: ServedRoute, call: Call) -> tuple[HttpResponse, Call]:
        answer, call = super().reply(route, call)
        if not self.says_retry_after:
            answer = replace(answer, headers={k: v for k, v in answer.headers.items() if k != "Retry-After"})
        refused = answer.status in (401, 403) or (route.token and answer.status >= 400)
        answer = echoed(answer, call) if self.echoes_secrets and refused else answer
        return _compressed(answer, call), call

    def unknown_route(self, call: Call) -> HttpResponse:  # noqa: ARG002 - the same page for every address
        return _html(404)

    def wrong_method(self, call: Call, allowed: str) -> HttpResponse:  # noqa: ARG002 - Drive names no other methods
        """Refuse to write: nobody here is given a scope for that."""
        if not call.path.startswith("/drive/"):
            return _html(405)
        return refusals.insufficient_scope().answer

    def over_limit(self, route: str, retry_after: float | None) -> HttpResponse:  # noqa: ARG002 - one quota for all routes
        code, reason, message = self.over_limit_answer.value
        answer = refusals.refusal(code, reason, message, domain="usageLimits").answer
        return answer if retry_after is None else answer.with_headers(Retry_After=f"{retry_after:g}")

    def repeat_page(self, answer: HttpResponse, call: Call) -> HttpResponse:
        """Name as the next page the one that was asked for."""
        packed = answer.headers.get("Content-Encoding") == "gzip"
        body = json.loads(gzip.decompress(answer.body) if packed else answer.body)
        asked = call.query.get("pageToken")
        token = asked or body.get("nextPageToken")
        if not isinstance(body, dict) or not token:
            return answer
        body.pop("newStartPageToken", None)
        again = HttpResponse.of_json(
            body | {"nextPageToken": token}, status=answer.status, content_type=answer.content_type
        )
        return _compressed(again, call)

    def _person(self) -> str:
        """Name who sits before the browser, where no service account ever does."""
        people = (email for email in self.state.users if email not in self.tokens.accounts)
        return self.signed_in or next(people)

    def _approve(self, request: ConsentRequest) -> Mapping[str, str]:
        scopes = request.scopes if self.granted_scopes is None else request.scopes & self.granted_scopes
        if not scopes:
            raise AuthorizationError("access_denied", "The user ticked none of the scopes.")
        code = self.tokens.approve(request, self._person(), scopes)
        return {"code": code, "scope": " ".join(sorted(scopes))}


def _compressed(answer: HttpResponse, call: Call) -> HttpResponse:
    """Compress for those who accept it and say gzip in their name: developers.google.com/drive/performance."""
    asks = "gzip" in call.headers.get("accept-encoding", "") and "gzip" in call.headers.get("user-agent", "")
    if not asks or len(answer.body) < 1024:
        return answer
    packed = replace(answer, body=gzip.compress(answer.body, 1))
    return packed.with_headers(Content_Encoding="gzip", Vary="Accept-Encoding")


def _html(status: int) -> HttpResponse:
    """Answer as the front end in front of every Google service does."""
    phrase = HTTPStatus(status).phrase
    page = f"<!DOCTYPE html><html lang=en><title>Error {status} ({phrase})!!1</title><p><b>{status}.</b></html>"
    return HttpResponse(status, page.encode(), "text/html; charset=UTF-8")
