-- Schema version 8: what fails by itself while its service answers, entries with something odd in them, and listings
-- that are stopped and go on.

-- Syncs in a row in which reading the folder (looking the candidate up) failed and others were answered.
ALTER TABLE folders ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE candidates ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE candidates ADD COLUMN failure TEXT;

-- The sync that asked what became of it; `accepted`: a person let its removal through, which is not written yet.
ALTER TABLE candidates ADD COLUMN asked_in INTEGER;
ALTER TABLE candidates ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;

-- What follows from one statement for any number of files and is not done yet: for each file of these folders a new path
-- and decision, or (with a fate) its removal. Files up to the row ids `files_after` and `withheld_after` have got it.
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

-- When a full listing by pages had named every folder: marks that are older than this are served by its other pages.
ALTER TABLE sync_state ADD COLUMN folders_known_at TEXT;

-- JSON list: what the last complete sync left out on purpose, in words.
ALTER TABLE sync_state ADD COLUMN left_out TEXT NOT NULL DEFAULT '[]';

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

-- Which feed this is: the row with the highest number. A new row, with a new name, for each restore: up to `shared_seq` the
-- feed is the one before; from `next_seq` on it is this one alone; the numbers between belong to changes that are lost.
-- A database of an older version that was just restored has given out numbers behind its last change.
CREATE TABLE feeds (
    number INTEGER PRIMARY KEY,
    feed TEXT NOT NULL UNIQUE,
    shared_seq INTEGER NOT NULL,
    next_seq INTEGER NOT NULL
) STRICT;

INSERT INTO feeds (feed, shared_seq, next_seq)
SELECT lower(hex(randomblob(8))), max(r.floor_seq, coalesce((SELECT max(seq) FROM changes), 0)),
    1 + coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'changes'), 0)
FROM retention AS r;

-- Until when a start has nothing to do, unless what that follows from is different: JSON with `digest`, and of what.
ALTER TABLE scheduler ADD COLUMN idle_until TEXT;
ALTER TABLE scheduler ADD COLUMN idle_basis TEXT;
