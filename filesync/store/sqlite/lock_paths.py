"""Where the locks of a database lie."""

from pathlib import Path


def lock_folder(path: Path) -> Path:
    return path.with_name(f"{path.name}.locks")


def use_lock(path: Path) -> Path:
    """Name the lock that all share who write; who takes it alone may put another database in its place."""
    return lock_folder(path) / "use.lock"


def migration_lock(path: Path) -> Path:
    """Name the lock of who brings the database to a newer schema."""
    return lock_folder(path) / "migration.lock"
