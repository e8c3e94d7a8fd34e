"""Other accounts of the machine: what they plant is not used, what they may not read is closed, and root is kept off."""

import contextlib
import os
import shlex
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from filesync.cli import _FOR_ROOT_TOO
from filesync.core.errors import AuthError, StoreError
from filesync.runtime.locks import FileLock, check_private, room_beside, write_file
from filesync.runtime.rotating_file import append
from filesync.scheduling.commands import Systemctl
from filesync.scheduling.systemd import SystemdTimer
from filesync.scheduling.timer import ScheduledCall
from filesync.simulators.clock import SimulatedClock
from filesync.store.sqlite.database import open_for_writing
from tests.contract.test_documents import CALLABLE
from tests.support.homes import Drive, Ended, Home
from tests.support.in_process import in_memory
from tests.support.patients import SOMEBODY, somebody

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def standing_in(folder: Path, *argv: str, **environ: str) -> Ended:
    """Run a command where somebody stands, with nothing that names a home but what is given."""
    return Ended(*in_memory(environ, folder, SimulatedClock(frozen=True)).run(argv))


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def seen_by_all(drive: Drive) -> Iterator[Home]:
    """Make a home where every user can see it: pytest's own folders are for their owner only.

    It was synced once as root's, for what a first sync needs of this program may lie where only root can read it.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "home").mkdir()
        home = Home(Path(folder) / "home", None, drive.service)
        home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared}})
        assert home.run("sync", "--all").code == 0
        yield home


def give_away(folder: Path, uid: int = SOMEBODY) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


# --- a home that was planted ------------------------------------------------------------------


@only_root
def test_a_planted_home_runs_nothing_as_root_unless_it_is_named(tmp_path: Path) -> None:
    shared, trace = tmp_path / "shared", tmp_path / "trace"
    (shared / "config").mkdir(parents=True)
    command = [sys.executable, "-c", f"open({str(trace)!r}, 'a').close()"]
    notify = {"ops": {"type": "command", "command": command}}
    (shared / "config" / "connector.yaml").write_text(yaml.safe_dump({"notify": notify, "endpoints": []}))
    os.chown(shared, 0, SOMEBODY)
    shared.chmod(0o2775)
    for way in (shared, shared / "config"):
        ended = standing_in(way, "notify", "test")
        assert (ended.code, trace.exists()) == (78, False), ended
    assert f"{shared}: its group {SOMEBODY} can write it (mode 2775)" in standing_in(shared, "notify", "test").err
    for environ, argv in (({"FILESYNC_HOME": str(shared)}, []), ({}, ["--home", str(shared)])):
        ended = standing_in(Path("/"), *argv, "notify", "test", **environ)
        assert (ended.code, trace.exists()) == (0, True), ended
        assert f"warning: {shared}: its group {SOMEBODY} can write it (mode 2775)" in ended.err
        trace.unlink()
    assert "warning" not in standing_in(Path("/"), "--home", str(shared), "--quiet", "notify", "test").err
    shared.chmod(0o2755)
    assert standing_in(shared, "notify", "test").err == "ops: delivered\n"
    assert trace.exists()


# --- links that were planted ------------------------------------------------------------------


def link(path: Path, victim: Path, uid: int = SOMEBODY) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(victim)
    os.chown(path, uid, uid, follow_symlinks=False)


def opened(path: Path) -> None:
    with contextlib.suppress(OSError):
        FileLock(path).acquire()


def logged(path: Path) -> None:
    with pytest.raises(PermissionError, match="somebody else's"):
        append(path, b"line\n", 0)


def stored(path: Path) -> None:
    with pytest.raises(StoreError, match="somebody else's"):
        open_for_writing(path)


def install_units(path: Path) -> None:
    timer = SystemdTimer(ScheduledCall(("/bin/true",), Path("/srv/x")), 5, path.parent, Systemctl({}, of_user=True))
    timer._write(path.name, "[Unit]\n")


def metrics(path: Path) -> None:
    assert standing_in(path.parent, "metrics", "--textfile", path.name, FILESYNC_HOME=str(path.parent)).code == 0
    assert mode(path) == 0o644


WRITERS: Mapping[str, tuple[str, Callable[[Path], object]]] = {
    "metrics": ("m.prom", metrics),
    "what metrics wrote first": (f".m.prom.{os.getpid()}", lambda path: metrics(path.with_name("m.prom"))),
    "a lock": ("x.lock", opened),
    "the log": ("connector.log", logged),
    "the database": ("connector.db", stored),
    "a unit": ("x.timer", install_units),
}


@only_root
@pytest.mark.parametrize("victim_is_there", [True, False])
@pytest.mark.parametrize("what", WRITERS)
def test_nothing_is_written_through_a_planted_link(tmp_path: Path, what: str, *, victim_is_there: bool) -> None:
    name, write = WRITERS[what]
    victim = tmp_path / "victim"
    if victim_is_there:
        victim.write_text("precious")
        victim.chmod(0o600)
    link(tmp_path / "open" / name, victim)
    write(tmp_path / "open" / name)
    assert victim.exists() == victim_is_there
    assert not victim_is_there or (victim.read_text(), mode(victim)) == ("precious", 0o600)


@only_root
def test_a_snapshot_follows_a_link_of_ours_and_of_nobody_else(drive: Drive, tmp_path: Path) -> None:
    drive.home.run("sync")
    victim, target = tmp_path / "victim.db", tmp_path / "open" / "copy.db"
    link(target, victim)
    ended = drive.home.run("snapshot", "--force", str(target))
    assert (ended.code, victim.exists()) == (1, False)
    assert "is a link of somebody else's; name another file" in ended.err
    os.chown(target, 0, 0, follow_symlinks=False)
    assert drive.home.run("snapshot", "--force", str(target)).code == 0
    assert (victim.exists(), target.is_symlink()) == (True, True)


def test_what_is_written_gets_its_mode_whatever_the_umask_and_leaves_nothing_beside(tmp_path: Path) -> None:
    for mask in (0o000, 0o077):
        with umask(mask):
            write_file(tmp_path / "m", b"x", 0o644)
            assert [path.name for path in tmp_path.iterdir()] == ["m"]
            assert mode(tmp_path / "m") == 0o644
            with room_beside(tmp_path / "m") as room:
                assert mode(room) == 0o700
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "no" / "m", b"x", 0o644)


# --- who reads the inventory ------------------------------------------------------------------


def test_nobody_else_reads_the_inventory_unless_its_group_may(drive: Drive) -> None:
    home = drive.home
    for setting, expected, mask in (("no", 0o600, 0o000), ("yes", 0o640, 0o077), ("no", 0o600, 0o022)):
        with umask(mask):
            assert home.run("sync", "--all", FILESYNC_GROUP_READABLE=setting).code == 0
            assert home.run("snapshot", "--force", "data/copy.db", FILESYNC_GROUP_READABLE=setting).code == 0
            with contextlib.closing(open_for_writing(home.database)) as database:
                database.connection.execute("UPDATE scheduler SET last_start_at = last_start_at")
                held = {path.name: mode(path) for path in (home.path / "data").iterdir() if path.is_file()}
        wanted = ("connector.db", "connector.db-wal", "connector.db-shm", "copy.db")
        assert {name: held[name] for name in wanted} == dict.fromkeys(wanted, expected)
        assert mode(home.path / "logs" / "connector.log") == expected


def test_a_new_database_is_closed_from_its_first_byte_on(tmp_path: Path) -> None:
    with umask(0), contextlib.closing(open_for_writing(tmp_path / "new.db")):
        assert {mode(path) for path in tmp_path.glob("new.db*") if path.is_file()} == {0o600}


def test_a_database_that_everybody_could_read_is_closed_by_the_next_sync(drive: Drive) -> None:
    home = drive.home
    home.run("sync")
    home.database.chmod(0o644)
    (home.path / "logs" / "connector.log").chmod(0o644)
    ended = home.run("sync")
    assert ended.code == 0
    assert "others could read it (mode 0644), and no longer can; FILESYNC_GROUP_READABLE=yes lets" in ended.err
    assert (mode(home.database), home.run("sync").err) == (0o600, "")
    assert home.run("sync", "--all").code == 0
    assert mode(home.path / "logs" / "connector.log") == 0o600


def test_what_comes_back_is_as_closed_as_what_was_there(drive: Drive, tmp_path: Path) -> None:
    home = drive.home
    home.run("sync")
    assert home.run("snapshot", "copy.db").code == 0
    (tmp_path / "copy.db").chmod(0o666)
    home.database.unlink()
    assert home.run("snapshot", "--restore", "copy.db").code == 0
    assert mode(home.database) == 0o600


def test_another_word_than_yes_and_no_is_a_mistake_that_says_so(drive: Drive) -> None:
    ended = drive.home.run("sync", FILESYNC_GROUP_READABLE="dashboards")
    assert ended.code == 78
    assert "FILESYNC_GROUP_READABLE: found 'dashboards', one of no, yes is needed" in ended.err


@only_root
def test_a_group_that_may_reads_a_copy_and_nobody_else_does(seen_by_all: Home) -> None:
    home, shared = seen_by_all, seen_by_all.path / "shared"
    shared.mkdir()
    os.chown(shared, 0, SOMEBODY)
    shared.chmod(0o2750)
    home.run("sync")
    copy = f"file:{shared}/c.db?mode=ro"
    for setting, may in (("yes", True), ("no", False)):
        assert home.run("snapshot", "--force", "shared/c.db", FILESYNC_GROUP_READABLE=setting).code == 0
        refused = contextlib.nullcontext() if may else pytest.raises(sqlite3.OperationalError, match="unable to open")
        with somebody(), refused, contextlib.closing(sqlite3.connect(copy, uri=True)) as reader:
            assert reader.execute("SELECT count(*) FROM files").fetchall() == [(0,)]


# --- root in the home of another account ------------------------------------------------------

ARGUMENTS = {
    "snapshot": ["copy.db"],
    "consumers set": ["bi", "0"],
    "consumers forget": ["bi"],
    "endpoints forget": ["P", "--yes"],
    "discover autodesk": [],
    "discover google": [],
}
TREATED_ELSEWHERE = {"db", "consumers", "endpoints", "discover"}  # groups, which by themselves list, or only show help


def state_of(folder: Path) -> Mapping[str, tuple[int, int, int]]:
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {str(path): (each.st_uid, each.st_mode, each.st_mtime_ns) for path, each in found.items()}


@only_root
def test_root_leaves_the_home_of_another_account_as_it_is(drive: Drive, tmp_path: Path) -> None:
    give_away(tmp_path)
    before = state_of(tmp_path)
    names = {name.removeprefix("filesync ") for name in CALLABLE} - _FOR_ROOT_TOO - TREATED_ELSEWHERE
    assert {"sync", "loop", "notify test", "auth google login", "prune", "verify", "snapshot"} <= names
    for name in sorted(names):
        arguments = [*name.split(), *ARGUMENTS.get(name, [])]
        ended, words = drive.home.run(*arguments), shlex.join(arguments)
        assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1), (name, ended)
        call = f"sudo -u '#{SOMEBODY}' filesync --home {shlex.quote(str(tmp_path))} {words}"
        assert ended.err.endswith(f"nothing was done; run it as its owner: {call}\n"), ended.err
    assert drive.home.run("init").code == drive.home.run("init", str(tmp_path)).code == 77
    assert state_of(tmp_path) == before


@only_root
def test_what_root_may_do_in_the_home_of_another_account_does_not_keep_its_owner_from_anything(
    seen_by_all: Home,
) -> None:
    home = seen_by_all
    give_away(home.path)
    for command in ("status", "files", "changes", "logs", "metrics", "endpoints", "consumers", "config show"):
        assert home.run(*command.split()).code == 0, command
    for command in ("sync --all", "changes --consumer bi --commit --limit 1", "snapshot copy.db"):
        ended = home.run(*command.split())
        assert (ended.code, ended.err.endswith(f" {command}\n")) == (77, True), ended.err
    assert {owner for owner, *_ in state_of(home.path).values()} == {SOMEBODY}  # -wal and -shm, too
    with somebody():
        assert home.run("sync", "--all").code == 0


@only_root
@pytest.mark.parametrize("part", ["data", "tokens", "logs", "elsewhere"])
def test_a_home_of_root_is_theirs_whose_syncs_write_there(drive: Drive, tmp_path: Path, part: str) -> None:
    (tmp_path / part).mkdir()
    os.chown(tmp_path / part, SOMEBODY, SOMEBODY)
    ended = drive.home.run("sync", DATABASE_URL=f"sqlite:///./{'elsewhere' if part == 'elsewhere' else 'data'}/x.db")
    assert (ended.code, [*(tmp_path / part).iterdir()]) == (77, [])


@only_root
def test_the_advice_about_a_login_of_another_account_does_not_lock_it_out(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir(mode=0o700)
    (folder / "t.json").touch(0o600)
    give_away(folder)
    with pytest.raises(AuthError, match=f"run it as the owner: sudo -u '#{SOMEBODY}' filesync$"):
        check_private(folder / "t.json")
    os.chown(folder, 0, 0)  # only the file is another's: root, say, ran filesync once in the home of a user
    with pytest.raises(AuthError, match=r"as root: chown 0 .*t\.json$"):
        check_private(folder / "t.json")


# --- an account without a home ----------------------------------------------------------------


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user that passwd does not know, without HOME, as in a container that was given a bare number."""

    def unknown(_: object) -> object:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("pwd.getpwnam", unknown)


