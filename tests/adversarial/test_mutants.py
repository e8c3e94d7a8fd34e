"""The list of breaks fits the source, so that `python -m tests.adversarial.mutants` can be run at any time."""

import re

import pytest

from tests import ROOT
from tests.adversarial.mutants.breaks import BREAKS, Break

PAGE = (ROOT / "tests" / "adversarial" / "mutants" / "RESULTS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("each", BREAKS, ids=lambda each: each.name)
def test_a_break_fits_the_source_and_still_is_python(each: Break) -> None:
    source = (ROOT / each.path).read_text(encoding="utf-8")
    broken = each.broken(source)
    assert broken != source
    compile(broken, each.path, "exec")
    assert all((ROOT / "tests" / name).exists() for name in each.seen_by.split())


def test_the_page_lists_exactly_the_breaks() -> None:
    assert re.findall(r"^\| ([a-z0-9-]+) \| .+ \| `test_", PAGE, re.MULTILINE) == [each.name for each in BREAKS]
