"""What rows hold, read back: a value that somebody else's program damaged is a clear error, a lost time is unknown."""

import json
from typing import TYPE_CHECKING, Any

from filesync.errors import StoreError

if TYPE_CHECKING:
    from filesync.model import Identity


def from_json(text: str) -> Any:
    """Read a column of JSON text. Raises StoreError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise _damaged(text, "JSON") from exc


def object_of(text: str) -> dict[str, Any]:
    """Read a column that holds a JSON object. Raises StoreError."""
    found = from_json(text)
    if not isinstance(found, dict):
        raise _damaged(text, "a JSON object")
    return found


def identity_of(text: str) -> "Identity":
    """Read a column that holds an identity. Raises StoreError."""
    from filesync.model import Identity  # noqa: PLC0415  most rows hold none

    try:
        return Identity(**object_of(text))
    except TypeError as exc:
        raise _damaged(text, "an identity") from exc


def _damaged(text: str, due: str) -> StoreError:
    return StoreError(f"a row of the database is damaged: it holds {text[:40]!r} where {due} is due; restore a backup")
