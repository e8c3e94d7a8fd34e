"""Copies of a database as one compact file: whole at its place, or not there; and the one that a migration keeps."""

import contextlib
import shutil
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
import stat
from pathlib import Path

from filesync.core.errors import StoreError
from filesync.runtime.locks import put_in_place, room_beside

_ROOM = 3  # times the database: the copy, the log of a transaction that rewrites all, and what the file grows by
_STATE = """SELECT (SELECT count(*) FROM _sqlite_migrations), (SELECT max(last_start_at) FROM scheduler),
    (SELECT group_concat(name || seq) FROM (SELECT * FROM sqlite_sequence ORDER BY name))"""


def write_copy(source: sqlite3.Connection, target: Path, *, mode: int) -> None:
    """Write a copy in a room beside its place, then move it there; its mode is set before it has its name."""
    try:
        with room_beside(target) as room:
            copy = room / target.name
            source.execute("VACUUM INTO ?", (str(copy),))  # decision 33
            copy.chmod(mode)
            put_in_place(copy, target)
    except OSError as exc:
        raise StoreError(f"{target}: cannot be written: {exc.strerror}") from exc


def mode_like(database: Path) -> int:
    """Let a copy that lies beside a database be read by whoever reads that one, but never by everybody."""
    return stat.S_IMODE(database.stat().st_mode) & 0o640


def keep(source: sqlite3.Connection, database: Path, version: int) -> Path:
    """Keep the database as it is before it is migrated to that version, and name the copy.

    No earlier copy is replaced; but one of this very state, which a migration left that was stopped, is enough.
    Raises StoreError when there is no room.
    """
    number, place = 1, database.with_name(f"{database.name}.before-schema-{version}")
    target = place
    while target.exists():
        if _state_of(target) == source.execute(_STATE).fetchone():
            return target
        number += 1
        target = place.with_name(f"{place.name}.{number}")
    _check_room(source, database, target)
    write_copy(source, target, mode=mode_like(database))
    return target


def _check_room(source: sqlite3.Connection, database: Path, target: Path) -> None:
    pages, size = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    needed, free = _ROOM * pages * size, shutil.disk_usage(database.parent).free
    if free < needed:
        raise StoreError(
            f"{database}: must be rewritten for this filesync, and kept before as {target.name}; that takes"
            f" {needed / 1e6:,.0f} MB and the disk has {free / 1e6:,.0f} MB: free some space; nothing was changed"
        )


def _state_of(copy: Path) -> object:
    """Tell what shows whether anything began since: the version, the last start, the ids given out."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_opened(copy)) as connection:
        return connection.execute(_STATE).fetchone()
    return None


def _opened(copy: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
