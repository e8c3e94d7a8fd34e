"""What `filesync sync` reports: a line of each sync on stderr, or everything as JSON on stdout."""

from collections.abc import Iterator
from typing import Any

from filesync.cli.terminal import Terminal
from filesync.core.errors import LocalFileError
from filesync.runtime.streams import ReaderGoneError
from filesync.store.write.sync_log import Outcome
from filesync.sync.options import SyncOptions
from filesync.sync.refresh_sets import SetRefresh
from filesync.sync.session import SyncReport

_MOST_NAMED = 10  # of the endpoints that are new in a set


def show_report(terminal: Terminal, choice: SyncOptions, report: SyncReport, *, dry_run: bool) -> None:
    """Say nothing of a scheduled sync that went well; one line of anything else."""
    by_hand = choice.by_hand or terminal.stderr_is_terminal or dry_run
    for expansion in report.expansions:
        for line in _news(expansion):
            (terminal.note if by_hand else terminal.detail)(line)
        if expansion.error_type:
            terminal.complain(f"{expansion.set_name}: failed: {expansion.error_message}")
    for outcome in report.outcomes:
        line = f"{outcome.endpoint}: {_sentence(outcome, dry_run=dry_run)}"
        if _is_bad(outcome):
            terminal.complain(line)
        elif by_hand:
            terminal.note(line)
        else:
            terminal.detail(line)
        terminal.detail(f"{outcome.endpoint}: {_effort(outcome)}")
    for name, why in report.skipped:
        (terminal.note if by_hand else terminal.detail)(f"{name}: skipped: {why}")
    if not report.outcomes and not report.skipped and not any(each.error_type for each in report.expansions):
        (terminal.note if by_hand else terminal.detail)("nothing is due")


def _news(expansion: SetRefresh) -> Iterator[str]:
    """Say what became of a set, one line each."""
    told = (("new", expansion.new), ("archived", expansion.archived), ("back", expansion.back))
    for word, names in told:
        if names:
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            yield f"{expansion.set_name}: {word}: {', '.join(names[:_MOST_NAMED])}{more}"
    for before, after in expansion.renamed:
        yield f"{expansion.set_name}: renamed: {before} is now {after}"


def _is_bad(outcome: Outcome) -> bool:
    return outcome.status == "failed" or (outcome.status == "partial" and outcome.trigger != "trial")


def _sentence(outcome: Outcome, *, dry_run: bool) -> str:
    tally, usage = outcome.tally, outcome.usage
    if outcome.status == "failed":
        return f"failed: {outcome.error_message}"
    if outcome.error_type == "archived":
        return "archived: its project was closed, so it rests until it is back; nothing is removed"
    would = "it would be " if dry_run else ""
    counts = f"{would}{tally.files_added} added, {tally.files_updated} updated, {tally.files_removed} removed"
    plural = "" if usage.api_requests == 1 else "s"
    cost = f"{usage.api_requests} request{plural} in {outcome.duration_seconds:.1f} s"
    why = f": {outcome.error_message}" if outcome.error_message else ""
    return f"{outcome.status}{why}; {counts}; {cost}"


def _effort(outcome: Outcome) -> str:
    tally, usage = outcome.tally, outcome.usage
    return (
        f"{outcome.mode}; {tally.folders_listed} folders listed, {tally.folders_skipped} skipped, {tally.files_seen} "
        f"files seen, {tally.found_by_reconcile} changes found by reconciling; {usage.retries} retries, "
        f"{usage.throttled_seconds:.1f} s waited for limits"
    )


def show_json(terminal: Terminal, report: SyncReport, code: int, *, dry_run: bool) -> int:
    """Write what happened; give the exit code, which says so when that could not be written."""
    from filesync.cli.output.rows import show_document  # noqa: PLC0415  as the other commands do

    document = {
        "dry_run": dry_run,
        "exit_code": code,
        "syncs": [_to_document(outcome) for outcome in report.outcomes],
        "skipped": [{"endpoint": name, "reason": why} for name, why in report.skipped],
        "sets": [to_news(each) for each in report.expansions],
    }
    try:
        show_document(terminal, document)
        terminal.flush()
    except ReaderGoneError:
        return code
    except LocalFileError as exc:
        terminal.complain(str(exc))
        return code or exc.exit_code
    return code


def to_news(expansion: SetRefresh) -> dict[str, Any]:
    return {
        "set": expansion.set_name,
        "new": [*expansion.new],
        "archived": [*expansion.archived],
        "back": [*expansion.back],
        "renamed": [{"before": before, "after": after} for before, after in expansion.renamed],
        "error_type": expansion.error_type,
        "error_message": expansion.error_message,
    }


def _to_document(outcome: Outcome) -> dict[str, Any]:
    from filesync.sync.event_log import facts_of  # noqa: PLC0415  the network's libraries are there by now

    return {"endpoint": outcome.endpoint, **facts_of(outcome)}
