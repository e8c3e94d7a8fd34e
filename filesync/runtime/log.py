"""The log: events of a run as one line each, as JSON or as text for people, without secrets."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from filesync.core.sanitize import escape_json
from filesync.core.timestamps import to_timestamp
from filesync.runtime.rotating_file import append

LARGEST = 10_000_000  # bytes of one file

_PLAIN = frozenset("-_.:/+@%")  # what a text value may hold without quotes, beside letters and digits


class Level(IntEnum):
    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class Log:
    """Where events go; `path` None: nowhere. `facts` are part of every line, such as the run's id.

    A log that cannot be written stops nothing: what is logged is known elsewhere too. `complain` is told why, once;
    `echo` gets what is of INFO or above as text, whatever the file's level is.
    """

    path: Path | None
    level: Level
    now: Callable[[], datetime]
    scrub: Callable[[str], str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    as_text: bool = False
    largest: int = LARGEST  # bytes of one file; 0: it is never rotated here
    mode: int = 0o600  # who may read it
    complain: Callable[[str], None] = lambda _: None
    echo: Callable[[str], None] | None = None
    complaints: list[str] = field(default_factory=list)  # shared by all that `about` gives

    def about(self, **facts: Any) -> "Log":
        """Return the same log with more to say in every line."""
        return replace(self, facts={**self.facts, **facts})

    def debug(self, event: str, **facts: Any) -> None:
        self.write(Level.DEBUG, event, **facts)

    def info(self, event: str, **facts: Any) -> None:
        self.write(Level.INFO, event, **facts)

    def warning(self, event: str, **facts: Any) -> None:
        self.write(Level.WARNING, event, **facts)

    def error(self, event: str, **facts: Any) -> None:
        self.write(Level.ERROR, event, **facts)

    def write(self, level: Level, event: str, **facts: Any) -> None:
        is_shown = self.echo is not None and level >= Level.INFO
        is_kept = self.path is not None and level >= self.level
        if not is_shown and not is_kept:
            return
        fields = {"timestamp": to_timestamp(self.now()), "level": level.name, "event": event, **self.facts, **facts}
        fields = {name: self._plain(value) for name, value in fields.items()}
        if self.echo is not None and is_shown:
            self.echo(_to_text(fields))
        if self.path is not None and is_kept:
            self._keep(self.path, _to_text(fields) if self.as_text else _to_json(fields))

    def _keep(self, path: Path, line: str) -> None:
        try:
            append(path, f"{line}\n".encode(), self.largest, self.mode)
        except OSError as exc:
            if not self.complaints:
                self.complaints.append(f"{path}: the log cannot be written: {exc.strerror}; nothing else is affected")
                self.complain(self.complaints[0])

    def _plain(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {self.scrub(str(name)): self._plain(each) for name, each in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [self._plain(each) for each in value]
        return self.scrub(str(value))


def nowhere() -> Log:
    """Return a log that nobody reads."""
    return Log(None, Level.ERROR, lambda: datetime.min, str)  # noqa: DTZ901  no line is ever written


def _to_json(fields: Mapping[str, Any]) -> str:
    return escape_json(json.dumps(fields, ensure_ascii=False))


def _to_text(fields: Mapping[str, Any]) -> str:
    """Write `time LEVEL event name=value …`; what is not known is left out."""
    return escape_json(" ".join(_words(fields)))


def _words(fields: Mapping[str, Any]) -> Iterator[str]:
    time, level, event = fields["timestamp"], fields["level"], fields["event"]
    yield f"{time} {level:<7} {event}"
    for name, value in list(fields.items())[3:]:
        if value is not None:
            yield f"{name}={_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, str) and value and all(char.isalnum() or char in _PLAIN for char in value):
        return value
    return json.dumps(value, ensure_ascii=False)
