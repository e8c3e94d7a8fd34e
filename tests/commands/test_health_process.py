"""serve-health as a process: what it says of a home while the home changes under it, and how it ends."""

import json
import signal
import socket
import sqlite3
from pathlib import Path

import pytest

from tests.support.cli_home import CliHome, file
from tests.support.homes import Home
from tests.support.served import serving

TOKEN = {"FILESYNC_HEALTH_TOKEN": "a token for tests"}
BY_HAND = {"type": "manual"}


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    home = CliHome(tmp_path)
    home.configure({"name": "A", "schedule": BY_HAND}, {"name": "B", "schedule": BY_HAND})
    home.show("A", file("a.txt"), file("b.txt"))
    home.show("B", file("c.txt"))
    return home


def test_the_database_may_come_go_break_and_be_another(home: CliHome, tmp_path: Path) -> None:
    with serving(home.path) as served:
        answer = served.get("/health")
        assert (answer.status, answer.document["status"]) == (503, "unavailable")
        assert "there is no database yet" in answer.document["error"]
        status = served.get("/status").document
        assert (status["database"]["reachable"], status["database"]["files"]) == (False, None)
        assert [(row["name"], row["state"]) for row in status["endpoints"]] == [("A", "manual"), ("B", "manual")]
        assert "The database does not answer" in served.get("/").text

        home.sync()
        served.wait_for(lambda: served.get("/health").status == 200)
        assert served.get("/status").document["database"]["files"] == 3
        kept = home.database.read_bytes()

        home.database.write_bytes(b"this is no database at all. " * 1000)
        served.wait_for(lambda: served.get("/health").status == 503)
        assert "is not a SQLite database" in served.get("/health").document["error"]

        home.database.unlink()
        served.wait_for(lambda: "there is no database" in served.get("/health").text)
        with sqlite3.connect(tmp_path / "foreign.db") as foreign:
            foreign.execute("CREATE TABLE files (x)")
        foreign.close()
        (tmp_path / "foreign.db").replace(home.database)
        served.wait_for(lambda: "older than this filesync" in served.get("/health").text)

        (tmp_path / "back.db").write_bytes(kept)
        (tmp_path / "back.db").replace(home.database)
        served.wait_for(lambda: served.get("/health").status == 200)
        assert home.database.read_bytes() == kept
        assert served.stop()[0] == 143


def test_a_locked_database_is_not_waited_for_long_and_does_not_keep_it_from_stopping(home: CliHome) -> None:
    home.sync()
    locker = sqlite3.connect(home.database, isolation_level=None)
    locker.execute("PRAGMA locking_mode = EXCLUSIVE")
    locker.execute("BEGIN EXCLUSIVE")
    with serving(home.path) as served:
        answer = served.get("/health")
        assert (answer.status, "locked by another program" in answer.text) == (503, True)
        hanging = socket.create_connection(("127.0.0.1", served.port))
        hanging.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        code, err = served.stop()
        hanging.close()
    locker.close()
    assert (code, err) == (143, "")


def test_status_says_of_endpoints_exactly_what_the_command_says(home: CliHome) -> None:
    home.sync("A")
    with serving(home.path) as served:
        status = served.get("/status").document
    told = Home(home.path).cli("status", "--json")
    assert status["endpoints"] == json.loads(told.out)["endpoints"]
    assert [row["state"] for row in status["endpoints"]] == ["manual", "manual"]
    assert status["scheduler"]["last_exit_code"] == 0
    assert status["scheduler"]["last_start_at"] == "2026-03-04T12:00:30.000Z"
    assert status["config"] == {"valid": True, "error": None}


def test_a_mistake_in_the_configuration_is_shown_and_what_was_known_stays(home: CliHome) -> None:
    home.sync()
    good = home.config.read_text()
    with serving(home.path) as served:
        assert len(served.get("/status").document["endpoints"]) == 2
        home.config.write_text(good.replace("name: A", "nmae: A"))
        served.wait_for(lambda: not served.get("/status").document["config"]["valid"])
        status = served.get("/status").document
        assert "nmae" in status["config"]["error"]
        assert [row["name"] for row in status["endpoints"]] == ["A", "B"]
        assert served.get("/health").status == 200
        assert "connector.yaml cannot be used" in served.get("/").text
        home.configure({"name": "A", "schedule": BY_HAND}, {"name": "new", "schedule": BY_HAND})
        served.wait_for(lambda: "new" in [row["name"] for row in served.get("/status").document["endpoints"]])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_it_stops_whoever_is_connected(home: CliHome, number: int, code: int) -> None:
    with serving(home.path, **TOKEN) as served:
        idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(10)]
        for each in idle[5:]:
            each.sendall(b"GET /health HT")
        assert served.get("/health").status == 401
        ended, err = served.stop(number)
        for each in idle:
            each.close()
    assert (ended, err) == (code, "")


def test_the_network_needs_a_token_or_somebody_who_says_that_it_does_not(home: CliHome) -> None:
    refused = home.run("serve-health", "--host", "0.0.0.0", "--port", "0")
    assert refused.code == 2
    assert "set FILESYNC_HEALTH_TOKEN, or say --allow-anonymous" in refused.err
    assert home.run("serve-health", "--host", "::", "--port", "0").code == 2
    for arguments, environ in ((("--allow-anonymous",), {}), ((), TOKEN)):
        with serving(home.path, "--host", "0.0.0.0", *arguments, **environ) as served:
            assert served.get("/", Host="10.1.2.3:8080").status == (401 if environ else 200)
            assert served.get("/", Host="evil.example").status == 421


def test_an_address_that_cannot_be_had_is_one_clear_line(home: CliHome) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = home.run("serve-health", "--port", str(taken.getsockname()[1]))
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "cannot listen there: Address already in use" in result.err
    result = home.run("serve-health", "--host", "no such host")
    assert (result.code, result.err) == (2, "filesync: --host 'no such host': no such address\n")
