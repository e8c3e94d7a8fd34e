"""The table: columns that fit the terminal, the less important dropped before anything wraps."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from filesync.core.sanitize import harmless

Row = Mapping[str, Any]

_SAMPLE = 200  # rows that decide the widths; what comes later is not waited for
_WIDEST = 100  # of any column but the last: one endless name must not push the others away
_ROOMY = 48  # what the last column gets before the others get more than their least
_NARROWEST = 8
_GAP = "  "
_COLOURS = {"good": "\x1b[32m", "bad": "\x1b[31m", "warn": "\x1b[33m", "dim": "\x1b[2m"}
_PLAIN = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `text` makes a row's cell.

    `rank` 0 is never dropped; of the others the highest goes first when the terminal is too narrow.
    `least` is the width down to which the column may be cut, 0 when its cells make no sense cut.
    A `spare` column is left out when all its cells are empty. `mood` names a row's colour.
    """

    heading: str
    text: Callable[[Row], str]
    rank: int = 0
    least: int = 0
    right: bool = False
    spare: bool = False
    mood: Callable[[Row], str | None] = lambda _: None


class Table:
    """Writes rows below headings; `width` None means that nothing has to fit."""

    def __init__(self, columns: Sequence[Column], *, width: int | None, colours: bool) -> None:
        self._columns = columns
        self._width = width
        self._colours = colours

    def write(self, rows: Iterable[Row], write: Callable[[str], None]) -> bool:
        """Write the headings and every row; nothing at all (False) when there are none."""
        coming = iter(rows)
        sample = list(islice(coming, _SAMPLE))
        if not sample:
            return False
        layout = fit(self._columns, sample, self._width)
        write(self._line([(column.heading, column, width, "dim") for column, width in layout]))
        for row in chain(sample, coming):
            cells = [(harmless(column.text(row)), column, width, column.mood(row)) for column, width in layout]
            write(self._line(cells))
        return True

    def _line(self, cells: Sequence[tuple[str, Column, int, str | None]]) -> str:
        *others, last = cells
        parts = [self._coloured(_padded(text, width, right=column.right), mood) for text, column, width, mood in others]
        text, column, width, mood = last
        if column.right:
            text = _padded(text, width, right=True)
        elif self._width is not None:
            text = _cut(text, width)
        return _GAP.join([*parts, self._coloured(text, mood)]).rstrip() + "\n"

    def _coloured(self, text: str, mood: str | None) -> str:
        if not self._colours or mood is None or not text.strip():
            return text
        return f"{_COLOURS[mood]}{text}{_PLAIN}"


def cut_rows(columns: Sequence[Column], rows: Sequence[Row], width: int | None) -> list[Row]:
    """Pick the rows whose last cell a table of that width does not show whole."""
    if width is None or not rows:
        return []
    column, room = fit(columns, rows[:_SAMPLE], width)[-1]
    return [row for row in rows if _cells(harmless(column.text(row))) > room]


def fit(columns: Sequence[Column], rows: Sequence[Row], width: int | None) -> list[tuple[Column, int]]:
    """Choose columns and their widths."""
    wanted = {id(column): _natural(column, rows) for column in columns}
    kept = [column for column in columns if not column.spare or any(column.text(row) for row in rows)]
    if width is None:
        return [(column, min(wanted[id(column)], _WIDEST)) for column in kept]
    while _least(kept, wanted) > width and any(column.rank for column in kept):
        kept.remove(max(kept, key=lambda column: column.rank))
    return _shared_out(kept, wanted, width)


def _natural(column: Column, rows: Sequence[Row]) -> int:
    return max(_cells(column.heading), *(_cells(harmless(column.text(row))) for row in rows))


def _least(columns: Sequence[Column], wanted: Mapping[int, int]) -> int:
    widths = (min(wanted[id(column)], column.least or wanted[id(column)]) for column in columns)
    return sum(widths) + len(_GAP) * (len(columns) - 1)


def _shared_out(columns: Sequence[Column], wanted: Mapping[int, int], width: int) -> list[tuple[Column, int]]:
    """Return every column its least, then what is left: some to the last, which says most, then from left to right."""
    widths = {id(column): min(wanted[id(column)], column.least or wanted[id(column)]) for column in columns}
    left = width - _least(columns, wanted)
    if left < 0:  # not even that fits: the last gives way
        widths[id(columns[-1])] = max(_NARROWEST, widths[id(columns[-1])] + left)
    for column, most in ((columns[-1], _ROOMY), *((column, width) for column in columns)):
        more = max(0, min(left, most - widths[id(column)], wanted[id(column)] - widths[id(column)]))
        widths[id(column)] += more
        left -= more
    return [(column, widths[id(column)]) for column in columns]


def _padded(text: str, width: int, *, right: bool) -> str:
    text = _cut(text, width)
    padding = " " * (width - _cells(text))
    return padding + text if right else text + padding


def _cut(text: str, width: int) -> str:
    """Shorten text to that many terminal cells; Chinese and emoji take two each."""
    if _cells(text) <= width:
        return text
    from rich.cells import set_cell_size  # noqa: PLC0415, TID251  only wide text needs its tables

    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if width else ""


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415, TID251  only wide text needs its tables

    return cell_len(text)
