"""The terminal: data on stdout, words for a person on stderr, without secrets and without what would steer it."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from filesync.core.key_material import without_keys
from filesync.core.redaction import REDACTED, Redactor
from filesync.core.sanitize import harmless
from filesync.runtime.streams import output_problems

if TYPE_CHECKING:
    import typer  # noqa: TID251  the command layer

    from filesync.app.home import Home


@dataclass
class Terminal:
    """The streams of the process; `width` in columns, None when stdout is no terminal."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    width: int | None = None
    stderr_is_terminal: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)  # TERM, NO_COLOR, FORCE_COLOR
    open_browser: Callable[[str], bool] = lambda _: False  # False: there is none
    redactor: Redactor = field(default_factory=Redactor)
    is_verbose: bool = False
    is_quiet: bool = False

    @property
    def has_colours(self) -> bool:
        """Return whether stdout shows colours: on a terminal, unless NO_COLOR; elsewhere only with FORCE_COLOR."""
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR", "0") != "0":
            return True
        return self.width is not None and self.environ.get("TERM") != "dumb"

    @property
    def has_progress(self) -> bool:
        """Return whether progress is drawn: -v shows the log's lines instead."""
        return self.stderr_is_terminal and not self.is_quiet and not self.is_verbose

    def write(self, text: str) -> None:
        """Put data on stdout, without private keys: what was written long ago may hold one."""
        with output_problems(self.stdout):
            self.stdout.write(without_keys(text, REDACTED))

    def flush(self) -> None:
        with output_problems(self.stdout):
            self.stdout.flush()

    def complain(self, message: str) -> None:
        """Put an error on stderr, each of its lines named as ours."""
        for line in self.redactor.scrub(message).splitlines() or [""]:
            self._say(f"filesync: {harmless(line)}")

    def note(self, message: str) -> None:
        """Put what a person should know on stderr, unless --quiet."""
        for line in () if self.is_quiet else self.redactor.scrub(message).splitlines():
            self._say(harmless(line))

    def detail(self, message: str) -> None:
        """Put what only --verbose asks for on stderr."""
        for line in self.redactor.scrub(message).splitlines() if self.is_verbose else ():
            self._say(harmless(line))

    def _say(self, line: str) -> None:
        line = self.redactor.scrub(line)
        with contextlib.suppress(OSError):  # nobody can be told that stderr is gone
            self.stderr.write(f"{line}\n")
            self.stderr.flush()


def home_and_terminal(ctx: "typer.Context") -> "tuple[Home, Terminal]":
    """Return the home and the terminal that a command was called with."""
    called_with: tuple[Home, Terminal] = ctx.obj
    return called_with
