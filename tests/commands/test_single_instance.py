"""One sync at a time for each endpoint, whoever starts it and however it ends: whole processes, overlapping."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.trees import grow
from tests.commands.test_sync_processes import DAY, PATIENCE, wait_until
from tests.support.homes import Acc, Home

HANGS_AT = 12  # the request of the first crawl that gets no answer


@pytest.fixture
def acc(tmp_path: Path) -> Iterator[Acc]:
    """A project whose first crawl takes for ever; there is a small one in the same hub."""
    clock = SimulatedClock()
    clock.advance(-DAY)
    service = AccSimulator(clock)
    hub = service.add_hub()
    project = service.add_project(hub, "long")
    grow(service, service.project_files(project), files=300, folders=40, depth=4)
    clock.advance(DAY)
    with service:
        home = Home(tmp_path, service)
        home.configure({"name": "Long", "endpoint_details": {"project_id": project}})
        service.faults.fail(faults.hang(), nth=HANGS_AT)
        yield Acc(home, service, hub, project, service.project_files(project))


@pytest.fixture
def crawling(acc: Acc) -> Iterator["subprocess.Popen[str]"]:
    """The first start, in the middle of its crawl."""
    with crawl(acc) as process:
        yield process


@contextmanager
def crawl(acc: Acc) -> Iterator["subprocess.Popen[str]"]:
    process = acc.home.spawn("sync")
    try:
        wait_until(lambda: acc.service.count() >= HANGS_AT)
        wait_until(lambda: status(acc, "Long")["running_folders_listed"] > 0)
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def add_a_quick_one(acc: Acc) -> None:
    quick = acc.service.add_project(acc.hub, "quick")
    acc.service.add_file(acc.service.project_files(quick), "plan.pdf", 1)
    acc.home.configure(
        {"name": "Long", "endpoint_details": {"project_id": acc.project}},
        {"name": "Quick", "endpoint_details": {"project_id": quick}},
    )


def status(acc: Acc, name: str) -> Mapping[str, Any]:
    """Ask as another process would: the database and the locks, nothing else."""
    if not acc.home.database.exists():
        return {"running_folders_listed": 0}
    rows = json.loads(acc.home.run("status", "--json").out)["endpoints"]
    row: Mapping[str, Any] = next(row for row in rows if row["name"] == name)
    return {**row, "running_folders_listed": row["running_folders_listed"] or 0}


def test_later_starts_skip_the_endpoint_of_a_long_crawl_and_serve_the_others(
    acc: Acc, crawling: "subprocess.Popen[str]"
) -> None:
    add_a_quick_one(acc)
    for _ in range(2):
        later = acc.home.cli("sync")
        assert (later.code, later.out, later.err) == (0, "", "")
    assert crawling.poll() is None
    rows = acc.home.query(
        "SELECT e.name, l.status FROM sync_logs l JOIN endpoints e ON e.id = l.endpoint_id ORDER BY l.id"
    )
    long, *others = [tuple(row.values()) for row in rows]
    assert (long, {*others}) == (("Long", "running"), {("Quick", "success")})  # twice where a slot begins meanwhile
    named = acc.home.cli("sync", "--endpoint", "Long")
    assert (named.code, named.out) == (0, "")
    assert "Long: skipped: another run holds this endpoint" in named.err


def test_a_start_waits_for_its_turn_while_another_one_has_all_the_slots(acc: Acc) -> None:
    acc.home.environ["MAX_CONCURRENT_SYNCS"] = "1"
    with crawl(acc) as crawling:
        add_a_quick_one(acc)
        later = acc.home.run("sync")
        assert (later.code, later.out, later.err) == (0, "", "")
        assert crawling.poll() is None
        (row,) = acc.home.query("SELECT e.name FROM sync_logs l JOIN endpoints e ON e.id = l.endpoint_id")
        assert row["name"] == "Long"


def test_another_process_sees_since_when_a_sync_runs_and_how_far_it_is(
    acc: Acc, crawling: "subprocess.Popen[str]"
) -> None:
    shown = acc.home.cli("status", "--json")
    (row,) = json.loads(shown.out)["endpoints"]
    (log,) = acc.home.query("SELECT * FROM sync_logs")
    assert (row["state"], row["running_since"], log["pid"]) == ("running", log["started_at"], crawling.pid)
    assert row["running_folders_listed"] > 0
    assert (row["due"], row["reason"]) == (False, f"a sync is running since {_minute(log['started_at'])} UTC")
    assert f"since {_minute(log['started_at'])} UTC: " in acc.home.cli("status").out
    assert acc.home.cli("status", "--check").code == 0


@pytest.mark.parametrize("pid_is_reused", [False, True])
def test_the_row_of_a_dead_process_is_closed_by_the_next_start_also_when_its_pid_lives_again(
    acc: Acc, crawling: "subprocess.Popen[str]", *, pid_is_reused: bool
) -> None:
    os.kill(crawling.pid, signal.SIGKILL)
    crawling.wait(PATIENCE)
    if pid_is_reused:
        connection = sqlite3.connect(acc.home.database)
        with connection:
            connection.execute("UPDATE sync_logs SET pid = ?, host = ?", (os.getpid(), socket.gethostname()))
        connection.close()
    row = status(acc, "Long")
    assert (row["state"], row["running_since"], row["due"]) == ("never", None, True)
    assert row["reason"] == "the last sync was interrupted and goes on at the next start"
    before = acc.service.count()
    assert acc.home.cli("sync").code == 0
    logs = acc.home.query("SELECT status, error_type, finished_at IS NULL AS is_open FROM sync_logs ORDER BY id")
    assert [tuple(log.values()) for log in logs] == [("interrupted", "died", 0), ("success", None, 0)]
    assert len(acc.home.files()) == 300
    assert acc.service.count() - before < 42 + 4  # it went on, and did not begin again
    acc.home.assert_sound()


def test_a_start_that_is_under_way_or_died_has_no_exit_code(acc: Acc, crawling: "subprocess.Popen[str]") -> None:
    (begun,) = acc.home.query("SELECT * FROM scheduler")
    assert begun["last_exit_code"] is None
    add_a_quick_one(acc)
    assert acc.home.cli("sync").code == 0
    (ended,) = acc.home.query("SELECT * FROM scheduler")
    assert ended["last_start_at"] > begun["last_start_at"]
    assert ended["last_exit_code"] == 0
    os.kill(crawling.pid, signal.SIGTERM)
    assert crawling.wait(PATIENCE) == 143
    assert acc.home.query("SELECT * FROM scheduler") == [ended]  # of an earlier start


def _minute(timestamp: str) -> str:
    return timestamp[:16].replace("T", " ")
