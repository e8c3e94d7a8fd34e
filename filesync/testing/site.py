"""Site: the suite's own record of what it did in the service: what an inventory must contain."""

from collections.abc import Iterator
from dataclasses import dataclass

from filesync.core.filters import as_segment
from filesync.testing.service_driver import ServiceDriver


@dataclass(slots=True)
class SiteNode:
    """A file (it has a size) or a folder that the suite made."""

    id: str
    name: str
    parent: str
    size: int | None
    is_there: bool = True


class Site:
    """Does things in the service, and remembers what should be there now."""

    def __init__(self, ground: ServiceDriver) -> None:
        self._ground = ground
        self.root = ground.root
        self.nodes: dict[str, SiteNode] = {}

    def add_folder(self, parent: str, name: str) -> str:
        return self._add(self._ground.add_folder(parent, name), name, parent, None)

    def add_file(self, parent: str, name: str, size: int = 1000) -> str:
        return self._add(self._ground.add_file(parent, name, size), name, parent, size)

    def grow(self) -> dict[str, str]:
        """Make a small tree: six files in four folders and outside of them; give the ids by name."""
        ids = {"": self.root}
        for name, parent in (("Plans", ""), ("Old", "Plans"), ("Older", "Old"), ("Letters", "")):
            ids[name] = self.add_folder(ids[parent], name)
        places = (("a.pdf", "Plans"), ("b.dwg", "Plans"), ("c.pdf", "Old"), ("d.ifc", "Older"), ("e.pdf", "Letters"))
        for number, (name, parent) in enumerate((*places, ("f.txt", ""))):
            ids[name] = self.add_file(ids[parent], name, 100 + number)
        return ids

    def new_version(self, file: str, size: int) -> None:
        self._ground.new_version(file, size)
        self.nodes[file].size = size

    def rename(self, item: str, name: str) -> None:
        self._ground.rename(item, name)
        self.nodes[item].name = name

    def move(self, item: str, parent: str) -> None:
        self._ground.move(item, parent)
        self.nodes[item].parent = parent

    def trash(self, item: str) -> None:
        self._ground.trash(item)
        self.nodes[item].is_there = False

    def restore(self, item: str) -> None:
        self._ground.restore(item)
        self.nodes[item].is_there = True

    def remove(self, item: str) -> None:
        self._ground.remove(item)
        self.nodes[item].is_there = False

    def move_out(self, item: str) -> None:
        self._ground.move_out(item)
        self.nodes[item].is_there = False

    def files(self) -> dict[str, dict[str, object]]:
        """Return what the rows of the live files must say, by id."""
        live = (node for node in self.nodes.values() if node.size is not None and self._is_live(node))
        return {
            node.id: {
                "file_path": self.path(node.id),
                "file_name": node.name,
                "file_size": node.size,
                "parent_external_id": node.parent,
            }
            for node in live
        }

    def folders(self) -> dict[str, str | None]:
        """Return the path of every folder that was ever made; None: it is gone."""
        folders = (node for node in self.nodes.values() if node.size is None)
        return {node.id: self.path(node.id) if self._is_live(node) else None for node in folders}

    def below(self, folder: str) -> list[str]:
        """Name the live files below a folder."""
        return [id_ for id_ in self.files() if any(node.id == folder for node in self._chain(self.nodes[id_]))]

    def path(self, item: str) -> str:
        names = [as_segment(node.name) for node in self._chain(self.nodes[item])]
        return "/".join([self._ground.root_path, *reversed(names)])

    def _add(self, item: str, name: str, parent: str, size: int | None) -> str:
        self.nodes[item] = SiteNode(item, name, parent, size)
        return item

    def _is_live(self, node: SiteNode) -> bool:
        return all(one.is_there for one in self._chain(node))

    def _chain(self, node: SiteNode) -> Iterator[SiteNode]:
        """Yield the node, its folder, that folder's folder, … below the root."""
        at: SiteNode | None = node
        while at is not None:
            yield at
            at = self.nodes.get(at.parent)
