"""The simulators as processes of their own."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import ROOT


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


@contextmanager
def started(*arguments: str) -> Iterator[dict[str, Any]]:
    """Run a simulator, and give the ids that it printed."""
    command = [sys.executable, "-m", "filesync.simulators", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ids: dict[str, Any] = json.loads(process.stdout.readline())
        yield ids
        process.terminate()
        process.communicate()


def location(url: str, query: dict[str, str]) -> str:
    return requests.get(url, params=query, allow_redirects=False, timeout=10).headers["Location"]


def test_every_login_of_acc_can_be_tried_by_hand(tmp_path: Path) -> None:
    file, callback = tmp_path / "account.json", "http://localhost:1234/here"
    options = ("--consent", "allow", "--callback", callback, "--service-account", str(file))
    with started("acc", "--files", "1", *options) as ids:
        query = {"response_type": "code", "client_id": ids["client_id"], "redirect_uri": callback, "scope": "data:read"}
        code = location(f"{ids['base_url']}/authentication/v2/authorize", query).partition("code=")[2]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": callback}
        auth = (ids["client_id"], ids["client_secret"])
        token = requests.post(f"{ids['base_url']}/authentication/v2/token", form, auth=auth, timeout=10).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        hubs = requests.get(f"{ids['base_url']}/project/v1/hubs", headers=headers, timeout=10).json()
    assert [hub["id"] for hub in hubs["data"]] == [ids["hub_id"]]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {"service_account_id", "key_id", "private_key"} < set(json.loads(file.read_text()))


def test_every_login_of_drive_can_be_tried_by_hand(tmp_path: Path) -> None:
    file, key = tmp_path / "client.json", tmp_path / "key.json"
    options = ("--consent", "deny", "--client-file", str(file), "--key-file", str(key))
    with started("drive", "--files", "1", *options) as ids:
        client = json.loads(file.read_text())["installed"]
        scope = "https://www.googleapis.com/auth/drive.readonly"
        query = {"client_id": client["client_id"], "redirect_uri": "http://localhost:1/", "scope": scope}
        assert "access_denied" in location(client["auth_uri"], {"response_type": "code", **query})
        assert client["token_uri"] == json.loads(key.read_text())["token_uri"] == f"{ids['base_url']}/token"
