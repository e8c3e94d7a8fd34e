"""Shelf archives as endpoints of filesync: one index file, or one folder in it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from filesync_shelf.details import ShelfDetails

if TYPE_CHECKING:
    from filesync.providers.base import Provider, Surroundings


class ShelfKind:
    """The entry in filesync's table of providers."""

    def details(self) -> type[ShelfDetails]:
        return ShelfDetails

    def scope(self, details: ShelfDetails) -> Mapping[str, Any]:
        return {"index": details.index, "folder_id": details.folder_id}

    def open(self, details: ShelfDetails, surroundings: "Surroundings") -> "Provider":
        from filesync_shelf.provider import ShelfProvider  # noqa: PLC0415  only a sync needs it

        return ShelfProvider(surroundings.path(details.index), details.folder_id)


KIND = ShelfKind()
