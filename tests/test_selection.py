"""Filters: which files match, and which folders need not be listed."""

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from filesync.core.durations import format_duration, parse_duration
from filesync.core.filters import Selection
from filesync.core.globs import Glob, check_glob
from filesync.core.timestamps import to_timestamp

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.pdf", "a.pdf", True),
        ("*.pdf", "b/a.pdf", False),
        ("*.pdf", "a.PDF", False),
        ("**", "a/b/c", True),
        ("**/x", "x", True),
        ("**/x", "a/b/x", True),
        ("**/x", "a/bx", False),
        ("a/**", "a", False),
        ("a/**", "a/b", True),
        ("a/**", "a/b/c", True),
        ("a/**", "ab/c", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("**/Archive/**", "Archive/x", True),
        ("**/Archive/**", "p/Archive/q/x", True),
        ("**/Archive/**", "p/Archive", False),
        ("**/*", "x", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[!a-c]x", "dx", True),
        ("a[+-9]c", "a/c", False),
        ("a[!x]c", "a/c", False),
        ("[]x]", "]", True),
        ("[*]", "*", True),
        ("[*]", "a", False),
        ("[a", "[a", True),
        ("a.b", "axb", False),
        ("a**b", "axxb", True),
        ("a**b", "ax/b", False),
        ("*a*b*c", "xaxbxc", True),
        ("*ab*b", "ab", False),
        ("*.*.txt", "a.b.txt", True),
        ("Plän*", "Pla\u0308ne", True),
        ("*", "line\nbreak", True),
        ("*", ".hidden", True),
    ],
)
def test_globs_match_whole_paths(pattern: str, path: str, matches: bool) -> None:
    assert Glob(pattern).matches(path) is matches


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("A-17 Plan*.pdf", [("A", True), ("17", True), ("Plan", False), ("pdf", True)]),
        ("*Plan", []),
        ("*-Plan", [("Plan", True)]),
        ("a?b-c[de]f", [("a", False), ("c", False)]),
        ("Grundri\u00df plan\u0301s x", [("Grundri", False), ("pla", False), ("x", True)]),
        ("**/a b", [("a", True), ("b", True)]),
        ("[a b", [("a", True), ("b", True)]),
    ],
)
def test_a_pattern_knows_the_words_of_whatever_it_matches(pattern: str, words: list[tuple[str, bool]]) -> None:
    assert list(Glob(pattern).words()) == words


@pytest.mark.parametrize(
    ("written", "instead"),
    [("a\\b", "a/b"), ("a/", "a/**"), ("", "empty"), ("a//b", "empty"), ("[z-a]", "backwards")],
)
def test_a_pattern_that_cannot_match_is_refused_with_what_to_write(written: str, instead: str) -> None:
    with pytest.raises(ValueError, match=instead.replace("*", r"\*")):
        check_glob(written)


def test_a_leading_slash_of_a_pattern_does_not_matter() -> None:
    assert check_glob("/a/*.pdf") == "a/*.pdf"


def test_a_hostile_name_does_not_make_a_pattern_slow() -> None:
    assert not Glob("*a" * 12 + "b").matches("a" * 1000)


def test_paths_are_matched_without_their_leading_slash() -> None:
    bound = Selection(include=("Plans/**",)).at(NOW)
    assert bound.matches("/Plans/a.pdf", "pdf", None)
    assert not bound.matches("/Other/a.pdf", "pdf", None)


def test_without_filters_everything_is_selected() -> None:
    assert Selection().at(NOW).matches("/x", None, None)


def test_types_are_case_blind_and_a_file_without_type_has_none_of_them() -> None:
    bound = Selection(file_types=frozenset({"pdf"})).at(NOW)
    assert bound.matches("/a.PDF", "PDF", None)
    assert not bound.matches("/a", None, None)


def test_exclude_wins_over_include() -> None:
    bound = Selection(include=("a/**",), exclude=("**/old/**",)).at(NOW)
    assert bound.matches("/a/x", None, None)
    assert not bound.matches("/a/old/x", None, None)


def test_after_is_in_and_before_is_out() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=timezone(timedelta(hours=1)))
    bound = Selection(modified_after=start, modified_before=end).at(NOW)
    assert bound.matches("/x", None, to_timestamp(start))
    assert not bound.matches("/x", None, to_timestamp(start - timedelta(milliseconds=1)))
    assert not bound.matches("/x", None, to_timestamp(end))
    assert bound.matches("/x", None, to_timestamp(end - timedelta(milliseconds=1)))


