"""Copies of the whole database: one that is consistent while syncs run, and the way back.

Nothing is ever half there. A copy is written beside its place, brought to the disk, and renamed. The way back is one
transaction of the database that is there: who reads it sees the old state or the new one, and a power cut leaves one
of them. Only one that is too damaged for that is replaced as a file.
"""

import contextlib
import shutil
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filesync.core.errors import LocalFileError, StoreError
from filesync.runtime.database_url import lock_folder
from filesync.runtime.locks import FileLock, follow_ours, put_in_place, room_beside
from filesync.store.sqlite import migrations, succession
from filesync.store.sqlite.backup import mode_like, write_copy
from filesync.store.sqlite.database import SqliteConnection, beside, newer, open_for_reading, problems_named
from filesync.store.sqlite.lock_paths import use_lock
from filesync.store.sqlite.succession import FeedKnowledge, Succession

_PAGES = 2000  # of 4 KiB, copied in one step
_OURS = {"endpoints", "files", "folders", "changes", "sync_logs", "sync_state", "scheduler"}
OnStep = Callable[[str], None]
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy: where it is, its feed, the last `seq` of that, and how many bytes it has."""

    path: Path
    feed: str | None
    seq: int
    size: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: how the feed goes on, and where the database is kept that was there before."""

    feed: Succession
    before: Path | None


def take(database: Path, target: Path, *, mode: int = 0o600, replace: bool = False) -> Copy:
    """Write a consistent copy, also while a sync runs; the file at `target` is whole or not there, and has that mode.

    Raises LocalFileError when it exists already, unless it may be replaced.
    """
    try:
        target = follow_ours(target)
    except PermissionError as exc:
        raise LocalFileError(f"{target}: {exc.strerror}; name another file") from exc
    _check_target(database, target, replace=replace)
    source = open_for_reading(database)
    try:
        with _locked(lock_folder(database) / "snapshot.lock", "another snapshot is being written; try again later"):
            return _copy(source.connection, target, mode=mode)
    finally:
        source.close()


def restore(snapshot: Path, database: Path, *, replace: bool = False, on_step: OnStep = lambda _: None) -> Restored:
    """Put a copy in the database's place, and keep what was there beside it, as `NAME.before-restore`.

    Raises StoreError when the copy is damaged, no database of filesync, or newer than this program, and while anybody
    writes to the database; LocalFileError when an earlier `.before-restore` is there, unless it may be replaced.
    """
    lock, database = use_lock(database), database.resolve()
    before = database.with_name(f"{database.name}.before-restore")
    _check_source(snapshot, database)
    if before.exists() and not replace:
        raise LocalFileError(f"{before}: is there from an earlier restore; move it away, or give --force to replace it")
    busy = f"{database}: a sync, or something else that writes to it, is at work; stop the schedule and try again"
    with _locked(lock, busy), _room(database) as room:
        partial = room / database.name
        _fetch(snapshot, partial)
        on_step("fetched")
        _check(snapshot, partial)
        on_step("checked")
        feed = _go_on(partial, database)
        existed = database.exists()
        _put(partial, database, before, on_step)
    return Restored(feed, before if existed else None)


def _check_target(database: Path, target: Path, *, replace: bool) -> None:
    if target.is_dir():
        raise LocalFileError(f"{target}: is a folder; name a file in it")
    if not target.parent.is_dir():
        raise LocalFileError(f"{target.parent}: there is no such folder")
    if target.exists() and database.exists() and target.samefile(database):
        raise LocalFileError(f"{target}: is the database itself; name another file")
    if target.exists() and not replace:
        raise LocalFileError(f"{target}: exists already; name another file, or give --force to replace it")


def _check_source(snapshot: Path, database: Path) -> None:
    if not snapshot.is_file():
        raise LocalFileError(f"{snapshot}: there is no such file")
    if database.exists() and snapshot.samefile(database):
        raise LocalFileError(f"{snapshot}: is the database itself; name a snapshot of it")


@contextlib.contextmanager
def _locked(path: Path, otherwise: str) -> Iterator[None]:
    lock = FileLock(path)
    if not lock.acquire(blocking=False):
        raise StoreError(otherwise)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _room(database: Path) -> Iterator[Path]:
    try:
        with room_beside(database) as room:
            yield room
    except OSError as exc:
        raise StoreError(f"{exc.filename or database}: cannot be written: {exc.strerror}") from exc


