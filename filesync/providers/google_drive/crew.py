"""Threads that do one kind of work for a generator, and are abandoned when it is closed."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

from filesync.clock import take

Task = TypeVar("Task")
Result = TypeVar("Result")


class Crew(Generic[Task, Result]):
    """Does tasks in at most `size` threads; results are taken in the order in which they are done.

    The threads are daemons: one that waits for a slow answer delays neither the generator's end nor the program's.
    """

    def __init__(self, work: Callable[[Task], Result], size: int) -> None:
        self._work = work
        self._size = size
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._done: SimpleQueue[Result | BaseException] = SimpleQueue()
        self._threads: list[Thread] = []
        self._dismissed = False
        self.busy = 0  # given and not yet taken back

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dismissed = True
        for _ in self._threads:
            self._tasks.put(None)

    @property
    def is_full(self) -> bool:
        return self.busy >= self._size

    def give(self, task: Task) -> None:
        self.busy += 1
        if len(self._threads) < min(self.busy, self._size):
            self._hire()
        self._tasks.put(task)

    def take(self) -> Result:
        """Wait for a result, or raise what the work raised."""
        result = take(self._done)
        self.busy -= 1
        if isinstance(result, BaseException):
            raise result
        return result

    def _hire(self) -> None:
        thread = Thread(target=self._serve, name="google-drive", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None and not self._dismissed:
            try:
                self._done.put(self._work(task))
            except BaseException as error:  # noqa: BLE001  raised again, in the thread that takes it
                self._done.put(error)
