"""The door to child processes: start, signal and reap them, and orphans where we are the first process."""

import os
from collections.abc import Iterator, Mapping, Sequence


class Children:
    """The processes that we started, by name; one of each name at a time."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._names: dict[int, str] = {}

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a program by its whole path; it inherits our streams and current folder. Raises OSError."""
        self._names[os.posix_spawn(command[0], list(command), self._environ)] = name

    @property
    def running(self) -> frozenset[str]:
        return frozenset(self._names.values())

    def signal(self, number: int) -> None:
        for pid in self._names:  # none of them was reaped, so no other process can have its pid
            os.kill(pid, number)

    def reap(self) -> Iterator[tuple[str, int]]:
        """Give the name and exit code (-N: by signal N) of those that ended; orphans are reaped without a word."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:  # there are none
                return
            if pid == 0:
                return
            name = self._names.pop(pid, None)
            if name is not None:
                yield name, os.waitstatus_to_exitcode(status)
