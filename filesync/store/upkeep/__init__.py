"""What keeps the database small and safe: pruning, snapshots, copies, forgotten endpoints."""
