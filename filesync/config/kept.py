"""The configuration as it was checked last, kept beside the database: with it a start needs neither YAML nor pydantic.

It counts only while everything that it follows from is the same: the file, the variables that it has values of, what
else its checks looked into, this program and what is installed. Else, and whatever is wrong with it, the file is read
anew. That it cannot be kept is no reason to fail.
"""

import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filesync.config import load_config
from filesync.config.credentials import VARIABLES
from filesync.config.file import Config
from filesync.config.forms import of_form, to_form
from filesync.errors import ConfigError
from filesync.settings import Settings
from filesync.variables import LOGINS, word_in_place_of_path

_NAME = "connector.checked"
_LARGEST = 50_000_000  # bytes
_PACKAGE = Path(__file__).parent.parent
_MEANING = ("", "config", "providers", "providers/autodesk", "providers/google_drive")  # folders whose code decides
_INSTALLED = ("site-packages", "dist-packages")


class Keeper:
    """Gives the configuration of one file, kept or read anew."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.file = settings.database_path.with_name(_NAME)
        self._path = path
        self._settings = settings
        self._basis: _Basis | None = None  # None: what the configuration follows from cannot be told
        self._kept_members = -1  # -1: nothing of this configuration is kept

    def config(self) -> Config:
        """Give the configuration. Raises ConfigMistakes with everything that is wrong, ConfigError without a file."""
        source = _content(self._path)
        kept = None if source is None else self._recalled(source)
        if kept is not None:
            self._kept_members = _members(kept)
            return kept
        config = load_config(self._path, self._settings)
        if source is not None and source == _content(self._path):
            self._basis = self._basis_of(config, source)
        return config

    def keep(self, config: Config) -> None:
        """Keep a configuration for the starts that follow, unless it is, with all members of sets that were checked."""
        if self._basis is None or _members(config) <= self._kept_members or not self.file.parent.is_dir():
            return
        with contextlib.suppress(OSError, ValueError, TypeError):
            form = to_form(config, self._values(config.variables))
            document = {"variables": sorted(config.variables), "looked_at": self._basis.looked_at, "config": form}
            text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
            _replace(self.file, self._basis.digest(text) + b"\n" + text)

    def _recalled(self, source: bytes) -> Config | None:
        """Give what is kept; None when it is not of this file, these variables and this program."""
        try:
            digest, _, text = _private_content(self.file).partition(b"\n")
            document = json.loads(text)
            basis = self._basis_for(source, document["variables"], document["looked_at"])
            if digest != basis.digest(text):
                return None
            config = of_form(document["config"], self._settings, self._values(document["variables"]))
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, ConfigError):
            return None
        self._basis = basis
        return config

    def _basis_of(self, config: Config, source: bytes) -> "_Basis | None":
        from filesync.providers.base import KeepsDetails  # noqa: PLC0415  only what was checked anew is looked at

        declared = (*config.endpoints, *(each.template for each in config.sets))
        looked_at: set[str] = set()
        for kind, credentials in {(each.kind, each.credentials) for each in declared}:
            if not isinstance(kind, KeepsDetails) or self._names_no_path(config.settings_for(credentials)):
                return None
            looked_at.update(map(str, kind.looked_at(config.settings_for(credentials))))
        with contextlib.suppress(OSError):
            return self._basis_for(source, config.variables, looked_at)
        return None

    def _names_no_path(self, settings: Settings) -> bool:
        """Tell whether a login's file has a name that may be the secret itself, which is not to be written down."""
        named = filter(None, (settings.variables.get(name, "") for name in LOGINS))
        return any(word for value in named for word in word_in_place_of_path(value, settings.home))

    def _basis_for(self, source: bytes, variables: Iterable[str], looked_at: Iterable[str]) -> "_Basis":
        settings, names = self._settings, sorted({*variables, *VARIABLES.values()})
        facts = [
            *(str(self._path), str(settings.home), settings.sync_interval_minutes, *_program()),
            *([name, settings.variables.get(name)] for name in names),
            *([path, _fingerprint(Path(path))] for path in sorted(looked_at)),
        ]
        return _Basis(source, json.dumps(facts).encode(), sorted(looked_at))

    def _values(self, names: Iterable[str]) -> Mapping[str, str]:
        return {name: self._settings.variables.get(name, "") for name in names}


@dataclass(slots=True)
class _Basis:
    """What a configuration follows from: the file's content, everything else, and the files that were looked into."""

    source: bytes
    facts: bytes
    looked_at: list[str]

    def digest(self, text: bytes) -> bytes:
        """Sum it up together with what it led to."""
        digest = hashlib.sha256()
        for part in (self.facts, self.source, text):
            digest.update(b"%d\n" % len(part))
            digest.update(part)
        return digest.hexdigest().encode()


def _members(config: Config) -> int:
    return sum(len(each.checked) for each in config.sets)


def _program() -> Iterator[Any]:
    """Tell one program, with what it is built on, from another."""
    yield sys.version
    for folder in _MEANING:
        with os.scandir(_PACKAGE / folder) as entries:
            yield folder, sorted(map(_version, filter(_is_code, entries)))
    for path in sys.path:
        if path.endswith(_INSTALLED):
            yield path, Path(path).stat().st_mtime_ns


def _is_code(entry: "os.DirEntry[str]") -> bool:
    return entry.name.endswith(".py")


def _version(entry: "os.DirEntry[str]") -> tuple[str, int, int]:
    found = entry.stat()
    return entry.name, found.st_mtime_ns, found.st_size


def _fingerprint(path: Path) -> str | None:
    content = _content(path)
    return None if content is None else hashlib.sha256(content).hexdigest()


def _content(path: Path) -> bytes | None:
    """Read a file that the configuration follows from; None when there is nothing to be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except (OSError, ValueError):
        return None


def _private_content(path: Path) -> bytes:
    """Read what we wrote. Raises OSError for anything that somebody else could have put there."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        is_ours = not hasattr(os, "geteuid") or found.st_uid in {0, os.geteuid()}
        if not stat.S_ISREG(found.st_mode) or not is_ours or found.st_mode & 0o022:
            raise PermissionError(f"{path}: not a file that only we write")
        return file.read(_LARGEST)


def _replace(path: Path, content: bytes) -> None:
    """Put a private file in place whole; not synced, since what a power cut leaves of it is told by its digest."""
    import tempfile  # noqa: PLC0415  few starts have something to keep

    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp creates 0600
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
