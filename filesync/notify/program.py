"""Programs that messages are handed to: on stdin, without a shell, in a minimal environment, within a time limit."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from filesync.core.errors import DeliveryError, StoppedError
from filesync.runtime.clock import Clock, Stop

_GLANCE = 0.05  # seconds between two looks at the program and at the stop
_PIECE = 65_536  # bytes
_LONGEST_WORD = 200  # bytes of the program's last line on stderr


@dataclass(frozen=True, slots=True)
class ProgramCall:
    """One call of a program; `timeout` in seconds."""

    argv: tuple[str, ...]
    content: bytes
    environ: Mapping[str, str]
    cwd: Path
    timeout: float = 30.0


def run(call: ProgramCall, clock: Clock, stop: Stop) -> None:
    """Run it to its end. Raises DeliveryError unless it exits with 0, StoppedError when this start was told to stop.

    It has a process group of its own, which is killed with it: what it started and left behind too.
    """
    with _file_of(call.content) as content:
        process = _start(call, content)
        said = _Said(process)
        try:
            code = _wait(process, said, call, clock, stop)
        finally:
            _kill(process)
            said.close()
    if code:
        raise DeliveryError(f"{call.argv[0]}: {_ending(code)}{said.last_line()}")


@contextlib.contextmanager
def _file_of(content: bytes) -> Iterator[IO[bytes]]:
    """Return a file, not a pipe: a program that does not read holds nobody up."""
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115  closed below
        file.write(content)
        file.seek(0)
    except OSError as error:
        raise DeliveryError(f"no room for a temporary file: {error.strerror}") from error
    with file:
        yield file


def _start(call: ProgramCall, content: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603  the operator's own program, without a shell
            call.argv,
            stdin=content,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**call.environ},
            cwd=call.cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise DeliveryError(f"{call.argv[0]}: cannot be run: {error.strerror}") from error


class _Said:
    """The end of what a program writes to stderr, however much that is."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._pipe = cast("IO[bytes]", process.stderr)
        self._end = b""
        os.set_blocking(self._pipe.fileno(), False)

    def read(self) -> None:
        """Read what there is; what comes too fast waits in the pipe."""
        with contextlib.suppress(BlockingIOError):
            self._end = (self._end + os.read(self._pipe.fileno(), _PIECE))[-_LONGEST_WORD:]

    def close(self) -> None:
        self.read()
        self._pipe.close()

    def last_line(self) -> str:
        lines = self._end.decode("utf-8", "replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""


def _wait(process: "subprocess.Popen[bytes]", said: _Said, call: ProgramCall, clock: Clock, stop: Stop) -> int:
    until = clock.monotonic() + call.timeout
    while clock.monotonic() < until:
        said.read()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_GLANCE)
        if stop.requested:
            raise StoppedError("stopped by a signal")
    raise DeliveryError(f"{call.argv[0]}: not done within {call.timeout:g} s, and was killed")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody of it is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"exited with {code}"
