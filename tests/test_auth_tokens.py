"""Tokens on disk: fetched once, kept privately, given up in time."""

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import filesync
from filesync.auth.files import TokenFile
from filesync.auth.tokens import Token, TokenKey, of_bytes
from filesync.core.errors import LocalFileError, NetworkError, StoppedError
from filesync.runtime.clock import Stop
from filesync.runtime.locks import FileLock
from tests.http_loopback import FakeClock

CHECKOUT = Path(filesync.__file__).parents[1]
KEY = TokenKey("flow", "client", "https://service.example/token", ("read",))

# One process of a home: wants the token, and notes in a file that it fetched one.
PROCESS = """
import sys, time
from datetime import timedelta
from pathlib import Path
from filesync.auth.files import TokenFile
from filesync.auth.tokens import Token, TokenKey, of_bytes
from filesync.runtime.clock import Stop, SystemClock

folder = Path(sys.argv[1])
clock = SystemClock()

def fetch(_):
    with (folder / "fetched").open("a") as file:
        file.write("x")
    time.sleep(0.3)  # so that the other process finds the lock taken
    return Token("the-token", clock.now(), clock.now() + timedelta(hours=1))

key = TokenKey("flow", "client", "https://service.example/token", ("read",))
path = folder / "tokens" / key.file_name()
print(TokenFile(path, clock, Stop(clock), of_bytes).current(fetch).usable())
"""


class Source:
    """Fetches tokens and counts them."""

    def __init__(self, clock: FakeClock, life: float = 3600) -> None:
        self.clock = clock
        self.life = life
        self.fetched = 0

    def __call__(self) -> Token:
        self.fetched += 1
        now = self.clock.now()
        return Token(f"token-{self.fetched}", now, now + timedelta(seconds=self.life))


class Opened:
    """A token's file as one process has it open."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self._file = TokenFile(folder / KEY.file_name(), clock, Stop(clock), of_bytes)

    def current(self, fetch: Callable[[], Token]) -> str:
        return self._file.current(lambda _: fetch()).usable()

    def forget(self, access_token: str) -> None:
        self._file.forget(access_token)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def source(clock: FakeClock) -> Source:
    return Source(clock)


@pytest.fixture
def open_file(tmp_path: Path, clock: FakeClock) -> Callable[[], Opened]:
    """Open the token's file as another process would."""
    return lambda: Opened(tmp_path / "tokens", clock)


def test_a_token_is_fetched_once_for_all_processes(open_file: Callable[[], Opened], source: Source) -> None:
    assert [open_file().current(source) for _ in range(3)] == ["token-1"] * 3
    assert source.fetched == 1


def test_two_processes_that_start_together_fetch_once(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", PROCESS, str(tmp_path)]
    processes = [
        subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    assert [process.communicate(timeout=60) for process in processes] == [(b"the-token\n", b"")] * 2
    assert (tmp_path / "fetched").read_text() == "x"


def test_only_the_owner_can_read_a_token(open_file: Callable[[], Opened], source: Source, tmp_path: Path) -> None:
    open_file().current(source)
    folder = tmp_path / "tokens"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert not [path for path in folder.iterdir() if "client" in path.name]


@pytest.mark.parametrize(("life", "used_for"), [(3600, 3300), (60, 54), (1_000_000, 999_700)])
def test_a_token_is_given_up_before_it_expires(
    open_file: Callable[[], Opened], clock: FakeClock, life: float, used_for: float
) -> None:
    source, file = Source(clock, life), open_file()
    file.current(source)
    clock.advance(used_for - 1)
    assert (file.current(source), open_file().current(source)) == ("token-1", "token-1")
    clock.advance(1)
    assert (file.current(source), open_file().current(source)) == ("token-2", "token-2")


def test_a_token_from_a_clock_that_was_ahead_is_not_trusted(
    open_file: Callable[[], Opened], clock: FakeClock, source: Source
) -> None:
    open_file().current(source)
    clock.at -= timedelta(days=1)
    assert open_file().current(source) == "token-2"


BROKEN = [
    b"",
    b'{"access_token": "half',
    b"[]",
    b"\xff",
    b'{"access_token": "t", "obtained_at": "yesterday", "expires_at": "tomorrow"}',
    b'{"access_token": "t", "obtained_at": "2026-03-01T00:00:00", "expires_at": "2027-03-01T00:00:00"}',
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_no_token(
    open_file: Callable[[], Opened], source: Source, tmp_path: Path, content: bytes
) -> None:
    open_file().current(source)
    (path,) = (tmp_path / "tokens").glob("*.json")
    path.write_bytes(content)
    assert open_file().current(source) == "token-2"


OTHERS = [
    TokenKey("other", "client", "https://service.example/token", ("read",)),
    TokenKey("flow", "other", "https://service.example/token", ("read",)),
    TokenKey("flow", "client", "https://other.example/token", ("read",)),
    TokenKey("flow", "client", "https://service.example/token", ("read", "write")),
    TokenKey("flow", "client", "https://service.example/token", ("read",), "somebody"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_tokens_of_different_logins_are_kept_apart(other: TokenKey) -> None:
    assert other.file_name() != KEY.file_name()


def test_a_rejected_token_is_forgotten_by_all(open_file: Callable[[], Opened], source: Source) -> None:
    file = open_file()
    file.forget(file.current(source))
    assert open_file().current(source) == "token-2"


def test_a_rejected_token_that_was_replaced_leaves_the_new_one(open_file: Callable[[], Opened], source: Source) -> None:
    ours, theirs = open_file(), open_file()
    rejected = ours.current(source)
    theirs.forget(rejected)
    theirs.current(source)
    ours.forget(rejected)
    assert ours.current(source) == "token-2"
    assert source.fetched == 2


def test_threads_that_waited_for_a_failed_login_fail_with_it(open_file: Callable[[], Opened]) -> None:
    file, started, tries = open_file(), threading.Barrier(8), []

    def fetch() -> Token:
        tries.append(1)
        threading.Event().wait(0.3)  # the others queue up meanwhile
        raise NetworkError("nobody there")

    failures: list[NetworkError] = []

    def work() -> None:
        started.wait()
        with pytest.raises(NetworkError) as raised:
            file.current(fetch)
        failures.append(raised.value)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(failures), len(tries)) == (8, 1)


def test_a_later_login_is_tried_again_after_a_failure(open_file: Callable[[], Opened], source: Source) -> None:
    file = open_file()

    def fail() -> Token:
        raise NetworkError("nobody there")

    with pytest.raises(NetworkError):
        file.current(fail)
    assert file.current(source) == "token-1"


def test_waiting_for_another_process_ends_with_a_stop(tmp_path: Path, source: Source) -> None:
    class Stopping(FakeClock):
        def wait(self, event: threading.Event, seconds: float) -> bool:
            if len(self.waits) == 3:
                event.set()
            return super().wait(event, seconds)

    clock = Stopping()
    file = Opened(tmp_path / "tokens", clock)
    with FileLock((tmp_path / "tokens" / KEY.file_name()).with_suffix(".lock")), pytest.raises(StoppedError):
        file.current(source)
    assert source.fetched == 0


def test_a_token_that_cannot_be_kept_is_not_used(tmp_path: Path, clock: FakeClock, source: Source) -> None:
    (tmp_path / "tokens").write_text("a file, not a folder")
    with pytest.raises(LocalFileError, match=r"the login cannot be kept: "):
        Opened(tmp_path / "tokens", clock).current(source)
    assert source.fetched == 0


def test_a_token_does_not_show_itself(source: Source) -> None:
    assert "token-1" not in repr(source())
