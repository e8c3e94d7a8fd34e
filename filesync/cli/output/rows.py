"""Output: one way to show rows as a table, a JSON document, JSON lines or CSV; rows are never collected."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from filesync.cli.output.table import Column, Table
from filesync.cli.terminal import Terminal
from filesync.core.errors import UsageError
from filesync.core.sanitize import escape_json, harmless, unlike_formula

Row = Mapping[str, Any]

SCHEMA = 1  # of every JSON document; a field may be added under the same number, none renamed or removed


_CSV_END = "\r\n"  # while a row is made: before 3.13 Python puts quotes only around the line ends that it knows of
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class Form(Enum):
    """How a command's rows are written."""

    TABLE = "table"
    JSON = "--json"
    JSON_LINES = "--jsonl"
    CSV = "--csv"


def choose(*, json: bool = False, jsonl: bool = False, csv: bool = False) -> Form:
    """Make one form of a command's options."""
    asked = [form for form, on in ((Form.JSON, json), (Form.JSON_LINES, jsonl), (Form.CSV, csv)) if on]
    if len(asked) > 1:
        raise UsageError(f"{asked[0].value} and {asked[1].value} exclude each other")
    return asked[0] if asked else Form.TABLE


@dataclass(frozen=True, slots=True)
class View:
    """How one kind of rows is shown: the key of its JSON document, its table, its CSV columns.

    `nothing` is what a person is told, on stderr, when the table has no rows.
    """

    key: str
    columns: Sequence[Column] = ()
    fields: Sequence[str] = ()
    nothing: str = "nothing to show"


def show(terminal: Terminal, form: Form, view: View, rows: Iterable[Row], facts: Row | None = None) -> None:
    """Write rows as they come; a JSON document begins with the facts."""
    match form:
        case Form.JSON:
            _write_document(terminal, {"schema": SCHEMA, **(facts or {})}, view.key, rows)
        case Form.JSON_LINES:
            for row in rows:
                terminal.write(f"{to_json(row)}\n")
        case Form.CSV:
            _write_csv(terminal, view.fields, rows)
        case Form.TABLE:
            _write_table(terminal, view, rows)


def show_document(terminal: Terminal, document: Mapping[str, Any]) -> None:
    """Write one JSON document that is no list of rows."""
    text = terminal.redactor.scrub(
        json.dumps({"schema": SCHEMA, **document}, ensure_ascii=False, indent=2, default=str)
    )
    terminal.write("\n".join(escape_json(line) for line in text.split("\n")) + "\n")


def to_json(row: Row) -> str:
    """Write one row as one line; every string arrives exactly as it is stored."""
    return escape_json(_encode(row))


def _write_table(terminal: Terminal, view: View, rows: Iterable[Row]) -> None:
    table = Table(view.columns, width=terminal.width, colours=terminal.has_colours)
    if not table.write(rows, terminal.write):
        terminal.note(view.nothing)


def _write_document(terminal: Terminal, facts: Row, key: str, rows: Iterable[Row]) -> None:
    before = f'{to_json(facts)[:-1]}, "{key}": [\n'
    for row in rows:
        terminal.write(before + to_json(row))
        before = ",\n"
    terminal.write(f"{before if before[0] == '{' else chr(10)}]}}\n")


def _write_csv(terminal: Terminal, fields: Sequence[str], rows: Iterable[Row]) -> None:
    """Write CSV with a heading; on a terminal also without what would steer it."""
    line = io.StringIO(newline="")
    writer = csv.writer(line, lineterminator=_CSV_END)
    writer.writerow(fields)
    for row in rows:
        terminal.write(_taken(line))
        writer.writerow([_cell(row.get(field), on_terminal=terminal.width is not None) for field in fields])
    terminal.write(_taken(line))


def _taken(line: io.StringIO) -> str:
    """Take the row that was written; it ends as lines do here."""
    text = line.getvalue().removesuffix(_CSV_END) + "\n"
    line.seek(0)
    line.truncate()
    return text


def _cell(value: Any, *, on_terminal: bool) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    text = unlike_formula(value if isinstance(value, str) else to_json(value))
    return harmless(text) if on_terminal else text
