"""The stage for the Autodesk provider's tests: the simulated service, a project, and a provider that reads it."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from filesync.http import Connector, Counters
from filesync.providers.autodesk import KIND
from filesync.providers.autodesk.details import AutodeskDetails
from filesync.providers.base import Provider, Surroundings
from filesync.runtime.clock import Stop
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator
from filesync.simulators.clock import SimulatedClock
from tests.autodesk_memory import Open


@pytest.fixture
def docs() -> Iterator[AccSimulator]:
    with AccSimulator(SimulatedClock(datetime(2026, 3, 1, tzinfo=UTC), frozen=True)) as docs:
        yield docs


@pytest.fixture
def hub(docs: AccSimulator) -> str:
    return docs.add_hub("Example Construction", "EMEA")


@pytest.fixture
def project(docs: AccSimulator, hub: str) -> str:
    return docs.add_project(hub, "Example Tower")


@pytest.fixture
def stop(docs: AccSimulator) -> Stop:
    return Stop(docs.clock)


@pytest.fixture
def connect(docs: AccSimulator, project: str, stop: Stop, tmp_path: Path) -> Iterator[Open]:
    connector = Connector(
        clock=docs.clock,
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
            "CONNECTOR_AUTODESK_BASE_URL": docs.base_url,
        }
        docs.clock.advance(10)  # what happened until now is settled
        docs.reset()
        endpoint = AutodeskDetails.model_validate({"project_id": project, **details})
        return KIND.open(endpoint, Surroundings(variables, connector, docs.clock, lambda name: tmp_path / name))

    yield open_provider
    connector.close()
