"""What rows hold: JSON that is read back, where damage is a clear error, and text, which must be UTF-8."""

import json
import re
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from filesync.core.errors import StoreError

if TYPE_CHECKING:
    from filesync.core.model import Identity

_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON may carry them alone, databases hold UTF-8 only
_NOT_IN_POSTGRES = re.compile("[\0\ud800-\udfff]")


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
    from filesync.core.model import Identity  # noqa: PLC0415  most rows hold none

    try:
        return Identity(**object_of(text))
    except TypeError as exc:
        raise _damaged(text, "an identity") from exc


def without_surrogates(value: Any) -> Any:
    """Copy a batch with every lone surrogate replaced by U+FFFD."""
    return _without(_SURROGATE, value)


def without_surrogates_and_nul(value: Any) -> Any:
    """Copy a batch with every lone surrogate and every NUL replaced by U+FFFD."""
    return _without(_NOT_IN_POSTGRES, value)


def _without(characters: re.Pattern[str], value: Any) -> Any:
    if isinstance(value, str):
        return characters.sub("\ufffd", value)
    if isinstance(value, list | tuple | frozenset):
        return type(value)(_without(characters, item) for item in value)
    if isinstance(value, dict):
        return {_without(characters, key): _without(characters, item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _without(characters, getattr(value, f.name)) for f in fields(value)})
    return value


def _damaged(text: str, due: str) -> StoreError:
    return StoreError(f"a row of the database is damaged: it holds {text[:40]!r} where {due} is due; restore a backup")
