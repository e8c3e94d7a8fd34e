"""Findings of checks, for a person or as JSON: what was found, and below it the step that fixes it."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from filesync.app.doctor_run import Result
from filesync.app.home import Home
from filesync.cli.terminal import Terminal
from filesync.core.sanitize import harmless
from filesync.doctor.findings import CHECKS, Finding, Severity, Skipped, counted, named

_MOODS = {Severity.OK: "\x1b[32m", Severity.WARN: "\x1b[33m", Severity.FAIL: "\x1b[1;31m"}
_PLAIN = "\x1b[0m"
_AREA = max(map(len, CHECKS))
_CHECK = max(len(check) for checks in CHECKS.values() for check in checks)
_NARROWEST = 30  # of what is said; on a narrower terminal it stands below


def show_findings(
    home: Home, terminal: Terminal, results: Iterable[Result], *, names_all: bool = False
) -> Iterator[Result]:
    """Write findings as they come, because asking services takes a while; then in a line what of an area is well."""
    for area, found in groupby(results, key=lambda each: each.area):
        well: dict[str, list[str]] = {}
        for each in found:
            if isinstance(each, Finding):
                if each.level is Severity.OK and not (terminal.is_verbose or names_all):
                    well.setdefault(each.check, []).append(each.subject)
                else:
                    _write(terminal, each.level, (each.area, each.check), _said(home, each))
            yield each
        if well and not terminal.is_quiet:
            _write(terminal, Severity.OK, (area,), [", ".join(_with_subjects(*each) for each in well.items())])


def _said(home: Home, finding: Finding) -> Sequence[str]:
    """Return what was found, and below it the step that fixes it."""
    if not finding.fix:
        return [finding.detail.replace(f"{home.path}/", "")]
    return [finding.detail, f"-> {finding.fix}"]


def _with_subjects(check: str, subjects: Sequence[str]) -> str:
    named_ones = [each for each in subjects if each]
    return f"{check} ({named(named_ones)})" if named_ones else check


def _write(terminal: Terminal, level: Severity, place: tuple[str, ...], paragraphs: Sequence[str]) -> None:
    """Write a level, an area and perhaps a check, and beside them, as far as there is room, what is said."""
    width = terminal.width
    mood, plain = (_MOODS[level], _PLAIN) if terminal.has_colours else ("", "")
    head = "".join(f"{word:<{room}}  " for word, room in zip((level, *place), (4, _AREA, _CHECK), strict=False))
    indent = len(head) if width is None or width - len(head) >= _NARROWEST else 6
    scrub = terminal.redactor.scrub  # before lines are broken: a secret that is torn apart would not be known
    lines = [line for text in paragraphs for line in _broken(harmless(scrub(text)), width, indent)]
    text = head + f"\n{' ' * indent}".join(lines if indent == len(head) else ["", *lines])
    terminal.write(scrub(f"{mood}{text[:4]}{plain}{text[4:].rstrip()}\n"))
    terminal.flush()


def _broken(text: str, width: int | None, indent: int) -> Sequence[str]:
    """Break text at blanks where a terminal's width asks for it; a word or path is never torn apart."""
    if width is None:
        return [text]
    below = "   " if text.startswith("-> ") else ""
    room = max(width - indent - 1, 1)
    return textwrap.wrap(text, room, subsequent_indent=below, break_long_words=False, break_on_hyphens=False)


def sum_up(terminal: Terminal, found: list[Result]) -> None:
    """Say on stderr what was not looked at, and how it stands."""
    skipped: dict[tuple[str, str], list[str]] = {}
    for each in found:
        if isinstance(each, Skipped):
            skipped.setdefault((each.area, each.reason), []).append(each.check)
    for (area, reason), checks in skipped.items():
        terminal.note(f"not checked: {area} {', '.join(dict.fromkeys(checks))}: {reason}")
    fails, warnings = _count(found, Severity.FAIL), _count(found, Severity.WARN)
    if fails or warnings:
        parts = [counted(fails, "failure")] if fails else []
        parts += [counted(warnings, "warning")] if warnings else []
        terminal.note(" and ".join(parts))
    else:
        terminal.note("all is well")


def findings_document(terminal: Terminal, found: list[Result]) -> Mapping[str, Any]:
    """Return findings as a JSON document has them."""
    scrub = terminal.redactor.scrub
    return {
        "ok": not _count(found, Severity.FAIL),
        "failures": _count(found, Severity.FAIL),
        "warnings": _count(found, Severity.WARN),
        "findings": [
            {
                "area": each.area,
                "check": each.check,
                "subject": scrub(each.subject) or None,
                "level": each.level.value,
                "detail": scrub(each.detail),
                "fix": scrub(each.fix) or None,
            }
            for each in found
            if isinstance(each, Finding)
        ],
        "skipped": [
            {"area": each.area, "check": each.check, "reason": scrub(each.reason)}
            for each in found
            if isinstance(each, Skipped)
        ],
    }


def _count(found: list[Result], level: Severity) -> int:
    return sum(isinstance(each, Finding) and each.level is level for each in found)
