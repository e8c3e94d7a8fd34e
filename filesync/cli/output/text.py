"""Foreign text: how names that we did not choose are shown without doing anything but being read."""

import json
import unicodedata

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  spreadsheets take them too
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, bidi and invisible marks, lone surrogates


def harmless(text: str) -> str:
    r"""Make text fit one line of a terminal: what would steer it is written as \n, \x1b or \u202e."""
    if text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


def harmless_json(line: str) -> str:
    r"""Escape in JSON text what would steer a terminal or is no UTF-8; `\u202e` is the same string to a reader."""
    if line.isprintable():
        return line
    return "".join(json.dumps(c)[1:-1] if unicodedata.category(c) in _UNSAFE else c for c in line)


def unlike_formula(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
