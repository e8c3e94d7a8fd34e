"""Words of names and paths, cut and folded as SQLite's search does it, so that both engines find the same files.

A word is a run of letters, digits and private characters; case and marks do not count (unicode61,
remove_diacritics 2: https://www.sqlite.org/fts5.html#unicode61_tokenizer).
"""

import unicodedata
from collections.abc import Iterator


def words(text: str) -> list[str]:
    """Cut a text into its words."""
    folded = "".join(_folded(text))
    return folded.split()


def searchable(path: str) -> str:
    """Write a path's words so that ` plan` finds what begins with it, and nothing else."""
    return f" {' '.join(words(path))} "


def _folded(text: str) -> Iterator[str]:
    if text.isascii():
        yield "".join(char if char.isalnum() else " " for char in text.lower())
        return
    for char in unicodedata.normalize("NFD", text).lower():
        category = unicodedata.category(char)
        if category[0] == "M":
            continue
        yield char if category[0] in "LN" or category == "Co" else " "
