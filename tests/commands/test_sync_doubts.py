"""What fails by itself while the service answers for others, and entries with something odd in them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from filesync.core.errors import ServiceDownError
from filesync.core.model import RemoteFolder
from tests.support.cli_home import ROOT, CliHome, Contents, file

DOWN = ServiceDownError("folder contents: GET https://service/folders/broken: 503")
BROKEN = RemoteFolder("broken", "Broken", ROOT.id)
SOUND = RemoteFolder("sound", "Sound", ROOT.id)


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    home = CliHome(tmp_path)
    home.configure({"name": "P"})
    return home


def names(home: CliHome, *options: str) -> list[str]:
    rows = home.run("files", "--json", *options).document["files"]
    return sorted(row["file_name"] for row in rows)


def odd_rows(home: CliHome) -> list[tuple[str, str, int]]:
    connection = sqlite3.connect(home.path / "data" / "connector.db")
    with closing(connection):
        return connection.execute("SELECT external_id, odd, said_in FROM odd_entries ORDER BY 1").fetchall()


def synced(home: CliHome) -> Contents:
    files = (file("old.pdf", "broken"), file("here.pdf", "sound"), file("gone.pdf", "sound"))
    contents = home.show("P", *files, folders=(SOUND, BROKEN))
    home.sync()
    return contents


def test_a_folder_that_answers_in_between_is_counted_from_the_start(home: CliHome) -> None:
    contents = synced(home)
    for failing in (True, True, False, True, True):
        contents.failing = {"broken": DOWN} if failing else {}
        assert home.sync().outcomes[0].status == ("failed" if failing else "success")


def test_a_folder_that_could_not_be_read_before_fails_no_sync_by_failing_otherwise(home: CliHome) -> None:
    contents = synced(home)
    contents.unreadable = {"broken": "403"}
    assert home.sync().outcomes[0].status == "partial"
    contents.unreadable, contents.failing = {}, {"broken": DOWN}
    outcome = home.sync().outcomes[0]
    assert outcome.status == "partial"
    assert "503" in str(outcome.error_message)


def test_an_odd_entry_is_in_the_inventory_and_reported_once(home: CliHome) -> None:
    odd = file("a.pdf", odd=("modifiedTime: 0000-01-01T00:00:00Z", "size: -1"))
    nameless = RemoteFolder("x", "x", ROOT.id, odd=("name: null",))
    contents = home.show("P", odd, file("b.pdf"), folders=(nameless,))
    assert [home.sync().outcomes[0].tally.odd_entries for _ in range(2)] == [2, 2]
    assert names(home) == ["a.pdf", "b.pdf"]
    assert [row["odd_entries"] for row in home.run("logs", "--json").document["logs"]] == [2, 2]
    assert odd_rows(home) == [
        ("a.pdf", "modifiedTime: 0000-01-01T00:00:00Z; size: -1", 1),
        ("x", "name: null", 1),
    ]
    contents.files, contents.folders = (file("a.pdf"), file("b.pdf")), ()
    home.sync()
    assert home.sync().outcomes[0].tally.odd_entries == 0
    assert not odd_rows(home)
