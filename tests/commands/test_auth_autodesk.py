"""Autodesk's logins over whole commands: a person's, a service account's, the app's own, and which one is used."""

import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from filesync.core.timestamps import to_timestamp
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.faults import DROP, status
from tests.support.browsers import Person
from tests.support.homes import Acc, Ended
from tests.support.logins import log_in_at_autodesk, login_file, shown_login, token_requests

CLIENT = "simulated-client"
DAY = 24 * 3600


@pytest.fixture(autouse=True)
def endpoint(acc: Acc) -> None:
    acc.service.add_file(acc.top, "a.pdf")
    acc.service.add_member(acc.project, acc.service.signed_in)
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}})
    acc.service.wall = acc.service.clock


@pytest.fixture
def log_in(acc: Acc) -> Callable[[], Ended]:
    acc.service.consent = "allow"
    return lambda: log_in_at_autodesk(acc)


def content(acc: Acc) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(login_file(acc).read_bytes())
    return fields


def service_account(acc: Acc, path: Path) -> dict[str, str]:
    account = dict(acc.service.add_service_account(CLIENT))
    path.write_text(json.dumps(account))
    acc.home.environ["CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH"] = str(path)
    return account


# --- a person's login -----------------------------------------------------------------------


@pytest.mark.parametrize("is_public", [False, True])
def test_a_login_is_used_by_the_next_sync(acc: Acc, log_in: Callable[[], Ended], is_public: bool) -> None:
    if is_public:
        acc.service.add_app(CLIENT, None)
        acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = ""
    assert log_in().code == 0
    assert acc.home.sync("P").status == "success"
    assert acc.home.paths() == ["/Project Files/a.pdf"]
    row = shown_login(acc.home, "autodesk")
    assert (row["flow"], row["user"], row["scopes"]) == ("three_legged", acc.service.signed_in, ["data:read"])
    assert (row["state"], row["mode"], row["days_left"]) == ("ok", "0600", 15.0)


