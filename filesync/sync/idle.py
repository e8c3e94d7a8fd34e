"""Until when a scheduled start has nothing to do."""

from collections.abc import Sequence
from datetime import UTC, datetime

from filesync.config import Endpoint, EndpointSet
from filesync.schedule import decide
from filesync.store import sets as stored_sets
from filesync.store.database import Database
from filesync.store.endpoints import load
from filesync.sync.expansion import next_due_at

_NEVER = datetime.max.replace(tzinfo=UTC)


def idle_until(
    endpoints: Sequence[Endpoint], sets: Sequence[EndpointSet], database: Database, now: datetime
) -> datetime:
    """Return when the first endpoint or set is due, `now` when one is; endpoints without a row are due."""
    rows = {row.name: row for row in load(database)}
    answers = stored_sets.load(database) if sets else {}
    times = [next_due_at(answers.get(each.source), now) for each in sets if each.template.is_active]
    for each in endpoints:
        if each.is_active and not each.archived_at:
            if each.name not in rows:
                return now
            decision = decide(each.schedule, rows[each.name].history(), now)
            times.append(now if decision.due else decision.next_due_at or _NEVER)
    return min(times, default=_NEVER)
