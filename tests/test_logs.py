"""The log file: whole lines from every process, nothing below its level, no secrets."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from filesync.logs import KEPT, Level, Log
from filesync.redaction import Redactor
from tests.homes import ROOT, Acc

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from filesync import logs
from filesync.logs import Level, Log

logs.LARGEST = int(sys.argv[3])
log = Log(Path(sys.argv[1]), Level.INFO, lambda: datetime(2026, 3, 4, tzinfo=UTC), str, {"writer": sys.argv[2]})
for number in range(500):
    log.info("line", number=number, text="x" * 200)
"""


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    redactor = Redactor()
    redactor.hide("not-a-secret")
    return Log(tmp_path / "logs" / "connector.log", Level.INFO, lambda: NOON, redactor.scrub)


def test_a_line_is_one_object_with_time_level_event_and_facts(log: Log) -> None:
    log.about(run_id="r1").info("sync", endpoint="P\n\x1b[31m\udc80", files=3, error=None)
    assert log.path
    assert lines(log.path) == [
        {
            "timestamp": "2026-03-04T12:00:00.000Z",
            "level": "INFO",
            "event": "sync",
            "run_id": "r1",
            "endpoint": "P\n\x1b[31m\udc80",
            "files": 3,
            "error": None,
        }
    ]


def test_what_is_below_the_level_is_not_written(log: Log) -> None:
    log.debug("request")
    log.warning("login")
    assert log.path
    assert [line["event"] for line in lines(log.path)] == ["login"]


def test_secrets_do_not_reach_the_file(log: Log) -> None:
    log.error("sync", message="Bearer not-a-secret was refused")
    assert log.path
    assert lines(log.path)[0]["message"] == "Bearer **redacted** was refused"


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file, not a folder")
    Log(tmp_path / "logs" / "connector.log", Level.INFO, lambda: NOON, str).info("sync")


@pytest.mark.parametrize("largest", [10_000_000, 100_000])
def test_processes_that_write_and_rotate_at_once_lose_and_tear_nothing(tmp_path: Path, largest: int) -> None:
    path = tmp_path / "connector.log"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [
        subprocess.Popen([*command, str(number), str(largest)], env={"PYTHONPATH": str(ROOT)}) for number in range(2)
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    files = [path, *(path.with_name(f"connector.log.{number}") for number in range(1, KEPT + 1))]
    written = [line for file in files if file.exists() for line in lines(file)]
    assert sorted((line["writer"], line["number"]) for line in written) == [
        (writer, number) for writer in "01" for number in range(500)
    ]
    assert path.with_name("connector.log.1").exists() == (largest < 1_000_000)


def test_every_request_of_a_run_is_there_at_debug_and_none_of_it_shows_an_address(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}})
    assert acc.home.run("sync", "--endpoint", "P", CONNECTOR_LOG_LEVEL="DEBUG").code == 0
    written = lines(acc.home.path / "logs" / "connector.log")
    requests = [line for line in written if line["event"] == "request"]
    assert len(requests) == acc.service.count(None) + 1
    assert {line["endpoint"] for line in requests} == {"P"}
    assert len({line["run_id"] for line in written}) == 1
    assert all("http" not in json.dumps(line) for line in requests)
    (sync,) = [line for line in written if line["event"] == "sync"]
    assert (sync["level"], sync["status"], sync["endpoint"]) == ("INFO", "success", "P")


def test_a_start_with_nothing_due_writes_no_line(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}, "schedule": {"type": "manual"}})
    acc.home.run("sync")
    assert not (acc.home.path / "logs").exists()
