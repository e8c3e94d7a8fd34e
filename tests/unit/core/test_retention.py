"""Retention: what goes and what stays, what can be told afterwards, and readers that nothing is taken from."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from filesync.core.retention import Keep, Retention
from filesync.core.timestamps import to_timestamp
from filesync.runtime.locks import FileLock
from filesync.store.feed import readers
from filesync.store.sqlite.database import open_for_writing
from filesync.store.upkeep import pruning
from tests import ROOT
from tests.support.cli_home import NOON, CliHome, file
from tests.support.homes import Acc, Drive

DAY = 86_400


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    home = CliHome(tmp_path)
    keep(home)
    return home


def keep(home: CliHome, **retention: Any) -> None:
    home.configure({"name": "A"}, **({"retention": retention} if retention else {}))


def live(home: CliHome, days: int, **sizes: int) -> None:
    """Let days pass, and a sync find these files with these versions."""
    home.clock.advance(days * DAY)
    home.show("A", *(file(f"{name}.pdf", version=str(size), size=size) for name, size in sizes.items()))
    home.sync()


@pytest.fixture
def lived(home: CliHome) -> CliHome:
    """Fifty days: created, modified, deleted, and back again."""
    live(home, 0, a=1, b=1, c=1)  # seq 1, 2, 3
    live(home, 10, a=2, b=1, c=1)  # 4
    live(home, 10, a=2, c=1)  # 5: b is gone
    live(home, 10, a=3, c=1, d=1)  # 6, 7
    live(home, 20, a=3, b=5, c=1, d=1)  # 8: b is back
    return home


def query(path: Path, sql: str, *parameters: object) -> list[dict[str, Any]]:
    connection = sqlite3.connect(path)
    try:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, parameters)]
    finally:
        connection.close()


def seqs(home: CliHome) -> list[int]:
    return [row["seq"] for row in query(home.database, "SELECT seq FROM changes ORDER BY seq")]


def known_on(path: Path, day: str) -> list[dict[str, Any]]:
    """Ask as the documentation's recipe does."""
    return query(
        path,
        """SELECT endpoint, external_file_id, file_path, version, file_size, modified_by FROM file_history
           WHERE ? >= valid_from AND ? < coalesce(valid_to, '9999') AND NOT deleted ORDER BY external_file_id""",
        day,
        day,
    )


