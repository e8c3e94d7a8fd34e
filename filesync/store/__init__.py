"""The inventory in one SQLite file: the only room that knows SQL.

write/    what a sync writes
  sync_writer   one endpoint's sync: takes statements, holds removals back, concludes
  apply_batch   statements, turned into folders, files and candidates; flat_listing: what pages have not shown
  files         shown or withheld; odd_entries: what cannot be so; folders, folder_rows: places, and their rows
  owed          what follows from one statement for many files, in steps
  removals      candidates and their fates; lookups: asking about them; mass_delete_guard: how many are too many
  coverage      what was read, and how old the oldest reading is
  change_writer a file's new state and the change that records it, together; file_state: what differs, and its name;
                feed_replay: a row put back to what the feed says
  sync_state    what is remembered of an endpoint; provider_view: what a provider may ask; sync_log: the log of syncs
  endpoints     the table, brought in line with connector.yaml; sets: what sets of endpoints are made of
  idle          whether a start has nothing to do; notices: what is to be told about a sync
read/     queries, search, overview: what commands and monitors ask; diagnostics, verification: what checks ask
feed/     entries: changes as messages tell them; readers: how far each is; lineage: which feed it is; outbox: messages
upkeep/   expiry, pruning: old rows; snapshots, succession, backup: copies, and the way back; forgetting, leftovers
schema/   the SQL of each migration
database, tables, migrations, row_codec, wal, lock_paths: the file itself
"""
