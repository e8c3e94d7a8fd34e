-- Schema version 1. Public tables and columns are documented in docs/database.md.
--
-- Times are text, UTC, to the millisecond (2026-01-01T00:00:00.000Z), so they sort as they are compared. Tables are
-- STRICT. Columns whose meaning the code alone needs are explained here.

-- Endpoints of connector.yaml, those of former days included. archived_at: its project rests, and so does it.
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
    updated_at TEXT NOT NULL,
    archived_at TEXT
) STRICT;

-- change_stamp: as the parent showed it last; listed_stamp: under which its own contents were read. It needs reading when
-- they differ. relist: 1 by itself, 2 with everything else. excluded, listable: the provider reads it, or not.
-- failures: syncs in a row in which reading it failed while others were answered.
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
    failures INTEGER NOT NULL DEFAULT 0,
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
CREATE INDEX files_by_deletion ON files (deleted_at) WHERE deleted_at IS NOT NULL;

-- Listed files that are not in `files`: outside the filters, or in a folder whose place is not known yet.
CREATE TABLE withheld_files (
    id INTEGER PRIMARY KEY,
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
    UNIQUE (endpoint_id, external_file_id)
) STRICT;

CREATE INDEX withheld_files_by_parent ON withheld_files (endpoint_id, parent_external_id);
CREATE INDEX withheld_files_by_update ON withheld_files (endpoint_id, updated_at);

-- One row for each sync, written before its first request.
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
    waiting_until TEXT,
    odd_entries INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX sync_logs_by_endpoint ON sync_logs (endpoint_id, id);
CREATE INDEX sync_logs_running ON sync_logs (endpoint_id) WHERE status = 'running';

-- What all syncs of an endpoint cost so far, kept when old rows of sync_logs are not: counters only grow.
CREATE TABLE sync_totals (
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    status TEXT NOT NULL,
    syncs INTEGER NOT NULL,
    duration_seconds REAL NOT NULL,
    files_added INTEGER NOT NULL,
    files_updated INTEGER NOT NULL,
    files_removed INTEGER NOT NULL,
    found_by_reconcile INTEGER NOT NULL,
    api_requests INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    throttled_seconds REAL NOT NULL,
    PRIMARY KEY (endpoint_id, status)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER sync_totals_add AFTER UPDATE OF status ON sync_logs
WHEN old.status = 'running' AND new.status <> 'running' BEGIN
    INSERT INTO sync_totals (
        endpoint_id, status, syncs, duration_seconds, files_added, files_updated, files_removed, found_by_reconcile,
        api_requests, retries, throttled_seconds
    ) VALUES (
        new.endpoint_id, new.status, 1, coalesce(new.duration_seconds, 0.0), new.files_added, new.files_updated,
        new.files_removed, new.found_by_reconcile, new.api_requests, new.retries, new.throttled_seconds
    )
    ON CONFLICT (endpoint_id, status) DO UPDATE SET
        syncs = syncs + 1,
        duration_seconds = duration_seconds + excluded.duration_seconds,
        files_added = files_added + excluded.files_added,
        files_updated = files_updated + excluded.files_updated,
        files_removed = files_removed + excluded.files_removed,
        found_by_reconcile = found_by_reconcile + excluded.found_by_reconcile,
        api_requests = api_requests + excluded.api_requests,
        retries = retries + excluded.retries,
        throttled_seconds = throttled_seconds + excluded.throttled_seconds;
END;

-- The change feed: rows are only added, and dropped from its beginning only.
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
CREATE INDEX changes_by_sync ON changes (sync_log_id);
CREATE INDEX changes_of_removals ON changes (endpoint_id, detected_at) WHERE kind = 'deleted';

-- What filesync remembers of an endpoint between syncs; one row each. identity: JSON of as whom its rows were read.
-- owed_since: a sync is owed whatever the schedule says, for the endpoint is new, or back, in its set. folders_known_at:
-- when a full listing by pages had named every folder; marks that are older are served by its other pages.
-- left_out: JSON list of what the last complete sync left out on purpose, in words. full_owed: a full listing is owed that
-- begins later than the one under way.
CREATE TABLE sync_state (
    endpoint_id INTEGER PRIMARY KEY REFERENCES endpoints (id),
    scope TEXT NOT NULL,
    provider_state TEXT NOT NULL DEFAULT '{}',
    root_id TEXT,
    rescoping INTEGER NOT NULL DEFAULT 0,
    full_begun_at TEXT,
    full_owed INTEGER NOT NULL DEFAULT 0,
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
    next_due_at TEXT,
    identity TEXT,
    owed_since TEXT,
    folders_known_at TEXT,
    left_out TEXT NOT NULL DEFAULT '[]'
) STRICT;

-- What a listing should have shown and did not (fate NULL), or what is known to be gone and waits for the sync's end.
-- asked_in: the sync that looked it up; failures, failure: how often in a row that failed, and why; accepted: a person let
-- its removal through, which is not written yet.
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
    failures INTEGER NOT NULL DEFAULT 0,
    failure TEXT,
    asked_in INTEGER,
    accepted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (endpoint_id, external_id)
) STRICT, WITHOUT ROWID;

