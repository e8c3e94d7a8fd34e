"""`filesync doctor`: everything that can be wrong with a home, looked at, and the step that mends it."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync import __version__
from filesync.cli.examining import Result, Wanted, examine
from filesync.cli.options import AsJson, EndpointNames
from filesync.cli.output import show_document
from filesync.cli.text import harmless
from filesync.cli.world import World
from filesync.clock import to_timestamp
from filesync.doctor.finding import CHECKS, Finding, Level, Skipped, counted, exit_code

_MOODS = {Level.OK: "\x1b[32m", Level.WARN: "\x1b[33m", Level.FAIL: "\x1b[1;31m"}
_PLAIN = "\x1b[0m"
_AREA = max(map(len, CHECKS))
_CHECK = max(len(check) for checks in CHECKS.values() for check in checks)
_INDENT = 4 + 2 + _AREA + 2 + _CHECK + 2
_NARROWEST = 30  # of what is said; on a narrower terminal it stands below


def doctor(
    ctx: typer.Context,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no service and no proxy.")] = False,
    endpoint: EndpointNames = None,
    json: AsJson = False,
) -> None:
    """Look for everything that can be wrong, and say what mends it. Nothing is changed.

    Looks at configuration, paths, secrets, database, logins, scheduler, syncs, notifications and network, and asks
    the services. Each check is OK, WARN or FAIL; exits 1 when one is FAIL, else 0. --endpoint asks the service of
    that endpoint only; --quiet shows only what is not OK.

    \b
    Examples:
      filesync doctor
      filesync doctor --offline --quiet
      filesync doctor --json | jq '.findings[] | select(.level != "OK")'
    """  # noqa: D301  \b is Typer's mark
    world: World = ctx.obj
    results = examine(world, Wanted(tuple(endpoint or ()), offline))
    if json:
        found = [*results]
        show_document(world, _to_document(world, found, offline=offline))
    else:
        found = [*_shown(world, results)]
        _sum_up(world, found)
    raise typer.Exit(exit_code(each for each in found if isinstance(each, Finding)))


def _shown(world: World, results: Iterable[Result]) -> Iterator[Result]:
    """Write findings as they come, because asking services takes a while; what is well is left out with --quiet."""
    for each in results:
        if isinstance(each, Finding) and (each.mend or not world.options.quiet):
            world.write(world.redactor.scrub(_to_text(each, world)))
            world.flush()
        yield each


def _to_text(finding: Finding, world: World) -> str:
    """Write one finding: a line, or as many as it needs, and below it the step that mends it."""
    width = world.stdout_width
    mood, plain = (_MOODS[finding.level], _PLAIN) if world.has_colours else ("", "")
    head = f"{finding.level:<4}  {finding.area:<{_AREA}}  {finding.check:<{_CHECK}}  "
    indent = _INDENT if width is None or width - _INDENT >= _NARROWEST else 6
    said = finding.detail if finding.mend else finding.detail.replace(f"{world.home}/", "")
    detail = [*_lines(harmless(said), width, indent)]
    mend = [*_lines(f"-> {harmless(finding.mend)}", width, indent)] if finding.mend else []
    if indent != _INDENT:
        detail.insert(0, "")
    text = head + f"\n{' ' * indent}".join([*detail, *mend])
    return f"{mood}{text[:4]}{plain}{text[4:].rstrip()}\n"


def _lines(text: str, width: int | None, indent: int) -> Iterator[str]:
    """Break text at blanks where a terminal's width asks for it; a command or path is never torn apart."""
    if width is None:
        yield text
        return
    room = max(width - indent - 1, 1)
    yield from textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def _sum_up(world: World, found: list[Result]) -> None:
    """Say on stderr what was not looked at, and how it stands."""
    skipped: dict[tuple[str, str], list[str]] = {}
    for each in found:
        if isinstance(each, Skipped):
            skipped.setdefault((each.area, each.reason), []).append(each.check)
    for (area, reason), checks in skipped.items():
        world.note(f"not checked: {area} {', '.join(dict.fromkeys(checks))}: {reason}")
    fails, warnings = _count(found, Level.FAIL), _count(found, Level.WARN)
    if fails or warnings:
        parts = [counted(fails, "failure")] if fails else []
        parts += [counted(warnings, "warning")] if warnings else []
        world.note(" and ".join(parts))
    else:
        world.note("all is well")


def _to_document(world: World, found: list[Result], *, offline: bool) -> Mapping[str, Any]:
    scrub = world.redactor.scrub
    return {
        "version": __version__,
        "checked_at": to_timestamp(world.clock.now()),
        "home": str(world.home),
        "offline": offline,
        "ok": not _count(found, Level.FAIL),
        "failures": _count(found, Level.FAIL),
        "warnings": _count(found, Level.WARN),
        "findings": [
            {
                "area": each.area,
                "check": each.check,
                "subject": scrub(each.subject) or None,
                "level": each.level.value,
                "detail": scrub(each.detail),
                "mend": scrub(each.mend) or None,
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


def _count(found: list[Result], level: Level) -> int:
    return sum(isinstance(each, Finding) and each.level is level for each in found)
