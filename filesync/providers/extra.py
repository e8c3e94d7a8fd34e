"""A file's own facts as the JSON text of its `extra`, in half the time that the general encoder takes.

It is compared with the row's, so it stays what `json.dumps(facts, sort_keys=True)` made of it since the first version.
"""

import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring, encode_basestring_ascii

Fact = str | bool | Mapping[str, str]


def to_extra(facts: Mapping[str, Fact]) -> str | None:
    """Write facts, whose names are plain and in alphabetical order; None when there are none."""
    return _written(facts, encode_basestring_ascii)


def to_extra_as_it_is(facts: Mapping[str, Fact]) -> str | None:
    """Write facts, every letter as it is, where `to_extra` writes its number."""
    return _written(facts, encode_basestring)


def _written(facts: Mapping[str, Fact], quoted: Callable[[str], str]) -> str | None:
    if not facts:
        return None
    return "{" + ", ".join([f'"{name}": {_value(fact, quoted)}' for name, fact in facts.items()]) + "}"


def _value(fact: Fact, quoted: Callable[[str], str]) -> str:
    if isinstance(fact, str):
        return quoted(fact)
    if isinstance(fact, bool):
        return "true" if fact else "false"
    return json.dumps(fact, sort_keys=True)
