"""YAML with positions: connector.yaml as a tree whose every value knows its line.

Only what a configuration needs: mappings, lists and plain values; one document; anchors and `<<`
within bounds; no tags. Values stay as written: `filesync.config.values` makes them text, numbers
and yes/no, after `${NAME}` was filled in.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from filesync.config.problems import ConfigProblem, ConfigProblems, key_path, may_hold_secret, shown
from filesync.core.errors import ConfigError

_MOST_BYTES = 5_000_000
_MOST_NODES = 100_000
_LONGEST_TEXT = 20_000  # characters of one value; a private key has 3,000
_TEXT_PER_NODE = 100  # characters: a longer text counts as several values
_DEEPEST = 50
_BARE_STAR = re.compile(
    r"\b(cron|schedule|include|exclude|file_types):[\s\[]*(\*[^\"'#{}\[\]]*?)\s*(?:, *\w+:|[]}#]|$)"
)
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Node:
    """A place in the file: `line` and `column` count from 1."""

    line: int
    column: int


@dataclass(slots=True)
class ScalarNode(Node):
    """A single value as written; `quoted` text is never a number, a yes/no or nothing."""

    text: str
    quoted: bool = False
    filled: str | None = None  # the text once `${NAME}` was filled in; None: it could not be


@dataclass(slots=True)
class ListNode(Node):
    """A list."""

    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode(Node):
    """A mapping; each key with its own place."""

    keys: dict[str, ScalarNode] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)

    def below(self, other: "MappingNode") -> "MappingNode":
        """Put `other`'s keys where this has none of that name."""
        return MappingNode(self.line, self.column, {**other.keys, **self.keys}, {**other.nodes, **self.nodes})


def read_document(path: Path, mistakes: list[ConfigProblem]) -> Node:
    """Read the file as a tree; what is wrong but can be skipped (a key given twice) is added to `mistakes`.

    Raises ConfigMistakes when there is no tree to go on with, ConfigError when there is no file.
    """
    text = _read_text(path)
    odd = _UNPRINTABLE.search(text)
    if odd:
        line, column = _position(text, odd.start())
        raise ConfigProblems(
            [ConfigProblem(line, column, "", f"character U+{ord(odd[0]):04X} is not allowed", file=path)]
        )
    try:
        return _Builder(text, path, mistakes).document()
    except yaml.YAMLError as exc:
        raise ConfigProblems([_syntax(exc, text, path)]) from exc


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as exc:
        raise ConfigError(
            f"{path}: no such file; go to a home or name one with --home, or start one: filesync init"
        ) from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"{path}: longer than {_MOST_BYTES // 1_000_000} MB, which is no configuration")
    return _decode(content, path)


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = content[: exc.start].decode("utf-8", "replace")
        line, column = _position(before, len(before))
        raise ConfigProblems(
            [ConfigProblem(line, column, "", "not UTF-8 text: save the file as UTF-8", file=path)]
        ) from exc


