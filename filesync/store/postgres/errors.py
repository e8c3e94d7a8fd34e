"""PostgreSQL's errors in the user's words: what is at fault, what to do about it, and whether to wait."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filesync.core.errors import (
    CommitUnknownError,
    ConfigError,
    StoreAddressError,
    StoreError,
    UnavailableError,
    UnstorableTextError,
)
from filesync.core.sanitize import harmless
from filesync.runtime.database_url import PostgresAddress

if TYPE_CHECKING:
    import psycopg  # noqa: TID251  only here and in connection.py

LEASE_LOST = "FS001"  # raised by a function of ours; whoever called it knows what it means

_LONGEST = 300  # characters of the server's own words
_CONNECTION_LOST = "the connection was lost; nothing that was committed was lost"
_INTERRUPTED = (
    "the connection was lost while a transaction was being committed, so it is not known whether it was; what was "
    "begun counts as interrupted, and the next start reads what is there"
)


@dataclass(frozen=True)
class Problem:
    """What an error means: who is to act, and what to say; {said} stands for the server's words."""

    kind: type[StoreError]
    words: str


# By SQLSTATE, the whole before its class. https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_STATE = {
    "08": Problem(UnavailableError, _CONNECTION_LOST),
    "22021": Problem(UnstorableTextError, "a text has a character that PostgreSQL does not take: {said}"),
    "22P05": Problem(UnstorableTextError, "a text has a character that PostgreSQL does not take: {said}"),
    "25006": Problem(
        UnavailableError,
        "it takes no writes now: it is a replica, or read-only, as on Supabase when the disk is full: free some space",
    ),
    **dict.fromkeys(("25P03", "25P04"), Problem(UnavailableError, "a transaction was held open for too long ({said})")),
    "28P01": Problem(StoreAddressError, "the server refuses the user or the password; check both in DATABASE_URL"),
    "28": Problem(
        StoreAddressError,
        "the server lets nobody in this way ({said}); check user and database in DATABASE_URL, write sslmode=require "
        "if it wants TLS, or have a line added to its pg_hba.conf",
    ),
    "3D000": Problem(
        StoreAddressError, "there is no such database ({said}); check DATABASE_URL, or run: CREATE DATABASE"
    ),
    "3F000": Problem(StoreError, "the schema is missing ({said}); run: filesync sync"),
    "40": Problem(UnavailableError, "another transaction was in the way again and again ({said})"),
    "42501": Problem(StoreError, "rights are missing ({said}); {grant}"),
    "53100": Problem(StoreError, "the server's disk is full; free some space, nothing was lost"),
    "53200": Problem(UnavailableError, "the server has no memory left ({said})"),
    "53300": Problem(
        UnavailableError,
        "the server has no connection left ({said}); end other programs, or have its limit or the pool made larger",
    ),
    "54": Problem(StoreError, "a limit of the server was exceeded: {said}"),
    "55P03": Problem(UnavailableError, "a row or table was locked by another program for too long ({said})"),
    "57014": Problem(UnavailableError, "a statement took too long, so the server ended it ({said})"),
    "57": Problem(UnavailableError, "the server is stopping, starting, or ended the connection ({said})"),
    "58": Problem(StoreError, "the server could not read or write its files: {said}"),
    "XX": Problem(StoreError, "the server reports an inner error: {said}"),
}

_FULL = (
    r"no more connections allowed|max clients|max_client_conn|max client connections|remaining connection slots"
    r"|too many (?:clients|connections)|query_wait_timeout"
)
_LOST = (
    r"server closed the connection|connection (?:is|was) (?:lost|closed)|reset by peer|Broken pipe|SSL SYSCALL"
    r"|consuming input failed|sending .* failed|could not (?:receive|send) data|unexpected eof"
)

