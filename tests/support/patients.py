"""Homes for the doctor: a healthy one with both services and a crontab, copied for each test that breaks it."""

import codecs
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.keys import to_pem
from tests.support.homes import READER, Ended, Home

SOMEBODY = 4321  # a user who has nothing
_CRONTAB = '#!/bin/sh\n[ "$1" = -l ] && cat "$HOME/table"\n'
_PROGRAM = "#!/bin/sh\nexit 0\n"
_ORDER = {"OK": 0, "WARN": 1, "FAIL": 2}
Check = tuple[str, str]


@dataclass(frozen=True)
class Seen:
    """What the doctor said."""

    ended: Ended
    document: Mapping[str, Any]

    @property
    def levels(self) -> dict[Check, str]:
        """Give the worst level of each check; one that was not made is not there."""
        found: dict[Check, str] = {}
        for each in self.document["findings"]:
            key = (each["area"], each["check"])
            found[key] = max(found.get(key, "OK"), each["level"], key=_ORDER.__getitem__)
        return found

    def of(self, area: str, check: str) -> list[dict[str, Any]]:
        return [each for each in self.document["findings"] if (each["area"], each["check"]) == (area, check)]


@dataclass
class Patient:
    """A home of one test; `environ` is what its shell knows."""

    path: Path
    machine: Path  # where its user has programs and a crontab
    acc: AccSimulator
    drive: GoogleDrive
    clock: SimulatedClock
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.path / "data" / "connector.db"

    @property
    def config(self) -> Path:
        return self.path / "config" / "connector.yaml"

    @property
    def env(self) -> Path:
        return self.path / ".env"

    @property
    def table(self) -> Path:
        return self.machine / "table"

    @property
    def home(self) -> Home:
        home = Home(self.path, clock=self.clock)
        programs = {"PATH": f"{self.machine}/bin:/bin", "HOME": str(self.machine)}
        home.environ = {"FILESYNC_HOME": str(self.path), **programs, **self.environ}
        return home

    def see(self, *argv: str) -> Seen:
        """Let the doctor look; offline, unless it is told otherwise."""
        ended = self.home.run("doctor", "--json", *(argv or ("--offline",)))
        return Seen(ended, json.loads(ended.out) if ended.out else {})

    def see_all(self) -> Seen:
        """Let the doctor look, and ask the services."""
        return self.see("-v")

    def configure(self, **more: Any) -> None:
        """Change what connector.yaml says at its top."""
        self.config.write_text(yaml.safe_dump({**self.configuration(), **more}))

    def configuration(self) -> Any:
        return yaml.safe_load(self.config.read_text())

    def write_env(self, **variables: str) -> None:
        """Set variables in `.env`, in the place of what it says."""
        known = dict(line.split("=", 1) for line in self.env.read_text().splitlines()) | variables
        self.env.write_text("".join(f"{name}={value}\n" for name, value in known.items() if value))

    def write(self, sql: str, *values: object) -> None:
        """Change the database behind the program's back."""
        connection = sqlite3.connect(self.database, isolation_level=None)
        try:
            connection.execute(sql, values)
        finally:
            connection.close()

    def give_away(self) -> None:
        """Let the home belong to a user who is not root: root may do everything."""
        if os.geteuid() == 0:
            for path in (self.path, *self.path.rglob("*")):
                os.chown(path, SOMEBODY, SOMEBODY)


@contextmanager
def somebody() -> Iterator[None]:
    """Be a user who is not root for the length of a block, as far as files are concerned; for root."""
    groups = os.getgroups()
    codecs.lookup("ascii")  # it is imported when it is first asked for, and the library may be root's
    os.setgroups([])
    os.setresgid(SOMEBODY, SOMEBODY, 0)
    os.setresuid(SOMEBODY, SOMEBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


@contextmanager
def healthy(folder: Path) -> Iterator[Patient]:
    """Make a home that nothing is wrong with: two services, a login of each, a crontab, one scheduled start."""
    clock = SimulatedClock(SimulatedClock().now().replace(microsecond=0), frozen=True)  # a Date has whole seconds
    acc, drive = AccSimulator(clock), GoogleDrive(clock, wall=clock)
    project = acc.add_project(acc.add_hub())
    acc.add_file(acc.project_files(project), "Plan.pdf")
    drive.state.add_user(READER)
    shared = drive.state.add_drive("Tower", READER)
    drive.state.add_file(shared, "Minutes.txt")
    with acc, drive:
        patient = Patient(folder / "home", folder / "machine", acc, drive, clock)
        for name, mode in (("", 0o755), ("config", 0o755), ("data", 0o755), ("logs", 0o755)):
            _make_folder(patient.path / name, mode)
        for name in ("tokens", "credentials"):
            _make_folder(patient.path / name, 0o700)
        _make_programs(patient.machine)
        _make_key(drive, patient.path / "credentials" / "google-service-account.json")
        patient.env.touch(mode=0o600)
        patient.write_env(
            CONNECTOR_AUTODESK_CLIENT_ID=CLIENT_ID,
            CONNECTOR_AUTODESK_CLIENT_SECRET=CLIENT_SECRET,
            CONNECTOR_AUTODESK_BASE_URL=acc.base_url,
            CONNECTOR_GOOGLE_BASE_URL=drive.base_url,
        )
        patient.config.write_text(yaml.safe_dump(_configuration(project, shared)))
        install(patient)
        synced = patient.home.run("sync")
        assert (synced.code, synced.err) == (0, "")
        yield patient


def copy_of(patient: Patient, folder: Path) -> Patient:
    """Copy a home with its machine; the services stay the same."""
    for path in (patient.path, patient.machine):
        shutil.copytree(path, folder / path.name, symlinks=True)
    clock = SimulatedClock(patient.clock.now(), frozen=True)
    copy = Patient(folder / "home", folder / "machine", patient.acc, patient.drive, clock)
    install(copy)
    return copy


def install(patient: Patient, slots: str = "*/5 * * * *") -> None:
    """Put the home's line into the crontab."""
    line = f"{slots} {patient.machine}/bin/filesync --home {patient.path} sync # filesync: {patient.path}\n"
    patient.table.write_text(line)


def _make_folder(path: Path, mode: int) -> None:
    path.mkdir()
    path.chmod(mode)


def _make_key(drive: GoogleDrive, path: Path) -> None:
    """Make a service account's key, a small one: every look at it checks that it is one, which takes its time."""
    drive.make_key_file(path, READER, [READER])
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    drive.tokens.accounts[READER] = replace(drive.tokens.accounts[READER], key=small)
    path.write_text(json.dumps({**json.loads(path.read_text()), "private_key": to_pem(small)}))


def _make_programs(machine: Path) -> None:
    (machine / "bin").mkdir(parents=True)
    for name, text in (("crontab", _CRONTAB), ("filesync", _PROGRAM)):
        program = machine / "bin" / name
        program.write_text(text)
        program.chmod(0o755)


def _configuration(project: str, shared: str) -> Mapping[str, Any]:
    endpoints = [
        {
            "name": "P",
            "endpoint_type": "autodesk_construction_cloud",
            "endpoint_details": {"project_id": project},
        },
        {"name": "D", "endpoint_type": "google_drive", "endpoint_details": {"drive_id": shared}},
    ]
    return {"endpoints": endpoints, "notify": {"ops": {"type": "command", "command": ["true"]}}}
