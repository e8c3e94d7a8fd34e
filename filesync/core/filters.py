"""Which files of an endpoint belong to the inventory: the filters, bound to an instant, asked file by file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from filesync.core.timestamps import Timestamp, to_timestamp

if TYPE_CHECKING:
    from filesync.core.globs import Glob

Bound = datetime | timedelta  # an instant, or an age counted back from now


@dataclass(frozen=True, slots=True)
class Selection:
    """The filters of an endpoint, as configured; without any, every file is selected.

    `file_types` are lower-case extensions without a dot. `include` and `exclude` are globs
    (`filesync.core.globs`) on the path without its leading slash. A file modified at `modified_after`
    is in, one modified at `modified_before` is out.
    """

    file_types: frozenset[str] = frozenset()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    modified_after: Bound | None = None
    modified_before: Bound | None = None

    def at(self, now: datetime) -> "BoundSelection":
        """Count the ages back from now."""
        return BoundSelection(self, _since(self.modified_after, now), _since(self.modified_before, now))

    @property
    def fingerprint(self) -> str:
        """Return a text that differs whenever a filter differs; an age counts as written, not as the day it means."""
        parts = [
            sorted(self.file_types),
            sorted(set(self.include)),
            sorted(set(self.exclude)),
            _written(self.modified_after),
            _written(self.modified_before),
        ]
        import hashlib  # noqa: PLC0415  a start with nothing due has no files to select

        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def may_contain(self, folder_path: str) -> bool:
        """Return whether anything below the folder could be selected; False means it need not be listed."""
        folder = [name for name in folder_path.split("/") if name]
        if any(_glob(pattern).matches_all_below(folder) for pattern in self.exclude):
            return False
        return not self.include or any(_glob(pattern).may_match_below(folder) for pattern in self.include)


@dataclass(frozen=True, slots=True)
class NameGlobs:
    """Which names are meant: globs on the whole name, in which `/` and a backslash are characters like any other."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def match(self, name: str) -> bool:
        """Return whether a name is meant; case counts."""
        text = as_segment(name)
        return _any_matches(self.include, text) and not _any_matches(self.exclude, text)


def as_segment(text: str) -> str:
    """Write a name, or a glob on one, as a single part of a path: its `/` becomes U+FF0F, as with rclone."""
    return text.replace("/", "\uff0f")


def _any_matches(patterns: Iterable[str], text: str) -> bool:
    return any(_glob(as_segment(pattern)).matches(text) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class BoundSelection:
    """The filters as of one instant: `after` is the first moment that is in, `before` the first that is out again."""

    selection: Selection
    after: Timestamp | None
    before: Timestamp | None

    def matches(self, path: str, file_type: str | None, updated_at: Timestamp | None) -> bool:
        """Return whether a file is selected; one whose time is not known is not left out because of it."""
        return self._has_type(file_type) and self._is_in_time(updated_at) and self._has_path(path.removeprefix("/"))

    def _has_type(self, file_type: str | None) -> bool:
        wanted = self.selection.file_types
        return not wanted or (file_type is not None and file_type.lower() in wanted)

    def _is_in_time(self, updated_at: Timestamp | None) -> bool:
        if updated_at is None:
            return True
        return (self.after is None or updated_at >= self.after) and (self.before is None or updated_at < self.before)

    def _has_path(self, path: str) -> bool:
        include, exclude = self.selection.include, self.selection.exclude
        if include and not any(_glob(pattern).matches(path) for pattern in include):
            return False
        return not any(_glob(pattern).matches(path) for pattern in exclude)


def _glob(pattern: str) -> "Glob":
    from filesync.core.globs import glob  # noqa: PLC0415  as above

    return glob(pattern)


def _since(bound: Bound | None, now: datetime) -> Timestamp | None:
    if bound is None:
        return None
    return to_timestamp(now - bound if isinstance(bound, timedelta) else bound)


def _written(bound: Bound | None) -> str | None:
    if bound is None:
        return None
    return f"age {bound.total_seconds()}" if isinstance(bound, timedelta) else to_timestamp(bound)


def is_within(path: str, folders: Iterable[str]) -> bool:
    """Return whether a path is one of these folders, or below one."""
    below = path.strip("/")
    return any(below == folder or below.startswith(f"{folder}/") for folder in (each.strip("/") for each in folders))
