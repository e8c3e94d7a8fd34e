"""PostgreSQL's errors as users meet them: whose turn it is, what to do, and never the password."""

import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import errors as states

from filesync.core.errors import (
    CommitUnknownError,
    ConfigError,
    StoreAddressError,
    StoreError,
    UnavailableError,
    UnstorableTextError,
)
from filesync.runtime.database_url import PostgresAddress, parse_database_url
from filesync.store.postgres.connection import connect, unchecked_host
from filesync.store.postgres.errors import commit_named, problems_named
from tests.support.certificates import Authority
from tests.support.postgres import CLOSED_DATABASE, TLS_DATABASE, Pooler, Postgres, Server, free_port, pooled
from tests.support.postgres_proxy import Cut, CuttingProxy

WORD = "hunter22"
HOME = Path("/srv/home")


def address_of(url: str, home: Path = HOME) -> PostgresAddress:
    address = parse_database_url(url, home, {})
    assert isinstance(address, PostgresAddress)
    return address


@contextmanager
def refused(kind: type[StoreError], words: str, *secrets: str) -> Iterator[None]:
    """Expect exactly that kind of error, those words, one line, and no secret."""
    with pytest.raises(StoreError, match=words) as caught:
        yield
    message = str(caught.value)
    assert type(caught.value) is kind, message
    assert message.isprintable()
    assert message.startswith("postgresql")
    assert not [each for each in (WORD, *secrets) if each in message]


def test_exit_codes_say_who_is_to_act() -> None:
    assert [each.exit_code for each in (StoreError, StoreAddressError, UnavailableError, CommitUnknownError)] == [
        1,
        78,
        75,
        75,
    ]


# The way to the server.


def test_nobody_listens(postgres: Postgres) -> None:
    with refused(UnavailableError, "nobody listens there; is the server running"):
        connect(address_of(f"postgresql://ann:{WORD}@127.0.0.1:{free_port()}/x"))
    with refused(UnavailableError, "nobody listens there"):
        connect(address_of(f"postgresql://ann:{WORD}@%2Fnowhere/x"))


def test_a_host_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with refused(UnavailableError, "the host's name is not known .*Name or service not known"):
        connect(address_of(f"postgresql://ann:{WORD}@db.example.com/x"))


def test_a_host_that_cannot_be() -> None:
    with refused(StoreAddressError, "no host can have that name"):
        connect(address_of(f"postgresql://ann:{WORD}@{'a' * 64}.example/x"))


def test_a_server_that_says_nothing_is_given_up(postgres: Postgres) -> None:
    secret = postgres.login.password
    with CuttingProxy(postgres, is_silent=True) as proxy, refused(UnavailableError, "did not answer in time", secret):
        connect(address_of(proxy.url(connect_timeout="2")))


IPV6_ONLY = "Supabase's direct address has only IPv6: take the session pooler's"
SAID_ONLY_ELSEWHERE = [
    (
        'to server at "db.x.supabase.co" (2001:db8::1), port 5432 failed: Network is unreachable\n\tIs the server running?',
        UnavailableError,
        f"no way to the host from this network .Network is unreachable.; {IPV6_ONLY}",
    ),
    ('could not translate host name "x": No address associated', UnavailableError, f"name is not known .*{IPV6_ONLY}"),
    (
        'to "x" failed: FATAL:  Tenant or user not found',
        StoreAddressError,
        "behind Supabase's pooler it is postgres.PROJECT",
    ),
    (
        'to "x" failed: FATAL:  (ENOTFOUND) tenant/user postgres.abc not found',
        StoreAddressError,
        "behind Supabase's pooler it is postgres.PROJECT",
    ),
    (
        'to "x" failed: FATAL:  (ENOIDENTIFIER) no tenant identifier provided',
        StoreAddressError,
        "behind Supabase's pooler it is postgres.PROJECT",
    ),
    (
        'to "x" failed: could not open certificate file "/root/.postgresql/postgresql.crt": Permission denied',
        StoreAddressError,
        "a certificate for logging in cannot be used .*sslcert",
    ),
    (
        'to "x" failed: FATAL:  unsupported startup parameter: extra_float_digits',
        StoreAddressError,
        "a pooler in between .*extra_float_digits",
    ),
    (
        'to "x" failed: FATAL:  MaxClientsInSessionMode: max clients reached - in Session mode',
        UnavailableError,
        "the server has no connection left .MaxClientsInSessionMode",
    ),
    (
        'to "x" failed: FATAL:  sorry, too many clients already',
        UnavailableError,
        "left .sorry, too many clients already",
    ),
    ('to "x" failed: FATAL:  the database system is starting up', UnavailableError, "is starting up"),
    ('to "x" failed: FATAL:  SSL connection is required', StoreAddressError, "the server wants TLS"),
    (
        'to "x" failed: fe_sendauth: no password supplied',
        StoreAddressError,
        "wants a password, and DATABASE_URL has none",
    ),
    ('to "x" failed: FATAL:  role "ann" does not exist', StoreAddressError, "refuses the user or the password"),
    ('to "x" failed: FATAL:  server login has been failing', UnavailableError, "the pooler reaches no server"),
    (
        "something that nobody has seen yet",
        UnavailableError,
        "it cannot be reached: something that nobody has seen yet",
    ),
]


