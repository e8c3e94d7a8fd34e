"""A login that works and is shown nothing: each cause is named with the step that mends it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.homes import Acc, Ended
from tests.support.logins import log_in_at_autodesk

CLIENT = "simulated-client"


def two_legged(acc: Acc, _: Path) -> str:
    return ""


def three_legged(acc: Acc, _: Path) -> str:
    acc.service.consent = "allow"
    assert log_in_at_autodesk(acc).code == 0
    return acc.service.signed_in


def service_account(acc: Acc, folder: Path) -> str:
    acc.service.wall = acc.service.clock
    account = dict(acc.service.add_service_account(CLIENT))
    (folder / "ssa.json").write_text(json.dumps(account))
    acc.home.environ["CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH"] = str(folder / "ssa.json")
    return account["service_account_id"]


FLOWS = [two_legged, three_legged, service_account]


@pytest.fixture(params=FLOWS, ids=lambda flow: flow.__name__)
def member(request: pytest.FixtureRequest, acc: Acc, tmp_path: Path) -> str:
    """Log in by one of the flows; give who stands behind it, who is no member of anything yet."""
    log_in: Callable[[Acc, Path], str] = request.param
    return log_in(acc, tmp_path)


@pytest.fixture
def check(acc: Acc) -> Callable[..., Ended]:
    def run(**details: str) -> Ended:
        acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project, **details}})
        return acc.home.run("endpoints", "check")

    return run


def let_in(acc: Acc, member: str) -> None:
    if member:
        acc.service.add_member(acc.project, member)


def test_a_login_that_is_let_in_is_green(acc: Acc, member: str, check: Callable[..., Ended]) -> None:
    let_in(acc, member)
    ended = check()
    assert ended.code == 0, ended.err
    assert ended.out.count(" ok ") == 3


@pytest.mark.parametrize("knows_hub", [False, True])
def test_an_app_that_the_account_does_not_know_is_sent_to_custom_integrations(
    acc: Acc, member: str, check: Callable[..., Ended], knows_hub: bool
) -> None:
    let_in(acc, member)
    acc.service.apps[CLIENT].hubs = frozenset()
    ended = check(**({"hub_id": acc.hub} if knows_hub else {}))
    assert ended.code == 77
    assert "Custom Integrations" in ended.out
    assert "see 'Add the app to the account' in OAUTH_SETUP.md" in ended.out


def test_an_api_that_is_off_is_sent_to_the_app(acc: Acc, member: str, check: Callable[..., Ended]) -> None:
    let_in(acc, member)
    acc.service.apps[CLIENT].api_enabled = False
    ended = check()
    assert ended.code != 0
    assert "AUTH-001 the app may not use this API" in ended.out
    assert "see 'Create the app' in OAUTH_SETUP.md" in ended.out


def test_a_closed_project_is_called_closed(acc: Acc, member: str, check: Callable[..., Ended]) -> None:
    let_in(acc, member)
    acc.service.archive_project(acc.project)
    assert "the project is archived or closed" in check().out


def test_a_service_account_that_nobody_invited_is_told_to_be_invited(
    acc: Acc, tmp_path: Path, check: Callable[..., Ended]
) -> None:
    account = service_account(acc, tmp_path)
    ended = check()
    assert ended.code == 77
    assert "the service account is in no project yet: invite its e-mail address" in ended.out
    acc.service.add_member(acc.service.add_project(acc.hub, "Another"), account)
    ended = check()
    assert ended.code == 77
    assert "that the service account's e-mail address was invited to the project" in ended.out
    assert "'Secure Service Account' in OAUTH_SETUP.md" in ended.out


def test_a_person_who_is_in_another_project_is_told_so(acc: Acc, tmp_path: Path, check: Callable[..., Ended]) -> None:
    person = three_legged(acc, tmp_path)
    acc.service.add_member(acc.service.add_project(acc.hub, "Another"), person)
    ended = check()
    assert ended.code == 77
    assert "that the person who is logged in is a member of the project" in ended.out


def test_a_user_to_act_as_who_is_unknown_is_named(acc: Acc, check: Callable[..., Ended]) -> None:
    ended = check(act_as_user="NOBODY")
    assert ended.code == 1
    assert "x-user-id" in ended.out


def test_a_wrong_secret_is_sent_to_the_app(acc: Acc, check: Callable[..., Ended]) -> None:
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = "another"
    ended = check()
    assert ended.code == 77
    assert "check CONNECTOR_AUTODESK_CLIENT_ID and CONNECTOR_AUTODESK_CLIENT_SECRET" in ended.out
    assert "see 'Create the app' in OAUTH_SETUP.md" in ended.out


def test_a_public_app_has_no_login_of_its_own(acc: Acc, check: Callable[..., Ended]) -> None:
    acc.service.add_app(CLIENT, None)
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = ""
    ended = check()
    assert ended.code == 77
    assert "CONNECTOR_AUTODESK_CLIENT_SECRET is not set" in ended.out
    assert "filesync auth autodesk login" in ended.out