# By the words of libpq, of servers and of poolers, for a connection that was not made has no SQLSTATE.
_BY_WORDS = [
    (
        # three wordings of one thing: https://github.com/supabase/supabase/issues/42581 has the older ones
        r"Tenant or user not found|\(ENOTFOUND\)|\(ENOIDENTIFIER\)",
        Problem(
            StoreAddressError,
            "the pooler knows no such user: behind Supabase's pooler it is postgres.PROJECT, and each project has its "
            "own host; take the address that its dashboard shows under Connect",
        ),
    ),
    (
        _FULL,
        _BY_STATE["53300"],
    ),
    (
        r"no password supplied",
        Problem(StoreAddressError, "the server wants a password, and DATABASE_URL has none"),
    ),
    (
        r"password authentication failed|SASL authentication failed|no such user",
        _BY_STATE["28P01"],
    ),
    (
        r"server does not support SSL",
        Problem(
            StoreAddressError,
            "the server does not speak TLS, and sslmode asks for it; switch it on there, or on a network of your own "
            "say sslmode=prefer",
        ),
    ),
    (
        r"SSL required|connection is insecure|SSL connection is required|encryption is required",
        Problem(
            StoreAddressError, "the server wants TLS; write sslmode=require or sslmode=verify-full in DATABASE_URL"
        ),
    ),
    (
        r"root certificate file \S+ does not exist|could not (?:read|load) (?:root )?certificate file",
        Problem(
            StoreAddressError,
            "the certificate of the server's authority cannot be read ({said}); sslrootcert names its file, from home",
        ),
    ),
    (
        (
            r"could not (?:open|load|access) (?:certificate|private key) file"
            r"|private key file \S+ has group or world access"
        ),
        Problem(
            StoreAddressError,
            "a certificate for logging in cannot be used ({said}); libpq takes it from .postgresql in HOME when "
            "sslcert and sslkey name none: name both, or mend the file",
        ),
    ),
    (
        r"unsupported startup parameter",
        Problem(
            StoreAddressError,
            "a pooler in between does not take what is asked for ({said}); leave it out of DATABASE_URL and of the "
            "variables that libpq reads, such as PGOPTIONS and PGTZ",
        ),
    ),
    (
        r"certificate verify failed|unable to get local issuer|self.signed certificate",
        Problem(
            StoreAddressError,
            "the server's certificate is not from a known authority ({said}); get the authority's and name its file by "
            "sslrootcert",
        ),
    ),
    (
        r"server certificate for .* does not match host name|certificate does not match",
        Problem(
            StoreAddressError,
            "the server's certificate is for another host ({said}); write the host that it names in DATABASE_URL",
        ),
    ),
    (r"no pg_hba\.conf entry|rejects connection|not permitted to log in|is not permitted", _BY_STATE["28"]),
    (r"database .* does not exist|no such database|database does not exist", _BY_STATE["3D000"]),
    (r"role .* does not exist", _BY_STATE["28P01"]),
    (r"permission denied for database", Problem(StoreAddressError, "the user may not connect ({said}); {grant}")),
    (
        r"could not translate host name|Name or service not known|nodename nor servname|No address associated",
        Problem(
            UnavailableError,
            "the host's name is not known ({said}); check it in DATABASE_URL, and this network{pooler}",
        ),
    ),
    (
        r"Network is unreachable|Cannot assign requested address|No route to host",
        Problem(UnavailableError, "there is no way to the host from this network ({said}){pooler}"),
    ),
    (
        r"Connection refused|No such file or directory",
        Problem(UnavailableError, "nobody listens there; is the server running, and are host and port right?"),
    ),
    (r"timeout expired|timed out", Problem(UnavailableError, "it did not answer in time{pooler}")),
    (r"starting up|shutting down|recovery mode|not yet accepting connections", _BY_STATE["57"]),
    (
        r"invalid (?:\w+ )+value|invalid port|invalid connection option|bad value for|(?:can|may) ?not be used with",
        Problem(StoreAddressError, "DATABASE_URL: {said}"),
    ),
    (r"service file|definition of service", Problem(StoreAddressError, "DATABASE_URL: {said}")),
    (r"server login (?:has been failing|failed)", Problem(UnavailableError, "the pooler reaches no server ({said})")),
    (
        _LOST,
        Problem(UnavailableError, _CONNECTION_LOST),
    ),
]
_SUPABASE_POOLER = ".pooler.supabase.com"
_PATTERNS = [(re.compile(pattern, re.IGNORECASE), problem) for pattern, problem in _BY_WORDS]
_POOLER = "; a host that has only IPv6 needs a network with IPv6"
_SUPABASE = (
    "; Supabase's direct address has only IPv6: take the session pooler's, which its dashboard shows under Connect"
)


def require_driver() -> None:
    """Raise ConfigError when the driver is not installed."""
    try:
        import psycopg  # noqa: F401, PLC0415, TID251  only an inventory in PostgreSQL needs it
    except ImportError as exc:  # also when the driver does not find libpq
        raise ConfigError("DATABASE_URL: PostgreSQL needs its driver; run: pip install 'filesync[postgres]'") from exc


