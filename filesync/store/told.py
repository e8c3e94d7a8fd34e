"""Whether anything is remembered of whom the configuration told; every start asks, so this imports next to nothing."""

from filesync.store.database import Database


def is_anybody_known(database: Database) -> bool:
    """Tell whether there is any target with a place in the feed, a message, a failure or something told."""
    with database.reading() as connection:
        found = connection.execute(
            """SELECT EXISTS (SELECT 1 FROM feed_positions WHERE kind = 'notify')
                   OR EXISTS (SELECT 1 FROM notify_targets)
                   OR EXISTS (SELECT 1 FROM notify_told)
                   OR EXISTS (SELECT 1 FROM notifications)"""
        ).fetchone()
    return bool(found[0])
