"""Snapshots: whole and consistent while somebody writes, and a way back that leaves the old state or the new one."""

import contextlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from filesync.core.errors import FeedLostError
from filesync.simulators import faults
from filesync.store.read import queries
from filesync.store.read.queries import ChangeFilter
from filesync.store.sqlite.database import open_for_reading, open_for_writing
from tests import ROOT
from tests.adversarial.upgrade.schemas.make import A_STEP_MORE
from tests.support.cli_home import CliHome, file
from tests.support.homes import Acc, Drive

FEED = "SELECT * FROM changes ORDER BY seq"


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    home = CliHome(tmp_path)
    home.configure({"name": "A"})
    home.show("A", file("a.pdf", version="1"), file("b.pdf"))
    home.sync()
    return home


def change(home: CliHome, version: str) -> None:
    home.clock.advance(60)
    home.show("A", file("a.pdf", version=version), file("b.pdf"))
    home.sync()


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def is_whole(path: Path) -> bool:
    return query(path, "PRAGMA integrity_check") == [("ok",)] and query(path, "PRAGMA foreign_key_check") == []


def feed_of(home: CliHome) -> str:
    feed = home.run("changes", "--limit", "0", "--json").document["feed"]
    assert isinstance(feed, str)
    return feed


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(".*"))


def test_a_snapshot_is_one_whole_file_with_everything_that_was_committed(home: CliHome) -> None:
    writer = open_for_writing(home.database)
    with writer.transaction() as connection:  # somebody is writing, and has not committed
        connection.execute("DELETE FROM files_search")
        connection.execute("DELETE FROM changes WHERE seq = 1")
        result = home.run("snapshot", "copy.db", "--json")
        assert result.code == 0, result.err
        connection.execute("DELETE FROM changes")
    writer.close()
    copy = home.path / "copy.db"
    assert result.document == {
        "schema": 1, "path": str(copy), "feed": feed_of(home), "seq": 2, "bytes": copy.stat().st_size
    }  # fmt: skip
    assert query(copy, "SELECT feed FROM feeds") == [(feed_of(home),)]  # a copy is the same feed
    assert is_whole(copy)
    assert [row[0] for row in query(copy, FEED)] == [1, 2]
    assert query(copy, "PRAGMA journal_mode") == [("delete",)]  # it needs no other file beside it
    assert leftovers(home.path) == []
    assert stat.S_IMODE(copy.stat().st_mode) == stat.S_IMODE(home.database.stat().st_mode)
    assert query(copy, "SELECT count(*) FROM files_search WHERE files_search MATCH 'a'") == [(1,)]


def test_a_snapshot_during_a_sync_holds_nobody_up(drive: Drive, tmp_path: Path) -> None:
    for number in range(300):
        drive.service.state.add_file(drive.shared, f"{number}.pdf", 1)
    drive.settle()
    with drive.home.spawn("sync", "--all") as sync:
        while not drive.home.database.exists() or not query(drive.home.database, "SELECT 1 FROM sqlite_master LIMIT 1"):
            assert sync.poll() is None
        copies = 0
        while sync.poll() is None or not copies:
            ended = drive.home.run("snapshot", str(tmp_path / "copy.db"), "--force")
            if "has schema version" in ended.err:
                continue  # the sync is still making its tables
            assert ended.code == 0, ended.err
            assert is_whole(tmp_path / "copy.db")
            copies += 1
        assert sync.wait() == 0
    drive.home.assert_sound()


def test_a_running_sync_is_no_hindrance_for_a_snapshot_and_one_for_a_restore(acc: Acc, tmp_path: Path) -> None:
    acc.service.add_file(acc.top, "Plan.pdf", 1_000)
    acc.settle()
    acc.home.sync()
    acc.service.faults.fail(faults.hang())
    with acc.home.spawn("sync", "--all") as sync:
        while not acc.home.query("SELECT 1 FROM sync_logs WHERE status = 'running'"):
            assert sync.poll() is None
        copy = str(tmp_path / "copy.db")
        assert acc.home.run("snapshot", copy).code == 0
        ended = acc.home.run("snapshot", "--restore", copy)
        assert (ended.code, "stop the schedule and try again" in ended.err) == (1, True)
        sync.kill()
    assert acc.home.run("snapshot", "--restore", copy).code == 0
    assert acc.home.paths() == ["/Project Files/Plan.pdf"]
    acc.service.reset()
    assert acc.home.sync().status == "success"
    acc.home.assert_sound()


