"""Inventories of any size that no sync had to fetch: rows as syncs of ACC leave them, made by SQLite itself."""

import sqlite3  # noqa: TID251  writes behind the program's back, much faster than any sync
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
_FOLDER = "printf('urn:adsk.wipprod:fs.folder:co.%d.%d', e.id, {})"
_DAYS = 30  # over which the history is spread

_SYNCS = f"""{_NUMBERS}
    INSERT INTO sync_logs (endpoint_id, status, mode, "trigger", started_at, finished_at, heartbeat_at,
                           duration_seconds, api_requests, host, pid)
    SELECT e.id, iif(i % 50 = 49, 'failed', 'success'), 'incremental', 'schedule', at, at, at, 1.0, 1, 'host', 1
    FROM (
        SELECT i, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', printf('-%f days', {_DAYS} * (:count + 1.0 - i) / :count)) AS at
        FROM n) CROSS JOIN endpoints AS e ORDER BY i, e.id
"""  # noqa: S608  our own words
_ROOTS = f"""
    INSERT INTO folders (endpoint_id, external_folder_id, folder_name, folder_path, depth, last_listed_at,
                         last_tried_at, listable)
    SELECT e.id, {_FOLDER.format(0)}, '', '/', 0, {_NOW}, {_NOW}, 0 FROM endpoints AS e
"""  # noqa: S608  as above
_FOLDERS = f"""{_NUMBERS}
    INSERT INTO folders (endpoint_id, external_folder_id, parent_external_id, folder_name, folder_path, depth,
                         last_listed_at, last_tried_at, change_stamp, listed_stamp)
    SELECT e.id, {_FOLDER.format("i")}, {_FOLDER.format("0")}, printf('Discipline %d', i), printf('/Discipline %d', i),
           1, {_NOW}, {_NOW}, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'
    FROM n CROSS JOIN endpoints AS e
"""  # noqa: S608  as above
_FILES = f"""{_NUMBERS},
    named (i, stem, type) AS (
        SELECT i, printf('A-%d Floor Plan %07d', i % 1000, i), iif(i % 7, iif(i % 3, 'pdf', 'dwg'), 'rvt') FROM n)
    INSERT INTO files (endpoint_id, external_file_id, file_name, file_path, file_link, file_size, file_type, version,
                       version_number, parent_external_id, created_by, modified_by, modified_by_id, created_at,
                       updated_at, first_seen_at, changed_at, deleted_at, deleted_reason)
    SELECT e.id, 'urn:adsk.wipprod:dm.lineage:' || hex(randomblob(11)), printf('%s.%s', stem, type),
           printf('/Discipline %d/%s.%s', 1 + i % :folders, stem, type),
           printf('https://acc.autodesk.com/docs/files/projects/b.%036d?entityId=%d', e.id, i), i * 1000, type,
           printf('urn:adsk.wipprod:fs.file:vf.%s?version=1', hex(randomblob(11))), 1,
           {_FOLDER.format("1 + i % :folders")}, 'Ada Lovelace', 'Ada Lovelace', 'ADA', '2025-01-01T00:00:00.000Z',
           strftime('%Y-%m-%dT%H:%M:%fZ', '2025-06-01', printf('+%d minutes', i)), {_NOW}, {_NOW},
           iif(i % 1000, NULL, {_NOW}), iif(i % 1000, NULL, 'removed')
    FROM named CROSS JOIN endpoints AS e ORDER BY i, e.id
"""  # noqa: S608  as above
_CREATIONS = """
    INSERT INTO changes (sync_log_id, endpoint_id, external_file_id, kind, cause, content_changed, file_name, file_path,
                         detected_at, after)
    SELECT l.id, f.endpoint_id, external_file_id, 'created', 'baseline', 0, file_name, file_path, l.started_at,
           json_object('file_name', file_name, 'file_path', file_path, 'file_size', file_size, 'version', version)
    FROM files AS f JOIN sync_logs AS l ON l.id = (f.id - 1) / :endpoints * :syncs / :files * :endpoints + f.endpoint_id
    ORDER BY l.id, f.id
"""
_DELETIONS = f"""
    INSERT INTO changes (sync_log_id, endpoint_id, external_file_id, kind, cause, content_changed, file_name, file_path,
                         detected_at, before, after)
    SELECT (SELECT max(id) FROM sync_logs AS l WHERE l.endpoint_id = f.endpoint_id), endpoint_id, external_file_id,
           'deleted', 'file', 0, file_name, file_path, {_NOW}, json_object('deleted_at', NULL),
           json_object('deleted_at', deleted_at, 'deleted_reason', deleted_reason)
    FROM files AS f WHERE deleted_at IS NOT NULL
"""  # noqa: S608  as above
_STATES = f"""
    UPDATE sync_state SET last_status = 'success', last_started_at = {_NOW}, last_finished_at = {_NOW},
        last_success_at = {_NOW}, completed_at = {_NOW}, complete_as_of = {_NOW}, last_duration_seconds = 1.0,
        root_id = (SELECT external_folder_id FROM folders AS f
                   WHERE f.endpoint_id = sync_state.endpoint_id AND depth = 0),
        live_files = (SELECT count(*) FROM files AS f
                      WHERE f.endpoint_id = sync_state.endpoint_id AND deleted_at IS NULL)
"""  # noqa: S608  as above
_SEARCH = "INSERT INTO files_search (files_search) VALUES ('rebuild')"


@dataclass(frozen=True, slots=True)
class Size:
    """How much each endpoint is to have; a thousandth of the files is deleted, every file has a change or two."""

    files: int
    folders: int = 1
    syncs: int = 1


def fill(database: Path, each: Size) -> None:
    """Give every endpoint of a database that has no other rows yet so much, read just now."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")  # KiB
        endpoints = connection.execute("SELECT count(*) FROM endpoints").fetchone()[0]
        connection.execute(_SYNCS, {"count": each.syncs})
        connection.execute(_ROOTS)
        connection.execute(_FOLDERS, {"count": each.folders})
        connection.execute(_FILES, {"count": each.files, "folders": each.folders})
        connection.execute(_CREATIONS, {"endpoints": endpoints, "syncs": each.syncs, "files": each.files})
        for statement in (_DELETIONS, _STATES, _SEARCH):
            connection.execute(statement)
