"""`retention` in connector.yaml: what it means, and what is wrong with it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from filesync.config import Config, ConfigProblems, load_config
from filesync.config.retention import in_words
from filesync.core.retention import Keep, Retention
from filesync.runtime.settings import load_settings

Read = Callable[[str], Config]
DAY = timedelta(days=1)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def config(text: str) -> Config:
        file = tmp_path / "connector.yaml"
        file.write_text(text)
        return load_config(file, load_settings(tmp_path, {"KEPT": "30d"}))

    return config


def test_without_the_section_uneventful_successes_go_first_and_the_feed_stays(read: Read) -> None:
    kept = read("endpoints: []\n").retention
    assert kept == Retention(Keep(400 * DAY), 7 * DAY, Keep(), Keep(), DAY)
    assert read("endpoints: []\nretention:\n  changes:\n  sync_logs: {keep_for: }\n").retention == kept


def test_each_table_has_its_own_bounds(read: Read) -> None:
    kept = read(
        "endpoints: []\nretention:\n  sync_logs: {keep_for: forever, uneventful_for: 2d}\n"
        "  changes: {keep_for: '${KEPT}', keep_rows: 1000}\n  deleted_files: {keep_rows: 5}\n"
    ).retention
    assert kept == Retention(Keep(), 2 * DAY, Keep(30 * DAY, 1000), Keep(rows=5), DAY)


def test_what_holds_is_shown_as_the_file_would_say_it(read: Read) -> None:
    kept = read("endpoints: []\nretention: {changes: {keep_for: 30d, keep_rows: 5}}\n").retention
    assert in_words(kept) == {
        "sync_logs": {"keep_for": "400d", "keep_rows": None, "uneventful_for": "1w"},
        "changes": {"keep_for": "30d", "keep_rows": 5},
        "deleted_files": {"keep_for": "forever", "keep_rows": None},
    }


def test_nothing_goes_that_the_mass_delete_guard_still_counts(read: Read) -> None:
    endpoint = (
        "endpoints:\n  - {name: D, endpoint_type: google_drive, reconcile_every: 3d, endpoint_details: {drive_id: x}}\n"
    )
    assert read(endpoint).retention.guard == 3 * DAY


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("retention: 5", 12, "a mapping is needed"),
        ("retention: {change: {}}", 13, "unknown key 'change'; did you mean changes? allowed: changes, deleted_files"),
        ("retention: {changes: {keep: 5d}}", 23, "unknown key 'keep'; "),
        ("retention: {changes: {keep_for: 5}}", 33, "found '5': a length such as 90d, or forever, is needed"),
        ("retention: {changes: {keep_for: ever}}", 33, "found 'ever': a length such as 90d, or forever, is needed"),
        ("retention: {changes: {keep_for: 3h}}", 33, "found '3h': a day or more, or forever, is needed"),
        ("retention: {changes: {keep_rows: 0}}", 34, "found '0': 1 or more is needed"),
        ("retention: {changes: {keep_rows: x}}", 34, "found 'x': a whole number is needed"),
        ("retention: {changes: {keep_rows: true}}", 34, "found true: a number is needed"),
        ("retention: {changes: {uneventful_for: 3d}}", 23, "unknown key 'uneventful_for'"),
        ("retention: {sync_logs: [a]}", 24, "a mapping is needed"),
    ],
)
def test_a_mistake_is_named_with_its_place(read: Read, text: str, column: int, words: str) -> None:
    with pytest.raises(ConfigProblems) as caught:
        read(f"endpoints: []\n{text}\n")
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column) == (2, column)
    assert words in mistake.message
