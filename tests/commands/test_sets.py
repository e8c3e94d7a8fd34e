"""Sets: one endpoint for each project of a hub, or each shared drive, now and later."""

import json
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from filesync.core.timestamps import to_timestamp
from filesync.runtime.locks import FileLock
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.faults import status, too_many
from filesync.sync.options import SyncOptions
from tests.support.browsers import Person, callback_port
from tests.support.homes import READER, Acc, Drive, Ended

NAME = "ACC {project_name}"
HOUR = 3600
RARELY = {"type": "cron", "cron": "0 0 29 2 *"}
MANUAL = {"type": "manual"}


def of_hub(acc: Acc, include: Any = ("*",), exclude: Any = (), **more: Any) -> dict[str, Any]:
    """Declare a set of the hub's projects."""
    names = {"include": list(include), "exclude": list(exclude)}
    details = {"hub_id": acc.hub, "projects": names, **more.pop("details", {})}
    return {"name": NAME, "endpoint_details": details, **more}


def states(home: Any) -> dict[str, str]:
    rows = json.loads(home.run("status", "--json").out)["endpoints"]
    return {row["name"]: row["state"] for row in rows}


def news(ended: Ended) -> dict[str, Any]:
    (told,) = json.loads(ended.out)["sets"]
    return {key: value for key, value in told.items() if value and key != "set"}


def asked(acc: Acc) -> dict[str, int]:
    return {route: acc.service.count(route) for route in ("hubs", "hub", "projects", "project")}


@pytest.fixture
def hub(acc: Acc) -> Acc:
    """A hub with the projects `Tower` and `Bridge`, and a set of them all."""
    acc.service.rename_project(acc.project, "Tower")
    bridge = acc.service.add_project(acc.hub, "Bridge")
    acc.service.add_file(acc.top, "tower.pdf")
    acc.service.add_file(acc.service.project_files(bridge), "bridge.pdf")
    acc.home.configure(of_hub(acc))
    acc.settle()
    return acc


def project_of(acc: Acc, name: str) -> str:
    return next(each.id for each in acc.service.projects.values() if each.name == name)


# --- who is in a set ------------------------------------------------------------------------


def test_each_project_of_the_hub_becomes_an_endpoint_that_asks_for_neither_hub_nor_project(hub: Acc) -> None:
    ended = hub.home.run("sync")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert hub.home.paths("ACC Tower") == ["/Project Files/tower.pdf"]
    assert hub.home.paths("ACC Bridge") == ["/Project Files/bridge.pdf"]
    assert asked(hub) == {"hubs": 0, "hub": 1, "projects": 1, "project": 0}
    rows = hub.home.query("SELECT external_project_name, hub_name, region FROM endpoints ORDER BY 1")
    assert [tuple(row.values()) for row in rows] == [
        ("Bridge", "Example Construction", "US"),
        ("Tower", "Example Construction", "US"),
    ]
    hub.home.assert_sound()


@pytest.mark.parametrize(
    ("include", "exclude", "kept"),
    [
        (["*"], ["*Template*"], {"ACC A/B", "ACC Tower", "ACC tower", "ACC x"}),
        (["T*"], [], {"ACC Tower", "ACC Template 1"}),  # case counts
        (["ower"], [], set()),  # the whole name
        (["A?B"], [], {"ACC A/B"}),  # a slash is a character like any other
        (["A/*", "x"], [], {"ACC A/B", "ACC x"}),
        (["[Tt]ower"], ["t*"], {"ACC Tower"}),
    ],
)
def test_names_choose_who_is_in(acc: Acc, include: list[str], exclude: list[str], kept: set[str]) -> None:
    acc.service.rename_project(acc.project, "Tower")
    for name in ("tower", "Template 1", "A/B", "x"):
        acc.service.add_project(acc.hub, name)
    acc.home.configure(of_hub(acc, include, exclude, schedule=MANUAL))
    acc.home.run("sync")
    assert states(acc.home).keys() == kept


def test_every_page_of_the_list_is_read(acc: Acc) -> None:
    acc.service.rename_project(acc.project, "Tower")
    for number in range(205):
        acc.service.add_project(acc.hub, f"P{number}")
    acc.home.configure(of_hub(acc, ["P204"]))
    acc.home.run("sync")
    assert states(acc.home) == {"ACC P204": "ok"}
    assert asked(acc)["projects"] == 2


def test_members_have_the_sets_filters_and_settings(hub: Acc) -> None:
    hub.service.add_file(hub.top, "tower.rvt")
    hub.home.configure(of_hub(hub, details={"file_types": ["rvt"]}, max_delete_percent=7, project_id="label"))
    hub.home.run("sync")
    assert hub.home.paths() == ["/Project Files/tower.rvt"]
    rows = json.loads(hub.home.run("endpoints", "--json").out)["endpoints"]
    assert [(row["name"], row["is_set"], row["set"], row["max_delete_percent"]) for row in rows] == [
        (NAME, True, None, 7),
        ("ACC Bridge", False, NAME, 7),
        ("ACC Tower", False, NAME, 7),
    ]
    assert rows[1]["endpoint_details"] == {
        "file_types": ["rvt"],
        "hub_id": hub.hub,
        "project_id": project_of(hub, "Bridge"),
    }
    assert hub.home.query("SELECT DISTINCT project_id AS label FROM endpoints") == [{"label": "label"}]


def test_a_project_that_is_an_endpoint_of_its_own_is_left_out(hub: Acc) -> None:
    own = {"name": "Mine", "is_active": False, "endpoint_details": {"project_id": hub.project}}
    hub.home.configure(of_hub(hub), own)
    hub.home.run("sync")
    assert states(hub.home) == {"Mine": "inactive", "ACC Bridge": "ok"}


