"""Many processes at once in one home: who starts them, who kills them, who reads along, and what must hold of it all."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from filesync.cli.changes import ChangeKind
from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from tests.adversarial.stress.walks import AccWalk, DriveWalk
from tests.commands.test_sync_processes import opened
from tests.support.homes import READER, Ended, Home
from tests.support.served import Visitor

DAY = 86400.0
CODES = {0, 1, 2, 3, 75, 77, 78, 130, 143}
KILLED = -signal.SIGKILL
PATIENCE = 300.0  # seconds until a process that ends by itself is one that hangs
BAD = ("locked", "Traceback", "Error:", "damaged", "malformed", "UNIQUE", "FOREIGN")


@dataclass
class Site:
    """Both services and a home with four endpoints of them; everything in it changes all the time."""

    home: Home
    acc: AccSimulator
    drive: GoogleDrive
    projects: dict[str, str]
    drives: dict[str, str]
    walks: list[Any]

    @property
    def names(self) -> list[str]:
        return [*self.projects, *self.drives]

    def change(self, chance: Random) -> None:
        with self.acc.lock, self.drive.state.lock:
            chance.choice(self.walks).step()

    def settle(self) -> None:
        self.acc.clock.advance(60)
        self.drive.state.settle()


def make_site(path: Path, seed: int, *, files: int) -> Site:
    """Build it, a day old by the machine's own clock; it is started by whoever asked."""
    clock = SimulatedClock()
    clock.advance(-DAY)
    acc, drive = AccSimulator(clock), GoogleDrive(clock, list_lag=0.0)
    drive.state.add_user(READER)
    chance, hub = Random(seed), acc.add_hub()
    projects = {name: acc.add_project(hub, name) for name in ("A", "B")}
    drives = {name: drive.state.add_drive(name, READER) for name in ("C", "D")}
    elsewhere = drive.state.add_drive("elsewhere", READER)
    walks: list[Any] = [AccWalk(acc, project, chance) for project in projects.values()]
    walks += [DriveWalk(drive, top, elsewhere, chance) for top in drives.values()]
    for walk in walks:
        for _ in range(files):
            walk.add_file()
            walk.step()
    clock.advance(DAY)
    return Site(Home(path), acc, drive, projects, drives, walks)


def configure(site: Site, minutes: float) -> None:
    acc = {name: ("autodesk_construction_cloud", {"project_id": id_}) for name, id_ in site.projects.items()}
    drive = {name: ("google_drive", {"drive_id": id_}) for name, id_ in site.drives.items()}
    site.home.configure(
        *(
            {"name": name, "endpoint_type": kind, "endpoint_details": details}
            for name, (kind, details) in (acc | drive).items()
        ),
        defaults={"schedule": {"type": "interval", "interval_minutes": minutes}, "max_delete_percent": 100},
    )


