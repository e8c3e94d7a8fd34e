"""The database: whether it opens, is whole, and agrees with itself."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from filesync.core.errors import FilesyncError, StoreError
from filesync.doctor import server as server_checks
from filesync.doctor.disks import in_bytes
from filesync.doctor.findings import CHECKS, Finding, Skipped, counted, fail, named, ok, warn
from filesync.runtime.clock import Clock
from filesync.runtime.database_url import PostgresAddress, beside
from filesync.runtime.processes import named as processes_named
from filesync.store.database import damage_named, exists, open_for_reading
from filesync.store.engine import Database
from filesync.store.postgres.server import server_at
from filesync.store.read import diagnostics as examine
from filesync.store.sqlite import migrations, wal
from filesync.store.sqlite.database import open_as_it_is

_BUSY_SECONDS = 5.0  # how long another program's lock is waited for
_PATIENCE = 20.0  # seconds for each question
_LONG_LOG = 250_000_000  # bytes: a checkpoint is due at 16 MB, and only the largest commits reach a hundred
_MANY, _MANY_TIMES = 1_000_000, 10  # rows of the past, and how often the live files: both, before a word is said
_AGAIN = "do what it says, then: filesync db check"
_RESTORE = "restore a snapshot: filesync snapshot --restore PATH; without one move the file away and sync afresh"


def check_sqlite() -> Finding:
    """Look at the SQLite that this Python brings."""
    version = ".".join(map(str, examine.sqlite_version()))
    if examine.sqlite_version() < examine.OLDEST_SQLITE:
        oldest = ".".join(map(str, examine.OLDEST_SQLITE))
        return fail(
            "program", "sqlite", f"SQLite {version}", f"run filesync with a Python that has SQLite {oldest} or newer"
        )
    return ok("program", "sqlite", f"SQLite {version}")


def check_database(path: Path, clock: Clock) -> Iterator[Finding | Skipped]:
    """Make every check of the database; one that cannot be made is a finding, and the next one is made all the same."""
    if not path.exists():
        fix = "filesync sync (or name another home with --home)"
        yield warn("database", "opens", f"{path}: there is none, for no sync has run in this home yet", fix)
        return
    log = wal.measure(path)  # before it is opened
    try:
        with damage_named(path):
            database, version = open_as_it_is(path, busy_seconds=_BUSY_SECONDS)
    except StoreError as error:
        yield fail("database", "opens", str(error), _fix(error))
        return
    yield ok("database", "opens", f"{path}, {in_bytes(path.stat().st_size)}")
    try:
        yield from _examined(database, version, clock, log)
    finally:
        database.close()


def check_server(address: PostgresAddress, clock: Clock) -> Iterator[Finding | Skipped]:
    """Make the checks of an inventory on a server: of the way to it, of our rights there, and of what it holds."""
    try:
        with server_at(address) as server:
            yield ok("database", "opens", f"{address}")
            yield from server_checks.check_server(server, address, clock)
        has_inventory = exists(address)
    except FilesyncError as error:
        yield fail("database", "opens", str(error), _AGAIN)
        return
    if not has_inventory:
        yield warn("database", "schema", "there is no inventory yet", "filesync sync, or filesync db copy")
        return
    yield from _held_by_server(address, clock)


def _held_by_server(address: PostgresAddress, clock: Clock) -> Iterator[Finding | Skipped]:
    try:
        database = open_for_reading(address)
    except StoreError as error:
        yield fail("database", "schema", str(error), _AGAIN)
        return
    limit = _Limit(clock)
    checks: Sequence[tuple[str, Callable[[], Finding | Skipped | Iterator[Finding | Skipped]]]] = (
        ("schema", lambda: _schema_on_server(database)),
        ("totals", lambda: _totals(database, limit)),
        ("feed", lambda: _feed(database, limit)),
        ("growth", lambda: _growth(database, limit)),
    )
    try:
        for name, check in checks:
            try:
                found = check()
                yield from [found] if isinstance(found, Finding | Skipped) else [*found]
            except StoreError as error:
                yield fail("database", name, str(error), _AGAIN)
        for name in ("journal", "log", "pages", "references", "search"):
            yield Skipped("database", name, "that is the server's business")
    finally:
        database.close()


def _schema_on_server(database: Database) -> Finding:
    return ok("database", "schema", f"version {database.schema_version()}, {in_bytes(database.sizes()[0])}")


def _examined(database: Database, version: int, clock: Clock, log: wal.LogSize) -> Iterator[Finding | Skipped]:
    schema = _schema(version)
    yield schema
    limit = _Limit(clock)
    checks: Sequence[tuple[str, Callable[[], Finding | Skipped | Iterator[Finding | Skipped]]]] = (
        ("journal", lambda: _journal(database)),
        ("log", lambda: _log(beside(database.address), log)),
        ("pages", lambda: _pages(database, limit)),
        ("references", lambda: _references(database, limit)),
        ("search", lambda: _search(database, limit)),
        ("totals", lambda: _totals(database, limit)),
        ("feed", lambda: _feed(database, limit)),
        ("growth", lambda: _growth(database, limit)),
    )
    for name, check in checks:
        if version != migrations.CURRENT and name in CHECKS["database"][-4:]:
            yield Skipped("database", name, "the database has another schema version")
            continue
        try:
            with damage_named(database.address):
                found = check()
                yield from [found] if isinstance(found, Finding | Skipped) else [*found]
        except StoreError as error:
            yield fail("database", name, str(error), _fix(error))


class _Limit:
    """How long each question may take."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0

    def start(self) -> Callable[[], bool]:
        until = self._clock.monotonic() + _PATIENCE
        return lambda: self._clock.monotonic() >= until