def test_nothing_is_replaced_unasked(home: CliHome) -> None:
    (home.path / "copy.db").write_text("mine")
    refused = {
        "copy.db": "exists already; name another file, or give --force",
        "data/connector.db": "is the database itself",
        "data": "is a folder",
        "none/copy.db": "there is no such folder",
    }
    for path, words in refused.items():
        ended = home.run("snapshot", path, *(["--force"] if words.startswith("is the") else []))
        assert (ended.code, words in ended.err) == (1, True), ended.err
    assert (home.path / "copy.db").read_text() == "mine"
    assert home.run("snapshot", "copy.db", "--force").out.endswith("the feed up to seq 2\n")
    assert is_whole(home.path / "copy.db")


def test_a_restore_brings_everything_back_and_keeps_what_was_there(home: CliHome) -> None:
    home.run("snapshot", "copy.db")
    then = query(home.database, FEED)
    change(home, "2")
    now = query(home.database, FEED)
    with contextlib.closing(sqlite3.connect(home.database)) as reader:  # somebody reads all the time
        assert reader.execute("SELECT count(*) FROM changes").fetchone() == (3,)
        result = home.run("snapshot", "--restore", "copy.db", "--json")
        assert result.code == 0, result.err
        assert reader.execute("SELECT count(*) FROM changes").fetchone() == (2,)
    before = home.database.with_name("connector.db.before-restore")
    assert result.document == {
        "schema": 1, "path": str(home.database), "feed": feed_of(home), "seq": 2, "next_seq": 4, "before": str(before),
        "is_shorter": True, "must_reload": [],
    }  # fmt: skip
    assert query(home.database, FEED) == then
    assert query(before, FEED) == now
    assert is_whole(home.database)
    assert is_whole(before)
    assert query(home.database, "PRAGMA journal_mode") == [("wal",)]
    assert leftovers(home.database.parent) == []
    change(home, "3")
    assert [row[0] for row in query(home.database, FEED)] == [1, 2, 4]  # 3 was given out: nobody gets it twice
    ended = home.run("snapshot", "--restore", "copy.db")
    assert (ended.code, "is there from an earlier restore" in ended.err) == (1, True)
    assert home.run("snapshot", "--restore", "copy.db", "--force").out.endswith("the next is 5\n")


@pytest.mark.parametrize("damage", ["none", "text", "torn"])
def test_a_database_that_is_lost_or_damaged_is_replaced(home: CliHome, damage: str) -> None:
    home.run("snapshot", "copy.db")
    then, before = query(home.database, FEED), home.database.with_name("connector.db.before-restore")
    if damage == "none":
        home.database.unlink()
    elif damage == "text":
        home.database.write_bytes(b"not a database " * 1000)
    else:
        content = bytearray(home.database.read_bytes())
        content[4096:] = os.urandom(len(content) - 4096)
        home.database.write_bytes(content)
    left = home.database.read_bytes() if home.database.exists() else None
    assert home.run("snapshot", "--restore", "copy.db").code == 0
    assert query(home.database, FEED) == then
    assert is_whole(home.database)
    assert (before.read_bytes() if before.exists() else None) == left
    change(home, "2")
    assert len(query(home.database, FEED)) == 3


def test_a_snapshot_that_was_killed_is_swept_up_by_the_next_one(home: CliHome) -> None:
    room = home.path / ".copy.db.k7_h2abc.partial"
    room.mkdir(mode=0o700)
    (room / "copy.db").write_bytes(b"half" * 5000)
    assert home.run("snapshot", "copy.db").code == 0
    assert leftovers(home.path) == []
    assert stat.S_IMODE((home.path / "copy.db").stat().st_mode) == 0o600


def test_what_is_no_whole_database_of_ours_is_refused(home: CliHome) -> None:
    good = home.path / "good.db"
    home.run("snapshot", "good.db")
    then = query(home.database, FEED)

    def refused(words: str, path: str = "bad.db") -> None:
        ended = home.run("snapshot", "--restore", path)
        assert (ended.code, words in ended.err) == (1, True), ended.err
        assert query(home.database, FEED) == then
        assert not home.database.with_name("connector.db.before-restore").exists()
        assert leftovers(home.database.parent) == []

    bad = home.path / "bad.db"
    refused("there is no such file")
    refused("is the database itself", "data/connector.db")
    bad.write_text("hello, hello, hello, hello")
    refused("is damaged, or no database of filesync; nothing was changed")
    bad.unlink()
    with contextlib.closing(sqlite3.connect(bad)) as other:
        other.execute("CREATE TABLE files (x)")
    refused("is no database of filesync")
    shutil.copy(good, bad)
    with contextlib.closing(sqlite3.connect(bad)) as newer:
        newer.execute(A_STEP_MORE)
        newer.commit()
    refused("newer than this filesync; upgrade filesync")
    content = bytearray(good.read_bytes())
    content[8192:-4096] = bytes(len(content) - 12_288)
    bad.write_bytes(content)
    refused("is damaged, or no database of filesync")
    with contextlib.closing(sqlite3.connect(good, isolation_level=None)) as torn:
        torn.execute("DELETE FROM sync_logs")
    shutil.copy(good, bad)
    refused("is damaged, or no database of filesync")


