"""Sections: one mapping of the tree against one model; every mistake gets its place and plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from filesync.config.problems import ConfigProblem, key_path, may_hold_secret, shown
from filesync.config.values import as_written, is_broken, to_value
from filesync.config.yaml_tree import ListNode, MappingNode, Node, ScalarNode
from filesync.core.sanitize import did_you_mean
from filesync.runtime.settings import Settings

M = TypeVar("M", bound=BaseModel)

_NOWHERE: Mapping[str, str] = {}
_NEEDED = {
    "string_type": "text is needed",
    "int_type": "a whole number is needed",
    "int_parsing": "a whole number is needed",
    "int_from_float": "a whole number is needed",
    "float_type": "a number is needed",
    "float_parsing": "a number is needed",
    "finite_number": "a number is needed",
    "bool_type": "true or false is needed",
    "bool_parsing": "true or false is needed",
    "list_type": "a list is needed, such as [a, b]",
    "tuple_type": "a list is needed, such as [a, b]",
    "dict_type": "a mapping is needed: lines of key: value",
    "model_type": "a mapping is needed: lines of key: value",
    "greater_than_equal": "{ge:g} or more is needed",
    "less_than_equal": "{le:g} or less is needed",
    "literal_error": "{expected} is needed",
    "too_short": "at least one is needed, such as [a, b]",
    "string_too_short": "some text is needed",
    "string_too_long": "at most {max_length} characters are allowed",
    "value_error": "{error}",
}


@dataclass(frozen=True, slots=True)
class _Spot:
    """How far an error's location leads into the tree: the value there, its key, and the steps that led on."""

    node: Node
    key: ScalarNode | None
    steps: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys that a section may have, and where others belong."""

    allowed: tuple[str, ...]
    elsewhere: Mapping[str, str]


@dataclass(slots=True)
class Validator:
    """Checks sections of one file and keeps what is wrong with them."""

    file: Path
    settings: Settings
    mistakes: list[ConfigProblem] = field(default_factory=list)

    def check(
        self,
        model: type[M],
        node: Node,
        path: str,
        *,
        elsewhere: Mapping[str, str] = _NOWHERE,
        settings: Settings | None = None,
    ) -> M | None:
        """Make a model of a mapping; None when anything is wrong with it.

        `elsewhere` says of keys that would be right in another place where that is. `settings` are those that
        the section must agree with, when they are not the environment's.
        """
        if not isinstance(node, MappingNode):
            self.add(node, path, _found(node, _NEEDED["dict_type"], hidden=may_hold_secret(path)))
            return None
        try:
            made = model.model_validate(_values(model, node), context=settings or self.settings)
        except ValidationError as exc:
            for error in exc.errors(include_url=False, include_input=False):
                self._add_error(error, node, path, _keys(model, error["loc"], elsewhere))
            return None
        return None if _has_broken(node) else made

    def add(self, node: Node, path: str, message: str) -> None:
        self.mistakes.append(ConfigProblem(node.line, node.column, path, message, file=self.file))

    def _add_error(self, error: Any, table: MappingNode, path: str, keys: _Keys) -> None:
        spot = _locate(table, error["loc"])
        here = key_path(path, *spot.steps)
        if error["type"] == "extra_forbidden":
            self.add(spot.key or spot.node, here, _unknown_key(spot, keys))
        elif error["type"] == "missing":
            self._add_missing(spot, key_path(path, *error["loc"]), str(error["loc"][-1]))
        elif not is_broken(spot.node):
            self.add(spot.node, here, _found(spot.node, _needed(error), hidden=may_hold_secret(here)))

    def _add_missing(self, spot: _Spot, path: str, key: str) -> None:
        if spot.key is not None and spot.steps[-1] == key:
            self.add(spot.key, path, f"key {shown(key)} has no value")
        else:
            self.add(spot.node, path, f"key {shown(key)} is missing")


def _keys(model: type[BaseModel], loc: Sequence[int | str], elsewhere: Mapping[str, str]) -> _Keys:
    """Name the keys that are allowed where an error is: in the model, or in one inside it."""
    inner = model.model_fields[str(loc[0])].annotation if len(loc) > 1 and loc[0] in model.model_fields else None
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return _Keys(tuple(sorted(inner.model_fields)), _NOWHERE)
    return _Keys(tuple(sorted(model.model_fields)), elsewhere)


def _values(model: type[BaseModel], table: MappingNode) -> dict[str, Any]:
    """Give the values; a known key without a value counts as absent."""
    values: dict[str, Any] = to_value(table)
    return {key: value for key, value in values.items() if value is not None or key not in model.model_fields}


def _has_broken(node: Node) -> bool:
    if isinstance(node, ListNode):
        return any(_has_broken(each) for each in node.nodes)
    if isinstance(node, MappingNode):
        return any(_has_broken(each) for each in node.nodes.values())
    return is_broken(node)


def _locate(table: MappingNode, loc: Sequence[int | str]) -> _Spot:
    """Follow an error's location as far as the tree goes; models add steps of their own, which are passed over."""
    spot = _Spot(table, None, ())
    for part in loc:
        spot = _step(spot, part) or spot
    return spot


def _step(spot: _Spot, part: int | str) -> _Spot | None:
    node, steps = spot.node, (*spot.steps, part)
    if isinstance(node, MappingNode) and isinstance(part, str) and part in node.nodes:
        return _Spot(node.nodes[part], node.keys[part], steps)
    if isinstance(node, ListNode) and isinstance(part, int) and part < len(node.nodes):
        return _Spot(node.nodes[part], None, steps)
    return None


def _unknown_key(spot: _Spot, keys: _Keys) -> str:
    key = str(spot.steps[-1])
    if key in keys.elsewhere:
        return f"key {shown(key)} is not allowed here: {keys.elsewhere[key]}"
    return f"unknown key {shown(key)}; {did_you_mean(key, keys.allowed)}allowed: {', '.join(keys.allowed)}"


def _needed(error: Any) -> str:
    """Say what is allowed, in words for somebody who edits YAML."""
    text = _NEEDED.get(error["type"])
    return text.format(**error.get("ctx", {})) if text else str(error["msg"])


def _found(node: Node, needed: str, *, hidden: bool = False) -> str:
    """Say what was found, as written: a `${NAME}` may stand for a secret."""
    if hidden or isinstance(node, MappingNode):
        return needed
    return f"found {shown(as_written(node))}: {needed}"