def test_a_login_costs_one_exchange_and_one_question_who_it_is(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    asked = [request.route for request in acc.service.requests]
    assert asked == ["authorize", "token", "introspect"]
    acc.service.reset()
    acc.home.sync("P")
    acc.home.sync("P")
    assert acc.service.count(None, exclude_token=False) == acc.service.count()


def test_an_access_token_that_ran_out_is_refreshed_once_and_the_new_refresh_token_kept(
    acc: Acc, log_in: Callable[[], Ended]
) -> None:
    log_in()
    before = content(acc)
    acc.service.clock.advance(3600)
    acc.service.reset()
    assert acc.home.sync("P").status == "success"
    after = content(acc)
    assert token_requests(acc.service) == 1
    assert after["refresh_token"] != before["refresh_token"]
    assert after["refresh_expires_at"] == to_timestamp(acc.service.clock.now() + timedelta(days=15))
    assert (after["user"], after["logged_in_at"]) == (before["user"], before["logged_in_at"])
    assert login_file(acc).stat().st_mode & 0o777 == 0o600


def test_a_rejected_access_token_costs_one_refresh_and_not_the_login(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    acc.service.revoke_tokens()
    acc.service.reset()
    assert acc.home.sync("P").status == "success"
    assert token_requests(acc.service) == 1


def test_a_login_used_every_day_lives_for_months(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    for _ in range(60):
        acc.service.clock.advance(DAY)
        assert acc.home.sync("P").status == "success"


def test_a_dropped_connection_during_a_refresh_loses_no_login(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    acc.service.clock.advance(3600)
    acc.service.faults.fail(DROP, route="token")
    acc.service.faults.fail(status(503), route="token")
    assert acc.home.sync("P").status == "success"


def test_a_dead_refresh_token_asks_for_a_login_and_is_sent_only_once(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    acc.service.revoke_logins()
    acc.service.revoke_tokens()
    acc.service.clock.advance(3600)
    acc.service.reset()
    for _ in range(3):
        ended = acc.home.run("sync", "--endpoint", "P")
        assert ended.code == 77
        assert "log in again: filesync auth autodesk login" in ended.err
        assert "'Three-legged' in OAUTH_SETUP.md" in ended.err
    assert token_requests(acc.service) == 1
    assert acc.home.run("auth", "autodesk", "status").code == 77
    assert shown_login(acc.home, "autodesk")["state"] == "login_needed"
    assert acc.home.query("SELECT state FROM endpoint_status") == [{"state": "login"}]


def test_a_new_login_heals_a_dead_one(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    acc.service.revoke_logins()
    acc.service.revoke_tokens()
    acc.service.clock.advance(3600)
    acc.home.sync("P")
    assert log_in().code == 0
    assert acc.home.sync("P").status == "success"
    assert shown_login(acc.home, "autodesk")["state"] == "ok"


@pytest.fixture
def by_hand(acc: Acc, log_in: Callable[[], Ended]) -> Callable[[float], Ended]:
    """Log in, with no endpoint that is ever due; give a start of `sync` so many days later."""
    log_in()
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}, "schedule": {"type": "manual"}})

    def start(days: float) -> Ended:
        acc.service.clock.advance(days * DAY)
        acc.service.reset()
        ended = acc.home.run("sync")
        written = datetime.fromisoformat(content(acc)["obtained_at"]).timestamp()
        os.utime(login_file(acc), (written, written))  # the file system knows no simulated time
        return ended

    return start


def test_a_login_that_nobody_used_for_a_week_is_refreshed_although_nothing_is_due(
    acc: Acc, by_hand: Callable[[float], Ended]
) -> None:
    for days, refreshes in [(6.9, 0), (0.2, 1), (6.8, 0), (0.3, 1), (7.5, 1), (14.5, 1)]:
        assert by_hand(days) == Ended(0, "", "")
        assert token_requests(acc.service) == refreshes
    assert acc.home.sync("P").status == "success"


def test_a_dead_login_that_nobody_uses_is_told_once_a_week(acc: Acc, by_hand: Callable[[float], Ended]) -> None:
    acc.service.revoke_logins()
    first = by_hand(8)
    assert first.code == 0
    assert "the login at Autodesk could not be kept alive" in first.err
    assert "filesync auth autodesk login" in first.err
    now = acc.service.clock.now().timestamp()
    os.utime(login_file(acc), (now, now))
    assert acc.home.run("sync") == Ended(0, "", "")


def test_an_idle_login_is_tried_again_at_the_next_start_while_the_service_is_down(
    acc: Acc, by_hand: Callable[[float], Ended]
) -> None:
    acc.service.faults.fail(status(503), route="token", times=6)
    assert by_hand(8) == Ended(0, "", "")
    assert by_hand(0.01) == Ended(0, "", "")
    assert token_requests(acc.service) == 1


def test_a_login_that_ends_soon_is_warned_about(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    acc.service.clock.advance(11 * DAY)
    assert shown_login(acc.home, "autodesk")["state"] == "ok"
    acc.service.clock.advance(DAY)
    row, ended = shown_login(acc.home, "autodesk"), acc.home.run("auth", "autodesk", "status")
    assert (row["state"], row["days_left"]) == ("expiring", 3.0)
    assert ended.code == 0
    assert "filesync auth autodesk login" in ended.err
    acc.service.clock.advance(3 * DAY)
    assert acc.home.run("auth", "autodesk", "status").code == 77


def test_status_and_the_log_warn_from_three_days_before_a_login_ends(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    log = acc.home.path / "logs" / "connector.log"
    acc.home.sync("P")
    assert acc.home.run("status").err == ""
    fields = content(acc) | {"refresh_expires_at": to_timestamp(acc.service.clock.now() + timedelta(days=2))}
    login_file(acc).write_text(json.dumps(fields))
    ended = acc.home.run("status")
    assert ended.code == 0
    assert "the login at Autodesk ends" in ended.err
    assert "run: filesync auth autodesk login" in ended.err
    (row,) = json.loads(acc.home.run("status", "--json").out)["endpoints"]
    assert row["login_warning"] in ended.err
    assert acc.home.run("sync", "--endpoint", "P").code == 0
    warnings = [line for line in map(json.loads, log.read_text().splitlines()) if line["level"] == "WARNING"]
    assert [(line["event"], line["message"]) for line in warnings] == [("login_warning", row["login_warning"])]


# --- the file -------------------------------------------------------------------------------


@pytest.mark.parametrize(("which", "mode", "mend"), [("file", 0o644, "chmod 600"), ("file", 0o660, "chmod 600"),
                                                    ("folder", 0o750, "chmod 700"), ("folder", 0o777, "chmod 700")])  # fmt: skip
def test_what_others_can_read_is_refused_with_the_command_that_mends_it(
    acc: Acc, log_in: Callable[[], Ended], which: str, mode: int, mend: str
) -> None:
    log_in()
    path = login_file(acc) if which == "file" else login_file(acc).parent
    path.chmod(mode)
    acc.service.reset()
    ended = acc.home.run("sync", "--endpoint", "P")
    assert ended.code == 77
    assert f"run: {mend} {path}" in ended.err
    assert acc.service.count(None, exclude_token=False) == 0
    path.chmod(0o600 if which == "file" else 0o700)
    assert acc.home.sync("P").status == "success"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_somebody_elses_file_is_refused(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    os.chown(login_file(acc), 65534, 65534)
    ended = acc.home.run("sync", "--endpoint", "P")
    assert ended.code == 77
    assert "belongs to user 65534" in ended.err


@pytest.mark.parametrize(
    "wrong", [b"", b"{", b"[]", b'{"refresh_token": "half', b'{"type": "authorized_user"}', b"\xff"]
)
def test_a_half_written_or_foreign_file_is_named_and_left_alone(
    acc: Acc, log_in: Callable[[], Ended], wrong: bytes
) -> None:
    log_in()
    path, good = login_file(acc), login_file(acc).read_bytes()
    path.write_bytes(wrong)
    ended = acc.home.run("sync", "--endpoint", "P")
    assert ended.code == 77
    assert f"{path}: is no login of filesync" in ended.err
    assert path.read_bytes() == wrong
    path.write_bytes(good)
    assert acc.home.sync("P").status == "success"
    path.write_bytes(wrong)
    assert log_in().code == 0
    assert acc.home.sync("P").status == "success"


def test_a_token_folder_that_cannot_be_written_is_found_before_anybody_is_asked_to_consent(acc: Acc) -> None:
    (acc.home.path / "tokens").write_text("a file, not a folder")
    acc.home.browser = person = Person()
    ended = acc.home.run("auth", "autodesk", "login")
    assert ended.code == 1
    assert "the login cannot be kept" in ended.err
    assert person.pages == []


# --- logout ---------------------------------------------------------------------------------


def test_a_logout_ends_the_login_there_and_here(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    path, kept = login_file(acc), login_file(acc).read_bytes()
    ended = acc.home.run("auth", "autodesk", "logout")
    assert ended.code == 0
    assert "logged out of Autodesk" in ended.err
    assert not path.exists()
    path.touch(0o600)
    path.write_bytes(kept)
    assert acc.home.sync("P").error_type == "login"


def test_a_logout_without_the_service_removes_the_file_and_says_so(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    acc.service.faults.fail(DROP, route="revoke", times=None)
    ended = acc.home.run("auth", "autodesk", "logout")
    assert ended.code == 75
    assert "is removed, but Autodesk could not be notified" in ended.err
    assert not [*(acc.home.path / "tokens").glob("*.json")]


def test_a_logout_of_nobody_says_so(acc: Acc) -> None:
    ended = acc.home.run("auth", "autodesk", "logout")
    assert ended.code == 0
    assert "nobody is logged in to Autodesk" in ended.err


# --- service accounts -----------------------------------------------------------------------


def test_a_service_account_is_used_once_it_is_a_member(acc: Acc, tmp_path: Path) -> None:
    account = service_account(acc, tmp_path / "ssa.json")
    acc.service.add_member(acc.project, account["service_account_id"])
    assert acc.home.sync("P").status == "success"
    assert acc.home.paths() == ["/Project Files/a.pdf"]
    row = shown_login(acc.home, "autodesk")
    assert (row["flow"], row["user"]) == ("service_account", account["service_account_id"])


def test_its_token_is_exchanged_when_it_ran_out_and_not_before(acc: Acc, tmp_path: Path) -> None:
    account = service_account(acc, tmp_path / "ssa.json")
    acc.service.add_member(acc.project, account["service_account_id"])
    acc.home.sync("P")
    acc.home.sync("P")
    assert token_requests(acc.service) == 1
    acc.service.clock.advance(3600)
    assert acc.home.sync("P").status == "success"
    assert token_requests(acc.service) == 2


def test_a_key_whose_line_ends_were_written_out_is_understood(acc: Acc, tmp_path: Path) -> None:
    account = service_account(acc, tmp_path / "ssa.json")
    account["private_key"] = account["private_key"].replace("\n", "\\n")
    (tmp_path / "ssa.json").write_text(json.dumps(account))
    acc.service.add_member(acc.project, account["service_account_id"])
    assert acc.home.sync("P").status == "success"


@pytest.mark.parametrize(("seconds", "side"), [(400, "behind"), (-400, "ahead of")])
def test_a_wrong_clock_is_named_with_its_error(acc: Acc, tmp_path: Path, seconds: float, side: str) -> None:
    service_account(acc, tmp_path / "ssa.json")
    here = SimulatedClock(acc.service.clock.now() - timedelta(seconds=seconds), frozen=True)
    acc.home.clock = here
    ended = acc.home.run("sync", "--endpoint", "P")
    assert ended.code == 77
    assert re.search(rf"this machine's clock is (399|400|401) s {side} the service's: set it", ended.err)


def test_a_disabled_service_account_is_told_what_to_check(acc: Acc, tmp_path: Path) -> None:
    account = service_account(acc, tmp_path / "ssa.json")
    acc.service.disable_service_account(account["service_account_id"])
    ended = acc.home.run("sync", "--endpoint", "P")
    assert ended.code == 77
    assert "check that the service account is enabled" in ended.err
    assert "clock" not in ended.err


@pytest.mark.parametrize(
    ("change", "said"),
    [({"key_id": None}, "it has no key_id"), ({"private_key": "nonsense"}, "its private_key cannot be read"),
     ({"service_account_id": ""}, "it has no service_account_id")],
)  # fmt: skip
def test_a_service_accounts_file_that_cannot_be_used_is_named(
    acc: Acc, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    account = service_account(acc, tmp_path / "ssa.json")
    (tmp_path / "ssa.json").write_text(json.dumps({**account, **change}))
    ended = acc.home.run("sync", "--endpoint", "P")
    assert ended.code == 77
    assert f"CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH: {tmp_path / 'ssa.json'} cannot be used: {said}" in ended.err
    assert account["private_key"][40:80] not in ended.err


# --- which one ------------------------------------------------------------------------------


def test_auto_prefers_a_service_account_then_a_persons_login_then_the_app(
    acc: Acc, log_in: Callable[[], Ended], tmp_path: Path
) -> None:
    assert shown_login(acc.home, "autodesk")["flow"] == "two_legged"
    log_in()
    assert shown_login(acc.home, "autodesk")["flow"] == "three_legged"
    service_account(acc, tmp_path / "ssa.json")
    assert shown_login(acc.home, "autodesk")["flow"] == "service_account"


@pytest.mark.parametrize("flow", ["two_legged", "three_legged", "service_account"])
def test_a_named_flow_is_used_whatever_else_there_is(
    acc: Acc, log_in: Callable[[], Ended], tmp_path: Path, flow: str
) -> None:
    log_in()
    service_account(acc, tmp_path / "ssa.json")
    acc.home.environ["CONNECTOR_AUTODESK_AUTH"] = flow
    assert shown_login(acc.home, "autodesk")["flow"] == flow


def test_a_login_that_the_settings_do_not_use_is_told_so(acc: Acc, log_in: Callable[[], Ended]) -> None:
    acc.home.environ["CONNECTOR_AUTODESK_AUTH"] = "two_legged"
    assert "this login will not be used: CONNECTOR_AUTODESK_AUTH is two_legged" in log_in().err


@pytest.mark.parametrize(
    ("flow", "said"),
    [("three_legged", "nobody is logged in to Autodesk"),
     ("service_account", "CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH is not set")],
)  # fmt: skip
def test_a_flow_without_its_login_says_what_is_missing(acc: Acc, flow: str, said: str) -> None:
    acc.home.environ["CONNECTOR_AUTODESK_AUTH"] = flow
    ended = acc.home.run("sync", "--endpoint", "P")
    assert ended.code == 77
    assert said in ended.err
    assert acc.home.run("auth", "autodesk", "status").code == 77


def test_act_as_user_means_the_apps_own_login_whoever_else_is_logged_in(acc: Acc, log_in: Callable[[], Ended]) -> None:
    log_in()
    details = {"project_id": acc.project, "act_as_user": acc.service.signed_in}
    acc.home.configure({"name": "P", "endpoint_details": details})
    assert acc.home.sync("P").status == "success"
    (row,) = acc.home.query("SELECT identity FROM sync_state")
    assert json.loads(row["identity"])["flow"] == "two_legged"


@pytest.mark.parametrize(
    ("client_id", "tail"),
    [
        ("simulated-client", ""),
        ("app:1", ""),
        ("app", ":with:colons"),
        ("a+b c%41", "&=/?+ %2B%"),
        ("größe", " %&+£€x"),
    ],
)
def test_an_id_and_a_secret_of_any_characters_reach_the_service_as_they_are(
    acc: Acc, client_id: str, tail: str
) -> None:
    secret = "not-a-secret" + tail
    acc.service.add_app(client_id, secret)
    acc.home.environ |= {"CONNECTOR_AUTODESK_CLIENT_ID": client_id, "CONNECTOR_AUTODESK_CLIENT_SECRET": secret}
    outcome = acc.home.sync("P")
    assert (outcome.status, outcome.error_message) == ("success", None)
    assert {request.client for request in acc.service.requests} == {client_id}
