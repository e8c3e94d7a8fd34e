"""Refused logins: who mends them, which of them heal without a new login, and how often a service is asked meanwhile."""

import json
import os
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.faults import Fault, status
from tests.support.browsers import Person, free_port
from tests.support.homes import Acc, Drive, Ended, Home
from tests.support.logins import log_in_at_autodesk, shown_login, token_requests

ANN = "ann@example.com"
HOUR = 3600.0
CLIENT = "simulated-client"


def said(code: int, error: str, description: str = "", **more: str) -> Fault:
    """Refuse as a token endpoint does."""
    return status(code, json.dumps({"error": error, "error_description": description, **more}).encode())


def start(home: Home) -> Ended:
    return home.run("sync", "--endpoint", "P" if home.acc else "D")


def at_once(home: Home, times: int) -> None:
    """Start the same sync several times side by side, each with a login object of its own."""
    threads = [Thread(target=home.run, args=("endpoints", "check")) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def ann(drive: Drive) -> Drive:
    """Log Ann in; her access token has run out."""
    (drive.home.path / "credentials" / "google-service-account.json").unlink()
    drive.service.state.add_user(ANN)
    drive.service.state.add_member(drive.shared, ANN)
    drive.service.state.add_file(drive.shared, "a.pdf")
    drive.service.signed_in, drive.service.consent = ANN, "allow"
    drive.service.tokens.make_client_file(drive.home.path / "credentials" / "google-oauth-client.json")
    drive.home.browser = Person()
    assert drive.home.run("auth", "google", "login", "--port", str(free_port())).code == 0
    drive.service.clock.advance(HOUR)
    drive.service.reset()
    return drive


GOOGLE_HEALS = [
    (
        said(400, "invalid_grant", "reauth related error (invalid_rapt)", error_subtype="invalid_rapt"),
        "session control",
    ),
    (said(400, "invalid_grant", "reauth related error (rapt_required)"), "marks the OAuth app as trusted"),
    (said(400, "invalid_grant", "Account has been disabled"), "disabled or suspended: a Workspace administrator"),
    (said(400, "invalid_grant", "The account has been deleted"), "can restore it for 20 days"),
    (said(401, "disabled_client", "The OAuth client was disabled."), "enables it again"),
    (said(401, "deleted_client", "The OAuth client was deleted."), "restore it within 30 days"),
    (said(401, "invalid_client", "Unauthorized"), "its secret changed"),
    (said(401, "unauthorized_client", "Unauthorized"), "'Your own OAuth client'"),
    (said(400, "admin_policy_enforced"), "'Ask the administrator'"),
    (said(403, "org_internal"), "another organisation's people only"),
    (said(403, "access_denied", "Access blocked"), "'Ask the administrator'"),
]


@pytest.mark.parametrize(("fault", "remedy"), GOOGLE_HEALS)
def test_what_is_mended_at_google_is_asked_again_once_an_hour_and_needs_no_new_login(
    ann: Drive, fault: Fault, remedy: str
) -> None:
    home, service = ann.home, ann.service
    service.faults.fail(fault, route="token", times=None)
    for _ in range(2):
        ended = start(home)
        assert ended.code == 77
        assert remedy in ended.err
        assert "in OAUTH_SETUP.md; filesync asks again after " in ended.err
    service.clock.advance(HOUR - 1)
    start(home)
    row = shown_login(home, "google")
    assert (token_requests(service), row["state"], remedy in row["detail"]) == (1, "login_needed", True)

    service.clock.advance(1)
    at_once(home, 3)
    assert start(home).code == 77
    assert token_requests(service) == 2

    service.faults.clear()
    service.clock.advance(HOUR)
    assert start(home).code == 0
    assert home.paths() == ["/a.pdf"]
    row = shown_login(home, "google")
    assert (token_requests(service), row["state"], row["detail"]) == (3, "ok", None)


@pytest.mark.parametrize("description", ["Token has been expired or revoked.", "Bad Request", ""])
def test_what_only_a_new_login_mends_is_never_sent_again(ann: Drive, description: str) -> None:
    ann.service.faults.fail(said(400, "invalid_grant", description), route="token", times=None)
    for hours in (0, 1, 24, 24 * 30):
        ann.service.clock.advance(hours * HOUR)
        ended = start(ann.home)
        assert ended.code == 77
        assert "filesync asks again" not in ended.err
    assert token_requests(ann.service) == 1


def test_what_could_heal_and_then_cannot_is_not_sent_again(ann: Drive) -> None:
    faults, clock = ann.service.faults, ann.service.clock
    faults.fail(said(400, "invalid_grant", "Account has been disabled"), route="token")
    faults.fail(said(400, "invalid_grant", "Token has been expired or revoked."), route="token", times=None)
    for _ in range(4):
        ended = start(ann.home)
        clock.advance(HOUR)
    assert token_requests(ann.service) == 2
    assert "the login has expired or was ended" in ended.err


def test_a_clock_that_was_ahead_when_it_was_refused_holds_nothing_back(ann: Drive) -> None:
    right = ann.home.clock
    ann.service.faults.fail(said(400, "invalid_grant", "Account has been disabled"), route="token")
    ann.home.clock = SimulatedClock(right.now() + timedelta(days=400), frozen=True)
    ahead = start(ann.home)
    assert (ahead.code, f"filesync asks again after {ann.home.clock.now():%Y-%m-%d}" in ahead.err) == (77, True)
    ann.home.clock = right
    assert start(ann.home).code == 0


def test_a_corrected_authorised_users_file_is_tried_at_once(ann: Drive) -> None:
    """Its client's secret was mended in the file: what was refused with the old one says nothing any more."""
    path = ann.home.path / "credentials" / "user.json"
    ann.service.tokens.make_user_file(path, ANN, ["https://www.googleapis.com/auth/drive.metadata.readonly"])
    good = json.loads(path.read_text())
    path.write_text(json.dumps({**good, "client_secret": "not-a-secret"}))
    ann.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(path)
    ann.service.reset()
    refused = ann.home.run("endpoints", "check")
    assert (refused.code, "its secret changed" in refused.out + refused.err) == (77, True)
    path.write_text(json.dumps(good))
    assert ann.home.run("endpoints", "check").code == 0


GOOGLE_ACCOUNTS = [
    (said(400, "invalid_grant", "Robot is disabled."), "the service account is disabled: enable it again"),
    (said(400, "invalid_grant", "Account disabled: 1234567890"), "the service account is disabled: enable it again"),
    (said(400, "invalid_grant", "Account has been deleted"), "undelete it"),
    (said(400, "invalid_grant", "Invalid grant: account not found"), "there is no such service account"),
    (said(400, "invalid_grant", "Not a valid email or user ID."), "there is no such service account"),
    (
        said(400, "invalid_request", 'Invalid impersonation "sub" field: x@example.com'),
        "check the key file and `subject`",
    ),
    (said(400, "invalid_grant", "Invalid JWT Signature."), "the key was deleted or disabled"),
    (said(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token"), "check this machine's clock"),
    (said(401, "disabled_client", "The OAuth client was disabled."), "and its Google Cloud project again"),
    (said(401, "deleted_client", "The OAuth client was deleted."), "the service account was deleted"),
]


@pytest.mark.parametrize(("fault", "remedy"), GOOGLE_ACCOUNTS)
def test_a_refused_service_account_is_told_who_mends_it_and_goes_on_by_itself(
    drive: Drive, fault: Fault, remedy: str
) -> None:
    drive.service.faults.fail(fault, route="token")
    ended = start(drive.home)
    assert (ended.code, remedy in ended.err) == (77, True), ended.err
    assert start(drive.home).code == 0


# --- Autodesk -------------------------------------------------------------------------------


@pytest.fixture
def bob(acc: Acc) -> Acc:
    """Log Bob in; his access token has run out."""
    acc.service.consent = "allow"
    acc.service.add_member(acc.project, acc.service.signed_in)
    assert log_in_at_autodesk(acc).code == 0
    acc.service.clock.advance(HOUR)
    acc.service.reset()
    return acc


def test_a_disabled_person_at_autodesk_is_asked_again_once_an_hour(bob: Acc) -> None:
    bob.service.faults.fail(said(400, "invalid_grant", "The user account is disabled."), route="token", times=None)
    for _ in range(3):
        ended = start(bob.home)
        assert ended.code == 77
        assert "account is disabled or locked: whoever manages it makes it active" in ended.err
    assert token_requests(bob.service) == 1
    bob.service.faults.clear()
    assert start(bob.home).code == 77
    bob.service.clock.advance(HOUR)
    assert start(bob.home).code == 0


@pytest.mark.parametrize(
    "fault",
    [
        said(401, "invalid_client", "The client_id specified does not have access to the api product"),
        said(400, "unauthorized_client", "The client is disabled."),
        status(403, b'{"errorCode": "AUTH-001", "developerMessage": "The client_id has no access to the API"}'),
    ],
)
def test_an_app_that_is_refused_and_mended_costs_no_login(bob: Acc, fault: Fault) -> None:
    bob.service.faults.fail(fault, route="token", times=2)
    for _ in range(2):
        assert start(bob.home).code == 77
    assert start(bob.home).code == 0
    assert shown_login(bob.home, "autodesk")["state"] == "ok"


def test_a_secret_that_was_rotated_back_needs_no_new_login(bob: Acc) -> None:
    good = bob.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"]
    bob.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = "rotated away"
    ended = start(bob.home)
    assert (ended.code, "invalid_client" in ended.err) == (77, True)
    bob.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = good
    assert start(bob.home).code == 0


def test_a_service_account_that_was_enabled_again_goes_on_by_itself(acc: Acc, tmp_path: Path) -> None:
    account = dict(acc.service.add_service_account(CLIENT))
    acc.service.add_member(acc.project, account["service_account_id"])
    acc.service.wall = acc.service.clock
    (tmp_path / "ssa.json").write_text(json.dumps(account))
    acc.home.environ["CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH"] = str(tmp_path / "ssa.json")
    acc.service.disable_service_account(account["service_account_id"])
    ended = start(acc.home)
    assert ended.code == 77
    assert "check that the service account is enabled and has not expired, and enable it again" in ended.err
    acc.service.enable_service_account(account["service_account_id"])
    assert start(acc.home).code == 0


def test_a_login_that_nobody_uses_and_that_may_heal_is_kept_alive_once_it_did(bob: Acc) -> None:
    bob.home.configure({"name": "P", "endpoint_details": {"project_id": bob.project}, "schedule": {"type": "manual"}})
    bob.service.faults.fail(said(400, "invalid_grant", "The user account is disabled."), route="token")
    bob.service.clock.advance(8 * 24 * HOUR)
    first = bob.home.run("sync")
    assert (first.code, "could not be kept alive" in first.err) == (0, True)
    (file,) = (bob.home.path / "tokens").glob("autodesk-three-legged-*.json")
    written = bob.service.clock.now().timestamp()
    os.utime(file, (written, written))  # the file system knows no simulated time
    bob.service.clock.advance(25 * HOUR)
    assert bob.home.run("sync") == Ended(0, "", "")
    assert shown_login(bob.home, "autodesk")["state"] == "ok"