def assert_sound(path: Path) -> None:
    """The file is intact, and the feed leads from the states at its beginning to the table."""
    assert query(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert query(path, "PRAGMA foreign_key_check") == []
    changes = query(path, "SELECT * FROM changes ORDER BY seq")
    floor = query(path, "SELECT floor_seq FROM retention")[0]["floor_seq"]
    assert [change["seq"] for change in changes] == [*range(floor + 1, floor + 1 + len(changes))]
    table = {row["external_file_id"]: row for row in query(path, "SELECT * FROM files")}
    folded = {id_: dict(row) for id_, row in table.items()}
    for change in reversed(changes):
        if change["before"] is not None and change["external_file_id"] in folded:
            folded[change["external_file_id"]] |= json.loads(change["before"])
        elif change["kind"] == "created":
            folded.pop(change["external_file_id"], None)
    for change in changes:
        after = json.loads(change["after"])
        if change["kind"] == "created":
            folded[change["external_file_id"]] = {}
        state = folded[change["external_file_id"]]
        before = json.loads(change["before"] or "{}")
        assert {name: state.get(name) for name in before} == before
        state |= after
    for id_, row in table.items():
        wanted = {name: row[name] for name in row if name not in {"id", "endpoint_id", "first_seen_at", "changed_at"}}
        assert {name: folded[id_].get(name) for name in wanted} == wanted | {
            "external_file_id": folded[id_].get("external_file_id")
        }


def test_by_default_the_feed_and_deleted_files_stay_for_ever(lived: CliHome) -> None:
    lived.clock.advance(3000 * DAY)
    ended = lived.run("prune", "--json")
    assert ended.document == {
        "schema": 1,
        "dry_run": False,
        "sync_logs": 0,
        "changes": 0,
        "deleted_files": 0,
        "deleted_folders": 0,
        "set_members": 0,
        "notify_told": 0,
        "token_files": 0,
        "held_by": [],
    }
    assert len(query(lived.database, "SELECT * FROM sync_logs")) == 5  # each has a change that stays


def test_the_feed_is_cut_at_its_beginning_and_history_stays_right_from_there(lived: CliHome, tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    shutil.copy(lived.database, whole)
    keep(lived, changes={"keep_for": "25d"})
    assert lived.run("prune").code == 0
    assert seqs(lived) == [6, 7, 8]
    assert_sound(lived.database)
    for day in range(21, 60):
        moment = to_timestamp(NOON + timedelta(days=day))
        assert known_on(lived.database, moment) == known_on(whole, moment)
    first = query(lived.database, "SELECT * FROM file_history WHERE external_file_id = 'a.pdf' ORDER BY seq")
    assert [(row["kind"], row["version"], row["file_size"], row["seq"]) for row in first] == [
        (None, "2", 2, 5),
        ("modified", "3", 3, 6),
    ]
    b = query(lived.database, "SELECT * FROM file_history WHERE external_file_id = 'b.pdf' ORDER BY seq")
    assert [(row["deleted"], row["deleted_reason"], row["version"]) for row in b] == [
        (1, "trashed", "1"),
        (0, None, "5"),
    ]


def test_a_dry_run_tells_the_same_and_changes_nothing(lived: CliHome) -> None:
    keep(lived, changes={"keep_rows": 2}, sync_logs={"keep_rows": 1}, deleted_files={"keep_for": "1d"})
    before = lived.database.read_bytes()
    planned = lived.run("prune", "--dry-run", "--json").document
    assert lived.database.read_bytes() == before
    done = lived.run("prune", "--json").document
    assert {**planned, "dry_run": False} == done
    assert (done["changes"], done["sync_logs"]) == (6, 3)
    assert "TABLE" in lived.run("prune", "--dry-run").out


def test_random_lives_are_told_the_same_after_any_cut(home: CliHome, tmp_path: Path) -> None:
    random, whole = Random(4), tmp_path / "whole.db"
    shown: dict[str, int] = {}
    for _ in range(30):
        name = random.choice("abcdefgh")
        if name in shown and random.random() < 0.4:
            del shown[name]
        else:
            shown[name] = random.randrange(100)
        live(home, random.randrange(1, 4), **shown)
    shutil.copy(home.database, whole)
    days = (home.clock.now() - NOON).days
    for keep_for in range(days - 5, 1, -7):
        keep(home, changes={"keep_for": f"{keep_for}d"})
        assert home.run("prune").code == 0
        assert_sound(home.database)
        begin = query(home.database, "SELECT floor_at FROM retention")[0]["floor_at"]
        for day in range(days + 2):
            moment = to_timestamp(NOON + timedelta(days=day))
            if begin is None or moment >= begin:
                assert known_on(home.database, moment) == known_on(whole, moment)


def test_a_deleted_file_goes_when_the_feed_has_all_of_it_or_nothing(lived: CliHome) -> None:
    live(lived, 1, a=3, b=5, c=1)  # seq 9: d, created as 7, is gone
    live(lived, 1, b=5, c=1)  # 10: a, created as 1, is gone
    lived.clock.advance(5 * DAY)
    keep(lived, changes={"keep_rows": 5}, deleted_files={"keep_for": "3d"})  # 6 to 10 stay
    assert lived.run("prune", "--json").document["deleted_files"] == 1
    assert {row["file_name"] for row in query(lived.database, "SELECT * FROM files")} == {"a.pdf", "b.pdf", "c.pdf"}
    search = "SELECT count(*) AS n FROM files_search WHERE files_search MATCH 'd'"
    assert query(lived.database, search) == [{"n": 0}]
    live(lived, 1, b=5, c=1, d=7)
    assert query(lived.database, "SELECT kind FROM changes ORDER BY seq DESC LIMIT 1") == [{"kind": "created"}]
    keep(lived, changes={"keep_rows": 1}, deleted_files={"keep_for": "3d"})
    lived.clock.advance(2 * DAY)
    assert lived.run("prune", "--json").document["deleted_files"] == 1
    assert_sound(lived.database)


def test_nothing_goes_that_the_guard_counts(home: CliHome) -> None:
    live(home, 0, a=1)
    live(home, 1)
    keep(home, changes={"keep_rows": 1}, deleted_files={"keep_rows": 1})
    live(home, 0, c=1)
    home.configure({"name": "A", "reconcile_every": "9d"}, retention={"changes": {"keep_rows": 1}})
    home.clock.advance(8 * DAY)
    assert home.run("prune", "--json").document["changes"] == 0
    home.clock.advance(3 * DAY)
    assert home.run("prune", "--json").document["changes"] == 2


# --- the log of syncs -----------------------------------------------------------------------


def put_syncs(home: CliHome, ages: Sequence[float], **columns: object) -> None:
    """Write syncs that began so many days ago, and half an hour later."""
    database = open_for_writing(home.database)
    values = {"status": "success", "files_added": 0, **columns}
    with database.transaction() as connection:
        connection.executemany(
            f"""INSERT INTO sync_logs (endpoint_id, mode, "trigger", started_at, heartbeat_at, host, pid,
                {", ".join(values)}) VALUES (1, 'incremental', 'schedule', ?, ?, 'h', 1,
                {", ".join(repr(value) for value in values.values())})""",
            ([to_timestamp(home.clock.now() - timedelta(hours=round(age * 24), minutes=-30))] * 2 for age in ages),
        )
    database.close()


def test_uneventful_successes_are_thinned_to_the_last_of_each_day(lived: CliHome) -> None:
    put_syncs(lived, [n / 24 for n in range(500 * 24, 0, -1)])  # every hour
    put_syncs(lived, [398.5, 30], status="failed")
    put_syncs(lived, [401, 402], status="failed")
    put_syncs(lived, [30, 29], files_added=3)
    put_syncs(lived, [500], status="running")
    now = lived.clock.now()  # it passes while others get their turn to write
    lived.run("prune")
    rows = query(lived.database, "SELECT * FROM sync_logs WHERE host = 'h' ORDER BY started_at")
    assert sorted(row["status"] for row in rows if row["status"] != "success") == ["failed", "failed", "running"]
    assert sum(row["files_added"] for row in rows) == 6
    quiet = [row["started_at"] for row in rows if row["status"] == "success" and not row["files_added"]]
    week_ago, long_ago = to_timestamp(now - timedelta(days=7)), to_timestamp(now - timedelta(days=400))
    assert len([each for each in quiet if each >= week_ago]) == 7 * 24
    old = [each for each in quiet if each < week_ago]
    assert len({each[:10] for each in old}) == len(old) == 393
    assert {each[11:13] for each in old[1:-1]} == {"23"}
    assert min(old) >= long_ago
    assert len([row for row in query(lived.database, "SELECT * FROM sync_logs") if row["host"] != "h"]) == 5
    assert_sound(lived.database)
    assert lived.run("prune", "--json").document["sync_logs"] == 0


def test_a_sync_prunes_by_itself_once_a_day(drive: Drive) -> None:
    drive.service.state.add_file(drive.shared, "plan.pdf", 1)
    drive.settle()
    old = "UPDATE sync_logs SET started_at = '2020-01-01T00:00:00.000Z' WHERE status = 'success'"

    def sync_after(seconds: int) -> int:
        drive.service.clock.advance(seconds)
        assert drive.home.run("sync", "--all").code == 0
        return len(drive.home.query("SELECT * FROM sync_logs"))

    assert sync_after(0) == 1
    assert sync_after(60) == 2
    connection = sqlite3.connect(drive.home.database)
    with connection:
        connection.execute(old)
    connection.close()
    assert sync_after(60) == 3  # looked for today already
    assert sync_after(DAY) == 3  # the one with a change stays; of the other two one is left
    drive.home.assert_sound()


# --- readers --------------------------------------------------------------------------------


def test_what_was_dropped_is_said_not_skipped(lived: CliHome) -> None:
    keep(lived, changes={"keep_for": "25d"})
    lived.run("prune")
    for since in ("0", "4", "2026-03-20", "45d"):
        ended = lived.run("changes", "--since", since, "--jsonl")
        assert (ended.code, ended.out) == (1, "")
        assert "changes up to seq 5 were dropped by retention, the oldest kept is 6; " in ended.err
        assert "go on with --since 5" in ended.err
    assert [row["seq"] for row in lived.run("changes", "--since", "5", "--jsonl").lines] == [6, 7, 8]
    assert [row["seq"] for row in lived.run("changes", "--since", "21d", "--jsonl").lines] == [6, 7, 8]
    assert [row["seq"] for row in lived.run("changes", "--jsonl").lines] == [6, 7, 8]


def test_a_consumer_gets_what_it_has_not_seen_until_it_commits(lived: CliHome) -> None:
    def read(*more: str) -> list[int]:
        ended = lived.run("changes", "--consumer", "bi", "--jsonl", *more)
        assert ended.code == 0, ended.err
        return [row["seq"] for row in ended.lines]

    assert read() == read() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert query(lived.database, "SELECT * FROM feed_positions") == []
    assert read("--limit", "3", "--commit") == [1, 2, 3]
    assert read("--kind", "deleted", "--limit", "0", "--commit") == []
    assert read("--kind", "deleted", "--limit", "1", "--commit") == [5]
    assert read("--kind", "renamed", "--commit") == []  # nothing of it: all is seen
    assert read() == []
    live(lived, 1, a=4)
    assert read("--commit") == [9, 10, 11, 12]
    assert read("--since", "6", "--limit", "1", "--commit") == [7]  # put back by hand
    assert read() == [8, 9, 10, 11, 12]
    (row,) = lived.run("consumers", "--json").document["consumers"]
    assert row == {
        "reader": "bi",
        "kind": "consumer",
        "seq": 7,
        "unseen": 5,
        "must_reload": False,
        "updated_at": row["updated_at"],
    }


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["changes", "--commit"], 2, "--commit needs --consumer"),
        (["changes", "--consumer", "a:b"], 2, "a consumer's name is made of"),
        (["changes", "--consumer", "a", "--since", "2d"], 2, "give --since a seq"),
        (["changes", "--consumer", "a", "--since", "9"], 2, "its last seq is 8"),
        (["consumers", "set", "a", "9"], 2, "its last seq is 8"),
        (["consumers", "set", "a", "0123456789abcdef:1"], 1, "then go on with seq "),
        (["consumers", "set", "a", "1:1"], 2, "a seq is needed, alone or behind its feed"),
        (["consumers", "set", "", "1"], 2, "a consumer's name is made of"),
        (["consumers", "forget", "a"], 2, "no consumer is named 'a'"),
    ],
)
def test_what_makes_no_sense_of_a_consumer_is_refused(
    lived: CliHome, arguments: list[str], code: int, words: str
) -> None:
    ended = lived.run(*arguments)
    assert (ended.code, words in ended.err) == (code, True), ended.err
    assert query(lived.database, "SELECT * FROM feed_positions") == []