@pytest.mark.parametrize(("said", "kind", "words"), SAID_ONLY_ELSEWHERE)
def test_what_no_server_here_can_be_brought_to_say(said: str, kind: type[StoreError], words: str) -> None:
    with refused(kind, words), problems_named(address_of(f"postgresql://ann:{WORD}@db.x.supabase.co/x")):
        raise psycopg.OperationalError(f"connection failed: {said}")


def test_who_uses_the_pooler_already_is_not_sent_to_it() -> None:
    address = address_of("postgresql://postgres.abcdef@aws-0-nowhere.pooler.supabase.com/postgres")
    with pytest.raises(UnavailableError, match=r"compare the host with .* Connect$") as said, problems_named(address):
        raise psycopg.OperationalError('could not translate host name "x": Name or service not known')
    assert "IPv6" not in str(said.value)


def test_a_role_of_the_pooler_is_named_as_the_database_knows_it() -> None:
    address = address_of("postgresql://postgres.abcdef@aws-0-eu-west-1.pooler.supabase.com/postgres")
    with refused(StoreError, "GRANT CREATE ON DATABASE postgres TO postgres$"), problems_named(address):
        raise states.InsufficientPrivilege("permission denied for database postgres")


def test_a_password_that_a_server_repeats_is_taken_out() -> None:
    with refused(UnavailableError, r"odd \*\*\* words"), problems_named(address_of(f"postgresql://ann:{WORD}@db/x")):
        raise psycopg.OperationalError(f"odd {WORD} words")


# Being let in.


def test_a_wrong_password(postgres: Postgres) -> None:
    postgres.server.require_own()
    with refused(StoreAddressError, "the server refuses the user or the password", postgres.login.password):
        connect(address_of(postgres.url(password=WORD)))
    with refused(StoreAddressError, "wants a password, and DATABASE_URL has none"):
        connect(address_of(postgres.url().replace(f":{postgres.login.password}", "")))


def test_nobody_is_let_in(postgres: Postgres) -> None:
    postgres.server.require_own()
    with refused(StoreAddressError, r"lets nobody in this way \(pg_hba\.conf rejects", postgres.login.password):
        connect(address_of(postgres.url(database=CLOSED_DATABASE)))
    postgres.execute("ALTER ROLE {role} NOLOGIN")
    with refused(StoreAddressError, "lets nobody in this way .*not permitted to log in", postgres.login.password):
        connect(address_of(postgres.url()))


def test_a_database_that_is_not_there(postgres: Postgres) -> None:
    with refused(
        StoreAddressError, r"no such database \(database \"missing\" does not exist\)", postgres.login.password
    ):
        connect(address_of(postgres.url(database="missing")))


def test_a_database_that_the_user_may_not_enter(postgres: Postgres, tmp_path: Path) -> None:
    postgres.server.require_own()
    postgres.execute(f"REVOKE CONNECT ON DATABASE {TLS_DATABASE} FROM PUBLIC")
    words = f"may not connect .*GRANT CONNECT, CREATE ON DATABASE {TLS_DATABASE} TO {postgres.login.user}"
    try:
        with speaking_tls(postgres.server, Authority(tmp_path)), refused(StoreAddressError, words):
            connect(address_of(postgres.url(database=TLS_DATABASE, sslmode="require")))
    finally:
        postgres.execute(f"GRANT CONNECT ON DATABASE {TLS_DATABASE} TO PUBLIC")


