"""One Shelf endpoint: reads every folder in every sync, for the index has neither a change feed nor change stamps."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from filesync.core.errors import NotFoundError
from filesync.core.model import (
    Batch,
    Candidate,
    FolderListed,
    Gone,
    Page,
    RemoteFile,
    RemoteFolder,
    Resolved,
    Rooted,
    Shown,
    Unreadable,
)
from filesync.providers.base import Known
from filesync_shelf.shelf import Item, Shelf, is_folder, read_shelf

_AT_ONCE = 1000  # entries in one statement, so that memory does not follow the widest folder


class ShelfProvider:
    """Reads an index, or the subtree of one folder in it."""

    continuous = True  # no relisting every so often: with no stamps to trust, each sync lists everything
    files_per_look_up = _AT_ONCE  # the index says everything at once
    look_ups_per_minute = 60_000  # and nobody counts

    def __init__(self, index: Path, root_id: str) -> None:
        self.index = index
        self._root_id = root_id

    def read(self, known: Known) -> Iterator[Batch]:
        shelf = read_shelf(self.index)
        if self._root_id != "root" and self._root_id not in shelf.items:
            raise NotFoundError(f"{self.index}: has no folder {self._root_id}: correct folder_id", status=404)
        yield Rooted(RemoteFolder(self._root_id, name="", parent_id=None))
        waiting = deque([self._root_id])
        while waiting:
            folder_id = waiting.popleft()
            if shelf.items.get(folder_id, {}).get("locked"):
                yield Unreadable(folder_id, "the archive keeps this folder locked")
                continue
            yield from _listed(shelf, folder_id)
            shown = {id_ for id_, item in shelf.children(folder_id) if is_folder(item)}
            waiting.extend(folder.id for folder in known.unlisted(below=folder_id) if folder.id in shown)

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        parents = {candidate.id: candidate.parent_id for candidate in candidates}
        return (_to_batch(shown, parents[shown.id]) for shown in self.look_up(candidates, known))

    def look_up(self, items: Sequence[Candidate], known: Known, *, singly: bool = False) -> Iterator[Shown]:
        shelf = read_shelf(self.index)
        for item in items:
            chain = list(shelf.chain(item.id))
            gone = self._fate(shelf, chain)
            yield Shown(item.id, None, gone) if gone else self._show(shelf, chain, known)

    def left_out(self) -> Sequence[str]:
        return ()

    def _fate(self, shelf: Shelf, chain: Sequence[str]) -> Gone | None:
        """Tell why the first of a chain is gone, or None."""
        item_id, *above = chain
        if item_id not in shelf.items:
            return Gone.REMOVED
        if any(shelf.items[id_].get("trashed") for id_ in chain if id_ in shelf.items):
            return Gone.TRASHED
        if self._root_id not in above:
            return Gone.OUT_OF_SCOPE
        is_locked = any(shelf.items.get(id_, {}).get("locked") for id_ in above)
        return Gone.ACCESS_LOST if is_locked else None

    def _show(self, shelf: Shelf, chain: Sequence[str], known: Known) -> Shown:
        item_id, *above = chain
        folders = above[: above.index(self._root_id)]
        unknown = list(takewhile(lambda id_: known.folder(id_) is None, folders))
        way = [to_folder(id_, shelf.items[id_]) for id_ in reversed(unknown)]
        item = shelf.items[item_id]
        return Shown(item_id, (to_folder if is_folder(item) else to_file)(item_id, item), way=way)


def _to_batch(shown: Shown, parent_id: str | None) -> Batch:
    """State what became of a candidate that the store has below `parent_id`."""
    item = shown.item
    if item is None or item.parent_id == parent_id:
        return Resolved(shown.id, shown.gone)
    if isinstance(item, RemoteFolder):
        return Page(folders=[*shown.way, item])
    return Page(files=[item], folders=shown.way)


def _listed(shelf: Shelf, folder_id: str) -> Iterator[Batch]:
    """State what a folder holds: Pages for what does not fit into one statement, and FolderListed at the end."""
    children = list(shelf.children(folder_id))
    cut = max(0, len(children) - _AT_ONCE)
    for start in range(0, cut, _AT_ONCE):
        yield _page(dict(children[start : min(start + _AT_ONCE, cut)]))
    last = _page(dict(children[cut:]))
    yield FolderListed(folder_id, last.files, last.folders, earlier=frozenset(id_ for id_, _ in children[:cut]))


def _page(items: dict[str, Item]) -> Page:
    files = [to_file(id_, item) for id_, item in items.items() if not is_folder(item)]
    folders = [to_folder(id_, item) for id_, item in items.items() if is_folder(item)]
    return Page(files, folders)


def to_folder(id_: str, item: Item) -> RemoteFolder:
    return RemoteFolder(id_, item["name"], item["parent"])


def to_file(id_: str, item: Item) -> RemoteFile:
    """Translate an item of the index: with `to_folder`, the only place that knows its field names."""
    name: str = item["name"]
    _, dot, extension = name.rpartition(".")
    return RemoteFile(
        id=id_,
        name=name,
        parent_id=item["parent"],
        size=item["size"],
        file_type=(extension.lower() or None) if dot else None,
        version=str(item["version"]),
        version_number=item["version"],
        extra=json.dumps({"shelf_mark": item["mark"]}) if "mark" in item else None,
    )