def test_nothing_is_dropped_that_a_consumer_has_not_seen_unless_told_to(lived: CliHome) -> None:
    keep(lived, changes={"keep_for": "25d"})
    assert lived.run("consumers", "set", "bi", "2").code == 0
    ended = lived.run("prune")
    assert "consumer bi has seen the feed up to seq 2, so 3 more changes stay" in ended.err
    assert seqs(lived) == [3, 4, 5, 6, 7, 8]
    planned = lived.run("prune", "--dry-run", "--ignore-consumers", "--json").document
    assert (planned["changes"], planned["held_by"][0]["changes"]) == (3, 3)
    ended = lived.run("prune", "--ignore-consumers")
    assert "consumer bi has seen the feed up to seq 2: it will not see 3 changes after that" in ended.err
    assert seqs(lived) == [6, 7, 8]
    ended = lived.run("changes", "--consumer", "bi", "--jsonl")
    assert (ended.code, ended.out) == (1, "")
    assert "the oldest kept is 6" in ended.err
    assert lived.run("consumers", "forget", "bi").code == 0
    ended = lived.run("changes", "--consumer", "bi", "--jsonl", "--commit")
    assert [row["seq"] for row in ended.lines] == [6, 7, 8]
    assert "the feed begins after seq 5" in ended.err


