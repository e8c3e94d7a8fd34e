"""The stage for the Autodesk provider's tests: the simulated service, a project, and a provider that reads it."""

import random  # noqa: TID251  the tests' own
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from autodesk_memory import Open

from filesync.clock import Stop
from filesync.http import Connector, Counters
from filesync.providers.autodesk import KIND
from filesync.providers.autodesk.details import AutodeskDetails
from filesync.providers.base import Provider, Surroundings
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator
from filesync.simulators.clock import SimulatedClock


@pytest.fixture
def acc() -> Iterator[AccSimulator]:
    with AccSimulator(SimulatedClock(datetime(2026, 3, 1, tzinfo=UTC), frozen=True)) as acc:
        yield acc


@pytest.fixture
def hub(acc: AccSimulator) -> str:
    return acc.add_hub("Example Construction", "EMEA")


@pytest.fixture
def project(acc: AccSimulator, hub: str) -> str:
    return acc.add_project(hub, "Example Tower")


@pytest.fixture
def stop(acc: AccSimulator) -> Stop:
    return Stop(acc.clock)


@pytest.fixture
def connect(acc: AccSimulator, project: str, stop: Stop, tmp_path: Path) -> Iterator[Open]:
    connector = Connector(
        clock=acc.clock,
        stop=stop,
        counters=Counters(),
        limits_folder=tmp_path / "limits",
        percent=100,
        random=random.Random(1),
    )

    def open_provider(client: str = CLIENT_ID, **details: object) -> Provider:
        variables = {
            "CONNECTOR_AUTODESK_CLIENT_ID": client,
            "CONNECTOR_AUTODESK_CLIENT_SECRET": CLIENT_SECRET,
            "CONNECTOR_AUTODESK_BASE_URL": acc.base_url,
        }
        acc.clock.advance(10)  # what happened until now is settled
        acc.reset()
        endpoint = AutodeskDetails.model_validate({"project_id": project, **details})
        return KIND.open(endpoint, Surroundings(variables, connector, acc.clock, lambda name: tmp_path / name))

    yield open_provider
    connector.close()
