"""The command line in this process: a home and a terminal in memory, and what a command wrote to it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from filesync.app.home import Home
from filesync.cli import Terminal, run
from filesync.runtime.clock import Clock


@dataclass(frozen=True)
class InMemory:
    """A process that was not started: `home` and `terminal` as the command line is handed them."""

    home: Home
    terminal: Terminal

    def run(self, argv: Sequence[str]) -> tuple[int, str, str]:
        """Run a command; return its exit code and what it wrote to both streams."""
        code = run(argv, self.home, self.terminal)
        assert isinstance(self.terminal.stdout, io.StringIO)
        assert isinstance(self.terminal.stderr, io.StringIO)
        return code, self.terminal.stdout.getvalue(), self.terminal.stderr.getvalue()


def in_memory(
    environ: Mapping[str, str], cwd: Path, clock: Clock, *, program: Sequence[str] = ("filesync",), **terminal: Any
) -> InMemory:
    shown = Terminal(io.StringIO(), io.StringIO(), io.StringIO(), environ=environ, **terminal)
    return InMemory(Home(environ, cwd, clock, Random(1), shown, shown.redactor, program), shown)
