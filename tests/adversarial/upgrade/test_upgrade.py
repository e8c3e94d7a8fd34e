"""Databases that older programs left are migrated and synced on; stopped anywhere, a migration is done again."""

import json
import os
import re
import shutil
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from filesync.core.errors import StoppedError, StoreError
from filesync.runtime.locks import FileLock, SharedLock
from filesync.store.sqlite import database as door
from filesync.store.sqlite import migrations
from filesync.store.sqlite.database import open_for_writing
from filesync.store.sqlite.lock_paths import migration_lock, use_lock
from filesync.store.sqlite.migrations import CURRENT, Upgrade
from tests.adversarial.upgrade.schemas.make import A_STEP_MORE, load
from tests.adversarial.upgrade.schemas.scene import Scene, truth_of
from tests.commands.test_sync_processes import catches, opened, wait_until
from tests.support.homes import Home

KEPT = Path(__file__).parent / "schemas"
HOW = f"run: python -m tests.adversarial.upgrade.schemas.make tests/adversarial/upgrade/schemas/{CURRENT:04}.sql, and commit it with the step"
NEXT = CURRENT + 1
REWRITING = """-- Schema version N: what a later step may do.
-- rewrites: folders

ALTER TABLE folders RENAME TO folders_before;
CREATE TABLE folders (
    id INTEGER PRIMARY KEY, endpoint_id INTEGER NOT NULL REFERENCES endpoints (id), folder_path TEXT, folder_name TEXT
) STRICT;
INSERT INTO folders SELECT id, endpoint_id, upper(folder_path), folder_name FROM folders_before;
DROP TABLE folders_before;
"""


def dump_of(version: int) -> str:
    return (KEPT / f"{version:04}.sql").read_text(encoding="utf-8")


