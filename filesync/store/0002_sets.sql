-- Schema version 2: as whom an endpoint is read, sets of endpoints, endpoints that rest while their project is archived.

-- JSON of the identity (flow, client, user) that the endpoint's rows were read with.
ALTER TABLE sync_state ADD COLUMN identity TEXT;

-- Since when a sync is owed whatever the schedule says: the endpoint is new, or back, in its set.
ALTER TABLE sync_state ADD COLUMN owed_since TEXT;

ALTER TABLE endpoints ADD COLUMN archived_at TEXT;

-- What sets of endpoints are made of: one row for each question that was put to a service (a hub's projects, say).
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

DROP VIEW endpoint_status;

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
