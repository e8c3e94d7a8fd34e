"""Asks a health server so many times a second while a first sync runs beside it: python -m benchmarks.health.

The server and the sync share one core; the service and the visitors have the others. Visitors come at fixed times,
however long the answers take, and each opens a connection of its own.
"""

import argparse
import http.client
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from urllib.parse import urlsplit

from benchmarks.services import Home, acc_home
from filesync.runtime.clock import SystemClock

_PATHS = ("/", "/health", "/status", "/metrics")
_CROWD = 16  # visitors at the same time
_CLOCK = SystemClock()


def main() -> None:
    wanted = _parser().parse_args()
    options = ("--files", str(wanted.files), "--folders", str(wanted.files // 40))
    with TemporaryDirectory(prefix="benchmark-") as folder, acc_home(Path(folder), *options) as home:
        server = _start(home, "serve-health", "--port", "0")
        sync = _start(home, "sync", "--all")
        try:
            times, failed = _visit(_port(server), wanted.rate, wanted.seconds)
            still = sync.poll() is None
        finally:
            for process in (server, sync):
                process.terminate()
                process.communicate()
    print(_report(times, failed, wanted.seconds), f"the sync was {'still running' if still else 'over'}")  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.health", description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--files", type=int, default=100_000, help="of the project that is synced meanwhile")
    return parser


def _start(home: Home, *arguments: str) -> "subprocess.Popen[str]":
    core = min(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(core), sys.executable, "-m", "filesync", "--home", str(home.path), *arguments]
    return subprocess.Popen(command, env={**os.environ, **home.environ}, stderr=subprocess.PIPE, text=True)  # noqa: S603, TID251


def _port(server: "subprocess.Popen[str]") -> int:
    return urlsplit((server.stderr.readline() if server.stderr else "").split()[1]).port or 0


def _visit(port: int, rate: int, seconds: int) -> tuple[Sequence[float], int]:
    """Give the seconds that each answer took, counted from when its visitor was due, and how many were none."""
    began, never = _CLOCK.monotonic(), Event()

    def visit(number: int) -> float | None:
        due = began + number / rate
        never.wait(max(0.0, due - _CLOCK.monotonic()))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", _PATHS[number % len(_PATHS)])
            answer = connection.getresponse()
            answer.read()
        except OSError:
            return None
        finally:
            connection.close()
        return _CLOCK.monotonic() - due if answer.status in {200, 503} else None

    with ThreadPoolExecutor(_CROWD) as crowd:
        times = list(crowd.map(visit, range(rate * seconds)))
    answered = sorted(time for time in times if time is not None)
    return answered, len(times) - len(answered)


def _report(times: Sequence[float], failed: int, seconds: int) -> str:
    share = {share: times[min(len(times) - 1, int(len(times) * share))] * 1000 for share in (0.5, 0.9, 0.99)}
    shown = ", ".join(f"p{share * 100:.0f} {time:.1f} ms" for share, time in share.items())
    return f"{len(times) / seconds:.0f} answers a second, {failed} failed; {shown}, max {times[-1] * 1000:.0f} ms;"


if __name__ == "__main__":
    main()
