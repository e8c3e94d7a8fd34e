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
from filesync.store.journal import Outcome
from tests.homes import READER, Home
from tests.hostile import VALUES, Place, answers_of, places, put

LISTING = {"acc": "contents", "drive": "files.list"}


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


@settings(max_examples=12)
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
