"""What was issued to whom, and what it is worth: access tokens, refresh tokens and codes (aps.md 1.3, 1.4)."""

import hashlib
import threading
from dataclasses import dataclass

from filesync.simulators.acc import refusals
from filesync.simulators.acc.records import AccUser, RegisteredApp
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.consent import ConsentRequest
from filesync.simulators.messages import Call

LIFETIME = 3599  # seconds
REFRESH_LIFETIME = 15 * 24 * 3600  # seconds
CODE_LIFETIME = 5 * 60  # seconds


@dataclass(slots=True, eq=False)
class AutodeskSignIn:
    """A user behind an app; when it is no longer alive, nothing that was issued from it is."""

    app: RegisteredApp
    user: AccUser
    scopes: frozenset[str]
    alive: bool = True

    def is_of(self, app: RegisteredApp) -> bool:
        """Return whether it is this app's; one that is registered anew is the same by its id."""
        return self.app.client_id == app.client_id


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """An access token; one without a login is the app's own. `expires` is in the clock's monotonic seconds."""

    app: RegisteredApp
    scopes: frozenset[str]
    expires: float
    login: AutodeskSignIn | None = None

    @property
    def user(self) -> AccUser | None:
        return self.login.user if self.login else None


@dataclass(slots=True, eq=False)
class Refresh:
    """A refresh token: works once."""

    login: AutodeskSignIn
    expires: float
    used: bool = False


@dataclass(slots=True, eq=False)
class AutodeskCode:
    """An authorization code: works once."""

    request: ConsentRequest
    login: AutodeskSignIn
    expires: float
    used: bool = False


class AutodeskTokens:
    """Issues tokens and knows them again; lifetimes are in seconds. Hold `lock` to look and act in one step."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.lifetime = float(LIFETIME)
        self.refresh_lifetime = float(REFRESH_LIFETIME)
        self.lock = threading.RLock()
        self._clock = clock
        self._tokens: dict[str, IssuedToken] = {}
        self._refreshes: dict[str, Refresh] = {}
        self._codes: dict[str, AutodeskCode] = {}
        self._count = 0

    def issue(self, app: RegisteredApp, scopes: frozenset[str], login: AutodeskSignIn | None = None) -> str:
        text = self._text(app, "")
        self._tokens[text] = IssuedToken(app, scopes, self._clock.monotonic() + self.lifetime, login)
        return text

    def issue_refresh(self, login: AutodeskSignIn) -> str:
        text = self._text(login.app, "refresh")
        self._refreshes[text] = Refresh(login, self._clock.monotonic() + self.refresh_lifetime)
        return text

    def issue_code(self, request: ConsentRequest, login: AutodeskSignIn) -> str:
        text = self._text(login.app, "code")
        self._codes[text] = AutodeskCode(request, login, self._clock.monotonic() + CODE_LIFETIME)
        return text

    def find(self, text: str) -> IssuedToken | None:
        """Look up an access token that is still worth something."""
        token = self._tokens.get(text)
        if token is None or self.is_over(token.expires) or (token.login and not token.login.alive):
            return None
        return token

    def find_refresh(self, text: str) -> Refresh | None:
        """Look up a refresh token, worth something or not."""
        return self._refreshes.get(text)

    def find_code(self, text: str) -> AutodeskCode | None:
        """Look up an authorization code, worth something or not."""
        return self._codes.get(text)

    def check(self, call: Call) -> IssuedToken:
        """Return the token that the call carries, or refuse as the gateway does."""
        kind, _, text = call.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not text:
            raise refusals.gateway(401, "AUTH-008", "Token is not provided in the request.")
        token = self.find(text)
        if token is None:
            raise refusals.gateway(401, "AUTH-006", "The token is not valid or has expired.")
        return token

    def is_over(self, expires: float) -> bool:
        return expires <= self._clock.monotonic()

    def to_timestamp(self, expires: float) -> int:
        """Return a moment of the monotonic clock as seconds since the epoch."""
        return int(self._clock.now().timestamp() + expires - self._clock.monotonic())

    def revoke(self, text: str) -> None:
        """Make one access token unknown."""
        self._tokens.pop(text, None)

    def revoke_all(self) -> None:
        """Make every access token that is out unknown."""
        self._tokens.clear()

    def revoke_logins(self) -> None:
        """Make every refresh token unknown."""
        self._refreshes.clear()

    def _text(self, app: RegisteredApp, kind: str) -> str:
        with self.lock:
            self._count += 1
            name = f"{kind}:{app.client_id}:{self._count}" if kind else f"{app.client_id}:{self._count}"
        prefix = f"simulated.{kind}." if kind else "simulated."
        return f"{prefix}{hashlib.blake2b(name.encode(), digest_size=24).hexdigest()}"
