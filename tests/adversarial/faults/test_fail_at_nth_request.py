"""The n-th request fails, for every n and in every way: nothing is lost or made up, and a clean sync ends with the truth.

What runs by default is every n of some stages, and every way at some n; the rest is `-m soak`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from filesync.simulators.faults import Kind
from tests.adversarial.faults.nth import Before, Stage, check_clean, try_second_login, try_way
from tests.adversarial.faults.nth_stages import STAGES, set_stage
from tests.adversarial.faults.nth_ways import ACC, COMMON, DRIVE, NETWORK, SILENCE, TOKEN, Way

MEMORY = Path("/dev/shm")
SetStage = Callable[[str], Stage]

ALL_N = ("acc first listing", "acc changes", "drive listed afresh with a lost cursor", "drive changes of a folder")
CORE = ("500", "dropped before the answer", "403 of a proxy", "truncated JSON", "404 of the service")
FIRST = {"acc": "acc first listing of a folder", "drive": "drive first listing of a folder"}
LATER = {"acc": "acc changes", "drive": "drive listed afresh with a lost cursor"}
ROUTES = {
    "acc": {
        **dict.fromkeys(("hubs", "project"), FIRST["acc"]),
        **dict.fromkeys(("top_folders", "contents", "commands", "item", "folder"), LATER["acc"]),
    },
    "drive": {
        "changes.getStartPageToken": FIRST["drive"],
        **dict.fromkeys(("files.list", "changes.list", "files.get"), LATER["drive"]),
    },
}


def ways_of(stage: str) -> tuple[Way, ...]:
    return ACC if stage.startswith("acc") else DRIVE


def is_sensible(way: Way, *, always: bool) -> bool:
    return not (always and way.name == "hangs past the time limit")  # the first one ends the sync


def _id(value: object) -> str:
    return value.name if isinstance(value, Way) else str(value)


MATRIX = [
    pytest.param(stage, way, always, id=f"{stage}-{way.name}-{'always' if always else 'once'}")
    for stage in STAGES
    for way in ways_of(stage)
    for always in (False, True)
    if is_sensible(way, always=always)
]


@pytest.fixture(scope="module")
def stage_of() -> Iterator[SetStage]:
    """Set each stage once for all tests that need it; in memory where there is such a folder: a try is short."""
    known: dict[str, Stage] = {}
    with ExitStack() as stack:

        def stage_of(name: str) -> Stage:
            if name not in known:
                folder = stack.enter_context(TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None))
                known[name] = stack.enter_context(set_stage(Path(folder), name))
            return known[name]

        yield stage_of


@pytest.fixture(autouse=True)
def short_patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the service hangs let the client wait less for an answer, so that it costs little; all else stays."""
    callspec = getattr(request.node, "callspec", None)
    way = callspec.params.get("way") if callspec else None
    if isinstance(way, Way) and way.fault.kind is Kind.HANG:
        monkeypatch.setattr("filesync.http.transport.TIMEOUT", (5.0, SILENCE))


@pytest.mark.parametrize("name", ALL_N)
def test_whichever_request_fails_nothing_is_lost_and_the_next_sync_is_right(stage_of: SetStage, name: str) -> None:
    stage = stage_of(name)
    core = [way for way in ways_of(name) if way.name in CORE]
    for nth in count(1):
        if not try_way(stage, core[nth % len(core)], always=nth // len(core) % 2 == 0, nth=nth):
            break
    assert nth > len(stage.requests())


@pytest.mark.parametrize(("service", "way"), [(s, way) for s in ROUTES for way in ways_of(s)], ids=_id)
def test_a_request_that_fails_in_any_way_ends_the_sync_as_it_should(stage_of: SetStage, service: str, way: Way) -> None:
    number, routes = ways_of(service).index(way), list(ROUTES[service])
    # What is judged before anybody looks at the route is tried at one, a refusal at two, in turn.
    for place in range(1 if way in COMMON else 2):
        always = is_sensible(way, always=True) and (number + place) % 2 == 0
        route = routes[(number + 2 * place) % len(routes)]
        assert try_way(stage_of(ROUTES[service][route]), way, always=always, route=route)


@pytest.mark.parametrize("way", TOKEN, ids=_id)
def test_a_login_that_fails_in_any_way_ends_the_sync_as_it_should(stage_of: SetStage, way: Way) -> None:
    number = TOKEN.index(way)
    first, other = list(FIRST.values())[:: 1 if number % 2 else -1]
    always = number // 2 % 2 == 0
    assert try_way(stage_of(first), way, always=always, route="token")
    assert try_second_login(stage_of(other), way, always=always, nth=number % 10 + 1)


@pytest.mark.parametrize("name", FIRST.values())
def test_a_service_that_is_not_there_loses_nothing_and_is_read_once_it_is_back(stage_of: SetStage, name: str) -> None:
    stage = stage_of(name)
    stage.put_back()
    before = Before.of(stage)
    service = stage.service
    service.port = int(service.base_url.rpartition(":")[2])
    service.stop()
    outcome, ending = stage.sync()
    service.start()
    assert ending == NETWORK
    assert str(service.port) in str(outcome.error_message)
    stage.home.assert_sound()
    assert Before.of(stage) == before
    check_clean(stage)


@pytest.mark.soak
@pytest.mark.parametrize(("name", "way", "always"), MATRIX)
def test_the_whole_matrix(stage_of: SetStage, name: str, way: Way, *, always: bool) -> None:
    stage = stage_of(name)
    for nth in count(1):
        if not try_way(stage, way, always=always, nth=nth):
            break
    assert nth > 1
