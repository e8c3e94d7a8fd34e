"""Forms: a configuration as JSON and back, once everything in it was checked.

A list's first item says what the list is; text, numbers, yes/no and nothing are themselves, a mapping is one. Values
of variables are taken out of every text, and put in again from the variables of then: no secret is written down twice.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from filesync.config.file import Config
from filesync.redaction import Secret
from filesync.settings import Settings

_SHORTEST = 4  # characters: a shorter value of a variable is no secret, and stands in other texts by chance
_BARE = frozenset({int, float, bool, type(None)})  # what stands for itself
_SHARED = frozenset({"CronSchedule", "IntervalSchedule", "ManualSchedule", "Selection", "Target", "timedelta"})
_PLAIN = (str, int, float, bool, type(None))
_NOUNS: Mapping[str, tuple[str, ...]] = {
    "filesync.alerts": ("Command", "Event", "Ping", "Target", "Webhook"),
    "filesync.config.credentials": ("CredentialSet",),
    "filesync.config.endpoint": ("Endpoint",),
    "filesync.config.mistakes": ("Mistake",),
    "filesync.config.sets": ("Checked", "EndpointSet"),
    "filesync.retention": ("Keep", "Retention"),
    "filesync.schedule": ("IntervalSchedule", "ManualSchedule"),
    "filesync.selection": ("NameGlobs", "Selection"),
}
_MODULES = {name: module for module, names in _NOUNS.items() for name in names}


def to_form(config: Config, values: Mapping[str, str]) -> dict[str, Any]:
    """Write a configuration; `values` are those of its variables. Raises ValueError for what has no form."""
    return _Writer(config, values).form()


def of_form(form: Mapping[str, Any], settings: Settings, values: Mapping[str, str]) -> Config:
    """Make the configuration that was written. Raises LookupError, ValueError, TypeError for what was not."""
    return _Reader(settings, values).config(form)


class _Masks:
    """Stand-ins for the values of variables: a name between two characters that no text has."""

    def __init__(self, values: Mapping[str, str]) -> None:
        bare = {name: value.strip() for name, value in values.items()}
        self._values = {name: value for name, value in bare.items() if len(value) >= _SHORTEST}
        self._names = {value: name for name, value in self._values.items()}
        longest_first = sorted(self._names, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    def masked(self, text: str) -> str:
        if "\0" in text:
            raise ValueError("a text with a character that no text has")
        return self._any.sub(lambda found: f"\0{self._names[found[0]]}\0", text)

    def shown(self, text: str) -> str:
        if "\0" not in text:
            return text
        parts = text.split("\0")
        parts[1::2] = [self._values[name] for name in parts[1::2]]
        return "".join(parts)


class _Writer:
    def __init__(self, config: Config, values: Mapping[str, str]) -> None:
        declared = (*config.endpoints, *(each.template for each in config.sets))
        self._config = config
        self._kinds = {id(each.kind): each.endpoint_type for each in declared}
        self._same: dict[Any, int] = {}  # what was written and may come again, by its order
        self._masked = _Masks(values).masked
        self._plain: Mapping[str, Callable[[Any], Iterable[Any]]] = {
            "Event": lambda event: [event.value],
            "PosixPath": lambda path: [self._masked(str(path))],
            "Secret": lambda secret: [self._masked(secret.reveal())],
            "Settings": lambda settings: [settings.credentials],
            "datetime": lambda moment: [moment.isoformat()],
            "timedelta": lambda length: [length.days, length.seconds, length.microseconds],
        }

    def form(self) -> dict[str, Any]:
        names = {"credentials": None, **{each.name: None for each in fields(Config)}}  # others refer to credentials
        del names["settings"]
        return {name: self._written(getattr(self._config, name)) for name in names}

    def _written(self, value: Any) -> Any:
        if isinstance(value, str) and type(value).__name__ not in _MODULES:
            return self._masked(value)
        if isinstance(value, int | float | None):
            return value
        if isinstance(value, Mapping):
            return {self._masked(key): self._written(each) for key, each in value.items()}
        return self._shared(value) if type(value).__name__ in _SHARED else [*self._named(value)]

    def _shared(self, value: Any) -> list[Any]:
        """Write what many endpoints have in common once; a target stays the same one, whoever is told by it."""
        key = id(value) if type(value).__name__ == "Target" else (type(value), value)
        if key in self._same:
            return ["same", self._same[key]]
        form = [*self._named(value)]
        self._same[key] = len(self._same)
        return ["new", form]

    def _named(self, value: Any) -> Iterable[Any]:
        name = type(value).__name__
        if isinstance(value, tuple | list):
            yield from (name, *map(self._written, value))
        elif isinstance(value, frozenset):
            yield from (name, *map(self._written, sorted(value)))
        elif id(value) in self._kinds:
            yield from ("kind", self._kinds[id(value)])
        elif name in self._plain:
            yield from (name, *self._plain[name](value))
        elif is_dataclass(value):
            yield from (name, *(self._written(getattr(value, each.name)) for each in fields(value)))
        else:
            yield from ("details", self._written(_facts(value)))


def _facts(details: Any) -> Mapping[str, Any]:
    """Give what an `open` asks of details; the filters are kept as a Selection, names of members as NameGlobs."""
    if isinstance(details, SimpleNamespace):
        return vars(details)
    from filesync.providers.details import FilterDetails  # noqa: PLC0415  a model is there, so pydantic is too

    kept = ((name, value) for name, value in details if name not in FilterDetails.model_fields)
    return {name: value for name, value in kept if isinstance(value, _PLAIN)}


class _Reader:
    def __init__(self, settings: Settings, values: Mapping[str, str]) -> None:
        self._settings = settings
        self._credentials: Mapping[str, Any] = {}
        self._new: list[Any] = []
        self._bare = _BARE if values else _BARE | {str}
        self._shown = _Masks(values).shown
        self._makers: Mapping[str, Callable[..., Any]] = {
            "CronSchedule": _to_cron,
            "PosixPath": Path,
            "Secret": Secret,
            "Settings": self._settings_for,
            "datetime": datetime.fromisoformat,
            "details": lambda facts: SimpleNamespace(**facts),
            "frozenset": lambda *items: frozenset(items),
            "kind": _kind_of,
            "list": lambda *items: [*items],
            "new": self._noted,
            "same": self._new.__getitem__,
            "timedelta": timedelta,
            "tuple": lambda *items: items,
        }

    def config(self, form: Mapping[str, Any]) -> Config:
        parts: dict[str, Any] = {}
        for name, value in form.items():
            parts[name] = self._made(value)
            self._credentials = parts["credentials"]
        return Config(self._settings, **parts)

    def _made(self, value: Any) -> Any:
        if isinstance(value, list):
            name, *parts = value
            make = self._makers.get(name) or _noun(name)
            return make(*[each if each.__class__ in self._bare else self._made(each) for each in parts])
        if isinstance(value, dict):
            made = ((key, each if each.__class__ in self._bare else self._made(each)) for key, each in value.items())
            return {self._shown(key): each for key, each in made}
        return self._shown(value) if isinstance(value, str) else value

    def _noted(self, value: Any) -> Any:
        self._new.append(value)
        return value

    def _settings_for(self, credentials: str) -> Settings:
        if not credentials:
            return self._settings
        return self._settings.with_credentials(credentials, self._credentials[credentials].values)


def _to_cron(expression: str, timezone: str) -> Any:
    """Make the schedule, unless its time zone is known no longer."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415  few schedules have one

    from filesync.schedule import CronSchedule  # noqa: PLC0415  as above

    ZoneInfo(timezone)
    return CronSchedule(expression, timezone)


def _kind_of(endpoint_type: str) -> Any:
    from filesync.providers.kinds import kind_of  # noqa: PLC0415  a file without endpoints has none

    return kind_of(endpoint_type)


@cache
def _noun(name: str) -> Callable[..., Any]:
    """Find one of the classes that a configuration is made of. Raises LookupError."""
    found: Callable[..., Any] = getattr(importlib.import_module(_MODULES[name]), name)
    return found
