-- Schema version 1. Public tables and columns are documented in docs/database.md.

CREATE TABLE endpoints (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    endpoint_type TEXT NOT NULL,
    project_id TEXT,
    user_id TEXT,
    endpoint_details TEXT NOT NULL,
    schedule TEXT NOT NULL,
    is_active INTEGER NOT NULL,
    external_project_id TEXT,
    external_project_name TEXT,
    hub_name TEXT,
    region TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    external_folder_id TEXT NOT NULL,
    parent_external_id TEXT,
    folder_name TEXT NOT NULL,
    folder_path TEXT,
    depth INTEGER,
    readable INTEGER NOT NULL DEFAULT 1,
    last_listed_at TEXT,
    deleted_at TEXT,
    listable INTEGER NOT NULL DEFAULT 1,
    excluded INTEGER NOT NULL DEFAULT 0,
    relist INTEGER NOT NULL DEFAULT 0,
    change_stamp TEXT,
    listed_stamp TEXT,
    entry_cause TEXT,
    unreadable_reason TEXT,
    last_tried_at TEXT,
    UNIQUE (endpoint_id, external_folder_id)
) STRICT;

CREATE INDEX folders_by_parent ON folders (endpoint_id, parent_external_id);

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    external_file_id TEXT NOT NULL,
    file_name TEXT NOT NULL,
    file_path TEXT NOT NULL,
    file_link TEXT,
    file_size INTEGER,
    file_type TEXT,
    mime_type TEXT,
    version TEXT,
    version_number INTEGER,
    checksum TEXT,
    checksum_algorithm TEXT,
    parent_external_id TEXT,
    created_by TEXT,
    modified_by TEXT,
    modified_by_id TEXT,
    created_at TEXT,
    updated_at TEXT,
    first_seen_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    deleted_at TEXT,
    deleted_reason TEXT,
    extra TEXT,
    UNIQUE (endpoint_id, external_file_id)
) STRICT;

CREATE INDEX files_by_parent ON files (endpoint_id, parent_external_id);
CREATE INDEX files_by_path ON files (endpoint_id, file_path);
CREATE INDEX files_by_update ON files (endpoint_id, updated_at);

-- Listed files that are not in `files`: outside the filters, or in a folder whose place is not known yet.
CREATE TABLE withheld_files (
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    external_file_id TEXT NOT NULL,
    file_name TEXT NOT NULL,
    file_link TEXT,
    file_size INTEGER,
    file_type TEXT,
    mime_type TEXT,
    version TEXT,
    version_number INTEGER,
    checksum TEXT,
    checksum_algorithm TEXT,
    parent_external_id TEXT,
    created_by TEXT,
    modified_by TEXT,
    modified_by_id TEXT,
    created_at TEXT,
    updated_at TEXT,
    extra TEXT,
    PRIMARY KEY (endpoint_id, external_file_id)
) STRICT;

CREATE INDEX withheld_files_by_parent ON withheld_files (endpoint_id, parent_external_id);
CREATE INDEX withheld_files_by_update ON withheld_files (endpoint_id, updated_at);

CREATE TABLE sync_logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    status TEXT NOT NULL CHECK (status IN ('running', 'success', 'partial', 'failed', 'interrupted')),
    mode TEXT NOT NULL CHECK (mode IN ('full', 'incremental')),
    "trigger" TEXT NOT NULL CHECK ("trigger" IN ('schedule', 'manual', 'trial')),
    started_at TEXT NOT NULL,
    finished_at TEXT,
    heartbeat_at TEXT NOT NULL,
    duration_seconds REAL,
    files_seen INTEGER NOT NULL DEFAULT 0,
    files_added INTEGER NOT NULL DEFAULT 0,
    files_updated INTEGER NOT NULL DEFAULT 0,
    files_removed INTEGER NOT NULL DEFAULT 0,
    found_by_reconcile INTEGER NOT NULL DEFAULT 0,
    folders_listed INTEGER NOT NULL DEFAULT 0,
    folders_skipped INTEGER NOT NULL DEFAULT 0,
    api_requests INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0,
    throttled_seconds REAL NOT NULL DEFAULT 0,
    error_type TEXT,
    error_message TEXT,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    waiting_for TEXT,
    waiting_until TEXT
) STRICT;

