"""Answers that nobody should send: what they say stays in its own cell, or is one error that names the request."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.store.write.sync_log import Outcome
from tests.homes import READER, Acc, Drive, Home
from tests.hostile import VALUES, Place, answers_of, places, put


@dataclass
class Stage:
    """A home, its service, what it answers, and the paths that are there in truth."""

    kind: str
    home: Home
    service: AccSimulator | GoogleDrive
    answers: Mapping[str, Any]
    truth: list[str]

    def sync_despite(self, route: str, fault: faults.Fault) -> Outcome:
        """List everything afresh while one route has that fault."""
        self.service.clock.advance(3700)
        self.service.faults.fail(fault, route=route, times=None)
        try:
            return self.home.sync(full=True)
        finally:
            self.service.faults.clear()

    def assert_refused(self, outcome: Outcome) -> None:
        """One error, in one line, that names the request; and nothing was written."""
        assert (outcome.status, outcome.error_type) == ("failed", "bad_answer"), outcome
        assert re.search(rf"https?://\S+|{re.escape(self.service.base_url)}", str(outcome.error_message)), outcome
        assert str(outcome.error_message).isprintable()
        assert self.home.paths() == self.truth

    def assert_heals(self) -> None:
        """Whatever was said: once the service tells the truth again, the inventory is the truth.

        The first listing may be partial: a folder that never was cannot be read, and is decided in that sync.
        """
        for _ in range(2):
            self.service.clock.advance(3700)
            outcome = self.home.sync(full=True)
        assert outcome.status == "success", outcome
        assert self.home.paths() == self.truth
        self.home.assert_sound()


def _acc(path: Path) -> tuple[Home, AccSimulator]:
    service = AccSimulator(SimulatedClock(frozen=True))
    project = service.add_project(service.add_hub())
    top = service.project_files(project)
    service.add_file(top, "a.pdf", 10)
    service.add_file(service.add_folder(top, "Sub"), "b.pdf", 10)
    home = Home(path, service.start())
    home.configure({"name": "P", "endpoint_details": {"project_id": project}})
    return home, service


def _drive(path: Path) -> tuple[Home, GoogleDrive]:
    clock = SimulatedClock(frozen=True)
    service = GoogleDrive(clock, wall=clock)
    service.state.add_user(READER)
    shared = service.state.add_drive("Tower", READER)
    service.state.add_file(shared, "a.pdf", 10)
    service.state.add_file(service.state.add_folder(shared, "Sub"), "b.pdf", 10)
    home = Home(path, None, service.start())
    home.configure({"name": "D", "endpoint_details": {"drive_id": shared}})
    return home, service


@pytest.fixture(scope="module", params=["acc", "drive"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    path = tmp_path_factory.mktemp(request.param)
    home, service = _acc(path) if request.param == "acc" else _drive(path)
    answers = answers_of(service, home.sync)
    yield Stage(request.param, home, service, answers, home.paths())
    service.stop()


CONTENTS = {
    "no list": {"data": {}},
    "text instead of a list": {"data": "none"},
    "no object": ["a list"],
}
UNUSABLE = {
    "no id": {"type": "items", "attributes": {}},
    "an id that is a number": {"type": "folders", "id": 7, "attributes": {"name": "x"}},
    "an id with NUL": {"type": "folders", "id": "a\0b", "attributes": {"name": "x"}},
    "an id with half a character": {"type": "folders", "id": "a\ud800", "attributes": {"name": "x"}},
    "no type": {"id": "a", "attributes": {"name": "x"}},
    "hidden or not": {"type": "folders", "id": "a", "attributes": {"name": "x", "hidden": "no"}},
    "no object": "text",
}
FILE = {"id": "1", "name": "x.pdf", "mimeType": "application/pdf", "parents": ["{root}"]}
LISTS = {
    "no list": {"files": {}},
    "a size beyond 64 bits": {"files": [FILE | {"size": str(2**63)}]},
    "a size of 5,000 digits": {"files": [FILE | {"size": "9" * 5000}]},
    "a negative size": {"files": [FILE | {"size": "-1"}]},
    "a time before time": {"files": [FILE | {"createdTime": "0001-01-01T00:00:00+23:00"}]},
    "a time after time": {"files": [FILE | {"modifiedTime": "9999-12-31T23:59:59-23:00"}]},
    "the year 10000": {"files": [FILE | {"modifiedTime": "10000-01-01T00:00:00Z"}]},
    "a folder among files": {"files": [FILE | {"mimeType": "application/vnd.google-apps.folder"}]},
}


ODD = {
    **{f"acc: {name}": ("acc", "contents", body) for name, body in CONTENTS.items()},
    **{f"drive: {name}": ("drive", "files.list", body) for name, body in LISTS.items()},
}


@pytest.mark.parametrize(("stage", "route", "body"), ODD.values(), ids=ODD, indirect=["stage"])
def test_an_answer_that_the_api_does_not_promise_fails_and_names_the_request(
    stage: Stage, route: str, body: object
) -> None:
    stage.assert_refused(stage.sync_despite(route, faults.altered(lambda _: body)))


@pytest.mark.parametrize("stage", ["acc"], indirect=True)
@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE)
def test_an_entry_of_acc_that_cannot_be_used_is_a_gap_and_removes_nothing(stage: Stage, entry: object) -> None:
    outcome = stage.sync_despite("contents", faults.altered(lambda _: {"data": [entry]}))
    assert (outcome.status, outcome.error_type) == ("partial", "unreadable"), outcome
    assert "1 entry without a usable id, type or hidden" in str(outcome.error_message)
    assert stage.home.paths() == stage.truth
    stage.assert_heals()


def test_a_number_beyond_what_a_float_holds_is_an_error_that_names_the_request(stage: Stage) -> None:
    route = "contents" if stage.kind == "acc" else "files.list"
    stage.assert_refused(stage.sync_despite(route, faults.altered(lambda _: b'{"data": [], "files": [], "x": 1e400}')))


@pytest.mark.parametrize("moment", ["2026-01-01", "2026-01-01T10", "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00Z"])
def test_a_time_of_acc_that_cannot_be_read_is_unknown(acc: Acc, moment: str) -> None:
    acc.service.add_file(acc.top, "a.pdf", 1)

    def at_odd_times(answer: Any) -> Any:
        for entry in answer["data"]:
            entry["attributes"]["createTime"] = moment
        return answer

    acc.service.faults.fail(faults.altered(at_odd_times), route="contents", times=None)
    assert acc.home.sync().status == "success"
    (row,) = acc.home.files().values()
    assert row["created_at"] in {None, "2026-01-01T00:00:00.000Z", "2026-01-01T10:00:00.000Z"}


def _spots(stage: Stage) -> list[tuple[str, Place]]:
    return [(route, place) for route, answer in stage.answers.items() for place in places(answer)]


def _try_out(stage: Stage, route: str, place: Place, value: object) -> None:
    outcome = stage.sync_despite(route, faults.altered(lambda answer: put(answer, place, value)))
    said = f"{route} {place} {value!r:.60}: {outcome}"
    assert outcome.status in {"success", "partial", "failed"}, said
    assert str(outcome.error_message or "").isprintable(), said
    if outcome.status == "failed":
        assert outcome.error_type in {"bad_answer", "not_found", "forbidden", "refused", "config", "login"}, said
        assert stage.home.paths() == stage.truth, said
    stage.assert_heals()


@settings(max_examples=5)
@given(st.data())
def test_whatever_stands_anywhere_in_an_answer_ends_in_a_clear_outcome_and_heals(
    stage: Stage, data: st.DataObject
) -> None:
    route, place = data.draw(st.sampled_from(_spots(stage)))
    _try_out(stage, route, place, data.draw(st.sampled_from(VALUES)))


@pytest.mark.soak
def test_every_value_in_every_place_of_every_answer_ends_in_a_clear_outcome_and_heals(stage: Stage) -> None:
    for route, place in _spots(stage):
        for value in VALUES:
            _try_out(stage, route, place, value)


@pytest.mark.parametrize(
    "href",
    [
        "http://elsewhere.example/data/v1/projects/x/folders/y/contents",
        "//elsewhere.example/x",
        "http://127.0.0.1:1/data/v1/projects/x/folders/y/contents",
        "http://user@{host}/data/v1/projects/x/folders/y/contents",
        "https://{host}/data/v1/projects/x/folders/y/contents",
        "/data/v1/projects/x/commands",
        "/authentication/v2/token",
        "../../../..",
        "/data/v1/projects/%2e%2e/folders/y/contents",
        "javascript:alert(1)",
        "http://[::1",
        "\ud800",
    ],
)
def test_a_next_link_that_leads_elsewhere_is_followed_by_nobody(acc: Acc, href: str) -> None:
    acc.service.add_file(acc.top, "a.pdf", 1)
    link = href.replace("{host}", acc.service.base_url.removeprefix("http://"))
    acc.service.faults.fail(
        faults.altered(lambda answer: {**answer, "links": {"next": {"href": link}}}), route="contents", times=None
    )
    outcome = acc.home.sync()
    assert (outcome.status, outcome.error_type) == ("failed", "bad_answer"), outcome
    assert acc.service.base_url in str(outcome.error_message)
    assert len(str(outcome.error_message)) < 600
    assert {request.route for request in acc.service.requests} <= {
        "token",
        "hubs",
        "hub",
        "project",
        "top_folders",
        "contents",
        "folder",
    }


def test_folders_that_contain_themselves_and_each_other_end(acc: Acc) -> None:
    outer = acc.service.add_folder(acc.top, "Outer")
    inner = acc.service.add_folder(outer, "Inner")
    acc.service.add_file(inner, "deep.pdf", 1)
    acc.settle()
    acc.home.sync()
    truth = acc.home.paths()
    folders: dict[str, Any] = {}

    def contain_all(answer: Any) -> Any:
        """Every folder's contents hold every folder that was ever seen."""
        folders.update({entry["id"]: entry for entry in answer["data"] if entry["type"] == "folders"})
        files = [entry for entry in answer["data"] if entry["type"] != "folders"]
        return {**answer, "data": [*files, *folders.values()]}

    for round_ in range(3):
        acc.service.clock.advance(3700)
        if round_ == 0:
            acc.service.faults.fail(faults.altered(contain_all), route="contents", times=None)
        outcome = acc.home.sync(full=True)
        acc.service.faults.clear()
    assert {outer, inner} <= {*folders}
    assert outcome.status == "success"
    assert acc.home.paths() == truth
    acc.home.assert_sound()


def test_drive_folders_that_are_their_own_parents_hang_nowhere(drive: Drive) -> None:
    state = drive.service.state
    one = state.add_folder(drive.shared, "one")
    two = state.add_folder(one, "two")
    state.add_file(two, "in.pdf", 1)
    drive.settle()
    drive.home.sync()
    truth = drive.home.paths()
    parents = {one: two, two: one}

    def in_circles(answer: Any) -> Any:
        files = [{**each, "parents": [parents.get(each["id"], each["parents"][0])]} for each in answer["files"]]
        return {**answer, "files": files}

    drive.service.clock.advance(3700)
    drive.service.faults.fail(faults.altered(in_circles), route="files.list", times=None)
    drive.home.sync(full=True)
    drive.service.faults.clear()
    for _ in range(2):
        drive.service.clock.advance(3700)
        outcome = drive.home.sync(full=True)
    assert outcome.status == "success"
    assert drive.home.paths() == truth
    drive.home.assert_sound()
