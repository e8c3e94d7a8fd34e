"""Retention: which old rows may go, as a policy; the store acts on it."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept: for so long, and at most so many rows, the newest; None is no bound."""

    length: timedelta | None = None
    rows: int | None = None

    @property
    def is_all(self) -> bool:
        return self.length is None and self.rows is None


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept of each table. A success that found nothing new is kept `uneventful`, then one a day and endpoint.

    Whatever is said here, nothing younger than `guard` goes from the feed or from the deleted files: the
    mass-delete guard counts in them.
    """

    sync_logs: Keep = field(default_factory=lambda: Keep(timedelta(days=400)))
    uneventful: timedelta | None = timedelta(days=7)
    changes: Keep = field(default_factory=Keep)
    deleted_files: Keep = field(default_factory=Keep)
    guard: timedelta = timedelta(days=1)
