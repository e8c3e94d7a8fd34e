"""Workload identities, impersonated accounts and the project that is billed, over whole commands."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from filesync.simulators.drive import METADATA_READONLY
from filesync.simulators.faults import status
from tests.support.homes import Drive

ROBOT = "robot@project.iam.gserviceaccount.com"
WORKLOAD = "principal://pool/subject/ci"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture(autouse=True)
def endpoint(drive: Drive) -> None:
    """Leave no service account of the usual place, and the robot as the one who has the drive."""
    (drive.home.path / "credentials" / "google-service-account.json").unlink()
    for name in (ROBOT, WORKLOAD):
        drive.service.state.add_user(name)
        drive.service.state.add_member(drive.shared, name)
    drive.service.state.add_file(drive.shared, "a.pdf")
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared}})


def credentials(drive: Drive) -> Path:
    path = drive.home.path / "credentials" / "other.json"
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(path)
    return path


def external(drive: Drive, kind: str, impersonates: str = "") -> Path:
    """Put a workload identity's file in place, whose subject token is in a file, or asked for at a url."""
    federation = drive.service.federation
    workload = federation.add_workload(WORKLOAD)
    source: dict[str, Any] = {"file": str(drive.home.path / "subject-token")}
    Path(source["file"]).write_text(workload.subject_token)
    if kind == "url":
        form = {"type": "json", "subject_token_field_name": "id_token"}
        source = {"url": f"{drive.service.base_url}/subject-token", "headers": {"X": "y"}, "format": form}
    return federation.make_external_file(credentials(drive), source, impersonates)


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def identity(drive: Drive) -> dict[str, str]:
    (row,) = drive.home.query("SELECT identity FROM sync_state")
    found: dict[str, str] = json.loads(row["identity"])
    return found


@pytest.mark.parametrize("kind", ["file", "url"])
def test_a_workload_identity_reads_a_drive_with_one_exchange(drive: Drive, kind: str) -> None:
    external(drive, kind)
    for _ in range(2):
        assert drive.home.sync("D").status == "success"
    assert drive.service.count("exchange", exclude_token=False) == 1  # the token is kept
    assert drive.service.count("subject token", exclude_token=False) == (kind == "url")
    assert identity(drive)["flow"] == "workload_identity"


def test_a_workload_identity_can_impersonate_a_service_account(drive: Drive) -> None:
    external(drive, "file", impersonates=ROBOT)
    refused = drive.home.run("sync", "--endpoint", "D")
    assert refused.code == 77
    assert "403 PERMISSION_DENIED Permission 'iam.serviceAccounts.getAccessToken' denied" in refused.err
    assert "OAUTH_SETUP.md" in refused.err
    drive.service.federation.creators.add((WORKLOAD, ROBOT))
    assert drive.home.sync("D").status == "success"
    assert identity(drive) == {"flow": "workload_identity", "client": ROBOT, "user": ""}


@pytest.mark.parametrize("source", ["service_account", "authorized_user"])
def test_a_service_account_is_impersonated(drive: Drive, tmp_path: Path, source: str) -> None:
    base = tmp_path / "source.json"
    if source == "service_account":
        drive.service.make_key_file(base, "source@project.example")
    else:
        drive.service.tokens.make_user_file(base, "source@project.example", [CLOUD, METADATA_READONLY])
    drive.service.federation.creators.add(("source@project.example", ROBOT))
    drive.service.federation.make_impersonated_file(credentials(drive), base, ROBOT)
    for _ in range(2):
        assert drive.home.sync("D").status == "success"
    assert drive.service.count("impersonation", exclude_token=False) == 1
    assert identity(drive) == {"flow": "impersonated", "client": ROBOT, "user": ""}


@pytest.mark.parametrize("of", ["file", "variable"])
def test_the_project_that_is_billed_is_named(drive: Drive, of: str) -> None:
    change(external(drive, "file"), quota_project_id="of-file")
    if of == "variable":  # comes first, as for Google's own programs
        drive.home.environ["GOOGLE_CLOUD_QUOTA_PROJECT"] = "of-variable"
    assert drive.home.sync("D").status == "success"
    assert drive.service.billed_to == {f"of-{of}"}


