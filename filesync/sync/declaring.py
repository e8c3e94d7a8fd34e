"""From an endpoint of the configuration to its row in the table `endpoints`."""

from typing import Any

from filesync.config import Endpoint
from filesync.schedule import CronSchedule, IntervalSchedule, Schedule
from filesync.store.endpoints import Declared


def to_declared(endpoint: Endpoint) -> Declared:
    """Write an endpoint as the table has it."""
    return Declared(
        endpoint.name,
        endpoint.endpoint_type,
        endpoint.scope,
        endpoint.project_id,
        endpoint.user_id,
        endpoint.details_text,
        _schedule_columns(endpoint.schedule),
        endpoint.is_active,
        is_member=endpoint.membership is not None,
        archived_at=endpoint.archived_at,
        state=endpoint.membership.state if endpoint.membership else {},
    )


def _schedule_columns(schedule: Schedule) -> dict[str, Any]:
    match schedule:
        case IntervalSchedule(every):
            return {"type": "interval", "interval_minutes": every.total_seconds() / 60}
        case CronSchedule(expression, timezone):
            return {"type": "cron", "cron": expression, "timezone": timezone}
        case _:
            return {"type": "manual"}
