"""How every endpoint is doing: the facts of `filesync status`, of the health server and of the doctor."""

from collections.abc import Mapping, Sequence
from typing import Any

from filesync.app.home import Home
from filesync.app.keep_alive import has_logins
from filesync.config.file import service_of
from filesync.store.read import queries
from filesync.sync.status import Status, describe, describe_set


def status_documents(home: Home) -> list[Mapping[str, Any]]:
    """Describe every endpoint as `status --json` does."""
    return to_documents(endpoint_statuses(home), login_warnings_by_endpoint(home))


def endpoint_statuses(home: Home) -> list[Status]:
    """Describe every endpoint as of now; without a database none has run yet."""
    endpoints, now = home.endpoints(), home.clock.now()
    if not home.has_database():
        home.messages.note("no sync has run in this home yet; start one with: filesync sync")
        return [*describe(endpoints, [], frozenset(), now), *_set_statuses(home)]
    with home.reading() as database:
        rows = queries.statuses(database)
    ids = (row["endpoint_id"] for row in rows if row["running_since"] is not None)
    running = frozenset(id_ for id_ in ids if home.is_running(id_))
    return [*describe(endpoints, rows, running, now), *_set_statuses(home)]


def to_documents(statuses: Sequence[Status], warnings: Mapping[str, str]) -> list[Mapping[str, Any]]:
    return [{**each.to_json(), "login_warning": warnings.get(each.name)} for each in statuses]


def _set_statuses(home: Home) -> list[Status]:
    """Describe the sets that nobody knows the members of yet, and those whose service was last asked in vain."""
    if not home.config.sets:
        return []
    from filesync.sync.refresh_sets import next_due_at  # noqa: PLC0415  few files have sets

    answered, now = home.answered(), home.clock.now()
    statuses = []
    for each in home.config.sets:
        answer = answered.get(each.source)
        error = (answer.error_type, answer.error_message or "") if answer and answer.error_type else None
        if error or answer is None or answer.answered_at is None:
            statuses.append(describe_set(each, error, next_due_at(answer, now), now))
    return statuses


def login_warnings_by_endpoint(home: Home) -> Mapping[str, str]:
    """Say of each endpoint whose login ends soon that it does."""
    if not has_logins(home):
        return {}
    from filesync.app.logins import login_warnings  # noqa: PLC0415  only a person's login can end

    warnings = login_warnings(home)
    found = {each.name: warnings.get((service_of(each.kind), each.credentials)) for each in home.endpoints()}
    return {name: warning for name, warning in found.items() if warning}