def test_a_restore_is_refused_while_somebody_writes_and_writers_while_it_runs(home: CliHome) -> None:
    home.run("snapshot", "copy.db")
    writer = open_for_writing(home.database)
    ended = home.run("snapshot", "--restore", "copy.db")
    assert (ended.code, "stop the schedule and try again" in ended.err) == (1, True)
    writer.close()
    script = """
import sys
from pathlib import Path
from filesync.store.sqlite import snapshots
def wait(step):
    if step == "kept":
        print("kept", flush=True)
        sys.stdin.readline()
snapshots.restore(Path(sys.argv[1]), Path(sys.argv[2]), on_step=wait)
"""
    arguments = [sys.executable, "-c", script, str(home.path / "copy.db"), str(home.database)]
    with subprocess.Popen(arguments, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "kept\n"
        ended = home.run("sync")
        assert (ended.code, "a snapshot is being restored; try again when that is done" in ended.err) == (1, True)
        assert home.run("files").code == 0
        process.communicate("go on\n", timeout=60)
    assert process.returncode == 0
    change(home, "2")


_RESTORE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from filesync.store.sqlite import snapshots
snapshots._PAGES = 40
counted = 0
def count(step):
    global counted
    counted += 1
    if counted == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
snapshots.restore(Path(sys.argv[1]), Path(sys.argv[2]), replace=True, on_step=count)
print(counted)
"""


@pytest.fixture
def other_state(home: CliHome) -> Path:
    """Give a snapshot; the database then differs."""
    home.run("snapshot", "copy.db")
    change(home, "2")
    return home.path / "copy.db"


def test_a_restore_that_is_killed_leaves_the_old_state_or_the_new_one(home: CliHome, other_state: Path) -> None:
    then, now = query(other_state, FEED), query(home.database, FEED)
    saved = home.path / "saved.db"
    home.run("snapshot", "saved.db")

    def restore_until(step: int) -> "subprocess.CompletedProcess[str]":
        arguments = [sys.executable, "-c", _RESTORE_AND_DIE, str(other_state), str(home.database), str(step)]
        return subprocess.run(arguments, cwd=ROOT, text=True, capture_output=True, check=False)

    whole = restore_until(0)
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stdout)
    seen = []
    for step in range(1, steps + 1):
        assert home.run("snapshot", "--restore", str(saved), "--force").code == 0
        assert query(home.database, FEED) == now
        assert restore_until(step).returncode == -signal.SIGKILL
        assert is_whole(home.database)
        found = query(home.database, FEED)
        assert found in (then, now)
        seen.append(found == then)
        before = home.database.with_name("connector.db.before-restore")
        assert not before.exists() or is_whole(before)
    assert seen == sorted(seen)  # the old state, and from one moment on the new one
    assert (seen[0], seen[-1]) == (False, True)
    change(home, "3")


# --- readers of the feed --------------------------------------------------------------------

LOST = "the inventory was restored from a snapshot, or begun anew; read it afresh, drop what is not in it, then go on"


def with_a_file_that_is_lost(home: CliHome) -> str:
    """Let readers see a file that came after the snapshot `copy.db` and is gone; give the feed they read."""
    home.run("consumers", "set", "early", "1")
    home.run("snapshot", "copy.db")
    home.show("A", file("a.pdf", version="1"), file("b.pdf"), file("lost.pdf"))
    home.sync()
    assert home.run("changes", "--consumer", "late", "--commit", "--jsonl").lines[-1]["file_name"] == "lost.pdf"
    home.show("A", file("a.pdf", version="1"), file("b.pdf"))
    return feed_of(home)


def lose(home: CliHome, how: str) -> None:
    """Restore the copy over the database, or where it was lost, or where a new one was begun after that."""
    if how != "there":
        home.database.unlink()
        home.database.with_name("connector.db-wal").unlink(missing_ok=True)
    if how == "begun anew":
        home.sync()
    ended = home.run("snapshot", "--restore", "copy.db")
    assert ended.code == 0, ended.err
    assert "read the inventory afresh, drop what is not in it, then go on with --since" in ended.err
    name = "late" if how == "there" else "early"  # the only one that the copy knows
    assert f"consumer {name} has, or may have: when it has read afresh, filesync consumers set {name} " in ended.err


@pytest.mark.parametrize("how", ["there", "lost", "begun anew"])
def test_who_has_read_what_a_restore_took_back_is_told_to_read_afresh(home: CliHome, how: str) -> None:
    feed = with_a_file_that_is_lost(home)
    lose(home, how)
    assert feed_of(home) != feed
    places = ["3", f"{feed}:3", f"{'0' * 16}:1"]

    def refused() -> None:
        here = home.run("changes", "--limit", "0", "--json").document
        for place in places:
            ended = home.run("changes", "--since", place, "--jsonl")
            assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1), ended.err
            assert f"{LOST} with --since {here['feed']}:{here['last_seq']}" in ended.err

    refused()
    for number in range(5):  # however far the feed goes on
        change(home, f"9{number}")
    refused()
    for since in ("2", f"{feed}:2", f"{feed_of(home)}:2"):  # who had not come beyond it goes on
        rows = home.run("changes", "--since", since, "--jsonl").lines
        assert [row["after"]["version"] for row in rows] == ["90", "91", "92", "93", "94"]
        assert {row["feed"] for row in rows} == {feed_of(home)}
        assert rows[0]["seq"] > 3
    ended = home.run("changes", "--since", f"{feed_of(home)}:{rows[-1]['seq'] + 1}", "--jsonl")
    assert (ended.code, LOST in ended.err) == (1, True)


@pytest.mark.parametrize("how", ["there", "lost"])
def test_a_consumer_that_a_restore_overtook_reads_afresh_before_it_goes_on(home: CliHome, how: str) -> None:
    feed = with_a_file_that_is_lost(home)
    lose(home, how)
    readers = {row["reader"]: row["must_reload"] for row in home.run("consumers", "--json").document["consumers"]}
    if how == "there":  # the database that was there told how far each had come
        assert readers == {"early": False, "late": True}
        assert [row["seq"] for row in home.run("changes", "--consumer", "early", "--jsonl").lines] == [2]
        name = "late"
    else:  # and without it nobody knows
        assert readers == {"early": True}
        name = "early"
    change(home, "7")
    ended = home.run("changes", "--consumer", name, "--commit", "--jsonl")
    assert (ended.code, ended.out, LOST in ended.err) == (1, "", True)
    assert f"go on with filesync consumers set {name} {feed_of(home)}:" in ended.err
    ended = home.run("consumers", "set", name, f"{feed}:3")
    assert (ended.code, LOST in ended.err) == (1, True)
    assert home.run("consumers", "set", name, f"{feed_of(home)}:2").code == 0
    ended = home.run("changes", "--consumer", name, "--commit", "--jsonl")
    assert [row["after"]["version"] for row in ended.lines] == ["7"]


def test_a_restore_that_takes_nothing_back_disturbs_no_reader(home: CliHome) -> None:
    """So a database is made small after a pruning."""
    feed = feed_of(home)
    home.run("changes", "--consumer", "bi", "--commit")
    home.run("snapshot", "copy.db")
    ended = home.run("snapshot", "--restore", "copy.db")
    assert (ended.code, "afresh" in ended.err) == (0, False)
    assert feed_of(home) != feed
    change(home, "2")
    for place in (["--since", "2"], ["--since", f"{feed}:2"], ["--consumer", "bi"]):
        assert [row["seq"] for row in home.run("changes", *place, "--jsonl").lines] == [3]


def test_restores_one_after_the_other_keep_what_each_of_them_took_back(home: CliHome) -> None:
    first = with_a_file_that_is_lost(home)  # its feed had 1 and 2, and 3
    lose(home, "there")
    second = feed_of(home)
    change(home, "8")  # 4
    home.run("snapshot", "later.db")
    change(home, "9")  # 5
    assert home.run("snapshot", "--restore", "later.db", "--force").code == 0
    third = feed_of(home)

    def goes_on(*places: str) -> list[str]:
        return [place for place in places if home.run("changes", "--since", place, "--jsonl").code == 0]

    places = [
        f"{first}:2",
        f"{first}:3",
        f"{first}:4",
        f"{second}:3",
        f"{second}:4",
        f"{second}:5",
        f"{third}:4",
        "2",
        "3",
        "4",
        "5",
    ]
    assert goes_on(*places) == [f"{first}:2", f"{second}:4", f"{third}:4", "2", "4"]
    assert home.run("snapshot", "--restore", "copy.db", "--force").code == 0  # the first copy once more
    assert goes_on(*places, "6") == [f"{first}:2", "2"]


def test_a_feed_that_becomes_another_while_it_is_read_is_not_read_on(home: CliHome) -> None:
    home.show("A", *(file(f"{number}.pdf") for number in range(1200)))
    home.sync()
    home.run("snapshot", "copy.db")
    database = open_for_reading(home.database)
    try:
        rows = queries.changes(database, ChangeFilter())
        next(rows)
        assert home.run("snapshot", "--restore", "copy.db").code == 0
        with pytest.raises(FeedLostError, match="a snapshot was restored while the feed was read"):
            list(rows)
    finally:
        database.close()
