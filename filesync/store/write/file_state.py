"""What a file's row says at one moment, and what a step from one such state to the next is called in the feed."""

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from filesync.core.model import Gone, RemoteFile
from filesync.core.timestamps import Timestamp

FACTS = (
    "file_name",
    "file_link",
    "file_size",
    "file_type",
    "mime_type",
    "version",
    "version_number",
    "checksum",
    "checksum_algorithm",
    "parent_external_id",
    "created_by",
    "modified_by",
    "modified_by_id",
    "created_at",
    "updated_at",
    "extra",
)
TRACKED = (*FACTS, "file_path", "deleted_at", "deleted_reason")

Value = str | int | None
Facts = tuple[Value, ...]  # in the order of FACTS
FileState = tuple[Value, ...]  # in the order of TRACKED

_NAME = TRACKED.index("file_name")
_SIZE = TRACKED.index("file_size")
_TYPE = TRACKED.index("file_type")
_VERSION = TRACKED.index("version")
_CHECKSUM = TRACKED.index("checksum")
_PARENT = TRACKED.index("parent_external_id")
_UPDATED = TRACKED.index("updated_at")
_PATH = TRACKED.index("file_path")
_DELETED = TRACKED.index("deleted_at")


class ChangeRow(NamedTuple):
    """A change as the feed tells it: its kind, and the columns that differ, as JSON text."""

    kind: str
    content_changed: bool
    before: str | None
    after: str


def facts_of(file: RemoteFile, parent_id: str | None) -> Facts:
    """Lay a file's facts out in column order; `parent_id` is the folder it is shown in."""
    return (
        file.name,
        file.link,
        file.size,
        file.file_type,
        file.mime_type,
        file.version,
        file.version_number,
        file.checksum,
        file.checksum_algorithm,
        parent_id,
        file.created_by,
        file.modified_by,
        file.modified_by_id,
        file.created_at,
        file.updated_at,
        file.extra,
    )


def alive(facts: Facts, path: str) -> FileState:
    return (*facts, path, None, None)


def gone(state: FileState, at: Timestamp, reason: Gone) -> FileState:
    return (*state[:_DELETED], at, reason.value)


def moved_to(state: FileState, path: str) -> FileState:
    return (*state[:_PATH], path, *state[_PATH + 1 :])


def is_alive(state: FileState) -> bool:
    return state[_DELETED] is None


def name_of(state: FileState | Facts) -> str:
    return str(state[_NAME])


def path_of(state: FileState) -> str:
    return str(state[_PATH])


def parent_of(state: FileState | Facts) -> str | None:
    parent = state[_PARENT]
    return None if parent is None else str(parent)


def type_of(state: FileState | Facts) -> str | None:
    file_type = state[_TYPE]
    return None if file_type is None else str(file_type)


def updated_at(state: FileState | Facts) -> Timestamp | None:
    moment = state[_UPDATED]
    return None if moment is None else Timestamp(str(moment))


def to_created_row(after: FileState) -> ChangeRow:
    """Tell of a file that was never there before; columns that are absent from `after` are NULL."""
    known = {name: value for name, value in zip(TRACKED, after, strict=True) if value is not None}
    return ChangeRow("created", content_changed=False, before=None, after=_to_json(known))


def to_change_row(before: FileState, after: FileState) -> ChangeRow:
    """Tell of a file that differs from what the row says."""
    differing = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    content = _content(before) != _content(after)
    return ChangeRow(
        _kind(before, after, content=content),
        content_changed=content and is_alive(after),
        before=_to_json({TRACKED[i]: before[i] for i in differing}),
        after=_to_json({TRACKED[i]: after[i] for i in differing}),
    )


def _kind(before: FileState, after: FileState, *, content: bool) -> str:
    if not is_alive(after):
        return "deleted"
    if not is_alive(before):
        return "restored"
    if before[_PARENT] != after[_PARENT] or _folder_of(before) != _folder_of(after):
        return "moved"
    if before[_NAME] != after[_NAME]:
        return "renamed"
    return "modified" if content else "touched"


def _content(state: FileState) -> tuple[Value, ...]:
    """Pick what stands for the content: its time, where the service gives neither version nor checksum."""
    if state[_VERSION] is None and state[_CHECKSUM] is None:
        return (state[_UPDATED], state[_SIZE])
    return (state[_VERSION], state[_CHECKSUM], state[_SIZE])


def _folder_of(state: FileState) -> str:
    return path_of(state).rpartition("/")[0]


def _to_json(columns: Mapping[str, Value]) -> str:
    return orjson.dumps(columns).decode()
