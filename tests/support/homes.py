"""A home with both simulated services: what the tests of whole syncs stand on."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from filesync.config import Endpoint, load_config
from filesync.core.errors import StoppedError
from filesync.core.model import Batch
from filesync.http.counters import Counters
from filesync.providers.base import Known, Provider
from filesync.runtime.clock import Clock, Stop
from filesync.runtime.database_url import PostgresAddress
from filesync.runtime.settings import load_settings
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.store.postgres.dialect import translate
from filesync.store.write.sync_log import Outcome
from filesync.sync.endpoint import OpenProvider
from filesync.sync.options import SyncOptions
from filesync.sync.provider_factory import provider_factory
from filesync.sync.session import SyncReport, SyncSession
from filesync.sync.workers import sync_due
from tests import ROOT
from tests.support.in_process import in_memory

READER = "reader@example.com"
COLUMNS = ("external_file_id", "file_name", "file_path", "file_size", "file_link", "parent_external_id")


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code and both streams."""

    code: int
    out: str
    err: str


class Home:
    """A folder with a configuration, and the services it points to; the clock is shared by all."""

    def __init__(
        self,
        path: Path,
        acc: AccSimulator | None = None,
        drive: GoogleDrive | None = None,
        clock: SimulatedClock | None = None,
    ) -> None:
        self.path = path
        self.acc: AccSimulator | None = None
        self.drive: GoogleDrive | None = None
        self.clock: Clock = clock or SimulatedClock(frozen=True)
        self.environ = {"FILESYNC_HOME": str(path)}
        self.browser: Callable[[str], bool] = lambda _: False
        self.after_statement: Callable[[int], None] | None = None  # called with the number of those that are stored
        for service in (acc, drive):
            if service is not None:
                self.point_to(service)
        self.stop = Stop(self.clock)

    def point_to(self, service: AccSimulator | GoogleDrive) -> None:
        """Give the home the address of a running service, and what is needed to log in."""
        self.clock = service.clock
        if isinstance(service, AccSimulator):
            self.acc = service
            self.environ |= {
                "CONNECTOR_AUTODESK_CLIENT_ID": CLIENT_ID,
                "CONNECTOR_AUTODESK_CLIENT_SECRET": CLIENT_SECRET,
                "CONNECTOR_AUTODESK_BASE_URL": service.base_url,
            }
            return
        self.drive = service
        key = self.path / "credentials" / "google-service-account.json"
        key.parent.mkdir(parents=True, exist_ok=True)
        service.make_key_file(key, READER, [READER])
        self.environ |= {"CONNECTOR_GOOGLE_BASE_URL": service.base_url}

    @property
    def database(self) -> Path:
        return self.path / "data" / "connector.db"

    def configure(self, *endpoints: Mapping[str, Any], **top: Any) -> None:
        """Write connector.yaml; an endpoint without a type gets the one of the only service there is."""
        kind = "autodesk_construction_cloud" if self.acc else "google_drive"
        filled = [{"endpoint_type": kind, **endpoint} for endpoint in endpoints]
        path = self.path / "config" / "connector.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump({**top, "endpoints": filled}, allow_unicode=True), encoding="utf-8")

    def sync(self, *names: str, **choice: Any) -> Outcome:
        """Run one endpoint by name (or the only one) and return how it ended."""
        report = self.start(SyncOptions(names=names, everything=not names, **choice))
        assert len(report.outcomes) == 1, report
        return report.outcomes[0]

    def start(self, choice: SyncOptions | None = None, clock: Clock | None = None) -> SyncReport:
        """Start as `filesync sync` does."""
        settings = load_settings(self.path, self.environ)
        config = load_config(self.path / "config" / "connector.yaml", settings)
        clock = clock or self.clock
        opened = provider_factory(config, clock, Random(1))
        open_provider = opened if self.after_statement is None else _counted(opened, self.after_statement)
        return sync_due(
            SyncSession(
                config.endpoints,
                settings.database_address,
                choice or SyncOptions(),
                clock,
                Stop(clock, parent=self.stop),
                open_provider,
                settings.max_concurrent_syncs,
                sets=config.sets,
                find_members=opened.members,
            )
        )

    def halt(self) -> None:
        """Stop the sync that is under way; to be called after a statement."""
        raise StoppedError("stopped by a signal")

    def sync_stopped(self, after: int, *names: str, **choice: Any) -> Outcome:
        """Run an endpoint, and stop it when so many statements are stored, as a signal does between two."""

        def stop(stored: int) -> None:
            if stored == after:
                self.halt()

        outer, self.after_statement = self.after_statement, stop
        try:
            return self.sync(*names, **choice)
        finally:
            self.after_statement = outer

    def spawn(self, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        """Start the command as cron would: no terminal, a bare environment."""
        return subprocess.Popen(
            [sys.executable, "-m", "filesync", *arguments],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)} | self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def cli(self, *arguments: str, **environ: str) -> "Ended":
        """Run the command to its end."""
        with self.spawn(*arguments, **environ) as process:
            out, err = process.communicate(timeout=60)
        return Ended(process.returncode, out, err)

    def run(self, *arguments: str, **environ: str) -> "Ended":
        """Run the command in this process, by the home's clock: nobody waits when it stands still."""
        process = in_memory(self.environ | environ, self.path, self.clock, open_browser=self.browser)
        return Ended(*process.run(arguments))

    def query(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        if "DATABASE_URL" in self.environ:
            return self._query_server(sql, parameters)
        connection = sqlite3.connect(self.database)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]
        finally:
            connection.close()

    def _query_server(self, sql: str, parameters: Sequence[object]) -> list[dict[str, Any]]:
        """Ask PostgreSQL, and show rows as SQLite would."""
        import psycopg  # noqa: PLC0415  few tests need it

        address = load_settings(self.path, self.environ).database_address
        assert isinstance(address, PostgresAddress)
        with psycopg.connect(address.conninfo, autocommit=True) as connection:
            cursor = connection.execute(translate(sql, address.schema), parameters)
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return [
            {
                name: int(value) if isinstance(value, bool) else value
                for name, value in row.items()
                if name != "search_words"
            }
            for row in rows
        ]

    def files(self, endpoint: str | None = None) -> dict[str, dict[str, Any]]:
        """Read the live files, by the service's id."""
        rows = self.query(
            "SELECT f.* FROM files f JOIN endpoints e ON e.id = f.endpoint_id"
            " WHERE f.deleted_at IS NULL AND e.name = coalesce(?, e.name)",
            endpoint,
        )
        return {row["external_file_id"]: row for row in rows}

    def paths(self, endpoint: str | None = None) -> list[str]:
        return sorted(row["file_path"] for row in self.files(endpoint).values())

    def changes(self, since: int = 0) -> list[dict[str, Any]]:
        return self.query("SELECT * FROM changes WHERE seq > ? ORDER BY seq", since)

    def last_seq(self) -> int:
        return int(self.query("SELECT coalesce(max(seq), 0) AS seq FROM changes")[0]["seq"])

    def assert_sound(self) -> None:
        """The file is intact, and folding the feed gives exactly the table."""
        if "DATABASE_URL" not in self.environ:
            assert self.query("PRAGMA integrity_check")[0]["integrity_check"] == "ok"
            assert not self.query("PRAGMA foreign_key_check")
        folded: dict[tuple[int, str], dict[str, Any]] = {}
        for change in self.changes():
            key = (change["endpoint_id"], change["external_file_id"])
            after = json.loads(change["after"])
            if change["kind"] == "created":
                assert key not in folded
                folded[key] = {"first_seen_at": change["detected_at"]}
            else:
                before = json.loads(change["before"])
                assert {name: folded[key].get(name) for name in before} == before
            folded[key] |= {**after, "changed_at": change["detected_at"]}
        for row in self.query("SELECT * FROM files"):
            state = folded.pop((row.pop("endpoint_id"), row.pop("external_file_id")))
            row.pop("id")
            assert {name: state.get(name) for name in row} == row
        assert not folded
        counted = self.query(
            "SELECT s.live_files AS counted, (SELECT count(*) FROM files f WHERE f.endpoint_id = s.endpoint_id"
            " AND f.deleted_at IS NULL) AS live FROM sync_state s"
        )
        assert all(row["counted"] == row["live"] for row in counted)
        if "DATABASE_URL" in self.environ:
            return
        search = self.query("SELECT count(*) AS n FROM files_search WHERE files_search MATCH 'a* OR b* OR e* OR 0*'")
        assert search[0]["n"] >= 0


def _counted(open_provider: OpenProvider, after_statement: Callable[[int], None]) -> OpenProvider:
    """Open providers that tell, of all statements of their reading, when each is stored."""

    def opened(endpoint: Endpoint, stop: Stop, counters: Counters) -> Provider:
        provider = open_provider(endpoint, stop, counters)
        read = provider.read

        def counting(known: Known) -> Iterator[Batch]:
            for number, batch in enumerate(read(known), 1):
                yield batch
                after_statement(number)

        provider.read = counting  # type: ignore[method-assign]
        return provider

    return opened


@dataclass
class Acc:
    """A home with one ACC project as its endpoint "P"."""

    home: Home
    service: AccSimulator
    hub: str
    project: str
    top: str  # "Project Files"

    def settle(self) -> None:
        """Let time pass until no change stamp is too fresh to be trusted, and forget the requests so far."""
        self.service.clock.advance(60)
        self.service.reset()


@dataclass
class Drive:
    """A home with one shared drive as its endpoint "D"."""

    home: Home
    service: GoogleDrive
    shared: str

    def settle(self) -> None:
        self.service.clock.advance(60)
        self.service.reset()
