"""What the tests of the simulators stand on: a simulated ACC, and a simulated Drive with two users."""

from collections.abc import Iterator

import pytest

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from tests.support.acc_site import Site, running
from tests.support.drive_client import ANNA, BEN, Client


@pytest.fixture
def site() -> Iterator[Site]:
    with running() as site:
        yield site


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(frozen=True)


@pytest.fixture
def drive(clock: SimulatedClock) -> Iterator[GoogleDrive]:
    with GoogleDrive(clock) as service:
        service.state.add_user(ANNA)
        service.state.add_user(BEN)
        yield service


@pytest.fixture
def root(drive: GoogleDrive) -> str:
    """The root of Anna's My Drive."""
    return drive.state.root_of(ANNA)


@pytest.fixture
def anna(drive: GoogleDrive) -> Iterator[Client]:
    client = Client(drive, ANNA)
    yield client
    client.session.close()


@pytest.fixture
def ben(drive: GoogleDrive) -> Iterator[Client]:
    client = Client(drive, BEN)
    yield client
    client.session.close()
