"""The threads of a provider: what they do, hand over, and leave when nobody waits for them any more."""

import threading
from collections.abc import Callable, Iterator

import pytest

from filesync.core.errors import StoppedError
from filesync.providers.worker_pool import Done, WorkerPool
from filesync.runtime.background import BackgroundTask
from filesync.runtime.clock import Stop, SystemClock

HOUR = 3600.0


def double(number: int) -> int:
    return 2 * number


def threads_of_crews() -> Iterator[threading.Thread]:
    return (thread for thread in threading.enumerate() if thread.name == "filesync worker")


def assert_all_end() -> None:
    for thread in threads_of_crews():
        thread.join(5)
        assert not thread.is_alive()


def test_every_task_is_done_and_handed_over_with_what_was_found() -> None:
    with WorkerPool(double, 3) as crew:
        for number in range(20):
            crew.give(number)
        done = [crew.take() for _ in range(20)]
    assert {each.task: each.result() for each in done} == {number: 2 * number for number in range(20)}
    assert crew.busy == 0
    assert_all_end()


def test_no_more_threads_are_hired_than_there_are_tasks_or_places() -> None:
    release = threading.Event()
    before = set(threads_of_crews())
    with WorkerPool[None, bool](lambda _: release.wait(), 3) as crew:
        for size in (1, 2, 3, 3):
            assert crew.is_full == (crew.busy >= 3)
            crew.give(None)
            assert len(set(threads_of_crews()) - before) == size
        release.set()
        while crew.busy:
            assert crew.take().result()


def test_what_is_done_is_told_without_waiting_for_the_rest() -> None:
    release = threading.Event()
    work: dict[str, Callable[[], object]] = {"quick": list, "slow": release.wait}
    with WorkerPool[str, object](lambda name: work[name](), 2) as crew:
        assert list(crew.ready()) == []
        crew.give("slow")
        crew.give("quick")
        done: list[Done[str, object]] = []
        while not done:
            done += crew.ready()
        assert [each.task for each in done] == ["quick"]
        assert crew.busy == 1
        release.set()
        assert crew.take().task == "slow"


def test_what_goes_wrong_is_raised_where_its_result_is_asked_for() -> None:
    with WorkerPool[int, float](lambda number: 1 / number, 2) as crew:
        crew.give(0)
        done = crew.take()
    assert done.task == 0
    with pytest.raises(ZeroDivisionError):
        done.result()


def test_a_crew_that_is_left_begins_nothing_new() -> None:
    release, begun = threading.Event(), threading.Semaphore(0)
    done: list[int] = []

    def work(task: int) -> None:
        begun.release()
        release.wait()
        done.append(task)

    with WorkerPool(work, 1) as crew:
        for task in range(3):
            crew.give(task)
        begun.acquire()
    release.set()
    assert_all_end()
    assert done == [0]


def test_a_crew_that_is_left_does_not_wait_for_its_turn_or_a_retry() -> None:
    waiting = threading.Semaphore(0)
    raised: list[BaseException] = []

    def work(stop: Stop) -> None:
        waiting.release()
        try:
            stop.wait(HOUR)
        except StoppedError as error:
            raised.append(error)
            raise

    stop = Stop(SystemClock())
    with WorkerPool(work, 2) as crew:
        for _ in range(2):
            crew.give(stop)
            waiting.acquire()
    assert_all_end()
    assert len(raised) == 2
    stop.check()  # nobody else is stopped by it
    assert not stop.requested


def test_a_stop_ends_what_a_crew_waits_for() -> None:
    stop = Stop(SystemClock())
    waiting = threading.Semaphore(0)

    def work(_: None) -> None:
        waiting.release()
        stop.wait(HOUR)

    with WorkerPool(work, 1) as crew:
        crew.give(None)
        waiting.acquire()
        stop.request()
        with pytest.raises(StoppedError, match="by a signal"):
            crew.take().result()


def test_an_errand_gives_its_result_or_raises_what_went_wrong() -> None:
    with BackgroundTask(lambda: 7) as errand:
        assert errand.result() == 7
    with BackgroundTask[float](lambda: 1 / 0) as errand, pytest.raises(ZeroDivisionError):
        errand.result()


def test_an_errand_that_is_left_is_given_up() -> None:
    stop = Stop(SystemClock())
    waiting = threading.Semaphore(0)

    def work() -> None:
        waiting.release()
        stop.wait(HOUR)

    with BackgroundTask(work):
        waiting.acquire()
    assert_all_end()
