"""Parts of a first listing: the time axis of `createdTime`, cut where the pages read so far let expect even parts.

Wherever it is cut, the parts are disjoint and cover everything: `createdTime < cut` and `createdTime >= cut` are each
other's complement. A bad guess costs requests, never a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any

from filesync.core.timestamps import Timestamp, to_timestamp
from filesync.providers.google_drive.translate import DriveItem, ItemsPage, to_created

_SAMPLE = 50  # files of a page that are looked at
_DAWN = datetime(2000, 1, 1, tzinfo=UTC)  # nothing is gained by a cut before it


@dataclass(frozen=True, slots=True)
class Tactics:
    """When and how finely a listing is cut; everything is counted in pages, whatever Drive puts on one.

    A listing of up to `probe` pages is never cut, so that small drives cost what they did; each cut makes `parts`.
    """

    probe: int = 3
    parts: int = 8


@dataclass(frozen=True, slots=True)
class Part:
    """Files created from `since` on and before `until` (None: no bound); `token` is the next page.

    When `limit` pages are not the end of it, it may be cut again, into parts that are guessed to hold `worth` pages
    each; `limit` 0: it is read to its end. `read` pages of it were read.
    """

    since: Timestamp | None = None
    until: Timestamp | None = None
    limit: int = 0
    worth: int = 0
    read: int = 0
    token: str | None = None

    def condition(self) -> str:
        """Return the part as a condition of a query; '' without bounds.

        https://developers.google.com/workspace/drive/api/guides/ref-search-terms
        """
        since = f" and createdTime >= '{self.since}'" if self.since else ""
        return f"{since} and createdTime < '{self.until}'" if self.until else since

    def turned(self, token: str | None) -> "Part":
        return replace(self, token=token, read=self.read + 1)

    @property
    def is_due(self) -> bool:
        """Return whether it holds more than was expected, so that it may have to be cut again."""
        return self.token is not None and 0 < self.limit <= self.read

    @property
    def is_open(self) -> bool:
        """Return whether nobody could guess its length; else it is cut only if no other thread has work."""
        return self.worth > self.limit

    def state(self) -> Mapping[str, Any]:
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: known[key] for key in known if known[key]}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Part":
        return cls(**state)


@dataclass(frozen=True, slots=True)
class Sample:
    """Some files of a page: their ids, and when they were created, in seconds since 1970."""

    ids: tuple[str, ...]
    times: tuple[float, ...]

    @classmethod
    def of(cls, page: ItemsPage) -> "Sample | None":
        """Take one; None when a file lacks its creation time."""
        items = page.items[:: max(1, len(page.items) // _SAMPLE)]
        times = [created for item in items if (created := _created(item)) is not None]
        if not items or len(times) < len(items):
            return None
        return cls(tuple(item.id for item in items), tuple(times))


def cut(part: Part, samples: Sequence[Sample], tactics: Tactics, now: datetime) -> tuple[Part, ...]:
    """Cut what these samples are of, its last pages in the order in which they came; nothing when no cut would help.

    What is to come is taken to look like them. Where the pages move along the time axis (Drive may list the newest
    first) they are taken to go on moving: then the part towards which they move may hold anything; it comes first, and
    is cut again after few pages.
    """
    worth = max(part.worth, tactics.probe)
    drift = _drift([sample.times for sample in samples])
    newest = max(time for sample in samples for time in sample.times)  # clocks differ
    low, high = _seconds(part.since) or _DAWN.timestamp(), _seconds(part.until) or max(now.timestamp(), newest) + 1
    expected = [time for time in _expected(samples, drift, part.read, worth * tactics.parts) if low < time < high]
    at = (len(expected) * number // tactics.parts for number in range(1, tactics.parts))
    cuts = sorted({_timestamp(expected[each]) for each in at} if expected else ())
    cuts = [each for each in cuts if each > _timestamp(expected[0])]  # nothing is expected before that
    return _parts(part, cuts, worth, drift, tactics) if cuts else ()


def _expected(samples: Sequence[Sample], drift: float, read: int, pages: int) -> list[float]:
    """Guess how the files of that many pages, of which some were read, lie in time; in ascending order."""
    if not drift:
        return sorted(time for sample in samples for time in sample.times)
    return sorted(median(samples[-1].times) - drift * number for number in range(1 - read, pages + 1 - read))


def _parts(part: Part, cuts: Sequence[Timestamp], worth: int, drift: float, tactics: Tactics) -> tuple[Part, ...]:
    bounds = pairwise((part.since, *cuts, part.until))
    made = [Part(since, until, limit=2 * worth, worth=2 * worth) for since, until in bounds]
    if drift < 0:
        made.reverse()
    tail = made[0]
    if (drift > 0 and tail.since is None) or (drift < 0 and tail.until is None):
        made[0] = replace(tail, limit=tactics.probe, worth=worth * tactics.parts)
    return tuple(made)


def _drift(pages: Sequence[Sequence[float]]) -> float:
    """Return by how many seconds each page lies before the one ahead of it; 0 where they overlap.

    The smallest such step counts: one over a gap in time would make what comes after the gap seem sparse.
    """
    steps = [_step(*pair) for pair in pairwise(pages)] or [0.0]
    return min(steps, key=abs) if min(steps) > 0 or max(steps) < 0 else 0.0


def _step(page: Sequence[float], following: Sequence[float]) -> float:
    one, other = sorted(page), sorted(following)
    a, b = len(one) // 4, len(other) // 4
    is_apart = one[a] > other[-1 - b] or one[-1 - a] < other[b]
    return median(one) - median(other) if is_apart else 0.0


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def _timestamp(seconds: float) -> Timestamp:
    return to_timestamp(datetime.fromtimestamp(seconds, UTC))


def _created(item: DriveItem) -> float | None:
    return _seconds(to_created(item))
