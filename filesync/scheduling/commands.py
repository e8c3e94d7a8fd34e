"""The system's own programs: `crontab`, `systemctl`, and the program that is scheduled, tried out."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from filesync.core.errors import SchedulerError

_PATIENCE = 60  # seconds
_NO_TABLE = ("no crontab", "no such file or directory")  # what crons say of a user without one; anything else is not it
_NOT_THERE = "is not installed here"


@dataclass(frozen=True, slots=True)
class Crontab:
    """The crontab of the user who runs this."""

    environ: Mapping[str, str]

    def read(self) -> bytes:
        """Read the table; an empty one when there is none."""
        done = self._run("-l")
        if done.returncode == 0:
            return done.stdout
        if any(each in _said(done).lower() for each in _NO_TABLE):
            return b""
        raise SchedulerError(f"crontab -l: {_said(done)}")

    def write(self, table: bytes) -> None:
        """Replace the table; an empty one is removed."""
        done = self._run("-", stdin=table) if table else self._run("-r")
        if done.returncode != 0:
            raise SchedulerError(f"crontab was not changed: {_said(done)}")
        if self.read() != table:
            raise SchedulerError("crontab did not keep what it was given; see: crontab -l")

    def _run(self, *arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        return run([_find("crontab", self.environ, "take --systemd, or install cron"), *arguments], self.environ, stdin)


@dataclass(frozen=True, slots=True)
class Systemctl:
    """The service manager of this machine, or of the user who runs this."""

    environ: Mapping[str, str]
    of_user: bool

    def check(self) -> None:
        """Refuse to go on where no manager answers, before anything is written."""
        self("show", "--property=Version")

    def __call__(self, *arguments: str) -> None:
        scope = ("--user",) if self.of_user else ()
        done = run(
            [_find("systemctl", self.environ, "take --cron"), *scope, "--no-ask-password", *arguments], self.environ
        )
        if done.returncode != 0:
            raise SchedulerError(f"systemctl {' '.join((*scope, *arguments))}: {_said(done)}")


def try_out(program: Sequence[str]) -> None:
    """Start the program as a scheduler does: nothing set, in another folder. Raises SchedulerError."""
    done = run([*program, "--version"], {"PATH": "/usr/bin:/bin"})  # decision 48
    if done.returncode != 0:
        raise SchedulerError(
            f"{' '.join(program)} does not start from another folder ({_said(done)}); "
            "install filesync into a virtual environment and call it from there"
        )


def run(words: Sequence[str], environ: Mapping[str, str], stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run a program to its end, its messages in English."""
    try:
        return subprocess.run(  # noqa: S603  the words are ours, and no shell reads them
            words,
            input=stdin,
            capture_output=True,
            env={**environ, "LC_ALL": "C.UTF-8"},
            cwd="/",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise SchedulerError(f"{words[0]}: no answer for {_PATIENCE} s") from exc
    except OSError as exc:
        raise SchedulerError(f"{words[0]}: cannot be started: {exc.strerror}") from exc


def _find(name: str, environ: Mapping[str, str], instead: str) -> str:
    found = shutil.which(name, path=environ.get("PATH") or "/usr/bin:/bin")
    if found is None:
        raise SchedulerError(f"{name} {_NOT_THERE}; {instead}")
    return found


def _said(done: "subprocess.CompletedProcess[bytes]") -> str:
    """Return what a program complained of, in one line."""
    text = (done.stderr or done.stdout).decode("utf-8", "replace")
    return "; ".join(line.strip() for line in text.splitlines() if line.strip()) or f"exit code {done.returncode}"
