"""`filesync demo`: the real program against simulated services on this machine; no account, no network."""

import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.home import Home, Options
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.core.errors import UsageError
from filesync.core.timestamps import to_timestamp
from filesync.runtime.settings import CONFIG_FILE
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.trees import grow

_READER = "inventory@example.com"
_CONFIG = """\
endpoints:
  - name: "Tower (ACC)"
    endpoint_type: autodesk_construction_cloud
    endpoint_details: {{project_id: {project_id}}}
  - name: "Site drive"
    endpoint_type: google_drive
    endpoint_details: {{drive_id: {drive_id}}}
"""


@dataclass(frozen=True, slots=True)
class _Stage:
    """Both services, and what will happen in them."""

    acc: AccSimulator
    drive: GoogleDrive
    project_id: str
    drive_id: str
    acc_files: Sequence[str]
    drive_files: Sequence[str]
    drive_folder: str

    def change(self) -> list[str]:
        """Do what a team does in five minutes, and tell it."""
        state = self.drive.state
        self.acc.add_version(self.acc_files[0])
        self.acc.add_file(self.acc.project_files(self.project_id), "Fire concept.pdf", 2_400_000)
        self.acc.hide_file(self.acc_files[1])
        state.rename(self.drive_folder, "Handover 2026")
        state.add_file(self.drive_id, "Meeting 12.pdf", 180_000)
        state.trash(self.drive_files[0])
        for service in (self.acc, self.drive):
            service.clock.advance(60)
        return [
            "ACC:   one new version, one new file, one file deleted",
            "Drive: a folder renamed, one new file, one file moved to the trash",
        ]

    def requests(self) -> tuple[int, int]:
        """Count what both services were asked since the last time, logins aside."""
        counted = self.acc.count(), self.drive.count()
        self.acc.reset()
        self.drive.reset()
        return counted


def demo(
    ctx: typer.Context,
    *,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Keep the demo's home in this folder, to look around in."),
    ] = None,
) -> None:
    """See real syncs of both services over HTTP, with changes in between. Needs no account and no network.

    Two simulated services run on 127.0.0.1 for the length of the demo.
    """
    given, terminal = home_and_terminal(ctx)
    with _folder(given, keep) as folder, _stage(given) as stage:
        _play(_Player(_home_in(folder, stage, given, terminal), terminal), stage)
    if keep is not None:
        where = shlex.quote(str(folder))
        terminal.write(f"\nThe demo's home stays in {folder} to look around in: filesync --home {where} files\n")
        terminal.write("Its services have ended, so nothing can be synced there.\n")
    else:
        terminal.write("\nThe demo's services have ended, and its home is deleted; --keep DIR leaves one to look at.\n")


def _play(player: "_Player", stage: _Stage) -> None:
    player.say("Two services run on this machine now, an ACC project and a Google shared drive, answering over HTTP.")
    player.say("", "1. The first sync lists everything:")
    player.command("sync", "--all")
    player.count(stage)
    player.say("", "2. Nothing happened since; asking again costs one request each:")
    player.command("sync", "--all")
    player.count(stage)
    player.say("", "3. The team works:", *(f"   - {line}" for line in stage.change()))
    player.say("   The next sync finds it without listing everything again:")
    player.command("sync", "--all")
    player.count(stage)
    player.say(
        "   The file deleted in ACC is still there: ACC's change stamps do not show deletions, so filesync re-reads",
        "   every folder in turn and finds them within reconcile_every (6 h), or at once with --full:",
    )
    player.command("sync", "--endpoint", "Tower (ACC)", "--full")
    player.count(stage)
    player.say("", "4. What the database says now:")
    player.command("status")
    player.command("files", "--limit", "8")
    player.say("", "5. What changed since the first listing:")
    player.command("changes", since=True)
    player.say("", "With an account of your own: filesync init, fill in config/connector.yaml, filesync sync.")


class _Player:
    """Runs real commands in the demo's home and shows them as a terminal would."""

    def __init__(self, home: Home, terminal: Terminal) -> None:
        self._home = home
        self._terminal = terminal
        # both streams where they happen, and no progress
        self._both = Terminal(
            terminal.stdin, terminal.stdout, terminal.stdout, terminal.width, environ=terminal.environ
        )
        self._listed_at = ""

    def say(self, *lines: str) -> None:
        for line in lines:
            self._terminal.write(f"{line}\n")

    def command(self, *arguments: str, since: bool = False) -> None:
        """Type a command; `since` asks for the changes after the first listing only."""
        from filesync.cli import run  # noqa: PLC0415  it imports every command, this one too

        if since:
            arguments = (*arguments, "--since", self._listed_at)
        self.say("", f"$ filesync {shlex.join(arguments)}")
        self._terminal.flush()
        terminal = replace(self._both)  # options are set in both
        run(arguments, replace(self._home, options=Options(), messages=terminal), terminal)
        self._listed_at = self._listed_at or to_timestamp(self._home.clock.now())

    def count(self, stage: _Stage) -> None:
        acc, drive = stage.requests()
        self.say(f"  [requests that the services saw, logins aside: ACC {acc}, Drive {drive}]")


@contextmanager
def _folder(given: Home, keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="filesync-demo-") as folder:
            yield Path(folder)
        return
    home = given.cwd / keep
    if home.exists() and any(home.iterdir()):
        raise UsageError(f"{home}: is not empty; --keep wants a new folder")
    yield home


@contextmanager
def _stage(given: Home) -> Iterator[_Stage]:
    """Start both services with a day-old tree each."""
    clock = SimulatedClock(given.clock.now() - timedelta(days=1))
    acc, drive = AccSimulator(clock), GoogleDrive(clock)
    project = acc.add_project(acc.add_hub())
    acc_files = grow(acc, acc.project_files(project), files=180, folders=14, depth=4, seed=7, hostile=False).files
    drive.state.add_user(_READER)
    shared = drive.state.add_drive("Site drive", _READER)
    drive_files = grow(drive.state, shared, files=120, folders=9, depth=3, seed=8, hostile=False).files
    folder = drive.state.add_folder(shared, "Handover")
    for name in ("As-built.ifc", "Door list.xlsx", "Keys.pdf"):
        drive.state.add_file(folder, name, 52_000)
    clock.advance(24 * 3600)
    with acc, drive:
        yield _Stage(acc, drive, project, shared, acc_files, drive_files, folder)


def _home_in(home: Path, stage: _Stage, given: Home, terminal: Terminal) -> Home:
    """Make a home that points to the two services."""
    config = home / CONFIG_FILE
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_CONFIG.format(project_id=stage.project_id, drive_id=stage.drive_id), encoding="utf-8")
    key = home / "credentials" / "google-service-account.json"
    key.parent.mkdir(mode=0o700)
    stage.drive.make_key_file(key, _READER)
    environ = {
        "FILESYNC_HOME": str(home),
        "CONNECTOR_AUTODESK_CLIENT_ID": CLIENT_ID,
        "CONNECTOR_AUTODESK_CLIENT_SECRET": CLIENT_SECRET,
        "CONNECTOR_AUTODESK_BASE_URL": stage.acc.base_url,
        "CONNECTOR_GOOGLE_BASE_URL": stage.drive.base_url,
        "NO_PROXY": "127.0.0.1",
        **{name: given.environ[name] for name in ("NO_COLOR", "FORCE_COLOR", "TERM") if name in given.environ},
    }
    return Home(environ, home, given.clock, given.random, terminal, terminal.redactor)
