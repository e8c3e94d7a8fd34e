"""Whole processes: killed, stopped, overlapping, started by cron, and given bad input."""

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.trees import grow
from tests import ROOT
from tests.support.homes import READER, Acc, Drive, Home
from tests.support.truth import assert_acc_truth, assert_drive_truth

DAY = 86400.0
PATIENCE = 30.0  # seconds until a wait for another process is a failure
DAILY = {"schedule": {"type": "interval", "interval_minutes": 1440}}  # no slot begins while a test runs


@pytest.fixture
def acc(tmp_path: Path) -> Iterator[Acc]:
    """A project that is a day old, by the machine's own clock."""
    clock = SimulatedClock()
    clock.advance(-DAY)
    service = AccSimulator(clock)
    hub = service.add_hub()
    project = service.add_project(hub)
    grow(service, service.project_files(project), files=200, folders=30, depth=5)
    clock.advance(DAY)
    with service:
        home = Home(tmp_path, service)
        home.configure({"name": "P", "endpoint_details": {"project_id": project}}, defaults=DAILY)
        yield Acc(home, service, hub, project, service.project_files(project))


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    clock = SimulatedClock()
    clock.advance(-DAY)
    service = GoogleDrive(clock)
    service.state.add_user(READER)
    shared = service.state.add_drive("Tower", READER)
    grow(service.state, shared, files=1500, folders=60, depth=5)
    clock.advance(DAY)
    with service:
        home = Home(tmp_path, None, service)
        home.configure({"name": "D", "endpoint_details": {"drive_id": shared}}, defaults=DAILY)
        yield Drive(home, service, shared)


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def kill(process: "subprocess.Popen[str]", number: int) -> int:
    os.kill(process.pid, number)
    process.communicate(timeout=PATIENCE)
    return process.returncode


def test_a_scheduled_sync_that_goes_well_prints_nothing(acc: Acc) -> None:
    ended = acc.home.cli("sync")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert_acc_truth(acc.home, acc.project)
    again = acc.home.cli("sync")  # nothing is due
    assert (again.code, again.out, again.err) == (0, "", "")
    assert len(acc.home.query("SELECT * FROM sync_logs")) == 1


def test_full_without_a_name_lists_every_active_endpoint_though_nothing_is_due(acc: Acc) -> None:
    acc.home.cli("sync")
    acc.service.hide_file(next(iter(acc.service.files)))
    ended = acc.home.cli("sync", "--full")
    assert ended.code == 0
    assert "0 added, 0 updated, 1 removed" in ended.err
    assert_acc_truth(acc.home, acc.project)


def test_a_changed_secret_is_proved_anew_although_a_token_is_cached(acc: Acc) -> None:
    assert acc.home.cli("sync").code == 0
    assert acc.home.cli("sync", "--all", CONNECTOR_AUTODESK_CLIENT_SECRET="another-one").code == 77


def test_a_sync_started_by_hand_prints_one_line(acc: Acc) -> None:
    ended = acc.home.cli("sync", "--endpoint", "P")
    assert (ended.code, ended.out, ended.err.count("\n")) == (0, "", 1)
    assert "P: success; 200 added" in ended.err


@pytest.mark.parametrize("after", [10])  # every n: test_crash_points.py
def test_kill_9_in_the_middle_of_an_acc_listing_and_the_next_sync_goes_on(acc: Acc, after: int) -> None:
    acc.service.latency = 0.02
    process = acc.home.spawn("sync")
    wait_until(lambda: acc.service.count() >= after)
    assert kill(process, signal.SIGKILL) == -signal.SIGKILL
    if acc.home.database.exists():
        acc.home.assert_sound()
    acc.service.latency = 0
    assert acc.home.cli("sync").code == 0
    assert_acc_truth(acc.home, acc.project)
    acc.home.assert_sound()
    statuses = [row["status"] for row in acc.home.query("SELECT status FROM sync_logs ORDER BY id")]
    assert statuses == ["interrupted", "success"]


