"""Where the locks of a database lie."""

from pathlib import Path

from filesync.runtime.database_url import lock_folder


def use_lock(path: Path) -> Path:
    """Name the lock that all share who write; who takes it alone may put another database in its place."""
    return lock_folder(path) / "use.lock"


def migration_lock(path: Path) -> Path:
    """Name the lock of who brings the database to a newer schema."""
    return lock_folder(path) / "migration.lock"