def _copy(source: SqliteConnection, target: Path, *, mode: int) -> Copy:
    with problems_named(target):
        write_copy(source, target, mode=mode)
        copied = _on(target, succession.ask)
        return Copy(target, copied.feed, copied.end, target.stat().st_size)


def _fetch(snapshot: Path, partial: Path) -> None:
    """Copy what is to come back beside the database; a WAL that belongs to it is taken along."""
    with (
        _damage_named(snapshot),
        _opened(f"{snapshot.absolute().as_uri()}?mode=ro") as source,
        _opened(partial.as_uri()) as copy,
    ):
        source.backup(copy)


def _check(snapshot: Path, partial: Path) -> None:
    """Make sure that it is a whole database of ours."""
    with _damage_named(snapshot), _opened(partial.as_uri()) as copy:
        tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        version = migrations.version_of(copy)
        if not tables >= _OURS or not version:
            raise StoreError(f"{snapshot}: is no database of filesync")
        if version > migrations.CURRENT:
            raise StoreError(newer(snapshot, version))
        found = [row[0] for row in copy.execute("PRAGMA integrity_check(1)")]
        if found != ["ok"] or copy.execute("PRAGMA foreign_key_check").fetchone():
            raise StoreError(_damaged(snapshot))


@contextlib.contextmanager
def _damage_named(snapshot: Path) -> Iterator[None]:
    with problems_named(snapshot):
        try:
            yield
        except sqlite3.DatabaseError as exc:
            if _is_damage(exc):
                raise StoreError(_damaged(snapshot)) from exc
            raise


def _damaged(snapshot: Path) -> str:
    return f"{snapshot}: is damaged, or no database of filesync; nothing was changed, take an earlier snapshot"


def _is_damage(problem: BaseException | None) -> bool:
    name = getattr(problem, "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def _go_on(partial: Path, database: Path) -> Succession:
    present = FeedKnowledge()
    with contextlib.suppress(sqlite3.DatabaseError):  # a damaged database cannot tell
        present = _on(database, succession.ask) if database.exists() else present
    with problems_named(partial), _opened(partial.as_uri()) as copy:
        return succession.succeed(copy, present)


def _put(partial: Path, database: Path, before: Path, on_step: OnStep) -> None:
    if database.exists():
        try:
            with problems_named(database), _opened(database.as_uri()) as present:
                _copy(present, before, mode=mode_like(database))
                on_step("kept")
                if _page_size(present) == _on(partial, _page_size):
                    _overwrite(present, partial, on_step)
                    return
        except StoreError as exc:
            if not _is_damage(exc.__cause__):
                raise
            _keep_files(database, before)
            on_step("kept")
    _replace(partial, database)
    on_step("put")


def _overwrite(present: SqliteConnection, partial: Path, on_step: OnStep) -> None:
    """Make the database what the copy is, in one transaction: who reads it goes on reading."""
    present.execute("PRAGMA journal_mode = WAL")
    present.execute("PRAGMA synchronous = FULL")
    with _opened(partial.as_uri()) as copy:
        # decision 31: renaming would strand readers
        copy.backup(present, pages=_PAGES, progress=lambda *_: on_step("page"))
    on_step("put")
    present.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _keep_files(database: Path, before: Path) -> None:
    """Keep a database that cannot be read as the files that it is."""
    for suffix in ("", "-wal"):
        file, kept = (each.with_name(f"{each.name}{suffix}") for each in (database, before))
        if file.exists():
            with room_beside(kept) as room:
                shutil.copy2(file, room / kept.name)
                (room / kept.name).chmod(mode_like(file))
                put_in_place(room / kept.name, kept)


def _replace(partial: Path, database: Path) -> None:
    with _opened(partial.as_uri()) as copy:
        copy.execute("PRAGMA journal_mode = WAL")
    partial.chmod(mode_like(database) if database.exists() else 0o600)
    for each in beside(database)[1:]:
        each.unlink(missing_ok=True)
    put_in_place(partial, database)


def _page_size(connection: SqliteConnection) -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])


def _on(path: Path, ask: Callable[[SqliteConnection], Answer]) -> Answer:
    with _opened(f"{path.as_uri()}?mode=ro") as connection:
        return ask(connection)


@contextlib.contextmanager
def _opened(uri: str) -> Iterator[SqliteConnection]:
    with contextlib.closing(
        sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None, factory=SqliteConnection)
    ) as connection:
        yield connection
