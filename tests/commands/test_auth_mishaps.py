"""What can happen to a person's login at the worst moment, and must not cost it."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any

import pytest
import requests

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.faults import hang, status
from tests.support.homes import Acc, Home
from tests.support.logins import change_login, let_access_run_out, log_in_at_autodesk, login_file


@pytest.fixture
def acc(tmp_path: Path) -> Iterator[Acc]:
    """A home whose clock runs, with somebody logged in."""
    service = AccSimulator(SimulatedClock())
    hub = service.add_hub()
    project = service.add_project(hub)
    service.consent = "allow"
    service.add_member(project, service.signed_in)
    with service:
        acc = Acc(Home(tmp_path, service), service, hub, project, service.project_files(project))
        service.add_file(acc.top, "a.pdf")
        acc.home.configure({"name": "P", "endpoint_details": {"project_id": project}})
        log_in_at_autodesk(acc)
        yield acc


def asked_for_a_token(acc: Acc) -> None:
    """Wait until the refresh is on the wire."""
    for _ in range(2000):
        if acc.service.faults.struck:
            return
        threading.Event().wait(0.005)
    pytest.fail("no refresh was sent")


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_a_signal_during_a_refresh_waits_for_the_answer_and_keeps_it(acc: Acc, number: int) -> None:
    let_access_run_out(acc)
    before = login_file(acc).read_bytes()
    acc.service.faults.fail(hang(1.0), route="token")
    with acc.home.spawn("sync", "--endpoint", "P") as process:
        asked_for_a_token(acc)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert login_file(acc).read_bytes() != before
    assert acc.home.run("sync", "--endpoint", "P").code == 0


def test_a_time_limit_during_a_refresh_loses_no_login(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}, "time_limit": "1s"})
    let_access_run_out(acc)
    acc.service.faults.fail(hang(1.5), route="token")
    acc.home.run("sync")
    assert acc.home.run("sync", "--endpoint", "P").code == 0


def test_a_signal_while_an_idle_login_is_refreshed_keeps_it_and_the_exit_code(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}, "schedule": {"type": "manual"}})
    let_access_run_out(acc, hours=24 * 9)
    os.utime(login_file(acc), (0, 0))
    acc.service.faults.fail(hang(1.0), route="token")
    with acc.home.spawn("sync") as process:
        asked_for_a_token(acc)
        process.send_signal(SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143
    assert acc.home.run("sync", "--endpoint", "P").code == 0


def test_somebody_else_who_logs_in_during_a_sync_ends_it_and_nothing_is_removed(acc: Acc) -> None:
    """The rest of the listing would be read with another person's eyes."""
    service = acc.service
    for number in range(12):
        service.add_file(service.add_folder(acc.top, f"F{number}"), "b.pdf")
    assert acc.home.run("sync", "--endpoint", "P").code == 0
    before = acc.home.files()
    other = service.add_user("Other")
    service.add_member(acc.project, other, [acc.top])
    service.faults.fail(hang(1.5), route="contents", nth=2)
    process = acc.home.spawn("sync", "--endpoint", "P", "--full")
    with process:
        asked_for_a_token(acc)
        service.signed_in = other
        log_in_at_autodesk(acc)
        service.revoke_access(acc.top)
        service.revoke_tokens()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 77, err
    assert "somebody else logged in meanwhile" in err
    assert acc.home.files() == before


@pytest.mark.parametrize(
    "odd",
    [{"expires_in": None}, {"expires_in": "x"}, {"expires_in": 1e12}, {"access_token": ""}, {"access_token": None},
     {"refresh_token_expires_in": None}],
)  # fmt: skip
def test_an_odd_answer_to_a_refresh_does_not_lose_the_new_refresh_token(acc: Acc, odd: dict[str, Any]) -> None:
    let_access_run_out(acc)
    kept = json.loads(login_file(acc).read_bytes())
    form = {"grant_type": "refresh_token", "refresh_token": kept["refresh_token"]}
    address = f"{acc.service.base_url}/authentication/v2/token"
    answer = requests.post(address, form, auth=("simulated-client", "not-a-secret"), timeout=5).json()
    acc.service.faults.fail(status(200, json.dumps({**answer, **odd}).encode()), route="token")
    acc.home.run("sync", "--endpoint", "P")
    assert json.loads(login_file(acc).read_bytes())["refresh_token"] == answer["refresh_token"]
    assert acc.home.run("sync", "--endpoint", "P").code == 0


def test_whose_a_login_is_is_not_written_into_another_one(acc: Acc) -> None:
    """A person logs in while the service is asked about the one before."""
    change_login(acc, user="")
    acc.service.faults.fail(hang(1.0), route="introspect")
    other = acc.service.add_user("Other")
    with acc.home.spawn("sync", "--endpoint", "P") as process:
        asked_for_a_token(acc)
        acc.service.signed_in = other
        log_in_at_autodesk(acc)
        process.communicate(timeout=30)
    assert json.loads(login_file(acc).read_bytes())["user"] == other


def test_a_login_that_was_ended_meanwhile_does_not_come_back(acc: Acc) -> None:
    change_login(acc, user="")
    path = login_file(acc)
    acc.service.faults.fail(hang(1.0), route="introspect")
    with acc.home.spawn("sync", "--endpoint", "P") as process:
        asked_for_a_token(acc)
        assert acc.home.run("auth", "autodesk", "logout").code == 0
        process.communicate(timeout=30)
    assert not path.exists()