def test_nothing_is_dropped_that_a_webhook_has_not_seen(lived: CliHome) -> None:
    keep(lived, changes={"keep_for": "25d"})
    database = open_for_writing(lived.database)
    readers.advance(database, "notify:team", "notify", 4, to_timestamp(lived.clock.now()))
    database.close()
    (held,) = lived.run("prune", "--json").document["held_by"]
    assert held == {"reader": "notify:team", "kind": "notify", "seq": 4, "changes": 1}
    assert seqs(lived) == [5, 6, 7, 8]


def test_a_pipe_that_breaks_or_a_full_disk_commits_nothing(lived: CliHome) -> None:
    live(lived, 1, **{f"f{number}": number for number in range(2000)})
    command = [sys.executable, "-m", "filesync", "--home", str(lived.path), "changes", "--consumer", "bi"]
    command += ["--commit", "--jsonl"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        process.wait(60)
    assert query(lived.database, "SELECT * FROM feed_positions") == []
    with Path("/dev/full").open("w") as full:
        assert subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False).returncode == 1
    assert query(lived.database, "SELECT * FROM feed_positions") == []
    assert subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True).returncode == 0
    assert query(lived.database, "SELECT seq FROM feed_positions")[0]["seq"] == len(seqs(lived))


# --- killed ---------------------------------------------------------------------------------

