"""Does an item match a query, for this viewer, in what the listing knows."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from filesync.simulators.drive.access import Look, is_trashed
from filesync.simulators.drive.items import DriveUser, Item
from filesync.simulators.drive.query import And, Node, Not, Or, Term

Test = Callable[[Item], bool]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Reader:
    """Who asks, and what they are shown: `look` finds an item, `dropped` parents lose their children on the way."""

    user: DriveUser
    look: Look
    dropped: frozenset[str] = field(default_factory=frozenset)


def compile_query(node: Node, reader: Reader) -> Test:
    """Make the test that the tree describes."""
    if isinstance(node, Term):
        return _test_of(node, reader)
    if isinstance(node, Not):
        inner = compile_query(node.term, reader)
        return lambda item: not inner(item)
    parents = _parents_only(node)
    if parents:
        return _in_any(parents, reader)
    left, right = compile_query(node.left, reader), compile_query(node.right, reader)
    if isinstance(node, And):
        return lambda item: left(item) and right(item)
    return lambda item: left(item) or right(item)


def is_shared_with(item: Item, email: str) -> bool:
    """Return whether the item itself was shared with them: what hangs below a shared folder was not."""
    return email in item.shared_with and item.owner != email


def _test_of(term: Term, reader: Reader) -> Test:
    if term.operator == "in":
        return _membership(term, reader)
    if term.field in _TESTS:
        return _TESTS[term.field](term, reader)
    if term.operator == "contains":
        return _contains(term)
    value, compare = _comparable(term.value), _COMPARE[term.operator]
    read = _ATTRIBUTES[term.field]

    def matches(item: Item) -> bool:
        found = read(item)
        return term.operator == "!=" if found is None else compare(_comparable(found), value)

    return matches


def _membership(term: Term, reader: Reader) -> Test:
    wanted = str(term.value)
    if term.field == "parents":
        parent = reader.user.root_id if wanted == "root" else wanted
        return lambda item: item.parent_id == parent and parent not in reader.dropped
    email = reader.user.email if wanted == "me" else wanted
    if term.field == "owners":
        return lambda item: item.owner == email
    return lambda item: item.owner == email or email in item.shared_with


def _parents_only(node: And | Or) -> list[str]:
    """Name the folders of `… in parents or … in parents or …`, however many; none where anything else is asked."""
    found = []
    waiting: list[Node] = [node]
    while waiting:
        at = waiting.pop()
        if isinstance(at, Or):
            waiting += [at.left, at.right]
        elif isinstance(at, Term) and at.field == "parents":
            found.append(str(at.value))
        else:
            return []
    return found


def _in_any(parents: list[str], reader: Reader) -> Test:
    wanted = {reader.user.root_id if name == "root" else name for name in parents} - reader.dropped
    return lambda item: item.parent_id in wanted


def _contains(term: Term) -> Test:
    """`name contains` matches the beginnings of words only, `mimeType contains` the beginning."""
    wanted = str(term.value).casefold()
    if term.field == "mimeType":
        return lambda item: item.mime_type.casefold().startswith(wanted)
    pattern = re.compile(r"(?:^|(?<=[\W_]))" + re.escape(wanted))
    return lambda item: pattern.search(item.name.casefold()) is not None


def _flag(read: Callable[[Item, Reader], bool]) -> Callable[[Term, Reader], Test]:
    def test_of(term: Term, reader: Reader) -> Test:
        wanted = (term.operator == "=") == bool(term.value)
        return lambda item: read(item, reader) is wanted

    return test_of


def _pair(term: Term, _reader: Reader) -> Test:
    """Match nothing: no item here carries properties."""
    return lambda _item: bool(term.field) and False


def _visibility(term: Term, _reader: Reader) -> Test:
    """Match the one visibility there is: everything is shared with named people only."""
    return lambda _item: (term.value == "limited") == (term.operator == "=")


def _comparable(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


_TESTS: Mapping[str, Callable[[Term, Reader], Test]] = {
    "trashed": _flag(lambda item, reader: is_trashed(item, reader.look)),
    "starred": _flag(lambda item, _reader: item.starred),
    "sharedWithMe": _flag(lambda item, reader: is_shared_with(item, reader.user.email)),
    "visibility": _visibility,
    "properties": _pair,
    "appProperties": _pair,
}
_ATTRIBUTES: Mapping[str, Callable[[Item], Any]] = {
    "name": lambda item: item.name,
    "mimeType": lambda item: item.mime_type,
    "modifiedTime": lambda item: item.modified_at,
    "createdTime": lambda item: item.created_at,
    "viewedByMeTime": lambda item: item.viewed_at,
    "shortcutDetails.targetId": lambda item: item.target_id,
}