def test_a_project_of_which_a_folder_is_an_endpoint_is_not(hub: Acc) -> None:
    own = {"name": "Mine", "endpoint_details": {"project_id": hub.project, "folder_id": hub.top}}
    hub.home.configure(of_hub(hub), own)
    hub.home.run("sync")
    assert states(hub.home) == {"Mine": "ok", "ACC Bridge": "ok", "ACC Tower": "ok"}


def test_two_sets_of_one_hub_ask_once_and_share_no_project(hub: Acc) -> None:
    second = {**of_hub(hub, ["*"]), "name": "Rest {project_name}"}
    hub.home.configure(of_hub(hub, ["T*"]), second)
    hub.home.run("sync")
    assert states(hub.home) == {"ACC Tower": "ok", "Rest Bridge": "ok"}
    assert asked(hub)["projects"] == 1


def test_a_changed_choice_needs_no_question(hub: Acc) -> None:
    hub.home.run("sync")
    hub.settle()
    hub.home.configure(of_hub(hub, exclude=["Tower"]))
    hub.home.run("sync")
    assert states(hub.home) == {"ACC Bridge": "ok", "ACC Tower": "inactive"}
    assert hub.home.paths("ACC Tower") == ["/Project Files/tower.pdf"]
    hub.home.configure(of_hub(hub, exclude=["Bridge"]))
    hub.service.clock.advance(300)
    hub.home.run("sync")
    assert states(hub.home) == {"ACC Tower": "ok", "ACC Bridge": "inactive"}
    assert asked(hub) == {"hubs": 0, "hub": 0, "projects": 0, "project": 0}


def test_an_inactive_set_is_not_asked_for_and_its_endpoints_rest(hub: Acc) -> None:
    hub.home.run("sync")
    hub.settle()
    hub.home.configure(of_hub(hub, is_active=False))
    hub.service.clock.advance(2 * HOUR)
    assert hub.home.run("sync", "--all").code == 0
    assert states(hub.home) == {"ACC Bridge": "inactive", "ACC Tower": "inactive"}
    assert hub.service.count() == 0


# --- names ----------------------------------------------------------------------------------


def test_of_two_projects_of_one_name_the_later_one_gets_its_id_behind(hub: Acc) -> None:
    hub.home.run("sync")
    twin = hub.service.add_project(hub.hub, "Tower")
    hub.service.clock.advance(HOUR)
    hub.home.run("sync")
    assert states(hub.home).keys() == {"ACC Bridge", "ACC Tower", f"ACC Tower ({twin[2:10]})"}
    assert hub.home.paths("ACC Tower") == ["/Project Files/tower.pdf"]
    hub.service.rename_project(project_of(hub, "Bridge"), "Tower")  # who comes to a name later does not take it
    hub.service.clock.advance(HOUR)
    hub.home.run("sync")
    assert hub.home.paths("ACC Tower") == ["/Project Files/tower.pdf"]
    assert len(states(hub.home)) == 3


def test_an_explicit_endpoint_keeps_its_name(hub: Acc) -> None:
    other = hub.service.add_project(hub.service.add_hub("Other"), "Elsewhere")
    hub.home.configure(of_hub(hub), {"name": "ACC Tower", "endpoint_details": {"project_id": other}})
    hub.home.run("sync")
    assert states(hub.home).keys() == {"ACC Tower", "ACC Bridge", f"ACC Tower ({hub.project[2:10]})"}
    assert hub.home.paths("ACC Tower") == []


def test_a_renamed_project_renames_its_endpoint_and_its_rows_stay(hub: Acc) -> None:
    hub.home.run("sync")
    before = hub.home.query("SELECT id FROM endpoints WHERE name = 'ACC Tower'")
    seq = hub.home.last_seq()
    hub.service.rename_project(hub.project, "High Tower")
    hub.service.clock.advance(HOUR)
    hub.settle()
    ended = hub.home.run("sync", "--all", "--json")
    assert news(ended) == {"renamed": [{"before": "ACC Tower", "after": "ACC High Tower"}]}
    rows = hub.home.query("SELECT id, external_project_name AS name FROM endpoints WHERE name = 'ACC High Tower'")
    assert rows == [{"id": before[0]["id"], "name": "High Tower"}]
    assert hub.home.last_seq() == seq
    assert asked(hub)["project"] == 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\x1b[31m\u202e", "ACC a b [31m"),
        ("${HOME} {project_name}", "ACC ${HOME} {project_name}"),
        ("x" * 1000, "ACC " + "x" * 195 + "…"),
        ("Straße 東", "ACC Straße 東"),
    ],
)
def test_hostile_names_make_harmless_endpoints(acc: Acc, name: str, shown: str) -> None:
    acc.service.rename_project(acc.project, name)
    acc.home.configure(of_hub(acc))
    ended = acc.home.run("sync", "--all")
    assert ended.code == 0, ended.err
    assert states(acc.home) == {shown: "ok"}
    assert "\x1b" not in ended.err


def test_a_project_without_a_name_is_called_by_its_id(acc: Acc) -> None:
    acc.service.rename_project(acc.project, "\u200b")
    acc.home.configure(of_hub(acc))
    acc.home.run("sync")
    assert states(acc.home) == {f"ACC {acc.project}": "ok"}


