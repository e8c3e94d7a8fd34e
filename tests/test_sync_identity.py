"""The identity guard: what another login cannot see is not gone."""

import sqlite3
from pathlib import Path

import pytest

from filesync.sync.options import SyncOptions
from tests.browsers import Person, callback_port
from tests.homes import READER, Acc, Drive


@pytest.fixture
def shared(acc: Acc) -> tuple[str, str]:
    """Two members: one sees everything, the other one folder."""
    service, top = acc.service, acc.top
    for number in range(30):
        service.add_file(top, f"a{number}.pdf")
    inner = service.add_folder(top, "Inner")
    service.add_file(inner, "b.pdf")
    whole, part = service.add_user("Whole"), service.add_user("Part")
    service.add_member(acc.project, whole)
    service.add_member(acc.project, part, [inner])
    acc.settle()
    return whole, part


def configure(acc: Acc, user: str | None) -> None:
    acting = {"act_as_user": user} if user else {}
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project, **acting}})


def test_an_endpoint_remembers_as_whom_it_is_read(acc: Acc, shared: tuple[str, str]) -> None:
    configure(acc, shared[0])
    assert acc.home.sync("P").status == "success"
    (row,) = acc.home.query("SELECT identity FROM sync_state")
    assert row["identity"] == f'{{"flow": "two_legged", "client": "simulated-client", "user": "{shared[0]}"}}'


def test_under_another_user_it_stops_and_removes_nothing(acc: Acc, shared: tuple[str, str]) -> None:
    configure(acc, shared[0])
    acc.home.sync("P")
    before, seq = acc.home.files(), acc.home.last_seq()
    configure(acc, shared[1])
    ended = acc.home.run("sync", "--endpoint", "P")
    assert ended.code == 77
    assert "--accept-identity" in ended.err
    assert shared[0] in ended.err
    assert shared[1] in ended.err
    assert acc.home.files() == before
    assert acc.home.last_seq() == seq
    (status,) = acc.home.query("SELECT state FROM endpoint_status")
    assert status["state"] == "login"


def test_it_asks_nothing_of_the_project_under_another_user(acc: Acc, shared: tuple[str, str]) -> None:
    configure(acc, shared[0])
    acc.home.sync("P")
    acc.service.reset()
    configure(acc, shared[1])
    acc.home.sync("P")
    assert acc.service.count() == 0


def test_the_first_login_goes_on_when_it_is_back(acc: Acc, shared: tuple[str, str]) -> None:
    configure(acc, shared[0])
    acc.home.sync("P")
    configure(acc, shared[1])
    acc.home.sync("P")
    configure(acc, shared[0])
    assert acc.home.sync("P").status == "success"
    acc.home.assert_sound()


def test_an_accepted_identity_is_listed_afresh_under_the_guard_of_mass_deletion(
    acc: Acc, shared: tuple[str, str]
) -> None:
    configure(acc, shared[0])
    acc.home.sync("P")
    configure(acc, shared[1])
    blocked = acc.home.run("sync", "--endpoint", "P", "--accept-identity")
    assert blocked.code == 1
    assert "--accept-deletions" in blocked.err
    assert len(acc.home.files()) == 31
    ended = acc.home.run("sync", "--endpoint", "P", "--accept-deletions")
    assert ended.code == 0, ended.err
    assert acc.home.paths() == ["/Project Files/Inner/b.pdf"]
    assert {row["deleted_reason"] for row in acc.home.query("SELECT deleted_reason FROM files")} == {
        None,
        "access_lost",
    }
    acc.home.assert_sound()


def test_acceptance_holds_for_the_syncs_that_follow(acc: Acc, shared: tuple[str, str]) -> None:
    configure(acc, shared[1])
    acc.home.sync("P")
    configure(acc, shared[0])
    assert acc.home.run("sync", "--endpoint", "P", "--accept-identity").code == 0
    assert len(acc.home.files()) == 31
    acc.settle()
    assert acc.home.sync("P").status == "success"
    assert acc.service.count() == 1


