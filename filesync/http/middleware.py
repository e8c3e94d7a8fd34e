"""What a request passes on its way: its token, its line in the log, and the retries.

What may pass is tried again, with exponential backoff and full jitter:
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ (full jitter)
https://developers.google.com/workspace/drive/api/guides/limits (truncated exponential backoff)
"""

from typing import cast

import tenacity

from filesync.core.errors import FilesyncError, RateLimitedError
from filesync.core.redaction import LONGEST_TEXT, printable
from filesync.http.counters import Counters
from filesync.http.pace import to_date
from filesync.http.types import Authoriser, HttpAttempt, HttpCall, Randomness, Reply, RequestLog, RetryableError, Send
from filesync.runtime.clock import Clock, Stop

MOST_TRIES = 6
FEW_TRIES = 3  # for an answer that breaks off: it may be what the service has

_BASE = 1.0  # seconds
_CAP = 64.0  # seconds


def retried(send: Send, stop: Stop, random: Randomness) -> Send:
    """Send again while a failure may pass; raise what the last one means."""

    def send_until_answered(call: HttpCall) -> Reply:
        def sleep(seconds: float) -> None:
            if seconds:
                stop.wait(seconds)
                call.waited += seconds

        loop = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetryableError),
            stop=lambda state: state.attempt_number >= _tries(call, _failure(state)),
            wait=lambda state: backoff(_failure(state), state.attempt_number, random),
            sleep=sleep,
            reraise=True,
        )
        try:
            return loop(send, call)
        except RetryableError as again:
            raise again.error from again.__cause__

    return send_until_answered


def backoff(failure: RetryableError, tries: int, random: Randomness) -> float:
    """Return the seconds to wait after that many tries."""
    if failure.waits_elsewhere:
        return 0.0
    return random.random() * min(_CAP, _BASE * 2.0 ** (tries - 1))


def _tries(call: HttpCall, failure: RetryableError) -> int:
    if call.route.tries is None or isinstance(failure.error, RateLimitedError):
        return failure.tries
    return min(call.route.tries, failure.tries)


def _failure(state: tenacity.RetryCallState) -> RetryableError:
    return cast("RetryableError", state.outcome.exception() if state.outcome else None)


def authorised(send: Send, authoriser: Authoriser | None) -> Send:
    """Send with the current token; after a 401 once more, with a renewed one."""
    if authoriser is None:
        return send

    def send_with_token(call: HttpCall) -> Reply:
        if call.is_login:
            return send(call)
        call.authorisation = authoriser.headers()
        reply = send(call)
        if reply.status != 401:
            return reply
        authoriser.renew(call.authorisation)
        call.authorisation = authoriser.headers()
        return send(call)

    return send_with_token


def logged(send: Send, log: RequestLog, counters: Counters, clock: Clock) -> Send:
    """Count and log every attempt, also one without an answer."""

    def send_and_log(call: HttpCall) -> Reply:
        counters.count(is_login=call.is_login, is_retry=call.attempts > 0)
        call.attempts += 1
        started = clock.monotonic()
        reply, error = None, None
        try:
            reply = send(call)
        except RetryableError as again:
            error = again.error
            raise
        except FilesyncError as exc:
            error = exc
            raise
        finally:
            log(_attempt(call, reply, error, clock.monotonic() - started))
            call.waited = 0.0
        return reply

    return send_and_log


def _attempt(call: HttpCall, reply: Reply | None, error: FilesyncError | None, seconds: float) -> HttpAttempt:
    return HttpAttempt(
        method=call.route.method,
        route=call.route.name,
        status=reply.status if reply else None,
        attempt=call.attempts,
        milliseconds=round(seconds * 1000),
        waited=round(call.waited, 3),
        request_id=_request_id(reply) if reply else None,
        error_type=error.error_type if error else None,
        is_failure=reply is None or _is_failure(call, reply.status),
        gives_login=call.route.gives_login,
        answered_at=to_date(reply.headers.get("Date")) if reply else None,
    )


def _is_failure(call: HttpCall, status: int) -> bool:
    return status >= 400 and not (status == 404 and call.route.may_be_missing)


def _request_id(reply: Reply) -> str | None:
    """Find the service's own name for the request: x-request-id, x-ads-request-id, x-ads-trace-id and their kin."""
    names = (
        name for name in reply.headers if name.lower().startswith("x-") and name.lower().endswith(("-id", "-trace"))
    )
    values = (printable(reply.headers[name]) for name in names)
    return next((value for value in values if len(value) <= LONGEST_TEXT), None)  # cut, it might show half a secret
