"""The file behind the log: whole lines from many processes at once, rotated by size, also under logrotate's hands.

A line is one write, under the lock of the file itself. Whoever gets the lock looks whether the file still has its name:
one that was renamed meanwhile, by another process of ours or by logrotate, is left and the new one opened. So a writer
that waits between opening and writing loses nothing.
"""

import contextlib
import errno
import itertools
import os
from pathlib import Path

from filesync.locks import lock_open_file

KEPT = 5  # older files: connector.log.1 is the newest of them

_FILE_MODE = 0o640  # less the umask: the group may read
_FOLDER_MODE = 0o750


def append(path: Path, line: bytes, largest: int) -> None:
    """Add a line that ends in a newline; before it would make the file larger than that, begin a new file (0: never).

    Raises OSError; then nothing of the line is in the file.
    """
    fd = _open_with_room(path, len(line), largest)
    try:
        _write(fd, path, line)
    finally:
        os.close(fd)


def _open_with_room(path: Path, length: int, largest: int) -> int:
    while True:
        fd = _open_locked(path)
        try:
            size = os.fstat(fd).st_size
            if not largest or not size or size + length <= largest or not _rotate(path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _open_locked(path: Path) -> int:
    """Open the file that has the name, and lock it."""
    while True:
        fd = _open(path)
        try:
            lock_open_file(fd)
            if _is_at(path, fd):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    try:
        return os.open(path, flags, _FILE_MODE)
    except FileNotFoundError:
        path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        return os.open(path, flags, _FILE_MODE)


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _write(fd: int, path: Path, line: bytes) -> None:
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        line = b"\n" + line  # after a power cut: what was torn then must not tear this line, too
    written = os.write(fd, line)
    if written < len(line):
        if os.fstat(fd).st_size == size + written:
            os.ftruncate(fd, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _rotate(path: Path) -> bool:
    """Move every file one number up; the caller holds the lock of the newest one. False: the folder does not let us."""
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, KEPT + 1))]
    try:
        for newer, older in reversed([*itertools.pairwise(names)]):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
    except OSError:
        return False
    return True