CREATE INDEX sync_logs_by_endpoint ON sync_logs (endpoint_id, id);
CREATE INDEX sync_logs_running ON sync_logs (endpoint_id) WHERE status = 'running';

CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sync_log_id INTEGER NOT NULL REFERENCES sync_logs (id),
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    external_file_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('created', 'deleted', 'restored', 'moved', 'renamed', 'modified', 'touched')),
    cause TEXT NOT NULL CHECK (cause IN ('file', 'folder', 'baseline', 'config', 'access')),
    content_changed INTEGER NOT NULL,
    file_name TEXT NOT NULL,
    file_path TEXT NOT NULL,
    detected_at TEXT NOT NULL,
    before TEXT,
    after TEXT
) STRICT;

CREATE INDEX changes_by_file ON changes (endpoint_id, external_file_id, seq);
CREATE INDEX changes_by_time ON changes (detected_at);
CREATE INDEX changes_of_removals ON changes (endpoint_id, detected_at) WHERE kind = 'deleted';

-- What filesync remembers of an endpoint between syncs; one row each.
CREATE TABLE sync_state (
    endpoint_id INTEGER PRIMARY KEY REFERENCES endpoints (id),
    scope TEXT NOT NULL,
    provider_state TEXT NOT NULL DEFAULT '{}',
    root_id TEXT,
    rescoping INTEGER NOT NULL DEFAULT 0,
    full_begun_at TEXT,
    track_seen INTEGER NOT NULL DEFAULT 0,
    selection TEXT,
    selection_after TEXT,
    selection_before TEXT,
    live_files INTEGER NOT NULL DEFAULT 0,
    completed_at TEXT,
    full_listed_at TEXT,
    complete_as_of TEXT,
    deletions_accepted_at TEXT,
    last_started_at TEXT,
    last_status TEXT,
    last_error_type TEXT,
    last_error_message TEXT,
    last_finished_at TEXT,
    last_success_at TEXT,
    last_duration_seconds REAL,
    last_counts TEXT,
    failures_in_a_row INTEGER NOT NULL DEFAULT 0,
    next_due_at TEXT
) STRICT;

-- What a listing should have shown and did not (fate NULL), or what is known to be gone and waits for the sync's end.
CREATE TABLE candidates (
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    external_id TEXT NOT NULL,
    is_folder INTEGER NOT NULL,
    fate TEXT,
    cause TEXT NOT NULL,
    vanished INTEGER NOT NULL,
    reconciled INTEGER NOT NULL DEFAULT 0,
    looked_up INTEGER NOT NULL DEFAULT 0,
    found_at TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, external_id)
) STRICT, WITHOUT ROWID;

-- Ids that a running full listing has named so far.
CREATE TABLE seen (
    endpoint_id INTEGER NOT NULL,
    external_id TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, external_id)
) STRICT, WITHOUT ROWID;

-- One row: the last start of `filesync sync` in this home.
CREATE TABLE scheduler (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_start_at TEXT NOT NULL,
    last_exit_code INTEGER
) STRICT;

