"""The doctor, by breaking each thing on purpose: exactly that check changes, says how bad it is, and what fixes it."""

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from filesync.core.errors import StoreError
from filesync.core.timestamps import to_timestamp
from filesync.doctor import database, disks
from filesync.doctor.findings import CHECKS
from filesync.runtime.locks import FileLock
from filesync.scheduling.commands import Systemctl
from filesync.scheduling.systemd import SystemdTimer
from filesync.scheduling.timer import ScheduledCall
from filesync.simulators.clock import SimulatedClock
from filesync.store.sqlite.database import open_for_writing
from tests import ROOT
from tests.adversarial.upgrade.schemas.make import A_STEP_MORE
from tests.support.homes import READER
from tests.support.patients import Check, Patient, Seen, copy_of


@dataclass(frozen=True)
class Break:
    """One thing to break: which check has to see it and how, what else must change, and what is not looked at then.

    `given_away`: the home is first given to a user who is not root, who may do everything.
    """

    name: str
    do: Callable[[Patient, pytest.MonkeyPatch], object]
    check: Check
    level: str
    said: str
    also: dict[Check, str]
    hides: frozenset[Check]
    online: bool
    given_away: bool


BREAKS: list[Break] = []
OF_CONFIG = frozenset(
    {("configuration", "remarks"), ("configuration", "logins"), ("syncs", "endpoints"), ("notify", "target")}
)
OF_SCHEMA = frozenset(
    {("database", each) for each in ("search", "totals", "feed", "growth")}
    | {("syncs", each) for each in CHECKS["syncs"]}
    | {("notify", "target"), ("scheduler", "alive"), ("scheduler", "ended")}
)
OF_DATABASE = OF_SCHEMA | {("database", each) for each in ("schema", "journal", "log", "pages", "references")}


def breaks(
    area: str,
    check: str,
    level: str,
    said: str = "",
    *,
    also: dict[Check, str] | None = None,
    hides: frozenset[Check] = frozenset(),
    online: bool = False,
    given_away: bool = False,
) -> Callable[[Callable[[Patient, pytest.MonkeyPatch], object]], None]:
    """Note a way to break something."""

    def note(do: Callable[[Patient, pytest.MonkeyPatch], object]) -> None:
        BREAKS.append(Break(do.__name__, do, (area, check), level, said, also or {}, hides, online, given_away))

    return note


@pytest.fixture(scope="module")
def baselines(well: Patient, tmp_path_factory: pytest.TempPathFactory) -> Mapping[bool, Seen]:
    """Look at a copy of the healthy home as it is: offline, and asking the services."""
    copy = copy_of(well, tmp_path_factory.mktemp("copy"))
    return {False: copy.see(), True: copy.see_all()}


# --- program, configuration -----------------------------------------------------------------


@breaks("program", "sqlite", "FAIL", "SQLite 3.36.0")
def an_old_sqlite(_: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 36, 0))


