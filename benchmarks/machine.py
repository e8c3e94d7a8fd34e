"""What the figures were taken on: the machine, and the versions of everybody."""

import os
import platform
import re
import sqlite3  # noqa: TID251  its version
import subprocess
from pathlib import Path

from benchmarks.racing import Bench
from filesync import __version__


def describe_machine() -> dict[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": str(cores),
        "memory": _memory(),
        "system": platform.platform(terse=True),
    }


def describe_versions(bench: Bench) -> dict[str, str]:
    """Name the version of every program; a peer that is not here says so."""
    return {
        "filesync": __version__,
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "rclone": _version(bench.rclone, "version"),
        "google-drive-to-sqlite": _version(bench.google_drive_to_sqlite, "--version"),
    }


def _version(program: Path | None, asking: str) -> str:
    if program is None:
        return "not installed"
    said = subprocess.run([program, asking], capture_output=True, text=True, check=True).stdout  # noqa: S603  was named
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else said.partition("\n")[0]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return "unknown"
    return f"{total / 2**30:.0f} GiB"
