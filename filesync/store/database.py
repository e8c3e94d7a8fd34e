"""The door to the inventory, whichever engine it is in."""

from filesync.store.sqlite.database import (
    BUSY_SECONDS,
    copy_to,
    keep_closed,
    make_file,
    open_as_it_is,
    open_for_reading,
    open_for_writing,
    problems_named,
)

__all__ = [
    "BUSY_SECONDS",
    "copy_to",
    "keep_closed",
    "make_file",
    "open_as_it_is",
    "open_for_reading",
    "open_for_writing",
    "problems_named",
]
