"""The simulated services, each in a process of its own, and the home that points to one."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stopwatch import Measured, measure

_ROOT = Path(__file__).parent.parent
_EMPTYING = 0.05  # seconds between two looks at the budgets


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with a configuration, and the environment that commands run in."""

    path: Path
    environ: dict[str, str]

    @property
    def database(self) -> Path:
        return self.path / "data" / "connector.db"

    def configure(self, endpoints: Sequence[dict[str, Any]]) -> None:
        file = self.path / "config" / "connector.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"endpoints": endpoints}), encoding="utf-8")  # JSON is YAML

    def run(self, *arguments: str) -> Measured:
        """Run `filesync` and measure it."""
        return measure(["filesync", *arguments], {"FILESYNC_HOME": str(self.path), **self.environ})


@contextmanager
def acc_home(path: Path, *options: str) -> Iterator[Home]:
    """Serve an ACC project; its home has it as the endpoint "P"."""
    with _service("acc", *options) as ids:
        environ = {
            "CONNECTOR_AUTODESK_CLIENT_ID": ids["client_id"],
            "CONNECTOR_AUTODESK_CLIENT_SECRET": ids["client_secret"],
            "CONNECTOR_AUTODESK_BASE_URL": ids["base_url"],
        }
        home = Home(path, environ)
        details = {"project_id": ids["project_id"], "hub_id": ids["hub_id"]}
        home.configure([{"name": "P", "endpoint_type": "autodesk_construction_cloud", "endpoint_details": details}])
        with _budgets_lifted(path / "data" / "limits"):
            yield home


@contextmanager
def drive_home(path: Path, *options: str) -> Iterator[Home]:
    """Serve a shared drive; its home has it as the endpoint "P"."""
    key = path / "credentials" / "google-service-account.json"
    key.parent.mkdir(parents=True)
    with _service("drive", "--key-file", str(key), *options) as ids:
        home = Home(path, {"CONNECTOR_GOOGLE_BASE_URL": ids["base_url"]})
        details = {"drive_id": ids["drive_id"]}
        home.configure([{"name": "P", "endpoint_type": "google_drive", "endpoint_details": details}])
        with _budgets_lifted(path / "data" / "limits"):
            yield home


@contextmanager
def _service(name: str, *options: str) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "filesync.simulators", name, "--no-limits", *options]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own
        try:
            yield json.loads(process.stdout.readline() if process.stdout else "")
        finally:
            process.terminate()
            process.communicate()  # its last words


@contextmanager
def _budgets_lifted(folder: Path) -> Iterator[None]:
    """Keep the request budgets empty: what is measured is our work, not the documented limits.

    A budget file that is cut short counts as one without requests.
    """
    done = threading.Event()
    thread = threading.Thread(target=_keep_empty, args=(folder, done))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _keep_empty(folder: Path, done: threading.Event) -> None:
    while not done.wait(_EMPTYING):
        for lane in folder.glob("*.lane"):
            os.truncate(lane, 0)
