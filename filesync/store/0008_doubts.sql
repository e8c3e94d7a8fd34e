-- Schema version 8: what fails by itself while its service answers, and entries with something odd in them.

-- Syncs in a row in which reading the folder (looking the candidate up) failed and others were answered.
ALTER TABLE folders ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE candidates ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE candidates ADD COLUMN failure TEXT;

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
