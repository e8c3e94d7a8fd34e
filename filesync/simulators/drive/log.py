"""A change log: which things changed, in which order, each remembered once."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Subject(StrEnum):
    FILE = "file"
    DRIVE = "drive"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something changed; how it is now is looked up when the entry is read.

    `in_my_drive` is where it was when that happened.
    """

    number: int
    subject: Subject
    id: str
    at: datetime
    in_my_drive: bool = False


class ChangeLog:
    """Entries of one user or one shared drive.

    Numbers skip, as recorded ("a page of 2 changes from token 485 gave nextPageToken 489"). A later entry
    for the same thing replaces the earlier one. A token is the number from which to read on.
    """

    def __init__(self, first: int) -> None:
        self._numbers: list[int] = []
        self._entries: list[Entry] = []
        self._latest: dict[tuple[Subject, str], int] = {}
        self._first_token = first
        self._oldest_token = first
        self._next = first

    @property
    def token(self) -> int:
        """Return the token after which only later entries come."""
        return self._next

    def add(self, subject: Subject, subject_id: str, at: datetime, *, in_my_drive: bool = False) -> None:
        number = self._next + 1 + len(self._entries) % 3
        self._numbers.append(number)
        self._entries.append(Entry(number, subject, subject_id, at, in_my_drive))
        self._latest[subject, subject_id] = number
        self._next = number + 1

    def knows(self, token: int) -> bool:
        """Return whether this log has given out such a token, and has not disowned it since."""
        return self._oldest_token <= token <= self._next

    def was_killed(self, token: int) -> bool:
        return self._first_token <= token < self._oldest_token

    def kill_tokens(self) -> None:
        """Disown every token given out so far."""
        self._next += 1000
        self._oldest_token = self._next

    def since(self, token: int) -> Iterator[Entry]:
        """Yield the entries from that number on which no later one has replaced."""
        for at in range(bisect_left(self._numbers, token), len(self._entries)):
            entry = self._entries[at]
            if self._latest[entry.subject, entry.id] == entry.number:
                yield entry
