"""The simulators as processes of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("service", ["acc", "drive"])
def test_a_simulator_writes_what_an_inventory_of_it_must_hold(service: str, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    command = [sys.executable, "-m", "filesync.simulators", service, "--files", "30", "--truth", str(truth)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ids = json.loads(process.stdout.readline())
        rows = [json.loads(line) for line in truth.read_text().splitlines()]
        process.terminate()
        process.communicate()
    assert ids["base_url"].startswith("http://127.0.0.1:")
    assert len({row["id"] for row in rows}) == 30
    assert all(row["path"].startswith("/") for row in rows)
