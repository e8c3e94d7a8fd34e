"""What no sync reports by itself: endpoints that went stale or came back, sets, and logins that end soon."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from filesync.config import Endpoint, EndpointSet
from filesync.core.alerts import Alert, Ended, Event, Notified, Target, judge, payload, recovery, sentence
from filesync.core.timestamps import Timestamp, from_timestamp
from filesync.store.write.notices import NO_ENDPOINT, Note
from filesync.sync.status import Status

if TYPE_CHECKING:
    from filesync.store.write.sets import Answered

_LATE = frozenset({"stale", "never"})
_WELL = frozenset({"ok", "partial", "manual", "archived", "inactive"})
ToldTo = Mapping[tuple[str, int], Collection[Notified]]


class StaleWatch:
    """Writes the notes of one start; `told` are the alerts that targets have already."""

    def __init__(self, told: ToldTo, at: Timestamp, run_id: str, host: str) -> None:
        self._told = told
        self._at = at
        self._run_id = run_id
        self._host = host

    def stale(self, statuses: Sequence[Status], endpoints: Sequence[Endpoint]) -> Iterator[Note]:
        """Report once that an endpoint is stale, and once that it no longer is."""
        by_name = {each.name: each for each in endpoints}
        for status in statuses:
            endpoint_id = status.facts.get("endpoint_id")
            if status.name in by_name and endpoint_id is not None:
                for target in by_name[status.name].notify:
                    yield from self._stale(status, endpoint_id, target)

    def logins(self, target: Target, endpoint_id: int, warnings: Collection[str]) -> Iterator[Note]:
        """Notify a target once of each login that ends soon; `endpoint_id` is NO_ENDPOINT for a global one."""
        if Event.LOGIN_EXPIRING in target.events:
            yield from self._logins(target.key(endpoint_id), endpoint_id, warnings)

    def sets(self, answers: "Collection[tuple[EndpointSet, Answered]]") -> Iterator[Note]:
        """Report the third failure in a row to list the members of a set, and once its recovery."""
        for wanted, answered in answers:
            for target in wanted.template.notify:
                if not target.own:
                    yield from self._set(wanted.name, answered, target)

    def _set(self, name: str, answered: "Answered", target: Target) -> Iterator[Note]:
        subject, at = _subject(name), from_timestamp(self._at)
        status = "failed" if answered.error_type else "success"
        ended = Ended(status, at, answered.error_type, answered.error_message, answered.failures_in_a_row)
        told = self._told.get((target.name, subject), ())
        verdict = judge(ended, told, target.events)
        for alert in verdict.alerts:
            facts = {"host": self._host, "set": name, **_words(alert, ended)}
            message = payload(alert.event, self._at, sentence(alert, name, ended), self._run_id, **facts)
            yield Note(target.name, None, self._at, alert, message, subject=subject)
        if told and verdict.over:
            yield Note(target.name, None, self._at, over=verdict.over, subject=subject)

    def _stale(self, status: Status, endpoint_id: int, target: Target) -> Iterator[Note]:
        key = target.key(endpoint_id)
        told = [each for each in self._told.get((key, endpoint_id), ()) if each.event is Event.STALE]
        facts = {"host": self._host, "endpoint": status.name, "endpoint_id": endpoint_id, "late": status.late}
        if status.late is not None and status.state in _LATE and Event.STALE in target.events and not told:
            text = f"{status.name}: stale: {status.late}"
            message = payload(Event.STALE, self._at, text, self._run_id, **facts)
            yield Note(key, endpoint_id, self._at, Alert(Event.STALE), message)
        elif told and status.state in _WELL and status.late is None:
            over = frozenset({Event.STALE})
            for alert in recovery(told, over, target.events):
                text = f"{status.name}: well again after: stale"
                more = {**facts, "recovered_from": [*alert.recovered_from]}
                message = payload(Event.RECOVERED, self._at, text, self._run_id, **more)
                yield Note(key, endpoint_id, self._at, alert, message)
            yield Note(key, endpoint_id, self._at, over=over)

    def _logins(self, key: str, endpoint_id: int, warnings: Collection[str]) -> Iterator[Note]:
        told = {each.cause for each in self._told.get((key, endpoint_id), ()) if each.event is Event.LOGIN_EXPIRING}
        concerned = None if endpoint_id == NO_ENDPOINT else endpoint_id
        if told and not warnings:
            yield Note(key, concerned, self._at, over=frozenset({Event.LOGIN_EXPIRING}))
        for warning in warnings:
            if warning not in told:
                message = payload(Event.LOGIN_EXPIRING, self._at, warning, self._run_id, host=self._host)
                yield Note(key, concerned, self._at, Alert(Event.LOGIN_EXPIRING, warning), message)


def _subject(set_name: str) -> int:
    """Return the number of a set among the subjects of alerts, below those of endpoints."""
    return -1 - int.from_bytes(hashlib.sha256(set_name.encode("utf-8", "surrogatepass")).digest()[:6])


def _words(alert: Alert, ended: Ended) -> Mapping[str, Any]:
    if alert.event is Event.RECOVERED:
        return {"recovered_from": [*alert.recovered_from]}
    error = {"error_type": ended.error_type, "error_message": ended.error_message}
    return {"failures_in_a_row": ended.failures, **error}
