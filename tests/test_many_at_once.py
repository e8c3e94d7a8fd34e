"""Many processes in one home at the same time: nobody is locked out, reads half, works twice, or loses anything."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from random import Random

import pytest

from filesync.runtime.locks import FileLock, is_held
from filesync.simulators.clock import SimulatedClock
from tests.homes import READER
from tests.many import Crowd, Reader, Site, assert_each_is_of_one_moment, configure, make_site
from tests.served import serving

SOAK_SECONDS = min(float(os.environ.get("FILESYNC_SOAK_SECONDS", "180")), 4 * 3600.0)
SOAK_SEED = int(os.environ.get("FILESYNC_SOAK_SEED", "1"))
SLOT = 60  # seconds: the schedule of all endpoints


@contextmanager
def running(path: Path, seed: int, *, files: int, minutes: float = 1) -> Iterator[Site]:
    site = make_site(path, seed, files=files)
    with site.acc, site.drive:
        site.home.point_to(site.acc)
        site.home.point_to(site.drive)
        site.home.clock = SimulatedClock()
        configure(site, minutes)
        yield site


def assert_all_is_well(site: Site, reader: Reader) -> None:
    """After the crowd: every promise, and with one quiet sync the truth."""
    home = site.home
    home.assert_sound()
    site.settle()
    assert home.cli("sync", "--full").code == 0
    home.assert_sound()
    for name, project in site.projects.items():
        truth = {row["id"]: (row["path"], row["size"], row["version_number"]) for row in site.acc.truth(project)}
        files = home.files(name).items()
        assert {id_: (row["file_path"], row["file_size"], row["version_number"]) for id_, row in files} == truth
    for name, top in site.drives.items():
        truth = {row["id"]: (row["path"], row["size"], row["md5"]) for row in site.drive.truth(READER, top)}
        files = home.files(name).items()
        assert {id_: (row["file_path"], row["file_size"], row["checksum"]) for id_, row in files} == truth
    reader.read(Random(0))
    assert reader.seqs == [row["seq"] for row in home.changes()]
    assert_each_is_of_one_moment(home, reader.moments)
    assert_nothing_was_done_twice(site)
    log = (home.path / "logs" / "connector.log").read_text(encoding="utf-8")
    assert not [line for line in log.splitlines() if '"bug"' in line or "locked" in line]


def assert_nothing_was_done_twice(site: Site) -> None:
    """Syncs of one endpoint never overlap, none is left open, and a slot that was served is not served again."""
    logs = site.home.query("SELECT * FROM sync_logs ORDER BY endpoint_id, id")
    assert {row["status"] for row in logs} <= {"success", "partial", "interrupted"}
    for one, next_ in pairwise(logs):
        if one["endpoint_id"] != next_["endpoint_id"]:
            continue
        assert one["finished_at"] <= next_["started_at"], (one, next_)
        if next_["trigger"] == "schedule" and one["status"] == "success":
            first, second = (datetime.fromisoformat(row["started_at"]).timestamp() for row in (one, next_))
            assert first // SLOT < second // SLOT, (one, next_)


def let_them_work(site: Site, seconds: float, *, crowded: bool, seed: int) -> tuple[Crowd, Reader]:
    crowd = Crowd(site, time.monotonic() + seconds, seed)
    reader = Reader(crowd)
    for _ in range(5 if crowded else 3):
        crowd.add(crowd.sync)
    crowd.add(reader.read)
    crowd.add(lambda chance: _change(site, chance))
    with ExitStack() as stack:
        if crowded:
            visitor = stack.enter_context(serving(site.home.path, **site.home.environ))
            crowd.add(crowd.maintain)
            crowd.add(crowd.look)
            crowd.add(reader.read_files)
            crowd.add(lambda _: crowd.visit(visitor))
        crowd.run()
    return crowd, reader


def _change(site: Site, chance: Random) -> None:
    site.change(chance)
    time.sleep(chance.random() / 2)  # people's pace


def test_syncs_that_come_at_once_and_are_killed_leave_everything_as_it_should_be(tmp_path: Path) -> None:
    with running(tmp_path, 7, files=6) as site:
        crowd, reader = let_them_work(site, 4, crowded=False, seed=7)
        reader.read_files(Random(1))
        assert crowd.wrong == []
        assert_all_is_well(site, reader)
        assert crowd.ran["sync"] >= 3


def test_four_starts_at_once_ask_each_service_once(tmp_path: Path) -> None:
    with running(tmp_path, 3, files=4, minutes=1440) as site:
        processes = [site.home.spawn("sync") for _ in range(4)]
        assert [(process.communicate(timeout=60)[1], process.returncode) for process in processes] == [("", 0)] * 4
        while len(site.home.query("SELECT * FROM sync_logs")) < len(site.names):
            assert site.home.cli("sync").code == 0  # no slot was free for those
        logs = site.home.query("SELECT * FROM sync_logs")
        assert len(logs) == len(site.names)
        assert sum(row["api_requests"] for row in logs) == site.acc.count() + site.drive.count()


def _look_on_and_on(path: Path, over: Path) -> None:
    while not over.exists():
        is_held(path)


def test_who_only_looks_whether_a_lock_is_held_keeps_nobody_from_it(tmp_path: Path) -> None:
    path, over = tmp_path / "a.lock", tmp_path / "over"
    path.touch()
    lookers = [get_context("fork").Process(target=_look_on_and_on, args=(path, over)) for _ in range(3)]
    for each in lookers:
        each.start()
    try:
        for _ in range(2000):
            lock = FileLock(path)
            assert lock.acquire(blocking=False)
            assert is_held(path)
            lock.release()
    finally:
        over.touch()
        for each in lookers:
            each.join()


@pytest.mark.soak
def test_ten_processes_for_minutes(tmp_path: Path) -> None:
    with running(tmp_path, SOAK_SEED, files=25) as site:
        crowd, reader = let_them_work(site, SOAK_SECONDS, crowded=True, seed=SOAK_SEED)
        assert_all_is_well(site, reader)
        told = f"{crowd.ran}, {crowd.killed} ended, {len(reader.seqs)} changes, {len(reader.moments)} reads of files\n"
        sys.stderr.write(told)  # shown with -s
