"""Whose files are: who beside this user could change what is found at a path, and how that is mended."""

import os
import shlex
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST_LINKS = 40  # as the kernel has it
_ACL = "system.posix_acl_access"


@dataclass(frozen=True, slots=True)
class Exposure:
    """A path that somebody else can change: who, and the command that ends it ('' where only its owner could)."""

    path: Path
    who: str
    mend: str

    def __str__(self) -> str:
        return f"{self.path}: {self.who}"


def exposure(path: Path, uid: int | None = None) -> Exposure | None:
    """Return who but this user (default: of this process) and root could change a path, or put another in its place.

    Looked at are the path, everything that finding it goes through, links among it, and what they lead to; where it is
    not there yet, who could put it there. Raises OSError for what cannot be looked at.
    """
    if sys.platform == "win32":
        return None
    ours = {0, os.geteuid() if uid is None else uid}
    last = Path(path.anchor)
    for each in _way(path):
        try:
            found = _exposed(each, ours, is_end=False)
        except FileNotFoundError:
            return _exposed(last, ours, is_end=True)
        if found:
            return found
        last = each.parent if each.is_symlink() else each
    return _exposed(path.resolve(), ours, is_end=True)


def user_name(uid: int) -> str:
    """Name an account; one that this machine has no name for is its number."""
    if sys.platform == "win32":
        return str(uid)
    import pwd  # noqa: PLC0415  not on every system

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def as_user(uid: int) -> str:
    """Write how sudo starts a program as that account."""
    name = user_name(uid)
    # decision 64: root does not become the owner by itself
    return f"sudo -u {shlex.quote(f'#{uid}' if name == str(uid) else name)}"


def writers(path: Path, uid: int) -> Exposure | None:
    """Return the exposure of a path that a group, or everybody, can write; a group of one user is that user.

    What lies on a file system that is read-only here nobody writes, which is how containers are handed what they read.
    """
    found = path.stat()
    mode, name = stat.S_IMODE(found.st_mode), shlex.quote(str(path))
    if mode & 0o002 and not _is_read_only(path):
        return Exposure(path, f"everybody can write it (mode {mode:04o})", f"chmod o-w {name}")
    # decision 62: a private group counts as its user
    if mode & 0o020 and not _is_private_group(path, found.st_gid, {0, uid}) and not _is_read_only(path):
        who = f"its group {_group_name(found.st_gid)} can write it (mode {mode:04o})"
        return Exposure(path, who, f"chmod g-w {name}")
    return None


def _way(path: Path) -> Iterator[Path]:
    """Name every entry of a folder that finding an absolute path goes by: folders, links, and what these lead to."""
    here, todo, links = Path(path.anchor), [*reversed(path.parts[1:])], 0
    yield here
    while todo:
        part = todo.pop()
        if part == "..":
            here = here.parent
            continue
        entry = here / part
        yield entry
        if not entry.is_symlink():
            here = entry
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(f"{path}: too many links")
        target = entry.readlink()
        here = Path(target.anchor) if target.is_absolute() else here
        todo += reversed(target.parts[1:] if target.is_absolute() else target.parts)


def _exposed(path: Path, ours: set[int], *, is_end: bool) -> Exposure | None:
    found = path.lstat()
    if found.st_uid not in ours and not _is_read_only(path):
        return Exposure(path, f"belongs to {user_name(found.st_uid)}", "")
    if stat.S_ISLNK(found.st_mode):  # its mode means nothing, and whoever could replace it was looked at
        return None
    # in a sticky folder, as /tmp is, nobody takes away what is ours; but what is not there yet anybody puts there,
    # so that is good enough on the way, and not for the end of it
    if found.st_mode & stat.S_ISVTX and not is_end:
        return None
    return writers(path, max(ours))


def _is_private_group(path: Path, gid: int, owners: set[int]) -> bool:
    """Return whether a group is but another name of one user, as Debian, Fedora and others give each user one.

    There umask is 002, so that everything a person makes is "group-writable": to refuse that would lock all of them
    out, and keep nobody from anything. It is what pam_umask takes for such a group too: the user's primary group, of
    the user's name; and nobody else may be in it. What an access control list grants shows as the group's bits, so
    where there is one they may be anybody's.
    """
    import grp  # noqa: PLC0415  few things are writable for a group
    import pwd  # noqa: PLC0415

    try:
        members, name = grp.getgrgid(gid).gr_mem, grp.getgrgid(gid).gr_name
        owner = pwd.getpwnam(name)
    except KeyError:
        return False
    others = {*members, *(each.pw_name for each in pwd.getpwall() if each.pw_gid == gid)} - {name}
    return owner.pw_uid in owners and owner.pw_gid == gid and not others and not _has_acl(path)


def _has_acl(path: Path) -> bool:
    try:
        return sys.platform == "linux" and bool(os.getxattr(path, _ACL))
    except OSError:  # there is none, or this file system knows none
        return False


def _group_name(gid: int) -> str:
    import grp  # noqa: PLC0415  as above

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _is_read_only(path: Path) -> bool:
    try:
        return sys.platform != "win32" and bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False
