"""Text that others wrote, in our messages, lines and tables: it is read there, and does nothing else."""

import json
import unicodedata
from collections.abc import Iterable

from filesync.core.key_material import NOT_REPEATED, is_key_material, without_passwords

# Categories of what steers a terminal, ends a line, hides, or is no UTF-8: controls, bidi and invisible marks, lone
# surrogates, separators of lines and paragraphs.
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  spreadsheets take them too


def escape_json(line: str) -> str:
    r"""Escape in a line, JSON or not, what would end it or steer a terminal; `\u202e` is the same string in JSON."""
    if line.isprintable():
        return line
    return "".join(json.dumps(char)[1:-1] if unicodedata.category(char) in UNSAFE else char for char in line)


def plain(word: str) -> str:
    """Write a word that somebody chose as it is, unless it looks like a secret."""
    return NOT_REPEATED if is_key_material(word) else without_passwords(word)


def did_you_mean(found: str, allowed: Iterable[str], closeness: float = 0.6) -> str:
    """Return `did you mean x? ` with the nearest allowed word, in quotes where it has spaces; '' when none is near.

    `closeness` goes up to 1, the same word.
    """
    from difflib import get_close_matches  # noqa: PLC0415  only a mistake needs it

    words = {word.lower().replace("-", "_"): word for word in allowed}
    close = get_close_matches(found.lower().replace("-", "_"), words, n=1, cutoff=closeness)
    if not close:
        return ""
    word = plain(words[close[0]])
    return f"did you mean {word if word.isprintable() and ' ' not in word else repr(word)}? "


def harmless(text: str) -> str:
    r"""Make text fit one line of a terminal: what would steer it is written as \n, \x1b or \u202e."""
    if text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in UNSAFE else char for char in text)


def unlike_formula(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
