-- Schema version 8: what fails by itself while its service answers, entries with something odd in them, and listings
-- that are stopped and go on.

-- Syncs in a row in which reading the folder (looking the candidate up) failed and others were answered.
ALTER TABLE folders ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE candidates ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE candidates ADD COLUMN failure TEXT;

-- When a full listing by pages had named every folder: marks that are older than this are served by its other pages.
ALTER TABLE sync_state ADD COLUMN folders_known_at TEXT;

ALTER TABLE sync_logs ADD COLUMN odd_entries INTEGER NOT NULL DEFAULT 0;

-- Files and folders of which the service said something that cannot be so; `said_in` is the sync that reported it.
CREATE TABLE odd_entries (
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    external_id TEXT NOT NULL,
    odd TEXT NOT NULL,
    said_in INTEGER NOT NULL,
    seen_in INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, external_id)
) STRICT, WITHOUT ROWID;