def test_people_whom_the_service_does_not_name_are_not_taken_for_one(acc: Acc) -> None:
    nameless = json.dumps({"active": True}).encode()
    acc.service.faults.fail(status(200, nameless), route="introspect", times=None)
    log_in_at_autodesk(acc)
    assert acc.home.run("sync", "--endpoint", "P").code == 0
    ended = log_in_at_autodesk(acc)
    assert "--accept-identity" in ended.err
    assert acc.home.run("sync", "--endpoint", "P").code == 77


def test_a_first_sync_that_showed_nothing_binds_nobody(acc: Acc) -> None:
    acc.home.run("auth", "autodesk", "logout")
    acc.service.apps["simulated-client"].hubs = frozenset()
    assert acc.home.run("sync", "--endpoint", "P").code == 77
    acc.service.apps["simulated-client"].hubs = None
    ended = log_in_at_autodesk(acc)
    assert acc.home.run("sync", "--endpoint", "P").code == 0, ended.err


def test_a_new_login_wakes_what_waited_for_it(acc: Acc) -> None:
    acc.service.revoke_logins()
    acc.service.revoke_tokens()
    let_access_run_out(acc)
    for _ in range(3):
        assert acc.home.run("sync", "--endpoint", "P").code == 77
    log_in_at_autodesk(acc)
    assert acc.home.run("sync").code == 0
    assert acc.home.paths() == ["/Project Files/a.pdf"]


def test_a_login_of_another_service_that_cannot_be_read_stops_nothing(acc: Acc) -> None:
    broken = acc.home.path / "tokens" / "google-user-0.json"
    broken.write_text("{")
    broken.chmod(0o600)
    acc.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(broken)
    assert acc.home.run("sync", "--endpoint", "P").code == 0
    assert acc.home.run("status").code == 0


def test_a_damaged_login_can_be_logged_out_of(acc: Acc) -> None:
    login_file(acc).write_text("{")
    ended = acc.home.run("auth", "autodesk", "logout")
    assert ended.code == 1
    assert "could not be notified" in ended.err
    assert not [*(acc.home.path / "tokens").glob("*.json")]


def test_a_logout_with_a_wrong_secret_keeps_the_login(acc: Acc) -> None:
    good = acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"]
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = "wrong"
    ended = acc.home.run("auth", "autodesk", "logout")
    assert ended.code == 77
    assert "nothing was removed" in ended.err
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = good
    assert acc.home.run("auth", "autodesk", "logout").code == 0


def test_a_broken_login_of_the_environment_shows_beside_named_ones(acc: Acc) -> None:
    acc.service.add_app("partner", "another-secret")
    acc.home.configure(
        {"name": "P", "endpoint_details": {"project_id": acc.project}},
        {"name": "Q", "credentials": "partner", "endpoint_details": {"project_id": acc.project, "folder_id": acc.top}},
        credentials={"partner": {"client_id": "partner", "client_secret": "another-secret"}},
    )
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_ID"] = ""
    ended = acc.home.run("auth", "autodesk", "status", "--json")
    assert ended.code == 77
    rows = {row["credentials"]: row["state"] for row in json.loads(ended.out)["logins"]}
    assert rows == {None: "login_needed", "partner": "ok"}


def test_messages_name_the_set_of_credentials_that_is_meant(acc: Acc) -> None:
    details = {"project_id": acc.project}
    acc.home.configure(
        {"name": "P", "credentials": "partner", "endpoint_details": details},
        credentials={"partner": {"client_id": "simulated-client", "client_secret": "wrong"}},
    )
    said = acc.home.run("endpoints", "check").out
    assert "check client_id and client_secret of credentials 'partner'" in said
    assert "CONNECTOR_AUTODESK_CLIENT_SECRET" not in said


def test_a_service_account_whose_key_is_damaged_needs_a_person(acc: Acc, tmp_path: Path) -> None:
    account = {**acc.service.add_service_account("simulated-client"), "private_key": "-----BEGIN PRIVTE KEY-----"}
    (tmp_path / "ssa.json").write_text(json.dumps(account))
    acc.home.environ["CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH"] = str(tmp_path / "ssa.json")
    ended = acc.home.run("auth", "autodesk", "status")
    assert ended.code == 77
    assert "its private_key cannot be read" in ended.err


def test_a_member_of_a_set_whose_login_is_dead_is_checked_by_its_name(acc: Acc) -> None:
    details = {"hub_id": acc.hub, "projects": {"include": ["*"]}}
    acc.home.configure({"name": "ACC {project_name}", "endpoint_details": details})
    assert acc.home.run("sync").code == 0
    acc.service.revoke_logins()
    acc.service.revoke_tokens()
    let_access_run_out(acc)
    ended = acc.home.run("endpoints", "check", "ACC Example Tower")
    assert ended.code == 77
    assert "log in again" in ended.out


def test_logins_can_be_looked_at_while_connector_yaml_is_being_written(acc: Acc) -> None:
    (acc.home.path / "config" / "connector.yaml").write_text("endpoints:\n")
    for command in (["auth", "autodesk", "status"], ["discover", "autodesk", "--no-folders"]):
        ended = acc.home.run(*command)
        assert ended.code == 0, ended.err
        assert "has mistakes (filesync config check)" in ended.err
