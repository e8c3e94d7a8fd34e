"""The paths of a home: there, of the right kind, usable for who runs the syncs, and no others' to write."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filesync.doctor.findings import CHECKS, Finding, Skipped, counted, fail, ok, warn
from filesync.doctor.permissions import (
    ENTER,
    READ,
    WRITE,
    Runner,
    is_read_only,
    mode_of,
    nearest,
    permit,
    refused,
)
from filesync.runtime.ownership import as_user, exposure, user_name, writers


@dataclass(frozen=True, slots=True)
class HomePaths:
    """Where a home keeps what; `log` is the newest log file."""

    home: Path
    config: Path
    database: Path
    locks: Path
    log: Path
    tokens: Path


def check_places(places: HomePaths, runner: Runner) -> Iterator[Finding | Skipped]:
    """Look at every path that a sync reads or writes; where it is another user who should look, at nothing else."""
    if _is_anothers(places, runner):
        owner = places.home.stat().st_uid
        detail = f"{places.home}: belongs to {user_name(owner)}, and {runner.name} cannot run its syncs"
        yield fail("paths", "home", detail, _as_owner(places.home, owner))
        yield from (Skipped("paths", each, f"it is for {user_name(owner)} to look") for each in CHECKS["paths"][1:7])
        return
    yield _home(places.home, runner)
    if not places.home.is_dir():
        return
    yield _config(places.config, places.home / ".env", runner)
    yield _folder("data", places.database.parent, runner)
    yield _database(places.database, runner)
    yield _files("locks", places.locks, runner, nothing="none yet")
    yield _log(places.log, runner)
    yield _folder("tokens", places.tokens, runner)


def _home(home: Path, runner: Runner) -> Finding:
    if home.exists() and not home.is_dir():
        return fail("paths", "home", f"{home}: is not a folder", "name another home with --home, or move this away")
    if not home.is_dir():
        return fail("paths", "home", f"{home}: there is no such folder", f"filesync init {shlex.quote(str(home))}")
    if not runner.is_us:
        fix = _as_owner(home, runner.uid)
        detail = f"{home}: belongs to {runner.name}, and a sync as root would leave files that {runner.name} cannot use"
        return warn("paths", "home", detail, fix)
    if problem := _unusable(home, runner, READ, ENTER):
        return fail("paths", "home", problem, permit(runner, home))
    if found := exposure(home, runner.uid):
        return warn("paths", "home", str(found), found.mend or f"chown {runner.name} {shlex.quote(str(found.path))}")
    return ok("paths", "home", f"{home}, of {user_name(home.stat().st_uid)}")


def _is_anothers(places: HomePaths, runner: Runner) -> bool:
    """Return whether the home is not this user's, and cannot be used by this user either."""
    if not places.home.is_dir() or places.home.stat().st_uid == runner.uid:
        return False
    if refused(runner, places.home, READ, ENTER):
        return True
    return bool(refused(runner, nearest(places.database.parent), WRITE, ENTER))


def _as_owner(home: Path, owner: int) -> str:
    return f"{as_user(owner)} filesync --home {shlex.quote(str(home))} doctor"


def _config(path: Path, env: Path, runner: Runner) -> Finding:
    if not path.is_file():
        if os.path.lexists(path):
            return fail("paths", "config", f"{path}: is not a file", "move it away, and see: filesync init --help")
        return fail("paths", "config", f"{path}: is not there", "filesync init, then copy the example and fill it in")
    if problem := _unusable(path, runner, READ):
        return fail("paths", "config", problem, permit(runner, path))
    steering = [each for each in (path, path.parent, env) if each.exists()]
    exposed = (finding for each in steering if (finding := _open("config", each, runner)))
    return next(exposed, ok("paths", "config", str(path)))


def _folder(check: str, path: Path, runner: Runner) -> Finding:
    there = nearest(path)
    if there != path:
        if problem := _unusable(there, runner, WRITE, ENTER):
            return fail("paths", check, f"{path} cannot be made: {problem}", permit(runner, there))
        return ok("paths", check, f"{path}: not there yet, it can be made")
    if not path.is_dir():
        return fail("paths", check, f"{path}: is not a folder", f"mv {shlex.quote(str(path))} somewhere else")
    if problem := _unusable(path, runner, READ, WRITE, ENTER):
        return fail("paths", check, problem, permit(runner, path))
    return _open(check, path, runner) or ok("paths", check, str(path))


def _database(path: Path, runner: Runner) -> Finding:
    all_three = f"{shlex.quote(str(path))}*"  # SQLite gives what it puts beside a database the same mode
    for each in filter(os.path.lexists, (path.with_name(path.name + end) for end in ("", "-wal", "-shm"))):
        if each.exists() and not each.is_file():
            return fail("paths", "database", f"{each}: is not a file", f"mv {shlex.quote(str(each))} somewhere else")
        if problem := _unusable(each, runner, READ, WRITE):
            return fail("paths", "database", problem, permit(runner, each, all_three))
        if finding := _open("database", each, runner):
            return finding
    return ok("paths", "database", str(path) if os.path.lexists(path) else f"{path}: not there yet")


def _files(check: str, folder: Path, runner: Runner, *, nothing: str) -> Finding:
    """Look at a folder of small files that every process of the home opens to write."""
    if not os.path.lexists(folder):
        return ok("paths", check, f"{folder}: {nothing}")
    if not folder.is_dir():
        return fail("paths", check, f"{folder}: is not a folder", f"mv {shlex.quote(str(folder))} somewhere else")
    if problem := _unusable(folder, runner, READ, WRITE, ENTER):
        return fail("paths", check, problem, permit(runner, folder))
    found = sorted(folder.iterdir())
    for each in found:
        if problem := _unusable(each, runner, READ, WRITE):
            return fail("paths", check, problem, permit(runner, each, shlex.quote(str(folder))))
    return _open(check, folder, runner) or ok("paths", check, f"{folder}: {counted(len(found), 'file')}")


def _log(path: Path, runner: Runner) -> Finding:
    finding = _folder("logs", path.parent, runner)
    if finding.fix or not os.path.lexists(path):
        return finding
    if problem := _unusable(path, runner, READ, WRITE):
        return fail("paths", "logs", problem, permit(runner, path))
    return _open("logs", path, runner) or ok("paths", "logs", str(path))


def _unusable(path: Path, runner: Runner, *modes: int) -> str:
    """Say what the runner may not do with a path, and why; '' when it may do all of that."""
    if path.is_symlink() and not path.exists():
        return f"{path}: is a link to nothing"
    lacking = refused(runner, path, *modes)
    if not lacking:
        return ""
    if is_read_only(path):
        return f"{path}: its file system is read-only"
    owner, mode = user_name(path.stat().st_uid), mode_of(path)
    return f"{path}: cannot be {' or '.join(lacking)} by {runner.name} (of {owner}, mode {mode:04o})"


def _open(check: str, path: Path, runner: Runner) -> Finding | None:
    """Warn of what others could change: what a sync does, and with `notify` which programs it starts."""
    found = writers(path, runner.uid)
    return warn("paths", check, str(found), found.mend) if found else None
