"""The `fields` parameter: which parts of an answer are wanted."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from filesync.simulators.drive.discovery import properties
from filesync.simulators.drive.refusals import invalid_parameter

Mask = Mapping[str, "Mask | None"]  # None: everything below

_TOKEN = re.compile(r"[A-Za-z0-9_.-]+|[*,()/]")
_ANY = {"additionalProperties": True}


@lru_cache(maxsize=256)
def parse(text: str, schema: str) -> Mask | None:
    """Read a mask for an answer of that schema, or refuse it; None: everything.

    https://developers.google.com/workspace/drive/api/guides/fields-parameter
    """
    parser = _FieldsParser(text)
    mask = parser.selection({"$ref": schema})
    if parser.peek:
        raise _refused(parser.peek)
    return mask


def cut(value: Any, mask: Mask | None) -> Any:
    """Leave of a JSON value what the mask names."""
    if mask is None:
        return value
    if isinstance(value, list):
        return [cut(each, mask) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: cut(value[name], mask[name]) for name in value if name in mask}


def names(mask: Mask | None, field: str) -> bool:
    """Return whether the mask wants the field."""
    return mask is None or field in mask


def below(mask: Mask | None, field: str) -> Mask | None:
    """Return the part of the mask that speaks of a field's own parts."""
    return None if mask is None else mask.get(field)


class _FieldsParser:
    def __init__(self, text: str) -> None:
        if not text or _TOKEN.sub("", text).strip(" "):  # Google's quickstarts have blanks behind their commas
            raise _refused(text)
        self._tokens: Iterator[str] = iter(_TOKEN.findall(text))
        self.peek: str | None = next(self._tokens, None)

    def selection(self, about: Mapping[str, Any]) -> Mask | None:
        """Read `a,b(c),d/e` up to a closing bracket or the end."""
        mask: dict[str, Mask | None] = {}
        everything = False
        while True:
            name, part = self._field(about)
            everything |= name == "*"
            mask[name] = _merged(mask[name], part) if name in mask else part
            if self.peek != ",":
                return None if everything else mask
            self._take()

    def _field(self, about: Mapping[str, Any]) -> tuple[str, Mask | None]:
        name = self._take()
        if name == "*":
            return name, None
        inner = _inner(about, name)
        if self.peek == "/":
            self._take()
            deeper, part = self._field(inner)
            return name, None if deeper == "*" else {deeper: part}
        if self.peek != "(":
            return name, None
        self._take()
        part = self.selection(inner)
        if self._take() != ")":
            raise _refused(name)
        return name, part

    def _take(self) -> str:
        if self.peek is None:
            raise _refused("")
        token, self.peek = self.peek, next(self._tokens, None)
        return token


def _inner(about: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Look a field's own schema up, or refuse the name."""
    about = about.get("items", about)
    if "additionalProperties" in about:
        return _ANY
    known = properties(about["$ref"]) if "$ref" in about else about.get("properties", {})
    if name not in known:
        raise _refused(name)
    found: Mapping[str, Any] = known[name]
    return found


def _merged(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return None
    return {**one, **{name: _merged(one[name], part) if name in one else part for name, part in other.items()}}


def _refused(name: str | None) -> Exception:
    return invalid_parameter("fields", f"Invalid field selection {(name or '')[:60]}")