@pytest.mark.parametrize("option", ["sslmode=requir", "connect_timeout=soon", "sslrootcert=system&sslmode=prefer"])
def test_an_option_that_libpq_refuses(option: str) -> None:
    with refused(StoreAddressError, "DATABASE_URL: "):
        connect(address_of(f"postgresql://ann:{WORD}@127.0.0.1/x?{option}"))


def test_no_connection_is_left(postgres: Postgres) -> None:
    postgres.limit_connections(1)
    with (
        connect(address_of(postgres.url())),
        refused(UnavailableError, "no connection left .too many connections for role"),
    ):
        connect(address_of(postgres.url()))


def test_a_pooler_has_no_connection_left(postgres: Postgres) -> None:
    with pooled(postgres, most_clients=1) as pooler, connect(address_of(pooler.url())) as connection:
        connection.execute("BEGIN")
        with refused(UnavailableError, "no connection left .no more connections allowed"):
            connect(address_of(pooler.url()))
        connection.execute("COMMIT")


# TLS.


@contextmanager
def speaking_tls(server: Server, authority: Authority, host: str = "127.0.0.1") -> Iterator[None]:
    server.show_certificate(authority.issue(host))
    try:
        yield
    finally:
        server.show_certificate(None)


def test_a_server_without_tls(postgres: Postgres) -> None:
    postgres.server.require_own()
    with refused(StoreAddressError, "does not speak TLS, and sslmode asks for it", postgres.login.password):
        connect(address_of(postgres.url(sslmode="require")))


def test_a_server_that_wants_tls(postgres: Postgres, tmp_path: Path) -> None:
    with speaking_tls(postgres.server, Authority(tmp_path)):
        with connect(address_of(postgres.url(database=TLS_DATABASE))) as connection:  # it is tried by itself
            assert connection.pgconn.ssl_in_use
        with refused(StoreAddressError, "write sslmode=require if it wants TLS", postgres.login.password):
            connect(address_of(postgres.url(database=TLS_DATABASE, sslmode="disable")))


def test_a_certificate_is_checked_when_it_is_asked_for(postgres: Postgres, tmp_path: Path) -> None:
    ours, other = Authority(tmp_path), Authority(tmp_path / "other")
    other.folder.mkdir()
    url = postgres.url(sslmode="verify-full", sslrootcert="authority.pem")
    with speaking_tls(postgres.server, ours):
        assert ours.bundle
        with connect(address_of(url, tmp_path)) as connection:
            assert connection.pgconn.ssl_in_use
        assert other.bundle
        with refused(StoreAddressError, "not from a known authority .*sslrootcert", postgres.login.password):
            connect(address_of(url, tmp_path / "other"))
        with refused(StoreAddressError, "the server's authority cannot be read .*missing", postgres.login.password):
            connect(address_of(url, tmp_path / "missing"))
    words = "certificate is for another host .*db.example.com"
    with speaking_tls(postgres.server, ours, "db.example.com"), refused(StoreAddressError, words):
        connect(address_of(url, tmp_path))


@pytest.mark.parametrize(
    ("host", "named"), [("db.example.com", "db.example.com"), ("192.0.2.1", "192.0.2.1"), ("127.0.0.1,db", "db")]
)
@pytest.mark.parametrize("mode", ["", "sslmode=prefer", "sslmode=require", "sslmode=verify-ca&sslrootcert=c"])
def test_an_unprotected_connection_is_warned_of(host: str, named: str, mode: str) -> None:
    assert unchecked_host(address_of(f"postgresql://ann:{WORD}@{host}/x?{mode}")) == named


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "%2Frun", ""])
def test_what_does_not_leave_the_machine_is_not_warned_of(host: str) -> None:
    assert unchecked_host(address_of(f"postgresql://{host}/x")) == ""


def test_a_checked_connection_is_not_warned_of() -> None:
    assert unchecked_host(address_of("postgresql://db.example.com/x?sslmode=verify-full&sslrootcert=system")) == ""


# Statements.


