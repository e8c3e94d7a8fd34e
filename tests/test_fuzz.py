"""Whatever bytes come: the promised result or the promised error. Long runs: `python -m tests.fuzz`, or -m soak."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filesync.core.globs import Glob
from tests.fuzz import targets
from tests.fuzz.feed import FEED

CHEAP, LONG = 40, 20_000


@pytest.mark.parametrize("name", FEED)
@settings(max_examples=CHEAP)
@given(st.data())
def test_whatever_comes_is_understood_or_refused_as_promised(name: str, data: st.DataObject) -> None:
    targets.TARGETS[name](data.draw(FEED[name]))


@pytest.mark.soak
@pytest.mark.parametrize("name", FEED)
@settings(max_examples=LONG)
@given(st.data())
def test_whatever_comes_in_a_long_run_is_understood_or_refused_as_promised(name: str, data: st.DataObject) -> None:
    targets.TARGETS[name](data.draw(FEED[name]))


def test_every_target_is_fed() -> None:
    assert FEED.keys() == targets.TARGETS.keys()


def test_a_glob_with_many_stars_takes_no_longer_on_a_deep_path() -> None:
    pattern = Glob("**/a/" * 12 + "b")
    assert not pattern.matches("/".join("a" * 2000))
    assert not Glob("*a" * 40 + "b").matches("a" * 5000)
