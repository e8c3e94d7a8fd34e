"""Permissions: who runs the syncs of a home, and what of it that user can read and write."""

import os
import shlex
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filesync.runtime.ownership import user_name

READ, WRITE, ENTER = os.R_OK, os.W_OK, os.X_OK
_WORDS = {READ: "read", WRITE: "written", ENTER: "entered"}


@dataclass(frozen=True, slots=True)
class Runner:
    """The user whose permissions count; `is_us` False where root looks after the home of another."""

    uid: int
    groups: Sequence[int]
    is_us: bool = True

    @property
    def name(self) -> str:
        return user_name(self.uid)

    def can(self, path: Path, mode: int) -> bool:
        """Return whether this user may do that with a path that exists."""
        if not os.access(path, mode):  # a file system that is read-only refuses root, too
            return False
        return self.is_us or self._is_allowed(path.stat(), mode)

    def _is_allowed(self, found: os.stat_result, mode: int) -> bool:
        bits = stat.S_IMODE(found.st_mode)
        if found.st_uid == self.uid:
            bits >>= 6
        elif found.st_gid in self.groups:
            bits >>= 3
        return self.uid == 0 or bits & mode == mode


def runner_of(home: Path) -> Runner:
    """Return who runs the syncs: whoever looks, but for root in the home of somebody else."""
    if sys.platform == "win32":
        return Runner(0, ())
    ours = os.geteuid()
    owner = home.stat()
    if ours != 0 or owner.st_uid == 0:
        return Runner(ours, os.getgroups())
    return Runner(owner.st_uid, _groups_of(owner.st_uid, owner.st_gid), is_us=False)


def nearest(path: Path) -> Path:
    """Return the path, or of one that does not exist yet the folder in which it would begin."""
    return next(each for each in (path, *path.parents) if os.path.lexists(each))


def refused(runner: Runner, path: Path, *modes: int) -> list[str]:
    """Say in words what the runner may not do with a path that exists."""
    return [_WORDS[mode] for mode in modes if not runner.can(path, mode)]


def permit(runner: Runner, path: Path, whole: str = "") -> str:
    """Write the command that gives the runner a path that it may not use, and what is below it.

    `whole` is what it is given instead, as a shell writes it: the same is likely wrong with the rest of that.
    """
    name = whole or shlex.quote(str(path))
    if os.access(path, READ) and not os.access(path, WRITE) and is_read_only(path):
        return f"mount the file system of {name} so that it can be written"
    if path.stat().st_uid != runner.uid:
        return f"chown -R {shlex.quote(runner.name)} {name}   # as root"
    return f"chmod {'-R u+rwX' if whole or path.is_dir() else 'u+rw'} {name}"


def is_read_only(path: Path) -> bool:
    return bool(sys.platform != "win32" and os.statvfs(path).f_flag & os.ST_RDONLY)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _groups_of(uid: int, gid: int) -> Sequence[int]:
    if sys.platform == "win32":
        return ()
    return os.getgrouplist(user_name(uid), gid)