def schema_of(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    """Tell everything that is made, apart from white space."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(*row[:3], " ".join(row[3].split())) for row in rows}


def contents_of(connection: sqlite3.Connection) -> dict[str, list[dict[str, Any]]]:
    """Read every row of every table of ours."""
    names = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'").fetchall()
    connection.row_factory = sqlite3.Row
    ours = [name for (name,) in names if name not in {"_sqlite_migrations", "sqlite_schema"}]
    contents = {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in ours}
    for row in contents.get("feeds", ()):
        row["feed"] = len(row["feed"])  # a name that each migration draws anew
    return contents


def state_of(path: Path) -> tuple[set[tuple[str, ...]], dict[str, list[dict[str, Any]]]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not connection.execute("PRAGMA foreign_key_check").fetchall()
        return schema_of(connection), contents_of(connection)


def fresh(path: Path) -> set[tuple[str, ...]]:
    open_for_writing(path).close()
    return state_of(path)[0]


@pytest.fixture
def one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The program of a later day, which has one more step: it rewrites a table."""
    step = tmp_path / "0000_rewrites.sql"
    step.write_text(REWRITING, encoding="utf-8")
    monkeypatch.setattr(migrations, "_STEPS", (*migrations._STEPS, str(step)))
    monkeypatch.setattr(migrations, "CURRENT", NEXT)
    return str(step)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "connector.db"
    load(dump_of(CURRENT), path)
    return path


def beside(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()} - {
        f"{path.name}{end}" for end in ("", "-wal", "-shm", ".locks")
    }


# --- every schema that there was ------------------------------------------------------------


def test_a_database_of_every_schema_version_is_kept() -> None:
    assert [each.name for each in sorted(KEPT.glob("*.sql"))] == [
        f"{number:04}.sql" for number in range(1, CURRENT + 1)
    ], HOW


def test_a_kept_database_has_rows_in_every_table_also_odd_ones(old: Path) -> None:
    _, rows = state_of(old)
    assert [name for name in rows if not rows[name]] == ["owed"], HOW  # which has rows between two steps only
    names = {row["file_name"] for row in rows["files"]}
    assert {"two\nlines.pdf", "Grundriß №3.pdf", "half \ufffd.pdf", "1/2 'q'.pdf"} <= names
    assert {row["status"] for row in rows["sync_logs"]} >= {"running", "success", "partial", "failed"}
    assert {row["deleted_reason"] for row in rows["files"]} >= {None, "trashed", "removed"}


def test_a_step_is_never_edited_once_it_is_out(old: Path, tmp_path: Path) -> None:
    assert state_of(old)[0] == fresh(tmp_path / "fresh.db")


def test_an_old_database_gets_the_schema_of_a_new_one_and_keeps_its_rows(
    old: Path, one_more: str, tmp_path: Path
) -> None:
    Path(one_more).write_text("ALTER TABLE endpoints ADD COLUMN colour TEXT;\n", encoding="utf-8")
    _, before = state_of(old)
    told: list[Upgrade] = []
    open_for_writing(old, on_upgrade=told.append).close()
    schema, after = state_of(old)
    assert schema == fresh(tmp_path / "fresh.db")
    assert after == before | {"endpoints": [{**row, "colour": None} for row in before["endpoints"]]}
    assert told == [Upgrade(old, CURRENT, NEXT, None)]
    assert beside(old) == set()  # it rewrites no table


def test_an_old_database_answers_by_its_views_and_its_search(old: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    _, rows = state_of(old)
    home.assert_sound()
    live = [row for row in rows["files"] if row["deleted_at"] is None]
    assert len(home.query("SELECT * FROM endpoint_status")) == len(rows["endpoints"])
    assert len(home.query("SELECT * FROM file_history")) == len(rows["changes"])
    assert 0 < len(home.query("SELECT * FROM current_files")) < len(live)  # "Left" has left
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("INSERT INTO files_search (files_search, rank) VALUES ('integrity-check', 1)")


def test_an_old_database_is_synced_on_by_a_real_start(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.live(lambda *_, **__: None)
        scene.configure(left=False)
        scene.tick()
        load(dump_of(CURRENT), scene.home.database)
        seq, seen = scene.home.last_seq(), scene.home.changes()
        scene.acc.add_version(scene.files[4], 99)
        scene.drive.state.rename(scene.pieces[2], "piece of old.ifc")
        ended = scene.home.run("sync", "--all")
        assert ended.code == 1, ended.err  # the mass deletion still waits for a person
        assert {
            row["last_error_type"] for row in scene.home.query("SELECT * FROM sync_state WHERE last_status = 'failed'")
        } == {"mass_delete"}
        assert len(scene.home.query("SELECT * FROM sync_logs WHERE error_type = 'died'")) == 2
        scene.acc.grant_access(scene.closed)
        assert scene.home.run("sync", "--full").code == 1
        assert scene.home.run("sync", "--endpoint", "Mass", "--accept-deletions").code == 0
        for name, truth in truth_of(scene).items():
            files = scene.home.files(name)
            assert {id_: (row["file_path"], row["file_size"]) for id_, row in files.items()} == truth, name
        scene.home.assert_sound()
        news = scene.home.changes(seq)
        assert scene.home.changes()[: len(seen)] == seen  # nothing that was told is told otherwise, or again
        created = {row["external_file_id"] for row in news if row["kind"] == "created"}
        assert not created & {row["external_file_id"] for row in seen}, "what was there is created again"
        for command in ("status", "files", "changes", "logs"):
            assert scene.home.run(command, "--json").code == 0


# --- stopped, and side by side --------------------------------------------------------------


def forked(work: Callable[[], object]) -> int:
    """Do that in a process of its own, and give its number."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def migrate_until(path: Path, last: int) -> None:
    """Migrate, and die by kill -9 before that statement, counted over all connections."""
    count = iter(range(1, last + 1))
    connect = door._connect

    def traced(*arguments: Any) -> sqlite3.Connection:
        connection = connect(*arguments)
        connection.set_trace_callback(lambda _: None if next(count, 0) else os.kill(os.getpid(), signal.SIGKILL))
        return connection

    door._connect = traced  # type: ignore[assignment]
    open_for_writing(path).close()


def stops() -> Iterator[int]:
    """Every statement up to the first step's first, then some, then again every one: hundreds are alike."""
    yield from range(1, 12)
    yield from range(12, 100_000, 23)


def test_killed_at_any_statement_a_migration_is_done_by_the_next_start(tmp_path: Path, one_more: str) -> None:
    import sqlite_utils  # noqa: F401, PLC0415  so that no child need import it

    first = tmp_path / "first.db"
    load(dump_of(CURRENT), first)
    before = state_of(first)
    whole = tmp_path / "whole.db"
    shutil.copy(first, whole)
    open_for_writing(whole).close()
    expected = state_of(whole)
    died = 0
    for last in stops():
        folder = tmp_path / str(last)
        folder.mkdir()
        path = folder / "connector.db"
        shutil.copy(first, path)
        code = ended(forked(lambda path=path, last=last: migrate_until(path, last)))  # type: ignore[misc]
        if code == 0:
            break
        assert code == -signal.SIGKILL
        died += 1
        assert state_of(path) in (before, expected)  # never between
        open_for_writing(path).close()
        assert state_of(path) == expected
        assert beside(path) == {f"connector.db.before-schema-{NEXT}"}
        assert state_of(folder / f"connector.db.before-schema-{NEXT}") == before
        shutil.rmtree(folder)
    assert died > 10


def test_of_processes_that_migrate_at_once_one_does_and_the_others_wait(old: Path, one_more: str) -> None:
    heard, begin = old.parent / "heard", old.parent / "begin"

    def migrate() -> None:
        wait_until(begin.exists)
        open_for_writing(old, on_upgrade=lambda _: print("once", file=heard.open("a"))).close()

    pids = [forked(migrate) for _ in range(4)]
    begin.touch()
    assert [ended(pid) for pid in pids] == [0] * 4
    assert heard.read_text() == "once\n"
    assert beside(old) == {"heard", "begin", f"connector.db.before-schema-{NEXT}"}


def test_tables_are_rewritten_only_when_nobody_else_writes(
    old: Path, one_more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "PATIENCE", 0.2)
    before = state_of(old)
    writer = SharedLock(use_lock(old))
    writer.acquire()
    with pytest.raises(StoreError, match="must be rewritten for this filesync, and somebody still writes to it"):
        open_for_writing(old)
    assert state_of(old) == before
    writer.release()
    open_for_writing(old).close()
    assert state_of(old) != before


def test_who_reads_during_a_migration_is_told_to_come_again(old: Path, one_more: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure()
    found = []

    def look(_: Upgrade) -> None:
        found.append(home.run("status"))

    open_for_writing(old, on_upgrade=look).close()
    (ended,) = found
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("is just being migrated to this filesync's schema; try again in a moment\n")
    assert home.run("status").code == 0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no other way to see what a process has open")
def test_a_signal_ends_the_wait_for_a_migration_elsewhere(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.configure(left=False)
        with FileLock(migration_lock(scene.home.database)):
            process = scene.home.spawn("sync")
            wait_until(lambda: catches(process, signal.SIGTERM) and opened(process, scene.home.database))
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)  # it is locked until the end of this block
        assert process.returncode == 143


def test_a_signal_ends_a_migration_that_takes_long_and_changes_nothing(old: Path, one_more: str) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO seen SELECT 1, i FROM n;\n"
    Path(one_more).write_text(f"-- rewrites: seen\n\n{endless}", encoding="utf-8")
    before, told = state_of(old), list[Upgrade]()
    asked = iter(range(20))
    with pytest.raises(StoppedError, match="nothing was changed"):
        open_for_writing(old, lambda: bool(told) and next(asked, None) is None, told.append)
    assert state_of(old) == before


# --- what is kept of the database before ----------------------------------------------------


def test_before_tables_are_rewritten_the_database_is_kept_and_named_once(one_more: str, tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.configure(left=False)
        load(dump_of(CURRENT), scene.home.database)
        scene.home.environ["FILESYNC_GROUP_READABLE"] = "yes"
        before = state_of(scene.home.database)
        ended = scene.home.run("prune")
        assert "older than this filesync; run: filesync sync" in ended.err
        kept = scene.home.database.with_name(f"connector.db.before-schema-{NEXT}")
        scene.home.environ["CONNECTOR_LOG_LEVEL"] = "INFO"
        with pytest.raises(sqlite3.OperationalError):  # the present program knows no such table
            scene.home.run("sync", "--endpoint", "Long")
        assert state_of(kept) == before
        assert stat.S_IMODE(kept.stat().st_mode) == 0o640
        lines = (tmp_path / "logs" / "connector.log").read_text(encoding="utf-8").splitlines()
        (told,) = [row for row in map(json.loads, lines) if row["event"] == "schema_upgraded"]
        assert (told["before"], told["after"], told["kept"]) == (CURRENT, NEXT, str(kept))


def test_an_earlier_copy_is_never_replaced(old: Path, one_more: str) -> None:
    place = old.with_name(f"{old.name}.before-schema-{NEXT}")
    place.write_text("of an upgrade that was taken back", encoding="utf-8")
    told: list[Upgrade] = []
    before = state_of(old)
    open_for_writing(old, on_upgrade=told.append).close()
    assert place.read_text(encoding="utf-8") == "of an upgrade that was taken back"
    assert told[0].kept == place.with_name(f"{place.name}.2")
    assert state_of(told[0].kept) == before


def test_a_copy_of_another_state_of_the_database_is_not_enough(old: Path, one_more: str) -> None:
    place = old.with_name(f"{old.name}.before-schema-{NEXT}")
    shutil.copy(old, place)
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("UPDATE scheduler SET last_start_at = '2026-02-01T00:00:00.000Z'")
        connection.commit()
    told: list[Upgrade] = []
    open_for_writing(old, on_upgrade=told.append).close()
    assert told[0].kept == place.with_name(f"{place.name}.2")


def test_without_room_for_the_copy_nothing_is_changed(
    old: Path, one_more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, usage = state_of(old), shutil.disk_usage(old)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=old.stat().st_size * 2))
    with pytest.raises(StoreError, match=r"must be rewritten .* free some space; nothing was changed"):
        open_for_writing(old)
    assert state_of(old) == before
    assert beside(old) == set()


def test_rows_that_a_step_would_leave_without_what_they_refer_to_stop_it(old: Path, one_more: str) -> None:
    Path(one_more).write_text("-- rewrites: endpoints\n\nDELETE FROM endpoints;\n", encoding="utf-8")
    before = state_of(old)
    with pytest.raises(StoreError, match="rows refer to others that are not there"):
        open_for_writing(old)
    assert state_of(old) == before


def test_steps_that_rewrite_tables_say_so() -> None:
    rewriting = re.compile(r"(DROP TABLE|DELETE|UPDATE|REPLACE|ALTER TABLE \S+ (RENAME|DROP|ALTER))\b", re.IGNORECASE)
    for name in migrations._STEPS:
        script = migrations._read(name)
        bare = [re.sub(r"(?m)^--.*\n|^\s+", "", each) for each in migrations._statements(script)]
        assert any(map(rewriting.match, bare)) == migrations.is_rewriting(script), name
    bare = [re.sub(r"(?m)^--.*\n|^\s+", "", each) for each in migrations._statements(REWRITING)]
    assert [bool(rewriting.match(each)) for each in bare] == [True, False, False, True]
    assert migrations.is_rewriting(REWRITING)
    assert not migrations.is_rewriting(REWRITING.replace("-- rewrites", "-- writes"))


# --- the way back ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "sync",
        "sync --all",
        "sync --dry-run",
        "status",
        "files",
        "files --pending-removal",
        "changes",
        "changes --consumer bi --commit",
        "logs",
        "snapshot copy.db",
        "prune",
        "consumers",
        "consumers set bi 1",
        "consumers forget bi",
        "notify status",
    ],
)
def test_a_newer_database_is_refused_in_one_line_by_every_command_that_opens_it(tmp_path: Path, command: str) -> None:
    home = Home(tmp_path)
    home.configure({"name": "D", "endpoint_details": {"drive_id": "0A"}})
    load(f"{dump_of(CURRENT)}{A_STEP_MORE};", home.database)
    before = home.database.read_bytes()
    ended = home.run(*command.split())
    assert (ended.code, ended.out) == (1, "")
    assert (
        ended.err
        == f"filesync: {home.database}: has schema version {NEXT}, newer than this filesync; upgrade filesync\n"
    )
    assert home.database.read_bytes() == before
