"""Where a person lets an app in, and the browser's way back to the app (RFC 6749 section 4.1, RFC 7636)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from filesync.simulators.messages import Call, HttpResponse, Refused

Consent = Literal["ask", "allow", "deny"]  # show the page, or decide at once without it

_PROOF = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_PAGE = '<!DOCTYPE html><html lang="en"><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>'
_FORM = (
    "<p>{person}, {client} asks for:</p><ul>{scopes}</ul>"
    '<form method="post" action="{action}"><input type="hidden" name="ticket" value="{ticket}">'
    '<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></form>'
)


class AuthorizationError(Exception):
    """An authorization request that is refused, with its code of RFC 6749 section 4.1.2.1."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What an app wants of a person; `challenge` is what its code must be redeemed with the verifier of."""

    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    state: str | None
    challenge: str | None
    offline: bool = True
    insists: bool = False  # on a consent although there may be one already

    def back(self, **answer: str) -> HttpResponse:
        return redirect(self.redirect_uri, self.state, **answer)


class ConsentDesk:
    """Asks the person who is signed in, and sends the browser back to the app with the answer.

    `consent` decides; `approve` makes what the app gets when it is let in, or raises
    AuthorizationError. A page can be answered once.
    """

    def __init__(
        self, consent: Callable[[], Consent], action: str, approve: Callable[[ConsentRequest], Mapping[str, str]]
    ) -> None:
        self._consent = consent
        self._action = action
        self._approve = approve
        self._numbers = count(1)
        self._waiting: dict[str, ConsentRequest] = {}

    def ask(self, request: ConsentRequest, person: str) -> HttpResponse:
        consent = self._consent()
        if consent != "ask":
            return self._decided(request, allowed=consent == "allow")
        ticket = hashlib.blake2b(f"ticket:{next(self._numbers)}".encode(), digest_size=16).hexdigest()
        self._waiting[ticket] = request
        scopes = "".join(f"<li>{escape(scope)}</li>" for scope in sorted(request.scopes))
        words = {"person": escape(person), "client": escape(request.client_id), "scopes": scopes}
        return page(200, "Allow access?", _FORM.format(action=self._action, ticket=ticket, **words))

    def decide(self, call: Call) -> HttpResponse:
        """Answer the page's form."""
        form = dict(parse_qsl(call.body.decode("latin-1")))
        request = self._waiting.pop(form.get("ticket", ""), None)
        if request is None or form.get("decision") not in ("allow", "deny"):
            raise refused_page(400, "invalid_request", "This page was answered already, or never asked.")
        return self._decided(request, allowed=form["decision"] == "allow")

    def _decided(self, request: ConsentRequest, *, allowed: bool) -> HttpResponse:
        try:
            if not allowed:
                raise AuthorizationError("access_denied", "The user denied access to the app.")
            return request.back(**self._approve(request))
        except AuthorizationError as denied:
            return request.back(error=denied.code, error_description=str(denied))


def challenge_of(query: Mapping[str, str], *, required: bool) -> str | None:
    """Read the PKCE challenge, for which S256 is the only method; raises AuthorizationError."""
    challenge, how = query.get("code_challenge"), query.get("code_challenge_method")
    if challenge is None and how is None and not required:
        return None
    if how != "S256" or challenge is None or not _PROOF.fullmatch(challenge):
        raise AuthorizationError("invalid_request", "The code_challenge is missing or invalid, or its method not S256.")
    return challenge


def is_proof(challenge: str, verifier: str) -> bool:
    """Return whether the challenge was made from this verifier."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return _PROOF.fullmatch(verifier) is not None and hmac.compare_digest(digest, challenge.encode())


def redirect(uri: str, state: str | None, **answer: str) -> HttpResponse:
    """Send the browser to the app with the answer, and with the state that the app gave."""
    query = urlencode(answer | ({} if state is None else {"state": state}))
    return HttpResponse(302, headers={"Location": f"{uri}{'&' if '?' in uri else '?'}{query}"})


def refused_page(status: int, code: str, description: str) -> Refused:
    """Inform the person, not the app: no address is known to be the app's yet."""
    return Refused(page(status, f"Error {status}: {code}", f"<p>{escape(description)}</p>"))


def page(status: int, title: str, body: str) -> HttpResponse:
    return HttpResponse(status, _PAGE.format(title=escape(title), body=body).encode(), "text/html; charset=utf-8")