_PRUNE_AND_DIE = """
import os, signal, sys
from datetime import datetime, timedelta
from pathlib import Path
from filesync.core.retention import Keep, Retention
from filesync.store.upkeep import pruning
from filesync.store.sqlite.database import open_for_writing
path, moment, statement = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])
database, counted = open_for_writing(path), 0
def count(sql):
    global counted
    counted += 1
    if counted == statement:
        os.kill(os.getpid(), signal.SIGKILL)
database.connection.set_trace_callback(count)
pruning._BATCH = 2
day = timedelta(days=1)
pruning.prune(database, Retention(Keep(rows=1), day, Keep(25 * day), Keep(rows=1)), moment)
print(counted)
"""


def test_a_pruning_that_is_killed_leaves_every_step_whole(lived: CliHome, tmp_path: Path) -> None:
    copy, moment = tmp_path / "copy.db", lived.clock.now().isoformat()

    def prune_until(statement: int) -> "subprocess.CompletedProcess[str]":
        arguments = [sys.executable, "-c", _PRUNE_AND_DIE, str(copy), moment, str(statement)]
        return subprocess.run(arguments, cwd=ROOT, text=True, capture_output=True, check=False)

    shutil.copy(lived.database, copy)
    whole = prune_until(0)
    assert whole.returncode == 0, whole.stderr
    wanted = query(copy, "SELECT * FROM retention"), query(copy, "SELECT seq FROM changes")
    statements = int(whole.stdout)
    for statement in range(2, statements, max(1, statements // 12)):
        for left in tmp_path.glob("copy.db*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        shutil.copy(lived.database, copy)
        assert prune_until(statement).returncode == -signal.SIGKILL
        assert_sound(copy)
        assert query(copy, "SELECT pruned_at FROM retention") == [{"pruned_at": None}]
    assert prune_until(0).returncode == 0
    assert (query(copy, "SELECT * FROM retention"), query(copy, "SELECT seq FROM changes")) == wanted


# --- what nothing refers to any more --------------------------------------------------------


def folders_of(drive: Drive) -> set[str]:
    return {row["folder_name"] for row in drive.home.query("SELECT folder_name FROM folders")}


def prune_drive(drive: Drive, **retention: Any) -> dict[str, Any]:
    """Prune, and see that a dry run told the same."""
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared}}, retention=retention)
    planned, done = (json.loads(drive.home.run("prune", *more, "--json").out) for more in (["--dry-run"], []))
    assert {**planned, "dry_run": False} == done
    rows: dict[str, Any] = done
    return rows


