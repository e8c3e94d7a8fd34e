"""Quick starts: `filesync sync` ends at once while nothing is due, and never when something may have to be done."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.commands.test_cli_process import HEAVY, filesync, imported
from tests.support.cli_home import CliHome, Result, file
from tests.support.in_process import InMemory

PING = {"type": "ping", "url": "http://127.0.0.1:9/ping"}
DAILY = {"type": "interval", "interval_minutes": 1440}


class Place(CliHome):
    """A home whose only scheduled endpoint was just read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.environ = {"LABEL": "Tower", "CONNECTOR_AUTODESK_CLIENT_SECRET": "words-of-the-app"}
        self.show("A", file("a.txt"))
        self.configure_with()
        self.start()
        assert self.sync_cli().code == 0

    def configure_with(self, **top: Any) -> None:
        self.configure({"name": "A", "project_id": "${LABEL:-none}", "schedule": DAILY}, **top)

    def sync_cli(self, *argv: str) -> Result:
        self.clock.advance(1)
        return self.run("sync", *argv, environ=self.environ)

    def process(self, **given: Any) -> InMemory:
        return super().process(**{**given, "environ": self.environ})

    def row(self) -> dict[str, Any]:
        with closing(sqlite3.connect(self.database)) as connection:
            connection.row_factory = sqlite3.Row
            return dict(connection.execute("SELECT * FROM scheduler").fetchone())

    def execute(self, sql: str) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(sql)

    def is_quick(self, *argv: str) -> bool:
        """Start once more, and tell whether that ended at once: only a full start records anew how long nothing is due."""
        before = self.row()
        result = self.sync_cli(*argv)
        after = self.row()
        assert (result.code, after["last_exit_code"]) == (0, 0)
        assert after["last_start_at"] != before["last_start_at"]
        return bool(after["idle_until"] == before["idle_until"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_start_ends_at_once_while_nothing_has_changed(place: Place) -> None:
    assert place.is_quick()
    assert place.is_quick("--quiet", f"--home={place.path}")
    place.environ |= {"TERM": "dumb", "INVOCATION_ID": "1"}
    assert place.is_quick()


def edited(place: Place) -> None:
    place.configure_with(rate_limit_percent=50)


def with_another_variable(place: Place) -> None:
    place.environ["LABEL"] = "Bridge"


def with_a_variable_from_a_file(place: Place) -> None:
    (place.path / "label").write_text("Bridge\n")
    del place.environ["LABEL"]
    place.environ["LABEL_FILE"] = "label"


def with_a_dotenv(place: Place) -> None:
    (place.path / ".env").write_text("SYNC_INTERVAL_MINUTES=9\n")


def with_another_login(place: Place) -> None:
    place.environ["CONNECTOR_AUTODESK_AUTH"] = "two_legged"


def without_a_secret(place: Place) -> None:
    del place.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"]


def with_a_key_file(place: Place) -> None:
    (place.path / "credentials").mkdir()
    (place.path / "credentials" / "google-service-account.json").write_text("{}")


def with_another_file(place: Place) -> None:
    other = place.path / "other.yaml"
    other.write_bytes(place.config.read_bytes())
    place.config.write_text("endpoints: []")


def an_hour_later(place: Place) -> None:
    place.clock.advance(timedelta(hours=1).total_seconds())


def with_the_clock_set_back(place: Place) -> None:
    place.clock.advance(-60)


def with_somebody_to_forget(place: Place) -> None:
    place.execute("INSERT INTO feed_positions (reader, kind, seq, updated_at) VALUES ('notify:x', 'notify', 0, 'x')")


def with_another_row(place: Place) -> None:
    place.execute("UPDATE sync_state SET owed_since = '2126-01-01T00:00:00.000Z'")


def with_damage(place: Place) -> None:
    place.execute("UPDATE scheduler SET idle_basis = '[]'")


def with_the_log_at_debug(place: Place) -> None:
    place.environ["CONNECTOR_LOG_LEVEL"] = "DEBUG"


def with_a_login_that_lies_idle(place: Place) -> None:
    (place.path / "tokens").mkdir(exist_ok=True)
    (place.path / "tokens" / "google-user-x.json").write_text('{"obtained_at": "2020-01-01T00:00:00.000Z"}')


@pytest.mark.parametrize(
    "change",
    [
        *(edited, with_another_variable, with_a_variable_from_a_file, with_a_dotenv, with_another_login),
        *(without_a_secret, with_a_key_file, an_hour_later, with_the_clock_set_back),
        *(with_somebody_to_forget, with_another_row, with_damage, with_the_log_at_debug, with_a_login_that_lies_idle),
    ],
)
def test_whatever_differs_leads_to_a_full_start(place: Place, change: Callable[[Place], None]) -> None:
    assert place.is_quick()
    change(place)
    assert not place.is_quick()


def test_another_file_is_read_at_once(place: Place) -> None:
    with_another_file(place)
    assert not place.is_quick("--config", "other.yaml")


def test_a_mistake_is_reported_at_once(place: Place) -> None:
    assert place.is_quick()
    place.config.write_text("endpoints: 7", encoding="utf-8")
    result = place.sync_cli()
    assert (result.code, "a list is needed" in result.err) == (78, True)
    place.config.unlink()
    assert place.sync_cli().code == 78
    place.configure_with()
    assert place.sync_cli().code == 0
    place.environ["SYNC_INTERVAL_MINUTES"] = "often"
    assert place.sync_cli().code == 78


def test_what_is_due_runs(place: Place) -> None:
    assert place.is_quick()
    place.clock.advance(timedelta(hours=12).total_seconds())
    result = place.sync_cli()
    assert result.code != 0  # nobody answers here: that somebody was asked is the point
    assert "A: failed" in result.err


def test_the_row_of_a_sync_that_died_is_closed(place: Place) -> None:
    assert place.is_quick()
    place.execute(
        """INSERT INTO sync_logs (endpoint_id, status, mode, "trigger", started_at, heartbeat_at, host, pid)
           SELECT endpoint_id, 'running', mode, "trigger", started_at, heartbeat_at, host, pid FROM sync_logs LIMIT 1"""
    )
    assert "A: failed" in place.sync_cli().err  # it goes on at once


def test_what_was_refused_is_tried_again_after_a_login(place: Place) -> None:
    place.execute("UPDATE sync_state SET last_status = 'failed', last_error_type = 'login', failures_in_a_row = 3")
    assert place.sync_cli().code == 0
    assert place.is_quick()
    world = place.process().home
    world.wake(world.endpoints())
    assert "A: " in place.sync_cli().err


def test_as_long_as_somebody_is_to_be_notified_every_start_is_a_full_one(place: Place) -> None:
    place.configure_with(notify={"switch": PING})
    place.sync_cli()
    assert place.row()["idle_until"] is not None  # of the file before, which counts no longer
    before = place.row()["idle_basis"]
    place.sync_cli()
    assert place.row()["idle_basis"] == before
    with closing(sqlite3.connect(place.database)) as connection:
        assert connection.execute("SELECT count(*) FROM notifications").fetchone()[0]  # nobody answered the pings


@pytest.mark.parametrize("argv", [["--dry-run"], ["--all"], ["--max-files", "1"], ["--verbose"], ["--json"]])
def test_a_start_that_asks_for_more_is_a_full_one(tmp_path: Path, argv: list[str]) -> None:
    home = CliHome(tmp_path)
    home.configure({"name": "A", "schedule": {"type": "manual"}, "is_active": False})
    said = [home.run("sync").code, home.run("sync", *argv)]
    assert said[0] == 0
    assert isinstance(said[1], Result)
    assert (said[1].out + said[1].err) != ""


def test_a_terminal_is_told_that_nothing_is_due(place: Place) -> None:
    process = place.process()
    process.terminal.stderr_is_terminal = True
    before = place.row()["idle_until"]
    assert process.run(["sync"]) == (0, "", "nothing is due\n")
    assert place.row()["idle_until"] == before


def test_a_database_that_was_put_back_is_looked_at_by_what_it_says(place: Place) -> None:
    assert place.is_quick()
    put_back = place.database.read_bytes()
    place.execute("UPDATE sync_state SET last_status = 'interrupted'")
    place.database.write_bytes(put_back)
    assert place.is_quick()
    place.clock.advance(timedelta(hours=2).total_seconds())
    place.database.write_bytes(put_back)
    assert not place.is_quick()


def test_no_secret_is_written_beside_the_due_time(place: Place) -> None:
    basis = json.loads(place.row()["idle_basis"])
    assert "LABEL" in basis["variables"]
    assert "words-of-the-app" not in place.row()["idle_basis"]
    place.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = "other-words-of-the-app"
    assert place.is_quick()  # not even as a part of the digest


@pytest.mark.parametrize("argv", [["sync", "--home"], ["sync", "--hom=x"], ["sync", "x"]])
def test_a_wrong_call_is_refused_as_ever(place: Place, argv: list[str]) -> None:
    result = place.run(*argv, environ=place.environ)
    assert (result.code, "--help" in result.err) == (2, True)


def test_a_start_with_nothing_due_imports_only_what_it_needs(tmp_path: Path) -> None:
    home = CliHome(tmp_path)
    home.configure({"name": "A", "schedule": {"type": "manual"}})
    assert filesync(home, "sync").returncode == 0
    assert not {*HEAVY, "yaml", "pydantic", "filesync.config"}.intersection(imported(home, "sync"))
