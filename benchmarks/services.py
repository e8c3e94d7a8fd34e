"""The simulated services, each in a process of its own, and the homes that point to them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from benchmarks.stopwatch import Measured, measure_python

_ROOT = Path(__file__).parent.parent
_EMPTYING = 0.05  # seconds between two looks at the budgets
_LOGINS = ("token", "introspect", "revoke")  # routes whose requests are not counted


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with a configuration, and the environment that commands run in."""

    path: Path
    environ: Mapping[str, str]

    @property
    def database(self) -> Path:
        return self.path / "data" / "connector.db"

    def configure(self, endpoints: Sequence[Mapping[str, Any]], **more: Any) -> None:
        """Write connector.yaml: these endpoints, and whatever else it may have at its top."""
        file = self.path / "config" / "connector.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"endpoints": endpoints, **more}), encoding="utf-8")  # JSON is YAML

    def run(self, *arguments: str) -> Measured:
        """Run `filesync` and measure it."""
        return measure_python(["-m", "filesync", *arguments], {**self.environ, "FILESYNC_HOME": str(self.path)})

    @contextmanager
    def budgets_lifted(self) -> Iterator[None]:
        """Keep the request budgets empty: what is measured is our work, not the documented limits.

        A budget file that is cut short counts as one without requests.
        """
        done = threading.Event()
        thread = threading.Thread(target=_keep_empty, args=(self.path / "data" / "limits", done))
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


class Service:
    """A process of ours that serves; `ids` is what it printed of itself."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.ids: Mapping[str, Any] = self._answer()

    def order(self, verb: str, **about: Any) -> Mapping[str, Any]:
        """Tell a simulator what to do, see filesync/simulators/orders.py."""
        if self._process.stdin is None:
            raise RuntimeError("the process takes no orders")
        self._process.stdin.write(f"{json.dumps({'do': verb, **about})}\n")
        self._process.stdin.flush()
        return self._answer()

    def take_requests(self) -> int:
        """Count the requests since the last time, without those for tokens."""
        counts: Mapping[str, int] = self.order("count")["requests"]
        return sum(count for route, count in counts.items() if route not in _LOGINS)

    def cpu_seconds(self) -> float | None:
        """Tell how long it has computed since it began; None where the system does not tell (it does on Linux)."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _answer(self) -> Mapping[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self._process.args))}: ended")  # type: ignore[arg-type]
        answer: Mapping[str, Any] = json.loads(line)
        return answer


@contextmanager
def serve(module: str, *arguments: str) -> Iterator[Service]:
    """Run a module of ours in a process of its own as long as it is needed."""
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603  our own
        try:
            yield Service(process)
        finally:
            process.terminate()
            process.communicate()  # its last words


@contextmanager
def simulator(name: str, *options: str) -> Iterator[Service]:
    """Serve ACC or Drive without their limits, ready for orders."""
    with serve("filesync.simulators", name, "--no-limits", "--orders", *options) as service:
        yield service


@contextmanager
def acc_home(path: Path, *options: str) -> Iterator[Home]:
    """Serve an ACC project; its home has it as the endpoint "P"."""
    with simulator("acc", *options) as service:
        home = Home(path, acc_environ(service))
        details = {"project_id": service.ids["project_id"], "hub_id": service.ids["hub_id"]}
        home.configure([{"name": "P", "endpoint_type": "autodesk_construction_cloud", "endpoint_details": details}])
        with home.budgets_lifted():
            yield home


@contextmanager
def drive_home(path: Path, *options: str) -> Iterator[Home]:
    """Serve a shared drive; its home has it as the endpoint "P"."""
    key = path / "credentials" / "google-service-account.json"
    key.parent.mkdir(parents=True)
    with simulator("drive", "--key-file", str(key), *options) as service:
        home = Home(path, {"CONNECTOR_GOOGLE_BASE_URL": service.ids["base_url"]})
        details = {"drive_id": service.ids["drive_id"]}
        home.configure([{"name": "P", "endpoint_type": "google_drive", "endpoint_details": details}])
        with home.budgets_lifted():
            yield home


def acc_environ(service: Service) -> dict[str, str]:
    """Point filesync to a simulated ACC."""
    return {
        "CONNECTOR_AUTODESK_CLIENT_ID": service.ids["client_id"],
        "CONNECTOR_AUTODESK_CLIENT_SECRET": service.ids["client_secret"],
        "CONNECTOR_AUTODESK_BASE_URL": service.ids["base_url"],
    }


def acc_token(environ: Mapping[str, str]) -> str:
    """Log in as the app."""
    names = {"client_id": "CONNECTOR_AUTODESK_CLIENT_ID", "client_secret": "CONNECTOR_AUTODESK_CLIENT_SECRET"}
    proof = {name: environ[variable] for name, variable in names.items()}
    form = urlencode({"grant_type": "client_credentials", "scope": "data:read", **proof}).encode()
    address = f"{environ['CONNECTOR_AUTODESK_BASE_URL']}/authentication/v2/token"
    with urlopen(address, form) as answer:  # noqa: S310  the simulator's address  # nosec B310
        return str(json.load(answer)["access_token"])


def _keep_empty(folder: Path, done: threading.Event) -> None:
    while not done.wait(_EMPTYING):
        for lane in folder.glob("*.lane"):
            os.truncate(lane, 0)
