"""status: the word that each endpoint gets, what --check says of it, and what fits the terminal."""

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from filesync.core.errors import AuthError, NetworkError, ResponseError
from filesync.core.model import RemoteFolder
from filesync.core.sanitize import harmless
from filesync.store.sqlite.database import open_for_reading
from filesync.sync.endpoint_locks import EndpointLocks
from tests.support.cli_home import CliHome, file

MINUTE = 60
CRON = {"type": "cron", "cron": "0 6 * * 1-5", "timezone": "Europe/Berlin"}


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    home = CliHome(tmp_path)
    home.configure({"name": "A"})
    home.show("A", file("a.txt"), file("b.txt"))
    return home


def status_of(home: CliHome, name: str = "A") -> Mapping[str, Any]:
    result = home.run("status", "--json")
    assert result.code == 0, result.err
    rows: list[Mapping[str, Any]] = result.document["endpoints"]
    return next(row for row in rows if row["name"] == name)


def check(home: CliHome) -> tuple[int, str]:
    result = home.run("status", "--check")
    return result.code, result.err


def test_before_the_first_sync_everything_is_never(home: CliHome) -> None:
    row = status_of(home)
    assert (row["state"], row["due"], row["files"]) == ("never", True, None)
    code, err = check(home)
    assert code == 1
    assert "no sync has run" in err


def test_after_a_good_sync_all_is_ok(home: CliHome) -> None:
    home.sync()
    row = status_of(home)
    assert (row["state"], row["files"], row["files_added"], row["due"]) == ("ok", 2, 2, False)
    assert row["last_success_at"] == "2026-03-04T12:00:30.000Z"
    assert row["next_due_at"] == "2026-03-04T12:05:00.000Z"
    assert check(home) == (0, "")


def test_json_has_every_column_of_the_view(home: CliHome) -> None:
    home.sync()
    database = open_for_reading(home.database)
    try:
        columns = [row[1] for row in database.connection.execute("PRAGMA table_info(endpoint_status)")]
    finally:
        database.close()
    assert set(columns) <= set(status_of(home))
    home.configure({"name": "A"}, {"name": "new"})
    assert set(columns) <= set(status_of(home, "new"))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (NetworkError("connection refused"), "failed"),
        (ResponseError("not JSON"), "failed"),
        (AuthError("the login has expired"), "login"),
    ],
)
def test_a_failure_is_named_and_alarms(home: CliHome, error: Exception, state: str) -> None:
    home.sync()
    home.shown["A"].error = error
    home.sync()
    assert status_of(home)["state"] == state
    assert check(home) == (1, f"filesync: A: {state}: {error}\n")
    assert str(error) in home.run("status").out


def test_a_gap_is_partial_and_no_alarm(home: CliHome) -> None:
    home.show("A", folders=[RemoteFolder("hr", "HR", "root")], unreadable={"hr": "403 forbidden"})
    home.sync()
    assert status_of(home)["state"] == "partial"
    assert check(home)[0] == 0


def test_three_missed_slots_are_stale(home: CliHome) -> None:
    home.sync()
    home.clock.advance(14 * MINUTE)
    assert status_of(home)["state"] == "ok"
    home.clock.advance(1 * MINUTE)
    assert status_of(home)["state"] == "stale"
    code, err = check(home)
    assert (code, "A: stale: no sync succeeded in three slots" in err) == (1, True)


def test_a_long_sync_is_not_late_when_it_ends(home: CliHome) -> None:
    home.sync()
    connection = sqlite3.connect(home.database)
    connection.execute("UPDATE sync_state SET last_finished_at = '2026-03-04T13:00:00.000Z'")
    connection.commit()
    connection.close()
    home.clock.advance(61 * MINUTE)
    assert status_of(home)["state"] == "ok"


def test_an_endpoint_that_was_due_for_an_hour_is_stale(home: CliHome) -> None:
    home.configure({"name": "A", "schedule": CRON})
    home.sync()
    home.clock.advance(18 * 60 * MINUTE)  # 06:00 in Berlin was at 05:00 UTC
    assert status_of(home)["state"] == "stale"


