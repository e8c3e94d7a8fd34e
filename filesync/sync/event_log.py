"""What a start leaves in the log: how each sync began and ended, and of its requests what somebody may ask about."""

from dataclasses import asdict
from typing import Any

from filesync.core.timestamps import to_timestamp
from filesync.http import Counters
from filesync.http import HttpAttempt as Request
from filesync.runtime.log import Level, Log
from filesync.store.write.odd_entries import OddEntry
from filesync.store.write.sync_log import Outcome

SLOW = 10_000  # milliseconds of one attempt
MOST_FOLDERS = 100  # that one sync names one by one
MOST_ODD = 100  # entries, likewise

_STOPS = {"signal", "time_limit"}


def log_beginning(log: Log, outcome_of: str, trigger: str, sync_log_id: int) -> Log:
    """Log that a sync began; return the log whose lines name that sync."""
    log = log.about(endpoint=outcome_of, sync_log_id=sync_log_id)
    log.info("sync_began", trigger=trigger)
    return log


def log_ending(log: Log, outcome: Outcome, unread: list[tuple[str, str]], newly_odd: list[OddEntry]) -> None:
    """Log how a sync ended, the folders it could not read, and the entries with something odd in them."""
    for entry in newly_odd:
        log.warning("odd_entry", external_id=entry.id, path=entry.path, odd=entry.odd)
    for path, reason in unread[:MOST_FOLDERS]:
        log.warning("folder_unreadable", path=path, reason=reason)
    if len(unread) > MOST_FOLDERS:
        log.warning("folder_unreadable", and_more=len(unread) - MOST_FOLDERS)
    log.write(_level(outcome), "sync_ended", **facts_of(outcome))


def facts_of(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome field by field, without its endpoint."""
    usage = outcome.usage
    return {
        "status": outcome.status,
        "mode": outcome.mode,
        "trigger": outcome.trigger,
        "started_at": to_timestamp(outcome.started_at),
        "finished_at": to_timestamp(outcome.finished_at),
        "duration_seconds": round(outcome.duration_seconds, 3),
        **asdict(outcome.tally),
        "api_requests": usage.api_requests,
        "retries": usage.retries,
        "throttled_seconds": usage.throttled_seconds,
        "error_type": outcome.error_type,
        "error_message": outcome.error_message,
    }


class SyncRequestLog:
    """Logs one sync's requests and waits: every request at DEBUG, slow and failed ones at WARNING."""

    def __init__(self, log: Log, counters: Counters) -> None:
        self._log = log
        self._counters = counters
        counters.on_wait = self.log_wait

    def log_request(self, request: Request) -> None:
        log = self._of_sync()
        log.write(
            _level_of(request),
            "request",
            method=request.method,
            route=request.route,
            status=request.status,
            error_type=request.error_type,
            attempt=request.attempt,
            milliseconds=request.milliseconds,
            waited_seconds=request.waited,
            request_id=request.request_id,
        )
        if request.gives_login and not request.is_failure and request.error_type is None:
            log.info("login_refreshed", route=request.route, request_id=request.request_id)

    def log_wait(self, limit: str, seconds: float) -> None:
        self._of_sync().info("waiting", limit=limit, seconds=round(seconds, 1))

    def _of_sync(self) -> Log:
        number = self._counters.sync_log_id
        return self._log if number is None else self._log.about(sync_log_id=number)


def _level(outcome: Outcome) -> Level:
    if outcome.status == "failed":
        return Level.ERROR
    return Level.WARNING if outcome.status == "partial" and outcome.trigger != "trial" else Level.INFO


def _level_of(request: Request) -> Level:
    if request.error_type in _STOPS:
        return Level.DEBUG
    return Level.WARNING if request.is_failure or request.milliseconds >= SLOW else Level.DEBUG