@dataclass
class Crowd:
    """Threads that each run one process after the other, until the time is over; what went wrong is in `wrong`."""

    site: Site
    until: float
    seed: int
    wrong: list[str] = field(default_factory=list)
    ran: dict[str, int] = field(default_factory=dict)
    killed: int = 0
    read: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until and not self.wrong

    def add(self, work: Callable[[Random], None]) -> None:
        """Let somebody do that again and again."""
        chance = Random(self.seed * 1000 + len(self._threads))

        def repeat() -> None:
            try:
                while self.goes_on:
                    work(chance)
            except BaseException as exc:  # noqa: BLE001  the test's thread tells of it
                self.blame(f"{type(exc).__name__}: {exc}")

        self._threads.append(threading.Thread(target=repeat))

    def run(self) -> None:
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        assert not self.wrong, "\n".join(self.wrong)

    def blame(self, what: str) -> None:
        with self._lock:
            self.wrong.append(what)

    # --- what they do ---

    def sync(self, chance: Random) -> None:
        """Sync in one of the ways there are; now and then somebody puts an end to it."""
        name = chance.choice(self.site.names)
        ways: list[tuple[str, ...]] = [
            (),
            (),
            ("--endpoint", name),
            ("--all",),
            ("--full",),
            ("--full", "--endpoint", name),
        ]
        self.process(chance, "sync", *chance.choice(ways), mortal=True)

    def maintain(self, chance: Random) -> None:
        """Do what else writes, or copies."""
        target = str(self.site.home.path / "copy.db")
        ways = [("prune",), ("snapshot", target, "--force"), ("endpoints", "check", chance.choice(self.site.names))]
        ways += [("sync", "--dry-run", "--all"), ("consumers", "set", "bi", "0")]
        self.process(chance, *chance.choice(ways), mortal=True)

    def look(self, chance: Random) -> None:
        """Ask what there is: one document, whole."""
        command = chance.choice(["status", "logs", "endpoints", "consumers", "files"])
        ended = self.process(chance, command, "--json")
        if ended.code == 0:
            json.loads(ended.out)

    def visit(self, visitor: Visitor) -> None:
        """Poll the health server."""
        for path in ("/health", "/status", "/metrics", "/"):
            answer = visitor.get(path)
            if answer.status != 200 and "there is no database yet" not in answer.text:
                self.blame(f"{path}: {answer.status} {answer.text[:300]}")
        time.sleep(0.2)  # a poller's pace

    def process(self, chance: Random, *arguments: str, mortal: bool = False) -> Ended:
        """Run a command to its end, or to the one that is made of it."""
        with self.site.home.spawn(*arguments) as process:
            if mortal and chance.random() < 0.25:
                self._end(process, chance)
            try:
                out, err = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                self.blame(f"{arguments}: hangs")
                out, err = process.communicate()
        ended = Ended(process.returncode, out, err)
        self._judge(arguments, ended)
        return ended

    def _end(self, process: "subprocess.Popen[str]", chance: Random) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.random() * 3)
            return
        number = chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGTERM, signal.SIGINT])
        with suppress(OSError):  # it has just ended
            if number == signal.SIGINT and not opened(process, self.site.home.database):
                number = signal.SIGTERM  # while Python itself begins, Ctrl-C shows its own traceback
            os.kill(process.pid, number)
        with self._lock:
            self.killed += 1

    def _judge(self, arguments: tuple[str, ...], ended: Ended) -> None:
        bad = next((word for word in BAD if word in ended.err), None)
        is_early = "there is no database yet" in ended.err
        is_busy = "another snapshot is being written" in ended.err
        stopped = {KILLED, -signal.SIGTERM, -signal.SIGINT, 130, 143}  # before the first line of it could listen
        with self._lock:
            self.ran[arguments[0]] = self.ran.get(arguments[0], 0) + 1
        fine = {0, 3, *stopped} if arguments[0] == "sync" else {0, *stopped}  # 3: a folder went while it was looked for
        if bad or not (ended.code in fine or is_early or is_busy):
            self.blame(f"{' '.join(arguments)}: {ended.code}: {ended.err[-1500:]}")
        if ended.code not in CODES | stopped:
            self.blame(f"{' '.join(arguments)}: an exit code that nobody documented: {ended.code}")


class Reader:
    """Somebody who reads the feed on and on, and the files now and then."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self.seqs: list[int] = []
        self.moments: list[Moment] = []

    def read(self, chance: Random) -> None:
        since = self.seqs[-1] if self.seqs else 0
        kinds = (word for kind in ChangeKind for word in ("--kind", kind))
        ended = self._crowd.process(chance, "changes", "--since", str(since), "--jsonl", *kinds)
        found = [json.loads(line)["seq"] for line in ended.out.splitlines()]
        if found != sorted({*found}) or (found and found[0] <= since):
            self._crowd.blame(f"the feed after {since} is {found}")
        self.seqs += found

    def read_files(self, chance: Random) -> None:
        ended = self._crowd.process(chance, "files", "--json")
        if ended.code == 0:
            rows = json.loads(ended.out)["files"]
            self.moments.append({(row["endpoint"], row["external_file_id"]): _facts(row) for row in rows})


Moment = dict[tuple[str, str], tuple[Any, ...]]


def _facts(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("file_path", "file_size", "version", "updated_at", "checksum"))


def assert_each_is_of_one_moment(home: Home, moments: Sequence[Moment]) -> None:
    """Each read of the files is what some prefix of the feed gives: nobody saw half a transaction."""
    left = [*moments]
    names = {row["id"]: row["name"] for row in home.query("SELECT id, name FROM endpoints")}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    live: Moment = {}
    left = [each for each in left if each != live]
    for change in home.changes():
        key = (names[change["endpoint_id"]], change["external_file_id"])
        row = rows.setdefault(key, {})
        row |= json.loads(change["after"])
        live[key] = _facts(row)
        if row.get("deleted_at"):
            del live[key]
        left = [each for each in left if each != live]
    assert left == [], f"{len(left)} of {len(moments)} reads are of no moment"
