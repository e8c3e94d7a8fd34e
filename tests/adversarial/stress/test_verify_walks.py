"""Random histories of a service, verified all along: what people did is never drift, and what broke a row always is."""

from pathlib import Path
from random import Random

import pytest

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.store.write.file_state import TRACKED
from tests.adversarial.stress.walks import AccWalk, Walk, drive_walk
from tests.commands.test_verify import another, corrupt, named, verify
from tests.support.homes import Home

EVERY = 12  # steps between two looks


def look(home: Home, chance: Random, number: int) -> None:
    """Verify before a sync and after a full one, and after something was broken on purpose."""
    before = verify(home, "--all", code=0)
    assert not {verdict for _, _, verdict in named(before)} - {"behind"}, (number, before["differences"])
    assert home.sync(full=number % 3 > 0).status == "success"
    home.clock.wait(home.stop.event, 60)
    after = verify(home, "--all", code=0)
    if number % 3:
        assert after["differences"] == [], number
    rows = home.files()
    if number % 4 == 0 and rows:
        id_, column = chance.choice(sorted(rows)), chance.choice(TRACKED)
        corrupt(home, "files", id_, column, another(column, rows[id_][column]))
        mended = verify(home, "--all", "--repair", code=1)["differences"]
        assert {row["external_id"]: row["repaired"] for row in mended if row["verdict"] == "drift"} == {id_: True}
        assert {verdict for _, _, verdict in named(verify(home, "--all", code=0))} <= {"behind"}
        home.assert_sound()


def go(home: Home, walk: Walk, steps: int) -> None:
    for number in range(steps):
        walk.step()
        home.clock.wait(home.stop.event, walk.chance.choice([0, 1, 5, 60, 3600]))
        if number % EVERY == EVERY - 1:
            home.clock.wait(home.stop.event, 60)
            if home.database.exists():
                look(home, walk.chance, number // EVERY)
            else:
                home.sync()
    home.assert_sound()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6))
def test_no_history_of_acc_is_drift(tmp_path: Path, seed: int) -> None:
    acc = AccSimulator(SimulatedClock(frozen=True))
    project = acc.add_project(acc.add_hub())
    with acc:
        home = Home(tmp_path, acc)
        details = {"project_id": project}
        home.configure({"name": "P", "endpoint_details": details, "max_delete_percent": 100, "reconcile_every": "6h"})
        go(home, AccWalk(acc, project, Random(seed)), 300)


@pytest.mark.soak
@pytest.mark.parametrize("scope", ["drive", "folder"])
@pytest.mark.parametrize("seed", range(3))
def test_no_history_of_drive_is_drift(tmp_path: Path, scope: str, seed: int) -> None:
    clock = SimulatedClock(frozen=True)
    drive = GoogleDrive(clock, wall=clock, seed=seed)
    home, walk, _ = drive_walk(tmp_path, drive, scope, Random(seed))
    with drive:
        home.point_to(drive)
        go(home, walk, 300)
