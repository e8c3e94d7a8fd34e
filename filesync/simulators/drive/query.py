"""The grammar of `q`: text in, a tree of terms out.

https://developers.google.com/workspace/drive/api/guides/ref-search-terms: `and` and `or` are read from left to right,
strings stand in quotes in which a quote and a backslash are escaped by a backslash.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from filesync.simulators.drive.refusals import invalid

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\['\\])*'|"(?:[^"\\]|\\["\\])*")|(?P<word>[A-Za-z][A-Za-z.]*)|(?P<sign>!=|<=|>=|[=<>(){}]))"""
)
_ORDERED = frozenset({"<", "<=", "=", "!=", ">", ">="})
_EQUAL = frozenset({"=", "!="})
_LIKE = frozenset({"=", "!=", "contains"})
FIELDS: Mapping[str, tuple[str, frozenset[str]]] = {  # field: what it is compared with, and how
    "name": ("text", _LIKE),
    "fullText": ("text", frozenset({"contains"})),
    "mimeType": ("text", _LIKE),
    "modifiedTime": ("time", _ORDERED),
    "createdTime": ("time", _ORDERED),
    "viewedByMeTime": ("time", _ORDERED),
    "sharedWithMe": ("boolean", _EQUAL),
    "starred": ("boolean", _EQUAL),
    "trashed": ("boolean", _EQUAL),
    "visibility": ("visibility", _EQUAL),
    "shortcutDetails.targetId": ("text", _EQUAL),
    "properties": ("pair", frozenset({"has"})),
    "appProperties": ("pair", frozenset({"has"})),
}
COLLECTIONS = frozenset({"parents", "owners", "writers", "readers"})
_VISIBILITIES = frozenset({"anyoneCanFind", "anyoneWithLink", "domainCanFind", "domainWithLink", "limited"})

Value = str | bool | datetime | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Term:
    """`field operator value`; the operator of `value in field` is "in"."""

    field: str
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Not:
    term: "Node"


@dataclass(frozen=True, slots=True)
class And:
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Or:
    left: "Node"
    right: "Node"


Node = Term | Not | And | Or


@lru_cache(256)
def parse(text: str) -> Node:
    """Read a query, or refuse it as the service does."""
    parser = _QueryParser(text)
    node = parser.expression()
    if parser.peek:
        raise invalid("q")
    return node


def terms(node: Node) -> Iterator[Term]:
    """Yield every term of the tree."""
    waiting = [node]
    while waiting:
        at = waiting.pop()
        if isinstance(at, Term):
            yield at
        else:
            waiting += [at.term] if isinstance(at, Not) else [at.left, at.right]


def span(node: Node | None, field: str) -> tuple[datetime | None, datetime | None]:
    """Return within which times whatever matches must lie: from the first on, before the second; None: no bound."""
    since = until = None
    waiting = [node] if node else []
    while waiting:
        at = waiting.pop()
        if isinstance(at, And):
            waiting += [at.left, at.right]
        elif isinstance(at, Term) and at.field == field and isinstance(at.value, datetime):
            if at.operator in (">", ">="):
                since = max(filter(None, (since, at.value)))
            elif at.operator == "<":
                until = min(filter(None, (until, at.value)))
    return since, until


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # text, word, sign
    text: str


class _QueryParser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self.peek = next(self._tokens, None)

    def expression(self) -> Node:
        node = self._factor()
        while self.peek in (_AND, _OR):
            joined = And if self._take() == _AND else Or
            node = joined(node, self._factor())
        return node

    def _factor(self) -> Node:
        if self._skip(_Token("word", "not")):
            return Not(self._factor())
        if self._skip(_Token("sign", "(")):
            node = self.expression()
            self._expect("sign", ")")
            return node
        return self._term()

    def _term(self) -> Term:
        first = self._take()
        if first.kind == "text":
            self._expect("word", "in")
            return Term(self._collection(), "in", first.text)
        if first.kind != "word" or first.text not in FIELDS:
            raise invalid("q")
        return self._comparison(first.text)

    def _comparison(self, field: str) -> Term:
        kind, operators = FIELDS[field]
        if field == "sharedWithMe" and (self.peek is None or self.peek in (_AND, _OR, _CLOSED)):
            return Term(field, "=", True)
        operator = self._take().text
        if operator not in operators:
            raise invalid("q")
        return Term(field, operator, self._pair() if kind == "pair" else _value(kind, self._take()))

    def _collection(self) -> str:
        name = self._take()
        if name.kind != "word" or name.text not in COLLECTIONS:
            raise invalid("q")
        return name.text

    def _pair(self) -> tuple[str, str]:
        """Read `{ key='…' and value='…' }`."""
        self._expect("sign", "{")
        key = self._named("key")
        self._expect("word", "and")
        value = self._named("value")
        self._expect("sign", "}")
        return key, value

    def _named(self, name: str) -> str:
        self._expect("word", name)
        self._expect("sign", "=")
        return str(_value("text", self._take()))

    def _expect(self, kind: str, text: str) -> None:
        if self._take() != _Token(kind, text):
            raise invalid("q")

    def _skip(self, token: _Token) -> bool:
        if self.peek != token:
            return False
        self._take()
        return True

    def _take(self) -> _Token:
        if self.peek is None:
            raise invalid("q")
        token, self.peek = self.peek, next(self._tokens, None)
        return token


_AND = _Token("word", "and")
_OR = _Token("word", "or")
_CLOSED = _Token("sign", ")")


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if not found or not found.lastgroup:
            raise invalid("q")
        at = found.end()
        token = found[found.lastgroup]
        yield _Token(found.lastgroup, _unquoted(token) if found.lastgroup == "text" else token)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _value(kind: str, token: _Token) -> Value:
    if kind == "boolean":
        return _boolean(token)
    if token.kind != "text":
        raise invalid("q")
    if kind == "visibility" and token.text not in _VISIBILITIES:
        raise invalid("q")
    return _time(token.text) if kind == "time" else token.text


def _boolean(token: _Token) -> bool:
    if token.kind != "word" or token.text not in ("true", "false"):
        raise invalid("q")
    return token.text == "true"


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("q") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
