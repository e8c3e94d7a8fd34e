"""In which order folders are read, and how often."""

import pytest

from filesync.core.model import FolderListed, KnownFolder, RemoteFolder, Rooted
from filesync.providers.autodesk.listing import Queue
from tests.autodesk_memory import Memory


@pytest.fixture
def memory() -> Memory:
    """Know root/{A/{C},B}; nothing was read yet."""
    memory = Memory()
    memory.put(Rooted(RemoteFolder("root", "", None, listable=False)))
    show(memory, "root", A="1", B="1")
    show(memory, "A", C="1")
    memory.rows["A"].is_listed = False
    return memory


def show(memory: Memory, parent: str, **stamps: str) -> frozenset[str]:
    folders = [RemoteFolder(name, name, parent, stamp) for name, stamp in stamps.items()]
    memory.put(FolderListed(parent, (), folders))
    return frozenset(stamps)


def pop(queue: Queue) -> KnownFolder:
    folder = queue.pop()
    assert folder is not None
    return folder


def test_a_folder_waits_for_those_above_it_and_takes_its_newest_stamp(memory: Memory) -> None:
    queue = Queue(memory, ())
    a, b = pop(queue), pop(queue)
    assert (a.id, b.id, queue.pop()) == ("A", "B", None)
    queue.read(a, show(memory, "A", C="2"))
    assert pop(queue).change_stamp == "2"


def test_a_folder_is_read_again_only_under_another_stamp_and_only_once(memory: Memory) -> None:
    queue = Queue(memory, ())
    a, b = pop(queue), pop(queue)
    queue.read(a, show(memory, "A", C="1"))
    queue.read(pop(queue), frozenset())
    for stamp, is_read in (("1", False), ("2", True), ("3", False)):
        queue.reading.add("B")
        queue.read(b, show(memory, "B", C=stamp))  # it has moved meanwhile
        again = queue.pop()
        assert (again is not None) == is_read
        if again:
            queue.read(again, frozenset())


def test_what_lies_below_an_unreadable_or_a_vanished_folder_is_left_alone(memory: Memory) -> None:
    queue = Queue(memory, ())
    a, _ = pop(queue), pop(queue)
    queue.unread(a)
    assert queue.pop() is None
    queue = Queue(memory, [FolderListed("root", (), [RemoteFolder("B", "B", "root")])])
    assert pop(queue).id == "B"
    assert queue.pop() is None
