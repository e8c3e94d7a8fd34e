"""What an answer means: a JSON object, something that may pass, or an error that names the request."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

import orjson

from filesync.core.errors import (
    About,
    AuthError,
    FilesyncError,
    ForbiddenError,
    NetworkError,
    NotAdmittedError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    ResponseError,
    ServiceDownError,
)
from filesync.core.redaction import Redactor
from filesync.http.middleware import FEW_TRIES, MOST_TRIES
from filesync.http.pace import requested_wait, to_date
from filesync.http.types import Explain, HttpCall, Refusal, Reply, RetryableError, Send
from filesync.runtime.clock import Clock

_REFUSED = {403: ForbiddenError, 404: NotFoundError}
_GUIDE = "OAUTH_SETUP.md"
MOST_VALUES = 1_000_000  # in an answer: a page of 1,000 items has 50,000
_BLANK = b"\xef\xbb\xbf \t\r\n"
_LONGEST_STUMP = 5  # characters: what can be left of a literal or an escape that was cut, as in `fals`


class ResponseCheck:
    """Judges the answers of one service."""

    def __init__(self, explain: Explain, redactor: Redactor, clock: Clock) -> None:
        self._explain = explain
        self._redactor = redactor
        self._clock = clock

    def judged(self, send: Send) -> Send:
        """Let through what is a JSON object; raise Again or a FilesyncError for anything else."""

        def send_and_judge(call: HttpCall) -> Reply:
            reply = send(call)
            if reply.status >= 400:
                self._refuse(call, reply)
            if reply.status >= 300:
                raise ResponseError(f"{call.where}: redirected elsewhere ({reply.status}); not followed")
            body = to_object(call, reply.content) if call.route.answers else {}
            hidden = _hidden_status(body)
            if hidden is not None:
                self._refuse(call, replace(reply, status=hidden))
            return replace(reply, body=body)

        return send_and_judge

    def _refuse(self, call: HttpCall, reply: Reply) -> NoReturn:
        refusal = self._explain(reply.status, _leniently(reply.content))
        text = self._text(call, reply, refusal)
        passing = _passing(reply.status, refusal, text)
        if passing:
            waits_elsewhere = requested_wait(reply, self._clock) is not None
            raise RetryableError(passing, tries=MOST_TRIES, waits_elsewhere=waits_elsewhere)
        if reply.status == 401 and not call.is_login:
            raise AuthError(text if _GUIDE in text else f"{text}; log in again or check the credentials, see {_GUIDE}")
        if _is_cut(reply.content):
            raise RetryableError(ResponseError(f"{text}, and the answer breaks off"), tries=FEW_TRIES)
        reason = self._redactor.line(refusal.reason)
        if refusal.about is About.LOGIN and not call.is_login:
            raise NotAdmittedError(text, status=reply.status, reason=reason)
        refused = _REFUSED.get(reply.status, RefusedError)
        answered_at = to_date(reply.headers.get("Date"))
        raise refused(text, status=reply.status, reason=reason, answered_at=answered_at, about=refusal.about)

    def _text(self, call: HttpCall, reply: Reply, refusal: Refusal) -> str:
        said = f"{self._redactor.line(refusal.reason)} {self._redactor.line(refusal.detail)}"
        return f"{call.where}: {reply.status} {said.strip()}".rstrip()


def _hidden_status(body: Mapping[str, Any]) -> int | None:
    """Find the status of an error that came with 200: Google's envelope, which no answer of theirs has in it.

    https://github.com/googleapis/google-api-nodejs-client/issues/2899
    """
    error = body.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, int) and 400 <= code < 600 else None


def _passing(status: int, refusal: Refusal, text: str) -> FilesyncError | None:
    if status == 429 or refusal.retry:
        return RateLimitedError(text)
    if status == 408:
        return NetworkError(text)
    return ServiceDownError(text) if status >= 500 else None


def to_object(call: HttpCall, content: bytes) -> Mapping[str, Any]:
    """Parse an answer that must be a JSON object. A lone surrogate is let through: it is its reader's concern."""
    _check_count(call, content)
    try:
        body = orjson.loads(content)  # decision 6
    except orjson.JSONDecodeError:
        body = _parse_slowly(call, content)
    if not isinstance(body, dict):
        raise ResponseError(f"{call.where}: the answer is JSON, but no JSON object")
    return body


def _parse_slowly(call: HttpCall, content: bytes) -> Any:
    """Read what orjson refuses, or return why it is unreadable: lone surrogates, a byte order mark, deep nesting."""
    try:
        return json.loads(content, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise _not_json(call, content, error) from error


def _check_count(call: HttpCall, content: bytes) -> None:
    """Refuse what would take far more memory as values than as text: `[[],[],…` thirty times as much."""
    if len(content) <= MOST_VALUES or _count(content) <= MOST_VALUES:
        return
    # names may hold commas, too: look closer
    plain = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    texts = plain.count(b'"') // 2
    if texts > MOST_VALUES or _count(b"".join(plain.split(b'"')[::2])) > MOST_VALUES:
        raise ResponseError(f"{call.where}: the answer holds more than {MOST_VALUES:,} values")


def _count(content: bytes) -> int:
    return content.count(b",") + content.count(b"[") + content.count(b"{")


def _not_json(call: HttpCall, content: bytes, error: Exception) -> Exception:
    if content.lstrip(_BLANK).startswith(b"<"):
        return ResponseError(
            f"{call.where}: the answer is a web page, not JSON; is a proxy or a login page in between?"
        )
    if _breaks_off(error):
        return RetryableError(ResponseError(f"{call.where}: the answer breaks off"), tries=FEW_TRIES)
    return ResponseError(f"{call.where}: the answer is no readable JSON")


def _is_cut(content: bytes) -> bool:
    """Return whether JSON lacks its end; text that is no JSON at all counts as whole."""
    if not content.lstrip(_BLANK).startswith((b"{", b"[")):
        return False
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        return _breaks_off(error)
    return False


def _breaks_off(error: Exception) -> bool:
    if isinstance(error, UnicodeDecodeError):
        return error.reason == "unexpected end of data"
    if not isinstance(error, json.JSONDecodeError):
        return False  # a number without end, a well without bottom
    if error.pos == 0:
        return not error.doc.strip()
    left = len(error.doc.rstrip()) - error.pos
    return error.msg.startswith("Unterminated string") or (left <= _LONGEST_STUMP and error.msg != "Extra data")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number beyond what a float holds")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _leniently(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
