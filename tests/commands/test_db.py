"""filesync db: the database looked at, checked, copied to the other engine, and its roles."""

import contextlib
import json
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from filesync.app.database_copy import copy_database
from filesync.core.errors import StoreError
from filesync.runtime.database_url import PostgresAddress, parse_database_url
from filesync.store import copying
from filesync.store.copying import TABLES
from filesync.sync.endpoint_locks import EndpointLocks
from tests import ROOT
from tests.support.homes import Acc, Home
from tests.support.postgres import Login, Pooler, Postgres


class KilledError(BaseException):
    """What ends a copy between two pages."""


@pytest.fixture
def engine() -> dict[str, str]:
    """Begin with SQLite, whatever the other tests run on: here the engine is what a test is about."""
    return {}


@pytest.fixture
def lived_in(acc: Acc) -> Acc:
    """Give a home with folders, files, changes, syncs and a reader of the feed."""
    folders = [acc.service.add_folder(acc.top, f"Folder {number}") for number in range(4)]
    files = [acc.service.add_file(folders[number % 4], f"plan {number}.pdf") for number in range(24)]
    acc.settle()
    assert acc.home.sync().status == "success"
    for file in files[:5]:
        acc.service.add_version(file, 2000)
    acc.settle()
    assert acc.home.sync().status == "success"
    assert acc.home.run("consumers", "set", "bi", "7").code == 0
    acc.settle()
    return acc


def address_of(home: Home, url: str) -> PostgresAddress:
    found = parse_database_url(url, home.path, {})
    assert isinstance(found, PostgresAddress)
    return found


def rows_of(home: Home) -> dict[str, list[dict[str, Any]]]:
    """Read every table whole, in the order of its key."""
    return {table: home.query(f"SELECT * FROM {table} ORDER BY {', '.join(key)}") for table, key in TABLES.items()}


def moved_to(home: Home, url: str) -> Home:
    home.environ["DATABASE_URL"] = url
    return home


def checks(home: Home, code: int = 0) -> dict[str, tuple[str, str, str]]:
    """Run `db check`; give level, detail and fix of each."""
    ended = home.run("db", "check", "--json")
    assert ended.code == code, ended
    found = json.loads(ended.out)["findings"]
    return {each["check"]: (each["level"], each["detail"], each["fix"]) for each in found}


# --- info and check -------------------------------------------------------------------------


def test_info_tells_where_the_inventory_is_and_how_large(lived_in: Acc) -> None:
    found = json.loads(lived_in.home.run("db", "info", "--json").out)
    assert found["engine"] == "sqlite"
    assert found["engine_version"] == sqlite3.sqlite_version
    assert found["schema_version"] == 1
    assert found["bytes"] > 0
    assert found["tables"]["files"] == 24
    assert found["clock_offset_seconds"] is found["connections"] is None
    assert "files           24 rows\n" in lived_in.home.run("db", "info").out


def test_info_of_a_server_tells_clock_and_connections_and_no_password(lived_in: Acc, postgres: Postgres) -> None:
    url = postgres.url()
    assert lived_in.home.run("db", "copy", "--to", url).code == 0
    ended = moved_to(lived_in.home, url).run("db", "info", "--json")
    found = json.loads(ended.out)
    assert found["engine"] == "postgresql"
    assert found["tables"]["changes"] == len(lived_in.home.changes())
    assert 0 < found["connections"]["in_use"] <= found["connections"]["most"]
    assert found["clock_offset_seconds"] != 0
    for each in (ended, lived_in.home.run("db", "info"), lived_in.home.run("db", "check")):
        assert each.code == 0
        assert postgres.login.password not in each.out + each.err


def test_check_of_sqlite_makes_the_doctors_checks(lived_in: Acc) -> None:
    found = checks(lived_in.home)
    doctor = json.loads(lived_in.home.run("doctor", "--offline", "--json").out)["findings"]
    assert [*found] == [each["check"] for each in doctor if each["area"] == "database"]
    assert {level for level, _, _ in found.values()} == {"OK"}


