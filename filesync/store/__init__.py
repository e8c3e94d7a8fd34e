"""The inventory in one SQLite file: the only room that knows SQL.

run       one sync's writer: takes statements, holds removals back, concludes
intake    statements, turned into folders, files and candidates
tree      folders and their places; contents: files, shown or withheld; removals: candidates and their fates
ledger    a file's new state and the change that tells of it, together; states: what differs, and its name
memory    what is remembered of an endpoint; known: what a provider may ask; journal: the log of syncs
endpoints the table, brought in line with the file; sets: what sets of endpoints are made of
positions readers of the feed; pruning: dropping old rows; snapshots: copies, and the way back
queries   what the commands read; database, migrations: the file
"""
