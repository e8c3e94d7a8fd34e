"""The three streams of the process: always open, and a write that fails is reported to its caller."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from filesync.core.errors import LocalFileError

# What is opened in place of a stream that is closed, as 0, 1 and 2: else the next file, the database say, would have
# that number, and what somebody prints would be written into it. Nothing comes from stdin, and what goes to stderr goes
# nowhere; but data that was asked for must not, so writing to stdout fails.
_MISSING = ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY))


class ReaderGoneError(Exception):
    """Whoever read our output stopped reading, as `head` does: no failure."""


def open_streams() -> None:
    """Open the streams that are closed, and let stdout report failed writes in our words."""
    for number, flags in _MISSING:
        if not _is_open(number):
            os.open(os.devnull, flags)  # the lowest free number: this one
            os.set_inheritable(number, True)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stdout = _Output.of(sys.stdout)


def settle() -> None:
    """Write what is still buffered; what cannot be written any more changes no exit code and makes no noise."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, LocalFileError, ReaderGoneError):
            abandon(stream)


def is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


@contextlib.contextmanager
def output_problems(stream: TextIO) -> Iterator[None]:
    """Raise LocalFileError when data cannot be written there, ReaderGoneError when nobody wants more of it."""
    try:
        yield
    except OSError as exc:
        abandon(stream)
        if isinstance(exc, BrokenPipeError):
            raise ReaderGoneError from exc
        raise LocalFileError(f"standard output cannot be written: {exc.strerror}") from exc


def abandon(stream: TextIO) -> None:
    """Point a stream nowhere, so that what is still buffered makes no noise when the process ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Output(io.TextIOWrapper):
    """Standard output, whoever writes: our commands, or Typer with its help."""

    @classmethod
    def of(cls, stream: Any) -> "_Output":
        """Take its place. Data is UTF-8 whatever the locale, often none under cron; a terminal knows its own."""
        if stream is None:
            return cls(open(1, "wb", closefd=False), encoding="utf-8", newline="\n")
        encoding = stream.encoding if is_terminal(stream) else "utf-8"
        lines = bool(stream.line_buffering)
        raw = stream.detach()
        return cls(raw, encoding, "backslashreplace", newline="\n", line_buffering=lines)

    def write(self, text: str, /) -> int:
        with output_problems(self):
            return super().write(text)

    def flush(self) -> None:
        with output_problems(self):
            super().flush()


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
