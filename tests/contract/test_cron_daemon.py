"""A real cron daemon, in a namespace of its own, runs an installed line every minute. Takes minutes: `pytest -m soak`."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.trees import grow
from tests.commands.test_cli_schedule import can_unshare
from tests.support.homes import Home

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not can_unshare(), reason="only root, on Linux, can have its own mounts"),
    pytest.mark.skipif(not Path("/usr/sbin/cron").exists(), reason="Debian's cron is not installed"),
]
A_MINUTE = 75.0  # seconds: until the next full one, and a sync
DAY = 86400.0
# Its own spool, no jobs of the machine, and instead of the mail system a program that keeps what it gets.
SCRIPT = """
mount -t tmpfs none /var/spool/cron/crontabs
mount -t tmpfs none /etc/cron.d
mount -t tmpfs none /run
mount --bind /dev/null /etc/crontab
mkdir "$T/sbin"
cp /usr/sbin/cron "$T/sbin/"
printf '#!/bin/sh\\ncat >> "%s/mail"\\n' "$T" > "$T/sbin/sendmail"
chmod 755 "$T/sbin/sendmail"
mount --bind "$T/sbin" /usr/sbin
printf 'MAILTO=root\\n' | crontab -
"$PYTHON" -m filesync --home "$T/my home" schedule install --cron --every 1
crontab -l > "$T/table"
exec /usr/sbin/cron -f
"""


@dataclass
class Site:
    """A home whose path has a blank, a service, and the folder in which the daemon leaves mail."""

    home: Home
    service: AccSimulator
    top: str
    folder: Path

    def mail(self) -> str:
        path = self.folder / "mail"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = SimulatedClock()
    clock.advance(-DAY)
    service = AccSimulator(clock)
    project = service.add_project(service.add_hub())
    top = service.project_files(project)
    grow(service, top, files=50, folders=5)
    clock.advance(DAY)
    with service:
        home = Home(tmp_path / "my home", service)
        every = {"type": "interval", "interval_minutes": 1}
        home.configure({"name": "P", "endpoint_details": {"project_id": project}, "schedule": every})
        values = {name: value for name, value in home.environ.items() if name.startswith("CONNECTOR_")}
        (home.path / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        yield Site(home, service, top, tmp_path)


@pytest.fixture
def daemon(site: Site) -> Iterator["subprocess.Popen[bytes]"]:
    environ = {"PATH": os.environ["PATH"], "T": str(site.folder), "PYTHON": sys.executable, "HOME": "/root"}
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "/bin/sh", "-euc", SCRIPT]
    with (site.folder / "daemon.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd="/")
        try:
            yield process
        finally:
            process.kill()  # and with it everything in its namespace
            process.wait(10)


def wait_until(true: Callable[[], bool], daemon: "subprocess.Popen[bytes]", site: Site) -> None:
    until = time.monotonic() + A_MINUTE
    while not true():
        assert daemon.poll() is None, (site.folder / "daemon.log").read_text()
        assert time.monotonic() < until, f"waited in vain; mail: {site.mail()}"
        time.sleep(0.5)


def syncs(site: Site) -> list[str]:
    try:
        if not site.home.database.exists():
            return []
        return [row["status"] for row in site.home.query("SELECT status FROM sync_logs ORDER BY id")]
    except sqlite3.OperationalError:  # the first sync is about to make it
        return []


def test_cron_finds_new_files_every_minute_and_mails_only_what_is_wrong(
    site: Site, daemon: "subprocess.Popen[bytes]"
) -> None:
    assert shutil.which("crontab")
    wait_until(lambda: syncs(site) == ["success"], daemon, site)
    table = (site.folder / "table").read_text()
    home = f"'{site.home.path}'"
    assert table.startswith("MAILTO=root\n* * * * * /")
    assert table.endswith(f"filesync --home {home} sync # filesync: {home}\n")
    assert len(site.home.files()) == 50
    site.service.add_file(site.top, "found by cron.pdf", 1)
    wait_until(lambda: syncs(site) == ["success", "success"], daemon, site)
    assert "/Project Files/found by cron.pdf" in site.home.paths()
    assert site.mail() == ""
    (site.home.path / "config" / "connector.yaml").write_text("endpoints: nonsense\n")
    wait_until(lambda: "connector.yaml:1" in site.mail(), daemon, site)
    assert syncs(site) == ["success", "success"]
