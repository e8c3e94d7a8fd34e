"""The file behind the log: whole lines from many processes at once, rotated by size, also under logrotate's hands.

A line is one write, under the lock of the file itself. Whoever gets the lock looks whether the file still has its name:
one that was renamed meanwhile, by another process of ours or by logrotate, is left and the new one opened. So a writer
that waits between opening and writing loses nothing.
"""

import contextlib
import errno
import itertools
import os
import stat
from pathlib import Path

from filesync.runtime.locks import NO_LINK, is_at, lock_open_file, narrowed, refuse_foreign_link

KEPT = 5  # older files: connector.log.1 is the newest of them

_FOLDER_MODE = 0o750


def append(path: Path, line: bytes, largest: int, mode: int = 0o600) -> None:
    """Add a line that ends in a newline; before it would make the file larger than that, begin a new file (0: never).

    `mode` says who may read it, also where it was made otherwise. Raises OSError; then nothing of the line is in it.
    """
    fd = _open_with_room(path, len(line), largest, mode)
    try:
        _write(fd, path, line)
    finally:
        os.close(fd)


def _open_with_room(path: Path, length: int, largest: int, mode: int) -> int:
    while True:
        fd = _open_locked(path, mode)
        try:
            size = os.fstat(fd).st_size
            if not largest or not size or size + length <= largest or not _rotate(path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _open_locked(path: Path, mode: int) -> int:
    """Open the file that has the name, and lock it."""
    while True:
        fd = _open(path, mode)
        try:
            lock_open_file(fd)  # decision 59
            if is_at(path, fd):
                _narrow(fd, mode)
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _open(path: Path, mode: int) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    try:
        return os.open(path, flags | NO_LINK, mode)
    except FileNotFoundError:
        path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        return os.open(path, flags | NO_LINK, mode)
    except OSError as exc:
        if exc.errno != errno.ELOOP:
            raise
        refuse_foreign_link(path)
        return os.open(path, flags, mode)  # ours, to another disk or to /dev/stdout


def _narrow(fd: int, mode: int) -> None:
    """Close the file to whom the mode leaves out, and open it to whom the umask did, where it is ours."""
    found = os.fstat(fd)
    wanted = narrowed(stat.S_IMODE(found.st_mode), mode)
    if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) != wanted:
        with contextlib.suppress(PermissionError):
            os.fchmod(fd, wanted)


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
