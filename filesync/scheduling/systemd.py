"""systemd: the service and the timer of a home, how little the service may do, and how both get there."""

import contextlib
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filesync.core.errors import SchedulerError
from filesync.runtime.locks import write_file
from filesync.scheduling.commands import Systemctl
from filesync.scheduling.timer import ScheduledCall

_PLAIN = re.compile(r"(/[A-Za-z0-9_.]+)+")
_UNFIT = re.compile(r"[\"'\\]")  # systemd takes no program with these in its path
_LONGEST_NAME = 120
_STATE = Path("/var/lib")
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  asked about, not written to

# what needs no namespace, and so works for a person's own units everywhere
_WALLS = """\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0027
"""
# decision 47: these need namespaces, which some systems refuse to users
_SYSTEM_WALLS = """\
CapabilityBoundingSet=
AmbientCapabilities=
DevicePolicy=closed
KeyringMode=private
PrivateDevices=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit file."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ServiceUnit:
    """Whom a system service runs as, and what it needs of the disk: folders to write into, paths to read."""

    user: str
    writes: Sequence[Path]
    reads: Sequence[Path] = ()


def name_of(home: Path) -> str:
    """Name a home's units: readable, and never the same for two homes."""
    path = str(home)
    slug = re.sub(r"[^A-Za-z0-9_.]+", "-", path).strip("-.")
    if _PLAIN.fullmatch(path) and len(slug) <= _LONGEST_NAME:
        return f"filesync-{slug}"
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"filesync-{slug[-_LONGEST_NAME:].lstrip('-.')}-{digest}"


def units(call: ScheduledCall, every: int, service: ServiceUnit | None = None) -> tuple[Unit, Unit]:
    """Write the service and the timer; without `service` for the units of a person, who is the user then."""
    name = name_of(call.home)
    return Unit(f"{name}.service", _service(call, service)), Unit(f"{name}.timer", _timer(call, every))


def is_ours(text: str, home: Path) -> bool:
    """Return whether a unit file was written for that home."""
    return text.startswith(_mark(home))


def quoted(word: str) -> str:
    r"""Quote a word for a unit: " and \ are escaped, and %, which would be a specifier, is doubled."""
    word = word.replace("%", "%%")
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]+", word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def calendar(every: int) -> str:
    """Write evenly spaced minutes as a calendar event."""
    if every < 60:
        return f"*-*-* *:00/{every}:00"
    hours = every // 60
    return f"*-*-* {'*' if hours == 1 else '00' if hours == 24 else f'00/{hours}'}:00:00"


def _service(call: ScheduledCall, service: ServiceUnit | None) -> str:
    words = call.words()
    if _UNFIT.search(words[0]):
        words = ("/bin/sh", "-c", 'exec "$@"', "filesync", *words)
    verbatim = ":" if any("$" in word for word in words) else ""  # no $NAME is filled in then
    network = "Wants=network-online.target\nAfter=network-online.target\n" if service else ""
    return (
        f"{_mark(call.home)}"
        f"[Unit]\nDescription=filesync in {quoted(str(call.home))}: sync what is due\n{network}"
        f"\n[Service]\nType=oneshot\nExecStart={verbatim}{' '.join(map(quoted, words))}\n"
        f"SuccessExitStatus=143\nTimeoutStopSec=15\n"
        f"{_allowed(service) if service else ''}{_WALLS}{_SYSTEM_WALLS if service else ''}"
    )


def _timer(call: ScheduledCall, every: int) -> str:
    return (
        f"{_mark(call.home)}"
        f"[Unit]\nDescription=filesync in {quoted(str(call.home))}: look what is due\n"
        f"\n[Timer]\nOnCalendar={calendar(every)}\nAccuracySec=10s\nPersistent=true\n"
        f"\n[Install]\nWantedBy=timers.target\n"
    )


