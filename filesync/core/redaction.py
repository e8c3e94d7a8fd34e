"""What may be shown: secrets become `**redacted**`, and foreign text becomes one short plain line."""

import json
import re
import threading
import unicodedata
from urllib.parse import quote, quote_plus

from filesync.core.key_material import without_keys
from filesync.core.sanitize import UNSAFE

REDACTED = "**redacted**"
LONGEST_TEXT = 200  # characters of remote text in a message

_SHORTEST_SECRET = 6  # hiding shorter ones would blank ordinary words
# As html.escape does, which would load the names of two thousand characters in every start.
_IN_PAGES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


class Secret:
    """A value that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return REDACTED


class Redactor:
    """Knows the secret values of this process and takes them out of any text; safe to share between threads.

    A private key is taken out also when nobody knew of it: it may stand in what was written long ago.
    """

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()  # longest first, replaced whole: readers need no lock
        self._given: set[str] = set()
        self._lock = threading.Lock()

    def hide(self, value: str) -> None:
        """Remember a secret, in its URL-encoded forms and line by line too."""
        if value in self._given:
            return
        forms = {form for line in value.splitlines() for form in _forms(line)}
        with self._lock:
            self._given.add(value)
            known = {form for form in forms if len(form) >= _SHORTEST_SECRET} | set(self._secrets)
            self._secrets = tuple(sorted(known, key=len, reverse=True))

    def scrub(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return without_keys(text, REDACTED)

    def line(self, text: str) -> str:
        """Make remote text fit for a message: no secrets, no control characters, one line, cut to size."""
        plain = self.scrub(printable(text))
        return plain if len(plain) <= LONGEST_TEXT else plain[: LONGEST_TEXT - 1] + "…"


def _forms(line: str) -> tuple[str, ...]:
    """Write a secret as addresses, pages and JSON do."""
    quoted = quote(line, safe="")
    lower = re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
    return (
        line,
        quoted,
        lower,
        quote_plus(line),
        line.translate(_IN_PAGES),
        line.replace("/", "\\/"),
        json.dumps(line)[1:-1],
        repr(line)[1:-1],
    )


def printable(text: str) -> str:
    """Drop what could steer a terminal or break a line; runs of white space become one space."""
    kept = ("" if unicodedata.category(char) in UNSAFE and not char.isspace() else char for char in text)
    return " ".join("".join(kept).split())