def test_check_of_a_server_looks_at_the_way_to_it_and_at_what_it_holds(acc: Acc, postgres: Postgres) -> None:
    moved_to(acc.home, postgres.url())
    assert checks(acc.home)["schema"] == ("WARN", "there is no inventory yet", "filesync sync, or filesync db copy")
    assert acc.home.sync().status == "success"
    ended = acc.home.cli("db", "check")
    assert ended.code == 0, ended
    for name in ("opens", "tls", "clock", "pipeline", "pooler", "rights", "schema", "totals", "feed", "growth"):
        assert f"OK    database       {name} " in ended.out
    assert "pooler       none; prepared statements are kept" in ended.out
    assert ended.err.endswith("all is well\n")


def test_check_fails_where_the_inventory_contradicts_itself(lived_in: Acc, postgres: Postgres) -> None:
    url = postgres.url()
    lived_in.home.run("db", "copy", "--to", url)
    with psycopg.connect(address_of(lived_in.home, url).conninfo) as connection:
        schema = address_of(lived_in.home, url).schema
        connection.execute(f"UPDATE {schema}.files SET deleted_at = changed_at WHERE file_name = 'plan 3.pdf'")
    found = checks(moved_to(lived_in.home, url), code=1)
    assert found["totals"][0] == found["feed"][0] == "FAIL"


def test_check_tells_a_clock_that_is_wrong(acc: Acc, postgres: Postgres) -> None:
    moved_to(acc.home, postgres.url())
    acc.service.clock.advance(600)
    level, detail, fix = checks(acc.home)["clock"]
    assert (level, "s ahead of the server's" in detail) == ("WARN", True)
    assert fix.startswith("set this machine's clock")


def test_check_warns_of_a_server_that_nobody_makes_sure_of(acc: Acc, postgres: Postgres) -> None:
    login = postgres.login
    host = Login(login.user, login.password, "db.example.com", login.port, login.database)
    moved_to(acc.home, host.url(hostaddr="127.0.0.1", schema=postgres.fresh_schema()))
    level, detail, fix = checks(acc.home)["tls"]
    assert (level, detail) == ("WARN", "not in use: whoever stands in between could read along")
    assert "sslmode=verify-full&sslrootcert=FILE" in fix


def test_check_says_what_a_pooler_does(acc: Acc, pooler: Pooler) -> None:
    moved_to(acc.home, pooler.url())
    found = checks(acc.home)
    assert found["pooler"][0] == found["pipeline"][0] == "OK"
    assert found["pooler"][1].startswith("a pooler stands in between")


def test_check_fails_where_the_schema_may_not_be_made(acc: Acc, postgres: Postgres) -> None:
    postgres.execute(f"REVOKE CREATE ON DATABASE {postgres.login.database} FROM {{role}}")
    url = postgres.url()
    level, detail, fix = checks(moved_to(acc.home, url), code=1)["rights"]
    assert (level, "may not create it" in detail) == ("FAIL", True)
    assert fix.endswith(f"CREATE SCHEMA {address_of(acc.home, url).schema} AUTHORIZATION {postgres.login.user}")


def test_check_of_a_server_that_refuses_us_is_one_failure_without_the_password(acc: Acc, postgres: Postgres) -> None:
    ended = moved_to(acc.home, postgres.url(password="hunter22")).run("db", "check")
    assert ended.code == 1
    assert ended.out.count("FAIL") == 1
    assert "refuses the user or the password" in ended.out
    assert "hunter22" not in ended.out + ended.err


# --- copy -----------------------------------------------------------------------------------


