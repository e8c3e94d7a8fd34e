"""Threads that do one kind of work for a generator; what they find is handed over in the order in which it is done."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, Self, TypeVar

from filesync.runtime.clock import take, work_until

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Task, Result]):
    """What became of a task: `result()` gives what was found or raises what went wrong."""

    task: Task
    found: Result | None
    error: BaseException | None

    def result(self) -> Result:
        if self.error is not None:
            raise self.error
        return self.found  # type: ignore[return-value]  # no error: the work returned it


class WorkerPool(Generic[Task, Result]):
    """Does tasks in at most `size` threads, hired as they are needed.

    Whoever leaves does not wait for an answer that is on its way: the threads are daemons. They begin nothing new
    then, and give up waiting for a turn, a retry or an answer.
    """

    def __init__(self, work: Callable[[Task], Result], size: int) -> None:
        self._work = work
        self._size = size
        self._tasks: SimpleQueue[tuple[Task] | None] = SimpleQueue()  # None: go home
        self._done: SimpleQueue[Done[Task, Result]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()
        self.busy = 0  # tasks given and not yet taken back

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dismiss()

    @property
    def is_full(self) -> bool:
        return self.busy >= self._size

    def give(self, task: Task) -> None:
        self.busy += 1
        if len(self._threads) < min(self.busy, self._size):
            self._hire()
        self._tasks.put((task,))

    def take(self) -> Done[Task, Result]:
        """Wait for the next task that is done; call it only while one is under way."""
        done = take(self._done)
        self.busy -= 1
        return done

    def ready(self) -> Iterator[Done[Task, Result]]:
        """Yield what is done by now, without waiting."""
        while True:
            try:
                done = self._done.get_nowait()
            except Empty:
                return
            self.busy -= 1
            yield done

    def dismiss(self) -> None:
        self._over.set()  # decision 15: stopped, not waited for
        for _ in self._threads:
            self._tasks.put(None)

    def _hire(self) -> None:
        thread = threading.Thread(target=self._serve, name="filesync worker", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        work_until(self._over)
        while (given := self._tasks.get()) is not None and not self._over.is_set():
            self._done.put(self._outcome(*given))

    def _outcome(self, task: Task) -> Done[Task, Result]:
        try:
            return Done(task, self._work(task), None)
        except BaseException as error:  # noqa: BLE001  raised again, in the thread that asks for the result
            return Done(task, None, error)
