-- Schema version 4: readers of the feed that are remembered, and what is left when old rows are dropped.

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

CREATE INDEX changes_by_sync ON changes (sync_log_id);
CREATE INDEX files_by_deletion ON files (deleted_at) WHERE deleted_at IS NOT NULL;

DROP VIEW file_history;

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
