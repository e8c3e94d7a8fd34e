"""An endpoint of any size whose service needs no time, in a process that can be killed: python -m tests.adversarial.stress.large HOME.

What the service shows stands in HOME/plan.json. The process says on its last line how its sync ended, how many rows its
largest commit wrote, how long the longest took, and how much memory it used.
"""

import json
import os
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filesync.core.model import (
    Batch,
    Candidate,
    Changed,
    FoldersKnown,
    Gone,
    Page,
    RemoteFile,
    RemoteFolder,
    Resolved,
    Rooted,
    ScopeListed,
)
from filesync.core.timestamps import Timestamp
from filesync.providers.base import Known
from filesync.runtime.clock import Stop, SystemClock
from filesync.runtime.signals import stopping
from filesync.store.sqlite import database
from filesync.sync.options import SyncOptions
from filesync.sync.session import SyncSession
from filesync.sync.workers import sync_due
from tests.support.cli_home import CliHome

PER_FOLDER = 100
PAGE = 1_000
_TIMES = ("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z")


@dataclass(frozen=True)
class Plan:
    """The service: `files` in folders below one top folder of that name, of which the first `trashed` are in the bin."""

    files: int
    top: str = "Top"
    trashed: int = 0

    def write(self, home: Path) -> None:
        (home / "plan.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, home: Path) -> "Plan":
        return cls(**json.loads((home / "plan.json").read_text(encoding="utf-8")))

    @property
    def folders(self) -> int:
        return -(-self.files // PER_FOLDER)


class Service:
    """A provider with a change log: it lists once, then tells of the top folder's name and of what was thrown away."""

    continuous = False

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def read(self, known: Known) -> Iterator[Batch]:
        plan, state = self._plan, dict(known.state)
        yield Rooted(RemoteFolder("root", "", None, listable=False), keep_strays=True)
        if not state.get("listed"):
            yield from self._list(state)
            state |= {"listed": True, "top": plan.top, "trashed": 0}
            yield ScopeListed(state)
        if state["top"] != plan.top:
            state["top"] = plan.top
            yield Changed(folders=[self._top()], state=dict(state))
        while state["trashed"] < plan.trashed:
            first, state["trashed"] = state["trashed"], min(state["trashed"] + PAGE, plan.trashed)
            gone = {str(number): Gone.TRASHED for number in range(first, state["trashed"])}
            yield Changed(removed=gone, state=dict(state))
        yield FoldersKnown()

    def _list(self, state: dict[str, object]) -> Iterator[Batch]:
        at = int(str(state.get("at", 0)))
        folders = [RemoteFolder(f"f{number}", f"folder {number}", "top") for number in range(self._plan.folders)]
        for start in range(0, len(folders), PAGE):
            yield Page(folders=[self._top(), *folders[start : start + PAGE]])
        yield FoldersKnown()
        while at < self._plan.files:
            files = [_file(number) for number in range(at, min(at + PAGE, self._plan.files))]
            at += len(files)
            state["at"] = at
            yield Page(files=files, state=dict(state))

    def _top(self) -> RemoteFolder:
        return RemoteFolder("top", self._plan.top, "root")

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        for candidate in candidates:
            yield Resolved(candidate.id, Gone.TRASHED)

    def left_out(self) -> Sequence[str]:
        return ()


def _file(number: int) -> RemoteFile:
    kind = "pdf" if number % 2 else "dwg"
    return RemoteFile(
        str(number),
        f"drawing {number:07}.{kind}",
        f"f{number // PER_FOLDER}",
        size=number,
        file_type=kind,
        version="1",
        updated_at=Timestamp(_TIMES[number % 2]),
    )


@dataclass
class Watch:
    """Counts what each commit writes and how long it takes; kills the process within the commit of that number."""

    kill_at: int
    commits: int = 0
    most_rows: int = 0
    longest: float = 0.0

    def on(self, connection: sqlite3.Connection) -> None:
        began, before = time.monotonic(), 0

        def trace(statement: str) -> None:
            nonlocal began, before
            if statement.startswith("BEGIN IMMEDIATE"):
                began, before = time.monotonic(), connection.total_changes
            elif statement == "COMMIT":
                self.commits += 1
                self.most_rows = max(self.most_rows, connection.total_changes - before)
                self.longest = max(self.longest, time.monotonic() - began)
                if self.commits == self.kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        connection.set_trace_callback(trace)


def main(path: Path, *options: str) -> None:
    watch = Watch(int(os.environ.get("KILL_AT_COMMIT", "0")))
    connect = database._connect

    def connect_watched(*args: Any, **named: Any) -> database.SqliteConnection:
        connection = connect(*args, **named)
        watch.on(connection)
        return connection

    database._connect = connect_watched
    clock = SystemClock()
    stop = Stop(clock)
    home = CliHome(path)
    given = home.process().home
    choice = SyncOptions(names=("Large",), accept_deletions="--accept-deletions" in options, full="--full" in options)
    with stopping(stop.request):
        report = sync_due(
            SyncSession(
                given.config.endpoints, given.database_address, choice, clock, stop, lambda *_: Service(Plan.read(path))
            )
        )
    outcome = report.outcomes[0]
    told = {
        "status": outcome.status,
        "error_type": outcome.error_type,
        "tally": asdict(outcome.tally),
        "commits": watch.commits,
        "most_rows": watch.most_rows,
        "longest_seconds": round(watch.longest, 3),
        "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
