"""Foreign text: how names that we did not choose are shown without doing anything but being read."""

import unicodedata

from filesync.sanitize import UNSAFE

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  spreadsheets take them too


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
