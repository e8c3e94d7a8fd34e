"""Inventory: one database that a provider fills through the real sync, and what it says afterwards."""

import random  # noqa: TID251  a seeded generator: the suite's runs are to repeat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from filesync.config import Endpoint
from filesync.core.filters import Selection
from filesync.core.model import KnownFolder
from filesync.core.schedule import IntervalSchedule
from filesync.core.timestamps import to_timestamp
from filesync.http import Connector, Counters
from filesync.providers.base import LooksUp, Provider, ProviderKind, Surroundings
from filesync.providers.details import FilterDetails
from filesync.runtime.clock import Stop
from filesync.store.database import open_for_reading, open_for_writing
from filesync.store.engine import Database
from filesync.store.feed.lineage import FeedPlace
from filesync.store.read import queries
from filesync.store.read.queries import ChangeFilter, KnownEndpoint, Row
from filesync.store.read.search import FileFilter, find
from filesync.store.write.endpoints import Declared, EndpointRow, bring_in_line
from filesync.store.write.sync_log import Outcome
from filesync.sync.endpoint import ActiveSync, sync_endpoint
from filesync.sync.options import SyncOptions
from filesync.sync.session import SyncSession
from filesync.testing.assertions import claim, claim_same
from filesync.testing.recording_provider import RecordingProvider
from filesync.testing.service_driver import ServiceDriver, Unsupported
from filesync.testing.site import Site
from filesync.verify.comparison import Comparison, Doors, comparing

RECONCILE_EVERY = timedelta(hours=6)
_NAME = "under test"
_KINDS = ("created", "deleted", "restored", "moved", "renamed", "modified", "touched")
_OURS = frozenset({"endpoint", "id", "endpoint_id", "first_seen_at", "changed_at", "deleted_at"})


@dataclass(frozen=True, slots=True)
class Scene:
    """What all inventories of one test share: the provider's kind, the service, and a folder to live in."""

    kind: ProviderKind
    ground: ServiceDriver
    site: Site
    home: Path

    def details(self, **more: Any) -> Any:
        return self.kind.details().model_validate({**self.ground.details, **more})

    def connector(self, stop: Stop, counters: Counters) -> Connector:
        return Connector(
            clock=self.ground.clock,
            stop=stop,
            counters=counters,
            limits_folder=self.home / "limits",
            percent=100,
            random=random.Random(1),
        )

    def open(self, details: Any, connector: Connector) -> Provider:
        variables = self.ground.variables
        surroundings = Surroundings(variables, connector, self.ground.clock, lambda name: self.home / name)
        return self.kind.open(details, surroundings)