def test_deleted_folders_go_once_nothing_hangs_in_them(drive: Drive) -> None:
    state = drive.service.state
    gone = state.add_folder(drive.shared, "gone")
    state.add_folder(state.add_folder(gone, "empty"), "deep")
    full = state.add_folder(drive.shared, "full")
    state.add_file(state.add_folder(full, "inner"), "x.pdf")
    state.add_folder(drive.shared, "live")
    waits = state.add_folder(drive.shared, "waits")
    assert drive.home.sync("D").status == "success"
    for folder in (gone, full, waits):
        state.trash(folder)
    drive.settle()
    assert drive.home.sync("D").status == "success"
    everything = {"gone", "empty", "deep", "full", "inner", "live", "waits"}
    assert everything <= folders_of(drive)
    with contextlib.closing(sqlite3.connect(drive.home.database)) as connection, connection:
        connection.execute(
            "INSERT INTO candidates (endpoint_id, external_id, is_folder, cause, vanished, found_at)"
            " VALUES (1, ?, 1, 'folder', 1, '2026-01-01T00:00:00.000Z')",
            (waits,),
        )
    drive.service.clock.advance(399 * DAY)
    assert prune_drive(drive)["deleted_folders"] == 0
    drive.service.clock.advance(3 * DAY)
    with contextlib.closing(sqlite3.connect(drive.home.database)) as connection:
        connection.execute("UPDATE sync_logs SET status = 'running' WHERE id = 1")
        connection.commit()
        assert prune_drive(drive)["deleted_folders"] == 0  # a sync may have them in mind
        connection.execute("UPDATE sync_logs SET status = 'success' WHERE id = 1")
        connection.commit()
    assert prune_drive(drive)["deleted_folders"] == 3
    assert everything - folders_of(drive) == {"gone", "empty", "deep"}  # a file that was deleted is in inner
    drive.home.assert_sound()
    done = prune_drive(drive, deleted_files={"keep_for": "10d"})
    assert (done["deleted_files"], done["deleted_folders"]) == (1, 2)
    assert everything & folders_of(drive) == {"live", "waits"}
    state.untrash(full)
    assert drive.home.sync("D").status == "success"
    assert drive.home.paths() == ["/full/inner/x.pdf"]


