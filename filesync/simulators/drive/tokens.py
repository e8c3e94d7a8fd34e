"""The token endpoint: who gets an access token, on what proof, for how long.

https://developers.google.com/identity/protocols/oauth2/service-account
"""

import base64
import binascii
import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from filesync.clock import Clock
from filesync.simulators.drive.discovery import known_scopes
from filesync.simulators.drive.items import Ids
from filesync.simulators.messages import Answer, Call, Refused

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = 3600  # seconds, the most an assertion may ask for and what a token lasts
_SKEW = timedelta(minutes=5)  # a client's clock may be ahead by this much


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """`subjects` are the users it may act for by domain-wide delegation."""

    email: str
    key: rsa.RSAPrivateKey
    subjects: frozenset[str]


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for."""

    email: str
    scopes: frozenset[str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """A refresh token: a user who signed in to an OAuth client."""

    client_id: str
    client_secret: str
    email: str
    scopes: frozenset[str]


class Tokens:
    """Registered accounts and the tokens given out.

    Tokens age by `clock`, the service's own; assertions are judged by `wall`, because their
    makers know no simulated time.
    """

    def __init__(self, clock: Clock, wall: Clock, ids: Ids) -> None:
        self.lifetime = LIFETIME
        self.address = ""
        self._clock = clock
        self._wall = wall
        self._ids = ids
        self._lock = threading.Lock()
        self._accounts: dict[str, ServiceAccount] = {}
        self._keys_made = 0
        self._sign_ins: dict[str, SignIn] = {}
        self._grants: dict[str, Grant] = {}

    def make_key_file(self, path: Path, email: str, subjects: Iterable[str] = ()) -> Path:
        """Register a service account with a key new to this service and write its JSON, readable by its owner only."""
        with self._lock:
            self._keys_made += 1
            key = _make_key(email, self._keys_made)
            self._accounts[email] = ServiceAccount(email, key, frozenset(subjects))
        _write_private(path, self._key_file(email, key))
        return path

    def make_user_file(self, path: Path, email: str, scopes: Iterable[str]) -> Path:
        """Register a sign-in of the user and write it as an authorised-user JSON."""
        sign_in = SignIn(self._ids.file(), self._ids.file(), email, frozenset(scopes))
        refresh_token = self._ids.revision()
        with self._lock:
            self._sign_ins[refresh_token] = sign_in
        about = {"client_id": sign_in.client_id, "client_secret": sign_in.client_secret}
        _write_private(path, {"type": "authorized_user", "refresh_token": refresh_token, **about, **self._uri()})
        return path

    def issue(self, email: str, scopes: Iterable[str]) -> str:
        """Give an access token without asking for proof."""
        token = "ya29." + self._ids.revision()
        with self._lock:
            expires_at = self._clock.now() + timedelta(seconds=self.lifetime)
            self._grants[token] = Grant(email, frozenset(scopes), expires_at)
        return token

    def grant_of(self, token: str) -> Grant | None:
        with self._lock:
            grant = self._grants.get(token)
        return grant if grant and grant.expires_at > self._clock.now() else None

    def revoke(self) -> None:
        """Make every access token given out so far worthless."""
        with self._lock:
            self._grants.clear()

    def revoke_sign_ins(self) -> None:
        """Make every refresh token worthless."""
        with self._lock:
            self._sign_ins.clear()

    def reply(self, call: Call) -> Answer:
        """Answer POST /token."""
        if call.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise _refused(400, "invalid_request", "Bad Request")
        form = {name: texts[0] for name, texts in parse_qs(call.body.decode("latin-1")).items() if len(texts) == 1}
        grant_type = form.get("grant_type")
        if grant_type == JWT_BEARER:
            return self._by_assertion(form.get("assertion", ""))
        if grant_type == "refresh_token":
            return self._by_refresh(form)
        raise _refused(400, "unsupported_grant_type", f"Invalid grant_type: {(grant_type or '')[:40]}")

    def _by_assertion(self, assertion: str) -> Answer:
        claims = self._verified(assertion)
        self._check_times(claims)
        if claims.get("aud") != self.address:
            raise _refused(400, "invalid_grant", "Invalid JWT: Failed audience check.")
        scopes = str(claims.get("scope") or "").split()
        if not scopes or not set(scopes) <= known_scopes():
            raise _refused(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return self._answer(self._subject(claims), scopes)

    def _by_refresh(self, form: Mapping[str, str]) -> Answer:
        sign_in = self._sign_ins.get(form.get("refresh_token", ""))
        if sign_in is None:
            raise _refused(400, "invalid_grant", "Bad Request")
        if (form.get("client_id"), form.get("client_secret")) != (sign_in.client_id, sign_in.client_secret):
            raise _refused(401, "invalid_client", "Unauthorized")
        scopes = form.get("scope", "").split() or sorted(sign_in.scopes)
        if not set(scopes) <= sign_in.scopes:
            raise _refused(400, "invalid_scope", "Bad Request")
        return self._answer(sign_in.email, scopes)

    def _answer(self, email: str, scopes: Iterable[str]) -> Answer:
        token = self.issue(email, scopes)
        told = {"access_token": token, "expires_in": self.lifetime, "scope": " ".join(scopes), "token_type": "Bearer"}
        return Answer.of_json(told, content_type="application/json; charset=utf-8")

    def _verified(self, assertion: str) -> Mapping[str, Any]:
        """Read the assertion and check its signature with the issuer's public key."""
        signed, _, signature = assertion.rpartition(".")
        header, _, body = signed.partition(".")
        head, claims = _json_part(header), _json_part(body)
        account = self._accounts.get(str(claims.get("iss")))
        if account is None:
            raise _refused(400, "invalid_grant", "Invalid grant: account not found")
        if head.get("alg") != "RS256" or not _is_signed(account, signed, signature):
            raise _refused(400, "invalid_grant", "Invalid JWT Signature.")
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now, (issued_at, expires_at) = self._wall.now(), (_moment(claims, name) for name in ("iat", "exp"))
        lasts = expires_at - issued_at
        if not timedelta(0) < lasts <= timedelta(seconds=LIFETIME) or expires_at <= now or issued_at > now + _SKEW:
            message = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
            raise _refused(400, "invalid_grant", message)

    def _subject(self, claims: Mapping[str, Any]) -> str:
        account = self._accounts[str(claims["iss"])]
        subject = claims.get("sub")
        if subject is None or subject == account.email:
            return account.email
        if subject not in account.subjects:
            message = (
                "Client is unauthorized to retrieve access tokens using this method,"
                " or client not authorized for any of the scopes requested."
            )
            raise _refused(401, "unauthorized_client", message)
        return str(subject)

    def _key_file(self, email: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
        kept_plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept_plain)
        about = {"type": "service_account", "project_id": "simulated", "private_key_id": self._ids.file()}
        return {**about, "client_email": email, "private_key": pem.decode("ascii"), **self._uri()}

    def _uri(self) -> dict[str, str]:
        return {"token_uri": self.address}


def _json_part(text: str) -> Mapping[str, Any]:
    try:
        part = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise _refused(400, "invalid_request", "Bad Request") from None
    if not isinstance(part, dict):
        raise _refused(400, "invalid_request", "Bad Request")
    return part


def _is_signed(account: ServiceAccount, signed: str, signature: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        account.key.public_key().verify(raw, signed.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _refused(400, "invalid_grant", f"Invalid JWT: Required parameter is missing: {name}")
    return datetime.fromtimestamp(value, UTC)


@cache
def _make_key(email: str, number: int) -> rsa.RSAPrivateKey:  # noqa: ARG001  both only tell keys apart
    """Make a key, the same in every service of this process: making one takes longer than most tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _write_private(path: Path, content: Mapping[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)


def _refused(status: int, error: str, description: str) -> Refused:
    """https://www.rfc-editor.org/rfc/rfc6749#section-5.2."""
    body = {"error": error, "error_description": description}
    return Refused(Answer.of_json(body, status=status, content_type="application/json; charset=utf-8"))
