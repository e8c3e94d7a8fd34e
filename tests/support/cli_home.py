"""A home for the command layer's tests: real syncs of a provider that needs no service, and commands run in process."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from filesync.config import Endpoint
from filesync.core.errors import FilesyncError
from filesync.core.model import (
    Batch,
    Candidate,
    FolderListed,
    Gone,
    RemoteFile,
    RemoteFolder,
    Resolved,
    Rooted,
    Unanswered,
    Unreadable,
)
from filesync.http.counters import Counters
from filesync.providers.base import Known
from filesync.runtime.clock import Stop
from filesync.runtime.settings import load_settings
from filesync.simulators.clock import SimulatedClock
from filesync.sync.options import SyncOptions
from filesync.sync.session import SyncReport, SyncSession
from filesync.sync.workers import sync_due
from tests.support.in_process import InMemory, in_memory

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)  # a Wednesday
ROOT = RemoteFolder("root", "Project", None)
EVERY_FIVE = {"type": "interval", "interval_minutes": 5}


def file(name: str, parent: str = "root", **facts: Any) -> RemoteFile:
    file_type = name.rpartition(".")[2].lower() if "." in name else None
    return RemoteFile(**{"id": name, "name": name, "parent_id": parent, "file_type": file_type, "size": 10, **facts})


@dataclass
class Contents:
    """What the provider of one endpoint shows; `error` is raised instead. What is in `failing` fails by itself."""

    files: Sequence[RemoteFile] = ()
    folders: Sequence[RemoteFolder] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    failing: Mapping[str, FilesyncError] = field(default_factory=dict)
    error: Exception | None = None
    gone: Gone | None = Gone.TRASHED

    continuous = True

    def read(self, known: Known) -> Iterator[Batch]:
        yield Rooted(ROOT)
        for folder in (ROOT, *self.folders):
            if folder.id in self.unreadable:
                yield Unreadable(folder.id, self.unreadable[folder.id])
                continue
            if folder.id in self.failing:
                yield Unanswered(folder.id, self.failing[folder.id])
                continue
            yield FolderListed(
                folder.id,
                [each for each in self.files if each.parent_id == folder.id],
                [each for each in self.folders if each.parent_id == folder.id],
            )
        if self.error is not None:
            raise self.error

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        for candidate in candidates:
            failure = self.failing.get(candidate.id)
            yield Unanswered(candidate.id, failure) if failure else Resolved(candidate.id, self.gone)

    def left_out(self) -> Sequence[str]:
        return ()


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class CliHome:
    """A home in a temporary folder, with a clock that stands still but for `clock.advance`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = SimulatedClock(NOON, frozen=True)
        self.shown: dict[str, Contents] = {}

    @property
    def database(self) -> Path:
        return self.path / "data" / "connector.db"

    @property
    def config(self) -> Path:
        return self.path / "config" / "connector.yaml"

    def configure(self, *endpoints: Mapping[str, Any], **top: Any) -> None:
        filled = [_endpoint(number, endpoint) for number, endpoint in enumerate(endpoints)]
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(yaml.safe_dump({**top, "endpoints": filled}, allow_unicode=True), encoding="utf-8")

    def show(self, endpoint: str, *files: RemoteFile, **more: Any) -> Contents:
        """Make an endpoint's service show exactly this."""
        self.shown[endpoint] = Contents(files, **more)
        return self.shown[endpoint]

    def sync(self, *names: str) -> SyncReport:
        """Sync the endpoints of those names, else all of them."""
        return self.start(SyncOptions(names=names, everything=not names))

    def start(self, choice: SyncOptions | None = None) -> SyncReport:
        """Start as cron does, or as a person chooses."""
        home = self.process().home
        return sync_due(
            SyncSession(
                home.config.endpoints,
                home.database_address,
                choice or SyncOptions(),
                self.clock,
                Stop(self.clock),
                self._open,
                load_settings(self.path, {}).max_concurrent_syncs,
            )
        )

    def process(
        self,
        *,
        width: int | None = None,
        environ: Mapping[str, str] | None = None,
        program: Sequence[str] = ("filesync",),
    ) -> InMemory:
        given = {"FILESYNC_HOME": str(self.path), **(environ or {})}
        return in_memory(given, self.path, self.clock, width=width, program=program)

    def run(self, *argv: str, width: int | None = None, environ: Mapping[str, str] | None = None) -> Result:
        return Result(*self.process(width=width, environ=environ).run(argv))

    def _open(self, endpoint: Endpoint, stop: Stop, counters: Counters) -> Contents:
        return self.shown[endpoint.name]


def _endpoint(number: int, endpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "endpoint_type": "autodesk_construction_cloud",
        "endpoint_details": {"project_id": f"b.{number:08d}-1111-4111-8111-111111111111"},
        "schedule": EVERY_FIVE,
        **endpoint,
    }
