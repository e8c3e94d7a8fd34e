"""The retry loop: what may pass is tried again, with exponential backoff and full jitter.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ (full jitter)
https://developers.google.com/workspace/drive/api/guides/limits (truncated exponential backoff)
"""

from typing import cast

import tenacity

from filesync.clock import Stop
from filesync.errors import RateLimitedError
from filesync.http.exchange import Again, Call, Randomness, Reply, Send

MOST_TRIES = 6
FEW_TRIES = 3  # for an answer that breaks off: it may be what the service has

_BASE = 1.0  # seconds
_CAP = 64.0  # seconds


def retried(send: Send, stop: Stop, random: Randomness) -> Send:
    """Send again while a failure may pass; raise what the last one means."""

    def send_until_answered(call: Call) -> Reply:
        def sleep(seconds: float) -> None:
            if seconds:
                stop.wait(seconds)
                call.waited += seconds

        loop = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Again),
            stop=lambda state: state.attempt_number >= _tries(call, _failure(state)),
            wait=lambda state: backoff(_failure(state), state.attempt_number, random),
            sleep=sleep,
            reraise=True,
        )
        try:
            return loop(send, call)
        except Again as again:
            raise again.error from again.__cause__

    return send_until_answered


def backoff(failure: Again, tries: int, random: Randomness) -> float:
    """Tell the seconds to wait after that many tries."""
    if failure.waits_elsewhere:
        return 0.0
    return random.random() * min(_CAP, _BASE * 2.0 ** (tries - 1))


def _tries(call: Call, failure: Again) -> int:
    if call.route.tries is None or isinstance(failure.error, RateLimitedError):
        return failure.tries
    return min(call.route.tries, failure.tries)


def _failure(state: tenacity.RetryCallState) -> Again:
    return cast("Again", state.outcome.exception() if state.outcome else None)