def test_a_project_called_as_rows_are_that_stepped_aside_stops_nothing(hub: Acc) -> None:
    hub.home.configure(of_hub(hub, exclude=["Old"]))
    hub.home.run("sync")
    (row,) = hub.home.query("SELECT id FROM endpoints WHERE name = 'ACC Tower'")
    formerly = f"Tower (formerly, {row['id']})"
    for name in (formerly, "Another"):
        hub.service.add_project(hub.hub, name)
        hub.service.clock.advance(HOUR)
        ended = hub.home.run("sync")
        assert (ended.code, ended.err) == (0, "")
    assert states(hub.home).keys() == {"ACC Tower", "ACC Bridge", "ACC Another", f"ACC {formerly}"}
    hub.service.rename_project(hub.project, "Old")  # excluded: its row stays behind
    hub.service.add_project(hub.hub, "Tower")
    hub.service.clock.advance(HOUR)
    assert hub.home.run("sync").code == 0
    assert hub.home.paths("ACC Tower") == []
    assert hub.home.paths(f"ACC Tower (formerly, {row['id']}, 2)") == ["/Project Files/tower.pdf"]


# --- when it is asked -----------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("--all",), ("--endpoint", "ACC Tower"), ("--endpoint", NAME)])
def test_a_set_is_asked_for_once_an_hour_whoever_starts(hub: Acc, arguments: tuple[str, ...]) -> None:
    hub.home.run("sync")
    hub.settle()
    for _ in range(11):  # the first one was 60 s ago
        hub.service.clock.advance(300)
        assert hub.home.run("sync", *arguments).code == 0
    assert asked(hub) == {"hubs": 0, "hub": 0, "projects": 0, "project": 0}
    hub.service.clock.advance(300)
    hub.home.run("sync", *arguments)
    assert asked(hub) == {"hubs": 0, "hub": 1, "projects": 1, "project": 0}


@pytest.mark.parametrize("arguments", [(), ("--all",), ("--endpoint", NAME)])
def test_a_person_who_wants_all_afresh_need_not_wait_for_a_new_project(hub: Acc, arguments: tuple[str, ...]) -> None:
    hub.home.run("sync")
    hub.service.add_project(hub.hub, "New")
    hub.settle()
    assert hub.home.run("sync", "--full", *arguments).code == 0
    assert (asked(hub)["projects"], "ACC New" in states(hub.home)) == (1, True)


def test_who_waited_for_another_starts_answer_does_not_ask_again(hub: Acc) -> None:
    hub.home.run("sync")
    (path,) = hub.home.database.with_name("connector.db.locks").glob("set-*.lock")
    lock = FileLock(path)
    assert lock.acquire(blocking=False)

    class Clock:
        """While it is waited with, another start takes its turn and gets the answer."""

        now, monotonic = staticmethod(hub.service.clock.now), staticmethod(hub.service.clock.monotonic)

        def wait(self, event: threading.Event, seconds: float) -> bool:
            if hub.service.count("projects") == 0:
                lock.release()
                assert hub.home.run("sync", "--full", "--endpoint", "ACC Tower").code == 0
            return hub.service.clock.wait(event, seconds)

    hub.settle()
    hub.home.start(SyncOptions(names=(NAME,), full=True), clock=Clock())
    assert asked(hub)["projects"] == 1


def test_status_says_when_a_set_is_asked_for_again_and_a_person_need_not_wait(hub: Acc) -> None:
    hub.service.faults.fail(status(404), times=1, route="hub")
    hub.home.run("sync")
    now = hub.service.clock.now()
    (row,) = json.loads(hub.home.run("status", "--json").out)["endpoints"]
    assert row["next_due_at"] == to_timestamp(now + timedelta(minutes=5))
    assert not row["due"]
    assert hub.home.run("sync").code == 0
    assert states(hub.home).keys() == {NAME}  # not asked yet
    assert hub.home.run("sync", "--endpoint", NAME).code == 0
    assert states(hub.home) == {"ACC Bridge": "ok", "ACC Tower": "ok"}


def test_a_clock_that_was_set_back_does_not_stop_the_asking(hub: Acc) -> None:
    ahead = SimulatedClock(hub.service.clock.now() + timedelta(days=400), frozen=True)
    hub.home.start(clock=ahead)
    hub.settle()
    hub.home.run("sync")
    assert asked(hub)["projects"] == 1


def test_commands_that_only_read_ask_nothing_and_show_the_last_answer(hub: Acc) -> None:
    hub.home.run("sync")
    hub.service.add_project(hub.hub, "New")
    hub.settle()
    hub.service.clock.advance(2 * HOUR)
    for command in ("status", "endpoints", "logs", "changes", "config check", "config show"):
        ended = hub.home.run(*command.split())
        assert (ended.code, "New" in ended.out) == (0, False), command
    assert "ACC Tower" in hub.home.run("endpoints").out
    assert "tower.pdf" in hub.home.run("files", "--endpoint", "ACC Tower").out
    assert hub.service.count() == 0


def test_a_set_that_nobody_was_asked_for_is_one_line_in_state_never(hub: Acc) -> None:
    assert states(hub.home) == {NAME: "never"}
    ended = hub.home.run("endpoints", "--json")
    assert [row["name"] for row in json.loads(ended.out)["endpoints"]] == [NAME]


def test_a_set_can_be_named_and_an_unknown_name_is_one_after_asking(hub: Acc) -> None:
    ended = hub.home.run("sync", "--endpoint", NAME, "--json")
    assert {each["endpoint"] for each in json.loads(ended.out)["syncs"]} == {"ACC Tower", "ACC Bridge"}
    hub.settle()
    ended = hub.home.run("sync", "--endpoint", "ACC Towr")
    assert ended.code == 2
    assert "did you mean 'ACC Tower'?" in ended.err
    assert hub.service.count() == 0


def test_a_member_can_be_named_before_its_first_sync(hub: Acc) -> None:
    ended = hub.home.run("sync", "--endpoint", "ACC Bridge", "--json")
    assert ended.code == 0, ended.err
    assert [each["endpoint"] for each in json.loads(ended.out)["syncs"]] == ["ACC Bridge"]