-- Ids that a running full listing has named so far.
CREATE TABLE seen (
    endpoint_id INTEGER NOT NULL,
    external_id TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, external_id)
) STRICT, WITHOUT ROWID;

-- What follows from one statement for any number of files and is not done yet: for each file of these folders a new path
-- and decision, or (with a fate) its removal. Files up to the ids `files_after` and `withheld_after` have got it.
CREATE TABLE owed (
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    folder_id TEXT NOT NULL,
    fate TEXT,
    cause TEXT NOT NULL,
    reconciled INTEGER NOT NULL DEFAULT 0,
    files_after INTEGER NOT NULL DEFAULT 0,
    withheld_after INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (endpoint_id, folder_id)
) STRICT, WITHOUT ROWID;

-- Files and folders of which the service said something that cannot be so; `said_in` is the sync that reported it.
CREATE TABLE odd_entries (
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    external_id TEXT NOT NULL,
    odd TEXT NOT NULL,
    said_in INTEGER NOT NULL,
    seen_in INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, external_id)
) STRICT, WITHOUT ROWID;

-- One row: the last start of `filesync sync` in this home.
-- idle_until: until when a start has nothing to do, unless what that follows from is different: idle_basis, JSON with
-- `digest`, and of what.
CREATE TABLE scheduler (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_start_at TEXT NOT NULL,
    last_exit_code INTEGER,
    idle_until TEXT,
    idle_basis TEXT
) STRICT;

-- What sets of endpoints are made of: one row for each question to a service (a hub's projects, say).
-- identity: JSON of as whom it was asked.
CREATE TABLE set_sources (
    id INTEGER PRIMARY KEY,
    endpoint_type TEXT NOT NULL,
    question TEXT NOT NULL,
    credentials TEXT NOT NULL DEFAULT '',
    asked_at TEXT,
    answered_at TEXT,
    error_type TEXT,
    error_message TEXT,
    failures_in_a_row INTEGER NOT NULL DEFAULT 0,
    identity TEXT,
    UNIQUE (endpoint_type, credentials, question)
) STRICT;

-- Everything that such an answer ever named, whether a set wants it or not.
CREATE TABLE set_members (
    source_id INTEGER NOT NULL REFERENCES set_sources (id),
    external_id TEXT NOT NULL,
    member_name TEXT NOT NULL,
    details TEXT NOT NULL,
    provider_state TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    named_at TEXT NOT NULL,
    missed INTEGER NOT NULL DEFAULT 0,
    archived_at TEXT,
    PRIMARY KEY (source_id, external_id)
) STRICT, WITHOUT ROWID;

-- How far each reader of the feed has come: it has seen every change up to `seq`, and nothing after it.
-- Readers of all kinds are here, so that nothing is dropped that one of them has not seen.
CREATE TABLE feed_positions (
    reader TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('consumer', 'notify')),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: the feed begins after `floor_seq`, whose change was detected at `floor_at`; and when old rows were last
-- looked for. `floor_seq` is 0 while nothing was dropped from the feed.
CREATE TABLE retention (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    floor_seq INTEGER NOT NULL DEFAULT 0,
    floor_at TEXT,
    pruned_at TEXT
) STRICT;

INSERT INTO retention (id) VALUES (1);

-- Which feed this is: the row with the highest number. A new row, with a new name, for each restore: up to `shared_seq`
-- the feed is the one before; from `next_seq` on it is this one alone; the numbers between belong to changes that are lost.
CREATE TABLE feeds (
    number INTEGER PRIMARY KEY,
    feed TEXT NOT NULL UNIQUE,
    shared_seq INTEGER NOT NULL,
    next_seq INTEGER NOT NULL
) STRICT;

INSERT INTO feeds (feed, shared_seq, next_seq) VALUES (lower(hex(randomblob(8))), 0, 1);

-- Messages that were not delivered yet, in the order in which each target gets them.
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    endpoint_id INTEGER REFERENCES endpoints (id),
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE INDEX notifications_by_target ON notifications (target, id);

-- What each target was notified of and nothing has ended yet; endpoint_id 0 where no endpoint is concerned.
CREATE TABLE notify_told (
    target TEXT NOT NULL,
    endpoint_id INTEGER NOT NULL,
    event TEXT NOT NULL,
    cause TEXT NOT NULL,
    told_at TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, target, event, cause)
) STRICT, WITHOUT ROWID;

