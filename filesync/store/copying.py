"""Copying an inventory from one engine to another: every row with its number, so readers go on.

A copy is in an empty inventory, table after table and page after page; each page is one commit, and one that was stopped
goes on behind the last row that is there. What an engine cannot hold (NUL in a text) is replaced, and counted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from filesync.core.errors import StoreError
from filesync.runtime.database_url import Address
from filesync.store.database import open_for_reading, open_for_writing
from filesync.store.engine import Database, Insert, SqlConnection

_PAGE = 2_000  # rows of one commit


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what its rows are ordered by, and all its columns."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of one table."""

    table: str
    rows: int
    replaced: int  # values that the other engine cannot hold as they were


_FACTS = (
    "file_name", "file_link", "file_size", "file_type", "mime_type", "version", "version_number", "checksum",
    "checksum_algorithm", "parent_external_id", "created_by", "modified_by", "modified_by_id", "created_at",
    "updated_at", "extra",
)  # fmt: skip
# Parents before children.
TABLES = (
    Table(
        "endpoints",
        ("id",),
        (
            "id",
            "name",
            "endpoint_type",
            "project_id",
            "user_id",
            "endpoint_details",
            "schedule",
            "is_active",
            "external_project_id",
            "external_project_name",
            "hub_name",
            "region",
            "created_at",
            "updated_at",
            "archived_at",
        ),  # fmt: skip
    ),
    Table(
        "folders",
        ("id",),
        (
            "id",
            "endpoint_id",
            "external_folder_id",
            "parent_external_id",
            "folder_name",
            "folder_path",
            "depth",
            "readable",
            "last_listed_at",
            "deleted_at",
            "listable",
            "excluded",
            "relist",
            "change_stamp",
            "listed_stamp",
            "entry_cause",
            "unreadable_reason",
            "last_tried_at",
            "failures",
        ),  # fmt: skip
    ),
    Table(
        "files",
        ("id",),
        (
            "id",
            "endpoint_id",
            "external_file_id",
            *_FACTS,
            "file_path",
            "first_seen_at",
            "changed_at",
            "deleted_at",
            "deleted_reason",
        ),  # fmt: skip
    ),
    Table("withheld_files", ("id",), ("id", "endpoint_id", "external_file_id", *_FACTS)),
    Table(
        "sync_logs",
        ("id",),
        (
            "id",
            "endpoint_id",
            "status",
            "mode",
            '"trigger"',
            "started_at",
            "finished_at",
            "heartbeat_at",
            "duration_seconds",
            "files_seen",
            "files_added",
            "files_updated",
            "files_removed",
            "found_by_reconcile",
            "folders_listed",
            "folders_skipped",
            "api_requests",
            "retries",
            "throttled_seconds",
            "error_type",
            "error_message",
            "host",
            "pid",
            "waiting_for",
            "waiting_until",
            "odd_entries",
        ),  # fmt: skip
    ),
    Table(
        "sync_totals",
        ("endpoint_id", "status"),
        (
            "endpoint_id",
            "status",
            "syncs",
            "duration_seconds",
            "files_added",
            "files_updated",
            "files_removed",
            "found_by_reconcile",
            "api_requests",
            "retries",
            "throttled_seconds",
        ),  # fmt: skip
    ),
    Table(
        "changes",
        ("seq",),
        (
            "seq",
            "sync_log_id",
            "endpoint_id",
            "external_file_id",
            "kind",
            "cause",
            "content_changed",
            "file_name",
            "file_path",
            "detected_at",
            "before",
            "after",
        ),  # fmt: skip
    ),
    Table(
        "sync_state",
        ("endpoint_id",),
        (
            "endpoint_id",
            "scope",
            "provider_state",
            "root_id",
            "rescoping",
            "full_begun_at",
            "full_owed",
            "track_seen",
            "selection",
            "selection_after",
            "selection_before",
            "live_files",
            "completed_at",
            "full_listed_at",
            "complete_as_of",
            "deletions_accepted_at",
            "last_started_at",
            "last_status",
            "last_error_type",
            "last_error_message",
            "last_finished_at",
            "last_success_at",
            "last_duration_seconds",
            "last_counts",
            "failures_in_a_row",
            "next_due_at",
            "identity",
            "owed_since",
            "folders_known_at",
            "left_out",
        ),  # fmt: skip
    ),
    Table(
        "candidates",
        ("endpoint_id", "external_id"),
        (
            "endpoint_id",
            "external_id",
            "is_folder",
            "fate",
            "cause",
            "vanished",
            "reconciled",
            "looked_up",
            "found_at",
            "failures",
            "failure",
            "asked_in",
            "accepted",
        ),  # fmt: skip
    ),
    Table("seen", ("endpoint_id", "external_id"), ("endpoint_id", "external_id")),
    Table(
        "owed",
        ("endpoint_id", "folder_id"),
        ("endpoint_id", "folder_id", "fate", "cause", "reconciled", "files_after", "withheld_after"),
    ),
    Table(
        "odd_entries",
        ("endpoint_id", "external_id"),
        ("endpoint_id", "external_id", "odd", "said_in", "seen_in"),
    ),
    Table("scheduler", ("id",), ("id", "last_start_at", "last_exit_code", "idle_until", "idle_basis")),
    Table(
        "set_sources",
        ("id",),
        (
            "id",
            "endpoint_type",
            "question",
            "credentials",
            "asked_at",
            "answered_at",
            "error_type",
            "error_message",
            "failures_in_a_row",
            "identity",
        ),  # fmt: skip
    ),
    Table(
        "set_members",
        ("source_id", "external_id"),
        (
            "source_id",
            "external_id",
            "member_name",
            "details",
            "provider_state",
            "first_seen_at",
            "named_at",
            "missed",
            "archived_at",
        ),  # fmt: skip
    ),
    Table("feed_positions", ("reader",), ("reader", "kind", "seq", "updated_at")),
    Table("retention", ("id",), ("id", "floor_seq", "floor_at", "pruned_at")),
    Table("feeds", ("number",), ("number", "feed", "shared_seq", "next_seq")),
    Table("notifications", ("id",), ("id", "target", "endpoint_id", "event", "payload", "created_at")),
    Table(
        "notify_told",
        ("endpoint_id", "target", "event", "cause"),
        ("target", "endpoint_id", "event", "cause", "told_at"),
    ),
    Table(
        "notify_targets",
        ("target",),
        ("target", "failures_in_a_row", "next_try_at", "last_error", "last_delivered_at"),
    ),
)
_FIRST_ROWS = ("retention", "feeds")  # which a new inventory has of its own