def test_an_explicit_endpoint_that_is_named_does_not_wait_for_sets(hub: Acc) -> None:
    other = hub.service.add_project(hub.service.add_hub("Other"), "Elsewhere")
    hub.home.configure(of_hub(hub), {"name": "Mine", "endpoint_details": {"project_id": other}})
    assert hub.home.run("sync", "--endpoint", "Mine").code == 0
    assert asked(hub)["projects"] == 0


# --- who is new, gone, back -----------------------------------------------------------------


def test_a_new_project_is_due_at_once_and_announced(hub: Acc) -> None:
    hub.home.configure(of_hub(hub, schedule=RARELY))
    hub.home.run("sync")
    assert set(states(hub.home).values()) == {"ok"}
    new = hub.service.add_project(hub.hub, "Tunnel")
    hub.service.add_file(hub.service.project_files(new), "tunnel.pdf")
    hub.service.clock.advance(HOUR)
    hub.settle()
    ended = hub.home.run("sync", "--verbose")
    assert hub.home.paths("ACC Tunnel") == ["/Project Files/tunnel.pdf"]
    assert f"{NAME}: new: ACC Tunnel" in ended.err
    assert "ACC Tower" not in ended.err  # it waits for its slot
    hub.service.clock.advance(300)
    hub.settle()
    hub.home.run("sync")
    assert hub.service.count() == 0  # once


def test_a_scheduled_start_that_goes_well_is_silent_about_news(hub: Acc) -> None:
    hub.home.run("sync")
    hub.service.add_project(hub.hub, "Tunnel")
    hub.service.rename_project(hub.project, "High Tower")
    hub.service.clock.advance(HOUR)
    ended = hub.home.run("sync")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_the_log_has_a_line_for_each_answer(hub: Acc) -> None:
    hub.home.run("sync")
    hub.service.faults.fail(status(404), route="hub")
    hub.service.clock.advance(HOUR)
    hub.home.run("sync")
    log = (hub.home.path / "logs" / "connector.log").read_text(encoding="utf-8")
    lines = [line for line in map(json.loads, log.splitlines()) if line["event"] == "set_asked"]
    assert [(line["level"], line["set"], line["error_type"]) for line in lines] == [
        ("INFO", NAME, None),
        ("ERROR", NAME, "not_found"),
    ]
    assert "ACC Tower" in lines[0]["new"]


def test_who_is_missing_twice_is_archived_and_nothing_is_removed(hub: Acc) -> None:
    hub.home.configure(of_hub(hub, schedule=MANUAL))
    hub.home.run("sync", "--all")
    hub.service.archive_project(hub.project)
    hub.settle()
    hub.service.clock.advance(HOUR)
    hub.home.run("sync")
    assert states(hub.home) == {"ACC Bridge": "manual", "ACC Tower": "manual"}  # once is not enough
    hub.service.clock.advance(HOUR)
    ended = hub.home.run("sync", "--all", "--json")
    assert ended.code == 0, ended.err
    assert news(ended) == {"archived": ["ACC Tower"]}
    assert [each["endpoint"] for each in json.loads(ended.out)["syncs"]] == ["ACC Bridge"]
    assert states(hub.home) == {"ACC Bridge": "manual", "ACC Tower": "archived"}
    assert hub.home.query("SELECT state FROM endpoint_status WHERE name = 'ACC Tower'") == [{"state": "archived"}]
    assert hub.home.paths("ACC Tower") == ["/Project Files/tower.pdf"]
    assert "tower.pdf" in hub.home.run("files").out
    assert hub.home.run("status", "--check").code == 0


def test_who_is_missing_only_now_and_then_is_not(hub: Acc) -> None:
    hub.home.configure(of_hub(hub, schedule=MANUAL))
    hub.home.run("sync", "--all")
    for _ in range(3):
        hub.service.archive_project(hub.project)
        hub.service.clock.advance(HOUR)
        hub.home.run("sync")
        hub.service.reopen_project(hub.project)
        hub.service.clock.advance(HOUR)
        hub.home.run("sync")
    assert states(hub.home)["ACC Tower"] == "manual"


def test_whose_own_sync_hears_that_it_is_closed_is_archived_at_once_without_a_failure(hub: Acc) -> None:
    hub.home.run("sync")
    hub.service.archive_project(hub.project)
    hub.service.clock.advance(300)
    ended = hub.home.run("sync")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert states(hub.home) == {"ACC Bridge": "ok", "ACC Tower": "archived"}
    assert hub.home.run("logs", "--failed", "--json").out.count("ACC Tower") == 0
    assert hub.home.paths("ACC Tower") == ["/Project Files/tower.pdf"]
    hub.service.clock.advance(300)
    hub.settle()
    hub.home.run("sync")
    assert not [each for each in hub.service.requests if hub.project in each.path]


def test_an_explicit_endpoint_of_a_closed_project_still_fails(acc: Acc) -> None:
    acc.home.run("sync")
    acc.service.archive_project(acc.project)
    ended = acc.home.run("sync", "--all")
    assert ended.code == 1
    assert "archived or closed" in ended.err


