"""Whole syncs with the inventory in PostgreSQL: as few round trips as can be, and nothing lost when it is cut off."""

import json
import shutil
import sys
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from filesync.runtime.database_url import PostgresAddress, parse_database_url
from filesync.store.database import open_for_reading, open_for_writing
from filesync.store.engine import Insert
from filesync.sync.options import SyncOptions
from tests.support.homes import READER, Acc, Drive, Home
from tests.support.postgres import Postgres
from tests.support.postgres_proxy import Cut, CuttingProxy

ENGINES = ("sqlite", "postgresql")
both = pytest.mark.parametrize("engine", ENGINES, indirect=True)


def test_an_acc_folder_is_written_in_three_round_trips(acc: Acc, postgres: Postgres) -> None:
    costs: list[int] = []
    with CuttingProxy(postgres) as proxy:
        for _ in range(2):
            for number in range(10):
                folder = acc.service.add_folder(acc.top, f"F{len(costs)}-{number}")
                for each in range(20):
                    acc.service.add_file(folder, f"{each}.rvt", size=1)
            acc.home.environ["DATABASE_URL"] = proxy.url()  # another inventory, which knows nothing
            before = proxy.round_trips
            assert acc.home.sync().status == "success"
            costs.append(proxy.round_trips - before)
    assert (costs[1] - costs[0]) / 10 < 3.5  # heartbeats come besides


def test_a_drive_page_is_written_in_three_round_trips(drive: Drive, postgres: Postgres) -> None:
    costs, pages = [], []
    with CuttingProxy(postgres) as proxy:
        for number in (500, 3_500):
            for each in range(number):
                drive.service.state.add_file(drive.shared, f"{number}-{each}.rvt", 1)
            drive.settle()
            drive.home.environ["DATABASE_URL"] = proxy.url()  # another inventory, which knows nothing
            before = proxy.round_trips
            outcome = drive.home.sync()
            assert outcome.status == "success"
            costs.append(proxy.round_trips - before)
            pages.append(outcome.usage.api_requests)
    assert (costs[1] - costs[0]) / (pages[1] - pages[0]) <= 3


def test_a_sync_that_finds_nothing_new_needs_few_round_trips(drive: Drive, postgres: Postgres) -> None:
    drive.service.state.add_file(drive.shared, "a.rvt", 1)
    drive.settle()
    with CuttingProxy(postgres) as proxy:
        drive.home.environ["DATABASE_URL"] = proxy.url()
        drive.home.sync()
        before = proxy.round_trips
        assert drive.home.sync().status == "success"
        assert proxy.round_trips - before <= 22


@pytest.mark.parametrize("at", list(Cut))
def test_a_connection_lost_at_a_commit_loses_nothing(at: Cut, drive: Drive, postgres: Postgres) -> None:
    schema = postgres.fresh_schema()
    drive.home.environ["DATABASE_URL"] = postgres.url(schema)
    drive.service.state.add_file(drive.shared, "a.rvt", 1)
    drive.settle()
    drive.home.sync()
    drive.service.state.add_file(drive.shared, "b.rvt", 1)
    drive.settle()
    with CuttingProxy(postgres, at_commit=at) as proxy:
        ended = drive.home.run("sync", DATABASE_URL=proxy.url(schema))
    assert proxy.cuts == 1
    assert ended.code == 75, ended
    assert drive.home.sync().status == "success"
    assert drive.home.paths() == ["/a.rvt", "/b.rvt"]
    drive.home.assert_sound()


@pytest.mark.parametrize("messages", [3, 17, 55, 120, 170])
def test_a_connection_lost_anywhere_is_made_good_by_the_next_start(
    messages: int, drive: Drive, postgres: Postgres
) -> None:
    schema = postgres.fresh_schema()
    folder = drive.service.state.add_folder(drive.shared, "Pläne")
    for number in range(5):
        drive.service.state.add_file(folder, f"{number}.rvt", 1)
    drive.settle()
    with CuttingProxy(postgres, after_messages=messages) as proxy:
        drive.home.run("sync", DATABASE_URL=proxy.url(schema))
    drive.home.environ["DATABASE_URL"] = postgres.url(schema)
    assert drive.home.sync().status == "success"
    assert drive.home.paths() == [f"/Pläne/{number}.rvt" for number in range(5)]
    drive.home.assert_sound()


