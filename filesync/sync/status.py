"""How an endpoint is doing: one word, one reason, made of what the database remembers and what the file declares.

Pure functions, for `filesync status` and for the health server alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from filesync.config.endpoint import Endpoint, EndpointSet
from filesync.core.schedule import CronSchedule, Decision, History, IntervalSchedule, ManualSchedule, Schedule, decide
from filesync.core.timestamps import LONG_AGO, known_time, to_timestamp

Row = Mapping[str, Any]

STATES = (
    "never", "running", "waiting", "ok", "partial", "failed", "blocked", "login", "stale", "archived", "manual",
    "inactive",
)  # fmt: skip
ALARMS = frozenset({"failed", "blocked", "login", "stale"})
_AT_REST = {
    "inactive": "it is switched off, or no longer in connector.yaml",
    "archived": "its project is archived: it rests until the project is back",
}
_SLOTS_IN_A_ROW = 3
_LONGEST_WAIT = timedelta(hours=1)
_GOOD = frozenset({"success", "partial"})


@dataclass(frozen=True, slots=True)
class Status:
    """One endpoint: `facts` has the columns of the view `endpoint_status`, and is what JSON shows.

    `state` is never, running, waiting, ok, partial, failed, blocked (the mass-delete guard waits for a person),
    login, stale, archived, manual or inactive:

    - `stale`: the last sync was fine, but nothing fresh came since: three slots of the schedule in a row passed
      without a good sync, or a due sync was not started for an hour, or the last sync left something unlisted for
      twice `reconcile_every`.
    - `archived`: a member of a set whose project is closed or no longer listed: it rests until it is back.
    - `manual`: runs only when it is named, and is fine or never ran.
    - An endpoint whose process died counts as interrupted: what it was before, and due.

    `late` says why it is stale; it is also set for an endpoint that should have run for the first time by now.
    """

    name: str
    endpoint_type: str
    schedule: Schedule | None
    state: str
    facts: Row
    decision: Decision | None = None
    late: str | None = None

    @property
    def alarming(self) -> bool:
        """Return whether a person should look: failed or overdue."""
        return self.state in ALARMS or self.late is not None

    def to_json(self) -> Row:
        decision = self.decision
        return {
            **self.facts,
            "state": self.state,
            "next_due_at": to_timestamp(decision.next_due_at) if decision and decision.next_due_at else None,
            "due": decision.due if decision else False,
            "reason": decision.reason if decision else _AT_REST.get(self.state, self.state),
            "late": self.late,
        }


def describe(
    endpoints: Sequence[Endpoint], rows: Sequence[Row], running: frozenset[int], now: datetime
) -> list[Status]:
    """Describe every declared endpoint, then those that only the database still knows.

    `running` are the ids of endpoints whose lock is held: a row that says `running` without it belongs to the dead.
    """
    left = {(row["endpoint_type"], row["name"]): row for row in rows}
    statuses = [_declared(each, _of_the_living(_taken_from(left, each), running), now) for each in endpoints]
    return [*statuses, *(_undeclared(row) for row in left.values() if row["scope"] is not None)]  # None: forgotten


def describe_set(declared: EndpointSet, error: tuple[str, str] | None, next_due_at: datetime, now: datetime) -> Status:
    """Describe a set that has no endpoints yet, or whose service did not say (error type, message) who is in it.

    `next_due_at` is when its service is asked again.
    """
    template = declared.template
    error_type, message = error or (None, None)
    facts = {**_facts(template, None), "error_type": error_type, "error_message": message}
    status = Status(declared.name, template.endpoint_type, template.schedule, "never", facts)
    if not template.is_active:
        return replace(status, state="inactive")
    decision = _asking_again(next_due_at, now)
    state = {"login": "login", "mass_delete": "blocked", None: "never"}.get(error_type, "failed")
    return replace(status, state=state, decision=decision)


def _asking_again(next_due_at: datetime, now: datetime) -> Decision:
    if next_due_at <= now:
        return Decision(due=True, reason="its service is asked at the next start", next_due_at=now)
    reason = f"its service is asked again at {next_due_at:%Y-%m-%d %H:%M} UTC, or when the set is named"
    return Decision(due=False, reason=reason, next_due_at=next_due_at)


def schedule_to_json(schedule: Schedule) -> Row:
    """Write a schedule as connector.yaml does."""
    match schedule:
        case IntervalSchedule(every):
            return {"type": "interval", "interval_minutes": every // timedelta(minutes=1)}
        case CronSchedule(expression, timezone):
            return {"type": "cron", "cron": expression, "timezone": timezone}
        case ManualSchedule():
            return {"type": "manual"}


def type_in_words(endpoint_type: str) -> str:
    """Return an endpoint's type in few characters."""
    return {"autodesk_construction_cloud": "ACC", "google_drive": "Drive"}.get(endpoint_type, endpoint_type)


