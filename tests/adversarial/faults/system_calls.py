"""System calls that fail or kill at the n-th, in a process of its own: `system_calls.c`, where there is a compiler."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.adversarial.crash.self_killing import Mortals, command, to_keywords
from tests.support.homes import Ended, Home

KILL = -1  # instead of an error
_COMPILER = shutil.which("cc")


@dataclass(frozen=True)
class Struck:
    """What became of a command: what call was struck, if any, and how the command ended unless it was killed."""

    call: str | None
    ended: Ended | None


class SystemCalls:
    """Runs commands in which a system call on a file of the home is struck."""

    def __init__(self, mortals: Mortals, diary: Path) -> None:
        self._mortals = mortals
        self._diary = diary

    def strike(
        self, home: Home, arguments: Sequence[str], number: int, problem: int, *, lasting: bool = False
    ) -> Struck:
        keywords = {
            "number": number,
            "problem": problem,
            "lasting": lasting,
            "diary": str(self._diary),
            **to_keywords(home, arguments),
        }
        self._diary.write_text("")
        life = self._mortals.call(
            "tests.adversarial.faults.system_calls:struck_command", keywords, home.path, doors=[], step=0
        )
        calls = self._diary.read_text().splitlines()
        ended = None if life.was_killed or life.code is None else Ended(life.code, "", life.err)
        return Struck(calls[0] if calls else None, ended)


def compile_into(folder: Path) -> Path | None:
    """Compile what is loaded into the processes; None without a compiler, or where the system is another."""
    if _COMPILER is None or not Path("/proc/self/fd").exists():
        return None
    library = folder / "system_calls.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run([_COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-o", library, source, "-ldl"], check=True)
    return library


def struck_command(
    number: int, problem: int, diary: str, path: str, *, lasting: bool, **keywords: Any
) -> Mapping[str, Any]:
    """Run a command with the n-th call armed; called by its name in a process that the library is loaded into."""
    arm = ctypes.CDLL(None).arm
    arm.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    notes = os.open(diary, os.O_WRONLY | os.O_APPEND)
    arm(number, problem, int(lasting), path.encode(), notes)
    try:
        return command(path, **keywords)
    finally:
        arm(0, 0, 0, b"", -1)
