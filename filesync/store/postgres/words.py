"""Words of names and paths, cut and folded as SQLite's search does it, so that both engines find the same files.

A word is a run of letters, digits and private characters; case and marks do not count (unicode61,
remove_diacritics 2: https://www.sqlite.org/fts5.html#unicode61_tokenizer).
"""

import unicodedata
from collections.abc import Iterator

from filesync.core.globs import Glob
from filesync.store.engine import Matching


def words(text: str) -> list[str]:
    """Cut a text into its words."""
    folded = "".join(_folded(text))
    return folded.split()


def searchable(path: str) -> str:
    """Write a path's words so that ` plan` finds what begins with it, and nothing else."""
    return f" {' '.join(words(path))} "


def matching(search: str | None, name: Glob | None) -> Matching:
    """Write the conditions that find the same files as SQLite's search and our globs do."""
    begun = [f"% {' '.join(found)}%" for each in (search or "").split() if (found := words(each))]
    given = {f"word_{number}": pattern for number, pattern in enumerate(begun)}
    holds = " AND ".join(f"f.search_words LIKE :{key}" for key in given) or "FALSE"
    return Matching(
        ids=f"SELECT f.id FROM files AS f WHERE {holds}" if search is not None else "",  # noqa: S608  our own words
        words=f"({holds})" if search is not None else "",
        name="normalize(substring(f.file_path FROM '[^/]*$'), NFC) ~ :glob" if name is not None else "",
        parameters={**given, "glob": f"^(?:{name.expression})$" if name is not None else None},
    )


def _folded(text: str) -> Iterator[str]:
    if text.isascii():
        yield "".join(char if char.isalnum() else " " for char in text.lower())
        return
    for char in unicodedata.normalize("NFD", text).lower():
        category = unicodedata.category(char)
        if category[0] == "M":
            continue
        yield char if category[0] in "LN" or category == "Co" else " "
