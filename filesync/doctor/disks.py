"""Disks: on what kind of file system a home is, and how much room there is."""

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from filesync.doctor.findings import Finding, Skipped, fail, ok, warn
from filesync.doctor.permissions import nearest

MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = re.compile(
    r"nfs4?|cifs|smb\w*|afs|ncpfs|davfs2?|fuse\.(sshfs|s3fs|rclone|davfs|gcsfuse|blobfuse2?|curlftpfs)"
)
_DOUBTFUL = re.compile(
    r"9p|virtiofs|vboxsf|drvfs|ceph|lustre|gpfs|ocfs2|gfs2|fuse\.(?!fuse-overlayfs|mergerfs)\w.*|fuseblk"
)
_LEAST = 50_000_000  # bytes: below that a sync would soon fail
_BESIDE = 250_000_000  # bytes: what a large sync may need beside the database
_FEWEST = 100  # files that can still be made
_FEW = 5_000


def check_kind(folders: Iterable[Path]) -> Iterator[Finding | Skipped]:
    """Refuse what is shared over a network: neither SQLite's WAL nor the locks hold there."""
    kinds = {folder: kind_of(folder) for folder in folders}
    if not all(kinds.values()):
        yield Skipped("paths", "disk", "this system does not show the file systems of the paths")
        return
    bad = [finding for folder, kind in kinds.items() if (finding := _judged(folder, kind))]
    yield from bad or [ok("paths", "disk", f"local: {', '.join(dict.fromkeys(kinds.values()))}")]


def kind_of(path: Path) -> str:
    """Tell on what kind of file system a path is, or would be; '' where the system does not say."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    return file_system_of(nearest(path).resolve(), mounts)


def check_room(folders: Sequence[Path], database: Path) -> Iterator[Finding]:
    """Look at the room on every disk that is written to; beside the database there is to be room for a copy of it."""
    disks: dict[int, Path] = {}
    for folder in map(nearest, (database.parent, *folders)):
        disks.setdefault(folder.stat().st_dev, folder)
    size = 0
    with contextlib.suppress(OSError):  # of what is not there, or cannot be entered
        size = database.stat().st_size
    for number, folder in enumerate(disks.values()):
        yield _space(folder, size + _BESIDE if number == 0 else _LEAST)
        yield from _inodes(folder)


def file_system_of(path: Path, mounts: str) -> str:
    """Find the kind of file system that a path is on; '' when the list of mounts does not tell."""
    found, longest = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = _unescaped(before.split(" ")[4]) if after and before.count(" ") >= 4 else ""
        if point and path.is_relative_to(point) and len(point) >= longest:  # of two on one point the later one counts
            found, longest = after.split(" ", 1)[0], len(point)
    return found


def _judged(folder: Path, kind: str) -> Finding | None:
    move = "keep the home on a local disk (DATABASE_URL can name another place for the database)"
    if _NETWORK.fullmatch(kind):
        detail = (
            f"{folder}: is on a network ({kind}): SQLite and the locks are not safe there, the database can be damaged"
        )
        return fail("paths", "disk", detail, move, folder.name)
    if _DOUBTFUL.fullmatch(kind):
        detail = f"{folder}: is on {kind}, which may not keep SQLite's and our locks"
        return warn("paths", "disk", detail, move, folder.name)
    return None


def _space(folder: Path, wanted: int) -> Finding:
    found = os.statvfs(folder)
    free, name = found.f_bavail * found.f_frsize, folder.name
    if free < _LEAST:
        fix = "free some space: without it syncs fail, and nothing is lost"
        return fail("paths", "space", f"{folder}: the disk is full: {in_bytes(free)} left", fix, name)
    if free < wanted:
        fix = f"have {in_bytes(wanted)} free, for a snapshot, which is as large as the database, and for large syncs"
        return warn("paths", "space", f"{folder}: {in_bytes(free)} left", fix, name)
    return ok("paths", "space", f"{folder}: {in_bytes(free)} left", name)


def _inodes(folder: Path) -> Iterator[Finding]:
    if sys.platform == "win32":
        return
    found = os.statvfs(folder)
    if found.f_files == 0:  # this file system makes them as they are needed
        yield ok("paths", "inodes", f"{folder}: not limited", folder.name)
        return
    detail = f"{folder}: room for {found.f_favail:,} more files"
    fix = "remove small files that nobody needs: the file system cannot hold many more (df -i)"
    if found.f_favail < _FEWEST:
        yield fail("paths", "inodes", detail, fix, folder.name)
    elif found.f_favail < _FEW:
        yield warn("paths", "inodes", detail, fix, folder.name)
    else:
        yield ok("paths", "inodes", detail, folder.name)


def in_bytes(size: int) -> str:
    """Write a size in the largest unit that keeps it readable."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if value >= 10 or units[0] == "B" else f"{value:.1f} {units[0]}"


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point)
