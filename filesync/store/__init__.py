"""The inventory in one SQLite file: the only room that knows SQL.

run       one sync's writer: takes statements, holds removals back, concludes
intake    statements, turned into folders, files and candidates; flat_listing: what pages have not shown
contents  files: shown or withheld; tree: folders and their places; owed: what follows for many files, in steps
removals  candidates and their fates; lookups: asking about them; guard: how many are too many; coverage: what was read
ledger    a file's new state and the change that records it, together; states: what differs, and its name
memory    what is remembered of an endpoint; known: what a provider may ask; journal: the log of syncs
endpoints the table, brought in line with the file; sets: what sets of endpoints are made of
positions readers of the feed; expiry, pruning: old rows; snapshots: copies, and the way back
queries   what the commands read; database, tables, migrations: the file
"""
