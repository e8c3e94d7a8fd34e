"""People who let an app in: codes, refresh tokens, and when they end.

https://developers.google.com/identity/protocols/oauth2#expiration
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from filesync.runtime.clock import Clock
from filesync.simulators.consent import ConsentRequest, is_proof
from filesync.simulators.drive.clients import RegisteredClient
from filesync.simulators.drive.items import DriveIds
from filesync.simulators.drive.refusals import login

TESTING_LIFE = timedelta(days=7)
_CODE_LIFE = timedelta(minutes=10)


@dataclass(slots=True, eq=False)
class GoogleSignIn:
    """A user behind a client; once it has ended nothing that was issued from it works."""

    client: RegisteredClient
    email: str
    scopes: frozenset[str]
    expires_at: datetime | None = None  # of its refresh tokens; None: never
    ended: bool = False


@dataclass(slots=True, eq=False)
class GoogleCode:
    """An authorization code: works once."""

    request: ConsentRequest
    sign_in: GoogleSignIn
    expires_at: datetime
    gives_refresh: bool
    used: bool = False


class SignIns:
    """Knows who signed in where; ages by the service's clock."""

    def __init__(self, clock: Clock, ids: DriveIds) -> None:
        self._clock = clock
        self._ids = ids
        self._codes: dict[str, GoogleCode] = {}
        self._refreshes: dict[str, GoogleSignIn] = {}

    def approve(self, client: RegisteredClient, request: ConsentRequest, email: str, scopes: frozenset[str]) -> str:
        """Note a consent and give its code.

        It is worth a refresh token when offline access was asked for, and there is none or consent was insisted on.
        """
        again = any(
            self._is_alive(one) for one in self._refreshes.values() if (one.client, one.email) == (client, email)
        )
        gives_refresh = request.offline and (request.insists or not again)
        code = f"4/0A{self._ids.revision()}"
        sign_in = GoogleSignIn(client, email, scopes)
        self._codes[code] = GoogleCode(request, sign_in, self._clock.now() + _CODE_LIFE, gives_refresh)
        return code

    def redeem(self, client: RegisteredClient, form: Mapping[str, str]) -> GoogleCode:
        """Judge a code that the client proved itself for; it is used up then."""
        code = self._codes.get(_required(form, "code"))
        if code is None:
            raise login(400, "invalid_grant", "Malformed auth code.")
        if code.sign_in.client is not client or code.used or code.expires_at <= self._clock.now():
            raise login(400, "invalid_grant", "Bad Request")
        if _required(form, "redirect_uri") != code.request.redirect_uri:
            raise login(400, "redirect_uri_mismatch", "Bad Request")
        _check_verifier(code.request.challenge, form.get("code_verifier"))
        code.used = True
        return code

    def refresh(self, client: RegisteredClient, form: Mapping[str, str]) -> GoogleSignIn:
        """Judge a refresh token that the client proved itself for."""
        sign_in = self._refreshes.get(_required(form, "refresh_token"))
        if sign_in is None or sign_in.client is not client:
            raise login(400, "invalid_grant", "Bad Request")
        if not self._is_alive(sign_in):
            raise login(400, "invalid_grant", "Token has been expired or revoked.")
        return sign_in

    def issue_refresh(self, sign_in: GoogleSignIn) -> str:
        """Return a refresh token; the first of a client in Testing starts its seven days."""
        if sign_in.client.testing and sign_in.expires_at is None:
            sign_in.expires_at = self._clock.now() + TESTING_LIFE
        token = f"1//{self._ids.revision()}"
        self._refreshes[token] = sign_in
        return token

    def find(self, refresh_token: str) -> GoogleSignIn | None:
        """Find the sign-in of a refresh token that still works."""
        sign_in = self._refreshes.get(refresh_token)
        return sign_in if sign_in and self._is_alive(sign_in) else None

    def forget(self) -> None:
        """Make every refresh token unknown."""
        self._refreshes.clear()

    def _is_alive(self, sign_in: GoogleSignIn) -> bool:
        expired = sign_in.expires_at is not None and sign_in.expires_at <= self._clock.now()
        return not (sign_in.ended or expired)


def _check_verifier(challenge: str | None, verifier: str | None) -> None:
    if challenge is not None and verifier is None:
        raise login(400, "invalid_grant", "Missing code verifier.")
    if verifier is not None and (challenge is None or not is_proof(challenge, verifier)):
        raise login(400, "invalid_grant", "Invalid code verifier.")


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise login(400, "invalid_request", f"Missing required parameter: {name}")
    return form[name]
