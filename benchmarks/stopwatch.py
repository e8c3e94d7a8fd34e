"""Runs one command and measures it: `python -m benchmarks.stopwatch RESULT COMMAND…`.

A process of its own, and a small one, because a child's peak memory starts at what its parent held when it forked.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_ROOT = Path(__file__).parent.parent
_KIB = 1024 if sys.platform != "darwin" else 1  # ru_maxrss counts bytes on macOS, KiB elsewhere


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command gave and what it took."""

    code: int
    out: str
    err: str
    wall_seconds: float
    cpu_seconds: float  # user and system
    peak_bytes: int


def measure(command: Sequence[str], environ: Mapping[str, str]) -> Measured:
    """Run a command to its end, in a bare environment as cron's; what it says goes to files: no reader holds it up."""
    with TemporaryDirectory(prefix="stopwatch-") as folder:
        result, out, err = (Path(folder) / name for name in ("result.json", "out", "err"))
        with out.open("wb") as to_out, err.open("wb") as to_err:
            subprocess.run(  # noqa: S603  our own command
                [sys.executable, "-S", "-m", "benchmarks.stopwatch", str(result), *command],
                env={"PATH": "/usr/bin:/bin", "HOME": folder, "PYTHONPATH": str(_ROOT), **environ},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                check=True,
            )
        facts = json.loads(result.read_text())
        return Measured(out=out.read_text(errors="replace"), err=err.read_text(errors="replace"), **facts)


def measure_python(arguments: Sequence[str], environ: Mapping[str, str]) -> Measured:
    """Run this Python with these arguments."""
    return measure([sys.executable, *arguments], environ)


def main() -> None:
    result, *command = sys.argv[1:]
    begun = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ)  # noqa: TID251  hands on what it was given
    _, status, used = os.wait4(pid, 0)
    facts = {
        "code": os.waitstatus_to_exitcode(status),
        "wall_seconds": time.perf_counter() - begun,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * _KIB,
    }
    Path(result).write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
