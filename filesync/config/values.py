"""Values: what the text in the tree means, once `${NAME}` was filled in from the environment."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filesync.config.problems import ConfigProblem, key_path
from filesync.config.yaml_tree import ListNode, MappingNode, Node, ScalarNode
from filesync.core.errors import ConfigError
from filesync.core.key_material import holds_private_key, is_key_material
from filesync.runtime.environment import is_secret

_VARIABLE = re.compile(r"\$\$(?=\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,11})\.[0-9]{1,6}", re.ASCII)
_MOST_FILLED = 5_000_000  # characters that variables bring into a file
_NO_KEY = "another value is needed: a key or a login does not belong here; name its file, or a variable"
_CHECKED_ELSEWHERE = (".service_account_path", ".google_credentials_path", ".client_secret", ".secret", ".url")
_ARGUMENT = re.compile(r"\.command\[[1-9][0-9]*\]$")
_NOTHING = ("", "~", "null", "Null", "NULL")
_YES_NO = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def fill(root: Node, variables: Mapping[str, str], file: Path, mistakes: list[ConfigProblem]) -> frozenset[str]:
    """Fill `${NAME}` and `${NAME:-default}` in everywhere, and give the names; `$${` stands for a plain `${`."""
    room = _Room()
    names: set[str] = set()
    for scalar, path in _scalars(root, ""):
        if "$" not in scalar.text:
            scalar.filled = scalar.text
            continue
        names.update(found[1] for found in _VARIABLE.finditer(scalar.text) if found[1])
        try:
            scalar.filled = _VARIABLE.sub(lambda found: room.take(_value_of(found, variables)), scalar.text)
        except ConfigError as exc:
            mistakes.append(ConfigProblem(scalar.line, scalar.column, path, str(exc), file=file))
    return frozenset(names)


def check_for_keys(root: Node, file: Path, mistakes: list[ConfigProblem]) -> None:
    """Find keys and logins where none belongs, in a value or in the place of a key; none of them is repeated."""
    for scalar, path in _scalars(root, ""):
        text = scalar.text if scalar.filled is None else scalar.filled
        if _is_out_of_place(text, path):
            mistakes.append(ConfigProblem(scalar.line, scalar.column, path, _NO_KEY, file=file))
    for key, path in _keys(root, ""):
        if is_key_material(key.text):
            mistakes.append(ConfigProblem(key.line, key.column, path, _NO_KEY, file=file))


def _is_out_of_place(text: str, path: str) -> bool:
    """Tell whether a key stands where it would be shown: not where secrets belong, or where its own check says more."""
    if is_secret(path) or path.endswith(_CHECKED_ELSEWHERE):
        return False
    if _ARGUMENT.search(path):  # JSON may be meant as a program's argument
        return holds_private_key(text)
    return is_key_material(text)


def is_broken(node: Node | None) -> bool:
    """Tell whether a value could not be filled in, so that nothing more can be said of it."""
    return isinstance(node, ScalarNode) and node.filled is None


def as_written(node: Node | None) -> Any:
    """Give the value with its `${NAME}` as they are."""
    if isinstance(node, ScalarNode):
        return _typed(node.text, quoted=node.quoted)
    return _nested(node, as_written)


def to_value(node: Node | None) -> Any:
    """Give the value with everything filled in; a variable that is empty makes an absent value."""
    if isinstance(node, ScalarNode):
        filled = node.text if node.filled is None else node.filled
        return _typed(filled, quoted=node.quoted) if filled or not node.text else None
    return _nested(node, to_value)


def _nested(node: Node | None, convert: Any) -> Any:
    if isinstance(node, ListNode):
        return [convert(each) for each in node.nodes]
    if isinstance(node, MappingNode):
        return {key: convert(each) for key, each in node.nodes.items()}
    return None


def _typed(text: str, *, quoted: bool) -> Any:
    """Make a number, a yes/no or nothing only of what could not have been meant as other text.

    `0123`, `1e10` and `1.10` stay text, so that an id never loses a character; dates stay text too.
    """
    if quoted:
        return text
    if text in _NOTHING:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and str(float(text)) == text:
        return float(text)
    return _YES_NO.get(text, text)


class _Room:
    """How much variables may still bring into the file."""

    def __init__(self) -> None:
        self._left = _MOST_FILLED

    def take(self, value: str) -> str:
        self._left -= len(value)
        if self._left < 0:
            raise ConfigError(f"variables make the file longer than {_MOST_FILLED // 1_000_000} MB")
        return value


def _value_of(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    if found[1] is None:
        raise ConfigError("${ must be followed by a variable's name and }; $${ stands for a plain ${")
    value = variables.get(found[1], "")
    if value or (found[2] is None and found[1] in variables):
        return value
    if found[2] is None:
        raise ConfigError(f"variable {found[1]} is not set: set it in the environment or .env, or write a default")
    return found[2]


def _scalars(node: Node, path: str, seen: set[int] | None = None) -> Iterator[tuple[ScalarNode, str]]:
    """Walk over every value once, also when anchors repeat it."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        yield node, path
    elif isinstance(node, ListNode):
        for at, each in enumerate(node.nodes):
            yield from _scalars(each, key_path(path, at), seen)
    elif isinstance(node, MappingNode):
        for key, each in node.nodes.items():
            yield from _scalars(each, key_path(path, key), seen)


def _keys(node: Node, path: str, seen: set[int] | None = None) -> Iterator[tuple[ScalarNode, str]]:
    """Walk over every key of a mapping once."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, MappingNode):
        for name, key in node.keys.items():
            yield key, key_path(path, name)
            yield from _keys(node.nodes[name], key_path(path, name), seen)
    elif isinstance(node, ListNode):
        for at, each in enumerate(node.nodes):
            yield from _keys(each, key_path(path, at), seen)