def test_who_is_back_is_active_and_due(hub: Acc) -> None:
    hub.home.configure(of_hub(hub, schedule=RARELY))
    hub.home.run("sync")
    hub.service.archive_project(hub.project)
    hub.service.clock.advance(HOUR)
    hub.home.run("sync", "--all")
    assert states(hub.home)["ACC Tower"] == "archived"
    hub.service.reopen_project(hub.project)
    hub.service.add_file(hub.top, "new.pdf")
    hub.settle()
    hub.service.clock.advance(HOUR)
    ended = hub.home.run("sync", "--json")
    assert news(ended) == {"back": ["ACC Tower"]}
    assert [each["endpoint"] for each in json.loads(ended.out)["syncs"]] == ["ACC Tower"]
    assert states(hub.home)["ACC Tower"] == "ok"
    assert hub.home.paths("ACC Tower") == ["/Project Files/new.pdf", "/Project Files/tower.pdf"]


def test_who_was_only_missing_is_due_once_it_is_back(hub: Acc) -> None:
    hub.home.configure(of_hub(hub, schedule=RARELY))
    hub.home.run("sync")
    hub.service.archive_project(hub.project)
    for _ in range(2):
        hub.service.clock.advance(HOUR)
        hub.home.run("sync")
    assert states(hub.home)["ACC Tower"] == "archived"
    hub.service.reopen_project(hub.project)
    hub.service.clock.advance(HOUR)
    ended = hub.home.run("sync", "--json")
    assert [each["endpoint"] for each in json.loads(ended.out)["syncs"]] == ["ACC Tower"]


def test_a_dry_run_asks_and_keeps_nothing(hub: Acc) -> None:
    ended = hub.home.run("sync", "--dry-run", "--json")
    assert {each["endpoint"] for each in json.loads(ended.out)["syncs"]} == {"ACC Tower", "ACC Bridge"}
    assert states(hub.home) == {NAME: "never"}


def test_an_archived_member_that_is_named_and_can_be_read_is_active_again(hub: Acc) -> None:
    hub.home.run("sync")
    hub.service.archive_project(hub.project)
    hub.service.clock.advance(300)
    hub.home.run("sync")
    hub.service.reopen_project(hub.project)
    assert hub.home.run("sync", "--endpoint", "ACC Tower").code == 0
    assert states(hub.home)["ACC Tower"] == "ok"


def test_a_project_takes_over_no_rows_of_another_one_with_its_name(hub: Acc) -> None:
    hub.home.run("sync")
    hub.home.configure(of_hub(hub, exclude=["Tower"]))
    hub.home.run("sync")
    hub.service.rename_project(hub.project, "Old")
    hub.service.add_project(hub.hub, "Tower")
    hub.home.configure(of_hub(hub, exclude=["Old"]))
    hub.service.clock.advance(HOUR)
    hub.home.run("sync")
    assert hub.home.paths("ACC Tower") == []
    assert len(hub.home.query("SELECT id FROM endpoints")) == 3
    assert hub.home.query("SELECT count(*) AS n FROM files WHERE deleted_at IS NOT NULL") == [{"n": 0}]


# --- what changes nothing -------------------------------------------------------------------


def empty(*warnings: str) -> bytes:
    said = [{"HttpStatusCode": code, "ErrorCode": "BIM360DM_ERROR", "Title": "Unable"} for code in warnings]
    return json.dumps({"jsonapi": {"version": "1.0"}, "data": [], "meta": {"warnings": said}}).encode()


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        (status(200, empty("403")), 77, "no project is shown to this login"),
        (status(200, empty("401")), 77, "an account knows this app, but not the user"),
        (status(200, empty("500")), 75, "the list may lack projects"),
        (status(503), 75, "503"),
        (status(403, b'{"errorCode": "AUTH-001", "developerMessage": "x"}'), 77, "may not use this API"),
        (status(200, b'{"data": {}}'), 1, "no list of resources"),
    ],
)
def test_an_answer_that_is_not_whole_changes_nothing_and_known_members_run(
    hub: Acc, answer: Any, code: int, error: str
) -> None:
    hub.home.run("sync")
    hub.service.faults.fail(answer, times=None, route="projects")
    for _ in range(3):
        hub.settle()
        hub.service.clock.advance(2 * HOUR)
        ended = hub.home.run("sync")
        assert ended.code == code
        (line,) = ended.err.splitlines()
        assert line.startswith(f"filesync: {NAME}: failed: ")
        assert error in line
        assert hub.service.count("top_folders") == 2
    shown = states(hub.home)
    assert shown == {"ACC Bridge": "ok", "ACC Tower": "ok", NAME: "login" if code == 77 else "failed"}
    assert hub.home.run("status", "--check").code == 1
    hub.service.faults.clear()
    hub.service.clock.advance(HOUR)
    assert hub.home.run("sync").code == 0
    assert NAME not in states(hub.home)


def test_one_id_that_is_none_refuses_the_answer_and_stops_nothing_else(hub: Acc) -> None:
    own = hub.service.add_project(hub.hub, "Own")
    hub.home.configure(of_hub(hub), {"name": "Mine", "endpoint_details": {"project_id": own}})
    hub.home.run("sync")
    weird = hub.service.projects[hub.service.add_project(hub.hub, "Weird")]
    known, weird.id = weird.id, "b.https://evil/../x"
    hub.service.clock.advance(HOUR)
    ended = hub.home.run("sync", "--json")
    assert ended.code == 1
    assert "'b.https://evil/../x', which is no id" in ended.err
    assert {each["endpoint"] for each in json.loads(ended.out)["syncs"]} == {"Mine", "ACC Bridge", "ACC Tower"}
    assert hub.home.run("endpoints", "check", NAME).code == 1
    assert hub.home.query("SELECT count(*) AS n FROM set_members") == [{"n": 3}]
    assert states(hub.home) == {"Mine": "ok", "ACC Bridge": "ok", "ACC Tower": "ok", NAME: "failed"}
    del hub.service.projects[known]
    hub.service.clock.advance(HOUR)
    assert hub.home.run("sync").code == 0


