"""The log file: whole lines from every process, nothing below its level, no secrets."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from filesync.core.redaction import Redactor
from filesync.http import Counters, HttpAttempt
from filesync.runtime.locks import lock_open_file
from filesync.runtime.log import Level, Log
from filesync.runtime.rotating_file import KEPT
from filesync.simulators import faults
from filesync.simulators.clock import SimulatedClock
from filesync.sync.event_log import SyncRequestLog
from tests import ROOT
from tests.support.homes import Acc, Home

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from filesync.runtime.log import Level, Log

path, writer, largest, count = sys.argv[1:]
now = lambda: datetime(2026, 3, 4, tzinfo=UTC)
log = Log(Path(path), Level.INFO, now, str, {"writer": writer}, largest=int(largest), complain=sys.exit)
for number in range(int(count)):
    log.info("line", number=number, text="x" * 200)
"""


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def all_lines(path: Path) -> list[dict[str, Any]]:
    files = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, KEPT + 1))]
    return [line for file in files if file.exists() for line in lines(file)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "connector.log"


@pytest.fixture
def log(path: Path) -> Log:
    redactor = Redactor()
    redactor.hide("not-a-secret")
    return Log(path, Level.INFO, lambda: NOON, redactor.scrub)


def writer(path: Path, *arguments: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-S", "-c", WRITER, path, *arguments]
    return subprocess.Popen([str(each) for each in command], env={"PYTHONPATH": str(ROOT)})


def test_a_line_is_one_object_with_time_level_event_and_facts(log: Log, path: Path) -> None:
    log.about(run_id="r1").info("sync", endpoint="P\n\x1b[31m\udc80\u2028\u202e", files=3, error=None, new=["A", "B"])
    assert path.read_bytes().isascii()
    assert lines(path) == [
        {
            "timestamp": "2026-03-04T12:00:00.000Z",
            "level": "INFO",
            "event": "sync",
            "run_id": "r1",
            "endpoint": "P\n\x1b[31m\udc80\u2028\u202e",
            "files": 3,
            "error": None,
            "new": ["A", "B"],
        }
    ]


def test_as_text_a_line_is_for_people_and_still_one_line(log: Log, path: Path) -> None:
    text = replace(log, as_text=True)
    text.warning("sync", endpoint="P\n\x1b[31m", files=3, error=None, status="success", folders=["A/B"])
    assert path.read_text(encoding="utf-8") == (
        r'2026-03-04T12:00:00.000Z WARNING sync endpoint="P\n\u001b[31m" files=3 status=success folders=["A/B"]' + "\n"
    )


def test_what_is_below_the_level_is_not_written_but_told_to_who_watches(log: Log, path: Path) -> None:
    told: list[str] = []
    log = replace(log, level=Level.WARNING, echo=told.append)
    log.debug("request")
    log.info("sync_ended")
    log.warning("login")
    assert [line["event"] for line in lines(path)] == ["login"]
    assert [line.split()[2] for line in told] == ["sync_ended", "login"]


def test_secrets_do_not_reach_the_file(log: Log, path: Path) -> None:
    log.error("sync", message="Bearer not-a-secret was refused", lines=[{"not-a-secret": "not-a-secret"}])
    assert "not-a-secret" not in path.read_text(encoding="utf-8")
    assert lines(path)[0]["message"] == "Bearer **redacted** was refused"


def test_a_log_that_cannot_be_written_stops_nothing_and_says_so_once(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file, not a folder")
    told: list[str] = []
    log = Log(tmp_path / "logs" / "connector.log", Level.INFO, lambda: NOON, str, complain=told.append)
    log.info("start_began")
    log.about(endpoint="P").info("sync_began")
    assert len(told) == 1
    assert "connector.log: the log cannot be written: Not a directory" in told[0]


def test_on_a_full_disk_nothing_of_a_line_is_left(path: Path) -> None:
    path.parent.mkdir()
    code = f"""
import resource
from datetime import UTC, datetime
from pathlib import Path
from filesync.runtime.log import Level, Log

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
log = Log(Path({str(path)!r}), Level.INFO, lambda: datetime(2026, 3, 4, tzinfo=UTC), str, complain=print)
for number in range(20):
    log.info("line", number=number, text="x" * 60)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("cannot be written") == 1
    written = lines(path)
    assert path.stat().st_size <= 1_000
    assert [line["number"] for line in written] == list(range(len(written)))
    assert 3 < len(written) < 20


def test_a_line_that_a_power_cut_tore_does_not_tear_the_next_one(log: Log, path: Path) -> None:
    log.info("before")
    with path.open("ab") as file:
        file.write(b'{"timestamp": "2026-')
    log.info("after")
    first, _, last = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"] for line in (first, last)] == ["before", "after"]


def test_the_file_is_for_the_owner_and_for_its_group_where_that_may(log: Log, path: Path) -> None:
    umask = os.umask(0o022)
    try:
        log.info("sync")
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o750)
        dataclasses.replace(log, mode=0o640).info("sync")
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o666)
        log.info("sync")
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(umask)


@pytest.mark.parametrize("largest", [300_000, 0])
def test_twenty_processes_that_write_and_rotate_at_once_lose_and_tear_nothing(path: Path, largest: int) -> None:
    writers = [writer(path, number, largest, 150) for number in range(20)]
    assert [each.wait(timeout=60) for each in writers] == [0] * 20
    written = [(line["writer"], line["number"]) for line in all_lines(path)]
    assert sorted(written) == sorted((str(number), line) for number in range(20) for line in range(150))
    assert path.with_name("connector.log.1").exists() == (largest == 300_000)
    assert all(file.stat().st_size <= (largest or 10**9) for file in path.parent.glob("connector.log*"))


def test_older_files_move_one_number_up_and_the_oldest_goes(log: Log, path: Path) -> None:
    log = replace(log, largest=100)  # one line a file
    for number in range(8):
        log.info("line", number=number)
    names = [path.name, *(f"{path.name}.{number}" for number in range(1, KEPT + 1))]
    assert sorted(each.name for each in path.parent.iterdir()) == sorted(names)
    assert [lines(path.with_name(name))[0]["number"] for name in names] == [7, 6, 5, 4, 3, 2]


def test_a_folder_that_lets_nothing_be_renamed_keeps_every_line(log: Log, path: Path) -> None:
    path.parent.mkdir()
    path.with_name("connector.log.4").touch()
    path.with_name("connector.log.5").mkdir()  # a file cannot take its place
    for number in range(3):
        replace(log, largest=100).info("line", number=number)
    assert [line["number"] for line in lines(path)] == [0, 1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_writer_between_opening_and_writing_follows_a_file_that_was_renamed(log: Log, path: Path) -> None:
    log.info("before")
    rotated = path.with_name("connector.log.1")
    with path.open("ab") as holder:
        lock_open_file(holder.fileno())
        waiting = writer(path, "late", 0, 1)
        while not has_open(waiting.pid, path):
            assert waiting.poll() is None
        path.rename(rotated)  # as logrotate does
    assert waiting.wait(timeout=30) == 0
    assert [line["event"] for line in lines(rotated)] == ["before"]
    assert [line["writer"] for line in lines(path)] == ["late"]


def has_open(pid: int, path: Path) -> bool:
    try:
        return any(fd.samefile(path) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.exists())
    except FileNotFoundError:
        return False


def test_a_file_that_logrotate_copied_and_emptied_goes_on_from_its_start(log: Log, path: Path) -> None:
    log.info("before")
    os.truncate(path, 0)  # copytruncate
    log.info("after")
    assert [line["event"] for line in lines(path)] == ["after"]


def written(acc: Acc) -> list[dict[str, Any]]:
    return lines(acc.home.path / "logs" / "connector.log")


def one(acc: Acc, event: str) -> dict[str, Any]:
    (line,) = [line for line in written(acc) if line["event"] == event]
    return line


def configure(acc: Acc, **more: Any) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}, **more})


def test_every_request_of_a_run_is_there_at_debug_and_none_of_it_shows_an_address(acc: Acc) -> None:
    configure(acc)
    assert acc.home.run("sync", "--endpoint", "P", CONNECTOR_LOG_LEVEL="DEBUG").code == 0
    requests = [line for line in written(acc) if line["event"] == "request"]
    assert len(requests) == acc.service.count(None) + 1
    assert all("http" not in json.dumps(line) for line in requests)
    assert {line["level"] for line in requests} == {"DEBUG"}


def test_a_run_leaves_one_line_for_each_thing_that_happened_with_the_ids_to_find_it_by(acc: Acc) -> None:
    configure(acc)
    assert acc.home.run("sync").code == 0
    assert [line["event"] for line in written(acc)] == [
        "start_began",
        "sync_began",
        "login_refreshed",
        "sync_ended",
        "start_ended",
    ]
    (log_id,) = [row["id"] for row in acc.home.query("SELECT id FROM sync_logs")]
    assert {line["run_id"] for line in written(acc)} == {written(acc)[0]["run_id"]}
    assert {(line["endpoint"], line["sync_log_id"]) for line in written(acc)[1:4]} == {("P", log_id)}
    ended = one(acc, "sync_ended")
    assert (ended["level"], ended["status"], ended["trigger"]) == ("INFO", "success", "schedule")
    assert (one(acc, "start_ended")["exit_code"], one(acc, "start_ended")["syncs"]) == (0, 1)


def test_a_failing_request_leaves_what_a_support_case_needs(acc: Acc) -> None:
    configure(acc)
    acc.service.faults.fail(faults.status(503, b"", {"x-ads-request-id": "r-1"}), path_contains="topFolders")
    assert acc.home.run("sync").code == 0
    line = one(acc, "request")
    assert (line["level"], line["method"], line["status"]) == ("WARNING", "GET", 503)
    assert (line["route"], line["attempt"], line["endpoint"]) == ("top folders", 1, "P")
    assert line["request_id"] == "r-1"
    assert line["waited_seconds"] == 0
    assert "?" not in json.dumps(line)


def test_folders_that_could_not_be_read_are_named_one_by_one(acc: Acc) -> None:
    secret = acc.service.add_folder(acc.top, "Secret")
    acc.settle()
    acc.service.revoke_access(secret)
    configure(acc)
    assert acc.home.run("sync").code == 3
    folder = one(acc, "folder_unreadable")
    assert (folder["level"], folder["path"], folder["endpoint"]) == ("WARNING", "/Project Files/Secret", "P")
    assert one(acc, "sync_ended")["level"] == "WARNING"


def test_a_start_that_could_not_begin_says_why_with_its_exit_code(acc: Acc) -> None:
    configure(acc, schedul="")
    assert acc.home.run("sync").code == 78
    line = one(acc, "start_ended")
    assert (line["level"], line["exit_code"], line["error_type"]) == ("ERROR", 78, "config")
    assert "schedul" in line["error_message"]


def test_where_no_home_is_no_log_begins(tmp_path: Path) -> None:
    assert Home(tmp_path).run("sync").code == 78
    assert not (tmp_path / "logs").exists()


def test_a_folder_that_cannot_be_written_stops_no_sync_and_says_so_once(acc: Acc) -> None:
    configure(acc)
    (acc.home.path / "logs").write_text("a file, not a folder")
    ended = acc.home.run("sync")
    assert ended.code == 0
    assert ended.err.count("the log cannot be written") == ended.err.count("\n") == 1


def test_verbose_shows_on_stderr_what_goes_to_the_log(acc: Acc) -> None:
    configure(acc)
    ended = acc.home.run("--log-format", "text", "sync", "-v")
    shown = [line for line in ended.err.splitlines() if " INFO " in line]
    assert shown == (acc.home.path / "logs" / "connector.log").read_text(encoding="utf-8").splitlines()


def test_a_start_with_nothing_due_writes_no_line_but_at_debug(acc: Acc) -> None:
    configure(acc, schedule={"type": "manual"})
    acc.home.run("sync")
    assert not (acc.home.path / "logs").exists()
    acc.home.run("sync", CONNECTOR_LOG_LEVEL="DEBUG")
    assert (one(acc, "start_ended")["exit_code"], one(acc, "start_ended")["trigger"]) == (0, "schedule")


def request_log(log: Log) -> tuple[SyncRequestLog, Counters]:
    counters = Counters(sync_log_id=7)
    return SyncRequestLog(replace(log, level=Level.DEBUG), counters), counters


def request(**facts: Any) -> HttpAttempt:
    usual = {"method": "GET", "route": "hubs", "status": 200, "attempt": 1, "milliseconds": 80, "waited": 0.0}
    return HttpAttempt(**{**usual, "request_id": None, **facts})


@pytest.mark.parametrize(
    ("level", "facts"),
    [
        ("DEBUG", {}),
        ("WARNING", {"milliseconds": 10_000}),
        ("WARNING", {"status": 503, "is_failure": True}),
        ("WARNING", {"status": None, "is_failure": True, "error_type": "network"}),
        ("DEBUG", {"status": None, "is_failure": True, "error_type": "signal"}),
    ],
)
def test_slow_and_failed_requests_are_warnings(log: Log, path: Path, level: str, facts: dict[str, Any]) -> None:
    request_log(log)[0].log_request(request(**facts))
    (line,) = lines(path)
    assert (line["level"], line["sync_log_id"]) == (level, 7)


def test_a_sync_that_waits_long_for_a_limit_says_so_once_however_many_workers_wait(log: Log, path: Path) -> None:
    clock = SimulatedClock(frozen=True)
    _, counters = request_log(log)
    with counters.waiting("folder contents (429)", 1.0, clock):
        pass
    with (
        counters.waiting("folder contents (429)", 30.04, clock),
        counters.waiting("folder contents (429)", 30.0, clock),
    ):
        pass
    (line,) = lines(path)
    assert (line["event"], line["limit"], line["seconds"]) == ("waiting", "folder contents (429)", 30.0)


def test_a_look_up_that_finds_nothing_is_an_answer_not_a_failure(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}})
    gone = acc.service.add_folder(acc.top, "Gone")
    acc.settle()
    acc.home.run("sync", "--endpoint", "P")
    acc.service.remove_for_good(gone)
    acc.home.run("sync", "--endpoint", "P", "--full", CONNECTOR_LOG_LEVEL="DEBUG")
    answers = {(line["route"], line["level"]) for line in written(acc) if line.get("status") == 404}
    assert answers == {("folder", "DEBUG")}


def test_every_event_is_on_the_page_about_logs() -> None:
    page = (ROOT / "docs" / "reference" / "log.md").read_text(encoding="utf-8")
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "filesync").rglob("*.py")))
    call = r"log\.(?:debug|info|warning|error|write)\([^\"()]*(?:\([^\"()]*\))?[^\"()]*\"(\w+)\""
    events = set(re.findall(call, source))
    assert {"start_ended", "sync_ended", "request"} <= events
    assert len(events) > 10
    assert not {event for event in events if f"| `{event}` |" not in page}