def test_a_file_that_was_restored_and_deleted_again_meanwhile_stays(
    lived: CliHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(lived, 1, a=3, b=5)
    live(lived, 0, a=3, b=5)
    lived.clock.advance(9 * DAY)
    monkeypatch.setattr(pruning, "_BATCH", 1)
    again = to_timestamp(lived.clock.now())

    def meanwhile() -> bool:
        with contextlib.closing(sqlite3.connect(lived.database)) as other, other:
            sql = "UPDATE files SET deleted_at = ? WHERE file_name = 'd.pdf'"
            other.execute(sql, (again,))
        return True

    policy = Retention(deleted_files=Keep(timedelta(days=3)))
    with contextlib.closing(open_for_writing(lived.database)) as database:
        assert pruning.plan(database, policy, lived.clock.now()).deleted_files == 2
        assert pruning.prune(database, policy, lived.clock.now(), go_on=meanwhile).deleted_files == 1
    rows = query(lived.database, "SELECT file_name, deleted_at FROM files WHERE deleted_at IS NOT NULL")
    assert rows == [{"file_name": "d.pdf", "deleted_at": again}]


def test_what_was_told_and_sets_that_nobody_asks_for_are_forgotten(drive: Drive) -> None:
    assert drive.home.sync("D").status == "success"
    old, new = (to_timestamp(drive.service.clock.now() - timedelta(days=days)) for days in (401, 399))
    with contextlib.closing(sqlite3.connect(drive.home.database)) as connection, connection:
        for source, asked_at in ((1, old), (2, new)):
            sql = "INSERT INTO set_sources (id, endpoint_type, question, asked_at) VALUES (?, 'google_drive', ?, ?)"
            connection.execute(sql, (source, f"q{source}", asked_at))
            for member, archived_at in (("a", old), ("b", new), ("c", None)):
                sql = "INSERT INTO set_members VALUES (?, ?, 'n', '{}', '{}', ?, ?, 0, ?)"
                connection.execute(sql, (source, member, old, old, archived_at))
        for cause, at in (("a", old), ("b", new)):
            connection.execute("INSERT INTO notify_told VALUES ('ops', 1, 'failure', ?, ?)", (cause, at))
    done = prune_drive(drive)
    assert (done["set_members"], done["notify_told"]) == (4, 1)
    members = drive.home.query("SELECT source_id, external_id FROM set_members ORDER BY 2")
    assert [(row["source_id"], row["external_id"]) for row in members] == [(2, "b"), (2, "c")]
    assert [row["id"] for row in drive.home.query("SELECT id FROM set_sources")] == [2]


def test_a_receiver_that_left_the_file_is_forgotten_while_others_stay(drive: Drive) -> None:
    hook = {"type": "webhook", "url": "http://127.0.0.1:9/", "timeout": "1s"}
    endpoint = {"name": "D", "endpoint_details": {"drive_id": drive.shared}}
    drive.home.configure(endpoint, notify={"stays": hook, "leaves": hook})
    assert drive.home.run("sync").code == 0
    with contextlib.closing(sqlite3.connect(drive.home.database)) as connection, connection:
        for target in ("stays", "leaves"):
            connection.execute("INSERT INTO notify_targets (target, failures_in_a_row) VALUES (?, 3)", (target,))
            sql = "INSERT INTO notify_told VALUES (?, 1, 'partial', 'c', '2026-01-01T00:00:00.000Z')"
            connection.execute(sql, (target,))
    drive.home.configure(endpoint, notify={"stays": hook})
    assert drive.home.run("sync").code == 0
    for table in ("notify_targets", "notify_told"):
        assert [row["target"] for row in drive.home.query(f"SELECT target FROM {table}")] == ["stays"], table


def test_token_files_of_replaced_secrets_and_locks_of_logins_that_are_gone_are_removed(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}})
    tokens = acc.home.path / "tokens"
    assert acc.home.run("sync", "--all").code == 0
    (replaced,) = tokens.glob("*.json")
    acc.service.add_app("simulated-client", "another-" + "secret")
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = "another-" + "secret"
    acc.service.clock.advance(8 * DAY)
    assert acc.home.run("sync", "--all").code == 0  # it looks by itself, once a day
    (used,) = tokens.glob("*.json")
    assert replaced != used
    replaced.write_text("{}")
    person, ended = tokens / "autodesk-three-legged-0.json", tokens / "autodesk-three-legged-1.lock"
    person.write_text("{}")
    ended.touch()
    now = acc.service.clock.now().timestamp()
    for path in (replaced, person, ended):
        os.utime(path, (now - 8 * DAY, now - 8 * DAY))
    os.utime(used, (now, now))
    held = FileLock(ended)
    assert held.acquire()
    assert [json.loads(acc.home.run("prune", more, "--json").out)["token_files"] for more in ("--dry-run", "-q")] == [
        2,
        1,
    ]
    assert {*tokens.iterdir()} == {used, used.with_suffix(".lock"), person, ended}
    held.release()
    assert json.loads(acc.home.run("prune", "--json").out)["token_files"] == 1
    assert {*tokens.iterdir()} == {used, used.with_suffix(".lock"), person}
    assert acc.home.run("sync", "--all").code == 0


def test_whoever_waits_for_a_lock_that_is_removed_takes_the_next_one(tmp_path: Path) -> None:
    first, waiting, third = (FileLock(tmp_path / "a.lock") for _ in range(3))
    assert first.acquire()
    thread = threading.Thread(target=waiting.acquire)
    thread.start()
    first.path.unlink()
    first.release()
    thread.join()
    assert not third.acquire(blocking=False)
    waiting.release()