def test_a_connection_lost_is_said_in_one_line_of_ours(drive: Drive, postgres: Postgres) -> None:
    schema = postgres.fresh_schema()
    drive.home.environ["DATABASE_URL"] = postgres.url(schema)
    drive.home.sync()
    with CuttingProxy(postgres, after_messages=12) as proxy:
        ended = drive.home.cli("sync", "--all", DATABASE_URL=proxy.url(schema))
    assert ended.code == 75, ended
    assert ended.err.startswith("filesync: ")
    assert ended.err.count("\n") == 1


def test_a_server_that_was_restarted_is_found_again(drive: Drive, postgres: Postgres) -> None:
    drive.home.environ["DATABASE_URL"] = postgres.url()
    drive.service.state.add_file(drive.shared, "a.rvt", 1)
    drive.settle()

    def restart(number: int) -> None:
        if number == 2:
            postgres.terminate_backends()

    drive.home.after_statement = restart
    ended = drive.home.start()
    drive.home.after_statement = None
    assert [each.status for each in ended.outcomes] in (["failed"], ["interrupted"], ["success"])
    assert drive.home.sync().status == "success"
    assert drive.home.paths() == ["/a.rvt"]
    drive.home.assert_sound()


@both
def test_names_that_a_database_cannot_hold_cost_only_those_characters(drive: Drive) -> None:
    drive.service.state.add_file(drive.shared, "nul\0here.rvt", 1)
    drive.service.state.add_file(drive.shared, "lone\ud800surrogate.rvt", 1)
    drive.service.state.add_file(drive.shared, "plain.rvt", 1)
    drive.settle()
    assert drive.home.sync().status == "success"
    assert len(drive.home.paths()) == 3
    assert "/plain.rvt" in drive.home.paths()
    assert drive.home.sync().tally.files_updated == 0


@both
def test_a_folder_that_a_page_moves_twice_owes_its_files_one_new_path(drive: Drive) -> None:
    state = drive.service.state
    top = state.add_folder(drive.shared, "A")
    above = state.add_folder(top, "B")
    below = state.add_folder(state.add_folder(above, "C"), "D")
    state.add_file(below, "x.rvt", 1)
    drive.settle()
    drive.home.sync()
    for folder, name in ((top, "other"), (top, "A"), (above, "B2"), (below, "D2")):
        state.rename(folder, name)
    drive.settle()
    assert drive.home.sync().status == "success"
    assert drive.home.paths() == ["/A/B2/C/D2/x.rvt"]
    drive.home.assert_sound()


@both
def test_a_folder_that_left_one_that_went_into_the_trash_leaves_for_its_own_reason(drive: Drive) -> None:
    state = drive.service.state
    elsewhere = state.add_drive("Elsewhere", READER)
    above = state.add_folder(drive.shared, "A")
    below = state.add_folder(above, "B")
    state.add_file(above, "above.rvt", 1)
    state.add_file(below, "below.rvt", 1)
    drive.settle()
    drive.home.sync()
    state.move(below, elsewhere)
    state.trash(above)
    drive.settle()
    assert drive.home.sync().status == "success"
    gone = drive.home.query("SELECT file_name, deleted_reason FROM files ORDER BY file_name")
    assert [(each["file_name"], each["deleted_reason"]) for each in gone] == [
        ("above.rvt", "trashed"),
        ("below.rvt", "removed"),
    ]
    drive.home.assert_sound()


@both
def test_a_folder_that_shows_what_it_hung_in_shows_no_file_at_its_old_place(acc: Acc) -> None:
    above = acc.service.add_folder(acc.top, "A")
    below = acc.service.add_folder(above, "B")
    file = acc.service.add_file(below, "x.rvt", size=1)
    acc.service.clock.advance(600)
    acc.home.sync()
    acc.service.add_version(file, 2)
    acc.service.clock.advance(600)

    def swap(number: int) -> None:
        if number == 4:  # the folder above was read, the one below is next
            acc.service.move_folder(below, acc.top)
            acc.service.move_folder(above, below)
            acc.service.add_file(below, "new.rvt", size=1)

    acc.home.after_statement = swap
    acc.home.sync()
    acc.home.after_statement = None
    acc.service.clock.advance(600)
    assert acc.home.sync().status == "success"
    assert acc.home.paths() == ["/Project Files/B/new.rvt", "/Project Files/B/x.rvt"]
    told = [each["file_path"] for each in acc.home.changes() if each["file_name"] == "new.rvt"]
    assert told == ["/Project Files/B/new.rvt"]


