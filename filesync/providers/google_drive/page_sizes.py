"""How many entries a page is asked for: fewer where Drive cannot make a page of the usual size."""

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from filesync.core.errors import NetworkError, RefusedError, ServiceDownError, causes

SMALLEST = 50

_TRIES = 3  # at a size that may be too large
_FEW_TRIES = 2  # at each smaller one, on the way down

Page = TypeVar("Page")
AskPage = Callable[[int, int | None], Page]  # of that size; tries None: as often as its failures are worth


class PageSizes:
    """Finds the size that Drive can make, for all listings of one endpoint; safe to share between threads.

    Drive answers 500, or nothing in time, where a page is too much for it, and answers smaller ones.
    https://github.com/prasmussen/gdrive/issues/105
    """

    def __init__(self) -> None:
        self._most: int | None = None
        self._lock = threading.Lock()

    @property
    def most(self) -> int | None:
        """Return the size that was found to be the most; None: the usual one does."""
        return self._most

    def remember(self, most: int | None) -> None:
        with self._lock:
            self._most = most

    def ask(self, ask: AskPage[Page], usual: int) -> Page:
        """Ask for a page, and where that fails for smaller ones. Raises what the last one raised."""
        size = self._size(usual)
        if size <= SMALLEST:
            return ask(size, None)
        try:
            return ask(size, _TRIES)
        except (ServiceDownError, NetworkError) as error:
            smaller, page, refusal = _shrunk(ask, size, is_slow=_is_slow(error))
        try:
            return ask(size, 1)  # was it the size, or an outage that is over by now?
        except (ServiceDownError, NetworkError):
            with self._lock:
                self._most = min(smaller, self._most or smaller)
        if refusal is not None:
            raise refusal
        return cast("Page", page)

    def ask_plainly(self, ask: AskPage[Page], usual: int) -> Page:
        """Ask for a page of which a failure is more likely to say something else than that it is too large."""
        return ask(self._size(usual), _TRIES)

    def _size(self, usual: int) -> int:
        return min(usual, self._most or usual)


def _shrunk(ask: AskPage[Page], size: int, *, is_slow: bool) -> tuple[int, Page | None, RefusedError | None]:
    """Find a smaller size that is answered: with a page, or with a refusal of a page token of another size.

    `is_slow`: a try costs a minute, and all of them together must not take ten, after which a sync is stalled.
    """
    for smaller in _smaller(size):
        tries: int | None = 1 if is_slow else _FEW_TRIES
        if smaller == SMALLEST:
            tries = _FEW_TRIES if is_slow else None  # in an outage it is the one that is waited for
        try:
            return smaller, ask(smaller, tries), None
        except RefusedError as refusal:
            return smaller, None, refusal
        except (ServiceDownError, NetworkError):
            if smaller == SMALLEST:
                raise
    raise AssertionError  # the smallest ends it


def _smaller(size: int) -> Iterator[int]:
    while size > SMALLEST:
        size = max(SMALLEST, size // 2)
        yield size


def _is_slow(error: ServiceDownError | NetworkError) -> bool:
    return any(isinstance(cause, TimeoutError) for cause in causes(error))
