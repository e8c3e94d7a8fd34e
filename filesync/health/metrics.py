"""The facts for Prometheus: names, types and units of every metric. No registry is the process's."""

import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from filesync import __version__
from filesync.core.timestamps import known_time
from filesync.health.facts import Facts, Row, is_alarming
from filesync.sync.status import STATES

_CHANGES = ("added", "updated", "removed")


def to_text(facts: Facts) -> bytes:
    """Write Prometheus' text format."""
    return generate_latest(_registry(facts))


def to_openmetrics(facts: Facts) -> bytes:
    """Write OpenMetrics 1.0."""
    return bytes(openmetrics.generate_latest(_registry(facts)))  # type: ignore[no-untyped-call]


def _registry(facts: Facts) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Facts(facts))
    return registry


class _Facts(Collector):
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def describe(self) -> Sequence[Metric]:
        return ()  # else every answer would be collected twice

    def collect(self) -> Iterator[Metric]:
        yield from _of_the_home(self._facts)
        yield from _of_endpoints({_clean(row["name"]): row for row in reversed(self._facts.endpoints)})
        yield from _totals(self._facts.overview.totals if self._facts.overview else ())


def _of_the_home(facts: Facts) -> Iterator[Metric]:
    build = GaugeMetricFamily("filesync_build_info", "The version of filesync", labels=["version"])
    build.add_metric([__version__], 1)
    yield build
    yield _gauge("filesync_config_valid", "1 when connector.yaml can be read", facts.config_problem is None)
    yield _gauge("filesync_database_up", "1 when the database answers", facts.overview is not None)
    known = facts.overview
    if known is None:
        return
    yield _gauge("filesync_database_schema_version", "Version of the database's schema", known.schema_version)
    yield _gauge("filesync_database_size_bytes", "Size of the database file", known.size)
    yield _gauge("filesync_database_wal_size_bytes", "Size of the write-ahead log beside it", known.wal_size)
    yield _gauge("filesync_files", "Live files of all endpoints", known.files)
    if known.last_start_at is not None:
        yield _gauge(
            "filesync_scheduler_last_start_timestamp_seconds",
            "When filesync sync was last started",
            _seconds(known.last_start_at),
        )
    if known.last_exit_code is not None:
        yield _gauge("filesync_scheduler_last_exit_code", "Exit code of that start", known.last_exit_code)


@dataclass(frozen=True, slots=True)
class _OfEndpoint:
    """A gauge with one sample for each endpoint that has the value."""

    name: str
    says: str
    column: str
    convert: Callable[[Any], float] = float


def _seconds(moment: str) -> float:
    """Write a stored time as Prometheus does; a damaged one is no number."""
    known = known_time(moment)
    return math.nan if known is None else known.timestamp()


_GAUGES = (
    _OfEndpoint("files", "Live files", "files"),
    _OfEndpoint("last_start_timestamp_seconds", "When its last sync began", "last_started_at", _seconds),
    _OfEndpoint(
        "last_success_timestamp_seconds", "When its last sync that went well began", "last_success_at", _seconds
    ),
    _OfEndpoint(
        "complete_as_of_timestamp_seconds",
        "Its oldest listing: how old rows may be",
        "complete_as_of",
        _seconds,
    ),
    _OfEndpoint(
        "next_due_timestamp_seconds", "When a sync is due next; in the past: waits to start", "next_due_at", _seconds
    ),
    _OfEndpoint("last_duration_seconds", "How long its last sync took", "last_duration_seconds"),
    _OfEndpoint("failures_in_a_row", "Syncs that failed since the last one that did not", "failures_in_a_row"),
    _OfEndpoint("running_since_timestamp_seconds", "When the sync that is under way began", "running_since", _seconds),
    _OfEndpoint("running_files_seen", "Files that the sync under way has seen", "running_files_seen"),
)


def _of_endpoints(rows: dict[str, Row]) -> Iterator[Metric]:
    yield _states(rows)
    alarming = GaugeMetricFamily(
        "filesync_endpoint_alarming", "1 when a person should look, as status --check tells", labels=["endpoint"]
    )
    for name, row in rows.items():
        alarming.add_metric([name], float(is_alarming(row)))
    yield alarming
    for gauge in _GAUGES:
        family = GaugeMetricFamily(f"filesync_endpoint_{gauge.name}", gauge.says, labels=["endpoint"])
        for name, row in rows.items():
            if row[gauge.column] is not None:
                family.add_metric([name], gauge.convert(row[gauge.column]))
        yield family
    yield _last_changes(rows)


def _states(rows: dict[str, Row]) -> Metric:
    family = GaugeMetricFamily(
        "filesync_endpoint_state", "1 for the state that the endpoint is in", labels=["endpoint", "provider", "state"]
    )
    for name, row in rows.items():
        for state in STATES:
            family.add_metric([name, row["endpoint_type"], state], float(row["state"] == state))
    return family


def _last_changes(rows: dict[str, Row]) -> Metric:
    family = GaugeMetricFamily(
        "filesync_endpoint_last_changed_files", "What its last good sync changed", labels=["endpoint", "change"]
    )
    for name, row in rows.items():
        for change in _CHANGES:
            if row[f"files_{change}"] is not None:
                family.add_metric([name, change], row[f"files_{change}"])
    return family


def _totals(totals: Sequence[Row]) -> Iterator[Metric]:
    yield _counter(totals, "filesync_syncs", "Syncs by outcome", "syncs", by_status=True)
    yield _counter(totals, "filesync_sync_duration_seconds", "Time spent in syncs", "duration_seconds", by_status=True)
    yield _counter(totals, "filesync_api_requests", "Requests to the services, logins aside", "api_requests")
    yield _counter(totals, "filesync_api_retries", "Requests that were sent again", "retries")
    yield _counter(totals, "filesync_api_throttled_seconds", "Time waited for limits", "throttled_seconds")
    yield _counter(
        totals,
        "filesync_found_by_reconcile",
        "Changes that only reconciling found",
        "found_by_reconcile",
    )
    changed = CounterMetricFamily(
        "filesync_changed_files", "Files by what became of them", labels=["endpoint", "provider", "change"]
    )
    for key, rows in _grouped(totals, "endpoint", "endpoint_type").items():
        for change in _CHANGES:
            changed.add_metric([*key, change], sum(row[f"files_{change}"] for row in rows))
    yield changed


def _counter(totals: Sequence[Row], name: str, says: str, column: str, *, by_status: bool = False) -> Metric:
    columns = ("endpoint", "endpoint_type", *(("status",) if by_status else ()))
    labels = ["endpoint", "provider", *(("status",) if by_status else ())]
    family = CounterMetricFamily(name, says, labels=labels)
    for key, rows in _grouped(totals, *columns).items():
        family.add_metric(key, sum(row[column] for row in rows))
    return family


def _grouped(totals: Sequence[Row], *columns: str) -> dict[tuple[str, ...], list[Row]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in totals:
        groups.setdefault(tuple(_clean(row[column]) for column in columns), []).append(row)
    return groups


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=float(value))


def _clean(text: str) -> str:
    """Make a label that any reader of lines takes: no lone surrogates, no control characters."""
    return "".join("\ufffd" if unicodedata.category(char) in {"Cc", "Cs"} else char for char in text)
