"""The doctor: what a healthy home looks like, what it leaves alone, how it speaks, and what no test of one break shows."""

import dataclasses
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from filesync.doctor import commands, database, disks, scheduler
from filesync.doctor.findings import CHECKS, Finding, Severity
from filesync.scheduling import crontab, systemd
from filesync.scheduling.timer import LENGTHS
from filesync.simulators.acc import CLIENT_SECRET, AccSimulator
from tests import ROOT
from tests.support.browsers import Person, callback_port
from tests.support.homes import Ended
from tests.support.in_process import in_memory
from tests.support.patients import SOMEBODY, Patient, copy_of, somebody

ALL = {(area, check) for area, checks in CHECKS.items() for check in checks}
OF_SQLITE = ("-wal", "-shm")  # a reader makes them, too

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def patient(well: Patient, tmp_path: Path) -> Patient:
    well.acc.reset()
    well.drive.reset()
    return copy_of(well, tmp_path)


def asked(patient: Patient) -> int:
    return len(patient.acc.requests) + len(patient.drive.requests)


def contents(home: Path) -> dict[str, tuple[int, int, bytes]]:
    """Read everything that is in a home: mode, time and bytes of each path."""
    found = {}
    for path in sorted(home.rglob("*")):
        if not path.name.endswith(OF_SQLITE):
            status = path.stat()
            is_data = path.name == "data" and path.is_dir()  # where SQLite puts those two
            content = path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(home))] = (status.st_mode, 0 if is_data else status.st_mtime_ns, content)
    return found


def on_terminal(patient: Patient, *argv: str, width: int) -> Ended:
    process = in_memory(patient.home.environ, patient.path, patient.clock, width=width)
    return Ended(*process.run(["doctor", *argv]))


# --- a healthy home ---------------------------------------------------------------------------


def test_a_healthy_home_passes_every_check_there_is(patient: Patient) -> None:
    seen = patient.see_all()
    assert seen.levels == dict.fromkeys(ALL, "OK")
    assert (seen.ended.code, seen.ended.err, seen.document["skipped"]) == (0, "", [])
    assert (seen.document["ok"], seen.document["failures"], seen.document["warnings"]) == (True, 0, 0)
    assert [each["subject"] for each in seen.of("services", "reach")] == ["P", "D"]


