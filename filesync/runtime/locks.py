"""The portable door to what operating systems do differently: file locks, private files, atomic replacement.

A lock falls with its holder, however it dies. POSIX uses flock; Windows' msvcrt branch exists so that
supporting it is a matter of testing, and has not been tested.
"""

import contextlib
import errno
import glob
import os
import re
import shlex
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Self

from filesync.core.errors import AuthError
from filesync.runtime.ownership import as_user

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl  # noqa: TID251  this is the door

_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_LOOKS = 500
_PARTIAL = ".partial"
_RANDOM = 8  # characters of a name that tempfile makes up
_A_LOOK = 0.002  # seconds: a look takes microseconds, but where a processor has much to do it is long until its end
# 3: FLOCK  ADVISORY  WRITE 4711 fe:00:2171889 0 EOF
_HELD = re.compile(r"\d+: FLOCK +ADVISORY +(?:WRITE|READ) +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) ")
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_ROOM = 16_384  # bytes: more than any login needs


class FileLock:
    """An exclusive lock on a file, held across processes until `release` or death."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self, *, blocking: bool = True) -> bool:
        """Take the lock; False when somebody else holds it and blocking is off.

        Whoever holds it may remove the file: those who waited for it then take the next one of that name.
        """
        self.path.parent.mkdir(
            mode=0o755, parents=True, exist_ok=True
        )  # whatever umask: who can unlink a lock breaks it
        while (fd := self._taken(blocking=blocking)) is not None:
            if is_at(self.path, fd):
                self._fd = fd
                return True
            os.close(fd)
        return False

    def _taken(self, *, blocking: bool) -> int | None:
        fd = _open_or_make(str(self.path), os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        try:
            taken = self._take(fd, blocking=blocking)
        except OSError as error:
            os.close(fd)
            raise OSError(error.errno, error.strerror, str(self.path)) from error  # the call knows only a number
        if not taken:
            os.close(fd)
            return None
        return fd

    def _take(self, fd: int, *, blocking: bool) -> bool:
        return _lock(fd, blocking=blocking) or _outlast_looks(fd)

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def lock_open_file(fd: int) -> None:
    """Wait for the lock of a file that is open; it falls when the file is closed."""
    _lock(fd, blocking=True)


class SharedLock(FileLock):
    """A lock that many hold at once, but nobody beside one who holds that file as a FileLock."""

    def _take(self, fd: int, *, blocking: bool) -> bool:
        return _share(fd, blocking=blocking)


def is_held(path: Path) -> bool:
    """Return whether some process holds the lock on that file alone."""
    if not path.exists():
        return False
    # many may look at once, and nobody who wants the lock takes them for its holder
    lock = FileLock(path) if sys.platform == "win32" else SharedLock(path)
    if not lock.acquire(blocking=False):
        return True
    lock.release()
    return False


def holders(paths: Iterable[Path]) -> list[tuple[Path, int]]:
    """Return which process holds the lock on which of these files, as far as this system shows; no lock is touched."""
    wanted = {(found.st_dev, found.st_ino): path for path in paths if (found := _status(path))}
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    held = [match for line in lines if (match := _HELD.match(line))]
    keys = [(os.makedev(int(each[2], 16), int(each[3], 16)), int(each[4])) for each in held]
    return [(wanted[key], int(each[1])) for key, each in zip(keys, held, strict=True) if key in wanted]


def make_private_folder(path: Path) -> None:
    """Create a folder only its owner can enter; an existing one is left as it is."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def check_private(path: Path) -> None:
    """Refuse a file or folder that others can read or that is not ours; a missing one is no problem.

    Raises AuthError with the command that mends it.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    if sys.platform == "win32":
        return
    if found.st_uid != os.geteuid():
        advice = _as_owner(path, found.st_uid)
        raise AuthError(f"{path}: belongs to user {found.st_uid}, and filesync runs as user {os.geteuid()}; {advice}")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:  # decision 56: checked and not corrected
        wanted = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise AuthError(
            f"{path}: can be used by others than its owner (mode {mode:04o}), so the login in it is not safe; "
            f"run: chmod {wanted} {shlex.quote(str(path))}"
        )


def _as_owner(path: Path, owner: int) -> str:
    """Return the advice for a path that is not ours; chown would lock out the owner of a home."""
    ours = 0 if sys.platform == "win32" else os.geteuid()
    if path.parent.stat().st_uid == ours:
        return f"the folder around it is ours; as root: chown {ours} {shlex.quote(str(path))}"
    return f"run it as the owner: {as_user(owner)} filesync"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Hand out the function that replaces a private file whole or not at all.

    Room for it is taken first, so that a read-only folder or a full disk shows before anything is spent
    that only the written file makes good. Raises OSError.
    """
    path = follow_ours(path)
    make_private_folder(path.parent)
    with _new_file(path) as (file, temporary):
        _put(file, bytes(_ROOM))
        yield lambda content: _move(file, content, temporary, path)


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Put a file in place whole, with that mode whatever the umask; a link that has its name is replaced, not followed.

    This, and `room_beside` for what others write, is how every file is written whose name can be guessed: made anew
    under a name that cannot, by nobody but us, its mode set before it has anything in it. Raises OSError.
    """
    with _new_file(path) as (file, temporary):
        if sys.platform != "win32":
            os.fchmod(file.fileno(), mode)
        _move(file, content, temporary, path)


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Make a file that only we can open, in a path's folder; it is gone afterwards unless it was renamed."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path))  # exclusively, following no link, 0600
    try:
        with os.fdopen(fd, "wb") as file:
            yield file, Path(name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


@contextlib.contextmanager
def room_beside(path: Path) -> Iterator[Path]:
    """Make a folder beside a path that nobody else can enter, for a file that others write by its name.

    What a killed one left is removed before, and everything in it afterwards. Raises OSError.
    """
    _clear(path.parent.glob(f"{glob.escape(_prefix(path))}{'?' * _RANDOM}{_PARTIAL}"))
    room = Path(tempfile.mkdtemp(dir=path.parent, prefix=_prefix(path), suffix=_PARTIAL))  # 0700
    try:
        yield room
    finally:
        _clear([room])


def _clear(rooms: Iterable[Path]) -> None:
    """Remove rooms of ours with the files in them; nothing that somebody else only named like one."""
    for room in rooms:
        with contextlib.suppress(OSError):
            found = room.lstat()
            if not stat.S_ISDIR(found.st_mode) or (sys.platform != "win32" and found.st_uid != os.geteuid()):
                continue
            for each in room.iterdir():
                each.unlink()
            room.rmdir()


def follow_ours(path: Path) -> Path:
    """Return where a path leads, so that a link stays a link and what it leads to is replaced.

    Raises PermissionError for somebody else's link.
    """
    refuse_foreign_link(path)
    return path.resolve()


def refuse_foreign_link(path: Path) -> None:
    """Raise PermissionError for a link that neither we nor root laid: it may lead anywhere."""
    if sys.platform != "win32" and path.is_symlink() and path.lstat().st_uid not in {0, os.geteuid()}:
        raise PermissionError(errno.EPERM, "it is a link of somebody else's", str(path))


def narrowed(found: int, mode: int) -> int:
    """Return the mode of a file that has one and is to be open to those of another only; its owner gets no more."""
    return found & mode | mode & ~0o700  # decision 63: an old installation is closed by upgrading


def sweep(path: Path) -> None:
    """Remove what replacements of that file left behind that were killed; the caller keeps others from writing it."""
    for left in path.parent.glob(f"{_prefix(path)}*"):
        left.unlink(missing_ok=True)


def put_in_place(temporary: Path, path: Path) -> None:
    """Bring a file to the disk and rename it: at `path` is what was there, or all of it. Raises OSError."""
    with temporary.open("rb") as file:  # it may be read-only by now
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def open_alone(path: Path) -> BinaryIO:
    """Open a private file for reading and writing, an empty one if need be; nobody else does until it is closed."""
    file = open(path, "r+b", buffering=0, opener=_open_or_make)  # noqa: SIM115  the caller closes it
    try:
        _lock(file.fileno(), blocking=True)
    except BaseException:
        file.close()
        raise
    return file


def _open_or_make(path: str, flags: int) -> int:
    # no link is followed: where somebody planted one, the file would be made, or written, wherever that leads
    return os.open(path, flags | os.O_CREAT | NO_LINK, 0o600)


def _lock(fd: int, *, blocking: bool) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(fd, msvcrt.LK_LOCK if blocking else msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
    except OSError as error:
        if blocking or error.errno not in _TAKEN:
            raise
        return False
    return True


def _outlast_looks(fd: int) -> bool:
    """Take the lock once those are gone who only share it, for a moment: `is_held` does. False: somebody has it."""
    for _ in range(_LOOKS):
        if sys.platform == "win32" or not _share(fd, blocking=False):
            return False
        fcntl.flock(fd, fcntl.LOCK_UN)
        if _lock(fd, blocking=False):
            return True
        threading.Event().wait(_A_LOOK)
    return False


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def is_at(path: Path, fd: int) -> bool:
    """Return whether the open file still has that name."""
    found = _status(path)
    return found is not None and os.path.samestat(found, os.fstat(fd))


def _share(fd: int, *, blocking: bool) -> bool:
    if sys.platform == "win32":
        return True  # its locks cannot be shared, so nobody is kept out
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | (0 if blocking else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _put(file: BinaryIO, content: bytes) -> None:
    file.seek(0)
    file.write(content)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())


def _move(file: BinaryIO, content: bytes, temporary: Path, path: Path) -> None:
    _put(file, content)
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
