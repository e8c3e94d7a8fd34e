"""Large first syncs by the real command, against a service in a process of its own: counted, not timed."""

import json
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.services import Home, acc_home, drive_home
from tests.support.truth import acc_row, drive_row, stored_acc_row, stored_drive_row

MIB = 2**20
Serve = Callable[..., AbstractContextManager[Home]]
ToRow = Callable[[dict[str, Any]], tuple[Any, ...]]


def told(truth: Path, to_row: ToRow) -> Mapping[str, tuple[Any, ...]]:
    with truth.open(encoding="utf-8") as lines:
        rows = map(json.loads, lines)
        return {row["id"]: to_row(row) for row in rows}


def stored(database: Path, to_row: ToRow) -> Mapping[str, tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM current_files")
        return {row["external_file_id"]: to_row(row) for row in rows}


@pytest.mark.parametrize(
    ("serve", "files", "to_row", "to_stored_row"),
    [(drive_home, 20_000, drive_row, stored_drive_row), (acc_home, 12_000, acc_row, stored_acc_row)],
    ids=["drive", "acc"],
)
def test_a_large_first_sync_ends_with_the_truth_in_little_memory(
    serve: Serve, files: int, to_row: ToRow, to_stored_row: ToRow, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.jsonl"
    options = ("--files", str(files), "--folders", str(files // 200), "--truth", str(truth))
    with serve(tmp_path / "home", *options) as home:
        measured = home.run("sync", "--endpoint", "P")
        assert measured.code == 0, measured.err
        expected = told(truth, to_row)
        assert len(expected) == files
        assert stored(home.database, to_stored_row) == expected
        assert measured.peak_bytes < 115 * MIB  # 80 before the first file; all files at once would take 30 more


POOLS = """
import ctypes, sys, threading
from filesync.runtime.malloc import use_one_arena

if sys.argv[1] == "one":
    use_one_arena()
held, everybody = [], threading.Barrier(8)

def hold():
    held.append(bytes(50_000))
    everybody.wait()

threads = [threading.Thread(target=hold) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
stdout = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"a"))
libc.malloc_info(0, stdout)
libc.fclose(stdout)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_threads_share_one_pool_of_memory() -> None:
    def pools(wanted: str) -> int:
        command = [sys.executable, "-c", POOLS, wanted]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.count("<heap nr=")

    assert pools("one") == 1
    assert pools("own") > 1