@pytest.mark.usefixtures("homeless")
def test_an_account_without_a_home_is_served_and_told_what_it_lacks(drive: Drive) -> None:
    home = drive.home
    environ = {"PATH": "/nowhere"}
    assert home.run("sync").code == 0
    for command in ("doctor --offline", "schedule show", "schedule uninstall", "auth google status", "metrics"):
        ended = home.run(*command.split(), **environ)
        assert ended.code in {0, 1}, ended
        assert "cannot tell where" not in ended.err
    shown = home.run("schedule", "show", "--systemd", **environ)
    assert (shown.code, shown.err.count("\n")) == (1, 1)
    assert "cannot tell where ~ is: HOME is not set, and this user has no entry in passwd; set HOME, or" in shown.err
    assert home.run("schedule", "show", "--systemd", XDG_CONFIG_HOME="/etc/xdg", **environ).code == 0


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("snapshot {}/x.db", 2),
        ("snapshot --restore {}/x.db", 2),
        ("--config {}/c.yaml config check", 2),
        ("--home {} status", 78),
        ("init {}/new", 78),
    ],
)
def test_a_home_folder_that_cannot_be_told_is_a_mistake_of_the_call(tmp_path: Path, words: str, code: int) -> None:
    for tilde, why in (("~", "HOME is not set"), ("~nosuch", "there is no such user")):
        ended = Home(tmp_path).run(*words.format(tilde).split())
        assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1), ended
        assert f"cannot tell where {tilde} is: {why}" in ended.err
