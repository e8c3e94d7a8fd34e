"""Secure Service Accounts: users without a person, who prove themselves by a key (aps.md 1.5).

https://aps.autodesk.com/en/docs/ssa/v1/developers_guide/jwt-assertions
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from filesync.runtime.clock import Clock
from filesync.simulators.acc import refusals
from filesync.simulators.acc.records import RegisteredApp
from filesync.simulators.acc.tokens import AutodeskSignIn
from filesync.simulators.keys import Assertion, make_key, to_pem
from filesync.simulators.messages import Refused

LONGEST = 300  # seconds that an assertion may live


@dataclass(frozen=True, slots=True)
class SecureServiceAccount:
    login: AutodeskSignIn
    key_id: str
    key: RSAPrivateKey


class ServiceAccounts:
    """Knows the accounts of all apps; assertions are judged by the wall clock, where their makers live."""

    def __init__(self, audience: Callable[[], str], wall: Callable[[], Clock]) -> None:
        self._audience = audience
        self._wall = wall
        self._accounts: dict[str, SecureServiceAccount] = {}

    def add(self, login: AutodeskSignIn, key_id: str) -> dict[str, str]:
        """Add an account with a key, and return what Autodesk shows once."""
        account = SecureServiceAccount(login, key_id, make_key("service account", len(self._accounts)))
        self._accounts[login.user.id] = account
        name = f"{login.user.name}@{login.app.client_id}"
        return {
            "service_account_id": login.user.id,
            "key_id": key_id,
            "private_key": to_pem(account.key),
            "email": f"{name}.adskserviceaccount.autodesk.com",
        }

    def disable(self, account_id: str) -> None:
        """Refuse the account's assertions, and make its tokens worthless."""
        self._accounts[account_id].login.alive = False

    def enable(self, account_id: str) -> None:
        self._accounts[account_id].login.alive = True

    def admit(self, text: str, app: RegisteredApp) -> tuple[AutodeskSignIn, frozenset[str]]:
        """Judge an assertion that came with the app's own proof; give who it is for and the scopes it asks for."""
        try:
            assertion = Assertion.of(text)
        except ValueError:
            raise _invalid() from None
        login = self._proven(assertion, app)
        if assertion.claims.get("aud") != self._audience() or not self._is_timely(assertion.claims.get("exp")):
            raise _invalid()
        scopes = _scopes(assertion.claims.get("scope"))
        if not login.alive:
            raise refusals.login(400, "invalid_grant", "The service account is not enabled.")
        if not scopes <= app.scopes:
            raise refusals.login(400, "invalid_scope", "The requested scope is invalid, unknown or malformed.")
        return login, scopes

    def _proven(self, assertion: Assertion, app: RegisteredApp) -> AutodeskSignIn:
        """Check who signed, for which account of which app."""
        claims = assertion.claims
        account = self._accounts.get(str(claims.get("sub")))
        if account is None or not account.login.is_of(app) or claims.get("iss") != app.client_id:
            raise _invalid()
        if assertion.head.get("kid") != account.key_id or not assertion.is_signed_by(account.key):
            raise _invalid()
        return account.login

    def _is_timely(self, expires: Any) -> bool:
        if not isinstance(expires, (int, float)):
            return False
        return 0 < expires - self._wall().now().timestamp() <= LONGEST


def _scopes(claim: Any) -> frozenset[str]:
    """Read the scope claim, which is an array; a text, as others take it, is refused."""
    if not isinstance(claim, list) or not claim or not all(isinstance(one, str) for one in claim):
        raise _invalid()
    return frozenset(claim)


def _invalid() -> Refused:
    return refusals.login(400, "invalid_grant", "The 'assertion' is invalid.")