@contextlib.contextmanager
def problems_named(address: PostgresAddress) -> Iterator[None]:
    """Turn errors of PostgreSQL and of the way to it into one line that says what to do; let bugs pass.

    Raises StoreAddressError, UnavailableError, StoreError; ConfigError: no driver.
    """
    require_driver()
    import psycopg  # noqa: PLC0415, TID251  only an inventory in PostgreSQL needs it

    try:
        yield
    except psycopg.Error as exc:
        problem = problem_of(exc)
        if problem is None:
            raise
        raise problem.kind(_message(address, problem, exc)) from exc


@contextlib.contextmanager
def commit_named(address: PostgresAddress) -> Iterator[None]:
    """Turn errors as `problems_named` does, of what ends with a commit.

    Raises CommitUnknownError, too: the connection was lost before the server said how the commit ended.
    """
    try:
        with problems_named(address):
            yield
    except UnavailableError as exc:
        if _is_loss(exc.__cause__):
            raise CommitUnknownError(f"{address.label}: {_INTERRUPTED}") from exc.__cause__
        raise


def problem_of(error: "psycopg.Error") -> Problem | None:
    """Say what an error means; None for a bug of ours, such as wrong SQL."""
    import psycopg  # noqa: PLC0415, TID251  only an inventory in PostgreSQL needs it

    state = error.sqlstate or ""
    if state == LEASE_LOST:
        return None
    if state:
        by_words = _by_words(error) if state[:2] in {"08", "XX"} else None  # poolers give these for everything
        return by_words or _BY_STATE.get(state) or _BY_STATE.get(state[:2])
    if isinstance(error, psycopg.OperationalError):
        return _by_words(error) or Problem(UnavailableError, "it cannot be reached: {said}")
    if isinstance(error, psycopg.DataError) and "NUL" in str(error):  # the driver's own
        return _BY_STATE["22021"]
    # libpq's parser and the driver refuse values without a code; so do errors of ours in using the driver.
    return _by_words(error) if isinstance(error, psycopg.ProgrammingError) else None


def _by_words(error: "psycopg.Error") -> Problem | None:
    text = str(error)
    return next((problem for pattern, problem in _PATTERNS if pattern.search(text)), None)


def _is_loss(error: BaseException | None) -> bool:
    """Tell whether the connection is gone, so that no answer can come."""
    import psycopg  # noqa: PLC0415, TID251  only an inventory in PostgreSQL needs it

    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))  # 57014 ends a statement only


def _message(address: PostgresAddress, problem: Problem, error: "psycopg.Error") -> str:
    words = problem.words.format(
        said=_said(address, error), grant=_grant(address, str(error)), pooler=_pooler_instead(address)
    )
    return f"{address.label}: {words}"


def _said(address: PostgresAddress, error: "psycopg.Error") -> str:
    """Give the server's words on one line: the first of them, which say it, without what may be a password."""
    text = error.diag.message_primary or _last_attempt(str(error))
    for secret in address.secrets:
        text = text.replace(secret, "***")
    plain = harmless(" ".join(text.split()))
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def _last_attempt(text: str) -> str:
    """Leave out of libpq's words which addresses of a host it tried."""
    lines = [line.strip(" \t-") for line in text.splitlines() if line.strip()]
    line = next((each for each in reversed(lines) if "failed: " in each), lines[0] if lines else "")
    return re.sub(r"^(?:FATAL|ERROR):\s*", "", line.rpartition("failed: ")[2]) or line


def _grant(address: PostgresAddress, text: str) -> str:
    """Say what an owner of the database or of the schema has to run."""
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415, TID251  as above

    given = conninfo_to_dict(address.conninfo)
    user, schema = _role(str(given.get("user", "…")), str(given.get("host", ""))), address.schema
    if "for database" in text:
        rights, place = ("CONNECT, CREATE" if "connection" in text else "CREATE"), given.get("dbname", "…")
        return f"let its owner run: GRANT {rights} ON DATABASE {place} TO {user}"
    tables = f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {user}"
    role = f"where filesync db grants was run: GRANT {schema}_writer TO {user}"
    return f"let its owner run: GRANT USAGE, CREATE ON SCHEMA {schema} TO {user}; {tables}; or, {role}"


def _role(user: str, host: str) -> str:
    """Name the role: a user of Supabase's pooler is ROLE.PROJECT."""
    role = user.partition(".")[0] if host.endswith(_SUPABASE_POOLER) else user
    return role if role.isidentifier() and role == role.lower() else f'"{role}"'


def _pooler_instead(address: PostgresAddress) -> str:
    if _SUPABASE_POOLER in address.label:
        return "; compare the host with what Supabase's dashboard shows under Connect"
    return _SUPABASE if ".supabase.co" in address.label else _POOLER
