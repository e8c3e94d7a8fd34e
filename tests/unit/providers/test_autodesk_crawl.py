"""In which order folders are read, and how often."""

from collections.abc import Sequence

import pytest

from filesync.core.model import FolderListed, KnownFolder, RemoteFolder
from filesync.providers.autodesk.listing import Queue


class Tree:
    """Known folders of which none was read: root/{A/{C},B}."""

    def __init__(self) -> None:
        self._folders: dict[str, KnownFolder] = {}
        self.show("root", A="1", B="1")
        self.show("A", C="1")

    def show(self, parent: str, **stamps: str) -> frozenset[str]:
        """Show these folders below another one, under these stamps; return their ids."""
        above = self._folders[parent].path if parent in self._folders else ""
        for name, stamp in stamps.items():
            self._folders[name] = KnownFolder(name, parent, name, f"{above}/{name}", stamp, readable=True)
        return frozenset(stamps)

    def folder(self, folder_id: str) -> KnownFolder | None:
        return self._folders.get(folder_id)

    def unlisted(self, below: str | None = None) -> Sequence[KnownFolder]:
        return [folder for folder in self._folders.values() if below in (None, folder.parent_id)]

    def stalest(self) -> Sequence[KnownFolder]:
        return []


@pytest.fixture
def known() -> Tree:
    return Tree()


def queue_of(known: Tree, *tops: FolderListed) -> Queue:
    return Queue(known, tops)  # type: ignore[arg-type]  # it asks for folders only


def pop(queue: Queue) -> KnownFolder:
    folder = queue.pop()
    assert folder is not None
    return folder


def test_a_folder_waits_for_those_above_it_and_takes_its_newest_stamp(known: Tree) -> None:
    queue = queue_of(known)
    a, b = pop(queue), pop(queue)
    assert (a.id, b.id, queue.pop()) == ("A", "B", None)
    queue.read(a, known.show("A", C="2"))
    assert pop(queue).change_stamp == "2"


def test_a_folder_is_read_again_only_under_another_stamp_and_only_once(known: Tree) -> None:
    queue = queue_of(known)
    a, b = pop(queue), pop(queue)
    queue.read(a, known.show("A", C="1"))
    queue.read(pop(queue), frozenset())
    for stamp, is_read in (("1", False), ("2", True), ("3", False)):
        queue.reading.add("B")
        queue.read(b, known.show("B", C=stamp))  # it has moved meanwhile
        again = queue.pop()
        assert (again is not None) == is_read
        if again:
            queue.read(again, frozenset())


def test_what_lies_below_an_unreadable_or_a_vanished_folder_is_left_alone(known: Tree) -> None:
    queue = queue_of(known)
    a, _ = pop(queue), pop(queue)
    queue.unread(a)
    assert queue.pop() is None
    queue = queue_of(known, FolderListed("root", (), [RemoteFolder("B", "B", "root")]))
    assert pop(queue).id == "B"
    assert queue.pop() is None
