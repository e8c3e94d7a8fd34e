"""Every system call on a file of the home fails, or kills the process: SQLite's own as well as ours. Needs a C compiler.

What fails is said in a line or does not matter, nothing is lost, and the next sync ends as if nothing had ever happened.
"""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adversarial.crash.self_killing import Mortals
from tests.adversarial.faults.scenes import Scene
from tests.adversarial.faults.system_calls import KILL, SystemCalls, compile_into
from tests.adversarial.faults.test_fail_at_nth_write import CODES, MAKERS, assert_said

pytestmark = pytest.mark.soak
EVERY = 3  # one after the other takes hours


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemCalls]:
    folder = tmp_path_factory.mktemp("system_calls")
    library = compile_into(folder)
    if library is None:
        pytest.skip("needs a C compiler and Linux")
    with Mortals(LD_PRELOAD=str(library)) as mortals:
        yield SystemCalls(mortals, folder / "diary")


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    frozen, make = MAKERS[request.param]
    with frozen() as service:
        yield make(tmp_path / "home", service)


def strike_once(scene: Scene, calls: SystemCalls, number: int, problem: int, *, lasting: bool = False) -> str | None:
    """Let a call fail and see that all is well; gives its name, None when there are not so many."""
    scene.begin()
    struck = calls.strike(scene.home, scene.arguments, number, problem, lasting=lasting)
    if struck.call is None:
        assert struck.ended is not None
        assert struck.ended.code == 0, struck
        return None
    if struck.ended is not None:
        expected = next((code for name, code in CODES.items() if struck.call.endswith(name)), 1)
        assert struck.ended.code in (0, expected), struck
        assert_said(struck.ended, struck.call, most=3)
        if not struck.ended.code:
            scene.assert_is_right()
    scene.assert_ends_right()
    return struck.call


@pytest.mark.parametrize("problem", [KILL, errno.EIO, errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("scene", MAKERS, indirect=True)
def test_wherever_a_system_call_fails_or_kills_the_next_sync_ends_right(
    scene: Scene, calls: SystemCalls, problem: int
) -> None:
    seen: set[str] = set()
    for number in range(1, 100_000, EVERY):
        call = strike_once(scene, calls, number, problem)
        if call is None:
            break
        seen.add(call.partition(" ")[0])
    assert {"pwrite64", "fdatasync", "open64", "flock", "ftruncate64"} <= seen


@pytest.mark.parametrize("problem", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("scene", ["acc later", "drive later"], indirect=True)
def test_a_disk_that_fails_for_good_from_any_system_call_on_loses_nothing(
    scene: Scene, calls: SystemCalls, problem: int
) -> None:
    struck = 0
    for number in range(1, 100_000, 5 * EVERY):
        if strike_once(scene, calls, number, problem, lasting=True) is None:
            break
        struck += 1
    assert struck > 20
