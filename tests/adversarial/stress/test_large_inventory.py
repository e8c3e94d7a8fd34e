"""What people ask costs as much of a large inventory as of a small one: SQLite's own steps are counted, nothing timed."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.inventories import Size, fill
from filesync.core.globs import Glob
from filesync.core.timestamps import Timestamp
from filesync.store.engine import Database
from filesync.store.feed.lineage import FeedPlace
from filesync.store.read import queries
from filesync.store.read.queries import ChangeFilter
from filesync.store.read.search import FileFilter, find
from filesync.store.sqlite.database import open_for_reading
from filesync.store.sqlite.matching import fts_words
from tests.support.cli_home import CliHome

_FEW = 20
_ENDPOINTS = 3
_STEPS = 10  # of SQLite's machine between two looks
_LONG_AGO, _LATELY, _NEVER = map(Timestamp, ("2020-01-01T00:00:00.000Z", "2025-06-01T01:00:00.000Z", "3000"))

Question = Callable[[Database], list[queries.Row]]


def files(wanted: FileFilter) -> Question:
    return lambda database: [*islice(find(database, queries.endpoints(database), wanted, _FEW), _FEW)]


def changes(wanted: ChangeFilter) -> Question:
    return lambda database: [*islice(queries.changes(database, wanted, _FEW), _FEW)]


QUESTIONS: dict[str, tuple[Question, int]] = {
    "the first files": (files(FileFilter()), _FEW),
    "names that many have": (files(FileFilter(name=Glob("*.pdf"))), _FEW),
    "a name that one has": (files(FileFilter(name=Glob("*Plan 0000077.*"))), _ENDPOINTS),
    "a name that nobody has": (files(FileFilter(name=Glob("B-*.pdf"))), 0),
    "a word that one has": (files(FileFilter(search="plan 0000077")), _ENDPOINTS),
    "a word that nobody has": (files(FileFilter(search="elevation")), 0),
    "what was not modified since": (files(FileFilter(modified_since=_NEVER)), 0),
    "what was modified since": (files(FileFilter(modified_since=_LATELY)), _FEW),
    "what is deleted": (files(FileFilter(deleted=True)), _ENDPOINTS),
    "what waits to be removed": (files(FileFilter(pending_removal=True)), 0),
    "the latest changes": (lambda database: queries.latest_changes(database, ChangeFilter(), _FEW), _FEW),
    "an endpoint's latest changes": (
        lambda database: queries.latest_changes(database, ChangeFilter(endpoint_ids=(1,)), _FEW),
        _FEW,
    ),
    "changes from the beginning": (changes(ChangeFilter()), _FEW),
    "changes after the middle": (changes(ChangeFilter(FeedPlace(1500))), _FEW),
    "no changes since": (changes(ChangeFilter(detected_since=_NEVER)), 0),
    "the log": (lambda database: queries.logs(database, None, limit=_FEW), _FEW),
    "an endpoint's log": (lambda database: queries.logs(database, [1], limit=_FEW), _FEW),
    "how everything is": (queries.statuses, _ENDPOINTS),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grown(tmp_path_factory.mktemp("small"), 1_000)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grown(tmp_path_factory.mktemp("large"), 8_000)


def grown(path: Path, files: int) -> Path:
    """Make a database of three endpoints with that many files each; one file of each was deleted."""
    home = CliHome(path)
    home.configure(*({"name": name, "schedule": {"type": "manual"}} for name in "ABC"))
    home.start()
    fill(home.database, Size(files, folders=files // 40, syncs=files // 10))
    with closing(sqlite3.connect(home.database)) as connection, connection:
        connection.execute("UPDATE files SET deleted_at = NULL WHERE file_name NOT LIKE '% 0001000.%'")
    return home.database


def asked(path: Path, question: Question) -> tuple[int, int]:
    """Ask, and tell how many rows came and how many steps it took."""
    database, steps = open_for_reading(path), 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    database.connection.set_progress_handler(count, _STEPS)
    try:
        rows = len(question(database))
    finally:
        database.close()
    return rows, steps


@pytest.mark.parametrize(("question", "rows"), QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_takes_no_more_steps_when_there_are_more_files(
    question: Question, rows: int, small: Path, large: Path
) -> None:
    found, steps = asked(large, question)
    assert found == rows
    assert steps <= 2 * asked(small, question)[1] + 5  # there are eight times as many


CHARACTERS = "aAeEk1 -_./*[]\u212a\u0301\u00e9\u0338=\u037e\0\n"
WILD = ["", "", "", "?", "*", "[!q]"]


@given(st.lists(st.tuples(st.sampled_from(CHARACTERS), st.sampled_from(WILD)), min_size=1, max_size=8))
def test_the_words_of_a_pattern_are_found_in_every_name_that_it_matches(characters: list[tuple[str, str]]) -> None:
    name = "".join(character for character, _ in characters)
    glob = Glob("".join(wild or glob_of(character) for character, wild in characters))
    assume(glob.matches(name.replace("/", "\uff0f")))
    words = fts_words(None, glob)
    with closing(sqlite3.connect(":memory:")) as names:
        names.execute("CREATE VIRTUAL TABLE t USING fts5 (file_name, tokenize = 'unicode61 remove_diacritics 2')")
        names.execute("INSERT INTO t VALUES (?)", (name,))
        assert not words or names.execute("SELECT * FROM t WHERE t MATCH ?", (words,)).fetchall()


def glob_of(character: str) -> str:
    """Write a pattern for exactly this character of a name."""
    return "\uff0f" if character == "/" else f"[{character}]" if character in "*[" else character
