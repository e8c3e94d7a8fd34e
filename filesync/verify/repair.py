"""Mending: a sync that first looks up what a verification found wrong, and then goes on as any other."""

from collections.abc import Iterator, Sequence

from filesync.core.model import Batch, Candidate, Corrected, RemoteFile, RemoteFolder, Shown
from filesync.providers.base import Known, LooksUp, Provider
from filesync.verify.comparison import FEW


class Mending:
    """A provider of the same endpoint whose first statements are what look-ups by id show of some items.

    They are looked up now, under the endpoint's lock: what was seen before it was taken may be old. What a change feed
    tells afterwards has the last word, as always.
    """

    def __init__(self, provider: Provider, items: Sequence[Candidate]) -> None:
        self._provider = provider
        self._items = items
        self.continuous = provider.continuous

    def read(self, known: Known) -> Iterator[Batch]:
        batches = self._provider.read(known)
        try:
            yield next(batches)  # the root
            yield from self._corrections(known)  # decision 37: then a sync like any other
            yield from batches
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        return self._provider.resolve(candidates, known)

    def left_out(self) -> Sequence[str]:
        return self._provider.left_out()

    def _corrections(self, known: Known) -> Iterator[Batch]:
        """Yield folders first, upper ones before those below, so that every file finds its place."""
        if not isinstance(self._provider, LooksUp):
            return
        folders = [item for item in self._items if item.is_folder]
        files = [item for item in self._items if not item.is_folder]
        for items in (folders, files):
            for shown in self._provider.look_up(items, known, singly=len(items) <= FEW):
                if shown.failure is None:  # else nothing is known of it
                    yield _corrected(shown)


def _corrected(shown: Shown) -> Corrected:
    item = shown.item
    if isinstance(item, RemoteFolder):
        return Corrected(folders=[*shown.way, item])
    if isinstance(item, RemoteFile):
        return Corrected(files=[item], folders=shown.way)
    return Corrected(missing=[shown.id])
