"""A process with filesync loaded that forks one for each command, which kills itself at its n-th step.

So a process that dies costs a hundredth of a second instead of a half, and every step can be tried. The command's own
process has no thread when it is forked, and runs as `Home.run` does: by a clock that stands where the home's does.
"""

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filesync.simulators.clock import SimulatedClock
from tests import strikes
from tests.homes import ROOT, Home
from tests.strikes import Countdown

COMMITS, EXCHANGES, FILES, STATEMENTS = "commits", "exchanges", "files", "statements"
_LOADED = (
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "filesync.app.logins",
    "filesync.cli.prune",
    "filesync.cli.sync",
    "filesync.app.auto_prune",
    "filesync.config.load",
    "filesync.notify.delivery",
    "filesync.providers.autodesk.service",
    "filesync.providers.google_drive.opening",
    "filesync.sync.endpoint",
    "filesync.sync.provider_factory",
    "filesync.sync.event_log",
    "sqlite_utils",
)


@dataclass(frozen=True)
class Life:
    """How a process lived: the steps that it took, and its exit code and stderr unless it was killed."""

    steps: Sequence[str]
    was_killed: bool
    code: int | None = None
    err: str = ""


@dataclass(frozen=True)
class _Task:
    """What is run (`module:function`, with keywords), what counts as a step, and at which one it ends."""

    function: str
    keywords: Mapping[str, Any]
    doors: Sequence[str]
    step: int
    home: str


class Mortals:
    """Starts mortal processes, one after the other; `environ` is added to that of them all."""

    def __init__(self, **environ: str) -> None:
        self._environ = environ

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.mortals import serve; serve()"],
            cwd=ROOT,
            env={**os.environ, **self._environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)

    def run(self, home: Home, *arguments: str, doors: Sequence[str], step: int) -> Life:
        """Run a command in a home; it is killed at that step, or lives when it takes fewer (0: it lives)."""
        return self.call("tests.mortals:command", to_keywords(home, arguments), home.path, doors=doors, step=step)

    def call(self, function: str, keywords: Mapping[str, Any], home: Path, *, doors: Sequence[str], step: int) -> Life:
        """Call a function by its name, as `run` does with a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        task = _Task(function, keywords, doors, step, str(home))
        self._process.stdin.write(json.dumps(asdict(task)) + "\n")
        self._process.stdin.flush()
        return Life(**json.loads(self._process.stdout.readline()))


def to_keywords(home: Home, arguments: Sequence[str]) -> Mapping[str, Any]:
    """Lay out what `command` is given in another process."""
    return {
        "path": str(home.path),
        "environ": home.environ,
        "now": home.clock.now().isoformat(),
        "arguments": list(arguments),
    }


def serve() -> None:
    """Fork for each task that arrives on stdin, and answer on stdout how its process lived."""
    for module in _LOADED:
        importlib.import_module(module)
    gc.freeze()  # else every child's first collection touches, and so copies, all that is loaded
    for line in sys.stdin:
        task = _Task(**json.loads(line))
        importlib.import_module(task.function.partition(":")[0])
        with tempfile.TemporaryFile() as diary:
            child = os.fork()
            if not child:
                _live(task, diary.fileno())
            _, status = os.waitpid(child, 0)
            diary.seek(0)
            life = _told(diary.read().decode(), os.waitstatus_to_exitcode(status))
        sys.stdout.write(json.dumps(asdict(life)) + "\n")
        sys.stdout.flush()


def _told(diary: str, code: int) -> Life:
    steps, _, ending = diary.partition("\0")
    names = steps.splitlines()
    if code == -signal.SIGKILL:
        return Life(names, was_killed=True)
    return Life(names, was_killed=False, **json.loads(ending))


def _live(task: _Task, diary: int, write: Callable[[int, bytes], int] = os.write) -> None:
    """Carry out a task in this process, and never return."""

    def note(text: str) -> None:
        write(diary, text.encode())

    try:
        countdown = _Told(task.step, lambda _: os.kill(os.getpid(), signal.SIGKILL), note)
        with ExitStack() as stack:
            for door in task.doors:
                stack.enter_context(_door(door, countdown, Path(task.home)))
            module, _, name = task.function.partition(":")
            ending = getattr(importlib.import_module(module), name)(**task.keywords) or {}
        note(f"\0{json.dumps(ending)}")
    except BaseException:  # noqa: BLE001  the test shows it
        note(f"\0{json.dumps({'code': 99, 'err': traceback.format_exc()})}")
    finally:
        os._exit(0)


class _Told(Countdown):
    """A countdown that writes each step down before it strikes."""

    def __init__(self, at: int, strike: strikes.Strike, note: Callable[[str], None]) -> None:
        super().__init__(at, strike)
        self._note = note

    def count(self, name: str) -> None:
        self._note(" ".join(name.split()) + "\n")
        super().count(name)


def _door(name: str, countdown: Countdown, home: Path) -> Any:
    if name == COMMITS:
        return strikes.commits(countdown)
    if name == EXCHANGES:
        return strikes.exchanges(countdown)
    if name == STATEMENTS:
        return strikes.statements(countdown)
    return strikes.file_operations(countdown, home)


def command(path: str, environ: Mapping[str, str], now: str, arguments: Sequence[str]) -> Mapping[str, Any]:
    """Run a command by a clock that stands still, and tell how it ended."""
    home = Home(Path(path), clock=SimulatedClock(datetime.fromisoformat(now), frozen=True))
    home.environ = dict(environ)
    ended = home.run(*arguments)
    return {"code": ended.code, "err": ended.err}