def test_an_id_that_is_none_and_was_stored_before_is_passed_over(hub: Acc) -> None:
    hub.home.run("sync")
    with closing(sqlite3.connect(hub.home.database)) as connection, connection:
        connection.execute(
            """INSERT INTO set_members (source_id, external_id, member_name, details, provider_state, first_seen_at,
                                        named_at)
               SELECT source_id, 'b.x/y', 'X', '{"project_id": "b.x/y"}', '{}', first_seen_at, named_at
               FROM set_members LIMIT 1"""
        )
    hub.service.clock.advance(HOUR)
    assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"ACC Bridge": "ok", "ACC Tower": "ok"}


def test_a_region_that_is_down_changes_nothing(hub: Acc) -> None:
    hub.home.run("sync")
    hub.service.regions_down.add("US")
    for _ in range(3):
        hub.service.clock.advance(HOUR)
        ended = hub.home.run("sync", "--endpoint", NAME)
        assert ended.code == 75
    assert "archived" not in states(hub.home).values()


def test_a_failure_is_tried_again_sooner_than_in_an_hour(hub: Acc) -> None:
    hub.service.faults.fail(status(503), times=6, route="projects")
    assert hub.home.run("sync").code == 75
    hub.service.clock.advance(30)  # as with an endpoint: at the next start
    assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"ACC Bridge": "ok", "ACC Tower": "ok"}


def test_a_lasting_failure_is_tried_again_with_growing_spacing(hub: Acc) -> None:
    hub.service.faults.fail(status(404), times=None, route="hub")
    tries = []
    for minute in range(0, 125, 5):
        before = hub.service.count("hub")
        hub.home.run("sync")
        tries += [minute] if hub.service.count("hub") > before else []
        hub.service.clock.advance(300)
    assert tries == [0, 5, 15, 35, 75]


def test_an_answer_that_takes_too_long_is_a_failure_and_tried_again_with_growing_spacing(hub: Acc) -> None:
    own = hub.service.add_project(hub.hub, "Own")
    hub.home.configure(of_hub(hub, time_limit="30s"), {"name": "Mine", "endpoint_details": {"project_id": own}})
    hub.service.faults.fail(too_many(400), times=None, route="projects")
    tries = []
    for minute in range(0, 65, 5):
        hub.service.reset()
        ended = hub.home.run("sync", "--json")
        assert [each["endpoint"] for each in json.loads(ended.out)["syncs"]] == ["Mine"]
        if hub.service.count("projects"):
            tries.append(minute)
            assert ended.code == 75
            assert (
                ended.err == f"filesync: {NAME}: failed: no whole answer within 30s; its endpoints stay as they are\n"
            )
        hub.service.clock.advance(300)
    assert tries == [0, 5, 15, 35]
    assert states(hub.home) == {"Mine": "ok", NAME: "failed"}
    log = (hub.home.path / "logs" / "connector.log").read_text(encoding="utf-8")
    lines = [line for line in map(json.loads, log.splitlines()) if line["event"] == "set_asked"]
    assert [line["error_type"] for line in lines] == ["time_limit"] * 4


def test_a_scheduled_start_waits_a_minute_for_an_answer_and_a_person_as_long_as_the_set_says(hub: Acc) -> None:
    hub.service.faults.fail(too_many(100), route="projects")
    ended = hub.home.run("sync")
    assert (ended.code, "within 1m" in ended.err) == (75, True)
    hub.service.faults.fail(too_many(100), route="projects")
    assert hub.home.run("sync", "--all").code == 0


def test_the_first_failure_is_repeated_at_once_and_later_ones_do_not_delay_every_start(hub: Acc) -> None:
    hub.service.faults.fail(status(503), times=None, route="projects")
    tries = []
    for minute in range(0, 65, 5):
        before = hub.service.count("projects")
        hub.home.run("sync")
        tries += [minute] if hub.service.count("projects") > before else []
        hub.service.clock.advance(300)
    assert tries == [0, 5, 15, 35]


def test_a_signal_leaves_no_trace(hub: Acc) -> None:
    hub.home.stop.request()
    assert hub.home.start().expansions == ()
    assert hub.home.query("SELECT * FROM set_sources") == []


def test_a_missing_login_is_said_by_config_check_without_asking(hub: Acc) -> None:
    del hub.home.environ["CONNECTOR_AUTODESK_CLIENT_ID"]
    ended = hub.home.run("config", "check")
    assert (ended.code, "1 set" in ended.out) == (0, True)
    assert f"note: {NAME}: " in ended.err
    ended = hub.home.run("sync")
    assert ended.code == 77
    assert states(hub.home) == {NAME: "login"}


def without(hub: Acc, gone: str, *warnings: str) -> bytes:
    """Write the list of the hub's projects without one of them."""
    listed = hub.service.projects.values()
    entries = [
        {
            "type": "projects",
            "id": each.id,
            "attributes": {"name": each.name},
            "relationships": {"rootFolder": {"data": {"type": "folders", "id": each.root.id}}},
        }
        for each in listed
        if each.id != gone
    ]
    return json.dumps({**json.loads(empty(*warnings)), "data": entries}).encode()


def test_who_is_missing_from_a_list_with_a_warning_is_not_archived_and_who_is_new_comes_in(hub: Acc) -> None:
    hub.home.run("sync")
    hub.service.add_project(hub.hub, "New")
    hub.service.faults.fail(status(200, without(hub, hub.project, "403")), times=None, route="projects")
    for _ in range(3):
        hub.service.clock.advance(HOUR)
        assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"ACC Bridge": "ok", "ACC New": "ok", "ACC Tower": "ok"}
    hub.service.faults.clear()
    hub.service.archive_project(hub.project)
    hub.service.clock.advance(HOUR)
    hub.home.configure(of_hub(hub, schedule=MANUAL))
    hub.home.run("sync")
    assert states(hub.home)["ACC Tower"] == "manual"  # it is the first whole answer without it


