"""Old rows: what is dropped, what is kept whatever its age, and what can still be told afterwards."""

from pathlib import Path

from filesync.core.timestamps import Timestamp
from filesync.store.feed import readers
from filesync.store.sqlite.database import open_for_writing

NOW = Timestamp("2026-01-01T00:00:00.000Z")


def test_a_reader_goes_forward_only_unless_it_is_put_back(tmp_path: Path) -> None:
    database = open_for_writing(tmp_path / "a.db")
    readers.advance(database, "bi", "consumer", 5, NOW)
    readers.advance(database, "bi", "consumer", 3, NOW)
    assert readers.find_position(database, "bi") == readers.Position("bi", "consumer", 5, NOW)
    readers.put_position(database, "bi", "consumer", 3, NOW)
    readers.advance(database, "notify:x", "notify", 0, NOW)
    assert [(each.reader, each.seq) for each in readers.load_positions(database)] == [("bi", 3), ("notify:x", 0)]
    assert readers.forget_reader(database, "bi")
    assert not readers.forget_reader(database, "bi")
    database.close()
