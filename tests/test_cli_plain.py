"""Options that are read without Typer's own reader: they become exactly what it would make of them."""

import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from filesync.cli.plain import read_plainly


class Word(StrEnum):
    JSON = "json"
    TEXT = "text"


OPTIONS = ("--limit", "--count", "--name", "--each", "--word", "--length")


def outcome(argv: Sequence[str], *, plainly: bool) -> Any:
    """Give what a command was called with, or what was said instead of calling it."""
    seen: list[Any] = []
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command()
    def command(
        limit: Annotated[int | None, typer.Option(min=0, max=1000)] = None,
        count: Annotated[int, typer.Option(min=1)] = 5,
        name: str | None = None,
        each: Annotated[list[str] | None, typer.Option()] = None,
        word: Word | None = None,
        length: float | None = None,
        flag: bool = False,
        rest: Annotated[list[str] | None, typer.Argument()] = None,
    ) -> None:
        seen.append([(type(value), value) for value in (limit, count, name, each, word, length, flag, rest)])

    made = typer.main.get_command(app)
    if plainly:
        read_plainly(made)
    try:
        made.main(args=[*argv], prog_name="c", standalone_mode=False)
    except Exception as exc:  # noqa: BLE001  whatever Typer raises is the outcome
        return type(exc), str(getattr(exc, "format_message", exc.__str__)())
    return seen


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    "text",
    [
        *("0", "7", "007", "+5", " 5", "5 ", "1_0", "-1", "1000", "1001", "1.0", "1e3", "x", ""),
        *("9" * 18, "9" * 19, "9" * 5000, "\uff15", "²", "json", "JSON", "text ", "é\n", "null", "true", "--", "-"),
    ],
)
def test_an_option_means_what_typer_makes_of_it(option: str, text: str) -> None:
    argv = [f"{option}={text}"]
    assert outcome(argv, plainly=True) == outcome(argv, plainly=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*OPTIONS, "--flag"]), st.text(max_size=6)), max_size=4), st.lists(st.text()))
def test_any_call_means_what_typer_makes_of_it(options: list[tuple[str, str]], rest: list[str]) -> None:
    argv = [*(name if name == "--flag" else f"{name}={text}" for name, text in options), "--", *rest]
    assert outcome(argv, plainly=True) == outcome(argv, plainly=False)


def test_help_is_the_same() -> None:
    program = (
        "import sys, typer; from filesync.cli.plain import read_plainly\n"
        "app = typer.Typer(add_completion=False, rich_markup_mode=None)\n"
        "app.command()(lambda: None)\n"
        "made = typer.main.get_command(app)\n"
        "if sys.argv.pop() == 'plainly':\n    read_plainly(made)\n"
        "made.main(prog_name='c')"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program, "--help", how], capture_output=True, text=True, check=True
        ).stdout
        for how in ("plainly", "thoroughly")
    ]
    assert said[0] == said[1] != ""
