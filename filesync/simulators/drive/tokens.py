"""The token endpoint: who gets an access token, on what proof, for how long; and how it is taken back.

https://developers.google.com/identity/protocols/oauth2
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

from filesync.runtime.clock import Clock
from filesync.simulators.consent import ConsentRequest
from filesync.simulators.drive.assertions import ServiceAccount, admit
from filesync.simulators.drive.clients import Kind, RegisteredClients
from filesync.simulators.drive.consents import TESTING_LIFE, GoogleSignIn, SignIns
from filesync.simulators.drive.items import DriveIds
from filesync.simulators.drive.refusals import login
from filesync.simulators.keys import JWT_BEARER, make_key, to_pem, write_private
from filesync.simulators.messages import Call, HttpResponse

LIFETIME = 3600  # seconds
_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for; one without a sign-in has no person or no app behind it."""

    email: str
    scopes: frozenset[str]
    expires_at: datetime
    sign_in: GoogleSignIn | None = None


class GoogleTokens:
    """Registered accounts and clients, and the tokens given out.

    Tokens age by `clock`, the service's own; assertions are judged by `wall`, because their
    makers know no simulated time. `rotates`: a refresh gives a new refresh token, too.
    """

    def __init__(self, clock: Clock, wall: Clock, ids: DriveIds, rotates: Callable[[], bool]) -> None:
        self.lifetime = LIFETIME
        self.address = ""
        self.clients = RegisteredClients(ids)
        self.accounts: dict[str, ServiceAccount] = {}
        self._clock = clock
        self._wall = wall
        self._ids = ids
        self._rotates = rotates
        self._keys_made = 0
        self._lock = threading.RLock()
        self._sign_ins = SignIns(clock, ids)
        self._grants: dict[str, Grant] = {}

    def make_key_file(self, path: Path, email: str, subjects: Iterable[str] = ()) -> Path:
        """Register a service account with a key new to this service and write its JSON, readable by its owner only."""
        with self._lock:
            self._keys_made += 1
            account = ServiceAccount(email, make_key(email, self._keys_made), frozenset(subjects))
            self.accounts[email] = account
        about = {"type": "service_account", "project_id": "simulated", "private_key_id": self._ids.file()}
        key = {"client_email": email, "private_key": to_pem(account.key)}
        write_private(path, {**about, **key, "token_uri": self.address})
        return path

    def make_client_file(
        self,
        path: Path,
        *,
        kind: Kind = "installed",
        testing: bool = False,
        redirect_uris: Iterable[str] = ("http://localhost",),
    ) -> Path:
        """Register an OAuth client and write its client secrets JSON, readable by its owner only."""
        client = self.clients.add(kind=kind, testing=testing, redirect_uris=redirect_uris)
        write_private(path, client.to_file(self.address.removesuffix("/token")))
        return path

    def make_user_file(self, path: Path, email: str, scopes: Iterable[str], *, testing: bool = False) -> Path:
        """Register a sign-in of the user, in a client of its own, and write it as an authorised-user JSON."""
        client = self.clients.add(testing=testing)
        refresh_token = self._sign_ins.issue_refresh(GoogleSignIn(client, email, frozenset(scopes)))
        about = {"client_id": client.client_id, "client_secret": client.client_secret}
        file = {"type": "authorized_user", "refresh_token": refresh_token, **about, "token_uri": self.address}
        write_private(path, file)
        return path

    def approve(self, request: ConsentRequest, email: str, scopes: frozenset[str]) -> str:
        """Let the app in to these scopes of the user; gives the code."""
        client = self.clients.find(request.client_id)
        if client is None:
            raise LookupError(request.client_id)
        with self._lock:
            return self._sign_ins.approve(client, request, email, scopes)

    def issue(self, email: str, scopes: Iterable[str], sign_in: GoogleSignIn | None = None) -> str:
        """Return an access token without asking for proof."""
        token = "ya29." + self._ids.revision()
        with self._lock:
            expires_at = self._clock.now() + timedelta(seconds=self.lifetime)
            self._grants[token] = Grant(email, frozenset(scopes), expires_at, sign_in)
        return token

    def grant_of(self, token: str) -> Grant | None:
        with self._lock:
            grant = self._grants.get(token)
        if grant is None or grant.expires_at <= self._clock.now() or (grant.sign_in and grant.sign_in.ended):
            return None
        return grant

    def revoke(self) -> None:
        """Make every access token given out so far worthless."""
        with self._lock:
            self._grants.clear()

    def revoke_sign_ins(self) -> None:
        """Make every refresh token worthless."""
        with self._lock:
            self._sign_ins.forget()

    def reply(self, call: Call) -> HttpResponse:
        """Answer POST /token."""
        form = _form(call)
        grants = {
            JWT_BEARER: self._by_assertion,
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
        }
        grant_type = form.get("grant_type", "")
        if grant_type not in grants:
            raise login(400, "unsupported_grant_type", f"Invalid grant_type: {grant_type[:40]}")
        with self._lock:
            return HttpResponse.of_json(grants[grant_type](form), content_type=_JSON)

    def reply_revoke(self, call: Call) -> HttpResponse:
        """Answer POST /revoke: with a token of a sign-in all of that sign-in ends."""
        token = _form(call).get("token", "")
        if not token:
            raise login(400, "invalid_request", "Missing required parameter: token")
        with self._lock:
            grant = self.grant_of(token)
            sign_in = grant.sign_in if grant else self._sign_ins.find(token)
            if grant is None and sign_in is None:
                raise login(400, "invalid_token", "Token expired or revoked")
            self._grants.pop(token, None)
            if sign_in is not None:
                sign_in.ended = True
        return HttpResponse.of_json({}, content_type=_JSON)

    def _by_assertion(self, form: Mapping[str, str]) -> dict[str, object]:
        text, now = form.get("assertion", ""), self._wall.now()
        email, scopes = admit(text, self.accounts, audience=self.address, now=now)
        return self._answer(email, scopes)

    def _by_code(self, form: Mapping[str, str]) -> dict[str, object]:
        code = self._sign_ins.redeem(self.clients.check(form), form)
        sign_in = code.sign_in
        answer = self._answer(sign_in.email, sorted(sign_in.scopes), sign_in)
        if code.gives_refresh:
            answer["refresh_token"] = self._sign_ins.issue_refresh(sign_in)
            ends = {"refresh_token_expires_in": int(TESTING_LIFE.total_seconds()) - 1}  # as Google counts
            answer |= ends if sign_in.client.testing else {}
        return answer

    def _by_refresh(self, form: Mapping[str, str]) -> dict[str, object]:
        sign_in = self._sign_ins.refresh(self.clients.check(form), form)
        scopes = form.get("scope", "").split() or sorted(sign_in.scopes)
        if not set(scopes) <= sign_in.scopes:
            raise login(400, "invalid_scope", "Bad Request")
        more = {"refresh_token": self._sign_ins.issue_refresh(sign_in)} if self._rotates() else {}
        return {**self._answer(sign_in.email, scopes, sign_in), **more}

    def _answer(self, email: str, scopes: Iterable[str], sign_in: GoogleSignIn | None = None) -> dict[str, object]:
        token = self.issue(email, scopes, sign_in)
        return {"access_token": token, "expires_in": self.lifetime, "scope": " ".join(scopes), "token_type": "Bearer"}


def _form(call: Call) -> dict[str, str]:
    """Read a form; what is given twice is not given."""
    if call.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise login(400, "invalid_request", "Bad Request")
    return {name: texts[0] for name, texts in parse_qs(call.body.decode("latin-1")).items() if len(texts) == 1}