REFUSED = [
    ({"credential_source": {"executable": {"command": "/bin/true"}}}, "its credential_source runs a program"),
    ({"credential_source": {"environment_id": "aws1", "url": "http://127.0.0.1"}}, "neither a file nor a url"),
    ({"credential_source": {}}, "neither a file nor a url"),
    ({"token_url": "https://sts.example.com/v1/token"}, "its token_url leads to sts.example.com, which is no host of"),
    ({"token_url": "https://googleapis.com.example/v1"}, "leads to googleapis.com.example, which is no host of"),
    ({"token_url": "http://169.254.169.254/v1/token"}, "its token_url leads to 169.254.169.254, which is no host of"),
    ({"token_url": "http://sts.googleapis.com/v1/token"}, "its token_url is neither https nor on this machine"),
    (
        {"service_account_impersonation_url": f"https://evil.example/v1/serviceAccounts/{ROBOT}:generateAccessToken"},
        "its service_account_impersonation_url leads to evil.example, which is no host of",
    ),
    ({"service_account_impersonation_url": "https://iamcredentials.googleapis.com/"}, "names no service account"),
    ({"universe_domain": "universe.example"}, "its universe_domain is universe.example"),
    ({"credential_source": {"file": "/nowhere/token"}}, "File '/nowhere/token' was not found"),
    ({"workforce_pool_user_project": "1"}, "its fields do not fit together"),
]


@pytest.mark.parametrize(("fields", "why"), REFUSED)
def test_a_file_that_asks_for_too_much_is_refused_before_anything_is_sent(
    drive: Drive, fields: dict[str, Any], why: str
) -> None:
    path = external(drive, "file")
    change(path, **fields)
    drive.service.reset()
    ended = drive.home.run("sync", "--endpoint", "D")
    assert ended.code == 77
    assert why in ended.err.replace("\n", " ")
    assert "OAUTH_SETUP.md" in ended.err
    assert not drive.service.requests


def test_a_key_that_would_be_proved_to_a_foreign_host_is_refused(drive: Drive) -> None:
    path = credentials(drive)
    drive.service.make_key_file(path, ROBOT)
    change(path, token_uri="https://oauth2.example.com/token")
    ended = drive.home.run("sync", "--endpoint", "D")
    assert ended.code == 77
    assert "its token_uri leads to oauth2.example.com, which is no host of Google's" in ended.err


def test_a_subject_token_that_a_refusal_repeats_is_not_shown(drive: Drive) -> None:
    external(drive, "file")
    token = drive.service.federation.workloads.pop().subject_token
    drive.service.echoes_secrets = True
    ended = drive.home.run("sync", "--endpoint", "D")
    assert ended.code == 77
    assert "invalid_grant" in ended.err
    assert token not in ended.err + ended.out


def test_a_token_that_nobody_uses_any_more_goes_when_old_rows_do(drive: Drive) -> None:
    external(drive, "file")
    assert drive.home.run("sync", "--endpoint", "D").code == 0
    drive.service.clock.advance(9 * 86_400)
    tokens = drive.home.path / "tokens"
    (token,) = tokens.glob("google-workload-identity-*.json")
    os.utime(token, (0, 0))
    assert drive.home.run("prune").code == 0
    assert not token.exists()


@pytest.mark.parametrize("refuses", ["subject token", "exchange"])
def test_what_a_file_proves_itself_with_is_not_shown(drive: Drive, refuses: str) -> None:
    secrets = {"header": f"bearer {'h' * 20}", "client": f"{'c' * 20}"}
    path = external(drive, "url")
    source = json.loads(path.read_text())["credential_source"]
    change(
        path,
        credential_source={**source, "headers": {"Authorization": secrets["header"]}},
        client_id="client",
        client_secret=secrets["client"],
    )
    if refuses == "exchange":
        secrets["basic"] = base64.b64encode(f"client:{secrets['client']}".encode()).decode()
    said = json.dumps({"error": "invalid_client", "error_description": " ".join(secrets.values())})
    drive.service.faults.fail(status(401, said.encode()), route=refuses)
    ended = drive.home.run("sync", "--endpoint", "D")
    assert ended.code == 77
    assert "**redacted**" in ended.err
    assert not [each for each in (*secrets.values(), "h" * 20) if each in ended.err + ended.out]


def test_a_universe_that_is_exported_leaves_drive_where_it_is() -> None:
    """Google's client reads the environment of the process; the address of Drive is ours to choose."""
    code = (
        "from filesync.providers.google_drive.api import _methods\n"
        "print(_methods('https://www.googleapis.com/drive/v3/').files.list().uri)"
    )
    environ = {"GOOGLE_CLOUD_UNIVERSE_DOMAIN": "universe.example"}
    ended = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert ended.stdout == "https://www.googleapis.com/drive/v3/files?alt=json\n", ended.stderr