def copy(source: Address, target: Address, on_table: Callable[[Copied], None] = lambda _: None) -> list[Copied]:
    """Copy an inventory into an empty one, or go on with a copy that was stopped. Raises StoreError."""
    read = open_for_reading(source)
    try:
        written = open_for_writing(target)
        try:
            return [*_copy_tables(read, written, on_table)]
        finally:
            written.close()
    finally:
        read.close()


def _copy_tables(source: Database, target: Database, on_table: Callable[[Copied], None]) -> Iterator[Copied]:
    _refuse_another_inventory(source, target)
    with source.reading() as connection:  # one state of the source, however long it takes
        for table in TABLES:
            rows = replaced = 0
            for page in _pages(connection, table, _last_key(target, table)):
                clean = [tuple(_clean(value) for value in row) for row in page]
                replaced += sum(
                    a != b for old, new in zip(page, clean, strict=True) for a, b in zip(old, new, strict=True)
                )
                with target.transaction() as writing:
                    _write(writing, table, clean)
                rows += len(page)
            done = Copied(table.name, rows, replaced)
            on_table(done)
            yield done
        last = connection.last_seq()
    with target.transaction() as writing:
        writing.numbers_given(last)


def _refuse_another_inventory(source: Database, target: Database) -> None:
    """Refuse a target that has endpoints of its own: a copy that was stopped has the source's."""
    with source.reading() as connection:
        ours = {tuple(row) for row in connection.execute("SELECT id, name FROM endpoints")}
    with target.reading() as connection:
        theirs = {tuple(row) for row in connection.execute("SELECT id, name FROM endpoints")}
    if not theirs <= ours:
        raise StoreError(f"{target.address}: has an inventory of its own; copy into an empty one")


def _last_key(target: Database, table: Table) -> tuple[Any, ...] | None:
    if table.name in _FIRST_ROWS:
        return None
    order = ", ".join(f"{name} DESC" for name in table.key)
    with target.reading() as connection:
        sql = f"SELECT {', '.join(table.key)} FROM {table.name} ORDER BY {order} LIMIT 1"  # noqa: S608  our own words
        row = connection.execute(sql).fetchone()
    return tuple(row) if row else None


def _pages(connection: SqlConnection, table: Table, after: tuple[Any, ...] | None) -> Iterator[list[Sequence[Any]]]:
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    places = [table.columns.index(name) for name in table.key]
    while True:
        where = f"WHERE ({key}) > ({', '.join('?' * len(table.key))})" if after else ""
        sql = f"SELECT {columns} FROM {table.name} {where} ORDER BY {key} LIMIT {_PAGE}"  # noqa: S608  our own words
        page = connection.execute(sql, after or ()).fetchall()
        if page:
            yield page
        if len(page) < _PAGE:
            return
        after = tuple(page[-1][place] for place in places)


def _write(connection: SqlConnection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    conflict = ""
    if table.name in _FIRST_ROWS:
        others = ", ".join(f"{name} = excluded.{name}" for name in table.columns if name not in table.key)
        conflict = f"ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {others}"
    bulk = Insert(table.name, table.columns, conflict)
    if table.name == "files":
        connection.add_files(bulk, rows)
    else:
        connection.write_many(bulk, rows)


def _clean(value: Any) -> Any:
    """Replace what PostgreSQL cannot hold."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value
