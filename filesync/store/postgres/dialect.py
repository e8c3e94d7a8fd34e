"""The store's SQL as PostgreSQL reads it (decision 74): placeholders, schema, lists of ids, writes of many rows.

Nothing is set on a connection, for a pooler hands it to somebody else between two transactions: every table is named
with its schema.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import orjson

from filesync.core.errors import UnstorableTextError
from filesync.store.engine import Bulk, Delete, Insert, Update

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|(?<!:):([a-z_][a-z_0-9]*)|\?|%")
_AMONG = re.compile(r"\b(NOT )?IN \(SELECT (CAST\(value AS BIGINT\)|value) FROM json_each\((%\([a-z_0-9]+\)s|%s)\)\)")
_EACH = re.compile(r"json_each\((%\([a-z_0-9]+\)s|%s)\)")
_FIXED_ORDER = re.compile(r"\bCROSS JOIN (\S+ AS \w+)(\s+)ON\b")  # which tells SQLite in what order to join
_COLUMN = re.compile(r"^    \"?([a-z_]+)\"? (bigint|boolean|double precision|text)\b", re.MULTILINE)
_TABLE = re.compile(r"^CREATE (?:TABLE|VIEW) ([a-z_]+)(.*?)^(?:\)|FROM )", re.MULTILINE | re.DOTALL)


@cache
def script() -> str:
    """Read the schema's definition."""
    return resources.files(__package__).joinpath("schema", "0001_initial.sql").read_text(encoding="utf-8")


@cache
def column_types() -> Mapping[str, Mapping[str, str]]:
    """Return the type of every column: table -> column -> type."""
    return {name: dict(_COLUMN.findall(body)) for name, body in _TABLE.findall(script())}


@cache
def _qualified() -> re.Pattern[str]:
    names = "|".join(sorted(column_types(), key=len, reverse=True))
    return re.compile(rf"\b(FROM|JOIN|INTO|UPDATE|TABLE)(\s+)({names})\b")


@lru_cache(maxsize=512)
def translate(sql: str, schema: str) -> str:
    """Write a statement of the store for PostgreSQL."""
    text = _TOKEN.sub(_placeholder, sql)
    text = _AMONG.sub(_among, text)
    text = _EACH.sub(r"jsonb_array_elements_text(\1::jsonb) AS listed (value)", text)
    text = text.replace("instr(", "strpos(").replace("endpoint_status AS", "endpoint_states AS")
    text = _FIXED_ORDER.sub(r"JOIN \1\2ON", text)
    return _qualified().sub(rf'\1\2"{schema}".\3', text)


@lru_cache(maxsize=128)
def bulk_sql(bulk: Bulk, schema: str) -> str:
    """Write one statement for many rows, which are given as one JSON array of arrays: `rows_json`."""
    types = column_types()[bulk.table]
    match bulk:
        case Insert(table, columns, conflict):
            values = ", ".join(_value(n, types[name]) for n, name in enumerate(columns))
            sql = f"""INSERT INTO {table} ({", ".join(columns)})
                SELECT {values} FROM jsonb_array_elements(%s::jsonb) AS r (v) {conflict}"""  # noqa: S608  our own words
        case Update(table, columns, key):
            changes = ", ".join(f"{name} = {_value(n, types[name])}" for n, name in enumerate(columns))
            found = _found(table, key, types, len(columns))
            sql = f"UPDATE {table} SET {changes} FROM jsonb_array_elements(%s::jsonb) AS r (v) WHERE {found}"  # noqa: S608  as above
        case Delete(table, key):
            found = _found(table, key, types, 0)
            sql = f"DELETE FROM {table} USING jsonb_array_elements(%s::jsonb) AS r (v) WHERE {found}"  # noqa: S608  as above
    return _qualified().sub(rf'\1\2"{schema}".\3', sql)


@lru_cache(maxsize=8)
def changes_sql(bulk: Insert, schema: str) -> str:
    """Write the statement that adds changes to the feed, numbered by its counter: first their number, then the rows."""
    types = column_types()[bulk.table]
    values = ", ".join(_value(n, types[name]) for n, name in enumerate(bulk.columns))
    return f"""WITH counted AS (
            UPDATE "{schema}".feed_counter SET last_seq = last_seq + %s RETURNING last_seq - %s AS base)
        INSERT INTO "{schema}".{bulk.table} (seq, {", ".join(bulk.columns)})
        SELECT counted.base + r.n, {values}
        FROM counted, jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS r (v, n)"""  # noqa: S608  our own words


def rows_json(rows: Iterable[Sequence[Any]]) -> tuple[str, int]:
    """Write rows as JSON, and count them."""
    listed = list(rows)
    try:
        return orjson.dumps(listed).decode(), len(listed)
    except orjson.JSONEncodeError as exc:  # a surrogate by itself, which is no UTF-8
        raise UnstorableTextError(f"a text cannot be written: {exc}") from exc


def _placeholder(match: re.Match[str]) -> str:
    text = match[0]
    if text == "?":
        return "%s"
    if text == "%":
        return "%%"
    if match[1]:
        return f"%({match[1]})s"
    return text.replace("%", "%%")


def _among(match: re.Match[str]) -> str:
    cast = "::bigint" if match[2] != "value" else ""
    listed = f"SELECT jsonb_array_elements_text({match[3]}::jsonb){cast}"
    # An index finds what is in an array; what is not is looked up in a hash of the rows, which no array of these is.
    return f"NOT IN ({listed})" if match[1] else f"= ANY (ARRAY({listed}))"


def _value(number: int, type_: str) -> str:
    text = f"(r.v ->> {number})"
    return text if type_ == "text" else f"{text}::{type_}"


def _found(table: str, key: Sequence[str], types: Mapping[str, str], first: int) -> str:
    return " AND ".join(f"{table}.{name} = {_value(first + n, types[name])}" for n, name in enumerate(key))
