"""What concerns any number of files at once: done in steps, killed at any of them, right in the end, small meanwhile."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from filesync.store.write.owed import STEP
from tests.cli_home import CliHome
from tests.large import Plan

FILES = 3 * STEP
ROWS_OF_A_FILE = 16  # in one commit: its row, its change, and what indexes and the search write of it


class Large:
    """A home with one large endpoint, synced by processes of their own."""

    def __init__(self, path: Path, files: int) -> None:
        self.path = path
        self.files = files
        self.home = CliHome(path)
        self.configure()
        Plan(files).write(path)

    def configure(self, **details: Any) -> None:
        project = {"project_id": "b.00000000-1111-4111-8111-111111111111"}
        endpoint = {"name": "Large", "reconcile_every": "300d", "endpoint_details": {**project, **details}}
        self.home.configure(endpoint)

    def sync(self, *options: str, kill_at: int = 0) -> dict[str, Any] | None:
        """Sync in a process that kills itself within that commit; None: it did."""
        command = [sys.executable, "-m", "tests.large", str(self.path), *options]
        environ = {**os.environ, "KILL_AT_COMMIT": str(kill_at)}
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=600, check=False)
        if ended.returncode == -signal.SIGKILL:
            return None
        assert ended.returncode == 0, ended.stderr
        told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return told

    def sync_under_kills(self, *options: str, every: int) -> dict[str, Any]:
        """Sync until a process comes to its end; each is killed a few commits further on."""
        kills = 0
        while not (told := self.sync(*options, kill_at=every + kills)):
            kills += every
            self.assert_feed_is_the_table()
        assert kills, "nobody was killed"
        return told

    def sync_killed_at_random(self, chance: Random) -> dict[str, Any]:
        """Sync until a process comes to its end; each but the last few is killed after some seconds."""
        kills, most, longest, began = 0, 0, 0.0, time.monotonic()
        while True:
            command = [sys.executable, "-m", "tests.large", str(self.path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                try:
                    out, _ = process.communicate(timeout=chance.uniform(2, 12) * 1.2**kills)
                except subprocess.TimeoutExpired:
                    process.kill()
                    kills += 1
                    continue
            assert process.returncode == 0
            told: dict[str, Any] = json.loads(out.splitlines()[-1])
            assert told["status"] == "success", told
            most, longest = max(most, told["mebibytes"]), max(longest, told["longest_seconds"])
            seconds = round(time.monotonic() - began)
            return {"kills": kills, "seconds": seconds, "mebibytes": most, "longest_commit": longest}

    @contextmanager
    def other(self) -> Iterator[dict[str, Any]]:
        """Have another process write and read all the time; what it met is in the dictionary afterwards."""
        found: dict[str, Any] = {}
        command = [sys.executable, "-c", OTHER, str(self.path / "data" / "connector.db")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            yield found
            out, _ = process.communicate("\n")
            found |= json.loads(out)

    def sync_until_some(self, condition: str, *options: str, first: int = 2) -> int:
        """Kill syncs, each later than the one before, until one has left files like that; tell how many."""
        for kill_at in range(first, first + 60):
            assert self.sync(*options, kill_at=kill_at) is None, "it came to its end at once"
            [(found,)] = self.query(f"SELECT count(*) FROM files WHERE {condition}")
            if found:
                return int(found)
        raise AssertionError(f"nothing was written: {condition}")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path / "data" / "connector.db")) as connection:
            return connection.execute(sql).fetchall()

    def count(self, condition: str = "1") -> int:
        sql = f"SELECT count(*) FROM files WHERE deleted_at IS NULL AND {condition}"
        return int(self.query(sql)[0][0])

    def assert_feed_is_the_table(self) -> None:
        rows = self.query(
            """SELECT count(*) FROM files AS f JOIN changes AS c ON c.seq = (
                   SELECT max(seq) FROM changes AS h
                   WHERE h.endpoint_id = f.endpoint_id AND h.external_file_id = f.external_file_id)
               WHERE c.file_path <> f.file_path OR (c.kind = 'deleted') <> (f.deleted_at IS NOT NULL)"""
        )
        assert rows == [(0,)]

    def assert_nothing_is_left(self) -> None:
        assert self.query("SELECT (SELECT count(*) FROM owed), (SELECT count(*) FROM candidates)") == [(0, 0)]
        assert self.query("PRAGMA integrity_check") == [("ok",)]
        self.assert_feed_is_the_table()


@pytest.fixture
def large(tmp_path: Path) -> Large:
    large = Large(tmp_path, FILES)
    told = large.sync()
    assert told is not None
    assert told["status"] == "success"
    assert large.count() == FILES
    return large


def test_a_renamed_top_folder_is_finished_however_often_the_sync_is_killed(large: Large) -> None:
    Plan(FILES, top="Renamed").write(large.path)
    told = large.sync_under_kills(every=3)
    assert told["status"] == "success"
    assert told["most_rows"] < STEP * ROWS_OF_A_FILE
    assert large.count("file_path LIKE '/Renamed/%'") == FILES
    assert large.query("SELECT kind, count(*) FROM changes WHERE kind <> 'created' GROUP BY 1") == [("moved", FILES)]
    large.assert_nothing_is_left()


def test_a_filter_that_comes_and_goes_is_finished_however_often_the_sync_is_killed(large: Large) -> None:
    large.configure(file_types=["pdf"])
    assert large.sync_under_kills(every=3)["status"] == "success"
    assert large.count() == large.count("file_type = 'pdf'") == FILES // 2
    large.configure()
    assert large.sync_under_kills(every=3)["status"] == "success"
    assert large.count() == FILES
    large.assert_nothing_is_left()


def test_deletions_that_were_accepted_once_are_finished_however_often_the_sync_is_killed(large: Large) -> None:
    Plan(FILES, trashed=FILES - 10).write(large.path)
    told = large.sync()
    assert told is not None
    assert told["error_type"] == "mass_delete"
    assert large.count() == FILES
    large.sync_until_some("deleted_at IS NOT NULL", "--accept-deletions")
    told = large.sync_under_kills(every=3)
    assert told["status"] == "success"
    assert large.count() == 10
    large.assert_nothing_is_left()


def test_a_stop_between_two_steps_keeps_what_was_done(large: Large) -> None:
    Plan(FILES, top="Renamed").write(large.path)
    done = large.sync_until_some("file_path LIKE '/Renamed/%'")
    assert done < FILES
    told = large.sync()
    assert told is not None
    assert told["tally"]["files_updated"] == FILES - done


OTHER = """
import json, sqlite3, sys, time
path, longest, rounds = sys.argv[1], 0.0, 0
connection = sqlite3.connect(path, timeout=60, isolation_level=None)
print("there", flush=True)
import select
while not select.select([sys.stdin], [], [], 0.02)[0]:
    began = time.monotonic()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE scheduler SET last_exit_code = last_exit_code")
    connection.execute("COMMIT")
    connection.execute("SELECT count(*) FROM files WHERE endpoint_id = 1 AND file_path > '/T' LIMIT 1").fetchone()
    longest, rounds = max(longest, time.monotonic() - began), rounds + 1
