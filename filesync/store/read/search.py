"""Finding files: what a person asks for, page by page, and as little as can be read of all there are."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from filesync.core.globs import Glob
from filesync.core.timestamps import Timestamp
from filesync.store.engine import Database, Matching, PathOrder
from filesync.store.read.queries import PAGE, KnownEndpoint, Row, page_size, rows_of
from filesync.store.row_codec import from_json

FILE_COLUMNS = (
    "id", "endpoint_id", "external_file_id", "file_name", "file_path", "file_link", "file_size", "file_type",
    "mime_type", "version", "version_number", "checksum", "checksum_algorithm", "parent_external_id", "created_by",
    "modified_by", "modified_by_id", "created_at", "updated_at", "first_seen_at", "changed_at", "deleted_at",
    "deleted_reason", "extra",
)  # fmt: skip
_SEARCH_PAGE = 20_000  # each page of a search looks the words up again
_FEW = 2000  # files that are read and sorted sooner than the paths are walked until enough of them came by; decision 25
_PENDING = """
    WITH RECURSIVE below (endpoint_id, id, fate, found_at) AS (
        SELECT endpoint_id, external_id, fate, found_at FROM candidates WHERE is_folder
        UNION
        SELECT f.endpoint_id, f.external_folder_id, below.fate, below.found_at FROM below
        JOIN folders AS f ON f.endpoint_id = below.endpoint_id AND f.parent_external_id = below.id
        WHERE f.deleted_at IS NULL),
    waiting (endpoint_id, external_file_id, fate, found_at) AS (
        SELECT endpoint_id, external_id, fate, found_at FROM candidates WHERE NOT is_folder
        UNION ALL
        SELECT f.endpoint_id, f.external_file_id, below.fate, below.found_at FROM below
        CROSS JOIN files AS f ON f.endpoint_id = below.endpoint_id AND f.parent_external_id = below.id),
    pending (endpoint_id, external_file_id, pending_reason, missing_since) AS (
        SELECT endpoint_id, external_file_id, max(fate), min(found_at) FROM waiting
        GROUP BY endpoint_id, external_file_id)
"""
_IS_PENDING = "p.endpoint_id = f.endpoint_id AND p.external_file_id = f.external_file_id"
_CHOSEN = "endpoint_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:endpoints))"


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files are asked for. `search` are words: each must begin a word of the name or path."""

    name: Glob | None = None
    search: str | None = None
    file_types: tuple[str, ...] = ()
    modified_since: Timestamp | None = None
    deleted: bool = False
    pending_removal: bool = False


def find(
    database: Database, chosen: Sequence[KnownEndpoint], wanted: FileFilter, most: int | None = None
) -> Iterator[Row]:
    """Read files of these endpoints by the endpoint's name and the path; `most` is how many the caller will take.

    Where an index tells that only a few can match, those are read and sorted. Else the paths are walked, and what
    is wanted comes by often.
    """
    matching = database.connection.matching(wanted.search, wanted.name)
    values = {**matching.parameters, "types": json.dumps(wanted.file_types), "since": wanted.modified_since}
    values["endpoints"] = json.dumps([endpoint.id for endpoint in chosen])
    query = _Query(wanted, matching, database.connection.path_order, values)
    names = {endpoint.id: endpoint.name for endpoint in sorted(chosen, key=lambda endpoint: endpoint.name)}
    rows: Iterable[Row] | None = _few(database, query, most)
    if rows is None:
        rows = chain.from_iterable(_walk(database, query, endpoint_id, most) for endpoint_id in names)
    for row in rows:
        row["extra"] = None if row["extra"] is None else from_json(row["extra"])
        yield {"endpoint": names[row["endpoint_id"]], **row}


