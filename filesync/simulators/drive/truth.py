"""What a right inventory of a scope says: the oracle for tests, worked out without any of the answers."""

from collections.abc import Iterable, Iterator
from typing import Any

from filesync.core.timestamps import to_timestamp
from filesync.simulators.drive.items import SHORTCUT, Item
from filesync.simulators.drive.links import web_view_link
from filesync.simulators.drive.state import DriveState

STRAYS = "Shared with me"
OWN_STRAYS = "In no folder"


def truth(state: DriveState, viewer: str, scope: str, *, strays: bool = False) -> list[dict[str, Any]]:
    """Return what the viewer finds below the scope, sorted by path and id; folders and the bin are left out.

    `scope` is the id of the viewer's My Drive root, of a shared drive, or of a folder. With `strays`
    also what of the viewer's corpus hangs in no folder visible to them: below /In no folder/ what is their own, below
    /Shared with me/ what is not.
    A `/` in a name is written as U+FF0F.
    """
    with state.lock:
        found = list(_below(state, viewer, scope, ""))
        if strays:
            for top in _stray_tops(state, viewer):
                found += _with_below(state, viewer, top, f"/{OWN_STRAYS if top.owner == viewer else STRAYS}")
        return sorted((_to_row(state, item, path) for item, path in found), key=lambda row: (row["path"], row["id"]))


def _below(state: DriveState, viewer: str, folder_id: str, path: str) -> Iterator[tuple[Item, str]]:
    """Walk iteratively: a tree may be deeper than Python's stack."""
    waiting = [(folder_id, path)]
    while waiting:
        at, above = waiting.pop()
        for item in _children(state, viewer, at):
            own_path = f"{above}/{item.name.replace('/', '／')}"  # noqa: RUF001 - the agreed stand-in for a slash
            if item.is_folder:
                waiting.append((item.id, own_path))
            else:
                yield item, own_path


def _children(state: DriveState, viewer: str, folder_id: str) -> Iterator[Item]:
    if state.is_trashed(state.items[folder_id]):
        return
    for number in state.children.get(folder_id, ()):
        item = state.item_at(number)
        if item and item.trashed_at is None and state.may_see(item, viewer):
            yield item


def _with_below(state: DriveState, viewer: str, top: Item, path: str) -> Iterable[tuple[Item, str]]:
    own_path = f"{path}/{top.name.replace('/', '／')}"  # noqa: RUF001 - the agreed stand-in for a slash
    return _below(state, viewer, top.id, own_path) if top.is_folder else [(top, own_path)]


def _stray_tops(state: DriveState, viewer: str) -> Iterator[Item]:
    for number in state.in_corpus[viewer]:
        item = state.item_at(number)
        if item is None or item.is_root or state.is_trashed(item):
            continue
        parent = state.items.get(item.parent_id or "")
        if parent is None or not state.may_see(parent, viewer):
            yield item


def _to_row(state: DriveState, item: Item, path: str) -> dict[str, Any]:
    blob = item.content
    return {
        "id": item.id,
        "name": item.name,
        "path": path,
        "mime_type": item.mime_type,
        "size": blob.size if blob else None,
        "md5": blob.md5 if blob else None,
        "head_revision_id": blob.revision_id if blob else None,
        "created_at": to_timestamp(item.created_at),
        "modified_at": to_timestamp(item.modified_at),
        "link": web_view_link(item),
        "parent_id": item.parent_id if item.parent_id in state.items else None,
        "shortcut": item.mime_type == SHORTCUT,
    }