def test_a_copy_has_every_row_and_so_has_the_copy_of_the_copy(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    before = rows_of(home)
    ended = home.run("db", "copy", "--to", url)
    assert (ended.code, ended.err) == (0, "")
    assert f"files           {24:>12} rows, 24 of them written\n" in ended.out
    assert postgres.login.password not in ended.out
    moved_to(home, url)
    assert rows_of(home) == before
    home.assert_sound()
    back = home.run("db", "copy", "--to", "sqlite:///data/back.db", "--json")
    assert back.code == 0, back
    assert {each["rows"] for each in json.loads(back.out)["tables"]} > {24}
    moved_to(home, "sqlite:///data/back.db")
    assert [row["file_name"] for row in json.loads(home.run("files", "--search", "plan 17", "--json").out)["files"]]
    del home.environ["DATABASE_URL"]
    home.database.unlink()
    (home.path / "data" / "back.db").rename(home.database)
    assert rows_of(home) == before
    home.assert_sound()


def test_syncs_and_readers_go_on_behind_a_copy(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    usual = home.sync().usage.api_requests
    assert home.run("db", "copy", "--to", url).code == 0
    last = home.last_seq()
    moved_to(home, url)
    lived_in.settle()
    outcome = home.sync()
    assert (outcome.status, outcome.usage.api_requests) == ("success", usual)
    assert home.last_seq() == last
    lived_in.service.add_file(lived_in.top, "new.pdf")
    lived_in.settle()
    assert home.sync().status == "success"
    (change,) = home.changes(since=last)
    assert (change["seq"], change["file_name"]) == (last + 1, "new.pdf")
    home.assert_sound()
    read = json.loads(home.run("changes", "--consumer", "bi", "--json").out)
    assert [each["seq"] for each in read["changes"]] == [*range(8, last + 2)]


def test_a_copy_that_was_stopped_at_any_page_goes_on(
    lived_in: Acc, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_PAGE", 5)
    home, url = lived_in.home, postgres.url()
    before, target, stops = rows_of(home), address_of(home, url), 0
    while True:
        seen: list[str] = []

        def stop(table: str, _: int, __: int, seen: list[str] = seen, at: int = stops) -> None:
            seen.append(table)
            if len(seen) > at:
                raise KilledError

        try:
            copying.copy(home.database, target, stop)
        except KilledError:
            stops += 1
        else:
            break
    assert stops > 15
    assert copying.compare(copy_database(home.database, target).tables, target) == []
    assert rows_of(moved_to(home, url)) == before


def test_a_copy_whose_process_was_killed_goes_on_and_writes_only_the_rest(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED_BEHIND_FILES, home.database, home.path],
        input=url,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert killed.returncode == 9
    done = {each["table"]: each for each in json.loads(home.run("db", "copy", "--to", url, "--json").out)["tables"]}
    assert (done["files"]["rows"], done["files"]["written"]) == (24, 0)
    assert done["changes"]["written"] == done["changes"]["rows"] > 0


_KILLED_BEHIND_FILES = """
import os, pathlib, sys
from filesync.runtime.database_url import parse_database_url
from filesync.store.copying import copy
target = parse_database_url(sys.stdin.read(), pathlib.Path(sys.argv[2]), {})
copy(pathlib.Path(sys.argv[1]), target, lambda table, done, of: table == "files" and os._exit(9))
"""


def test_an_earlier_copy_is_brought_up_to_date(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    assert home.run("db", "copy", "--to", url).code == 0
    gone = next(iter(home.files()))
    lived_in.service.hide_file(gone)
    lived_in.service.add_file(lived_in.top, "another.pdf")
    lived_in.settle()
    assert home.sync().status == "success"
    with sqlite3.connect(home.database) as connection:  # what pruning does
        connection.execute("DELETE FROM changes WHERE seq < 5")
    before = rows_of(home)
    done = {each["table"]: each for each in json.loads(home.run("db", "copy", "--to", url, "--json").out)["tables"]}
    assert done["changes"]["dropped"] == 4
    assert 0 < done["files"]["written"] < 5
    assert rows_of(moved_to(home, url)) == before
    assert home.run("files", "--search", "another").out.count("another.pdf") == 1


def test_a_copy_is_one_state_of_a_source_that_is_written_to_meanwhile(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    before = rows_of(home)
    went_on: list[str] = []

    def sync(table: str, _: int, __: int) -> None:
        if table == "folders" and not went_on:
            lived_in.service.add_file(lived_in.top, "meanwhile.pdf")
            lived_in.settle()
            went_on.append(home.sync().status)

    done = copy_database(home.database, address_of(home, url), sync)
    assert (went_on, done.went_on) == (["success"], True)
    assert rows_of(moved_to(home, url)) == before


def test_what_postgresql_cannot_hold_is_replaced_and_told(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    with sqlite3.connect(home.database) as connection:
        connection.execute("UPDATE files SET created_by = 'A' || char(0) || 'nn' WHERE file_name = 'plan 1.pdf'")
        connection.execute("UPDATE changes SET after = json_set(after, '$.created_by', 'A' || char(0)) WHERE seq = 3")
        connection.execute("UPDATE files SET file_type = '\\u0000' WHERE file_name = 'plan 2.pdf'")  # no JSON
        connection.execute("""UPDATE files SET extra = '{"of": "\\ud800 \\ud83d\\ude00"}' WHERE id = 4""")
    ended = home.run("db", "copy", "--to", url)
    assert ended.code == 0
    assert "3 values with characters that PostgreSQL does not take" in ended.err
    assert "2 in files, 1 in changes" in ended.err
    moved_to(home, url)
    files = home.query("SELECT file_name, created_by, file_type, extra FROM files ORDER BY id")
    assert next(row["created_by"] for row in files if row["file_name"] == "plan 1.pdf") == "A\ufffdnn"
    assert next(row["file_type"] for row in files if row["file_name"] == "plan 2.pdf") == "\\u0000"
    assert {"of": "\ufffd \U0001f600"} in [json.loads(row["extra"]) for row in files]
    assert home.query("SELECT after FROM change_feed WHERE seq = 3")[0]["after"]["created_by"] == "A\ufffd"


def test_a_target_that_has_another_inventory_is_refused(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    moved_to(home, url).sync()
    theirs = rows_of(home)
    del home.environ["DATABASE_URL"]
    ended = home.run("db", "copy", "--to", url)
    assert ended.code == 1
    assert "has another inventory; copy into an empty database or schema" in ended.err
    assert rows_of(moved_to(home, url)) == theirs


def test_a_copy_that_went_on_by_itself_is_not_taken_back(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    assert home.run("db", "copy", "--to", url).code == 0
    moved_to(home, url).sync()
    theirs = rows_of(home)
    ended = home.run("db", "copy", "--from", f"sqlite:///{home.database}", "--to", url)
    assert ended.code == 1
    assert "syncs have written to this copy since it was made" in ended.err
    assert rows_of(home) == theirs


def test_nothing_is_copied_while_a_sync_runs(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    (endpoint,) = home.query("SELECT id FROM endpoints")
    with EndpointLocks(home.database, slots=1).endpoint(endpoint["id"]):
        ended = home.run("db", "copy", "--to", url)
    assert ended.code == 2
    assert "a sync of P is running" in ended.err
    assert home.run("db", "copy", "--to", url).code == 0


def test_a_copy_that_somebody_else_wrote_to_is_no_copy(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    target = address_of(home, url)

    def meddle(table: str, _: int, __: int) -> None:
        if table == "feed_positions":
            with psycopg.connect(target.conninfo) as connection:
                connection.execute(f"UPDATE {target.schema}.files SET file_size = 1 WHERE file_name = 'plan 1.pdf'")

    with pytest.raises(StoreError, match="does not hold what was copied in files, so somebody else"):
        copy_database(home.database, target, meddle)


def test_the_url_may_stand_in_a_file_so_that_no_argument_has_the_password(lived_in: Acc, postgres: Postgres) -> None:
    home, url = lived_in.home, postgres.url()
    (home.path / "there").write_text(f"{url}\n")
    assert home.run("db", "copy", "--to-file", str(home.path / "there")).code == 0
    back = home.run("db", "copy", "--from-file", str(home.path / "there"), "--to", "sqlite:///data/back.db", "--json")
    assert json.loads(back.out)["from"] == address_of(home, url).label


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--to URL or --to-file PATH is needed"),
        (("--to", "sqlite:///a.db", "--to-file", "b"), "--to and --to-file exclude each other"),
        (("--to", "sqlite:///data/connector.db"), "is the database that is to be copied"),
        (("--to", "mysql://ann:hunter22@db/x"), "--to: only sqlite and postgresql are supported"),
        (("--to", "postgresql://ann:hunter22@db/x?schema=public"), "--to: schema: public is not taken"),
        (("--to-file", "/nowhere"), "--to-file /nowhere: cannot be read: No such file or directory"),
    ],
)
def test_a_target_that_cannot_be_meant_is_refused(lived_in: Acc, arguments: tuple[str, ...], words: str) -> None:
    ended = lived_in.home.run("db", "copy", *arguments)
    assert ended.code in {1, 2}
    assert words in ended.err
    assert "hunter22" not in ended.err


def test_a_target_that_cannot_be_reached_is_named_without_its_password(lived_in: Acc, postgres: Postgres) -> None:
    ended = lived_in.home.run("db", "copy", "--to", postgres.url(password="hunter22"))
    assert ended.code == 78
    assert "the server refuses the user or the password" in ended.err
    assert "hunter22" not in ended.err


# --- grants ---------------------------------------------------------------------------------


class Roles:
    """The roles that `db grants` made for a schema, and logins of theirs."""

    def __init__(self, postgres: Postgres, schema: str) -> None:
        self.postgres = postgres
        self.schema = schema
        self.made = [f"{schema}_writer", f"{schema}_reader"]

    def login(self, role: str | None) -> Login:
        """Make a login with that role, or none."""
        server = self.postgres.login
        login = Login(f"l_{secrets.token_hex(6)}", secrets.token_hex(12), server.host, server.port, server.database)
        with self.postgres.admin() as connection:
            connection.execute(f"CREATE ROLE {login.user} LOGIN PASSWORD '{login.password}'")
            if role:
                connection.execute(f"GRANT {role} TO {login.user}")
        self.made.insert(0, login.user)
        return login

    @contextlib.contextmanager
    def connected(self, role: str | None) -> Iterator["psycopg.Connection[Any]"]:
        login = self.login(role)
        with psycopg.connect(login.url(), autocommit=True) as connection:
            yield connection


@pytest.fixture
def roles(acc: Acc, postgres: Postgres) -> Iterator[Roles]:
    """Let the owner sync, then run what `db grants` prints, twice: an upgrade asks for that."""
    url = postgres.url()
    schema = address_of(acc.home, url).schema
    moved_to(acc.home, url)
    acc.service.add_file(acc.top, "plan.pdf")
    acc.settle()
    assert acc.home.sync().status == "success"
    found = Roles(postgres, schema)
    with postgres.admin() as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = 'anon'").fetchone():
            connection.execute("CREATE ROLE anon NOLOGIN")  # as Supabase does
            found.made.append("anon")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC, anon")
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO PUBLIC, anon")
        for _ in range(2):
            connection.execute(acc.home.run("db", "grants").out.encode())
    yield found
    with postgres.admin() as connection:
        for role in found.made:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")


def test_a_reader_reads_tables_and_views_and_writes_nothing(acc: Acc, roles: Roles) -> None:
    with roles.connected(f"{roles.schema}_reader") as connection:
        for view in ("files", "current_files", "change_feed"):
            found = connection.execute(f"SELECT file_name FROM {roles.schema}.{view}").fetchall()
            assert found == [("plan.pdf",)], view
        for sql in ("DELETE FROM {}.files", "UPDATE {}.files SET file_size = 1", "CREATE TABLE {}.mine (id int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.format(roles.schema))
    moved_to(acc.home, roles.login(f"{roles.schema}_reader").url(schema=roles.schema))
    level, detail, fix = checks(acc.home)["rights"]
    assert (level, "nothing can be synced" in detail) == ("WARN", True)
    assert f"filesync db grants --schema {roles.schema}" in fix
    assert acc.home.run("files").out.count("plan.pdf") == 1


def test_a_login_with_rights_and_without_a_role_is_not_shown_an_empty_inventory(acc: Acc, roles: Roles) -> None:
    login = roles.login(None)
    with roles.postgres.admin() as connection:
        connection.execute(f"GRANT USAGE, CREATE ON SCHEMA {roles.schema} TO {login.user}")
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {roles.schema} TO {login.user}")
    moved_to(acc.home, login.url(schema=roles.schema))
    for words in (("files",), ("sync", "--all")):
        ended = acc.home.run(*words)
        assert ended.code == 1, ended
        assert f"GRANT {roles.schema}_writer TO" in ended.err


def test_a_writer_syncs_into_the_owners_schema(acc: Acc, roles: Roles) -> None:
    moved_to(acc.home, roles.login(f"{roles.schema}_writer").url(schema=roles.schema))
    assert checks(acc.home)["rights"][1].endswith("reads and writes; who owns the schema migrates it")
    acc.service.add_file(acc.top, "another.pdf")
    acc.settle()
    ended = acc.home.run("sync", "--all")
    assert ended.code == 0, ended
    assert sorted(acc.home.paths()) == ["/Project Files/another.pdf", "/Project Files/plan.pdf"]
    acc.home.assert_sound()


def test_a_writer_brings_a_copy_into_the_owners_schema_up_to_date(acc: Acc, roles: Roles) -> None:
    writer = roles.login(f"{roles.schema}_writer").url(schema=roles.schema)
    assert acc.home.run("db", "copy", "--to", "sqlite:///data/connector.db").code == 0
    del acc.home.environ["DATABASE_URL"]
    acc.service.add_file(acc.top, "another.pdf")
    acc.settle()
    assert acc.home.sync().status == "success"
    ended = acc.home.run("db", "copy", "--to", writer)
    assert ended.code == 0, ended
    assert len(moved_to(acc.home, writer).files()) == 2


@pytest.mark.parametrize("role", [None, "anon"])
def test_nobody_else_sees_anything(roles: Roles, role: str | None) -> None:
    with roles.connected(role) as connection:
        assert connection.execute("SELECT has_schema_privilege(%s, 'USAGE')", (roles.schema,)).fetchone() == (False,)
        for view in ("files", "current_files", "change_feed", "schema_migrations"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {roles.schema}.{view}")


def test_a_right_alone_shows_no_rows(roles: Roles) -> None:
    """Whoever is given a right to a table by mistake is still named by no policy."""
    with roles.connected(None) as connection:
        with roles.postgres.admin() as admin:
            (user,) = connection.execute("SELECT current_user").fetchone() or ("",)
            admin.execute(f"GRANT USAGE ON SCHEMA {roles.schema} TO {user}")
            admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {roles.schema} TO {user}")
        for table in (*TABLES, "schema_migrations", "feed_counter"):
            assert connection.execute(f"SELECT * FROM {roles.schema}.{table}").fetchall() == [], table


def test_grants_are_for_the_schema_that_is_named(acc: Acc) -> None:
    assert 'GRANT USAGE ON SCHEMA "filesync" TO filesync_writer, filesync_reader;' in acc.home.run("db", "grants").out
    assert 'SCHEMA "other" TO other_writer' in acc.home.run("db", "grants", "--schema", "other").out
    for name in ("Bad;", "public", "x" * 57):
        ended = acc.home.run("db", "grants", "--schema", name)
        assert (ended.code, ended.out) == (2, "")


def test_grants_for_a_schema_that_is_not_there_change_nothing(acc: Acc, postgres: Postgres) -> None:
    schema = postgres.fresh_schema()
    sql = acc.home.run("db", "grants", "--schema", schema).out
    with postgres.admin() as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="let its owner run filesync sync first"):
            connection.execute(sql.encode())
        connection.execute("ROLLBACK")
        assert not connection.execute("SELECT FROM pg_roles WHERE rolname LIKE %s", (f"{schema}%",)).fetchall()