def test_a_weekend_is_no_lateness(home: CliHome) -> None:
    home.configure({"name": "A", "schedule": CRON})
    home.clock.advance(2 * 24 * 60 * MINUTE)  # Friday
    home.sync()
    home.clock.advance(2 * 24 * 60 * MINUTE)  # Sunday
    assert status_of(home)["state"] == "ok"


def test_folders_that_were_not_listed_for_long_are_stale(home: CliHome) -> None:
    home.sync()
    connection = sqlite3.connect(home.database)
    connection.execute("UPDATE sync_state SET complete_as_of = '2026-03-03T23:00:00.000Z'")
    connection.commit()
    connection.close()
    assert "last listed 2026-03-03 23:00" in status_of(home)["late"]


def test_an_endpoint_that_never_ran_in_time_alarms(home: CliHome) -> None:
    home.configure({"name": "A"}, {"name": "B"})
    home.show("B")
    home.sync("A")
    assert check(home)[0] == 0
    home.clock.advance(15 * MINUTE)
    home.sync("A")
    assert status_of(home, "B")["state"] == "never"
    assert check(home)[0] == 1


def test_a_manual_endpoint_is_never_late(home: CliHome) -> None:
    home.configure({"name": "A", "schedule": {"type": "manual"}})
    assert status_of(home)["state"] == "manual"
    home.sync()
    home.clock.advance(1000 * 60 * MINUTE)
    assert status_of(home)["state"] == "manual"
    assert check(home) == (0, "")


def test_an_inactive_endpoint_alarms_nobody(home: CliHome) -> None:
    home.shown["A"].error = NetworkError("connection refused")
    home.sync()
    home.configure({"name": "A", "is_active": False})
    assert status_of(home)["state"] == "inactive"
    assert check(home) == (0, "")


def test_an_endpoint_that_left_the_file_is_inactive(home: CliHome) -> None:
    home.configure({"name": "A"}, {"name": "B"})
    home.show("B")
    home.sync()
    home.configure({"name": "A"})
    assert status_of(home, "B")["state"] == "inactive"


def test_a_renamed_endpoint_keeps_its_row(home: CliHome) -> None:
    home.sync()
    home.configure({"name": "A new"})
    assert status_of(home, "A new")["files"] == 2
    assert len(home.run("status", "--json").document["endpoints"]) == 1


def test_running_is_what_a_living_process_does(home: CliHome) -> None:
    home.sync()
    _leave_running(home)
    died = status_of(home)
    assert (died["state"], died["last_status"], died["error_type"], died["due"]) == ("ok", "interrupted", "died", True)
    assert died["running_since"] is None
    lock = EndpointLocks(home.database, 1).endpoint(1)
    assert lock.acquire()
    try:
        assert status_of(home)["state"] == "running"
        _wait_for(home, "contents: 300/min")
        assert status_of(home)["state"] == "waiting"
        assert "waits for contents: 300/min until 12:01:00 UTC" in home.run("status").out
    finally:
        lock.release()


def test_why_says_one_sentence_for_each(home: CliHome) -> None:
    home.configure({"name": "A"}, {"name": "M", "schedule": {"type": "manual"}})
    out = home.run("status", "--why").out.splitlines()
    assert "it never ran" in out[1]
    assert "only when it is named" in out[2]


def test_only_named_endpoints_are_shown(home: CliHome) -> None:
    home.configure({"name": "A"}, {"name": "B"})
    assert [row["name"] for row in home.run("status", "--endpoint", "B", "--json").document["endpoints"]] == ["B"]
    assert "did you mean B?" in home.run("status", "--endpoint", "b").err


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_the_table_fits_the_terminal(home: CliHome, width: int) -> None:
    names = [
        "Project 0001",
        "Krankenhaus Nord, Neubau Bauteil C (Ausführungsplanung)",
        "橋梁プロジェクト・第二工区・橋梁",
    ]
    home.configure(*({"name": name, "schedule": CRON} for name in names))
    for name in names:
        home.show(name, file("a.txt"), error=NetworkError("no answer " * 40) if name == names[0] else None)
    home.sync()
    out = home.run("status", width=width, environ={"NO_COLOR": "1"}).out
    assert len(out.splitlines()) == 4
    assert max(_cells(line) for line in out.splitlines()) <= width
    assert all(word in out for word in ("ENDPOINT", "STATE", "failed", "ok"))