def schedule_in_words(schedule: Schedule | None) -> str:
    """Return a schedule in few characters."""
    match schedule:
        case IntervalSchedule(every):
            minutes = every // timedelta(minutes=1)
            return f"every {minutes // 60} h" if minutes % 60 == 0 else f"every {minutes} min"
        case CronSchedule(expression, "UTC"):
            return expression
        case CronSchedule(expression, timezone):
            return f"{expression} {timezone}"
        case ManualSchedule():
            return "manual"
    return ""


def _taken_from(left: dict[tuple[str, str], Row], endpoint: Endpoint) -> Row | None:
    """Take out an endpoint's row by its name, else (it was renamed since the last sync) by its service ids."""
    kind, scope = endpoint.endpoint_type, dict(endpoint.scope)
    if (kind, endpoint.name) in left:
        return left.pop((kind, endpoint.name))
    same = (key for key, row in left.items() if key[0] == kind and row["scope"] == scope)
    key = next(same, None)
    return None if key is None else left.pop(key)


def _of_the_living(row: Row | None, running: frozenset[int]) -> Row | None:
    """Take what a dead process left: its sync was interrupted, and nothing is running."""
    if row is None or row["running_since"] is None or row["endpoint_id"] in running:
        return row
    gone = {name: None for name in row if name.startswith(("running_", "waiting_"))}
    message = "the last sync's process died; the next start goes on from there"
    return {**row, **gone, "last_status": "interrupted", "error_type": "died", "error_message": message}


def _declared(endpoint: Endpoint, row: Row | None, now: datetime) -> Status:
    status = Status(
        name=endpoint.name,
        endpoint_type=endpoint.endpoint_type,
        schedule=endpoint.schedule,
        state="never",
        facts=_facts(endpoint, row),
    )
    if not endpoint.is_active:
        return replace(status, state="inactive")
    if endpoint.archived_at:
        return replace(status, state="archived")
    status = replace(status, decision=decide(endpoint.schedule, _history(row, now), now))
    if row is None:
        return replace(status, state="manual" if isinstance(endpoint.schedule, ManualSchedule) else "never")
    state = _state(endpoint, row, now)
    if status.decision is not None and state in {"running", "waiting"}:
        return replace(status, state=state, decision=_after_this_one(endpoint, row, now))
    if state not in {"ok", "partial", "never"}:
        return replace(status, state=state)
    late = _lateness(endpoint, row, status.decision, now)
    return replace(status, state="stale" if late and state != "never" else state, late=late)


def _after_this_one(endpoint: Endpoint, row: Row, now: datetime) -> Decision:
    """Return the decision for an endpoint that is being read: a start skips it, then its schedule counts."""
    began = known_time(row["running_since"]) or now
    served = History(created_at=began, last_started_at=began, last_status="success")
    reason = f"a sync is running since {began:%Y-%m-%d %H:%M} UTC"
    return Decision(due=False, reason=reason, next_due_at=decide(endpoint.schedule, served, now).next_due_at)


