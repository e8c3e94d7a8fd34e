"""The service: a JSON file that says which items the archive holds, by id.

{"items": {"17": {"name": "plan.pdf", "parent": "root", "size": 1200, "version": 3, "trashed": false}}}

An item without a size is a folder; one that is `locked` must not be opened.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filesync.core.errors import NetworkError, ResponseError

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf:
    """An index as it was when it was read."""

    items: Mapping[str, Item]

    def children(self, folder_id: str) -> Iterator[tuple[str, Item]]:
        """Give what lies in a folder and not in the trash."""
        return (
            (id_, item) for id_, item in self.items.items() if item["parent"] == folder_id and not item.get("trashed")
        )

    def chain(self, item_id: str) -> Iterator[str]:
        """Climb from an item to the root, itself first."""
        at = item_id
        while at in self.items:
            yield at
            at = self.items[at]["parent"]
        yield at


def is_folder(item: Item) -> bool:
    return "size" not in item


def read_shelf(path: Path) -> Shelf:
    """Read the index. Raises NetworkError when it is not there, ResponseError when it is not what it should be."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NetworkError(f"{path}: the archive's index cannot be read: {error.strerror}") from error
    try:
        return Shelf(json.loads(text)["items"])
    except (ValueError, KeyError, TypeError) as error:
        raise ResponseError(f"{path}: is not a Shelf index; ask the archive to write it anew") from error