@pytest.mark.parametrize("after", [4])  # as above
def test_kill_9_in_the_middle_of_a_drive_listing_and_the_next_sync_goes_on(drive: Drive, after: int) -> None:
    drive.service.latency = 0.1
    process = drive.home.spawn("sync")
    wait_until(lambda: drive.service.count() >= after)
    kill(process, signal.SIGKILL)
    drive.home.assert_sound()
    drive.service.latency = 0
    assert drive.home.cli("sync").code == 0
    assert_drive_truth(drive.home, drive.shared)
    drive.home.assert_sound()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_commits_and_ends_in_the_middle(acc: Acc, number: int, code: int) -> None:
    acc.service.latency = 0.05
    process = acc.home.spawn("sync")
    wait_until(lambda: acc.service.count() >= 8)
    assert kill(process, number) == code
    log = acc.home.query("SELECT status, error_type FROM sync_logs")
    assert log == [{"status": "interrupted", "error_type": "signal"}]
    assert len(acc.home.query("SELECT * FROM folders WHERE last_listed_at IS NOT NULL")) > 0
    acc.service.latency = 0
    assert acc.home.cli("sync").code == 0
    assert_acc_truth(acc.home, acc.project)
    assert acc.home.cli("sync", "--all", "--full").code == 0
    _, went_on, whole = acc.home.query("SELECT api_requests FROM sync_logs ORDER BY id")
    assert went_on["api_requests"] < whole["api_requests"]  # it did not begin again


TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def test_a_terminal_that_is_closed_stops_a_sync_as_a_signal_does(acc: Acc) -> None:
    acc.service.latency = 0.05
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", TAKE_TERMINAL, sys.executable, "-m", "filesync", "sync"]
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TERM": "xterm"} | acc.home.environ
    process = subprocess.Popen(
        words, env=environ, cwd="/", stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    wait_until(lambda: acc.service.count() >= 8)
    os.close(ours)
    assert process.wait(60) == 129
    log = acc.home.query("SELECT status, error_type, api_requests FROM sync_logs")
    assert [(row["status"], row["error_type"], row["api_requests"] > 0) for row in log] == [
        ("interrupted", "signal", True)
    ]


def test_a_signal_during_a_request_that_hangs_ends(acc: Acc) -> None:
    acc.service.faults.fail(faults.hang(), nth=5)
    process = acc.home.spawn("sync")
    wait_until(lambda: acc.service.count() >= 5)
    assert kill(process, signal.SIGTERM) == 143  # a request that hangs is given up after a minute
    assert acc.home.query("SELECT status FROM sync_logs") == [{"status": "interrupted"}]


def opened(process: "subprocess.Popen[str]", path: Path) -> bool:
    try:
        return any(os.path.realpath(each) == str(path) for each in Path(f"/proc/{process.pid}/fd").iterdir())
    except FileNotFoundError:  # one was closed while it was looked at
        return False


def catches(process: "subprocess.Popen[str]", number: signal.Signals) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no other way to see what a process has open")
@pytest.mark.parametrize("requests", [0, 9])
def test_a_signal_ends_while_another_program_locks_the_database(acc: Acc, requests: int) -> None:
    """Before the first request, when the start has not even begun; and in the middle of a listing."""
    assert acc.home.cli("sync", "--max-files", "1").code == 0
    acc.service.reset()
    acc.service.latency = 0.05
    with closing(sqlite3.connect(acc.home.database, isolation_level=None)) as other:
        if not requests:
            other.execute("BEGIN IMMEDIATE")
        process = acc.home.spawn("sync", "--endpoint", "P")
        wait_until(lambda: opened(process, acc.home.database) and acc.service.count() >= requests)
        if requests:
            other.execute("BEGIN IMMEDIATE")
        assert kill(process, signal.SIGTERM) == 143  # it is locked until the end of this block
        other.execute("ROLLBACK")
    acc.service.latency = 0
    assert acc.home.cli("sync", "--endpoint", "P").code == 0
    assert_acc_truth(acc.home, acc.project)
    acc.home.assert_sound()


def test_an_overlapping_start_skips_the_endpoint_and_exits_0(acc: Acc) -> None:
    acc.service.faults.fail(faults.hang(), nth=5)
    first = acc.home.spawn("sync")
    wait_until(lambda: acc.service.count() >= 5)
    second = acc.home.cli("sync")
    assert (second.code, second.out, second.err) == (0, "", "")
    named = acc.home.cli("sync", "--endpoint", "P")
    assert named.code == 0
    assert "another run holds this endpoint" in named.err
    assert kill(first, signal.SIGTERM) == 143
    assert len(acc.home.query("SELECT * FROM sync_logs")) == 1


def test_two_processes_side_by_side_do_all_endpoints_once(acc: Acc) -> None:
    projects = [acc.service.add_project(acc.hub, f"project {number}") for number in range(8)]
    for project in projects:
        grow(acc.service, acc.service.project_files(project), files=20, folders=3)
    acc.home.configure(*({"name": p, "endpoint_details": {"project_id": p}} for p in projects), defaults=DAILY)
    acc.service.latency = 0.02
    processes = [acc.home.spawn("sync") for _ in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, ""), err
    while len(acc.home.files()) < 160:  # what no slot was free for is due at the next start
        assert acc.home.cli("sync").code == 0
    logs = acc.home.query("SELECT endpoint_id, status FROM sync_logs")
    assert sorted(row["endpoint_id"] for row in logs) == list(range(1, 9))
    assert {row["status"] for row in logs} == {"success"}
    acc.home.assert_sound()


def modules_after(home: Home, *argv: str, and_of: frozenset[str] = frozenset()) -> set[str]:
    """Name what a command that ends well has imported when it does, of what is not installed beside us."""
    code = (
        "import sys\n"
        "from filesync.cli.process import this_process\n"
        "from filesync.cli import run\n"
        "if run(sys.argv[1:], *this_process()) == 0:\n"
        "    for name, module in sorted(sys.modules.items()):\n"
        "        print(name, 'site-packages' in (getattr(module, '__file__', None) or ''))\n"
    )
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)} | home.environ
    ended = subprocess.run([sys.executable, "-c", code, *argv], env=environ, capture_output=True, text=True, check=True)
    found = dict(line.rsplit(" ", 1) for line in ended.stdout.splitlines() if line.endswith(("True", "False")))
    assert found, ended.stderr
    installed = {name.partition(".")[0] for name, is_installed in found.items() if is_installed == "True"}
    assert {name for name in installed if not name.startswith("_")} <= MAY_BE_IMPORTED | and_of
    return {name for name in found if found[name] == "False"}


