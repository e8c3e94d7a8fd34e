"""The database file: opened by many, migrated once, and its troubles said in one line."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock, Thread

import pytest

from filesync.core.errors import StoreError
from filesync.core.timestamps import Timestamp
from filesync.store.sqlite import database as store_database
from filesync.store.sqlite.database import copy_to, open_for_reading, open_for_writing
from filesync.store.sqlite.migrations import CURRENT
from filesync.store.write import endpoints
from filesync.store.write.endpoints import Declared, bring_in_line
from tests import ROOT
from tests.support.homes import Drive


def test_ten_processes_that_start_at_once_migrate_a_new_database_once(tmp_path: Path) -> None:
    path = tmp_path / "data" / "new.db"
    code = f"from pathlib import Path; from filesync.store.sqlite.database import open_for_writing as o; o(Path({str(path)!r})).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE) for _ in range(10)]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
    database = open_for_reading(path)
    assert database.connection.execute("SELECT count(*) FROM _sqlite_migrations").fetchone() == (CURRENT,)
    database.close()


def test_reading_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database yet"):
        open_for_reading(tmp_path / "none.db")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_in_one_line_and_loses_nothing(tmp_path: Path) -> None:
    database = open_for_writing(tmp_path / "small.db")
    pages = database.connection.execute("PRAGMA page_count").fetchone()[0]
    database.connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        with database.transaction() as connection:
            connection.execute("CREATE TABLE big (x)")
            connection.executemany("INSERT INTO big VALUES (?)", (("x" * 4000,) for _ in range(1000)))

    with pytest.raises(StoreError, match="disk is full"):
        fill()
    assert database.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_rows_are_written_in_a_transaction_of_ours_or_not_at_all(tmp_path: Path) -> None:
    row = {"reader": "bi", "kind": "consumer", "seq": 1, "updated_at": "2026-01-01T00:00:00.000Z"}
    with closing(open_for_writing(tmp_path / "a.db")) as database:
        readers = database.table("feed_positions")
        with pytest.raises(sqlite3.ProgrammingError, match="in a transaction of the store's"):
            readers.insert(row)

        def write_and_fail() -> None:
            with database.transaction():
                readers.insert(row)
                readers.update("bi", {"seq": 2})
                readers.upsert({**row, "reader": "crm"})
                assert database.connection.in_transaction
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            write_and_fail()
        assert readers.count_where() == 0
        with database.transaction():
            readers.upsert(row)
        assert [each["seq"] for each in readers.rows_where()] == [1]


def test_tables_are_strict_and_every_view_answers(drive: Drive) -> None:
    drive.service.state.add_file(drive.shared, "Grundriß EG.pdf", 1)
    drive.settle()
    drive.home.sync()
    ours = "schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%_sqlite%'"
    rows = drive.home.query(f"SELECT name FROM pragma_table_list WHERE {ours} AND NOT strict")
    assert rows == []
    for view in ("current_files", "file_history", "endpoint_status"):
        assert len(drive.home.query(f"SELECT * FROM {view}")) == 1
    history = drive.home.query("SELECT * FROM file_history")[0]
    assert (history["kind"], history["file_size"], history["valid_to"]) == ("created", 1, None)


def test_names_and_paths_are_searched_without_regard_to_accents(drive: Drive) -> None:
    state = drive.service.state
    folder = state.add_folder(drive.shared, "Pläne")
    file = state.add_file(folder, "A-101_Erdgeschoß.pdf", 1)
    drive.settle()
    drive.home.sync()

    def found(text: str) -> int:
        return len(drive.home.query("SELECT rowid FROM files_search WHERE files_search MATCH ?", text))

    assert (found("plane"), found("101"), found("erdgeschoß"), found("nothing")) == (1, 1, 1, 0)
    state.rename(file, "B-202.pdf")
    drive.home.sync()
    assert (found("101"), found("202")) == (0, 1)


def test_the_search_stays_sound_when_another_program_puts_rows_in(drive: Drive) -> None:
    drive.service.state.add_file(drive.shared, "plan.pdf", 1)
    drive.settle()
    drive.home.sync()
    database = open_for_writing(drive.home.database)
    with database.transaction() as connection:
        columns = "endpoint_id, parent_external_id, file_path, first_seen_at, changed_at"
        connection.executemany(
            f"INSERT INTO files (external_file_id, file_name, {columns}) SELECT ?, ?, {columns} FROM files WHERE id = 1",
            [("a", "stranger.pdf"), ("b", "intruder.pdf")],
        )
    with database.transaction() as connection:
        connection.execute("UPDATE files SET file_name = 'guest.pdf' WHERE external_file_id = 'a'")
        connection.execute("DELETE FROM files WHERE external_file_id = 'b'")
        connection.execute("INSERT INTO files_search (files_search, rank) VALUES ('integrity-check', 1)")
    assert database.connection.execute("SELECT id FROM files_search_docsize").fetchall() == [(1,), (2,)]
    found = database.connection.execute("SELECT rowid FROM files_search WHERE files_search MATCH 'guest'").fetchall()
    assert found == [(2,)]
    database.close()


def test_file_history_tells_each_state_and_until_when_it_held(drive: Drive) -> None:
    state = drive.service.state
    file = state.add_file(drive.shared, "plan.pdf", 1)
    drive.settle()
    drive.home.sync()
    changes: list[Callable[[], object]] = [
        lambda: state.new_revision(file, 2),
        lambda: state.rename(file, "b.pdf"),
        lambda: state.trash(file),
    ]
    for change in changes:
        drive.service.clock.advance(60)
        change()
        drive.home.sync()
    rows = drive.home.query("SELECT * FROM file_history ORDER BY seq")
    assert [row["kind"] for row in rows] == ["created", "modified", "renamed", "deleted"]
    assert [row["file_size"] for row in rows] == [1, 2, 2, 2]
    assert [row["valid_to"] for row in rows] == [*(row["valid_from"] for row in rows[1:]), None]
    assert rows[-1]["deleted_reason"] == "trashed"


def test_a_copy_is_whole_while_somebody_writes(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "b.db"
    database = open_for_writing(path)
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO scheduler (id, last_start_at) VALUES (1, ?)", (datetime(2026, 1, 1, tzinfo=UTC).isoformat(),)
        )
        other = tmp_path / "c.db"
        copy_to(path, other)  # the writer has not committed yet
    copy_to(path, copy)
    database.close()
    counts = []
    for file in (other, copy):
        opened = open_for_reading(file)
        counts.append(opened.connection.execute("SELECT count(*) FROM scheduler").fetchone()[0])
        opened.close()
    assert counts == [0, 1]


def test_two_starts_that_bring_a_new_home_in_line_at_once_agree(tmp_path: Path) -> None:
    now = Timestamp("2026-01-01T00:00:00.000Z")
    declared = [Declared("e", "t", {"id": 1}, None, None, {}, {}, is_active=True)]
    first, second = open_for_writing(tmp_path / "new.db"), open_for_writing(tmp_path / "new.db")
    is_about_to_write = Event()
    second.connection.set_trace_callback(lambda sql: is_about_to_write.set() if "IMMEDIATE" in sql else None)
    found: list[str] = []
    thread = Thread(target=lambda: found.extend(bring_in_line(second, declared, now)))
    with first.transaction():
        thread.start()
        assert is_about_to_write.wait(30)  # it has read the empty table, and waits for its turn
        endpoints._insert(first, declared[0], now)
    thread.join(30)
    assert found == ["e"]
    first.close()
    second.close()


def test_threads_that_write_wait_for_each_other_and_not_for_sqlite(tmp_path: Path) -> None:
    path, turn = tmp_path / "new.db", Lock()
    first, second = open_for_writing(path, turn=turn), open_for_writing(path, turn=turn)
    tries: list[str] = []
    second.connection.set_trace_callback(lambda sql: tries.append(sql) if "IMMEDIATE" in sql else None)
    is_waiting = Event()

    def write() -> None:
        is_waiting.set()
        with second.transaction():
            pass

    thread = Thread(target=write)
    with first.transaction():
        thread.start()
        assert is_waiting.wait(30)
        thread.join(0.2)
        assert tries == []
    thread.join(30)
    assert len(tries) == 1
    first.close()
    second.close()


def test_what_a_long_reader_made_grow_is_given_back_once_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (setting,) = [each for each in store_database._WRITING if each.startswith("journal_size_limit")]
    smaller = [each.replace(setting, "journal_size_limit = 100000") for each in store_database._WRITING]
    monkeypatch.setattr(store_database, "_WRITING", smaller)
    path = tmp_path / "connector.db"
    with closing(open_for_writing(path)) as database:
        connection = database.connection
        connection.execute("PRAGMA wal_autocheckpoint = 10")
        connection.execute("CREATE TABLE t (x)")
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM t").fetchall()
            for _ in range(20):
                connection.execute("INSERT INTO t VALUES (zeroblob(50000))")
        log = path.with_name("connector.db-wal")
        assert log.stat().st_size > 1_000_000
        for _ in range(2):  # the first is written into the file, the second begins the log anew
            connection.execute("INSERT INTO t VALUES (1)")
        assert log.stat().st_size <= 100_000
