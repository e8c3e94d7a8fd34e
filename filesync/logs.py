"""The log file: one JSON object a line, written whole by any process of the home, without secrets.

Each line is one write to a file opened for it, so that lines of several processes never mix and a file that was
rotated meanwhile loses nothing.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from filesync.clock import to_timestamp
from filesync.locks import locked

LARGEST = 10_000_000  # bytes of one file
KEPT = 5  # older files: connector.log.1 is the newest of them


class Level(IntEnum):
    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class Log:
    """Where events go; `path` None: nowhere. `facts` are part of every line, such as the run's id.

    A log that cannot be written stops nothing: what is logged is known elsewhere too.
    """

    path: Path | None
    level: Level
    now: Callable[[], datetime]
    scrub: Callable[[str], str]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def about(self, **facts: Any) -> "Log":
        """Give the same log with more to say in every line."""
        return replace(self, facts={**self.facts, **facts})

    def debug(self, event: str, **facts: Any) -> None:
        self._write(Level.DEBUG, event, facts)

    def info(self, event: str, **facts: Any) -> None:
        self._write(Level.INFO, event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._write(Level.WARNING, event, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._write(Level.ERROR, event, facts)

    def _write(self, level: Level, event: str, facts: Mapping[str, Any]) -> None:
        if self.path is None or level < self.level:
            return
        fields = {"timestamp": to_timestamp(self.now()), "level": level.name, "event": event, **self.facts, **facts}
        line = json.dumps({name: self._plain(value) for name, value in fields.items()}, ensure_ascii=False)
        try:
            _append(self.path, f"{line}\n".encode("utf-8", "backslashreplace"))
        except OSError:
            return

    def _plain(self, value: Any) -> Any:
        return value if value is None or isinstance(value, bool | int | float) else self.scrub(str(value))


def nowhere() -> Log:
    """Give a log that nobody reads."""
    return Log(None, Level.ERROR, lambda: datetime.min, str)  # noqa: DTZ901  no line is ever written


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        os.write(fd, line)
        size = os.fstat(fd).st_size
    finally:
        os.close(fd)
    if size > LARGEST:
        _rotate(path)


def _rotate(path: Path) -> None:
    """Move every file one number up, one process at a time; whoever comes second finds it done."""
    with locked(path.with_name(f".{path.name}.lock")):
        if path.stat().st_size <= LARGEST:
            return
        for number in range(KEPT, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
            if newer.exists():
                newer.replace(older)
