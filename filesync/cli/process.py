"""The process: what it was started with, handed to the command layer."""

import gc
import os
import random  # noqa: TID251  this is the door
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

from filesync.cli import Home, Terminal, run
from filesync.runtime.clock import SystemClock
from filesync.runtime.streams import is_terminal

_GARBAGE = (50_000, 50, 100)  # a sync makes a million objects and hardly a circle of them: looked for less often


def run_command() -> int:
    """Run the command of this process, and give its exit code."""
    gc.set_threshold(*_GARBAGE)
    home, terminal = this_process()
    sys.excepthook = lambda *raised: _show(raised, terminal)
    threading.excepthook = lambda raised: _show((raised.exc_type, raised.exc_value, raised.exc_traceback), terminal)
    return run(sys.argv[1:], home, terminal)


def _show(raised: tuple[Any, Any, Any], terminal: Terminal) -> None:
    """Print a bug's traceback without the secrets of this process."""
    sys.stderr.write(terminal.redactor.scrub("".join(traceback.format_exception(*raised))))


def this_process() -> tuple[Home, Terminal]:
    """Gather what commands may know of the process."""
    environ = os.environ  # noqa: TID251  this is the door
    terminal = Terminal(
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        width=_width(sys.stdout),
        stderr_is_terminal=is_terminal(sys.stderr),
        environ=environ,
        open_browser=_open_browser,
    )
    home = Home(
        environ=environ,
        cwd=_current_folder(),
        clock=SystemClock(),
        random=random.SystemRandom(),
        messages=terminal,
        redactor=terminal.redactor,
        program=_program(),
    )
    return home, terminal


def _program() -> tuple[str, ...]:
    """Tell how this program is started again, from any folder: by its script, else by the interpreter."""
    script = Path(sys.argv[0])
    for each in (script, Path(sys.executable).with_name("filesync")):
        if each.name != "__main__.py" and each.is_file() and os.access(each, os.X_OK):
            return (str(each.absolute()),)
    return (sys.executable, "-m", "filesync")


def _open_browser(address: str) -> bool:
    import webbrowser  # noqa: PLC0415  only a login opens one

    return webbrowser.open(address)


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was removed under our feet
        return Path("/")


def _width(stream: TextIO) -> int | None:
    """Tell how wide the terminal is; None when it is no terminal."""
    if not is_terminal(stream):
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