def _schema(version: int) -> Finding:
    if version > migrations.CURRENT:
        detail = f"version {version} is newer than this filesync, which knows {migrations.CURRENT}"
        return fail("database", "schema", detail, "upgrade filesync; until then nothing can read or write it")
    if version < migrations.CURRENT:
        detail = f"version {version} is older than this filesync, which needs {migrations.CURRENT}"
        return warn("database", "schema", detail, "filesync sync migrates it; take a copy of data/ before, if you like")
    return ok("database", "schema", f"version {version}")


def _journal(database: Database) -> Finding:
    mode = examine.journal_mode(database)
    if mode != "wal":
        detail = f"{mode} instead of wal: readers and syncs wait for each other"
        return warn("database", "journal", detail, _by_hand(database, examine.USE_WAL))
    return ok("database", "journal", mode)


def _log(path: Path, log: wal.LogSize) -> Finding:
    """Look at the write-ahead log: it grows as long as somebody reads an older state than is in it."""
    pending = log.size if log.pending is None else min(log.pending, log.size)
    if pending <= _LONG_LOG:
        kept = f"; the other {in_bytes(log.size - pending)} of it are used again" if log.size > _LONG_LOG else ""
        return ok("database", "log", f"{in_bytes(pending)} are not yet in the file{kept}")
    grown = f"{path}-wal: {in_bytes(pending)} are not yet in the file"
    readers = wal.readers(path)
    if readers:
        who = processes_named(readers)
        detail = f"{grown}: a program reads the database in one transaction that does not end ({who})"
        return warn("database", "log", detail, f"end it, or let it read in shorter transactions: {who}")
    return warn("database", "log", f"{grown}, and nobody reads an older state", "filesync sync writes them into it")


def _pages(database: Database, limit: _Limit) -> Finding | Skipped:
    problems = examine.damage(database, limit.start())
    if problems is None:
        return _unknown("pages", "no damage was found")
    if problems:
        return fail("database", "pages", f"is damaged: {problems[0]}", _RESTORE)
    return ok("database", "pages", "whole (quick_check)")


def _references(database: Database, limit: _Limit) -> Finding | Skipped:
    broken = examine.broken_references(database, limit.start())
    if broken is None:
        return _unknown("references", "nothing was found")
    if broken:
        tables = ", ".join(f"{count:,} in {table}" for table, count in broken.items())
        return fail("database", "references", f"rows refer to rows that are not there: {tables}", _RESTORE)
    return ok("database", "references", "every row refers to one that is there")