def _position(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _syntax(exc: yaml.YAMLError, text: str, path: Path) -> ConfigProblem:
    """Say what the parser stumbled over."""
    mark = getattr(exc, "problem_mark", None)
    if not isinstance(exc, yaml.MarkedYAMLError) or mark is None:
        return ConfigProblem(1, 1, "", f"not valid YAML: {' '.join(str(exc).split())[:200]}", file=path)
    line = text.split("\n")[mark.line] if mark.line <= text.count("\n") else ""
    message = (
        _tab(line[: mark.column + 1]) or _bare_star(exc, line) or f"not valid YAML: {exc.problem}{_hint(exc, line)}"
    )
    return ConfigProblem(mark.line + 1, mark.column + 1, "", message, file=path)


def _tab(before: str) -> str:
    """Name the usual cause, which the parser never does."""
    return "a tab: YAML is indented with spaces only" if "\t" in before else ""


def _bare_star(exc: yaml.MarkedYAMLError, line: str) -> str:
    """Name the text that YAML takes for an alias; only of keys that hold no secret is it repeated."""
    if exc.context != "while scanning an alias":
        return ""
    found = _BARE_STAR.search(line)
    if found is None:
        return 'text that begins with * needs quotes, such as "*.rvt"'
    key, text = found.groups()
    if key in {"cron", "schedule"}:
        cron = f'cron: "{text}"'
        right = cron if key == "cron" else f"schedule: {{type: cron, {cron}}}"
        return f"a cron line that begins with * needs quotes: {right}"
    return f'text that begins with * needs quotes: {key}: ["{text.split(",")[0]}"]'


def _hint(exc: yaml.MarkedYAMLError, line: str) -> str:
    if exc.problem and exc.problem.startswith("mapping values are not allowed"):
        return "; is the line indented wrongly, or a : not in quotes?"
    if exc.context and "flow" in exc.context and "${" in line:
        return '; between { } or [ ] write "${NAME}" in quotes'
    return f" ({exc.context})" if exc.context else ""


class _Builder:
    """Builds the tree from the parser's events, so that no file can make it deep or big beyond measure."""

    def __init__(self, text: str, path: Path, mistakes: list[ConfigProblem]) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events = yaml.parse(text, Loader=loader)
        self._path = path
        self._mistakes = mistakes
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._size = 0

    def document(self) -> Node:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise ConfigProblems(
                [ConfigProblem(1, 1, "", "the file is empty: it needs a list `endpoints:`", file=self._path)]
            )
        root = self._node(next(self._events), "", 0)
        next(self._events)  # the document's end
        more = next(self._events)
        if not isinstance(more, yaml.StreamEndEvent):
            raise self._fatal(more, "a second document (after ---): one file holds one configuration")
        return root

    def _node(self, event: Any, path: str, depth: int) -> Node:
        self._grow(event, 1)
        if depth > _DEEPEST:
            raise self._fatal(event, f"nested more than {_DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        before = self._size
        node = self._fresh(event, path, depth)
        if event.anchor:
            self._anchors[event.anchor] = node, self._size - before + 1
        return node

    def _grow(self, event: Any, by: int) -> None:
        self._size += by
        if self._size > _MOST_NODES:
            raise self._fatal(event, f"more than {_MOST_NODES} values, counting what aliases repeat")

    def _alias(self, event: Any, path: str) -> Node:
        """Repeat an anchored value; it counts as often as it is repeated, and cannot hold itself."""
        if event.anchor not in self._anchors:
            named = _quoted(f"*{event.anchor}", path)
            raise self._fatal(
                event, f"alias{named}: nothing has that anchor before it; text that begins with * needs quotes"
            )
        node, size = self._anchors[event.anchor]
        self._grow(event, size)
        return node

    def _fresh(self, event: Any, path: str, depth: int) -> Node:
        line, column = _place(event)
        if event.tag and event.tag != "!":
            self._add(
                event,
                path,
                f"found tag{_quoted(event.tag, path)}: leave it out; text that begins with ! needs quotes",
            )
        if isinstance(event, yaml.ScalarEvent):
            if len(event.value) > _LONGEST_TEXT:
                raise self._fatal(event, f"a text of more than {_LONGEST_TEXT:,} characters, which is no setting")
            self._grow(event, len(event.value) // _TEXT_PER_NODE)
            return ScalarNode(line, column, event.value, quoted=bool(event.style))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(ListNode(line, column), path, depth)
        return self._table(MappingNode(line, column), path, depth)

    def _items(self, items: ListNode, path: str, depth: int) -> ListNode:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.nodes.append(self._node(event, key_path(path, len(items.nodes)), depth + 1))
        return items

    def _table(self, table: MappingNode, path: str, depth: int) -> MappingNode:
        merged: list[MappingNode] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path, depth + 1)
            here = key_path(path, key.text)
            value = self._node(next(self._events), here, depth + 1)
            if key.text == "<<" and not key.quoted:
                merged.extend(self._merged(event, here, value))
            else:
                self._enter(table, key, value, here)
        return _merge(table, merged)

    def _key(self, event: Any, path: str, depth: int) -> ScalarNode:
        key = self._node(event, path, depth)
        if isinstance(key, ScalarNode):
            return key
        raise self._fatal(event, "a key must be a plain word")

    def _enter(self, table: MappingNode, key: ScalarNode, value: Node, path: str) -> None:
        first = table.keys.get(key.text)
        if first is None:
            table.keys[key.text], table.nodes[key.text] = key, value
            return
        message = f"key {shown(key.text)} is given twice, first on line {first.line}: keep one"
        self._mistakes.append(ConfigProblem(key.line, key.column, path, message, file=self._path))

    def _merged(self, event: Any, path: str, value: Node) -> list[MappingNode]:
        """Read what `<<` names: a mapping, or a list of them; the first that has a key wins."""
        nodes = value.nodes if isinstance(value, ListNode) else [value]
        tables = [node for node in nodes if isinstance(node, MappingNode)]
        if len(tables) < len(nodes):
            self._add(event, path, "<< takes mappings only, such as *anchor")
        return tables

    def _add(self, event: Any, path: str, message: str) -> None:
        self._mistakes.append(ConfigProblem(*_place(event), path, message, file=self._path))

    def _fatal(self, event: Any, message: str) -> ConfigProblems:
        return ConfigProblems([*self._mistakes, ConfigProblem(*_place(event), "", message, file=self._path)])


def _merge(table: MappingNode, others: list[MappingNode]) -> MappingNode:
    for other in others:
        for key, node in other.nodes.items():
            table.keys.setdefault(key, other.keys[key])
            table.nodes.setdefault(key, node)
    return table


def _quoted(text: str, path: str) -> str:
    """Name what was found, unless it may be a secret that was not put in quotes."""
    return "" if may_hold_secret(path) else f" {shown(text)}"


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
