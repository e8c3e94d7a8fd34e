"""A few threads that ask for several things at once; what they find is handed over in the order it arrives."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from filesync.clock import take

Job = TypeVar("Job")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Job, Found]):
    """What became of a job: `result()` gives what was found or raises what went wrong."""

    job: Job
    found: Found | None
    error: BaseException | None

    def result(self) -> Found:
        if self.error is not None:
            raise self.error
        return self.found  # type: ignore[return-value]  # no error: the work returned it


class Workers(Generic[Job, Found]):
    """Daemon threads, unlike an executor's, so that leaving early never waits for an answer that is on its way."""

    def __init__(self, work: Callable[[Job], Found], count: int) -> None:
        self._work = work
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome[Job, Found]] = queue.SimpleQueue()
        self._left = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]

    def __enter__(self) -> "Workers[Job, Found]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._left.set()
        for _ in self._threads:
            self._jobs.put(None)

    def submit(self, job: Job) -> None:
        self._jobs.put(job)
        self._start_one()

    def next(self) -> Outcome[Job, Found]:
        """Wait for the next outcome; call it only while a job is under way."""
        return take(self._outcomes)

    def _start_one(self) -> None:
        fresh = next((thread for thread in self._threads if thread.ident is None), None)
        if fresh:
            fresh.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None and not self._left.is_set():
            self._outcomes.put(self._outcome(job))

    def _outcome(self, job: Job) -> Outcome[Job, Found]:
        try:
            return Outcome(job, self._work(job), None)
        except BaseException as error:  # noqa: BLE001  raised again, in the thread that asks for the result
            return Outcome(job, None, error)
