"""The text of a file's `extra` is what the general encoder makes of it: rows written years ago are compared with it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from filesync.providers.extra import to_extra, to_extra_as_it_is

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FACTS = st.dictionaries(
    st.sampled_from(["driveId", "reserved_by", "sha1", "shared"]),
    TEXTS | st.booleans() | st.dictionaries(TEXTS, TEXTS, max_size=3),
).map(lambda facts: dict(sorted(facts.items())))


@given(FACTS)
def test_extra_is_what_the_general_encoder_writes(facts: dict[str, str | bool]) -> None:
    assert to_extra(facts) == (json.dumps(facts, sort_keys=True) if facts else None)


@given(st.dictionaries(st.sampled_from(["reserved", "version_id"]), TEXTS | st.booleans()))
def test_extra_with_letters_as_they_are_is_what_the_general_encoder_writes(facts: dict[str, str | bool]) -> None:
    facts = dict(sorted(facts.items()))
    expected = json.dumps(facts, sort_keys=True, ensure_ascii=False) if facts else None
    assert to_extra_as_it_is(facts) == expected