def log_in_as_another(hub: Acc) -> None:
    """Use another app's login from now on."""
    hub.service.add_app("another-app", "not-a-secret")
    hub.home.environ |= {
        "CONNECTOR_AUTODESK_CLIENT_ID": "another-app",
        "CONNECTOR_AUTODESK_CLIENT_SECRET": "not-a-secret",
    }


def test_what_another_login_is_not_shown_is_not_archived_until_a_person_accepts_it(hub: Acc) -> None:
    hub.home.configure(of_hub(hub, schedule=MANUAL))
    hub.home.run("sync", "--all")
    hub.home.run("sync", "--endpoint", NAME)
    log_in_as_another(hub)
    hub.service.faults.fail(status(200, without(hub, hub.project)), times=None, route="projects")
    for _ in range(3):
        hub.service.clock.advance(HOUR)
        ended = hub.home.run("sync")
        assert ended.code == 77
        assert f"{NAME}: failed: read as {CLIENT_ID} (two legged) until now, and the login is another-app" in ended.err
        assert f'filesync sync --endpoint "{NAME}" --accept-identity' in ended.err
    assert hub.home.run("endpoints", "check", NAME).code == 77
    assert states(hub.home) == {"ACC Bridge": "manual", "ACC Tower": "manual", NAME: "login"}
    assert hub.home.run("sync", "--endpoint", "ACC Bridge", "--accept-identity").code == 77  # not the set
    ended = hub.home.run("sync", "--endpoint", NAME, "--accept-identity")
    assert (ended.code, "failed" in ended.err) == (0, False)
    hub.service.clock.advance(HOUR)
    assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"ACC Bridge": "manual", "ACC Tower": "archived"}


def test_a_set_is_accepted_with_its_members_also_when_its_service_is_not_due_to_be_asked(hub: Acc) -> None:
    hub.home.run("sync")
    log_in_as_another(hub)
    hub.service.clock.advance(300)
    assert hub.home.run("sync").code == 77
    assert set(states(hub.home).values()) == {"login"}
    assert hub.home.run("sync", "--endpoint", NAME, "--accept-identity").code == 0
    hub.service.clock.advance(2 * HOUR)
    assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"ACC Bridge": "ok", "ACC Tower": "ok"}


def test_the_login_that_is_back_goes_on_with_a_set(hub: Acc) -> None:
    hub.home.run("sync")
    before = dict(hub.home.environ)
    log_in_as_another(hub)
    hub.service.clock.advance(HOUR)
    assert hub.home.run("sync").code == 77
    hub.home.environ |= before
    hub.service.clock.advance(HOUR)
    assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"ACC Bridge": "ok", "ACC Tower": "ok"}


def log_in_as_a_person(hub: Acc) -> None:
    hub.service.consent = "allow"
    hub.home.browser = Person()
    ended = hub.home.run("auth", "autodesk", "login", "--port", callback_port(hub.service))
    assert ended.code == 0, ended.err


def test_a_set_that_waited_for_a_login_is_asked_for_after_it(hub: Acc) -> None:
    hub.service.faults.fail(status(200, empty("403")), times=None, route="projects")
    for _ in range(3):
        hub.service.clock.advance(HOUR)
        assert hub.home.run("sync").code == 77
    hub.service.faults.clear()
    hub.service.add_member(hub.project, hub.service.signed_in)
    log_in_as_a_person(hub)
    assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"ACC Tower": "ok"}


def test_an_answer_that_named_nobody_yet_binds_no_login(hub: Acc) -> None:
    hub.service.faults.fail(status(200, empty()), route="projects")
    assert hub.home.run("sync").code == 0
    hub.service.add_member(hub.project, hub.service.signed_in)
    log_in_as_a_person(hub)
    hub.service.clock.advance(HOUR)
    assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"ACC Tower": "ok"}


def test_a_list_that_is_suddenly_empty_is_a_failure_until_a_person_says_that_it_is_right(hub: Acc) -> None:
    hub.home.configure(of_hub(hub, schedule=MANUAL))
    hub.home.run("sync")
    for name in ("Tower", "Bridge"):
        hub.service.archive_project(project_of(hub, name))
    for _ in range(3):
        hub.service.clock.advance(HOUR)
        ended = hub.home.run("sync")
        assert ended.code == 1
        assert (
            "none of the 2 members that were there, so nothing changes; if that is right, run: filesync sync"
            in ended.err
        )
    assert states(hub.home) == {"ACC Bridge": "manual", "ACC Tower": "manual", NAME: "blocked"}
    assert hub.home.run("status", "--check").code == 1
    ended = hub.home.run("sync", "--endpoint", NAME, "--accept-deletions", "--json")
    assert json.loads(ended.out)["sets"][0]["error_type"] is None
    hub.service.clock.advance(HOUR)
    assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"ACC Bridge": "archived", "ACC Tower": "archived"}


def test_a_list_is_not_suddenly_empty_when_the_syncs_heard_that_all_are_closed(hub: Acc) -> None:
    hub.home.run("sync")
    for name in ("Tower", "Bridge"):
        hub.service.archive_project(project_of(hub, name))
    for _ in range(3):
        hub.service.clock.advance(HOUR - 300)
        ended = hub.home.run("sync")
        assert (ended.code, ended.err) == (0, "")
        hub.service.clock.advance(300)
    assert states(hub.home) == {"ACC Bridge": "archived", "ACC Tower": "archived"}


