"""A running `filesync serve-health`, as a process of its own, and what visitors send to it."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import ROOT

PATIENCE = 20  # seconds; nothing takes that long


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def document(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Visitor:
    """Whoever asks the server on that port."""

    port: int

    def get(self, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """Ask; a header's name is written with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()

    def wait_for(self, is_so: Callable[[], Any]) -> None:
        """Ask until it is so: what the server says may be a second old."""
        until = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < until, "it never became so"
            time.sleep(0.05)


@dataclass(frozen=True)
class Served(Visitor):
    process: "subprocess.Popen[str]"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; tell the exit code, and what was on stderr."""
        os.kill(self.process.pid, number)
        _, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, err


@contextmanager
def serving(home: Path, *arguments: str, **environ: str) -> Iterator[Served]:
    """Serve a home on a free port."""
    command = [sys.executable, "-m", "filesync", "--home", str(home), "serve-health", "--port", "0", *arguments]
    process = subprocess.Popen(
        command,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)} | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stderr
            line = process.stderr.readline()
            assert line.startswith("serving http://"), line + process.stderr.read()
            yield Served(urlsplit(line.split()[1]).port or 0, process)
        finally:
            process.kill()