CREATE VIRTUAL TABLE files_search USING fts5 (
    file_name, file_path, content = 'files', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER files_search_insert AFTER INSERT ON files BEGIN
    INSERT INTO files_search (rowid, file_name, file_path) VALUES (new.id, new.file_name, new.file_path);
END;

CREATE TRIGGER files_search_update AFTER UPDATE OF file_name, file_path ON files
WHEN old.file_name IS NOT new.file_name OR old.file_path IS NOT new.file_path BEGIN
    INSERT INTO files_search (files_search, rowid, file_name, file_path)
    VALUES ('delete', old.id, old.file_name, old.file_path);
    INSERT INTO files_search (rowid, file_name, file_path) VALUES (new.id, new.file_name, new.file_path);
END;

CREATE TRIGGER files_search_delete AFTER DELETE ON files BEGIN
    INSERT INTO files_search (files_search, rowid, file_name, file_path)
    VALUES ('delete', old.id, old.file_name, old.file_path);
END;

CREATE VIEW current_files AS
SELECT e.name AS endpoint, e.endpoint_type, f.*
FROM files AS f
JOIN endpoints AS e ON e.id = f.endpoint_id
WHERE f.deleted_at IS NULL AND e.is_active = 1;

CREATE VIEW file_history AS
SELECT
    c.endpoint_id,
    e.name AS endpoint,
    c.external_file_id,
    c.file_name,
    c.file_path,
    c.kind,
    c.cause,
    (
        SELECT json_extract(h.after, '$.version') FROM changes AS h
        WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq <= c.seq
            AND (h.kind = 'created' OR json_type(h.after, '$.version') IS NOT NULL)
        ORDER BY h.seq DESC LIMIT 1
    ) AS version,
    (
        SELECT json_extract(h.after, '$.file_size') FROM changes AS h
        WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq <= c.seq
            AND (h.kind = 'created' OR json_type(h.after, '$.file_size') IS NOT NULL)
        ORDER BY h.seq DESC LIMIT 1
    ) AS file_size,
    (
        SELECT json_extract(h.after, '$.updated_at') FROM changes AS h
        WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq <= c.seq
            AND (h.kind = 'created' OR json_type(h.after, '$.updated_at') IS NOT NULL)
        ORDER BY h.seq DESC LIMIT 1
    ) AS updated_at,
    (
        SELECT json_extract(h.after, '$.modified_by') FROM changes AS h
        WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq <= c.seq
            AND (h.kind = 'created' OR json_type(h.after, '$.modified_by') IS NOT NULL)
        ORDER BY h.seq DESC LIMIT 1
    ) AS modified_by,
    c.kind = 'deleted' AS deleted,
    CASE c.kind WHEN 'deleted' THEN json_extract(c.after, '$.deleted_reason') END AS deleted_reason,
    c.detected_at AS valid_from,
    (
        SELECT n.detected_at FROM changes AS n
        WHERE n.endpoint_id = c.endpoint_id AND n.external_file_id = c.external_file_id AND n.seq > c.seq
        ORDER BY n.seq LIMIT 1
    ) AS valid_to,
    c.seq
FROM changes AS c
JOIN endpoints AS e ON e.id = c.endpoint_id;

CREATE VIEW endpoint_status AS
SELECT
    e.id AS endpoint_id,
    e.name,
    e.endpoint_type,
    e.schedule,
    e.is_active,
    CASE
        WHEN NOT e.is_active THEN 'inactive'
        WHEN r.id IS NOT NULL AND r.waiting_until IS NOT NULL THEN 'waiting'
        WHEN r.id IS NOT NULL THEN 'running'
        WHEN s.last_status IS NULL THEN 'never'
        WHEN s.last_status = 'success' THEN 'ok'
        WHEN s.last_status = 'interrupted' AND s.completed_at IS NULL THEN 'never'
        WHEN s.last_status = 'interrupted' THEN 'ok'
        WHEN s.last_error_type = 'mass_delete' THEN 'blocked'
        WHEN s.last_error_type = 'login' THEN 'login'
        ELSE s.last_status
    END AS state,
    s.last_started_at,
    s.last_status,
    s.last_success_at,
    s.complete_as_of,
    s.last_duration_seconds,
    s.live_files AS files,
    json_extract(s.last_counts, '$.files_added') AS files_added,
    json_extract(s.last_counts, '$.files_updated') AS files_updated,
    json_extract(s.last_counts, '$.files_removed') AS files_removed,
    s.failures_in_a_row,
    s.next_due_at,
    s.last_error_type AS error_type,
    s.last_error_message AS error_message,
    r.started_at AS running_since,
    r.files_seen AS running_files_seen,
    r.folders_listed AS running_folders_listed,
    r.api_requests AS running_api_requests,
    r.heartbeat_at AS running_heartbeat_at,
    r.waiting_for,
    r.waiting_until
FROM endpoints AS e
LEFT JOIN sync_state AS s ON s.endpoint_id = e.id
LEFT JOIN sync_logs AS r ON r.id = (
    SELECT max(l.id) FROM sync_logs AS l WHERE l.endpoint_id = e.id AND l.status = 'running'
);