@dataclass(frozen=True, slots=True)
class _Query:
    """The SQL of one question, in either way to answer it."""

    wanted: FileFilter
    matching: Matching
    path_order: PathOrder
    parameters: Mapping[str, Any]

    def walking(self) -> str:
        """Ask for a page of an endpoint's files, behind the last one."""
        where = ["f.endpoint_id = :endpoint_id", self.path_order.behind, *self._conditions().values()]
        return f"{self._select('files AS f')} WHERE {' AND '.join(where)} ORDER BY {self.path_order.order} LIMIT :most"

    def among(self, indexed: str) -> str:
        """Ask for what is wanted of the files with these ids, which fulfil the condition of that name."""
        where = [f"f.{_CHOSEN}", *(sql for name, sql in self._conditions().items() if name != indexed)]
        where.append("f.id IN (SELECT CAST(value AS BIGINT) FROM json_each(:ids))")
        source = "files AS f JOIN endpoints AS e ON e.id = f.endpoint_id"
        return f"{self._select(source)} WHERE {' AND '.join(where)} ORDER BY e.name, f.file_path, f.id LIMIT :most"

    def indexed(self) -> Iterator[tuple[str, str]]:
        """Give the conditions that an index answers, each with the question for the ids of all files it holds for."""
        wanted = self.wanted
        if wanted.pending_removal:
            yield "pending", f"{_PENDING} SELECT f.id FROM pending AS p CROSS JOIN files AS f ON {_IS_PENDING}"  # noqa: S608
        if self.matching.ids:
            yield "search", self.matching.ids
        if wanted.deleted:
            yield "deleted", "SELECT id FROM files WHERE deleted_at IS NOT NULL"
        if wanted.modified_since is not None:
            yield "since", f"SELECT id FROM files WHERE {_CHOSEN} AND updated_at >= :since"  # noqa: S608

    def _conditions(self) -> dict[str, str]:
        wanted = self.wanted
        conditions = {"deleted": f"f.deleted_at IS {'NOT ' if wanted.deleted else ''}NULL"}
        if self.matching.name:
            conditions["name"] = self.matching.name
        if self.matching.words:
            conditions["search"] = self.matching.words
        if wanted.file_types:
            conditions["types"] = "f.file_type IN (SELECT value FROM json_each(:types))"
        if wanted.modified_since is not None:
            conditions["since"] = "f.updated_at >= :since"
        return conditions

    def _select(self, source: str) -> str:
        columns = [f"f.{name}" for name in FILE_COLUMNS]
        if not self.wanted.pending_removal:
            return f"SELECT {', '.join(columns)} FROM {source}"  # noqa: S608  our own words
        columns += ["p.pending_reason", "p.missing_since"]
        return f"{_PENDING} SELECT {', '.join(columns)} FROM {source} JOIN pending AS p ON {_IS_PENDING}"  # noqa: S608


def _few(database: Database, query: _Query, most: int | None) -> list[Row] | None:
    """Read all that is wanted by an index that leaves but a few; None when there is no such one."""
    with database.reading() as connection:
        for name, sql in query.indexed():
            ids = [row[0] for row in connection.execute(f"{sql} LIMIT {_FEW + 1}", query.parameters)]
            if len(ids) <= _FEW:
                limit = {"ids": json.dumps(ids), "most": _FEW if most is None else most}
                return rows_of(connection, query.among(name), {**query.parameters, **limit})
    return None


def _walk(database: Database, query: _Query, endpoint_id: int, most: int | None) -> Iterator[Row]:
    """Read an endpoint's files along their paths."""
    whole = PAGE if query.wanted.search is None else _SEARCH_PAGE
    sql, size = query.walking(), page_size(most, whole)
    last: tuple[str, int] = ("", 0)
    while True:
        values = {**query.parameters, "endpoint_id": endpoint_id, "path": last[0], "id": last[1], "most": size}
        with database.reading() as connection:
            page = rows_of(connection, sql, values)
        yield from page
        if len(page) < size:
            return
        last = (page[-1]["file_path"], page[-1]["id"])