def test_writes_are_refused(postgres: Postgres) -> None:
    postgres.read_only()
    address = address_of(postgres.url())
    with connect(address) as connection, refused(UnavailableError, "takes no writes now"), problems_named(address):
        connection.execute(f"CREATE SCHEMA {address.schema}")


def test_a_statement_takes_too_long(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with connect(address) as connection, refused(UnavailableError, "took too long"), problems_named(address):
        connection.execute("BEGIN")
        connection.execute("SET LOCAL statement_timeout = 1")
        connection.execute("SELECT pg_sleep(60)")


def test_a_table_is_locked_for_too_long(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with connect(address) as holder, connect(address) as waiting:
        holder.execute(f"CREATE SCHEMA {address.schema}")
        holder.execute(f"CREATE TABLE {address.schema}.t ()")
        holder.execute("BEGIN")
        holder.execute(f"LOCK TABLE {address.schema}.t")
        with refused(UnavailableError, "locked by another program for too long"), problems_named(address):
            waiting.execute("BEGIN")
            waiting.execute("SET LOCAL lock_timeout = 1")
            waiting.execute(f"SELECT * FROM {address.schema}.t")


def test_a_transaction_that_says_nothing_for_too_long(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with (
        connect(address) as connection,
        refused(UnavailableError, "held open for too long|the connection was lost"),
        problems_named(address),
    ):
        connection.execute("BEGIN")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 1")
        assert select.select([connection], [], [], 60)[0]
        connection.execute("COMMIT")


def test_a_commit_that_takes_too_long_is_known_to_have_failed(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with connect(address) as connection, refused(UnavailableError, "took too long"), commit_named(address):
        connection.execute("SET statement_timeout = 1")
        connection.execute("SELECT pg_sleep(60)")


def test_rights_are_missing(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    postgres.execute(f"CREATE SCHEMA {address.schema}")
    try:
        with (
            connect(address) as connection,
            refused(StoreError, "GRANT USAGE, CREATE ON SCHEMA"),
            problems_named(address),
        ):
            connection.execute(f"CREATE TABLE {address.schema}.t ()")
    finally:
        postgres.execute(f"DROP SCHEMA {address.schema}")


def test_a_schema_that_may_not_be_created(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    postgres.execute(f"REVOKE CREATE ON DATABASE {postgres.login.database} FROM {{role}}")
    words = f"GRANT CREATE ON DATABASE {postgres.login.database} TO {postgres.login.user}"
    with connect(address) as connection, refused(StoreError, words), problems_named(address):
        connection.execute(f"CREATE SCHEMA {address.schema}")


def test_a_schema_that_is_not_there(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with connect(address) as connection, refused(StoreError, "the schema is missing"), problems_named(address):
        connection.execute(f"CREATE TABLE {address.schema}.t ()")


def test_two_transactions_that_are_in_each_others_way(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with connect(address) as one, connect(address) as other:
        one.execute(f"CREATE SCHEMA {address.schema}")
        one.execute(f"CREATE TABLE {address.schema}.t AS SELECT 1 AS n")
        for each in (one, other):
            each.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            each.execute(f"SELECT n FROM {address.schema}.t")
        one.execute(f"UPDATE {address.schema}.t SET n = 2")
        one.execute("COMMIT")
        with refused(UnavailableError, "in the way again and again"), problems_named(address):
            other.execute(f"UPDATE {address.schema}.t SET n = 3")


@pytest.mark.parametrize(
    "statement",
    ['SELECT \'"a\\u0000b"\'::jsonb ->> 0, \'{"a": "\\u0000"}\'::jsonb', "SELECT convert_from('\\xff'::bytea, 'UTF8')"],
)
def test_a_text_that_cannot_be_stored(postgres: Postgres, statement: str) -> None:
    address = address_of(postgres.url())
    with (
        connect(address) as connection,
        refused(UnstorableTextError, "a character that PostgreSQL does not take"),
        problems_named(address),
    ):
        connection.execute(statement)


def test_a_nul_that_the_driver_refuses(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with (
        connect(address) as connection,
        refused(UnstorableTextError, "a character that PostgreSQL does not take"),
        problems_named(address),
    ):
        connection.execute("SELECT %s::text", ["a\0b"])


def test_a_full_disk() -> None:
    with (
        refused(StoreError, "the server's disk is full; free some space"),
        problems_named(address_of("postgresql://db/x")),
    ):
        raise states.DiskFull('could not extend file "base/1": No space left on device')


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT * FROM missing", "SELECT 1 / 0"])
def test_a_bug_crashes(postgres: Postgres, statement: str) -> None:
    address = address_of(postgres.url())
    with connect(address) as connection, pytest.raises(psycopg.Error), problems_named(address):
        connection.execute(statement)


def test_a_lost_lease_is_left_to_whoever_holds_it(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    statement = "DO $$ BEGIN RAISE EXCEPTION 'lease lost' USING ERRCODE = 'FS001'; END $$"
    with connect(address) as connection, pytest.raises(psycopg.Error, match="lease lost"), problems_named(address):
        connection.execute(statement)


# Connections that end.


def test_the_administrator_ends_a_connection(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with connect(address) as connection:
        postgres.terminate_backends()
        with refused(UnavailableError, "ended the connection|connection was lost"), problems_named(address):
            connection.execute("SELECT 1")
        with refused(UnavailableError, "connection was lost"), problems_named(address):
            connection.execute("SELECT 1")


def test_the_server_is_stopped_and_started(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with connect(address) as connection:
        postgres.restart("immediate")
        with refused(UnavailableError, "ended the connection|connection was lost"), problems_named(address):
            connection.execute("SELECT 1")
    connect(address).close()


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("pipelined", [False, True])
def test_a_connection_lost_in_a_commit_is_said_to_be_that(postgres: Postgres, cut: Cut, pipelined: bool) -> None:
    with CuttingProxy(postgres, at_commit=cut) as proxy:
        address = address_of(proxy.url())
        with (
            connect(address) as connection,
            refused(CommitUnknownError, "it is not known whether"),
            commit_named(address),
        ):
            if pipelined:
                with connection.pipeline():
                    connection.execute("BEGIN")
                    connection.execute(f"CREATE SCHEMA {address.schema}")
                    connection.execute("COMMIT")
            else:
                connection.execute("BEGIN")
                connection.execute(f"CREATE SCHEMA {address.schema}")
                connection.execute("COMMIT")
    with postgres.admin() as admin:
        found = admin.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [address.schema]).fetchone()
    assert (found is not None) == (cut is Cut.AFTER_COMMIT)


def test_an_error_before_a_commit_is_no_loss(postgres: Postgres) -> None:
    address = address_of(postgres.url())
    with connect(address) as connection, refused(StoreError, "the schema is missing"), commit_named(address):
        connection.execute(f"CREATE TABLE {address.schema}.t ()")


# What every connection is like.


def test_a_connection_keeps_nothing_in_its_session(pooler: Pooler) -> None:
    with connect(address_of(pooler.url())) as connection:
        assert connection.autocommit
        for _ in range(10):  # by default the sixth would be prepared, on a server that the seventh may not meet
            connection.execute("SELECT %s::int", [1])
        row = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        assert row == (0,)


def test_a_connection_names_itself_and_speaks_utf8(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    with connect(address_of(postgres.url())) as connection:
        found = connection.execute(
            "SELECT current_setting('application_name'), current_setting('client_encoding'), current_setting('search_path')"
        ).fetchone()
    assert found == ("filesync", "UTF8", '"$user", public')
    with connect(address_of(postgres.url(application_name="nightly"))) as connection:
        assert connection.execute("SELECT current_setting('application_name')").fetchone() == ("nightly",)


def test_a_silent_connection_is_noticed() -> None:
    given = {}

    def taken(**parameters: object) -> None:
        given.update(parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg, "connect", taken)
        connect(address_of("postgresql://db/x?keepalives_idle=7"))
    assert (given["keepalives_idle"], given["connect_timeout"], given["prepare_threshold"]) == ("7", "10", None)


def test_the_driver_is_named_where_it_is_missing(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from pathlib import Path\n"
        "from filesync.core.errors import ConfigError\n"
        "from filesync.runtime.database_url import parse_database_url\n"
        "from filesync.store.postgres.connection import connect\n"
        "try:\n    connect(parse_database_url('postgresql://db/x', Path('/'), {}))\n"
        "except ConfigError as exc:\n    print(exc)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said == "DATABASE_URL: PostgreSQL needs its driver; run: pip install 'filesync[postgres]'\n"
    assert ConfigError.exit_code == 78
