"""A set of item numbers that is cheap to add to and to read in order from any place."""

from bisect import bisect_left
from collections.abc import Iterator


class Order:
    """Numbers, read newest first; sorted again only when one came in out of turn."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._ascending: list[int] | None = []

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, number: object) -> bool:
        return number in self._numbers

    def __iter__(self) -> Iterator[int]:
        return self.below(None)

    def add(self, number: int) -> None:
        if number in self._numbers:
            return
        self._numbers.add(number)
        if self._ascending is not None and (not self._ascending or number > self._ascending[-1]):
            self._ascending.append(number)
        else:
            self._ascending = None

    def discard(self, number: int) -> None:
        if number in self._numbers:
            self._numbers.discard(number)
            self._ascending = None

    def below(self, number: int | None) -> Iterator[int]:
        """Yield the numbers smaller than this one (None: all), greatest first."""
        if self._ascending is None:
            self._ascending = sorted(self._numbers)
        ascending = self._ascending
        end = len(ascending) if number is None else bisect_left(ascending, number)
        return (ascending[at] for at in range(end - 1, -1, -1))
