"""What the tests of HTTP stand on: a service that plays a script, and a connection to it over an environment of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from filesync.http import Connection
from tests.support.http_loopback import Service, World, running

OF_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
OF_OTHERS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*OF_PROXIES, *map(str.lower, OF_PROXIES), *OF_OTHERS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service() -> Iterator[Service]:
    with running(Service()) as service:
        yield service


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.connector.close()


@pytest.fixture
def connection(world: World, service: Service) -> Connection:
    return world.connect(service.url)
