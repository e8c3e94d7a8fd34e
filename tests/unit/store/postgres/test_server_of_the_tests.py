"""The server that other tests stand on: that it is real, and that its ways to fail are those they say."""

from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.postgres import Pooler, Postgres
from tests.support.postgres_proxy import Cut, CuttingProxy


def connect(url: str) -> "psycopg.Connection[Any]":
    """Connect as libpq does, which does not know `schema`."""
    plain, _, query = url.partition("?")
    kept = "&".join(each for each in query.split("&") if not each.startswith("schema="))
    return psycopg.connect(make_conninfo(f"{plain}?{kept}"), autocommit=True)


def schema_in(url: str) -> str:
    return url.partition("schema=")[2].partition("&")[0]


def value(connection: "psycopg.Connection[Any]", query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row
    return row[0]


def test_a_role_makes_its_schemas_and_sees_no_other(postgres: Postgres) -> None:
    first, second = postgres.url(), postgres.url()
    assert schema_in(first) != schema_in(second)
    with connect(first) as connection:
        connection.execute(f"CREATE SCHEMA {schema_in(first)}")
        assert value(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


def test_backends_are_ended(postgres: Postgres) -> None:
    with connect(postgres.url()) as connection:
        assert postgres.terminate_backends() == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_an_immediate_restart_keeps_the_port_and_what_was_committed(postgres: Postgres) -> None:
    url = postgres.url()
    with connect(url) as connection:
        connection.execute(f"CREATE SCHEMA {schema_in(url)}")
        connection.execute(f"CREATE TABLE {schema_in(url)}.t AS SELECT 7 AS n")
    postgres.restart()
    with connect(url) as connection:
        assert value(connection, f"SELECT n FROM {schema_in(url)}.t") == 7


def test_connections_are_limited(postgres: Postgres) -> None:
    postgres.limit_connections(1)
    with connect(postgres.url()), pytest.raises(psycopg.OperationalError, match="too many connections"):
        connect(postgres.url())


def test_writes_are_refused(postgres: Postgres) -> None:
    postgres.read_only()
    with connect(postgres.url()) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("CREATE SCHEMA never")


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("parameters", [None, []], ids=["simple", "extended"])
def test_a_commit_that_is_cut_was_done_or_not(postgres: Postgres, cut: Cut, parameters: list[Any] | None) -> None:
    with CuttingProxy(postgres, at_commit=cut) as proxy:
        url = proxy.url()
        with connect(url) as connection:
            connection.execute("BEGIN")
            connection.execute(f"CREATE SCHEMA {schema_in(url)}")
            with pytest.raises(psycopg.OperationalError):
                connection.execute("COMMIT", parameters)
        with connect(url) as connection:  # once only
            found = value(connection, f"SELECT count(*) FROM pg_namespace WHERE nspname = '{schema_in(url)}'")
    assert found == (cut is Cut.AFTER_COMMIT)


def test_a_connection_is_cut_after_so_many_messages_and_a_pipeline_is_one_send(postgres: Postgres) -> None:
    with CuttingProxy(postgres, after_messages=2) as proxy:
        url = proxy.url()
        with connect(url) as connection:
            connection.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 2")
        assert (proxy.messages, proxy.sends, proxy.cuts) == (2, 2, 1)
        with connect(url) as connection:
            with connection.pipeline():
                connection.execute("SELECT 1")
                connection.execute("SELECT 2")
            assert proxy.sends == 3


def test_a_pooler_gives_each_transaction_any_connection(pooler: Pooler) -> None:
    with connect(pooler.url()) as one, connect(pooler.url()) as other:
        one.execute("BEGIN")
        assert value(one, "SELECT pg_backend_pid()") != value(other, "SELECT pg_backend_pid()")
        one.execute("COMMIT")
        assert value(one, "SELECT 1") == value(other, "SELECT 1")
