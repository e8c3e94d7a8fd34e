-- Schema version 5: what is still to be told, who was told what, and how the telling goes.

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

-- What each target was told and nothing has ended yet; endpoint_id 0 where no endpoint is concerned.
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
