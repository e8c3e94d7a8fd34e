"""Judging: what a difference between a row and its service means, once an ordinary sync was made of a copy."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from filesync.core.timestamps import Timestamp, from_timestamp
from filesync.store.read.verification import Compared

_SLACK = timedelta(minutes=5)  # between our clock and the service's, and between reading a page and storing it


class RowVerdict(StrEnum):
    """What a difference means."""

    DRIFT = "drift"  # the inventory should have known better
    BEHIND = "behind"  # it changed since it was last read
    UNREADABLE = "unreadable"  # it lies below a folder that cannot be read, as the sync says itself


@dataclass(frozen=True, slots=True)
class Drift:
    """A row that is not what its service shows; `is_repaired` None: nobody tried."""

    compared: Compared
    verdict: RowVerdict
    is_repaired: bool | None = None


@dataclass(frozen=True, slots=True)
class RowJudge:
    """The circumstances of a comparison. A case that fits both verdicts is drift.

    `pending` waits to be taken away, `changed_at` are the service's own times. `is_stamped`: an ordinary sync may
    overlook what moves no stamp.
    """

    pending: Collection[str]
    changed_at: Mapping[str, Timestamp | None]
    is_stamped: bool
    now: datetime

    def judge(self, before: Compared, after: Compared | None) -> Drift:
        """Judge a row by how it differed before and (None: not at all) after the copy's sync."""
        if before.contradicts_feed:
            return Drift(before, RowVerdict.DRIFT)
        if after is None:
            return Drift(before, self._verdict_on_mended(before))
        return Drift(after, self._verdict(after))

    def _verdict_on_mended(self, compared: Compared) -> RowVerdict:
        """Return the verdict on a row that the sync of the copy put right."""
        may_be_chance = self.is_stamped and (compared.is_refused or (compared.is_folder and self._is_dated(compared)))
        return RowVerdict.DRIFT if may_be_chance and not self._changed_since(compared) else RowVerdict.BEHIND

    def _verdict(self, compared: Compared) -> RowVerdict:
        if compared.is_gone and compared.in_the_dark:
            return RowVerdict.UNREADABLE
        is_explained = (
            (compared.is_gone and compared.id in self.pending)
            or (self.is_stamped and compared.columns == {"extra"})  # such facts change without a time or a stamp
            or self._changed_since(compared)
        )
        return RowVerdict.BEHIND if is_explained and not compared.contradicts_feed else RowVerdict.DRIFT

    def _changed_since(self, compared: Compared) -> bool:
        """Ask the service's own time; one that lies ahead was made up by somebody."""
        changed_at, read_at = self.changed_at.get(compared.id), compared.read_at
        if changed_at is None or read_at is None:
            return False
        return from_timestamp(read_at) - _SLACK < from_timestamp(changed_at) < self.now + _SLACK

    def _is_dated(self, compared: Compared) -> bool:
        return self.changed_at.get(compared.id) is not None and compared.read_at is not None
