"""What a program of any schema version lived through before its database was kept; the same services every time.

This module runs with programs that are older than it is, so it asks only for what all of them have. Everything that
makes ids happens first and in the same order: then the services can be built again for a database that is kept.
"""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from tests.support.homes import READER, Home

Sync = Callable[..., None]

ENOUGH = 24  # files: more than the mass-delete guard lets go unasked
ODD = ("Grundriß №3.pdf", "two\nlines.pdf", "half \ud800.pdf", "nul\0.pdf", "\u202egpj.pdf", "1/2 'q'.pdf", "x" * 251)


class Scene:
    """A home, ACC and Drive; their clock stands still."""

    def __init__(self, path: Path) -> None:
        self.clock = SimulatedClock(datetime(2026, 1, 5, 8, tzinfo=UTC), frozen=True)
        self.acc = AccSimulator(self.clock)
        self.drive = GoogleDrive(self.clock, wall=self.clock)
        self._build_acc()
        self._build_drive()
        self.home = Home(path)
        self.home.environ["MAX_CONCURRENT_SYNCS"] = "1"  # one after another: always the same ids and times

    def __enter__(self) -> Self:
        self.acc.start()
        self.drive.start()
        self.home.point_to(self.acc)
        self.home.point_to(self.drive)
        return self

    def __exit__(self, *_: object) -> None:
        self.acc.stop()
        self.drive.stop()

    def configure(self, *, left: bool) -> None:
        """Write the configuration, with the endpoint that leaves it or without."""
        acc = {"Plans": self.plans, "Mass": self.mass, "Long": self.long}
        endpoints: list[dict[str, Any]] = [
            {
                "name": name,
                "project_id": f"team-{name}",
                "endpoint_type": "autodesk_construction_cloud",
                "endpoint_details": {"project_id": project, "file_types": ["pdf", "dwg"]},
            }
            for name, project in acc.items()
        ]
        endpoints.append(_drive("Tower", drive_id=self.tower))
        if left:
            endpoints.append(_drive("Left", folder_id=self.side))
        endpoints.append(
            {
                "name": "Set {project_name}",
                "endpoint_type": "autodesk_construction_cloud",
                "endpoint_details": {"hub_id": self.other_hub, "projects": {"include": ["*"]}},
            }
        )
        top: dict[str, Any] = {"defaults": {"schedule": {"type": "interval", "interval_minutes": 60}}}
        # port 9 takes nothing, so that messages wait
        top["notify"] = {"ops": {"type": "webhook", "url": "http://127.0.0.1:9/", "events": ["failure", "changes"]}}
        self.home.configure(*endpoints, **top)

    def live(self, sync: Sync) -> None:
        """Let things happen, with a sync now and then."""
        self.configure(left=True)
        sync("--all", leaving_out="Long")
        self.tick()
        self.acc.rename_folder(self.rooms, "Räume")
        self.acc.rename_file(self.files[0], "renamed.pdf")
        self.acc.add_version(self.files[1], 2)
        self.acc.hide_file(self.files[2])
        self.acc.hide_file(self.files[3])
        self.drive.state.rename(self.levels, "Ebenen")
        self.drive.state.trash(self.pieces[0])
        self.drive.state.move(self.pieces[1], self.side)
        self.drive.state.move(self.guest, self.levels)
        sync("--full", leaving_out="Long")
        self.tick()
        self.acc.restore_file(self.files[3])
        self.drive.state.untrash(self.pieces[0])
        self.acc.revoke_access(self.closed)
        for file in self.many[4:]:
            self.acc.hide_file(file)
        self.configure(left=False)
        self.drive.faults.fail(faults.altered(_with_an_odd_time), times=None, route="files.list")
        sync("--full", leaving_out="Long")
        self.drive.faults.clear()
        self.tick()
        self.acc.archive_project(self.members[0])
        self.tick()
        self.tick()
        sync("--all", leaving_out="Long")
        sync(consumer="bi")
        for _ in range(3):
            self.tick()
            self.drive.faults.fail(faults.status(400), times=None)
            sync("--endpoint", "Tower")
        self.drive.faults.clear()
        sync(killed=True)

    def tick(self) -> None:
        """Go on to the next full hour: how long syncs took shows nowhere."""
        self.clock.advance(3600 - self.clock.elapsed % 3600)

    def _build_acc(self) -> None:
        acc = self.acc
        hub = acc.add_hub()
        self.other_hub = acc.add_hub("Other")
        self.plans, self.mass, self.long = (acc.add_project(hub, name) for name in ("Plans", "Mass", "Long"))
        self.members = [acc.add_project(self.other_hub, name) for name in ("Bridge", "Tunnel")]
        top = acc.project_files(self.plans)
        self.rooms = acc.add_folder(top, "Rooms")
        self.closed = acc.add_folder(top, "HR")
        acc.add_file(self.closed, "salaries.pdf", 9)
        acc.add_file(top, "notes.txt", 3)
        self.files = [acc.add_file(self.rooms, f"plan {number}.pdf", number) for number in range(6)]
        for name in ODD:
            acc.add_file(self.rooms, name, 7)
        self.many = [acc.add_file(acc.project_files(self.mass), f"m {n}.dwg", n) for n in range(ENOUGH)]
        for number in range(6):
            folder = acc.add_folder(acc.project_files(self.long), f"part {number}")
            acc.add_file(folder, "part.pdf", 5)
        for project in self.members:
            acc.add_file(acc.project_files(project), "member.dwg", 4)

    def _build_drive(self) -> None:
        state = self.drive.state
        state.add_user(READER)
        self.tower = state.add_drive("Tower", READER)
        other = state.add_drive("Other", READER)
        self.side = state.add_folder(other, "side")
        self.guest = state.add_file(self.side, "guest.pdf", 11)
        state.add_file(self.side, "stays.pdf", 12)
        self.levels = state.add_folder(self.tower, "levels")
        self.pieces = [state.add_file(self.levels, f"piece {number}.ifc", number) for number in range(3)]
        state.add_native(self.tower, "minutes")
        state.add_shortcut(self.tower, "short", self.pieces[0])
        for name in ODD:
            state.add_file(self.levels, name, 8)