def _undeclared(row: Row) -> Status:
    """Describe an endpoint that left the file; its rows stay."""
    facts = _public({**row, "is_active": False})
    return Status(row["name"], row["endpoint_type"], schedule=None, state="inactive", facts=facts)


def _facts(endpoint: Endpoint, row: Row | None) -> Row:
    declared = {
        "name": endpoint.name,
        "endpoint_type": endpoint.endpoint_type,
        "schedule": schedule_to_json(endpoint.schedule),
        "is_active": endpoint.is_active,
    }
    return {**dict.fromkeys(_COLUMNS), **_public(row or {}), **declared}


_COLUMNS = (
    "endpoint_id", "name", "endpoint_type", "schedule", "is_active", "state", "last_started_at", "last_status",
    "last_success_at", "complete_as_of", "last_duration_seconds", "files", "files_added", "files_updated",
    "files_removed", "failures_in_a_row", "next_due_at", "error_type", "error_message", "running_since",
    "running_files_seen", "running_folders_listed", "running_api_requests", "running_heartbeat_at", "waiting_for",
    "waiting_until",
)  # fmt: skip


def _public(row: Row) -> Row:
    """Keep the columns of the view."""
    return {name: value for name, value in row.items() if name in _COLUMNS}


def _history(row: Row | None, now: datetime) -> History:
    if row is None:
        return History(created_at=now)
    return History(
        created_at=known_time(row["created_at"]) or LONG_AGO,
        last_started_at=known_time(row["last_started_at"]),
        last_finished_at=known_time(row["last_finished_at"]),
        last_status=row["last_status"],
        last_error_type=row["error_type"],
        failures_in_a_row=row["failures_in_a_row"],
        owed_since=known_time(row["owed_since"]),
    )


def _state(endpoint: Endpoint, row: Row, now: datetime) -> str:
    if row["running_since"] is not None:
        waits_until = known_time(row["waiting_until"])
        return "waiting" if waits_until and waits_until > now else "running"
    if row["last_status"] == "failed":
        return {"mass_delete": "blocked", "login": "login"}.get(row["error_type"], "failed")
    if row["last_status"] == "partial":
        return "partial"
    if isinstance(endpoint.schedule, ManualSchedule):
        return "manual"
    was_complete = row["last_status"] == "success" or row["completed_at"] is not None
    return "ok" if was_complete else "never"


def _lateness(endpoint: Endpoint, row: Row, decision: Decision | None, now: datetime) -> str | None:
    if isinstance(endpoint.schedule, ManualSchedule) or decision is None:
        return None
    due_at = decision.next_due_at
    if decision.due and due_at is not None and now - due_at > _LONGEST_WAIT:
        return f"due since {due_at:%Y-%m-%d %H:%M} UTC, and no sync was started"
    if _missed_three(endpoint.schedule, _last_good(row), now):
        return "no sync succeeded in three slots in a row"
    oldest = known_time(row["complete_as_of"])
    if oldest is not None and _last_good(row) - oldest > 2 * endpoint.reconcile_every:
        return f"something was last listed {oldest:%Y-%m-%d %H:%M} UTC: reconciling is behind reconcile_every"
    return None


def _last_good(row: Row) -> datetime:
    """Return when the last good sync ended (how long it took is no lateness), else when the endpoint appeared."""
    if row["last_status"] in _GOOD and row["last_finished_at"]:
        return known_time(row["last_finished_at"]) or LONG_AGO
    return known_time(row["last_success_at"] or row["created_at"]) or LONG_AGO


def _missed_three(schedule: Schedule, since: datetime, now: datetime) -> bool:
    for _ in range(_SLOTS_IN_A_ROW):
        served = History(created_at=since, last_started_at=since, last_status="success")
        slot = decide(schedule, served, now).next_due_at
        if slot is None or slot > now or since > now:
            return False
        since = slot
    return True