def test_eight_writers_and_a_reader_miss_nothing_and_see_nothing_twice(tmp_path: Path, postgres: Postgres) -> None:
    address = address_of(postgres.url(), tmp_path)
    bulk = Insert(
        "changes",
        (
            "sync_log_id", "endpoint_id", "external_file_id", "kind", "cause", "content_changed", "file_name",
            "file_path", "detected_at", "after",
        ),
    )  # fmt: skip
    now = "2026-01-01T00:00:00.000Z"
    with closing(open_for_writing(address)) as database, database.transaction():
        endpoint = {"name": "E", "endpoint_type": "t", "endpoint_details": "{}", "schedule": "{}", "is_active": True}
        endpoint_id = database.insert("endpoints", {**endpoint, "created_at": now, "updated_at": now})
        log = {"endpoint_id": endpoint_id, "status": "running", "mode": "full", "trigger": "manual"}
        log_id = database.insert("sync_logs", {**log, "started_at": now, "heartbeat_at": now, "host": "h", "pid": 1})
    writing = 8

    def write(writer: int) -> None:
        with closing(open_for_writing(address)) as own:
            for number in range(40):
                with own.transaction() as connection:
                    rows = [
                        (
                            log_id,
                            endpoint_id,
                            f"{writer}/{number}/{each}",
                            "created",
                            "file",
                            False,
                            "n",
                            "/n",
                            now,
                            "{}",
                        )
                        for each in range(1 + number % 3)
                    ]
                    connection.append_changes(bulk, rows)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writing)]
    for thread in threads:
        thread.start()
    seen: list[tuple[int, str]] = []
    with closing(open_for_reading(address)) as reader:
        is_over = False
        while not is_over:
            is_over = not any(thread.is_alive() for thread in threads)
            last = seen[-1][0] if seen else 0
            seen += [
                tuple(row)
                for row in reader.fetch("SELECT seq, external_file_id FROM changes WHERE seq > ? ORDER BY seq", (last,))
            ]
    for thread in threads:
        thread.join()
    expected = writing * sum(1 + number % 3 for number in range(40))
    assert [seq for seq, _ in seen] == list(range(1, expected + 1))
    assert len({id_ for _, id_ in seen}) == expected