def _with_an_odd_time(answer: Any) -> Any:
    """Give the first file of a listing a time that cannot be."""
    for file in answer.get("files", [])[:1]:
        if "modifiedTime" in file:
            file["modifiedTime"] = "0000-00-00T00:00:00.000Z"
    return answer


def truth_of(scene: Scene) -> dict[str, dict[str, tuple[str, int | None]]]:
    """Tell each endpoint's files as the services have them: path and size, by id."""
    found = {}
    for name, project in (("Plans", scene.plans), ("Mass", scene.mass), ("Long", scene.long)):
        rows = [row for row in scene.acc.truth(project) if row["name"].endswith((".pdf", ".dwg"))]
        found[name] = {row["id"]: (_stored(row["path"]), row["size"]) for row in rows}
    tower = scene.drive.truth(READER, scene.tower)
    found["Tower"] = {row["id"]: (_stored(row["path"]), row["size"]) for row in tower}
    return found


def _stored(path: str) -> str:
    """Give a path as the database has it: half a character is nothing that it takes."""
    return path.replace("\ud800", "\ufffd")


def run_syncs(scene: Scene) -> Sync:
    """Give what syncs by the commands of the program that runs this."""

    def sync(*options: str, leaving_out: str = "", consumer: str = "", killed: bool = False) -> None:
        if consumer:
            assert scene.home.run("changes", "--consumer", consumer, "--limit", "3", "--commit").code == 0
        elif killed:
            _kill_a_sync(scene)
        elif leaving_out:
            names = [name for name in _names(scene) if name != leaving_out]
            full = ["--full"] if "--full" in options else []
            ended = scene.home.run("sync", *full, *(word for name in names for word in ("--endpoint", name)))
            assert ended.code in {0, 1, 3}, ended
        else:
            scene.home.run("sync", *options)

    return sync


def _names(scene: Scene) -> list[str]:
    text = (scene.home.path / "config" / "connector.yaml").read_text(encoding="utf-8")
    known = ("Plans", "Mass", "Long", "Tower", "Left", "Set {project_name}")
    return [name for name in known if f"name: {name}\n" in text or f"name: '{name}'\n" in text]


def _kill_a_sync(scene: Scene) -> None:
    """Leave the rows of syncs that died in the middle: of a first listing, and of one that lists all afresh."""
    scene.drive.largest_page = 4
    for service, last in ((scene.acc, 8), (scene.drive, 4)):
        service.reset()
        service.faults.struck.clear()
        service.faults.fail(faults.hang(), nth=last)
    pid = os.fork()
    if not pid:
        try:
            chosen = ("--endpoint", "Long", "--endpoint", "Tower")
            scene.home.run("sync", "--full", *chosen, MAX_CONCURRENT_SYNCS="5")
        finally:
            os._exit(70)
    try:
        until = time.monotonic() + 30
        while not (scene.acc.faults.struck and scene.drive.faults.struck):
            assert time.monotonic() < until, "the syncs did not come that far"
            time.sleep(0.01)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    scene.drive.largest_page = 1000


def _drive(name: str, **details: str) -> dict[str, Any]:
    return {"name": name, "endpoint_type": "google_drive", "endpoint_details": details}