def _search(database: Database, limit: _Limit) -> Finding | Skipped:
    fix = _by_hand(database, examine.INDEX_AGAIN)
    try:
        with damage_named(database.address):
            gaps = examine.search_gaps(database, limit.start())
    except StoreError:
        return fail("database", "search", "the search index is damaged", fix)
    if gaps is None:
        return _unknown("search", "nothing was found")
    if gaps:
        return fail("database", "search", f"the search index does not agree with {counted(gaps, 'file')}", fix)
    return ok("database", "search", "the index has every file")


def _totals(database: Database, limit: _Limit) -> Finding | Skipped:
    wrong = examine.wrong_totals(database, limit.start())
    if wrong is None:
        return _unknown("totals", "nothing was found")
    if wrong:
        said = named([f"{each.endpoint}: {each.counted:,} said, {each.there:,} there" for each in wrong])
        return fail("database", "totals", f"live files are miscounted: {said}", _by_hand(database, examine.COUNT_AGAIN))
    return ok("database", "totals", "every endpoint has as many live files as it says")


def _feed(database: Database, limit: _Limit) -> Iterator[Finding | Skipped]:
    wrong = examine.wrong_feed(database, limit.start())
    beyond = examine.readers_beyond(database)
    for each in beyond:
        name = each.reader.removeprefix("notify:")
        detail = (
            f"{each.kind} {name} has read up to {each.seq}, which a restore took back: it must read all files afresh"
            if each.is_taken_back
            else f"{each.kind} {name} has read up to {each.seq}, and the feed ends at {each.end.seq}: "
            "it would miss changes"
        )
        fix = f"filesync consumers set {shlex.quote(name)} {each.end}"
        yield fail("database", "feed", detail, fix if each.kind == "consumer" else _RESTORE, name)
    if wrong:
        said = named([f"{each.endpoint}: {each.counted:,} by the feed, {each.there:,} there" for each in wrong])
        yield fail("database", "feed", f"the feed does not agree with the files: {said}", _RESTORE)
    elif not beyond:
        yield (
            _unknown("feed", "nothing was found") if wrong is None else ok("database", "feed", "agrees with the files")
        )


def _growth(database: Database, limit: _Limit) -> Finding | Skipped:
    """Return how many rows there are of what grows with every sync, beside those that show what is there now."""
    rows = examine.growth(database, limit.start())
    if rows is None:
        return _unknown("growth", "not everything was counted")
    live = rows.pop("live files")
    said = ", ".join(f"{count:,} {what}" for what, count in rows.items())
    detail = f"{live:,} live files, and of what was: {said}"
    if any(count > max(_MANY, _MANY_TIMES * live) for count in rows.values()):
        fix = "let old ones go: `retention` in connector.yaml; filesync prune --dry-run tells what would"
        return warn("database", "growth", detail, fix)
    return ok("database", "growth", detail)


def _unknown(check: str, found: str) -> Skipped:
    return Skipped("database", check, f"{found} in {_PATIENCE:.0f} s, and it is too large to look at all of it here")


def _by_hand(database: Database, sql: str) -> str:
    """Write the statement for whoever runs it: the program of SQLite's file, or what to say to the server."""
    if isinstance(database.address, Path):
        return f'sqlite3 {shlex.quote(str(database.address))} "{sql}"'
    return f"as the owner, in psql: SET search_path = {database.address.schema}; {sql}"


def _fix(error: StoreError) -> str:
    """Return the step that the message does not name."""
    said = str(error)
    if "permission" in said or "cannot be opened" in said:
        return "see what is said of its path above"
    if "is a folder" in said:
        return "set DATABASE_URL to a file in it, or move it away"
    if "was locked" in said:
        return "end the program that holds it, or wait for it"
    return _RESTORE if "damaged" in said else "set DATABASE_URL to another file, or move this one away"
