"""What most tests stand on: a home with one simulated service, its clock standing still."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from tests.support.homes import READER, Acc, Drive, Home
from tests.support.postgres import Pooler, Postgres, Server, new_role, pooled, running_server

# The same examples every time, so that a red run is red again; a night's run asks for others (--hypothesis-profile=night).
_CALM = settings(deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck))
settings.register_profile("default", _CALM, derandomize=True)
settings.register_profile("night", _CALM, derandomize=False)
settings.load_profile("default")


def pytest_xdist_auto_num_workers() -> int:
    """Run two more than there are processors: tests wait for processes and disks, too."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return own + 2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module that says BOTH_ENGINES on SQLite and on PostgreSQL."""
    if getattr(metafunc.module, "BOTH_ENGINES", False) and "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> dict[str, str]:
    """Give the variables of the database that a test's home has: SQLite's file, or a schema of PostgreSQL."""
    if getattr(request, "param", os.environ.get("FILESYNC_TEST_ENGINE", "sqlite")) != "postgresql":
        return {}
    postgres: Postgres = request.getfixturevalue("postgres")
    return {"DATABASE_URL": postgres.url()}


@pytest.fixture
def acc(tmp_path: Path, engine: dict[str, str]) -> Iterator[Acc]:
    service = AccSimulator(SimulatedClock(frozen=True))
    hub = service.add_hub()
    project = service.add_project(hub)
    with service:
        home = Home(tmp_path, service)
        home.environ |= engine
        home.configure({"name": "P", "endpoint_details": {"project_id": project}})
        yield Acc(home, service, hub, project, service.project_files(project))


@pytest.fixture
def drive(tmp_path: Path, engine: dict[str, str]) -> Iterator[Drive]:
    clock = SimulatedClock(frozen=True)
    service = GoogleDrive(clock, wall=clock)
    service.state.add_user(READER)
    shared = service.state.add_drive("Tower", READER)
    with service:
        home = Home(tmp_path, None, service)
        home.environ |= engine
        home.configure({"name": "D", "endpoint_details": {"drive_id": shared}})
        yield Drive(home, service, shared)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[Postgres]:
    role = new_role(postgres_server)
    yield role
    role.drop()


@pytest.fixture
def pooler(postgres: Postgres) -> Iterator[Pooler]:
    with pooled(postgres) as found:
        yield found
