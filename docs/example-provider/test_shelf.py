"""The proof: filesync's own suite, on an index that it may shape."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filesync_shelf import KIND

from filesync.testing import ProviderConformance, ServiceDriver


class ShelfGround(ServiceDriver):
    """An archive of one index file, which is written whenever the suite has done something."""

    root = "root"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.items: dict[str, dict[str, Any]] = {}
        self._count = 0
        self._path = folder / "index.json"
        self.settle()

    @property
    def details(self) -> Mapping[str, Any]:
        return {"index": str(self._path)}

    def settle(self) -> None:
        super().settle()
        self._path.write_text(json.dumps({"items": self.items}), encoding="utf-8")

    def add_folder(self, parent: str, name: str) -> str:
        return self._add(name=name, parent=parent)

    def add_file(self, parent: str, name: str, size: int) -> str:
        return self._add(name=name, parent=parent, size=size, version=1)

    def new_version(self, file: str, size: int) -> None:
        self.items[file].update(size=size, version=self.items[file]["version"] + 1)

    def rename(self, item: str, name: str) -> None:
        self.items[item]["name"] = name

    def move(self, item: str, parent: str) -> None:
        self.items[item]["parent"] = parent

    def trash(self, item: str) -> None:
        self.items[item]["trashed"] = True

    def restore(self, item: str) -> None:
        self.items[item]["trashed"] = False

    def remove(self, item: str) -> None:
        for child in [id_ for id_, one in self.items.items() if one["parent"] == item]:
            self.remove(child)
        del self.items[item]

    def move_out(self, item: str) -> None:
        self.items[item]["parent"] = "another archive"

    def lock_out(self, folder: str) -> None:
        self.items[folder]["locked"] = True

    def let_in(self, folder: str) -> None:
        self.items[folder]["locked"] = False

    def break_down(self, *, after: int = 0) -> None:
        self._path.unlink()

    def mend(self) -> None:
        self.settle()

    def _add(self, **item: Any) -> str:
        self._count += 1
        id_ = f"item-{self._count}"
        self.items[id_] = item
        return id_


class TestShelf(ProviderConformance):
    kind = KIND

    @contextmanager
    def ground(self, folder: Path) -> Iterator[ServiceDriver]:
        yield ShelfGround(folder)
