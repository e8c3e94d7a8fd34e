"""A home's two unit files, and what systemd is told about them."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filesync.errors import SchedulerError
from filesync.locks import write_file
from filesync.scheduling import systemd
from filesync.scheduling.call import Call
from filesync.scheduling.commands import Systemctl


@dataclass(frozen=True, slots=True)
class SystemdTimer:
    """A Timer made of unit files in `folder`; `service` is given for the system's own manager."""

    call: Call
    every: int
    folder: Path
    manager: Systemctl
    service: systemd.Service | None = None

    kind = "systemd"

    @property
    def name(self) -> str:
        return systemd.name_of(self.call.home)

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

    def _units(self) -> Sequence[systemd.Unit]:
        return systemd.units(self.call, self.every, self.service)

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
        if not systemd.is_ours(text, self.call.home):
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