# What is installed beside us: only the command line itself. pydantic, yaml, requests, rich and the others are not in it.
MAY_BE_IMPORTED = {"typer", "click", "annotated_doc", "shellingham", "typing_extensions", "filesync"}
TOO_MUCH = {  # for a start with nothing due: what comes with Python, and what of ours
    *("asyncio", "concurrent.futures", "csv", "email", "html", "http", "http.client", "importlib.metadata", "logging"),
    *("socket", "ssl", "urllib.request", "xml", "zoneinfo"),
    *(
        "filesync.core.alerts",
        "filesync.auth",
        "filesync.core.globs",
        "filesync.http",
        "filesync.core.model",
        "filesync.notify",
    ),
    *("filesync.app.notifier", "filesync.config.load", "filesync.providers.base", "filesync.providers.details"),
    *(
        "filesync.store.feed.outbox",
        "filesync.store.read.queries",
        "filesync.store.write.sync_writer",
        "filesync.store.sqlite.tables",
        "filesync.sync.endpoint",
        "filesync.sync.refresh_sets",
    ),
}


def test_a_start_with_nothing_due_imports_next_to_nothing(acc: Acc) -> None:
    acc.home.cli("sync")
    assert sorted(TOO_MUCH & modules_after(acc.home, "sync")) == []
    assert sorted(TOO_MUCH & modules_after(acc.home, "--home", str(acc.home.path), "sync")) == []  # as cron calls it


