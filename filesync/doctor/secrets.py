"""Who can read the secrets of a home: `.env`, keys, files that variables name, and logins."""

import contextlib
import glob
import itertools
import shlex
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from filesync.doctor.disks import kind_of
from filesync.doctor.findings import Finding, counted, fail, ok, warn
from filesync.doctor.permissions import Runner, mode_of
from filesync.runtime.ownership import user_name

_OTHERS = 0o004
_GROUP = 0o040
_ANY_OTHER = 0o077
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def check_env(path: Path, secrets: Sequence[str]) -> Finding:
    """Look at `.env`; `secrets` are the names of the secrets in it."""
    if not path.exists():
        return ok("secrets", "env", "there is no .env")
    if not secrets:
        return ok("secrets", "env", f"{path}: holds no secret")
    return _judged("env", path) or ok(
        "secrets", "env", f"{path}: only its owner can read it (mode {mode_of(path):04o})"
    )


def check_keys(paths: Iterable[Path], home: Path) -> Iterator[Finding]:
    """Look at keys and other files that hold a secret; one that is not there is no matter of permissions.

    What a container's engine hands in, as a file system in memory beside the home, has the mode that it gives.
    """
    found = sorted({path for path in paths if path.is_file() and not _is_handed_in(path, home)})
    exposed = [finding for path in found if (finding := _judged("keys", path))]
    yield from exposed or [ok("secrets", "keys", f"{counted(len(found), 'file')}, of which others can read none")]


def check_tokens(folder: Path, runner: Runner) -> Iterator[Finding]:
    """Look at the logins as a sync does: it refuses what others can use."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    exposed = [finding for path in (folder, *files) if (finding := _refused(path, runner))]
    yield from exposed or [ok("secrets", "tokens", f"{counted(len(files), 'file')}, of which others can use none")]


def check_inventory(files: Iterable[Path], database: Path, mode: int) -> Finding:
    """Look who can read what holds the inventory: the database, its copies, the log, what was exported beside them.

    `mode` is what the settings let such a file have; a folder that keeps others out is no excuse, for folders change.
    """
    found = sorted(files)
    exposed = [path for path in found if mode_of(path) & 0o077 & ~mode]
    if not exposed:
        readers = "their group" if mode & _GROUP else "nobody else"
        return ok("secrets", "inventory", f"{counted(len(found), 'file')}, which {readers} can read")
    who = "everybody on this machine" if mode_of(exposed[0]) & _OTHERS else "its group"
    more = f", and there are {len(exposed) - 1} more" if exposed[1:] else ""
    detail = f"{exposed[0]}: {who} can read the inventory (mode {mode_of(exposed[0]):04o}){more}"
    mine = [path for path in exposed if path.name.startswith(database.name) and path.parent == database.parent]
    names = [f"{shlex.quote(str(database))}*"] if mine else []  # SQLite makes -wal and -shm like the database, any time
    names += [shlex.quote(str(path)) for path in exposed if path not in mine]
    return warn("secrets", "inventory", detail, f"chmod {'o=' if mode & _GROUP else 'go='} {' '.join(names)}")


def inventory_files(home: Path, database: Path) -> Iterator[Path]:
    """Name the files of a home that hold the inventory, as far as they lie where it is kept."""
    places = [home.glob(name) for name in ("data/*", "logs/*", "*.db", "*.csv", "*.json", "*.jsonl")]
    beside = database.parent.glob(f"{glob.escape(database.name)}*")  # in a folder that may be others' too
    for path in {*itertools.chain(*places, beside)}:
        with contextlib.suppress(OSError):  # gone meanwhile, as -wal and -shm are when the last one closes them
            if path.is_file() and path.stat().st_size:
                yield path


def _is_handed_in(path: Path, home: Path) -> bool:
    return not path.is_relative_to(home) and kind_of(path) in _IN_MEMORY


def _judged(check: str, path: Path) -> Finding | None:
    """Judge who can read a secret: everybody fails; a group, or everybody who gets into its folder, is a warning."""
    mode, fix = mode_of(path), f"chmod 600 {shlex.quote(str(path))}"
    if mode & _OTHERS and stat.S_IMODE(path.parent.stat().st_mode) & 0o001:
        return fail(
            "secrets", check, f"{path}: everybody on this machine can read it (mode {mode:04o})", fix, path.name
        )
    if mode & _OTHERS:
        detail = f"{path}: only its folder keeps everybody from reading it (mode {mode:04o})"
        return warn("secrets", check, detail, fix, path.name)
    if mode & _GROUP:
        return warn("secrets", check, f"{path}: its group can read it (mode {mode:04o})", fix, path.name)
    return None


def _refused(path: Path, runner: Runner) -> Finding | None:
    if not path.exists():
        return None
    owner, mode, name = path.stat().st_uid, mode_of(path), shlex.quote(str(path))
    if owner != runner.uid:
        detail = f"{path}: belongs to {user_name(owner)}, and syncs run as {runner.name}, who refuses it"
        return fail("secrets", "tokens", detail, f"chown {shlex.quote(runner.name)} {name}   # as root", path.name)
    if mode & _ANY_OTHER:
        detail = f"{path}: can be used by others than its owner (mode {mode:04o}), so syncs refuse it"
        return fail("secrets", "tokens", detail, f"chmod {700 if path.is_dir() else 600} {name}", path.name)
    return None
