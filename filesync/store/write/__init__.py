"""What a sync writes: files, folders, changes, removals, its own log and state."""
