"""Service accounts and the assertions by which they prove themselves.

https://developers.google.com/identity/protocols/oauth2/service-account
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from filesync.simulators.drive.discovery import known_scopes
from filesync.simulators.drive.refusals import login
from filesync.simulators.keys import Assertion

LONGEST = timedelta(hours=1)  # that an assertion may be good for
_OF_CLOUD = {f"https://www.googleapis.com/auth/{name}" for name in ("iam", "cloud-platform")}
_SKEW = timedelta(minutes=5)  # a client's clock may be ahead by this much


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """`subjects` are the users it may act for by domain-wide delegation."""

    email: str
    key: RSAPrivateKey
    subjects: frozenset[str]


def admit(
    text: str, accounts: Mapping[str, ServiceAccount], *, audience: str, now: datetime
) -> tuple[str, tuple[str, ...]]:
    """Judge an assertion; give the user it is for and the scopes it asks for."""
    try:
        assertion = Assertion.of(text)
    except ValueError:
        raise login(400, "invalid_request", "Bad Request") from None
    claims = assertion.claims
    account = accounts.get(str(claims.get("iss")))
    if account is None:
        raise login(400, "invalid_grant", "Invalid grant: account not found")
    if not assertion.is_signed_by(account.key):
        raise login(400, "invalid_grant", "Invalid JWT Signature.")
    _check_times(claims, now)
    if claims.get("aud") != audience:
        raise login(400, "invalid_grant", "Invalid JWT: Failed audience check.")
    scopes = tuple(str(claims.get("scope") or "").split())
    if not scopes or not set(scopes) <= known_scopes() | _OF_CLOUD:
        raise login(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    return _subject(claims, account), scopes


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    issued_at, expires_at = (_moment(claims, name) for name in ("iat", "exp"))
    if not timedelta(0) < expires_at - issued_at <= LONGEST or expires_at <= now or issued_at > now + _SKEW:
        message = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
        raise login(400, "invalid_grant", message)


def _subject(claims: Mapping[str, Any], account: ServiceAccount) -> str:
    subject = claims.get("sub")
    if subject is None or subject == account.email:
        return account.email
    if subject not in account.subjects:
        message = (
            "Client is unauthorized to retrieve access tokens using this method,"
            " or client not authorized for any of the scopes requested."
        )
        raise login(401, "unauthorized_client", message)
    return str(subject)


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise login(400, "invalid_grant", f"Invalid JWT: Required parameter is missing: {name}")
    return datetime.fromtimestamp(value, UTC)