def test_a_file_of_unknown_time_is_kept() -> None:
    assert Selection(modified_after=NOW).at(NOW).matches("/x", None, None)


def test_an_age_counts_back_from_now() -> None:
    bound = Selection(modified_after=timedelta(days=90), modified_before=timedelta(days=1)).at(NOW)
    assert bound.after == to_timestamp(NOW - timedelta(days=90))
    assert bound.before == to_timestamp(NOW - timedelta(days=1))


def test_the_fingerprint_changes_with_every_filter_and_not_with_their_order() -> None:
    base = Selection()
    others = [
        Selection(file_types=frozenset({"pdf"})),
        Selection(include=("a/**",)),
        Selection(exclude=("a/**",)),
        Selection(modified_after=NOW),
        Selection(modified_before=NOW),
        Selection(modified_after=timedelta(days=90)),
    ]
    assert len({each.fingerprint for each in (base, *others)}) == 7
    assert Selection(include=("a", "b")).fingerprint == Selection(include=("b", "a")).fingerprint


@pytest.mark.parametrize(
    ("include", "exclude", "folder", "may_contain"),
    [
        ((), ("Archive/**",), "/Archive", False),
        ((), ("Archive/**",), "/Archive/2020", False),
        ((), ("Archive/**",), "/", True),
        ((), ("Archive/*",), "/Archive", True),
        ((), ("Archive/**/*",), "/Archive", False),
        ((), ("Archive/**/*.pdf",), "/Archive", True),
        ((), ("**/Archive/**",), "/p/Archive/q", False),
        ((), ("**/Archive/**",), "/p/Archives", True),
        ((), ("A*/**",), "/Archive/x", False),
        ((), ("**",), "/", False),
        (("Plans/**",), (), "/", True),
        (("Plans/**",), (), "/Plans", True),
        (("Plans/**",), (), "/Plans/deep/down", True),
        (("Plans/**",), (), "/Other", False),
        (("Plans/*.pdf",), (), "/Plans", True),
        (("Plans/*.pdf",), (), "/Plans/deep", False),
        (("Plans",), (), "/Plans", False),
        (("Plans/*.pdf",), (), "/Plans/folder.pdf", False),
        (("*/Plans/**",), (), "/x", True),
        (("*/Plans/**",), (), "/x/y", False),
        (("**/x.pdf",), (), "/any/where", True),
        (("a/**/b/*",), (), "/a/x/y", True),
    ],
)
def test_a_folder_is_pruned_only_when_nothing_below_can_match(
    include: tuple[str, ...], exclude: tuple[str, ...], folder: str, may_contain: bool
) -> None:
    assert Selection(include=include, exclude=exclude).may_contain(folder) is may_contain


def test_pruning_never_hides_a_match_and_agrees_with_a_search() -> None:
    """Every tree of names a, b, ab up to four deep, against 400 random selections."""
    rng = random.Random(7)
    names, parts = ("a", "b", "ab"), ("a", "b", "*", "**", "?", "a*", "[ab]", "**")
    paths = [""]
    for _ in range(4):
        paths += [f"{path}/{name}" for path in paths for name in names if path.count("/") < 4]
    paths = sorted(set(paths) - {""})
    pruned = 0
    for _ in range(400):
        patterns = ["/".join(rng.choice(parts) for _ in range(rng.randint(1, 4))) for _ in range(3)]
        cut = rng.randint(0, 2)
        selection = Selection(include=tuple(patterns[:cut]), exclude=tuple(patterns[cut:2]))
        bound = selection.at(NOW)
        kept = [path for path in paths if bound.matches(path, None, None)]
        for folder in ("/", "/a", "/b/a", "/ab/b/a"):
            if not selection.may_contain(folder):
                pruned += 1
                assert not [path for path in kept if path.startswith(folder.rstrip("/") + "/")]
    assert pruned > 100


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("2w", timedelta(weeks=2)),
        ("4m", timedelta(minutes=4)),
        ("1.5h", timedelta(minutes=90)),
        (" 30 s ", timedelta(seconds=30)),
    ],
)
def test_a_length_is_a_number_with_its_unit(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["90", "d", "", "-1d", "1y", "1d2h", "6M", "999999999w", "٣d"])
def test_any_other_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unit|hundred years"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["90d", "2w", "6h", "4m", "90s", "1.5s", "0s", "100000000s"])
def test_a_length_can_be_written_back(text: str) -> None:
    length = parse_duration(text)
    assert parse_duration(format_duration(length)) == length
    assert len(format_duration(length)) <= len(text)
