"""Logins under processes that overlap and die: no login is spent twice, and none is left half."""

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from tests import ROOT
from tests.adversarial.crash.self_killing import EXCHANGES, FILES, Mortals, to_keywords
from tests.adversarial.faults.fault_injection import Countdown, file_operations, os_error
from tests.support.homes import Acc, Ended, Home
from tests.support.logins import let_access_run_out, log_in_at_autodesk, login_file


@pytest.fixture
def acc(tmp_path: Path) -> Iterator[Acc]:
    """A home whose clock runs: processes of their own know no other."""
    service = AccSimulator(SimulatedClock())
    hub = service.add_hub()
    project = service.add_project(hub)
    service.consent = "allow"
    service.add_member(project, service.signed_in)
    with service:
        yield Acc(Home(tmp_path, service), service, hub, project, service.project_files(project))


def log_in(acc: Acc) -> Path:
    """Log in, and let the access token run out."""
    log_in_at_autodesk(acc)
    let_access_run_out(acc)
    return login_file(acc)


def whole(path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(path.read_bytes())
    assert {"refresh_token", "access_token", "expires_at", "filesync_login"} <= fields.keys()
    assert path.stat().st_mode & 0o777 == 0o600
    return fields


def test_ten_processes_with_an_expired_access_token_refresh_once_and_all_succeed(acc: Acc) -> None:
    folders = [acc.service.add_folder(acc.top, f"F{number}") for number in range(10)]
    for folder in folders:
        acc.service.add_file(folder, "a.pdf")
    acc.home.configure(*({"name": f, "endpoint_details": {"project_id": acc.project, "folder_id": f}} for f in folders))
    before = whole(log_in(acc))
    processes = [acc.home.spawn("sync", "--endpoint", folder, MAX_CONCURRENT_SYNCS="10") for folder in folders]
    ended = []
    for process in processes:
        with process:
            _, err = process.communicate(timeout=60)
            ended.append((process.returncode, err))
    assert [code for code, _ in ended] == [0] * 10, ended
    assert acc.service.count("token", exclude_token=False) == 1
    assert len(acc.home.files()) == 10
    (path,) = (acc.home.path / "tokens").glob("autodesk-three-legged-*.json")
    assert whole(path)["refresh_token"] != before["refresh_token"]


def test_killed_at_any_step_of_a_refresh_the_old_or_the_new_login_is_whole(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}})
    tokens = acc.home.path / "tokens"
    arguments, doors = ("sync", "--endpoint", "P"), (FILES, EXCHANGES)
    outcomes = []
    with Mortals() as mortals:
        for step in count(1):
            path = log_in(acc)
            before = whole(path)
            keywords = to_keywords(acc.home, arguments)
            life = mortals.call(
                "tests.adversarial.crash.self_killing:command", keywords, tokens, doors=doors, step=step
            )
            if not life.was_killed:
                assert life.code == 0, life
                break
            outcomes.append((whole(path)["refresh_token"] != before["refresh_token"], _after(acc)))
    assert len(outcomes) > 15
    kinds = [kind for _, kind in outcomes]
    assert {*kinds} == {"works", "login needed"}
    assert all(kind == "works" for is_new, kind in outcomes if is_new)
    assert [is_new for is_new, _ in outcomes] == sorted(is_new for is_new, _ in outcomes)
    assert not [*tokens.glob(".*")], "what killed processes left is swept up"


def _after(acc: Acc) -> str:
    """Sync once more: it works, or says that the login was lost on the way."""
    ended: Ended = acc.home.run("sync", "--endpoint", "P")
    if ended.code == 0:
        return "works"
    assert ended.code == 77
    assert "log in again: filesync auth autodesk login" in ended.err
    return "login needed"


def test_whichever_file_operation_fails_in_a_refresh_the_login_is_whole_or_its_loss_is_said(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}})
    path = log_in(acc)
    outcomes = []
    for number in range(1, 200):
        let_access_run_out(acc)
        before = whole(path)["refresh_token"]
        countdown = Countdown(number, os_error(errno.EIO))
        with file_operations(countdown, acc.home.path / "tokens"):
            ended = acc.home.run("sync", "--endpoint", "P")
        if not countdown.has_struck:
            break
        what = countdown.struck.partition(" ")[0]
        assert ended.code in (0, 1), (what, ended)
        assert ended.code == 0 or "the login cannot be kept: " in ended.err, (what, ended)
        is_new = whole(path)["refresh_token"] != before
        outcomes.append((what, ended.code, is_new, _after(acc)))
        if outcomes[-1][-1] == "login needed":
            assert not is_new
            path = log_in(acc)
    kept_then_lost = [what for what, code, _, after in outcomes if after == "login needed"]
    assert {*kept_then_lost} == {"fsync", "replace"}, outcomes  # the answer had spent the old one, and found no place
    assert all(code == 1 for _, code, is_new, after in outcomes if after == "login needed")


# A process whose disk takes no more than half of what a login needs; it wants an access token.
FULL_DISK = """
import os, random, resource, sys
from pathlib import Path
from filesync.auth.autodesk import LoginService, ThreeLegged, app_of
from filesync.runtime.clock import Stop, SystemClock
from filesync.http import Connector, Counters

home, clock = Path(os.environ["FILESYNC_HOME"]), SystemClock()
connector = Connector(clock=clock, stop=Stop(clock), counters=Counters(), limits_folder=home / "limits", percent=100,
                      random=random.Random(1))
login = ThreeLegged(LoginService(app_of(os.environ), connector), home / "tokens").person()
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
try:
    login.headers()
except Exception as error:
    print(type(error).__name__, error)
"""


def test_that_a_login_cannot_be_kept_is_found_before_it_is_spent(acc: Acc) -> None:
    path = log_in(acc)
    before = path.read_bytes()
    process = subprocess.run(
        [sys.executable, "-c", FULL_DISK],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)} | acc.home.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert process.stdout.startswith("LocalFileError"), process
    assert f"{path}: the login cannot be kept: File too large" in process.stdout
    assert acc.service.count(None, exclude_token=False) == 0
    assert path.read_bytes() == before
    assert [*path.parent.glob(".*")] == []