@breaks("configuration", "variables", "FAIL", "SYNC_INTERVAL_MINUTES: found 'often'")
def a_variable_that_is_no_number(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write_env(SYNC_INTERVAL_MINUTES="often")


@breaks("configuration", "variables", "WARN", "SYNC_INTERVAL_MINUTE; did you mean SYNC_INTERVAL_MINUTES?")
def a_misspelt_variable(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write_env(SYNC_INTERVAL_MINUTE="5")


@breaks(
    "configuration",
    "variables",
    "FAIL",
    "NAME=value is needed",
    also={("logins", "login"): "FAIL"},
)
def a_line_of_env_without_a_value(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.env.write_text(f"{patient.env.read_text()}a line\n")


@breaks("configuration", "file", "FAIL", "2 mistakes; the first: ", hides=OF_CONFIG)
def a_misspelt_key(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.configure(endpointz=[], notifi={})


@breaks(
    "configuration",
    "file",
    "WARN",
    "no endpoint is active",
    hides=frozenset({("logins", "login"), ("scheduler", "alive")}),
)
def no_active_endpoint(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.configure(endpoints=[{**each, "is_active": False} for each in patient.configuration()["endpoints"]])


@breaks("configuration", "remarks", "WARN", "may overlap endpoint")
def two_endpoints_that_overlap(patient: Patient, _: pytest.MonkeyPatch) -> None:
    first, second = patient.configuration()["endpoints"]
    project = first["endpoint_details"]["project_id"]
    folder = patient.acc.project_files(project)
    inner = {**first, "name": "inside", "endpoint_details": {"project_id": project, "folder_id": folder}}
    patient.configure(endpoints=[first, second, inner])


@breaks("configuration", "logins", "FAIL", "subject boss@example.com needs a service account's key")
def a_subject_for_a_persons_login(patient: Patient, _: pytest.MonkeyPatch) -> None:
    file = patient.drive.tokens.make_user_file(patient.path / "credentials" / "user.json", READER, [])
    first, second = patient.configuration()["endpoints"]
    details = {**second["endpoint_details"], "subject": "boss@example.com"}
    told = {**second, "name": "told", "credentials": "file", "endpoint_details": details}
    patient.configure(endpoints=[first, second, told], credentials={"file": {"google_credentials_path": str(file)}})


# --- paths ----------------------------------------------------------------------------------


@breaks("paths", "home", "WARN", "everybody can write it")
def a_home_for_everybody_to_write(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.path.chmod(0o777)


@breaks("paths", "config", "WARN", "everybody can write it")
def a_configuration_for_everybody_to_write(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.config.chmod(0o666)


@breaks("paths", "home", "WARN", "its group 54321 can write it")
def a_home_below_a_folder_for_a_group_to_write(patient: Patient, _: pytest.MonkeyPatch) -> None:
    for_a_group(patient.path.parent)


@breaks("paths", "config", "WARN", "its group 54321 can write it")
def a_configuration_for_a_group_to_write(patient: Patient, _: pytest.MonkeyPatch) -> None:
    for_a_group(patient.config)


def for_a_group(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a group what it is not in")
    os.chown(path, -1, 54321)
    path.chmod(path.stat().st_mode | 0o020)


@breaks("paths", "config", "FAIL", "is not there", also={("configuration", "file"): "FAIL"}, hides=OF_CONFIG)
def no_configuration(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.config.unlink()


@breaks("configuration", "file", "FAIL", "longer than 5 MB", hides=OF_CONFIG | {("logins", "login")})
def a_configuration_beyond_measure(patient: Patient, _: pytest.MonkeyPatch) -> None:
    with patient.config.open("a") as file:
        file.write("# much of it\n" * 500_000)


@breaks("paths", "data", "FAIL", "cannot be written by", given_away=True)
def a_data_folder_that_cannot_be_written(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.path / "data").chmod(0o555)


@breaks("paths", "database", "FAIL", "cannot be written by", given_away=True)
def a_database_that_cannot_be_written(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.database.chmod(0o400)


@breaks(
    "paths",
    "database",
    "FAIL",
    "connector.db: is not a file",
    also={("database", "opens"): "FAIL"},
    hides=OF_DATABASE,
)
def a_folder_in_the_place_of_the_database(patient: Patient, _: pytest.MonkeyPatch) -> None:
    for path in (patient.path / "data").glob("connector.db-*"):
        path.unlink()
    patient.database.unlink()
    patient.database.mkdir()


@breaks("paths", "locks", "WARN", "everybody can write it (mode 0777)")
def locks_for_everybody(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.path / "data" / "connector.db.locks").chmod(0o777)


@breaks("paths", "locks", "FAIL", "is not a folder")
def a_file_in_the_place_of_the_locks(patient: Patient, _: pytest.MonkeyPatch) -> None:
    locks = patient.path / "data" / "connector.db.locks"
    locks.rename(patient.path / "old")
    locks.touch()


@breaks("paths", "locks", "FAIL", "use.lock: cannot be written by", given_away=True)
def a_lock_that_cannot_be_written(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.path / "data" / "connector.db.locks" / "use.lock").chmod(0o400)


@breaks("paths", "locks", "FAIL", "use.lock: cannot be read or written by", given_away=True)
def a_lock_that_root_left_behind(patient: Patient, _: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    lock = patient.path / "data" / "connector.db.locks" / "use.lock"
    os.chown(lock, 0, 0)
    lock.chmod(0o600)


@breaks("paths", "logs", "FAIL", "connector.log: cannot be written by", given_away=True)
def a_log_that_cannot_be_written(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.path / "logs" / "connector.log").chmod(0o400)


@breaks("paths", "logs", "FAIL", "is not a folder")
def a_file_in_the_place_of_a_folder(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.path / "logs").rename(patient.path / "old")
    (patient.path / "logs").touch()


@breaks("paths", "tokens", "FAIL", "cannot be written by", given_away=True)
def a_token_folder_that_cannot_be_written(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.path / "tokens").chmod(0o500)


def mounted(patient: Patient, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Tell the doctor that the home is on such a file system, in the system's own words."""
    mounts = patient.machine / "mountinfo"
    point = str(patient.path).replace(" ", r"\040")
    mounts.write_text(f"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n23 22 0:9 / {point} rw - {kind} far:/away rw\n")
    monkeypatch.setattr(disks, "MOUNTS", mounts)


@breaks("paths", "disk", "FAIL", "is on a network (nfs4)")
def a_home_on_nfs(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(patient, monkeypatch, "nfs4")


@breaks("paths", "disk", "WARN", "is on 9p")
def a_home_on_a_folder_of_another_system(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(patient, monkeypatch, "9p")


@breaks("paths", "space", "WARN", " left")
def a_disk_without_room_for_a_snapshot(_: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "_BESIDE", 1 << 62)


@breaks("paths", "space", "FAIL", "the disk is full")
def a_full_disk(_: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "_LEAST", 1 << 62)


@breaks("paths", "inodes", "WARN", "more files")
def a_disk_that_holds_few_more_files(_: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "_FEW", 1 << 62)


@breaks("paths", "inodes", "FAIL", "more files")
def a_disk_that_holds_no_more_files(_: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "_FEWEST", 1 << 62)


# --- secrets, logins ------------------------------------------------------------------------


@breaks("secrets", "env", "FAIL", "everybody on this machine can read it (mode 0644)")
def an_env_for_everybody_to_read(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.env.chmod(0o644)


@breaks("secrets", "env", "WARN", "its group can read it")
def an_env_for_a_group_to_read(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.env.chmod(0o640)


@breaks("secrets", "keys", "WARN", "only its folder keeps everybody from reading it")
def a_key_that_only_its_folder_hides(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.path / "credentials" / "google-service-account.json").chmod(0o644)


@breaks("secrets", "keys", "FAIL", "everybody on this machine can read it")
def a_key_for_everybody_to_read(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.path / "credentials").chmod(0o755)
    (patient.path / "credentials" / "google-service-account.json").chmod(0o644)


@breaks("secrets", "keys", "FAIL", "secret: everybody on this machine can read it")
def a_file_of_a_variable_for_everybody_to_read(patient: Patient, _: pytest.MonkeyPatch) -> None:
    secret = patient.path / "secret"
    secret.write_text(
        dict(line.split("=", 1) for line in patient.env.read_text().splitlines())["CONNECTOR_AUTODESK_CLIENT_SECRET"]
    )
    secret.chmod(0o604)
    patient.write_env(CONNECTOR_AUTODESK_CLIENT_SECRET="", CONNECTOR_AUTODESK_CLIENT_SECRET_FILE="secret")


@breaks("secrets", "leftovers", "FAIL", "parts of a private key stand in")
def a_key_in_the_log(patient: Patient, _: pytest.MonkeyPatch) -> None:
    line = f"cannot read -----BEGIN PRIVATE KEY-----\n{'bm90IGEga2V5' * 20}\n"
    (patient.path / "logs" / "connector.log").write_text(line)


@breaks("secrets", "tokens", "FAIL", "can be used by others", also={("logins", "login"): "FAIL"})
def a_token_for_a_group_to_read(patient: Patient, _: pytest.MonkeyPatch) -> None:
    next((patient.path / "tokens").glob("autodesk-*.json")).chmod(0o640)


@breaks("secrets", "inventory", "WARN", "connector.db: everybody on this machine can read the inventory (mode 0644)")
def a_database_for_everybody_to_read(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.database.chmod(0o644)


@breaks("secrets", "inventory", "WARN", "its group can read the inventory (mode 0640), and there are 2 more")
def copies_logs_and_exports_for_a_group_to_read(patient: Patient, _: pytest.MonkeyPatch) -> None:
    for name in ("data/connector.db.before-restore", "logs/connector.log.1", "files.csv"):
        (patient.path / name).write_text("a.pdf")
        (patient.path / name).chmod(0o640)


@breaks("secrets", "inventory", "WARN", "everybody on this machine can read the inventory (mode 0644)")
def a_log_for_everybody_where_a_group_may(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write_env(FILESYNC_GROUP_READABLE="yes")
    patient.database.chmod(0o640)
    (patient.path / "logs" / "connector.log").chmod(0o644)


@breaks("logins", "login", "FAIL", "CONNECTOR_AUTODESK_CLIENT_ID")
def no_client_id(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write_env(CONNECTOR_AUTODESK_CLIENT_ID="")


@breaks("logins", "login", "FAIL", "it is not JSON")
def a_key_that_is_no_key(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.path / "credentials" / "google-service-account.json").write_text("{")


# --- database -------------------------------------------------------------------------------


@breaks(
    "database",
    "opens",
    "WARN",
    "no sync has run in this home yet",
    also={("scheduler", "alive"): "WARN"},
    hides=OF_DATABASE - {("notify", "target"), ("scheduler", "alive")},
)
def no_database(patient: Patient, _: pytest.MonkeyPatch) -> None:
    for path in (patient.path / "data").glob("connector.db*"):
        if path.is_file():
            path.unlink()


@breaks("database", "opens", "FAIL", "is not a SQLite database", hides=OF_DATABASE)
def something_else_than_a_database(patient: Patient, _: pytest.MonkeyPatch) -> None:
    for path in (patient.path / "data").glob("connector.db-*"):
        path.unlink()
    patient.database.write_bytes(b"not a database at all" * 1000)


@breaks("database", "schema", "WARN", "older than this filesync", hides=OF_SCHEMA)
def an_older_schema(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("DELETE FROM _sqlite_migrations")


@breaks("database", "schema", "FAIL", "newer than this filesync", hides=OF_SCHEMA)
def a_newer_schema(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write(A_STEP_MORE)


@breaks("database", "journal", "WARN", "delete instead of wal")
def another_journal(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("PRAGMA journal_mode = delete")


@breaks("database", "log", "WARN", "reads the database in one transaction that does not end")
def a_reader_that_never_ends(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(database, "_LONG_LOG", 50_000)
    reading = f"""
import sqlite3
reader, writer = (sqlite3.connect({str(patient.database)!r}, isolation_level=None) for _ in range(2))
reader.execute("BEGIN")
reader.execute("SELECT count(*) FROM files").fetchall()
for _ in range(30):
    writer.execute("UPDATE sync_logs SET files_seen = files_seen + 1")
print("there", flush=True)
input()
"""
    with held_open(reading):
        yield


@breaks("database", "log", "WARN", "and nobody reads an older state")
def a_log_that_nobody_writes_into_the_file(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody has it open, as everybody may, and reads nothing."""
    monkeypatch.setattr(database, "_LONG_LOG", 50_000)
    with held_open(GROWN.format(path=str(patient.database), more="")):
        yield


GROWN = """
import sqlite3
writer = sqlite3.connect({path!r}, isolation_level=None)
writer.execute("PRAGMA wal_autocheckpoint = 0")
for _ in range(30):
    writer.execute("UPDATE sync_logs SET files_seen = files_seen + 1")
{more}
print("there", flush=True)
input()
"""


def test_a_long_log_of_which_everything_is_in_the_file_is_no_fault(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LONG_LOG", 50_000)
    copied = 'writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()'
    with held_open(GROWN.format(path=str(patient.database), more=copied)):
        assert patient.database.with_name("connector.db-wal").stat().st_size > 50_000
        (found,) = patient.see().of("database", "log")
    assert (found["level"], found["detail"].startswith("0 B are not yet in the file; the other")) == ("OK", True), found


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="nothing else tells who holds a lock")
def test_who_reads_without_end_and_who_locks_is_named(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LONG_LOG", 50_000)
    reading = f"""
reader = sqlite3.connect({str(patient.database)!r}, isolation_level=None)
reader.execute("BEGIN")
reader.execute("SELECT 1 FROM files").fetchall()
writer.execute("UPDATE sync_logs SET files_seen = files_seen + 1")
writer.execute("BEGIN IMMEDIATE")
"""
    with held_open(GROWN.format(path=str(patient.database), more=reading)) as holder:
        (found,) = patient.see().of("database", "log")
        monkeypatch.setattr("filesync.store.sqlite.database.BUSY_SECONDS", 1)
        with pytest.raises(StoreError) as raised:
            write_nothing(patient.database)
    assert f"pid {holder.pid})" in found["detail"]
    assert re.search(
        rf"was locked by another program \(\S+, pid {holder.pid}\) for too long; end it", str(raised.value)
    )


@breaks("database", "growth", "WARN", "changes")
def a_past_without_end(_: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_MANY", 0)
    monkeypatch.setattr(database, "_MANY_TIMES", 0)


def write_nothing(path: Path) -> None:
    with closing(open_for_writing(path)) as ours, ours.transaction():
        pass


@breaks("database", "pages", "FAIL", "is damaged")
def a_page_that_was_overwritten(patient: Patient, _: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(patient.database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sql = "SELECT rootpage FROM sqlite_master WHERE name = 'changes_by_time'"
    page, size = connection.execute(sql).fetchone()[0], connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    with patient.database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


@breaks("database", "references", "FAIL", "1 in sync_totals")
def a_row_of_an_endpoint_that_is_gone(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("INSERT INTO sync_totals VALUES (99, 'success', 1, 0.0, 0, 0, 0, 0, 0, 0, 0.0)")


@breaks("database", "search", "FAIL", "does not agree with 2 files")
def a_search_index_that_was_emptied(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("INSERT INTO files_search (files_search) VALUES ('delete-all')")


@breaks("database", "search", "FAIL", "does not agree with 1 file")
def a_file_that_was_renamed_behind_the_search_indexs_back(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("DROP TRIGGER files_search_update")
    patient.write("UPDATE files SET file_name = 'Sketch.pdf' WHERE file_name = 'Plan.pdf'")


@breaks("database", "search", "FAIL", "the search index is damaged")
def a_search_index_that_lost_its_data(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("DELETE FROM files_search_data WHERE id > 10")


@breaks("database", "totals", "FAIL", "P: 41 said, 1 there")
def a_wrong_count(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write(
        "UPDATE sync_state SET live_files = 41 WHERE endpoint_id = (SELECT id FROM endpoints WHERE name = 'P')"
    )


@breaks("database", "feed", "FAIL", "P: 0 by the feed, 1 there")
def a_change_that_is_missing(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("DELETE FROM changes WHERE endpoint_id = (SELECT id FROM endpoints WHERE name = 'P')")


@breaks("database", "feed", "FAIL", "consumer bi has read up to 900, and the feed ends at 2")
def a_reader_of_another_feed(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("INSERT INTO feed_positions VALUES ('bi', 'consumer', 900, '2026-01-01T00:00:00.000Z')")


@breaks("database", "feed", "FAIL", "consumer bi has read up to 3, which a restore took back: it must read all files")
def a_reader_of_what_a_restore_took_back(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("INSERT INTO feeds (feed, shared_seq, next_seq) VALUES ('b5c1d2e3f4a59687', 2, 5)")
    patient.write("INSERT INTO feed_positions VALUES ('bi', 'consumer', 3, '2026-01-01T00:00:00.000Z')")


# --- scheduler ------------------------------------------------------------------------------


def later(patient: Patient, **length: float) -> None:
    patient.clock = SimulatedClock(patient.clock.now() + timedelta(**length), frozen=True)


@breaks(
    "scheduler",
    "installed",
    "FAIL",
    "nothing starts `filesync sync`",
    also={("scheduler", "alive"): "FAIL", ("syncs", "endpoints"): "FAIL"},
    hides=frozenset({("scheduler", "program")}),
)
def no_timer(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.table.write_text("0 4 * * * backup\n")
    later(patient, days=1)


@breaks("scheduler", "installed", "WARN", "so far it was started by hand", hides=frozenset({("scheduler", "program")}))
def starts_by_hand_only(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.table.write_text("")  # one `filesync sync` is no sign of a scheduler that nobody knows
    patient.write("UPDATE sync_logs SET \"trigger\" = 'schedule'")


def have_systemd(patient: Patient, refused: str) -> None:
    """Let systemd start the home, too; `refused` is what systemctl then says no to."""
    systemctl = patient.machine / "bin" / "systemctl"
    systemctl.write_text(f'#!/bin/sh\ncase "$*" in *{refused}*) echo inactive >&2; exit 3 ;; esac\n')
    systemctl.chmod(0o755)
    call = ScheduledCall((f"{patient.machine}/bin/filesync",), patient.path)
    manager = Systemctl(patient.home.environ, of_user=True)
    SystemdTimer(call, 5, patient.machine / ".config" / "systemd" / "user", manager).install()


@breaks("scheduler", "installed", "WARN", ".timer both start this home")
def two_timers(patient: Patient, _: pytest.MonkeyPatch) -> None:
    have_systemd(patient, "nothing")


@breaks("scheduler", "installed", "FAIL", ".timer: its timer is not active")
def a_timer_that_is_not_active(patient: Patient, _: pytest.MonkeyPatch) -> None:
    have_systemd(patient, "is-active")
    patient.table.write_text("")


@breaks("scheduler", "program", "FAIL", "filesync is not there, or is not a program")
def a_program_that_is_gone(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.machine / "bin" / "filesync").unlink()


@breaks("scheduler", "program", "FAIL", "does not start from another folder (No module named filesync)")
def a_program_that_does_not_start(patient: Patient, _: pytest.MonkeyPatch) -> None:
    (patient.machine / "bin" / "filesync").write_text("#!/bin/sh\necho 'No module named filesync' >&2\nexit 1\n")


@breaks("scheduler", "program", "FAIL", "is for another home, /srv/other")
def a_line_for_another_home(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.table.write_text(patient.table.read_text().replace(f"--home {patient.path} ", "--home /srv/other "))


@breaks("scheduler", "program", "FAIL", "does not call `sync`")
def a_line_that_does_something_else(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.table.write_text(patient.table.read_text().replace(" sync #", " status #"))


@breaks("scheduler", "program", "FAIL", "does not start filesync for a home")
def a_line_without_a_home(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.table.write_text(f"*/5 * * * * true # filesync: {patient.path}\n")


@breaks("scheduler", "variables", "WARN", "only this shell knows MAX_CONCURRENT_SYNCS")
def a_variable_that_only_the_shell_knows(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.environ["MAX_CONCURRENT_SYNCS"] = "3"


@breaks("scheduler", "alive", "FAIL", "the last start was 16 min ago, and one is due every 5 min")
def a_cron_that_does_not_run(patient: Patient, _: pytest.MonkeyPatch) -> None:
    hourly = {"schedule": {"type": "interval", "interval_minutes": 60}}
    patient.configure(endpoints=[each | hourly for each in patient.configuration()["endpoints"]])
    later(patient, minutes=16)


@breaks("scheduler", "alive", "WARN", "the clock was set back, or is wrong now")
def a_clock_that_was_set_back(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("UPDATE scheduler SET last_start_at = '2099-01-01T00:00:00.000Z'")


@breaks("scheduler", "ended", "WARN", "exit code 77: a login is needed")
def a_start_that_failed(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("UPDATE scheduler SET last_exit_code = 77")


@breaks("scheduler", "ended", "WARN", "its process died before it ended")
def a_start_that_died(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write("UPDATE scheduler SET last_exit_code = NULL")


# --- syncs, notify --------------------------------------------------------------------------


def end_as(patient: Patient, status: str, error_type: str) -> None:
    sql = "UPDATE sync_state SET last_status = ?, last_error_type = ?, last_error_message = 'so it was'"
    patient.write(f"{sql} WHERE endpoint_id = (SELECT id FROM endpoints WHERE name = 'P')", status, error_type)


@breaks("syncs", "endpoints", "FAIL", "P: so it was")
def a_failed_endpoint(patient: Patient, _: pytest.MonkeyPatch) -> None:
    end_as(patient, "failed", "refused")


@breaks("syncs", "endpoints", "WARN", "P: so it was")
def an_endpoint_whose_service_was_down(patient: Patient, _: pytest.MonkeyPatch) -> None:
    end_as(patient, "failed", "service_down")


@breaks("syncs", "endpoints", "FAIL", "P: so it was")
def a_blocked_endpoint(patient: Patient, _: pytest.MonkeyPatch) -> None:
    end_as(patient, "failed", "mass_delete")


@breaks("syncs", "endpoints", "FAIL", "P: so it was")
def an_endpoint_without_login(patient: Patient, _: pytest.MonkeyPatch) -> None:
    end_as(patient, "failed", "login")


@breaks("syncs", "endpoints", "WARN", "P: so it was")
def a_partial_endpoint(patient: Patient, _: pytest.MonkeyPatch) -> None:
    end_as(patient, "partial", "unreadable")


@breaks("syncs", "endpoints", "FAIL", "no sync succeeded in three slots in a row")
def a_stale_endpoint(patient: Patient, _: pytest.MonkeyPatch) -> None:
    later(patient, minutes=25)
    patient.write("UPDATE scheduler SET last_start_at = ?", to_timestamp(patient.clock.now()))


def begin(patient: Patient, *, silent: float) -> None:
    """Write the row of a sync of P that began, and gave its last sign of life so many seconds ago."""
    then = to_timestamp(patient.clock.now() - timedelta(seconds=silent))
    patient.write(
        """INSERT INTO sync_logs (endpoint_id, status, mode, "trigger", started_at, heartbeat_at, host, pid)
           SELECT id, 'running', 'full', 'schedule', ?, ?, 'host', 4711 FROM endpoints WHERE name = 'P'""",
        then,
        then,
    )


@breaks("syncs", "dead", "WARN", "1 row of sync_logs say `running`, and the process died: P since")
def a_row_of_a_dead_process(patient: Patient, _: pytest.MonkeyPatch) -> None:
    begin(patient, silent=60)


@breaks("syncs", "locks", "FAIL", "P: process 4711 on host has its lock, and no sign of life for 20 min")
def a_sync_that_hangs(patient: Patient, _: pytest.MonkeyPatch) -> Iterator[None]:
    begin(patient, silent=1200)
    with FileLock(lock_of(patient)):
        yield


@breaks("syncs", "locks", "FAIL", ", which is stopped")
def a_process_that_is_stopped(patient: Patient, _: pytest.MonkeyPatch) -> Iterator[None]:
    if not Path("/proc/locks").exists():
        pytest.skip("this system does not tell who holds a lock")
    holding = f"""
from pathlib import Path
from filesync.core.errors import StoreError
from filesync.runtime.locks import FileLock
with FileLock(Path({str(lock_of(patient))!r})):
    print("there", flush=True)
    input()
"""
    with held_open(holding) as process:
        process.send_signal(signal.SIGSTOP)
        yield
        process.send_signal(signal.SIGCONT)


@breaks("syncs", "removals", "WARN", "P: 2 files or folders wait to be removed")
def removals_that_wait(patient: Patient, _: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        patient.write(
            """INSERT INTO candidates (endpoint_id, external_id, is_folder, cause, vanished, found_at)
               SELECT id, ?, 0, 'file', 1, ? FROM endpoints WHERE name = 'P'""",
            name,
            to_timestamp(patient.clock.now()),
        )


@breaks("syncs", "filters", "WARN", "P: its filters leave out ")
def filters_that_let_nothing_through(patient: Patient, _: pytest.MonkeyPatch) -> None:
    first, *others = patient.configuration()["endpoints"]
    details = {**first["endpoint_details"], "file_types": ["docxx"]}
    patient.configure(endpoints=[{**first, "endpoint_details": details}, *others])
    assert patient.home.run("sync", "--endpoint", "P").code == 0


@breaks("syncs", "odd", "WARN", "P: 1 entry has something odd: a (size: -1)")
def an_odd_entry(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write(
        """INSERT INTO odd_entries (endpoint_id, external_id, odd, said_in, seen_in)
           SELECT id, 'a', 'size: -1', 1, 1 FROM endpoints WHERE name = 'P'"""
    )


@breaks("notify", "target", "WARN", "ops: 3 deliveries failed in a row, 1 message waiting: HTTP 500")
def a_receiver_that_fails(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write(
        "INSERT OR REPLACE INTO notify_targets (target, failures_in_a_row, last_error) VALUES ('ops', 3, 'HTTP 500')"
    )
    patient.write(
        "INSERT INTO notifications (target, event, payload, created_at) VALUES ('ops', 'failure', '{}', '2026')"
    )


# --- network, services ----------------------------------------------------------------------


@breaks("network", "proxy", "FAIL", "HTTPS_PROXY: is not the address of a proxy")
def a_proxy_that_is_no_address(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.environ["HTTPS_PROXY"] = "http://proxy.example.com:port"


@breaks("network", "proxy", "FAIL", "HTTPS_PROXY: is not the address of a proxy")
def a_proxy_of_an_unknown_kind(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.environ["https_proxy"] = "gopher://proxy.example.com:70"


@breaks("network", "proxy", "FAIL", "HTTP_PROXY: http://127.0.0.1:1 cannot be reached", online=True)
def a_proxy_that_is_not_there(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.environ["HTTP_PROXY"] = "http://me:not-a-real-word@127.0.0.1:1"


@breaks("network", "proxy", "WARN", ".env sets HTTPS_PROXY, which reaches no request from there")
def a_proxy_in_env(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write_env(HTTPS_PROXY="http://proxy.example.com:3128")


@breaks("network", "proxy", "WARN", "NO_PROXY: 'https://files.example.com' is the name of no host")
def an_exception_from_the_proxy_that_never_holds(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.environ["NO_PROXY"] = "localhost, https://files.example.com"


@breaks("network", "authorities", "FAIL", "No such file or directory")
def authorities_that_are_not_there(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.environ["REQUESTS_CA_BUNDLE"] = str(patient.path / "ca.pem")


@breaks("network", "authorities", "FAIL", "holds no certificate that can be read")
def authorities_that_are_no_certificates(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.environ["CURL_CA_BUNDLE"] = str(patient.config)


@breaks("network", "authorities", "WARN", "is not what filesync's requests look at")
def authorities_in_a_variable_that_counts_for_others(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.environ["SSL_CERT_FILE"] = "/etc/ssl/cert.pem"


@breaks("services", "reach", "WARN", "P: listing: ", online=True)
def a_folder_that_the_login_may_not_read(patient: Patient, _: pytest.MonkeyPatch) -> Iterator[None]:
    project = patient.configuration()["endpoints"][0]["endpoint_details"]["project_id"]
    folder = patient.acc.add_folder(patient.acc.project_files(project), "HR")
    patient.acc.revoke_access(folder)
    yield
    patient.acc.hide_folder(folder)


@breaks("services", "reach", "FAIL", "P: reach: ", online=True)
def a_project_that_is_not_there(patient: Patient, _: pytest.MonkeyPatch) -> None:
    first, second = patient.configuration()["endpoints"]
    gone = {"project_id": "b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb"}
    patient.configure(endpoints=[{**first, "endpoint_details": gone}, second])


@breaks("services", "reach", "FAIL", "CONNECTOR_AUTODESK_CLIENT_SECRET", online=True)
def a_secret_that_the_service_refuses(patient: Patient, _: pytest.MonkeyPatch) -> None:
    patient.write_env(CONNECTOR_AUTODESK_CLIENT_SECRET="not-the-one")


@breaks("services", "clock", "WARN", "this machine's clock is 60 s ahead of Autodesk's", online=True)
def a_clock_that_is_a_little_ahead(patient: Patient, _: pytest.MonkeyPatch) -> None:
    later(patient, seconds=60)


@breaks("services", "clock", "FAIL", "this machine's clock is 600 s ahead of Autodesk's", online=True)
def a_clock_that_is_far_ahead(patient: Patient, _: pytest.MonkeyPatch) -> None:
    later(patient, minutes=10)


# --- the tests ------------------------------------------------------------------------------


@pytest.mark.parametrize("each", BREAKS, ids=lambda each: each.name)
def test_what_is_broken_is_seen_and_nothing_else(
    patient: Patient, baselines: Mapping[bool, Seen], each: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = baselines[each.online]
    if each.given_away:
        patient.give_away()
        before = patient.see()
    done = each.do(patient, monkeypatch)
    steps = done if isinstance(done, Iterator) else None
    if steps:
        next(steps)
    after = patient.see_all() if each.online else patient.see()
    if steps:
        list(steps)
    changed = {check: level for check, level in after.levels.items() if before.levels[check] != level}
    assert changed == {each.check: each.level, **each.also}
    assert before.levels.keys() - after.levels.keys() == each.hides
    found = [one for one in after.of(*each.check) if one["level"] == each.level]
    assert any(each.said in one["detail"] for one in found), found
    assert all(one["fix"] for one in found)
    assert after.ended.code == int("FAIL" in after.levels.values())
    fixes = [one["fix"] for one in found]
    if all(is_command(fix) for fix in fixes):
        for fix in fixes:
            carry_out(fix, patient)
        assert patient.see(*(["-v"] if each.online else ())).levels[each.check] == "OK"


def is_command(fix: str) -> bool:
    """Tell whether what fixes something can be carried out as it stands."""
    return fix.startswith(("chmod ", "chown ", "sqlite3 ", "filesync consumers "))


def carry_out(fix: str, patient: Patient) -> None:
    """Do what the doctor says."""
    if fix.startswith("sqlite3 "):
        _, path, sql = shlex.split(fix)
        assert Path(path) == patient.database
        patient.write(sql)
    elif fix.startswith("filesync "):
        assert patient.home.run(*shlex.split(fix)[1:]).code == 0
    else:
        subprocess.run(["/bin/sh", "-ec", fix], check=True)


@pytest.mark.parametrize(("area", "check"), [(area, check) for area, checks in CHECKS.items() for check in checks])
def test_every_check_can_be_broken(area: str, check: str) -> None:
    assert any(each.check == (area, check) for each in BREAKS), f"nothing breaks {area} {check}: can it fail at all?"


def held_open(script: str) -> "Holder":
    return Holder(script)


class Holder:
    """A process of its own that has something open until the end of a block."""

    def __init__(self, script: str) -> None:
        self._script = script

    def __enter__(self) -> "subprocess.Popen[str]":
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._script],
            env={"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "there\n"
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.communicate("\n", timeout=30)


def lock_of(patient: Patient) -> Path:
    number = patient.home.query("SELECT id FROM endpoints WHERE name = 'P'")[0]["id"]
    return patient.path / "data" / "connector.db.locks" / f"endpoint-{number}.lock"
