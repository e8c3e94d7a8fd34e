"""Finding files by words and by the pattern of a name: the search index FTS5, and a function of ours."""

from typing import TYPE_CHECKING

from filesync.store.engine import Matching

if TYPE_CHECKING:
    from filesync.core.globs import Glob


def matching(search: str | None, name: "Glob | None") -> Matching:
    """Write the conditions; `glob_matches` is offered to the connection by whoever asks."""
    words = fts_words(search, name)
    return Matching(
        ids="SELECT rowid FROM files_search WHERE files_search MATCH :words" if words else "",
        words="f.id IN (SELECT rowid FROM files_search WHERE files_search MATCH :words)" if search is not None else "",
        name="glob_matches(f.file_path)" if name is not None else "",
        parameters={"words": words},
    )


def fts_words(search: str | None, name: "Glob | None") -> str:
    """Write what names and paths must hold in the language of FTS5; '' for nothing."""
    parts = []
    if search is not None:
        parts.append(f"({beginnings(search)})")
    if name is not None and (words := [*name.words()]):
        parts.append(
            f"file_name : ({' '.join(_quoted(text) if whole else f'{_quoted(text)}*' for text, whole in words)})"
        )
    return " AND ".join(parts)


def beginnings(text: str) -> str:
    """Quote words for FTS5, so that none of its operators is one; each also finds what it begins."""
    return " ".join(f"{_quoted(word)}*" for word in text.replace("\0", " ").split())


def _quoted(word: str) -> str:
    return '"{}"'.format(word.replace('"', '""'))
