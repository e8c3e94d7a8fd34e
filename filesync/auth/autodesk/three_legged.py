"""A person's login at Autodesk: made in a browser, kept alive by single-use refresh tokens.

https://aps.autodesk.com/en/docs/oauth/v2/tutorials/get-3-legged-token-pkce/
https://aps.autodesk.com/en/docs/oauth/v2/developers_guide/field-guide/ (refresh tokens live 15 days, and for one use)
"""

import base64
import json
import shlex
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from filesync.auth.autodesk.app import (
    ACCOUNT_DISABLED,
    INTROSPECT,
    READ_ONLY,
    REVOKE,
    TOKEN,
    App,
    LoginService,
    refused,
)
from filesync.auth.consent import Consent, ask, code_form
from filesync.auth.logins import Client, StoredLogin, login_file, moment, to_login, to_refreshed
from filesync.auth.tokens import TokenKey
from filesync.auth.user_login import Person
from filesync.core.errors import RefusedError
from filesync.http import Secret

REFRESH_LIFE = timedelta(days=15)

_AUTHORIZE = "/authentication/v2/authorize"
_GUIDE = "see 'Three-legged' in OAUTH_SETUP.md"
_DISABLED = "the person's Autodesk account is disabled or locked: whoever manages it makes it active, or another person"


def file_path(app: App, tokens: Path, credentials: str) -> Path:
    """Name the login's file: a rotated secret keeps it, another app or another named set has its own."""
    # decision 53: the secret is not part of it
    key = TokenKey("autodesk-three-legged", app.client_id, app.base_url.rstrip("/"), READ_ONLY, credentials)
    return tokens / key.file_name()


def log_in_command(credentials: str) -> str:
    """Write the command that makes a new login."""
    return "filesync auth autodesk login" + (f" --credentials {shlex.quote(credentials)}" if credentials else "")


class ThreeLegged:
    """What can be done with a person's login: ask for it, use it, end it."""

    def __init__(self, service: LoginService, tokens: Path, credentials: str = "") -> None:
        self._service = service
        self._command = log_in_command(credentials)
        path = file_path(service.app, tokens, credentials)
        self.file = login_file(path, service.clock, service.stop, f"log in again: {self._command}")
        self._client = Client(service.app.client_id, Secret(""), service.app.token_address)

    def person(self) -> Person:
        """Return the login as what authorises requests."""
        missing = f"nobody is logged in to Autodesk ({self.file.path} is missing): run: {self._command}; {_GUIDE}"
        service = self._service
        return Person("three_legged", self.file, self._refresh, self._who, missing, service.redactor, service.clock)

    def ask(self, redirect: str) -> Consent:
        app = self._service.app
        consent = ask(f"{app.base_url.rstrip('/')}{_AUTHORIZE}", app.client_id, redirect, READ_ONLY)
        self._service.redactor.hide(consent.verifier.reveal())
        return consent

    def take(self, consent: Consent, code: str) -> None:
        """Turn the code into a login and keep it, on disk before this returns; the one before is replaced then."""
        self._service.redactor.hide(code)
        self.file.put(lambda: self._exchange(consent, code))

    def end(self, login: StoredLogin) -> None:
        """Have the service forget the login. Raises what a request raises."""
        self._service.redactor.hide(login.refresh_token.reveal())
        form = {"token": login.refresh_token.reveal(), "token_type_hint": "refresh_token"}
        self._service.ask(REVOKE, form)

    def _exchange(self, consent: Consent, code: str) -> StoredLogin:
        try:
            answer = self._service.ask(TOKEN, code_form(consent, code))  # decision 51: PKCE and the secret
        except RefusedError as error:
            raise refused(error, self._service.app, f"start again: {self._command}; {_GUIDE}") from error
        login = to_login(answer, self._client, self._service.clock, refresh_life=REFRESH_LIFE)
        return replace(login, scopes=login.scopes or READ_ONLY)

    def _refresh(self, login: StoredLogin) -> StoredLogin:
        # decision 54: sent again after a dropped connection, though the token is for one use
        form = {"grant_type": "refresh_token", "refresh_token": login.refresh_token.reveal()}
        try:
            answer = self._service.ask(TOKEN, form)
        except RefusedError as error:
            if error.reason == "invalid_grant":
                return replace(
                    login,
                    refused_at=None,
                    refused=f"{error}; the login has expired, was ended, or was used elsewhere "
                    "(or its answer was lost on the way): "
                    f"log in again: {self._command}; {_GUIDE}",
                )
            if error.reason == ACCOUNT_DISABLED:
                said = f"{error}; {_DISABLED} logs in: {self._command}; {_GUIDE}"
                return replace(login, refused=said, refused_at=moment(self._service.clock))
            # Nothing is kept of what the app's id, secret or APIs are refused for: that is mended in `.env` or in the
            # app, and has to count at once. No refresh token is spent by it, so the next start asks with the same.
            raise refused(error, self._service.app, _GUIDE) from error
        return to_refreshed(login, answer, self._service.clock, refresh_life=REFRESH_LIFE)

    def _who(self, access_token: str) -> str:
        """Return the user's id, by asking, else by what the token says of itself.

        https://aps.autodesk.com/en/docs/oauth/v2/reference/http/introspecttoken-POST/
        """
        answer = self._service.ask(INTROSPECT, {"token": access_token})  # decision 52
        found = answer.body.get("userid") or _claims(access_token).get("userid")
        return found if isinstance(found, str) and found.isprintable() else ""


def _claims(token: str) -> dict[str, Any]:
    """Read what a JWT says, unproved: it only names a person to themselves."""
    body = token.split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(body[0] + "=" * (-len(body[0]) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
