"""google-auth's way to the network: our own connections.

So budgets, retries, the log, redaction and the stop hold for its requests, too. It is given successes only, so it never
retries by itself; and it is called for one refresh only, so it looks up nothing in the background.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from filesync.auth.tokens import Token, to_life, to_secret, to_token
from filesync.core.errors import AuthError, ResponseError
from filesync.http import Answer, Connection, Connector, Route

_SECRETS = {"assertion", "client_secret", "refresh_token", "subject_token"}  # of a form
_NO_SECRETS = {"accept", "content-type", "metadata-flavor", "x-goog-api-client", "x-goog-user-project"}  # headers
_UNSTATED_LIFE = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Way:
    """One address that a login asks."""

    route: Route
    connection: Connection


@dataclass(frozen=True, slots=True)
class Response:
    """What google-auth reads of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes = field(repr=False)


class GoogleAuthTransport:
    """A `google.auth.transport.Request` for these ways, by address or by path; serves one refresh."""

    def __init__(self, connector: Connector, ways: Mapping[str, Way]) -> None:
        self._redactor = connector.redactor
        self._clock = connector.clock
        self._ways = ways
        self._answer: Answer | None = None

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_unused: Any,
    ) -> Response:
        parts = urlsplit(url)
        way = self._ways.get(url.partition("?")[0])
        if way is None:  # a metadata server is the one that was chosen, whatever google-auth calls it
            way, url = self._ways.get(parts.path), f"{parts.path}?{parts.query}"
        if way is None:
            raise ResponseError(f"{parts.scheme}://{parts.netloc}{parts.path}: no address of this login; not sent")
        self._hide(body or b"", headers or {})
        answer = way.connection.log_in(way.route, method, url, body, headers or {})
        if way.route.gives_login:
            self._keep(answer)
        if not way.route.answers:
            return Response(answer.status, {"content-type": "text/plain"}, answer.content)
        return Response(answer.status, {"content-type": "application/json"}, orjson.dumps(_plain(answer)))

    def refresh(self, credentials: Any) -> Answer | None:
        """Have google-auth refresh; give the service's last answer, None when nobody was asked."""
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  only a refresh needs it

        try:
            credentials.refresh(self)
        except (GoogleAuthError, OSError, ValueError) as error:
            if self._answer is None or "accessToken" in self._answer.body:
                raise AuthError(self._redactor.line(str(error.args[0] if error.args else error))) from None
            # a token endpoint's answer is read by us: a new refresh token alone is worth keeping, too
        return self._answer

    def token(self, credentials: Any) -> Token:
        """Have google-auth refresh; give the token and its life by our clock."""
        answer = self.refresh(credentials)
        if answer is not None and "accessToken" not in answer.body:
            return to_token(answer, self._clock)
        now = self._clock.now()
        asked = answer.date if answer is not None and answer.date else now
        return Token(credentials.token, now, now + (credentials.expiry.replace(tzinfo=UTC) - asked))

    def _hide(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Hide the secrets of a request from logs; a credentials file may name headers of any kind."""
        sent = [texts[0] for name, texts in parse_qs(body.decode("latin-1")).items() if name in _SECRETS]
        proofs = [value for name, value in headers.items() if name.lower() not in _NO_SECRETS]
        for secret in (*sent, *proofs, *(proof.partition(" ")[2] for proof in proofs)):  # with and without `Bearer`
            self._redactor.hide(secret)

    def _keep(self, answer: Answer) -> None:
        found = [to_secret(answer, name) for name in ("access_token", "accessToken", "refresh_token")]
        if not any(found):
            raise ResponseError(f"{answer.url}: the answer has no access_token")
        for token in filter(None, found):
            self._redactor.hide(token)
        self._answer = answer


def _plain(answer: Answer) -> Mapping[str, Any]:
    """Write a token's life as google-auth needs it: it is only recommended, RFC 6749, 5.1, and can be odd."""
    if "access_token" not in answer.body:
        return dict(answer.body)
    return {**answer.body, "expires_in": int(to_life(answer, "expires_in", _UNSTATED_LIFE).total_seconds())}
