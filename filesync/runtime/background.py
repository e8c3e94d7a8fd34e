"""Work in the background: what cannot be interrupted, such as a request, is done in a thread that can be left."""

import threading
from collections.abc import Callable
from typing import Generic, Self, TypeVar

from filesync.runtime.clock import TURN, work_until

Result = TypeVar("Result")


class BackgroundTask(Generic[Result]):
    """One piece of work in a daemon thread of its own, begun at once; once it is left, nobody waits for it."""

    def __init__(self, work: Callable[[], Result], name: str = "background") -> None:
        self._work = work
        self._found: tuple[Result] | None = None
        self._error: BaseException | None = None
        self._is_over = threading.Event()
        self._is_left = threading.Event()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def is_over(self, seconds: float = 0.0) -> bool:
        """Return whether the work has ended, after waiting for that at most so long."""
        return self._is_over.wait(seconds)

    def leave(self) -> None:
        """Let the work wait for nothing any more; what it does just now is left to itself."""
        self._is_left.set()

    def result(self) -> Result:
        """Wait for the result, or raise what went wrong."""
        while not self._is_over.wait(TURN):  # in turns: see TURN
            continue
        if self._found is None:
            raise self._error or RuntimeError("the work ended without a result")
        return self._found[0]

    def _run(self) -> None:
        work_until(self._is_left)
        try:
            self._found = (self._work(),)
        except BaseException as error:  # noqa: BLE001  raised again in the thread that asks for the result
            self._error = error
        finally:
            self._is_over.set()
