"""Forty projects on one client id: what they have in common is asked once, and no limit is ever met."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.trees import grow_evenly
from filesync.sync.options import SyncOptions
from tests.homes import Acc, Home

MANY = 40


@pytest.fixture
def service() -> Iterator[AccSimulator]:
    """A hub with forty projects, at the documented limits and in real time."""
    with AccSimulator(SimulatedClock()) as service:
        hub = service.add_hub()
        for number in range(MANY):
            top = service.project_files(service.add_project(hub, f"Project {number:02d}"))
            for name in ("Drawings", "Models"):
                service.add_file(service.add_folder(top, name), f"{name}-{number}.pdf")
        yield service


def test_overlapping_starts_of_one_set_meet_no_limit_and_share_every_question(
    service: AccSimulator, tmp_path: Path
) -> None:
    home = Home(tmp_path, service)
    hub = next(iter(service.hubs))
    details = {"hub_id": hub, "projects": {"include": ["*"]}}
    home.configure({"name": "{project_name}", "endpoint_details": details})
    processes = [home.spawn("sync", MAX_CONCURRENT_SYNCS="8") for _ in range(4)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert [(out, err, code) for (out, err), code in ended] == [("", "", 0)] * 4
    rows = json.loads(home.run("status", "--json").out)["endpoints"]
    assert [(row["name"], row["state"], row["files"]) for row in rows] == [
        (f"Project {number:02d}", "ok", 2) for number in range(MANY)
    ]
    assert service.limit_hits == 0
    assert {name: service.count(name) for name in ("token", "hubs", "hub", "projects", "project")} == {
        "token": 1,
        "hubs": 0,
        "hub": 1,
        "projects": 1,
        "project": 0,
    }
    assert service.count("top_folders") == MANY
    assert service.count("contents") == 3 * MANY


def test_endpoints_without_a_hub_share_the_hubs_and_their_lists_within_a_start(acc: Acc) -> None:
    hubs = [acc.hub, acc.service.add_hub("Second", "EMEA")]
    projects = [acc.service.add_project(hubs[number % 2], f"P{number}") for number in range(MANY)]
    acc.home.configure(*({"name": each, "endpoint_details": {"project_id": each}} for each in projects))
    ended = acc.home.run("sync")
    assert (ended.code, ended.err) == (0, "")
    assert {name: acc.service.count(name) for name in ("hubs", "hub", "projects")} == {
        "hubs": 1,
        "hub": 0,
        "projects": 2,
    }
    assert acc.service.count("project") <= 2  # by whoever came first and alone
    assert acc.service.limit_hits == 0


def test_endpoints_with_their_hub_named_ask_for_it_once(acc: Acc) -> None:
    projects = [acc.service.add_project(acc.hub, f"P{number}") for number in range(MANY)]
    acc.home.configure(
        *({"name": each, "endpoint_details": {"project_id": each, "hub_id": acc.hub}} for each in projects)
    )
    assert acc.home.run("sync").code == 0
    assert {name: acc.service.count(name) for name in ("hubs", "hub", "projects")} == {
        "hubs": 0,
        "hub": 1,
        "projects": 1,
    }
    assert acc.service.count("project") == 1


def test_logins_that_differ_share_nothing(acc: Acc) -> None:
    acc.service.add_app("partner-app", "secret-of-the-partner")
    partner = {"client_id": "partner-app", "client_secret": "secret-of-the-partner"}
    second = acc.service.add_project(acc.hub, "Second")
    acc.home.configure(
        {"name": "A", "endpoint_details": {"project_id": acc.project}},
        {"name": "B", "endpoint_details": {"project_id": second}, "credentials": "partner"},
        credentials={"partner": partner},
    )
    assert acc.home.run("sync").code == 0
    assert acc.service.count("hubs") == 2


def test_a_project_that_no_list_names_is_still_asked_for_by_its_id(acc: Acc) -> None:
    second = acc.service.add_project(acc.hub, "Second")
    acc.service.archive_project(second)
    third = acc.service.add_project(acc.hub, "Third")
    names = {"A": acc.project, "B": second, "C": third}
    acc.home.configure(*({"name": name, "endpoint_details": {"project_id": each}} for name, each in names.items()))
    ended = acc.home.run("sync", MAX_CONCURRENT_SYNCS="1")
    assert ended.code == 1
    assert "B: failed: " in ended.err
    assert "archived or closed" in ended.err
    assert ended.err.count("\n") == 1


def test_a_set_costs_a_request_for_each_project_and_one_for_each_folder_that_changed(acc: Acc) -> None:
    """Ten projects of ten folders; a thousand of a hundred in benchmarks/cases/projects.py."""
    projects = [acc.project, *(acc.service.add_project(acc.hub, f"P{number}") for number in range(9))]
    trees = [
        grow_evenly(acc.service, acc.service.project_files(each), fan_out=9, depth=1, files=1) for each in projects
    ]
    acc.home.configure(
        {"name": "{project_name}", "endpoint_details": {"hub_id": acc.hub, "projects": {"include": ["*"]}}}
    )
    everything = SyncOptions(everything=True)
    acc.settle()
    acc.home.start(everything)
    assert (acc.service.count("top_folders"), acc.service.count("contents")) == (10, 100)
    acc.settle()
    acc.home.start(everything)
    assert acc.service.count() == 10
    for file in trees[7].files:
        acc.service.add_version(file)
    acc.settle()
    report = acc.home.start(everything)
    assert acc.service.count() == 10 + 10
    assert sum(outcome.tally.files_updated for outcome in report.outcomes) == 10