def test_a_project_that_one_set_lost_is_live_in_the_next_one(hub: Acc) -> None:
    partner = {"client_id": "partner-app", "client_secret": "not-a-secret"}
    hub.service.add_app("partner-app", "not-a-secret")
    theirs = {**of_hub(hub, schedule=MANUAL, credentials="partner"), "name": "Their {project_name}"}
    hub.home.configure(theirs, of_hub(hub, schedule=MANUAL), credentials={"partner": partner})
    assert hub.home.run("config", "check").code == 0  # the same hub, but with another login
    hub.home.run("sync")
    assert states(hub.home) == {"Their Bridge": "manual", "Their Tower": "manual"}
    with closing(sqlite3.connect(hub.home.database)) as connection, connection:
        connection.execute(
            """UPDATE set_members SET archived_at = '2026-01-01T00:00:00.000Z' WHERE external_id = ? AND source_id IN
                   (SELECT id FROM set_sources WHERE credentials = 'partner')""",
            (hub.project,),
        )
    assert states(hub.home) == {"Their Bridge": "manual", "ACC Tower": "manual"}
    assert hub.home.run("sync").code == 0
    assert states(hub.home) == {"Their Bridge": "manual", "ACC Tower": "manual"}


# --- checking -------------------------------------------------------------------------------


def test_endpoints_check_asks_now_and_keeps_nothing(hub: Acc) -> None:
    ended = hub.home.run("endpoints", "check", "--json")
    assert ended.code == 0, ended.err
    checks = json.loads(ended.out)["checks"]
    assert {(row["endpoint"], row["ok"]) for row in checks} == {("ACC Bridge", True), ("ACC Tower", True)}
    assert not hub.home.database.exists()
    assert asked(hub) == {"hubs": 0, "hub": 1, "projects": 1, "project": 0}


def test_endpoints_check_takes_a_members_and_a_sets_name(hub: Acc) -> None:
    for name, found in (("ACC Tower", {"ACC Tower"}), (NAME, {"ACC Tower", "ACC Bridge"})):
        ended = hub.home.run("endpoints", "check", name, "--json")
        assert {row["endpoint"] for row in json.loads(ended.out)["checks"]} == found
    assert hub.home.run("endpoints", "check", "ACC Towr").code == 2


def test_endpoints_check_says_why_a_set_cannot_be_asked_for(hub: Acc) -> None:
    hub.service.add_app(CLIENT_ID, CLIENT_SECRET, hubs=[])
    ended = hub.home.run("endpoints", "check", "--json")
    assert ended.code == 77
    (failed,) = [row for row in json.loads(ended.out)["checks"] if row["ok"] is False]
    assert (failed["endpoint"], failed["step"]) == (NAME, "login")
    assert "Custom Integrations" in failed["detail"]


# --- Google ---------------------------------------------------------------------------------


def of_drives(include: Any = ("*",), **more: Any) -> dict[str, Any]:
    return {"name": "D {drive_name}", "endpoint_details": {"drives": {"include": list(include)}}, **more}


def test_each_shared_drive_becomes_an_endpoint(drive: Drive) -> None:
    state = drive.service.state
    state.add_file(drive.shared, "plan.pdf", 1)
    state.add_drive("Bridge", READER)
    state.add_user("other@example.com")
    state.add_drive("Hidden", "other@example.com")
    drive.home.configure(of_drives())
    drive.settle()
    ended = drive.home.run("sync")
    assert (ended.code, ended.err) == (0, "")
    assert states(drive.home) == {"D Bridge": "ok", "D Tower": "ok"}
    assert drive.home.paths("D Tower") == ["/plan.pdf"]
    assert drive.service.count("drives.list") == 1
    names = drive.home.query("SELECT external_project_name AS name FROM endpoints ORDER BY 1")
    assert names == [{"name": "Bridge"}, {"name": "Tower"}]


def test_only_listing_drives_uses_the_larger_scope(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes: dict[str, set[str]] = {}
    authorise = drive.service.authorise

    def watched(route: Any, call: Any) -> str:
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if token in drive.service.tokens._grants:
            scopes.setdefault(route.name, set()).update(drive.service.tokens._grants[token].scopes)
        return authorise(route, call)

    monkeypatch.setattr(drive.service, "authorise", watched)
    drive.home.configure(of_drives())
    drive.home.run("sync")
    read = "https://www.googleapis.com/auth/drive.readonly"
    assert scopes.pop("drives.list") == {read}
    assert scopes
    assert all(each == {"https://www.googleapis.com/auth/drive.metadata.readonly"} for each in scopes.values())


def test_another_account_does_not_change_who_is_in_a_set_of_drives(drive: Drive, tmp_path: Path) -> None:
    drive.home.configure(of_drives(schedule=MANUAL))
    assert drive.home.run("sync").code == 0
    other = drive.service.make_key_file(tmp_path / "other.json", "other@example.com")
    drive.service.state.add_drive("Theirs", "other@example.com")
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(other)
    for _ in range(3):
        drive.service.clock.advance(HOUR)
        ended = drive.home.run("sync")
        assert ended.code == 77
        assert READER in ended.err
        assert "other@example.com" in ended.err
    assert states(drive.home) == {"D Tower": "manual", "D {drive_name}": "login"}


def test_more_drives_than_a_page_holds_are_found(drive: Drive) -> None:
    for number in range(101):
        drive.service.state.add_drive(f"N{number}", READER)
    drive.home.configure({**of_drives(["N100"]), "name": "D {project_name}"})
    drive.home.run("sync")
    assert states(drive.home) == {"D N100": "ok"}
    assert drive.service.count("drives.list") == 2