@dataclass(slots=True)
class Inventory:
    """A database with one endpoint; it is closed between two syncs, as between two starts."""

    scene: Scene
    name: str
    filters: dict[str, Any] = field(default_factory=dict)
    folders: dict[str, KnownFolder | None] = field(default_factory=dict)  # the site's, as of the last sync
    batches: int = 0  # that the last sync was given

    @property
    def path(self) -> Path:
        return self.scene.home / f"{self.name}.db"

    def sync(self, *, full: bool = False, stop_after: int | None = None) -> Outcome:
        """Sync once, however it ends; a stop is requested after `stop_after` batches."""
        clock = self.scene.ground.clock
        stop, counters = Stop(clock), Counters()
        connector = self.scene.connector(stop, counters)
        witnesses: list[RecordingProvider] = []

        def open_provider(endpoint: Endpoint, stop: Stop, _counters: Counters) -> Provider:
            witnesses.append(RecordingProvider(self.scene.open(endpoint.details, connector), stop, stop_after))
            return witnesses[-1]

        try:
            return self._sync(full, stop, open_provider)
        finally:
            self.batches = sum(len(witness.batches) for witness in witnesses)
            connector.close()

    def complete(self, *, full: bool = False) -> Outcome:
        """Sync once and claim that it went well."""
        outcome = self.sync(full=full)
        claim(outcome.status == "success", f"{self.name}: ended as {outcome.status}: {outcome.error_message}")
        return outcome

    def claim_truth(self, when: str) -> None:
        """Claim that the rows say exactly what is in the service."""
        live = {id_: _facts(row) for id_, row in self.live().items()}
        claim_same(live, self.scene.site.files(), f"files {when}")
        paths = {id_: folder.path if folder else None for id_, folder in self.folders.items()}
        claim_same(paths, self.scene.site.folders(), f"folders {when}")

    def claim_quiet(self, when: str, *, full: bool) -> None:
        """Claim that one more sync, when nothing happened, writes nothing."""
        last = self.last_seq()
        before = self.rows()
        self.complete(full=full)
        changes = [(change["kind"], change["file_path"], change["after"]) for change in self.changes(last)]
        claim(not changes, f"{when}: a sync without any change wrote changes: {changes[:3]}")
        claim_same(self.rows(), before, f"files {when}")

    @contextmanager
    def comparing(self) -> Iterator[Comparison]:
        """Hold the rows against the service as `filesync verify` does. Skips the test of a provider that cannot."""
        stop = Stop(self.scene.ground.clock)
        connector = self.scene.connector(stop, Counters())

        def open_provider(endpoint: Endpoint, _stop: Stop, _counters: Counters) -> Provider:
            provider = self.scene.open(endpoint.details, connector)
            if not isinstance(provider, LooksUp):
                raise Unsupported("the provider does not look items up by id")
            return provider

        try:
            with comparing(
                Doors(self._endpoint(), self.scene.ground.clock, stop, open_provider, None), self.path
            ) as comparison:
                yield comparison
        finally:
            connector.close()

    def live(self) -> dict[str, Row]:
        return self._files(FileFilter())

    def gone(self) -> dict[str, Row]:
        return self._files(FileFilter(deleted=True))

    def rows(self) -> dict[str, dict[str, Any]]:
        """Read every file that was ever there, without what depends on when it was seen."""
        every = {**self.live(), **self.gone()}
        return {id_: {name: row[name] for name in row if name not in _OURS} for id_, row in every.items()}

    def changes(self, after_seq: int = 0) -> list[Row]:
        return self._read(
            lambda database: list(queries.changes(database, ChangeFilter(FeedPlace(after_seq), kinds=_KINDS)))
        )

    def last_seq(self) -> int:
        latest = self._read(lambda database: queries.latest_changes(database, ChangeFilter(kinds=_KINDS), 1))
        return int(latest[0]["seq"]) if latest else 0

    def _sync(self, full: bool, stop: Stop, open_provider: Callable[[Endpoint, Stop, Counters], Provider]) -> Outcome:
        database = open_for_writing(self.path)
        attempts: list[ActiveSync] = []
        try:
            endpoint = self._endpoint()
            stored = self._declare(database, endpoint)
            choice, clock = SyncOptions(names=(_NAME,), full=full), self.scene.ground.clock
            session = SyncSession([endpoint], self.path, choice, clock, stop, open_provider)
            outcome = sync_endpoint(session, endpoint, stored, database, stop, attempts.append)
            known = attempts[0].run.known
            self.folders = {id_: known.folder(id_) for id_ in self.scene.site.folders()}
            return outcome
        finally:
            database.close()

    def _endpoint(self) -> Endpoint:
        details = self.scene.details(**self.filters)
        return Endpoint(
            name=_NAME,
            endpoint_type=_NAME,
            project_id=None,
            user_id=None,
            is_active=True,
            details=details,
            details_text=self.scene.ground.details,
            scope=self.scene.kind.scope(details),
            selection=details.selection() if isinstance(details, FilterDetails) else Selection(),
            schedule=IntervalSchedule(timedelta(minutes=5)),
            reconcile_every=RECONCILE_EVERY,
            max_delete_percent=100,
            time_limit=timedelta(hours=1),
            expected_unreadable=(),
            kind=self.scene.kind,
        )

    def _declare(self, database: Database, endpoint: Endpoint) -> EndpointRow:
        schedule = {"type": "interval", "interval_minutes": 5}
        details = endpoint.details_text
        declared = Declared(_NAME, _NAME, endpoint.scope, None, None, details, schedule, is_active=True)
        now = to_timestamp(self.scene.ground.clock.now())
        return bring_in_line(database, [declared], now)[_NAME]

    def _files(self, wanted: FileFilter) -> dict[str, Row]:
        endpoint = KnownEndpoint(1, _NAME, is_active=True)
        rows = self._read(lambda database: list(find(database, [endpoint], wanted)))
        return {row["external_file_id"]: row for row in rows}

    def _read(self, question: Callable[[Database], list[Row]]) -> list[Row]:
        database = open_for_reading(self.path)
        try:
            return question(database)
        finally:
            database.close()


def _facts(row: Row) -> dict[str, object]:
    return {name: row[name] for name in ("file_path", "file_name", "file_size", "parent_external_id")}
