-- Schema version 6: as whom each set's service was asked for its members.

ALTER TABLE set_sources ADD COLUMN identity TEXT;
