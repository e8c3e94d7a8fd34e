"""A connector.yaml that means harm, or was harmed: mistakes with their lines, in little time; nothing runs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from filesync.config import load_config
from filesync.core.errors import ConfigError
from filesync.runtime.settings import load_settings

ENDPOINT = "endpoints:\n  - name: A\n    endpoint_type: google_drive\n    endpoint_details: {drive_id: 0AbcdefghijklmnopPVA%s}\n"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FOR_EVER = 60.0  # seconds of this process on a processor: what is bounded takes a hundredth, what is not takes days


@contextmanager
def not_for_ever() -> Iterator[None]:
    """Break off what does not end, as it would with a bound that is missing."""

    def break_off(*_: object) -> None:
        raise AssertionError("it does not end")

    before = signal.signal(signal.SIGVTALRM, break_off)
    signal.setitimer(signal.ITIMER_VIRTUAL, FOR_EVER)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def endpoint(details: str = "", *more: str) -> str:
    return ENDPOINT % details + "".join(f"    {line}\n" for line in more)


def laughs() -> str:
    """Nine levels of ten aliases each: a billion values in 300 characters."""
    levels = (
        f"{name}: &{name} [{', '.join([f'*{below}'] * 10)}]\n"
        for below, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    return "a: &a [lol]\n" + "".join(levels)


BAD = {
    "a billion laughs": (laughs(), "more than 100000 values"),
    "an alias inside its own anchor": ("a: &a [*a]\n", "nothing has that anchor before it"),
    "a merge of itself": ("a: &a {<<: *a}\n", "nothing has that anchor before it"),
    "a long text ten thousand times": (f"x: &x {'y' * 19_000}\nz: [{', '.join(['*x'] * 10_000)}]\n", "more than 100000 values"),
    "a text of 100,000 characters": (endpoint() + f"    user_id: {'y' * 100_000}\n", "5:14: a text of more than 20,000 characters"),
    "many merges": (
        "b: &b {}\nendpoints:\n  - " + "".join(f"k{at}: 1\n    " for at in range(2000)) + f"<<: [{', '.join(['*b'] * 20_000)}]\n",
        "unknown key 'b'",
    ),
    "lists in lists": ("a: " + "[" * 900, "nested more than 50 levels deep"),
    "lists far deeper": ("a: " + "[" * 100_000, "exceeded maximum nesting depth"),
    "mappings in mappings": ("".join(f"{' ' * at}a:\n" for at in range(1000)), "51:51: nested more than 50 levels deep"),
    "keys in keys": ("? " * 3000 + "a", "nested more than 50 levels deep"),
    "a key of 100,000 characters": ("? " + "k" * 100_000 + "\n: 1\n", "1:3: a text of more than 20,000 characters"),
    "a tag that runs programs": ("endpoints: !!python/object/apply:os.system ['touch pwned']\n", "found tag"),
    "a tag of its own": ("%TAG ! tag:elsewhere.example,2000:\n---\nendpoints: !it []\n", "found tag"),
    "two documents": ("---\n" * 1000, "a second document"),
    "a tab": ("endpoints:\n\t- name: A\n", "2:1: a tab"),
    "the same key often": ("endpoints: []\n" * 3000, "2:1: endpoints: key 'endpoints' is given twice, first on line 1"),
    "bytes": (bytes(range(256)), "2:118: not UTF-8 text"),
    "UTF-16": ("endpoints: []".encode("utf-16"), "not UTF-8 text"),
    "NUL": ("endpoints: [\0]", "1:13: character U+0000 is not allowed"),
    "an escape sequence": ("endpoints: \x1b[2J", "1:12: character U+001B is not allowed"),
    "six megabytes": ("#" * 6_000_000, "longer than 5 MB"),
    "only white space": (" " * 100_000, "the file is empty"),
    "a variable of variables": (endpoint(", folder_id: '${${A}}'"), "4:67: "),
    "a variable that names itself": (endpoint(", folder_id: '${A}'"), "an id has letters"),
    "variables that fill the memory": (endpoint(", folder_id: '" + "${BIG}" * 3000 + "'"), "longer than 5 MB"),
    "a cron that never comes": (endpoint("", "schedule: {type: cron, cron: '0 0 30 2 *'}"), "5:34: "),
    "a cron of endless digits": (endpoint("", f"schedule: {{type: cron, cron: '*/{'9' * 5000} * * * *'}}"), "5:34: "),
    "a cron of foreign digits": (endpoint("", "schedule: {type: cron, cron: '\u0663 * * * *'}"), "5:34: "),
    "a time zone outside": (endpoint("", "schedule: {type: cron, cron: '0 * * * *', timezone: ../../../etc/passwd}"), "an IANA time zone is needed"),
    "a time zone that is a folder": (endpoint("", "schedule: {type: cron, cron: '0 * * * *', timezone: Europe}"), "an IANA time zone is needed"),
    "an interval beyond time": (endpoint("", f"schedule: {{type: interval, interval_minutes: {'9' * 17}}}"), "or less is needed"),
    "a length beyond time": (endpoint("", f"reconcile_every: {'9' * 30}d"), "5:22: "),
    "a length of a million years": (endpoint("", "time_limit: 365000000d"), "more than a hundred years"),
    "a percentage beyond numbers": (endpoint("", "max_delete_percent: .inf"), "a number is needed"),
    "a date beyond the calendar": (endpoint(", modified_after: 9999-12-31T23:59:59-23:59"), "4:"),
    "a glob of a range that runs backwards": (endpoint(", include: ['[z-a]']"), "runs backwards"),
    "marks that turn text around": (endpoint("", "\u202enmae: x"), "unknown key '\ufffdnmae'"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
def test_a_file_that_means_harm_is_refused_with_lines_and_holds_nobody_up(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = tmp_path / "config" / "connector.yaml"
    path.parent.mkdir()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError) as raised, not_for_ever():
        load_config(path, load_settings(tmp_path, {"A": "${A}", "BIG": "x" * 10_000}))
    assert said in str(raised.value)
    assert raised.value.exit_code == 78
    assert all(line.startswith(str(path)) and line.isprintable() for line in str(raised.value).split("\n"))
    assert len(max(str(raised.value).split("\n"), key=len)) < 1000 + len(str(path))
    assert [*tmp_path.iterdir()] == [path.parent]


def test_globs_that_are_slow_elsewhere_are_fast_here(tmp_path: Path) -> None:
    stars = ", ".join(["'" + "**/a*a/" * 100 + "b'", "'" + "*a" * 5000 + "'", "'" + "[a-z]" * 3000 + "'"])
    path = tmp_path / "connector.yaml"
    path.write_text(endpoint(f", include: [{stars}]"), encoding="utf-8")
    (only,) = load_config(path, load_settings(tmp_path, {})).endpoints
    with not_for_ever():
        assert not only.selection.at(NOW).matches(f"/{'/'.join(['a' * 100] * 100)}", None, None)
