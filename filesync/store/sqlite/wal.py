"""SQLite's write-ahead log: how much of it is not yet in the database file, who reads an older state, who writes.

https://www.sqlite.org/walformat.html, section 2. Read as bytes, because SQLite tells it only while it writes the log
into the file, and whoever examines writes nothing.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from filesync.runtime.processes import byte_locks

_HEADER = 48  # bytes; it is there twice, so that one that is just being written is noticed
_INDEX = 136
_FRAME_HEADER = 24
_WRITER, _RECOVERY = 120, 122  # bytes of -shm that are locked by who writes, and by who repairs the log
_READERS = range(123, 128)  # likewise, by who reads
_FILE = 0x40000000  # from here on bytes of the database file are locked: without a log, or by who wants it alone


@dataclass(frozen=True, slots=True)
class LogSize:
    """The log's size as a file, and how much of it is not in the database file yet, in bytes; None: nobody knows."""

    size: int
    pending: int | None


def measure(database: Path) -> LogSize:
    """Measure the log of a database that this process has not open: closing its index would drop SQLite's locks."""
    try:
        size = _beside(database, "wal").stat().st_size
    except OSError:
        return LogSize(0, 0)
    try:
        with _beside(database, "shm").open("rb") as file:
            index = file.read(_INDEX)
    except OSError:
        return LogSize(size, None)
    return LogSize(size, _pending(index))


def readers(database: Path) -> list[int]:
    """Name the other processes that are in the middle of reading."""
    return [each.pid for each in byte_locks(_beside(database, "shm")) if not each.writes and each.first in _READERS]


def lockers(database: Path) -> list[int]:
    """Name the other processes that keep this one from writing; none where the system does not tell."""
    index, file = byte_locks(_beside(database, "shm")), byte_locks(database)
    writers = [each.pid for each in index if each.writes and each.first <= _RECOVERY and each.last >= _WRITER]
    return [*writers, *(each.pid for each in file if each.writes and each.last >= _FILE)]


def _pending(index: bytes) -> int | None:
    if len(index) < _INDEX or index[:_HEADER] != index[_HEADER : 2 * _HEADER] or not index[12]:
        return None
    page_size = int.from_bytes(index[14:16], sys.byteorder)
    last_frame = int.from_bytes(index[16:20], sys.byteorder)
    copied = int.from_bytes(index[2 * _HEADER : 2 * _HEADER + 4], sys.byteorder)
    in_bytes = 65_536 if page_size == 1 else page_size  # as the format writes what has no room in it
    return max(last_frame - copied, 0) * (in_bytes + _FRAME_HEADER)


def _beside(database: Path, kind: str) -> Path:
    return database.with_name(f"{database.name}-{kind}")
