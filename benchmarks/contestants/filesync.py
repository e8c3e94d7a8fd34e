"""filesync itself: real commands in real homes, as cron starts them."""

import shutil
import sqlite3  # noqa: TID251  counts rows behind the back of what it measures
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.drive import Drive
from benchmarks.racing import Sample
from benchmarks.services import Home, Service
from benchmarks.stopwatch import Measured

DRIVE = "google_drive"
ACC = "autodesk_construction_cloud"

NAME = "filesync"


class Filesync:
    """Syncs of one simulated service; `settle` makes time for what a service needs before its state can be trusted."""

    def __init__(
        self,
        make_home: Callable[[], Home],
        service: Service,
        *,
        cpu_seconds: Callable[[], float | None],
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self._make_home = make_home
        self.service = service
        self._cpu_seconds = cpu_seconds
        self._settle = settle
        self._home: Home | None = None

    @property
    def home(self) -> Home:
        """Give the home of the last first sync; there is one now if there was none."""
        if self._home is None:
            self._home = self._new_home()
            self.sync()
        return self._home

    def first(self) -> Sample:
        """Sync into a new home, which has its access token already, as rclone has, and stays for `again`."""
        self._home = self._new_home()
        return self.sync()

    def again(self) -> Sample:
        """Sync the same home once more."""
        return self.sync()

    def after_change(self, share: float, *, together: bool = False) -> Callable[[], Sample]:
        """Give the run that changes so many of the files, evenly or `together` in a few places, and syncs."""

        def run() -> Sample:
            changed = self.service.order("change", share=share, together=together)["changed"]
            self._settle()
            last = stored_changes(self.home)
            sample = self.sync()
            found = stored_changes(self.home) - last
            if found != changed:
                sys.exit(f"{changed} files were changed, and the sync found {found}")
            return sample

        return run

    def sync(self, *options: str) -> Sample:
        """Run `filesync sync` in the present home."""
        home = self.home
        before = self._cpu_seconds()
        self.service.take_requests()
        with home.budgets_lifted():
            measured = checked(home.run("sync", "--all", "--json", *options))
        after = self._cpu_seconds()
        busy = None if before is None or after is None else after - before
        return to_sample(measured, home, requests=self.service.take_requests(), service_seconds=busy)

    def _new_home(self) -> Home:
        if self._home is not None:
            shutil.rmtree(self._home.path)
        home = self._make_home()
        with home.budgets_lifted():
            checked(home.run("endpoints", "check"))
        return home


def on_drive(drive: Drive, folder: Path) -> Filesync:
    """Sync the whole My Drive, over TLS and through the proxy as everybody."""
    environ = drive_environ(drive)

    def make_home() -> Home:
        return made(folder, environ, [endpoint("P", DRIVE, {})])

    return Filesync(make_home, drive.service, cpu_seconds=drive.cpu_seconds)


def drive_environ(drive: Drive) -> dict[str, str]:
    """Point filesync to the proxy and the login; the address stays Google's."""
    return {
        "GOOGLE_CREDENTIALS_PATH": str(drive.user_file),
        "HTTPS_PROXY": drive.address,
        "REQUESTS_CA_BUNDLE": drive.authority,
    }


def on_acc(service: Service, folder: Path, environ: dict[str, str], settle: Callable[[], None]) -> Filesync:
    """Sync the simulator's first project."""
    details = {"project_id": service.ids["project_id"], "hub_id": service.ids["hub_id"]}

    def make_home() -> Home:
        return made(folder, environ, [endpoint("P", ACC, details)])

    return Filesync(make_home, service, cpu_seconds=service.cpu_seconds, settle=settle)


def endpoint(name: str, kind: str, details: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "endpoint_type": kind, "endpoint_details": details, **more}


def checked(measured: Measured) -> Measured:
    """Give it back unless the command failed: a figure of a failure would be worth nothing."""
    if measured.code:
        sys.exit(f"filesync ended with {measured.code}: {measured.err}{measured.out}")
    return measured


def to_sample(measured: Measured, home: Home, **about: Any) -> Sample:
    """Add to what a command took what is in the home's database now."""
    return Sample(
        measured.wall_seconds,
        measured.cpu_seconds,
        measured.peak_bytes,
        rows=count(home.database, "SELECT count(*) FROM current_files"),
        database_bytes=database_bytes(home),
        **about,
    )


def stored_changes(home: Home) -> int:
    """Tell how many changes all syncs found so far."""
    return count(home.database, "SELECT count(*) FROM changes")


def database_bytes(home: Home) -> int:
    """Weigh the database with what SQLite keeps beside it."""
    return sum(path.stat().st_size for path in home.database.parent.glob("connector.db*") if path.is_file())


def count(database: Path, query: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(query).fetchone()[0])


def made(folder: Path, environ: dict[str, str], endpoints: Sequence[dict[str, Any]]) -> Home:
    home = Home(folder, environ)
    home.configure(endpoints)
    return home
