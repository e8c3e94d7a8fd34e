"""Other processes: which of them locks a part of a file, as far as this system shows.

The file itself is not opened: closing one would drop every lock that SQLite holds on it in this process.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# 1: POSIX  ADVISORY  WRITE 31714 00:1b:402472 120 120
_LOCK = re.compile(
    r"\d+: (?:POSIX|OFDLCK) +ADVISORY +(WRITE|READ) +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) (\d+) (\d+|EOF)"
)
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class ByteLock:
    """A lock of another process on some bytes of a file, `last` among them; `writes`: nobody else has one."""

    pid: int
    writes: bool
    first: int
    last: float


def byte_locks(path: Path) -> list[ByteLock]:
    """Return the other processes with locks on bytes of a file; nothing where the system does not show them."""
    try:
        found = path.stat()
        lines = (_PROC / "locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    key, own = (found.st_dev, found.st_ino), os.getpid()
    held = [match.groups() for line in lines if (match := _LOCK.match(line))]
    return [
        ByteLock(int(pid), kind == "WRITE", int(first), float("inf") if last == "EOF" else int(last))
        for kind, pid, major, minor, inode, first, last in held
        if (os.makedev(int(major, 16), int(minor, 16)), int(inode)) == key and int(pid) != own
    ]


def named(pids: Iterable[int]) -> str:
    """Name processes for a message: `sqlite3, pid 4711`; '' for none."""
    once = sorted(set(pids))
    shown = "; ".join(f"{_program(pid)}pid {pid}" for pid in once[:_MOST_NAMED])
    return f"{shown}; and {len(once) - _MOST_NAMED} more" if len(once) > _MOST_NAMED else shown


def _program(pid: int) -> str:
    """Return the program's name alone: its arguments may hold secrets."""
    try:
        name = (_PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return f"{name}, " if name.isprintable() and name else ""
