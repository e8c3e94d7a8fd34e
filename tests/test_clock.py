"""Waiting: a signal is heard in time, whichever thread the system gives it to."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from filesync.runtime.clock import SystemClock, take

SECONDS = 20.0  # far longer than a signal may take


@pytest.fixture
def elsewhere() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Deliver a signal to another thread while this one sleeps: nothing wakes it, as when it just fell asleep."""
    before = signal.getsignal(signal.SIGUSR1)

    def deliver(on_signal: Callable[[], None]) -> None:
        signal.signal(signal.SIGUSR1, lambda *_: on_signal())
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        threading.Timer(0.1, _receive).start()

    yield deliver
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    signal.signal(signal.SIGUSR1, before)


def _receive() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_signal_that_wakes_nobody_ends_a_wait(elsewhere: Callable[[Callable[[], None]], None]) -> None:
    event = threading.Event()
    elsewhere(event.set)
    assert SystemClock().wait(event, SECONDS)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_signal_that_wakes_nobody_is_handled_while_workers_are_waited_for(
    elsewhere: Callable[[Callable[[], None]], None],
) -> None:
    queue: SimpleQueue[str] = SimpleQueue()
    elsewhere(lambda: queue.put("stopped"))
    late = threading.Timer(SECONDS, queue.put, ["too late"])
    late.start()
    assert take(queue) == "stopped"
    late.cancel()


def test_a_wait_that_nothing_ends_takes_its_time() -> None:
    clock = SystemClock()
    started = clock.monotonic()
    assert not clock.wait(threading.Event(), 0.6)
    assert clock.monotonic() - started >= 0.6
