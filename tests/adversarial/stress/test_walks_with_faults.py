"""Random histories with requests that fail in between: nothing shown is ever removed, a clean sync ends with the truth."""

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from filesync.simulators import faults
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from tests.adversarial.stress.test_walks import drive_walk
from tests.support.homes import READER, Home
from tests.support.truth import assert_drive_truth

STEPS = 250


def assert_nothing_shown_was_removed(home: Home, shown: set[str], since: int) -> None:
    removed = [change for change in home.changes(since) if change["kind"] == "deleted"]
    assert not [change for change in removed if change["external_file_id"] in shown]


def assert_index_is_the_table(home: Home) -> None:
    with closing(sqlite3.connect(home.database)) as connection:
        connection.execute("INSERT INTO files_search (files_search) VALUES ('integrity-check')")


def last_seq(home: Home) -> int:
    return home.last_seq() if home.database.exists() else 0


@pytest.mark.soak
@pytest.mark.parametrize("largest_page", [1000, 2])
@pytest.mark.parametrize("scope", ["drive", "folder"])
def test_drive_syncs_that_fail_anywhere_remove_nothing_shown(tmp_path: Path, scope: str, largest_page: int) -> None:
    clock = SimulatedClock(frozen=True)
    drive = GoogleDrive(clock, wall=clock, seed=3)
    drive.largest_page = largest_page
    home, walk, top = drive_walk(tmp_path, drive, scope, Random(3))
    with drive:
        home.point_to(drive)
        for number in range(STEPS):
            walk.step()
            clock.advance(walk.chance.choice([0, 1, 5, 60]))
            if number % 5 == 4:
                since, failing = last_seq(home), walk.chance.random() < 0.4
                if failing:
                    drive.faults.fail(faults.status(500), nth=walk.chance.randrange(1, 9), times=100)
                outcome = home.sync(full=walk.chance.random() < 0.2)
                drive.faults.clear()
                assert_nothing_shown_was_removed(home, {row["id"] for row in drive.truth(READER, top)}, since)
                if outcome.status == "success":
                    assert_drive_truth(home, top)
        home.assert_sound()
        assert_index_is_the_table(home)