def test_offline_nobody_is_asked_and_nothing_in_the_home_changes(patient: Patient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        patient.environ["HTTP_PROXY"] = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        shutil.rmtree(patient.path / "tokens")
        before = contents(patient.path)
        seen = patient.see()
        assert (seen.ended.code, asked(patient)) == (0, 0)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert contents(patient.path) == before
    assert {each["check"] for each in seen.document["skipped"]} == {"reach", "clock"}


def test_what_is_asked_leaves_no_trace_but_tokens_and_budgets(patient: Patient) -> None:
    patient.write_env(CONNECTOR_LOG_LEVEL="DEBUG")
    before = contents(patient.path)
    assert patient.see_all().ended.code == 0
    after = contents(patient.path)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert asked(patient) > 4
    assert not {path for path in changed if not path.startswith(("data/limits", "tokens"))}


def test_a_home_before_its_first_sync_is_only_warned_about(patient: Patient) -> None:
    for name in ("data", "logs", "tokens"):
        shutil.rmtree(patient.path / name)
    before = contents(patient.path)
    seen = patient.see()
    assert {check for check, level in seen.levels.items() if level != "OK"} == {
        ("database", "opens"),
        ("scheduler", "alive"),
    }
    assert seen.ended.code == 0
    assert contents(patient.path) == before


def test_a_folder_that_is_no_home_is_said_without_a_traceback(patient: Patient, tmp_path: Path) -> None:
    patient.environ["FILESYNC_HOME"] = str(tmp_path / "nowhere")
    seen = patient.see()
    assert seen.ended.code == 1
    assert seen.of("paths", "home")[0]["fix"] == f"filesync init {tmp_path}/nowhere"
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_the_place_of_the_home_is_said_once(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    patient.environ["FILESYNC_HOME"] = str(tmp_path / "file")
    seen = patient.see()
    assert [each["detail"] for each in seen.of("paths", "home")] == [f"{tmp_path}/file: is not a folder"]
    assert {check: level for (area, check), level in seen.levels.items() if area == "paths" and level != "OK"} == {
        "home": "FAIL"
    }


def test_several_starts_of_what_was_due_are_a_scheduler_that_nobody_knows(patient: Patient) -> None:
    patient.table.write_text("")
    for _ in range(3):
        patient.clock.advance(3600)
        patient.home.run("sync")
    patient.write("UPDATE sync_logs SET pid = pid + id")  # of processes of their own
    (found,) = patient.see().of("scheduler", "installed")
    assert (found["level"], found["detail"]) == ("OK", "neither cron nor systemd, but something starts it")


@only_root
def test_a_home_that_may_not_be_used_is_said_once(patient: Patient) -> None:
    patient.path.chmod(0o1777)
    os.chown(patient.path / ".env", 12345, -1)
    environ = {name: value for name, value in patient.home.environ.items() if name != "FILESYNC_HOME"}
    code, out, err = in_memory(environ, patient.path, patient.clock).run(["doctor", "--offline"])
    assert (code, out, err.count("\n")) == (78, "", 1)


# --- which services are asked -----------------------------------------------------------------


def test_only_the_service_of_the_named_endpoint_is_asked(patient: Patient) -> None:
    seen = patient.see("--endpoint", "D")
    assert [each["subject"] for each in seen.of("services", "reach")] == ["D"]
    assert not patient.acc.requests
    assert patient.drive.requests


@pytest.mark.parametrize("more", [(), ("--offline",)])
def test_an_unknown_endpoint_is_wrong_usage(patient: Patient, more: tuple[str, ...]) -> None:
    ended = patient.home.run("doctor", "--endpoint", "p", *more)
    assert (ended.code, ended.out) == (2, "")
    assert "did you mean P?" in ended.err


def test_of_a_set_three_members_are_asked(patient: Patient) -> None:
    hub = patient.acc.add_hub("Another")
    for number in range(5):
        patient.acc.add_project(hub, f"Site {number}")
    details = {"hub_id": hub, "projects": {"include": ["*"]}}
    kind = "autodesk_construction_cloud"
    patient.configure(endpoints=[{"name": "{project_name}", "endpoint_type": kind, "endpoint_details": details}])
    seen = patient.see_all()
    assert [each["subject"] for each in seen.of("services", "reach")] == ["Site 0", "Site 1", "Site 2"]


def test_a_login_that_is_missing_is_said_once(patient: Patient) -> None:
    patient.write_env(CONNECTOR_AUTODESK_CLIENT_ID="")
    seen = patient.see_all()
    assert {check for check, level in seen.levels.items() if level != "OK"} == {("logins", "login")}
    skipped = [(each["check"], each["reason"]) for each in seen.document["skipped"]]
    assert skipped == [("reach", "P: its login is not there"), ("clock", "no answer said what time it is there")]
    assert not patient.acc.requests


def test_an_answer_that_was_long_on_its_way_does_not_make_the_clock_wrong() -> None:
    apart = {"google": [timedelta(minutes=5), timedelta(seconds=2), timedelta(minutes=3)]}
    (found,) = commands.check_clock(apart)
    assert isinstance(found, Finding)
    assert found.level is Severity.OK


# --- logins and the database ------------------------------------------------------------------


def test_a_persons_login_is_warned_about_before_it_ends_and_fails_when_it_has(patient: Patient) -> None:
    acc: AccSimulator = patient.acc
    acc.consent = "allow"
    home = patient.home
    home.browser = Person()
    logged_in = home.run("auth", "autodesk", "login", "--port", callback_port(acc))
    assert logged_in.code == 0, logged_in.err
    levels = []
    for days in (0, 13, 3):
        patient.clock.advance(days * 86_400)
        (found,) = [each for each in patient.see().of("logins", "login") if each["subject"] == "autodesk"]
        levels.append(found["level"])
        assert found["fix"] in {None, "filesync auth autodesk login"}
    assert levels == ["OK", "WARN", "FAIL"]


def test_a_database_that_another_program_locks_is_not_waited_for_long(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    monkeypatch.setattr("filesync.app.doctor_context._BUSY_SECONDS", 0.05)
    other = sqlite3.connect(patient.database, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("UPDATE sync_logs SET files_seen = 1")
    seen = patient.see()
    other.close()
    (found,) = seen.of("database", "opens")
    assert (found["level"], found["fix"]) == ("FAIL", "end the program that holds it, or wait for it")


def test_a_database_that_is_too_large_is_looked_at_in_part_and_that_is_said(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0)
    monkeypatch.setattr("filesync.store.sqlite.database._STEPS", 1)
    seen = patient.see()
    skipped = [each for each in seen.document["skipped"] if each["area"] == "database"]
    assert [each["check"] for each in skipped] == ["pages", "references", "search", "totals", "feed", "growth"]
    assert all("too large to look at all of it here" in each["reason"] for each in skipped)
    assert seen.ended.code == 0


def test_a_broken_page_is_found_although_connector_yaml_is_broken_too(patient: Patient) -> None:
    patient.config.write_text("endpoints: [\n")
    patient.write("UPDATE sync_state SET live_files = 41")
    seen = patient.see()
    assert seen.levels["configuration", "file"] == seen.levels["database", "totals"] == "FAIL"


# --- permissions and disks --------------------------------------------------------------------


def test_secrets_that_a_containers_engine_hands_in_have_the_mode_that_it_gives(
    patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_secrets = tmp_path / "run"
    run_secrets.mkdir(mode=0o755)
    secret = run_secrets / "client-secret"
    secret.write_text(CLIENT_SECRET)
    secret.chmod(0o444)
    patient.write_env(CONNECTOR_AUTODESK_CLIENT_SECRET="", CONNECTOR_AUTODESK_CLIENT_SECRET_FILE=str(secret))
    for kind, level in (("ext4", "FAIL"), ("tmpfs", "OK")):
        mounts = tmp_path / "mountinfo"
        mounts.write_text(f"1 0 254:0 / / rw - ext4 /dev/vda rw\n2 1 0:9 / {run_secrets} ro - {kind} none rw\n")
        monkeypatch.setattr(disks, "MOUNTS", mounts)
        assert patient.see().levels["secrets", "keys"] == level


@only_root
def test_root_in_the_home_of_another_looks_with_that_ones_permissions_and_asks_nobody(patient: Patient) -> None:
    patient.give_away()
    (patient.path / "logs" / "connector.log").chmod(0o400)
    seen = patient.see_all()
    (home,) = seen.of("paths", "home")
    assert (home["level"], home["fix"]) == ("WARN", f"sudo -u '#{SOMEBODY}' filesync --home {patient.path} doctor")
    assert seen.levels["paths", "logs"] == "FAIL"
    assert not asked(patient)


@only_root
def test_root_starts_no_program_of_another_user(patient: Patient) -> None:
    trace = patient.machine / "started"
    (patient.machine / "bin" / "filesync").write_text(f"#!/bin/sh\necho {trace} >> {trace}\n")
    assert patient.see().levels["scheduler", "program"] == "OK"
    assert trace.read_text().count("\n") == 1
    patient.give_away()
    assert patient.see().levels["scheduler", "program"] == "OK"
    assert trace.read_text().count("\n") == 1


@only_root
def test_what_a_sync_as_root_left_behind_is_found(patient: Patient) -> None:
    patient.give_away()
    os.chown(patient.path / "logs" / "connector.log", 0, 0)
    (found,) = patient.see().of("paths", "logs")
    assert found["level"] == "FAIL"
    assert found["fix"].startswith(f"chown -R {SOMEBODY} ")


@pytest.fixture
def seen_by_all(well: Patient) -> Iterator[Patient]:
    """Copy the home to where every user can see it: pytest's own folders are for their owner only."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        patient = copy_of(well, Path(folder))
        patient.see()  # whatever is imported for it: that user may not be able to
        yield patient


@only_root
def test_who_is_not_root_is_told_what_that_user_may_not_do(seen_by_all: Patient) -> None:
    seen_by_all.give_away()
    with somebody():
        before = seen_by_all.see()
    assert set(before.levels.values()) == {"OK"}
    (seen_by_all.path / "data").chmod(0o555)
    (seen_by_all.path / "logs" / "connector.log").chmod(0o400)
    with somebody():
        after = seen_by_all.see()
    changed = {check for check, level in after.levels.items() if level == "FAIL"}
    assert changed == {("paths", "data"), ("paths", "logs")}


@only_root
def test_a_data_folder_that_cannot_be_entered_is_said_and_nothing_else_is_guessed(seen_by_all: Patient) -> None:
    seen_by_all.give_away()
    (seen_by_all.path / "data").chmod(0)
    with somebody():
        seen = seen_by_all.see()
    failed = {check for check, level in seen.levels.items() if level != "OK"}
    assert failed == {("paths", "data"), ("database", "opens")}


@only_root
@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_who_looks_at_a_home_of_another_is_told_whose_it_is(seen_by_all: Patient, mode: int) -> None:
    seen_by_all.path.chmod(mode)
    with somebody():
        seen = seen_by_all.see()
    found = [each for each in seen.of("paths", "home") if "belongs to root" in each["detail"]]
    assert [each["fix"] for each in found] == [f"sudo -u root filesync --home {seen_by_all.path} doctor"]
    areas = {each["area"] for each in seen.document["findings"] + seen.document["skipped"]}
    assert areas == set(CHECKS)
    assert seen.ended.code == 1


@only_root
def test_a_disk_that_is_really_full_is_found(patient: Patient) -> None:
    can_mount = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    if can_mount.returncode != 0:
        pytest.skip("no mounts of one's own here")
    data, kept = patient.path / "data", patient.path / "kept"
    shutil.copytree(data, kept)
    script = (
        f"mount -t tmpfs -o size=2m,nr_inodes=40 none {data}; cp -r {kept}/. {data}\n"
        f"'{sys.executable}' -m filesync doctor --offline --json"
    )
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "FILESYNC_HOME": str(patient.path)}
    done = subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-euc", script], env=environ, capture_output=True, timeout=60, check=False
    )
    found = [each for each in json.loads(done.stdout)["findings"] if each["subject"] == "data"]
    assert {each["check"]: each["level"] for each in found} == {"space": "FAIL", "inodes": "FAIL"}
    assert done.returncode == 1


def test_a_path_is_on_the_nearest_mount_and_of_two_on_the_later_one() -> None:
    mounts = (
        "22 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "23 22 0:9 / /srv/my\\040home rw - nfs4 far:/away rw\n"
        "24 22 0:10 / /srv/my\\040home/data rw shared:1 - ext4 /dev/vdb rw\n"
        "25 22 0:11 / /srv/my\\040home/data rw - tmpfs none rw\n"
        "not a line of it\n"
    )
    kinds = {
        path: disks.file_system_of(Path(path), mounts) for path in ("/srv", "/srv/my home/x", "/srv/my home/data/y")
    }
    assert kinds == {"/srv": "ext4", "/srv/my home/x": "nfs4", "/srv/my home/data/y": "tmpfs"}


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs"])
def test_what_is_shared_over_a_network_is_known_by_its_name(kind: str) -> None:
    found = disks._judged(Path("/srv/data"), kind)
    assert found
    assert found.level == "FAIL"


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "f2fs", "bcachefs", "fuse.mergerfs"]
)
def test_local_file_systems_are_nothing_to_talk_about(kind: str) -> None:
    assert disks._judged(Path("/srv/data"), kind) is None


@pytest.mark.parametrize("every", LENGTHS)
def test_the_slots_of_every_timer_of_ours_are_understood(every: int) -> None:
    units = f"[Timer]\nOnCalendar={systemd.calendar(every)}\nPersistent=true\n"
    for kind, text in (("cron", f"{crontab.slots(every)} filesync\n"), ("systemd", units)):
        timer = scheduler.Installed(kind, "somewhere", "", text)
        assert scheduler.slot_of(timer).total_seconds() == every * 60


# --- how it speaks ----------------------------------------------------------------------------


def test_below_what_is_not_well_stands_what_mends_it(patient: Patient) -> None:
    patient.env.chmod(0o644)
    ended = patient.home.run("doctor", "--offline")
    assert re.search(
        r"^FAIL  secrets        env          /.*/\.env: everybody on this machine can read it \(mode 0644\)\n"
        r" {34}-> chmod 600 /.*/\.env$",
        ended.out,
        re.MULTILINE,
    )
    assert "\nOK    secrets        keys, tokens, inventory, leftovers\n" in ended.out
    assert "\nOK    logins         login (autodesk, google)\n" in ended.out
    assert ended.err == "not checked: services reach, clock: offline: nobody is asked\n1 failure\n"


def test_verbose_says_what_was_found_of_each_check(patient: Patient) -> None:
    ended = patient.home.run("doctor", "--offline", "-v")
    assert "\nOK    database       opens        data/connector.db, " in ended.out
    assert ended.out.count("\n") == len(ALL) + 1 - len(CHECKS["services"])  # there are two logins


def test_quiet_says_only_what_is_not_well(patient: Patient) -> None:
    assert patient.home.run("doctor", "--offline", "-q") == Ended(0, "", "")
    patient.env.chmod(0o640)
    ended = patient.home.run("-q", "doctor", "--offline")
    assert (ended.code, ended.err) == (0, "")
    assert [line[:4] for line in ended.out.splitlines()] == ["WARN", "    "]


@pytest.mark.parametrize("width", [60, 100])
def test_it_fits_the_terminal_and_tears_no_path_apart(patient: Patient, width: int) -> None:
    patient.env.chmod(0o644)
    patient.write("UPDATE sync_state SET last_status = 'failed', last_error_message = ?", "so it was, " * 30)
    ended = on_terminal(patient, "--offline", width=width)
    assert f"{patient.env}:" in ended.out.split()
    for line in re.sub(r"\x1b\[[0-9;]*m", "", ended.out).splitlines():
        said = re.sub(r"^(OK|WARN|FAIL) .{29}", "", line)
        assert len(line) <= width or " " not in said.strip(), line


def test_foreign_text_changes_nothing_but_itself(patient: Patient) -> None:
    message = "a\x1b[2J\nOK    everything\u202e"
    patient.write("UPDATE sync_state SET last_status = 'failed', last_error_message = ?", message)
    ended = patient.home.run("doctor", "--offline")
    assert "\x1b" not in ended.out
    assert not re.search("^OK    everything", ended.out, re.MULTILINE)
    documents = patient.see().of("syncs", "endpoints")
    assert message in documents[0]["detail"]


def test_the_password_of_a_proxy_is_not_shown(patient: Patient) -> None:
    patient.environ["HTTPS_PROXY"] = "http://me:not-a-real-word@127.0.0.1:1"
    shown = f"{patient.home.run('doctor')}{patient.see_all().ended}"
    assert "http://127.0.0.1:1 cannot be reached" in shown
    assert "not-a-real-word" not in shown


def test_a_secret_that_got_into_a_message_is_not_shown(patient: Patient) -> None:
    patient.write("UPDATE sync_state SET last_status = 'failed', last_error_message = ?", f"no: {CLIENT_SECRET}")
    shown = f"{patient.home.run('doctor', '--offline')}{patient.see().ended}"
    assert shown.count("no: **redacted**") == 4  # two endpoints, two forms
    assert CLIENT_SECRET not in shown


def test_colours_are_for_terminals(patient: Patient) -> None:
    assert "\x1b[32mOK  \x1b[0m" in on_terminal(patient, "--offline", width=100).out
    assert "\x1b" not in patient.home.run("doctor", "--offline").out


def test_a_finding_that_needs_mending_says_how_and_belongs_to_a_check_of_the_list() -> None:
    good = Finding("paths", "home", Severity.OK, "there")
    for wrong in ({"level": Severity.WARN}, {"fix": "chmod"}, {"check": "house"}):
        with pytest.raises(ValueError, match=r"paths"):
            dataclasses.replace(good, **wrong)