def test_colours_are_for_terminals(home: CliHome) -> None:
    home.sync()
    assert "\x1b" not in home.run("status").out
    assert "\x1b[32mok" in home.run("status", width=100).out
    assert "\x1b" not in home.run("status", width=100, environ={"NO_COLOR": "1"}).out
    assert "\x1b" not in home.run("status", width=100, environ={"TERM": "dumb"}).out
    assert "\x1b[32mok" in home.run("status", environ={"FORCE_COLOR": "1"}).out
    assert "\x1b" not in home.run("status", "--json", width=100, environ={"FORCE_COLOR": "1"}).out


def _cells(line: str) -> int:
    assert harmless(line) == line
    return cell_len(line)


def _leave_running(home: CliHome) -> None:
    """Do what a killed process leaves behind: a row that says running, and no lock."""
    connection = sqlite3.connect(home.database)
    connection.execute(
        """INSERT INTO sync_logs (endpoint_id, status, mode, "trigger", started_at, heartbeat_at, host, pid)
           SELECT id, 'running', 'full', 'schedule', created_at, created_at, 'host', 1 FROM endpoints WHERE name = 'A'"""
    )
    connection.commit()
    connection.close()


def _wait_for(home: CliHome, limit: str) -> None:
    connection = sqlite3.connect(home.database)
    connection.execute(
        "UPDATE sync_logs SET waiting_for = ?, waiting_until = '2026-03-04T12:01:00.000Z' WHERE status = 'running'",
        (limit,),
    )
    connection.commit()
    connection.close()


def test_an_endpoint_that_left_the_configuration_can_be_forgotten(home: CliHome) -> None:
    home.configure({"name": "P"}, {"name": "Q"})
    home.show("P", file("a.pdf"), file("b.pdf"))
    home.show("Q")
    home.sync()
    assert "remove it there first" in home.run("endpoints", "forget", "P", "--yes").err
    home.configure({"name": "Q", "endpoint_details": {"project_id": "b.00000001-1111-4111-8111-111111111111"}})
    asked = home.run("endpoints", "forget", "P")
    assert (asked.code, "2 files would be recorded as deleted; to do so, add --yes" in asked.err) == (2, True)
    assert [each["name"] for each in home.run("status", "--json").document["endpoints"]] == ["Q", "P"]
    assert "did you mean P? filesync status lists them" in home.run("endpoints", "forget", "p").err
    assert home.run("endpoints", "forget", "P", "--yes").err == (
        "P: forgotten; 2 files recorded as deleted; files, changes and logs know it as 'P (formerly, 1)' now\n"
    )
    assert [each["name"] for each in home.run("status", "--json").document["endpoints"]] == ["Q"]
    seen = home.run("changes", "--since", "0", "--jsonl").lines
    assert [(each["endpoint"], each["kind"], each["cause"]) for each in seen[2:]] == [
        ("P (formerly, 1)", "deleted", "config"),
        ("P (formerly, 1)", "deleted", "config"),
    ]
    home.configure({"name": "P"})  # it is a new one, with a first listing of its own
    home.sync()
    assert len(home.run("files", "--jsonl").lines) == 2


def test_what_was_forgotten_goes_when_retention_lets_all_its_rows_go(home: CliHome) -> None:
    home.configure({"name": "P"}, {"name": "Q"})
    home.show("P", file("a.pdf"))
    home.show("Q")
    home.sync()
    others = {"name": "Q", "endpoint_details": {"project_id": "b.00000001-1111-4111-8111-111111111111"}}
    short = {"changes": {"keep_for": "2d"}, "deleted_files": {"keep_for": "2d"}}
    home.configure(others, retention=short)
    assert home.run("endpoints", "forget", "P", "--yes").code == 0
    home.clock.advance(500 * 86_400)
    assert home.run("prune").code == 0
    assert home.run("prune").code == 0
    with contextlib.closing(sqlite3.connect(home.database)) as database:
        assert database.execute("SELECT name FROM endpoints").fetchall() == [("Q",)]