-- How deliveries to each target go; no row where none was tried yet.
CREATE TABLE notify_targets (
    target TEXT PRIMARY KEY,
    failures_in_a_row INTEGER NOT NULL DEFAULT 0,
    next_try_at TEXT,
    last_error TEXT,
    last_delivered_at TEXT
) STRICT, WITHOUT ROWID;

-- The program, not a trigger, puts new files into the search index, a batch at once: FTS5 writes its index anew for each
-- row that a trigger hands it. Rows that another program put into `files` are unknown to the index: changing one makes it
-- known, and deleting one must take nothing out of the index that is not in it.
CREATE VIRTUAL TABLE files_search USING fts5 (
    file_name, file_path, content = 'files', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER files_search_update AFTER UPDATE OF file_name, file_path ON files
WHEN old.file_name IS NOT new.file_name OR old.file_path IS NOT new.file_path BEGIN
    INSERT INTO files_search (files_search, rowid, file_name, file_path)
    SELECT 'delete', old.id, old.file_name, old.file_path
    WHERE EXISTS (SELECT 1 FROM files_search_docsize WHERE id = old.id);
    INSERT INTO files_search (rowid, file_name, file_path) VALUES (new.id, new.file_name, new.file_path);
END;

CREATE TRIGGER files_search_delete AFTER DELETE ON files
WHEN EXISTS (SELECT 1 FROM files_search_docsize WHERE id = old.id) BEGIN
    INSERT INTO files_search (files_search, rowid, file_name, file_path)
    VALUES ('delete', old.id, old.file_name, old.file_path);
END;

CREATE VIEW current_files AS
SELECT e.name AS endpoint, e.endpoint_type, f.*
FROM files AS f
JOIN endpoints AS e ON e.id = f.endpoint_id
WHERE f.deleted_at IS NULL AND e.is_active = 1;

CREATE VIEW endpoint_status AS
SELECT
    e.id AS endpoint_id,
    e.name,
    e.endpoint_type,
    e.schedule,
    e.is_active,
    CASE
        WHEN NOT e.is_active THEN 'inactive'
        WHEN e.archived_at IS NOT NULL THEN 'archived'
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

-- A value is what the last change up to then said of it; else, when that change was dropped, what the next one says it
-- was before; else it never changed since, and the file's row has it.
CREATE VIEW file_history AS
SELECT
    c.endpoint_id,
    e.name AS endpoint,
    c.external_file_id,
    c.file_name,
    c.file_path,
    c.kind,
    c.cause,
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.after, '$.version')) FROM changes AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq <= c.seq
                AND (h.kind = 'created' OR json_type(h.after, '$.version') IS NOT NULL)
            ORDER BY h.seq DESC LIMIT 1
        ),
        (
            SELECT json_array(json_extract(h.before, '$.version')) FROM changes AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq > c.seq
                AND json_type(h.before, '$.version') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        (
            SELECT json_array(h.version) FROM files AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id
        )
    ), '$[0]') AS version,
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.after, '$.file_size')) FROM changes AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq <= c.seq
                AND (h.kind = 'created' OR json_type(h.after, '$.file_size') IS NOT NULL)
            ORDER BY h.seq DESC LIMIT 1
        ),
        (
            SELECT json_array(json_extract(h.before, '$.file_size')) FROM changes AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq > c.seq
                AND json_type(h.before, '$.file_size') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        (
            SELECT json_array(h.file_size) FROM files AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id
        )
    ), '$[0]') AS file_size,
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.after, '$.updated_at')) FROM changes AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq <= c.seq
                AND (h.kind = 'created' OR json_type(h.after, '$.updated_at') IS NOT NULL)
            ORDER BY h.seq DESC LIMIT 1
        ),
        (
            SELECT json_array(json_extract(h.before, '$.updated_at')) FROM changes AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq > c.seq
                AND json_type(h.before, '$.updated_at') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        (
            SELECT json_array(h.updated_at) FROM files AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id
        )
    ), '$[0]') AS updated_at,
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.after, '$.modified_by')) FROM changes AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq <= c.seq
                AND (h.kind = 'created' OR json_type(h.after, '$.modified_by') IS NOT NULL)
            ORDER BY h.seq DESC LIMIT 1
        ),
        (
            SELECT json_array(json_extract(h.before, '$.modified_by')) FROM changes AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id AND h.seq > c.seq
                AND json_type(h.before, '$.modified_by') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        (
            SELECT json_array(h.modified_by) FROM files AS h
            WHERE h.endpoint_id = c.endpoint_id AND h.external_file_id = c.external_file_id
        )
    ), '$[0]') AS modified_by,
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
JOIN endpoints AS e ON e.id = c.endpoint_id
UNION ALL
-- The states in which the feed's beginning found files that are older.
SELECT
    f.endpoint_id,
    e.name,
    f.external_file_id,
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.before, '$.file_name')) FROM changes AS h
            WHERE h.endpoint_id = f.endpoint_id AND h.external_file_id = f.external_file_id
                AND json_type(h.before, '$.file_name') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        json_array(f.file_name)
    ), '$[0]'),
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.before, '$.file_path')) FROM changes AS h
            WHERE h.endpoint_id = f.endpoint_id AND h.external_file_id = f.external_file_id
                AND json_type(h.before, '$.file_path') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        json_array(f.file_path)
    ), '$[0]'),
    NULL,
    NULL,
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.before, '$.version')) FROM changes AS h
            WHERE h.endpoint_id = f.endpoint_id AND h.external_file_id = f.external_file_id
                AND json_type(h.before, '$.version') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        json_array(f.version)
    ), '$[0]'),
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.before, '$.file_size')) FROM changes AS h
            WHERE h.endpoint_id = f.endpoint_id AND h.external_file_id = f.external_file_id
                AND json_type(h.before, '$.file_size') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        json_array(f.file_size)
    ), '$[0]'),
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.before, '$.updated_at')) FROM changes AS h
            WHERE h.endpoint_id = f.endpoint_id AND h.external_file_id = f.external_file_id
                AND json_type(h.before, '$.updated_at') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        json_array(f.updated_at)
    ), '$[0]'),
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.before, '$.modified_by')) FROM changes AS h
            WHERE h.endpoint_id = f.endpoint_id AND h.external_file_id = f.external_file_id
                AND json_type(h.before, '$.modified_by') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        json_array(f.modified_by)
    ), '$[0]'),
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.before, '$.deleted_at')) FROM changes AS h
            WHERE h.endpoint_id = f.endpoint_id AND h.external_file_id = f.external_file_id
                AND json_type(h.before, '$.deleted_at') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        json_array(f.deleted_at)
    ), '$[0]') IS NOT NULL,
    json_extract(coalesce(
        (
            SELECT json_array(json_extract(h.before, '$.deleted_reason')) FROM changes AS h
            WHERE h.endpoint_id = f.endpoint_id AND h.external_file_id = f.external_file_id
                AND json_type(h.before, '$.deleted_reason') IS NOT NULL
            ORDER BY h.seq LIMIT 1
        ),
        json_array(f.deleted_reason)
    ), '$[0]'),
    max(f.first_seen_at, r.floor_at),
    (
        SELECT n.detected_at FROM changes AS n
        WHERE n.endpoint_id = f.endpoint_id AND n.external_file_id = f.external_file_id
        ORDER BY n.seq LIMIT 1
    ),
    r.floor_seq
FROM retention AS r
CROSS JOIN files AS f
JOIN endpoints AS e ON e.id = f.endpoint_id
WHERE r.floor_seq > 0 AND coalesce((
    SELECT n.kind FROM changes AS n
    WHERE n.endpoint_id = f.endpoint_id AND n.external_file_id = f.external_file_id
    ORDER BY n.seq LIMIT 1
), '') <> 'created';
