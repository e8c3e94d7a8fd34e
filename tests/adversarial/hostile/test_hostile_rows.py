"""Rows that somebody else's program damaged: said in one line, or shown as unreadable; the others stay in sight."""

import sqlite3
from pathlib import Path

import pytest

from filesync.cli.health import _Look
from filesync.health.facts import Facts, to_health, to_status
from filesync.health.metrics import to_openmetrics, to_text
from filesync.health.page import to_page
from tests.support.cli_home import CliHome, file

TIMES = {
    "endpoints": ("created_at", "updated_at"),
    "sync_state": (
        "last_started_at",
        "last_finished_at",
        "last_success_at",
        "complete_as_of",
        "next_due_at",
        "completed_at",
    ),
    "sync_logs": ("started_at", "finished_at", "heartbeat_at"),
    "changes": ("detected_at",),
    "scheduler": ("last_start_at",),
}
COLUMNS = [(table, column) for table, columns in TIMES.items() for column in columns]
DAMAGE = ("yesterday", "", "2026-01-01T00:00:00")
COMMANDS = (("status", "--why"), ("status", "--json"), ("changes",), ("logs",))


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    home = CliHome(tmp_path)
    home.configure({"name": "A"}, {"name": "B"})
    home.show("A", file("a.pdf"))
    home.show("B", file("b.pdf"))
    home.sync()
    home.start()
    return home


def damage(home: CliHome, sql: str, *parameters: object) -> None:
    connection = sqlite3.connect(home.database)
    try:
        assert connection.execute(sql, parameters).rowcount >= 1
        connection.commit()
    finally:
        connection.close()


def look(home: CliHome) -> Facts:
    return _Look(home.process().home)()


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_time_that_is_damaged_hides_nothing_else(home: CliHome, table: str, column: str) -> None:
    if table == "scheduler":
        home.run("sync")
    for value in DAMAGE:
        damage(home, f'UPDATE {table} SET "{column}" = ?', value)
        facts = look(home)
        assert facts.database_problem is None, value
        assert [row["name"] for row in facts.endpoints] == ["A", "B"]
        page = to_page(facts).decode()
        assert all(name in page for name in ("a.pdf", "b.pdf"))
        for render in (to_text, to_openmetrics):
            assert b'filesync_endpoint_files{endpoint="A"} 1.0' in render(facts)
        assert to_health(facts)["status"] == "ok"
        assert len(to_status(facts)["endpoints"]) == 2
        for argv in COMMANDS:
            assert home.run(*argv).code == 0, argv
        assert {outcome.status for outcome in home.start().outcomes} <= {"success"}


def test_a_damaged_time_is_shown_as_unreadable(home: CliHome) -> None:
    damage(home, "UPDATE sync_state SET last_success_at = 'yesterday' WHERE endpoint_id = 1")
    damage(home, "UPDATE changes SET detected_at = 'yesterday' WHERE seq = 1")
    assert to_page(look(home)).decode().count("unreadable") == 2
    assert "unreadable" in home.run("status").out


def test_a_damaged_time_is_written_anew_by_the_next_sync(home: CliHome) -> None:
    damage(home, "UPDATE sync_state SET last_started_at = 'x', last_finished_at = 'x', last_success_at = 'x'")
    assert [outcome.status for outcome in home.sync().outcomes] == ["success", "success"]
    assert "unreadable" not in home.run("status").out


@pytest.mark.parametrize("value", ["{", "[1, 2", "[]", "null", "7", '{"a": 1'])
def test_damaged_json_is_one_clear_line_and_hides_no_endpoint(home: CliHome, value: str) -> None:
    damage(home, 'UPDATE changes SET "after" = ? WHERE seq = 1', value)
    damage(home, "UPDATE endpoints SET schedule = ? WHERE name = 'A'", value)
    damage(home, "UPDATE files SET extra = ?", value)
    facts = look(home)
    assert (facts.database_problem, len(facts.endpoints)) == (None, 2)
    assert "a.pdf" in to_page(facts).decode()
    for argv in (("changes", "--jsonl"), ("files", "--json")):
        result = home.run(*argv)
        assert result.code in {0, 1}, argv
        if result.code:
            (line,) = result.err.splitlines()
            assert "a row of the database is damaged" in line


def test_text_that_is_no_utf_8_is_one_clear_line(home: CliHome) -> None:
    damage(home, "UPDATE files SET file_name = CAST(x'ff00' AS TEXT)")
    damage(home, "UPDATE sync_logs SET error_message = CAST(x'ff00' AS TEXT)")
    for argv in (("files",), ("logs",), ("files", "--json")):
        result = home.run(*argv)
        assert (result.code, result.err.count("\n")) == (1, 1), result
        assert "is damaged" in result.err