def test_who_was_accepted_and_reads_nothing_does_not_keep_the_right_login_out(
    acc: Acc, shared: tuple[str, str]
) -> None:
    configure(acc, shared[0])
    acc.home.sync("P")
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_ID"] = "mistyped-client"
    assert acc.home.run("sync", "--endpoint", "P", "--accept-identity").code == 77
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_ID"] = "simulated-client"
    ended = acc.home.run("sync", "--endpoint", "P")
    assert ended.code == 0, ended.err
    assert len(acc.home.files()) == 31
    acc.home.assert_sound()


def test_a_trial_does_not_take_over(acc: Acc, shared: tuple[str, str]) -> None:
    configure(acc, shared[0])
    acc.home.sync("P")
    configure(acc, shared[1])
    assert acc.home.run("sync", "--endpoint", "P", "--max-files", "3").code == 77


def test_a_new_secret_is_no_new_identity(acc: Acc) -> None:
    configure(acc, None)
    acc.home.sync("P")
    acc.service.add_app("simulated-client", "another-secret")
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = "another-secret"
    assert acc.home.sync("P").status == "success"


@pytest.mark.parametrize(
    "arguments", [["--accept-identity"], ["--endpoint", "P", "--accept-identity", "--max-files", "1"]]
)
def test_accepting_wants_one_endpoint_and_no_trial(acc: Acc, arguments: list[str]) -> None:
    configure(acc, None)
    assert acc.home.run("sync", *arguments).code == 2


def test_another_service_account_stops_a_drive_and_is_listed_afresh_when_accepted(drive: Drive, tmp_path: Path) -> None:
    state, home = drive.service.state, drive.home
    state.add_file(drive.shared, "a.pdf")
    hidden = state.add_folder(drive.shared, "Hidden")
    home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared}})
    home.sync("D")
    other = "other@example.com"
    key = drive.service.make_key_file(tmp_path / "other.json", other)
    state.add_member(drive.shared, other)
    state.add_file(hidden, "b.pdf")
    home.environ["GOOGLE_CREDENTIALS_PATH"] = str(key)
    refused = home.run("sync", "--endpoint", "D")
    assert refused.code == 77
    assert READER in refused.err
    assert other in refused.err
    accepted = home.sync("D", accept_identity=True)
    assert (accepted.status, accepted.mode) == ("success", "full")
    assert home.paths() == ["/Hidden/b.pdf", "/a.pdf"]
    home.assert_sound()


def test_a_home_from_before_the_guard_takes_the_present_login(acc: Acc) -> None:
    configure(acc, None)
    acc.home.sync("P")
    home = acc.home
    with sqlite3.connect(home.database) as connection:
        connection.execute("UPDATE sync_state SET identity = NULL")
    connection.close()
    assert home.sync("P").status == "success"
    assert home.query("SELECT identity FROM sync_state")[0]["identity"]


def test_endpoints_check_says_that_a_sync_would_stop(acc: Acc, shared: tuple[str, str]) -> None:
    configure(acc, shared[0])
    acc.home.sync("P")
    assert acc.home.run("endpoints", "check").code == 0
    configure(acc, shared[1])
    ended = acc.home.run("endpoints", "check")
    assert ended.code == 77
    assert "--accept-identity" in ended.out


def test_a_login_says_which_endpoints_it_stops(acc: Acc) -> None:
    acc.home.configure(
        {"name": "P", "endpoint_details": {"project_id": acc.project}},
        {
            "name": "Acting",
            "endpoint_details": {
                "project_id": acc.project,
                "include_system_folders": True,
                "act_as_user": acc.service.signed_in,
            },
        },
    )
    acc.service.add_member(acc.project, acc.service.signed_in)
    acc.home.start(SyncOptions(everything=True))
    acc.service.consent = "allow"
    acc.home.browser = Person()
    ended = acc.home.run("auth", "autodesk", "login", "--port", callback_port(acc.service))
    assert ended.code == 0
    assert 'filesync sync --endpoint "P" --accept-identity' in ended.err
    assert "Acting" not in ended.err
    assert acc.home.run("sync", "--endpoint", "P").code == 77
    assert acc.home.run("sync", "--endpoint", "P", "--accept-identity").code == 0
    again = acc.home.run("auth", "autodesk", "login", "--port", callback_port(acc.service))
    assert "--accept-identity" not in again.err
