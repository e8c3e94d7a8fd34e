"""Asking a person for consent in a browser: authorisation code with PKCE and `state`; RFC 6749, 4.1 and RFC 7636."""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from filesync.http import Secret

CALLBACK_PATH = "/callback"
_VERIFIER_BYTES = 48  # 64 characters: RFC 7636 wants 43 to 128


@dataclass(frozen=True, slots=True)
class Consent:
    """A question to a person, and what its answer must fit: `state`, the address it comes back to, and the verifier."""

    address: str
    redirect_uri: str
    state: str
    verifier: Secret


def redirect_uri(port: int) -> str:
    """Name the address that the browser is sent back to; services compare it with the registered one as text."""
    return f"http://localhost:{port}{CALLBACK_PATH}"


def ask(
    authorize_url: str, client_id: str, redirect: str, scopes: Sequence[str], more: Mapping[str, str] | None = None
) -> Consent:
    """Write the address to open; `more` are parameters of the service's own."""
    verifier = secrets.token_urlsafe(_VERIFIER_BYTES)  # decision 5: our own code flow
    state = secrets.token_hex(16)  # Autodesk takes letters, digits and , . _ - only
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect,
        "scope": " ".join(scopes),
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        **(more or {}),
    }
    return Consent(f"{authorize_url}?{urlencode(query)}", redirect, state, Secret(verifier))


def code_form(consent: Consent, code: str) -> Mapping[str, str]:
    """Write the form that turns a code into a login."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": consent.redirect_uri,
        "code_verifier": consent.verifier.reveal(),
    }
