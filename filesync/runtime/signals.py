"""The door to signals: they become one request to stop with a number to exit with, or arrive in an inbox to wait on."""

import os
import select
import signal
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

_HANGUP = getattr(signal, "SIGHUP", None)  # there is none on Windows
STOPPERS = frozenset({signal.SIGTERM, signal.SIGINT, *((_HANGUP,) if _HANGUP else ())})
SIGNALLED = 128  # exit codes from here on tell of a signal


class Interrupts:
    """What Ctrl-C does outside of `stopping`: it ends the process at once and without a word, or raises in the command.

    Made first thing in a process. One that was started with SIGINT ignored, in the background say, goes on ignoring it.
    """

    code = SIGNALLED + signal.SIGINT

    def __init__(self) -> None:
        self._raises = False
        sys.unraisablehook = self._note_ignored
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._interrupt)

    def raise_from_now_on(self) -> None:
        """Let it raise KeyboardInterrupt: there is something to clean up."""
        self._raises = True

    def end_from_now_on(self) -> None:
        """Let it end the process: there is nothing to clean up, or no longer."""
        self._raises = False

    def _note_ignored(self, ignored: "sys.UnraisableHookArgs") -> None:
        """End the process also where Python would print the interrupt and go on: in a finaliser, or a callback."""
        if ignored.exc_type is KeyboardInterrupt:
            os._exit(self.code)
        sys.__unraisablehook__(ignored)

    def _interrupt(self, _number: int, _frame: object) -> None:
        if self._raises:
            raise KeyboardInterrupt
        os._exit(self.code)


class Caught:
    """Which signal asked us to stop, if any."""

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def exit_code(self) -> int | None:
        return None if self.number is None else SIGNALLED + self.number


@contextmanager
def stopping(request_stop: Callable[[], None]) -> Iterator[Caught]:
    """Let the signals in STOPPERS call request_stop for the length of a block, instead of ending the process.

    Only the main thread may enter. On Windows SIGTERM is never delivered; Ctrl-C arrives as SIGINT.
    """
    caught = Caught()

    def on_signal(number: int, _frame: object) -> None:
        caught.number = caught.number or number
        request_stop()

    before = {number: signal.signal(number, on_signal) for number in STOPPERS if not _is_ignored_hangup(number)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_ignored_hangup(number: int) -> bool:
    """Return whether this is SIGHUP and the process was started with `nohup`: it goes on without its terminal."""
    return number == _HANGUP and signal.getsignal(number) is signal.SIG_IGN


class Inbox:
    """Signals as they come, to wait for: nothing runs in a handler, and none is missed between two waits."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def wait(self, seconds: float) -> frozenset[int]:
        """Wait until one arrives, at most that long; give those that did."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return frozenset()
        return frozenset(os.read(self._fd, 4096))


@contextmanager
def arriving(numbers: Collection[int]) -> Iterator[Inbox]:
    """Let these signals arrive in an inbox for the length of a block. Only the main thread may enter; POSIX only."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    heard = {number for number in numbers if not _is_ignored_hangup(number)}
    before = {number: signal.signal(number, lambda *_: None) for number in heard}
    try:
        yield Inbox(reader)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(writer)
        os.close(reader)