def test_another_host_neither_syncs_what_one_syncs_nor_takes_it_for_dead(
    drive: Drive, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = postgres.url()
    drive.service.state.add_file(drive.shared, "a.rvt", 1)
    drive.settle()
    drive.home.environ["DATABASE_URL"] = url
    other = Home(tmp_path / "other", clock=drive.service.clock)
    other.environ = {**drive.home.environ, "FILESYNC_HOME": str(other.path)}
    shutil.copytree(drive.home.path / "config", other.path / "config")
    shutil.copytree(drive.home.path / "credentials", other.path / "credentials")
    seen: list[tuple[tuple[str, str], ...]] = []

    def start_elsewhere(number: int) -> None:
        if number == 2:
            monkeypatch.setattr("socket.gethostname", lambda: "another")
            seen.append(other.start(SyncOptions(everything=True)).skipped)
            monkeypatch.undo()

    monkeypatch.setattr("socket.gethostname", lambda: "one")
    drive.home.after_statement = start_elsewhere
    assert drive.home.sync().status == "success"
    assert seen == [(("D", "one syncs it"),)]
    assert [each["status"] for each in drive.home.query("SELECT status FROM sync_logs")] == ["success"]


def test_what_the_doctor_finds_on_a_server_is_mended_in_the_servers_words(drive: Drive, postgres: Postgres) -> None:
    schema = postgres.fresh_schema()
    drive.home.environ["DATABASE_URL"] = postgres.url(schema)
    drive.service.state.add_file(drive.shared, "a.rvt", 1)
    drive.settle()
    drive.home.sync()
    postgres.execute(f"UPDATE {schema}.sync_state SET live_files = 7")
    report = drive.home.run("doctor", "--json").out
    (fix,) = [each["fix"] for each in json.loads(report)["findings"] if each["check"] == "totals"]
    statement = fix.removeprefix("as the owner, in psql: ")
    assert statement.startswith(f"SET search_path = {schema}; UPDATE sync_state")
    with postgres.admin() as connection:
        connection.execute(statement)
    assert drive.home.query("SELECT live_files FROM sync_state") == [{"live_files": 1}]


@pytest.mark.parametrize("words", [("sync", "--all"), ("files",), ("status",), ("db", "info"), ("db", "check")])
def test_without_the_driver_every_command_says_how_to_get_it(
    words: tuple[str, ...], drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as in an installation without the extra
    ended = drive.home.run(*words, DATABASE_URL="postgresql://u@127.0.0.1:1/x")
    assert "Traceback" not in ended.err
    assert "pip install 'filesync[postgres]'" in ended.out + ended.err
    assert ended.code in {1, 78}


def test_an_inventory_that_is_left_behind_is_named(drive: Drive, postgres: Postgres) -> None:
    drive.service.state.add_file(drive.shared, "a.rvt", 1)
    drive.settle()
    drive.home.sync()
    drive.home.environ["DATABASE_URL"] = postgres.url()
    for words in (("files",), ("status", "--check"), ("sync", "--all")):
        assert f"db copy --from sqlite:///{drive.home.database}" in drive.home.run(*words).err, words
    assert "db copy" not in drive.home.run("sync", "--all").err


QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "files": ("files", "--json"),
    "files as CSV": ("files", "--csv"),
    "by a word's beginning": ("files", "--search", "plan", "--json"),
    "by an umlaut": ("files", "--search", "grundriss", "--json"),
    "by two words": ("files", "--search", "plan eg", "--json"),
    "by a pattern": ("files", "--name", "*[ae]g*.dwg", "--json"),
    "by type": ("files", "--type", "dwg", "--json"),
    "deleted": ("files", "--deleted", "--json"),
    "limited": ("files", "--limit", "2", "--json"),
    "changes": ("changes", "--since", "0", "--json"),
    "logs": ("logs", "--json"),
    "status": ("status", "--json"),
}


def test_every_command_answers_the_same_on_both_engines(drive: Drive, postgres: Postgres) -> None:
    state = drive.service.state
    folder = state.add_folder(drive.shared, "Pläne Ä")
    gone = state.add_file(folder, "Alt.rvt", 5)
    for name in ("Plan-EG.dwg", "plan_og.dwg", "Grundriß EG.pdf", "Ünïcode.txt", "Ägypten.dwg", "100%.txt", "a_b.txt"):
        state.add_file(folder, name, len(name))
    drive.settle()
    addresses = {"sqlite": {}, "postgresql": {"DATABASE_URL": postgres.url()}}
    said = {}
    for engine in ENGINES:
        drive.home.environ = {**drive.home.environ, **addresses[engine]}
        drive.home.sync()
    state.trash(gone)
    drive.settle()
    for engine in ENGINES:
        drive.home.environ.pop("DATABASE_URL", None)
        drive.home.environ |= addresses[engine]
        drive.home.sync()
        said[engine] = {name: answer_of(drive, words) for name, words in QUESTIONS.items()}
    for name in QUESTIONS:
        assert said["postgresql"][name] == said["sqlite"][name], name


def answer_of(drive: Drive, words: tuple[str, ...]) -> Any:
    """Ask, and leave out what is another thing in every inventory: its feed's name."""
    ended = drive.home.run(*words)
    assert ended.code in {0, 1}, ended
    if "--json" not in words:
        return ended.out
    try:
        rows = json.loads(ended.out)
    except ValueError:
        rows = [json.loads(line) for line in ended.out.splitlines()]
    return _without(rows, {"feed", "started_at", "finished_at", "heartbeat_at", "pid"})


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(each, names) for name, each in value.items() if name not in names}
    if isinstance(value, list):
        return [_without(each, names) for each in value]
    return value


def address_of(url: str, home: Path) -> PostgresAddress:
    address = parse_database_url(url, home, {})
    assert isinstance(address, PostgresAddress)
    return address
