"""The portable door to signals: SIGTERM and SIGINT become one request to stop, and a number to exit with."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EXIT_OFFSET = 128


class Caught:
    """Which signal asked us to stop, if any."""

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def exit_code(self) -> int | None:
        return None if self.number is None else _EXIT_OFFSET + self.number


@contextmanager
def stopping(request_stop: Callable[[], None]) -> Iterator[Caught]:
    """For the length of a block, let SIGTERM and SIGINT call request_stop instead of ending the process.

    Only the main thread may enter. On Windows SIGTERM is never delivered; Ctrl-C arrives as SIGINT.
    """
    caught = Caught()

    def on_signal(number: int, _frame: object) -> None:
        caught.number = caught.number or number
        request_stop()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