print(json.dumps({"rounds": rounds, "longest_seconds": round(longest, 3)}))
"""


@pytest.mark.soak
def test_a_million_files_are_renamed_refiltered_and_deleted_under_kills(tmp_path: Path) -> None:
    """Print what it took: the figures stand in benchmarks/RESULTS.md."""
    files = int(os.environ.get("FILESYNC_SOAK_FILES", "1000000"))
    large, chance = Large(tmp_path, files), Random(1)
    figures = {"listed": large.sync_killed_at_random(chance)}
    assert large.count() == files
    with large.other() as other:
        Plan(files, top="Renamed").write(tmp_path)
        figures["renamed"] = large.sync_killed_at_random(chance)
        assert large.count("file_path LIKE '/Renamed/%'") == files
        large.configure(file_types=["pdf"])
        figures["filtered"] = large.sync_killed_at_random(chance)
        assert large.count() == files // 2
        large.configure()
        figures["unfiltered"] = large.sync_killed_at_random(chance)
        assert large.count() == files
        Plan(files, top="Renamed", trashed=files // 2 + 1).write(tmp_path)
        blocked = large.sync()
        assert blocked is not None
        assert blocked["error_type"] == "mass_delete"
        large.sync_until_some("deleted_at IS NOT NULL", "--accept-deletions")
        figures["deleted"] = large.sync_killed_at_random(chance)
    assert large.count() == files - files // 2 - 1
    large.assert_nothing_is_left()
    figures["other"] = other
    sys.stdout.write(f"{json.dumps(figures, indent=1)}\n")
    assert all(told["mebibytes"] < 200 for told in figures.values() if "mebibytes" in told)