def _allowed(service: ServiceUnit) -> str:
    """Say who runs it, and what of the disk it may write and see."""
    state = [folder for folder in service.writes if _is_state(folder)]
    others = [folder for folder in service.writes if folder not in state]
    lines = [f"User={service.user.replace('%', '%%')}"]
    if state:
        relative = " ".join(str(folder.relative_to(_STATE)) for folder in state)
        lines += [f"StateDirectory={relative}", "StateDirectoryMode=0700"]
    if others:
        lines.append(f"ReadWritePaths={' '.join(quoted(str(folder)) for folder in others)}")
    paths = (*service.writes, *service.reads)
    lines.append(f"ProtectHome={'read-only' if _is_below(paths, _HOMES) else 'yes'}")
    lines.append(f"PrivateTmp={'no' if _is_below(paths, _TEMPORARY) else 'yes'}")
    return "".join(f"{each}\n" for each in lines)


def _is_below(paths: Sequence[Path], folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for path in paths for folder in folders)


def _is_state(folder: Path) -> bool:
    """Return whether systemd can look after a folder; of `data` and `logs` it would change the mode, which is yours."""
    return folder.name == "tokens" and folder.is_relative_to(_STATE) and _PLAIN.fullmatch(str(folder)) is not None


def _mark(home: Path) -> str:
    return f"# filesync: {quoted(str(home))}\n"


@dataclass(frozen=True, slots=True)
class SystemdTimer:
    """A Timer made of unit files in `folder`; `service` is given for the system's own manager."""

    call: ScheduledCall
    every: int
    folder: Path
    manager: Systemctl
    service: ServiceUnit | None = None

    kind = "systemd"

    @property
    def name(self) -> str:
        return name_of(self.call.home)

    def text(self) -> str:
        """Write both files, each below a line with its path, as `systemctl cat` does."""
        return self._shown((unit.name, unit.text) for unit in self._units())

    def installed(self) -> str | None:
        found = [(unit.name, text) for unit in self._units() if (text := self._read(unit.name)) is not None]
        return self._shown(found) if found else None

    def install(self) -> bool:
        """Write, load and start; when systemd refuses, the files are what they were."""
        units = self._units()
        before = {unit.name: self._read(unit.name) for unit in units}
        self.manager.check()
        try:
            for unit in units:
                self._write(unit.name, unit.text)
            self.manager("daemon-reload")
            self.manager("enable", "--now", units[1].name)
        except SchedulerError:
            self._restore(before)
            raise
        return any(before[unit.name] != unit.text for unit in units)

    def uninstall(self) -> bool:
        service, timer = self._units()
        present = [unit.name for unit in (timer, service) if self._read(unit.name) is not None]
        if not present:
            return False
        self.manager.check()
        if timer.name in present:
            self.manager("disable", "--now", timer.name)
        for name in present:
            self._remove(name)
        self.manager("daemon-reload")
        return True

    def _units(self) -> Sequence[Unit]:
        return units(self.call, self.every, self.service)

    def _shown(self, files: Iterable[tuple[str, str]]) -> str:
        return "\n".join(f"# {self.folder / name}\n{text}" for name, text in files)

    def _read(self, name: str) -> str | None:
        """Read a file of ours; None when there is none. Raises SchedulerError for somebody else's."""
        path = self.folder / name
        try:
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise SchedulerError(f"{path}: cannot be read: {exc.strerror}") from exc
        if not is_ours(text, self.call.home):
            raise SchedulerError(f"{path}: was not written by filesync for this home; move it away")
        return text

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(path, text.encode("utf-8", "surrogateescape"), 0o644)
        except OSError as exc:
            raise SchedulerError(f"{path}: cannot be written: {exc.strerror}{_advice(exc)}") from exc

    def _remove(self, name: str) -> None:
        path = self.folder / name
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise SchedulerError(f"{path}: cannot be removed: {exc.strerror}{_advice(exc)}") from exc

    def _restore(self, before: dict[str, str | None]) -> None:
        with contextlib.suppress(SchedulerError):
            for name, text in before.items():
                if text is None:
                    self._remove(name)
                else:
                    self._write(name, text)
            self.manager("daemon-reload")


def _advice(exc: OSError) -> str:
    return "; run as root, or take --user" if isinstance(exc, PermissionError) else ""
