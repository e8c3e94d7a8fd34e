"""What an endpoint's filters let in, said a second time and as plainly as possible."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from unicodedata import normalize


@dataclass(frozen=True)
class Filters:
    """The filters as they stand in the file: dates as YYYY-MM-DD, ages as so many days with a d behind."""

    file_types: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    modified_after: str | None = None
    modified_before: str | None = None

    @property
    def details(self) -> dict[str, Any]:
        """Write them as `endpoint_details` have them; none that says nothing."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items() if value}

    def keep(self, row: dict[str, Any], now: datetime) -> bool:
        """Tell whether a file with such a row is in the inventory."""
        path = row["file_path"].removeprefix("/").split("/")
        types = [name.lower() for name in self.file_types]
        return (
            (not types or row["file_type"] in types)
            and (not self.include or any(fits(pattern.split("/"), path) for pattern in self.include))
            and not any(fits(pattern.split("/"), path) for pattern in self.exclude)
            and (self.modified_after is None or row["updated_at"] >= instant(self.modified_after, now))
            and (self.modified_before is None or row["updated_at"] < instant(self.modified_before, now))
        )

    def reach(self, folder: str) -> bool:
        """Tell whether some file below the folder could be in; what is excluded whole need not be read."""
        path = folder.removeprefix("/").split("/")
        if any(pattern.endswith("/**") and fits(pattern.split("/"), [*path, "x"]) for pattern in self.exclude):
            return False
        return not self.include or any(leads(pattern.split("/"), path) for pattern in self.include)


def fits(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """`**` is any number of folders, also none, but never the file itself; the rest is folder by folder."""
    if not pattern or not path:
        return not pattern and not path
    if pattern[0] != "**":
        return fnmatchcase(normalize("NFC", path[0]), pattern[0]) and fits(pattern[1:], path[1:])
    return len(pattern) == 1 or any(fits(pattern[1:], path[at:]) for at in range(len(path)))


def leads(pattern: Sequence[str], folder: Sequence[str]) -> bool:
    """Tell whether a path that begins with the folder can fit."""
    if not pattern or not folder:
        return bool(pattern)
    if pattern[0] == "**":
        return True
    return fnmatchcase(normalize("NFC", folder[0]), pattern[0]) and leads(pattern[1:], folder[1:])


def instant(bound: str, now: datetime) -> str:
    moment = now - timedelta(days=int(bound[:-1])) if bound.endswith("d") else datetime.fromisoformat(bound)
    return f"{moment.replace(tzinfo=UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