OF_SYNC = {
    *("requests", "urllib3", "certifi", "charset_normalizer", "idna", "tenacity", "orjson"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_inspection", "yaml", "cronsim"),
    *("sqlite_utils", "sqlite_fts4", "dateutil", "six", "pluggy"),
}
OF_DRIVE = {"googleapiclient", "google", "google_auth_httplib2", "httplib2", "pyparsing", "uritemplate", "cryptography"}


@pytest.mark.parametrize(("service", "more"), [("acc", set()), ("drive", OF_DRIVE)])
def test_a_sync_with_a_good_token_needs_no_login(service: str, more: set[str], request: pytest.FixtureRequest) -> None:
    home = request.getfixturevalue(service).home
    home.cli("sync")
    used = modules_after(home, "sync", "--all", and_of=frozenset(OF_SYNC | more))  # ACC needs nothing of Google's
    assert "filesync.http" in used
    assert sorted({"filesync.app.logins", "filesync.cli.output.rows"} & used) == []


def test_a_dry_run_tells_and_changes_nothing(acc: Acc, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"  # its own: other tests run at the same time
    temporary.mkdir()
    acc.home.cli("sync")
    before = acc.home.database.read_bytes()
    acc.service.add_file(acc.top, "new.pdf", 1)
    acc.service.clock.advance(60)
    ended = acc.home.cli("sync", "--endpoint", "P", "--dry-run", TMPDIR=str(temporary))
    assert ended.code == 0
    assert "it would be 1 added" in ended.err
    assert acc.home.database.read_bytes() == before
    assert not list(temporary.iterdir())


def test_a_trial_stops_after_n_files_and_leaves_stamps_and_due_times_alone(acc: Acc) -> None:
    ended = acc.home.cli("sync", "--endpoint", "P", "--max-files", "10")
    assert ended.code == 0
    assert len(acc.home.files()) == 10
    log = acc.home.query('SELECT status, "trigger" FROM sync_logs')
    assert log == [{"status": "partial", "trigger": "trial"}]
    assert acc.home.query("SELECT last_started_at, completed_at FROM sync_state") == [
        {"last_started_at": None, "completed_at": None}
    ]
    assert acc.home.cli("sync").code == 0  # still due
    assert_acc_truth(acc.home, acc.project)
    acc.home.assert_sound()


def one_line(err: str) -> bool:
    return err.count("\n") == 1 and err.startswith("filesync: ") and "Traceback" not in err


def test_missing_credentials_name_the_variable_and_the_guide(acc: Acc) -> None:
    ended = acc.home.cli("sync", CONNECTOR_AUTODESK_CLIENT_SECRET="")
    assert ended.code == 77
    assert one_line(ended.err)
    assert "CONNECTOR_AUTODESK_CLIENT_SECRET" in ended.err
    assert "OAUTH_SETUP.md" in ended.err
    assert acc.home.query("SELECT count(*) AS n FROM files")[0]["n"] == 0


def test_a_wrong_secret_asks_for_a_login(acc: Acc) -> None:
    ended = acc.home.cli("sync", CONNECTOR_AUTODESK_CLIENT_SECRET="not-the-right-one")
    assert ended.code == 77
    assert one_line(ended.err)
    assert "not-the-right-one" not in ended.err


def test_a_wrong_project_is_an_endpoint_that_failed(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": "b.11111111-1111-4111-8111-111111111111"}})
    ended = acc.home.cli("sync")
    assert ended.code == 1
    assert one_line(ended.err)
    assert acc.home.query("SELECT count(*) AS n FROM folders")[0]["n"] == 0


def test_an_unreachable_host_is_temporary(acc: Acc) -> None:
    acc.home.clock = SimulatedClock(frozen=True)
    ended = acc.home.run("sync", CONNECTOR_AUTODESK_BASE_URL="http://127.0.0.1:9")
    assert ended.code == 75
    assert one_line(ended.err)


def test_an_unknown_endpoint_is_wrong_usage(acc: Acc) -> None:
    ended = acc.home.cli("sync", "--endpoint", "Q")
    assert ended.code == 2
    assert one_line(ended.err)
    assert not acc.home.database.exists()


def test_a_file_that_is_no_database_is_left_alone(acc: Acc) -> None:
    acc.home.database.parent.mkdir(exist_ok=True)
    acc.home.database.write_bytes(b"not a database, but somebody's notes" * 100)
    ended = acc.home.cli("sync")
    assert ended.code == 1
    assert one_line(ended.err)
    assert acc.home.database.read_bytes().startswith(b"not a database")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said_in_one_line(acc: Acc) -> None:
    folder = acc.home.database.parent
    folder.mkdir(exist_ok=True)
    folder.chmod(0o500)
    ended = acc.home.cli("sync")
    folder.chmod(0o700)
    assert ended.code == 1
    assert one_line(ended.err)
