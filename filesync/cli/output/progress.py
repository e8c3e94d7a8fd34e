"""Live progress on a terminal: a line per endpoint with folders, files, requests, and what it waits for."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console  # noqa: TID251  the command layer
from rich.live import Live  # noqa: TID251  the command layer
from rich.table import Table  # noqa: TID251  the command layer
from rich.text import Text  # noqa: TID251  the command layer

from filesync.cli.terminal import Terminal
from filesync.core.sanitize import harmless
from filesync.runtime.clock import Clock
from filesync.sync.session import RunningEndpoint

_MOST = 20  # lines; what more there is is counted in one


@contextmanager
def live_progress(terminal: Terminal, clock: Clock) -> Iterator[Callable[[Sequence[RunningEndpoint]], None]]:
    """Draw on stderr until the block ends, then leave nothing behind."""
    console = Console(file=terminal.stderr, no_color=bool(terminal.environ.get("NO_COLOR")) or None)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield lambda running: live.update(_draw(running, clock.now()), refresh=True)


@contextmanager
def counting(terminal: Terminal, what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Draw on stderr how far something is, until the block ends."""
    console = Console(file=terminal.stderr, no_color=bool(terminal.environ.get("NO_COLOR")) or None)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield lambda name, done, of: live.update(Text(f"{harmless(name)}  {done:,} of {of:,} {what}"), refresh=True)


def _draw(running: Sequence[RunningEndpoint], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    under_way = [entry for entry in running if entry.attempt is not None and not entry.done]
    for entry in under_way[:_MOST]:
        table.add_row(Text(harmless(entry.name), style="bold"), Text(_sentence(entry, now)))
    done = sum(entry.done for entry in running)
    if len(running) > 1:
        waiting = len(running) - done - len(under_way)
        table.add_row(Text("in all", style="dim"), Text(f"{done} done, {len(under_way)} running, {waiting} to come"))
    return table


def _sentence(entry: RunningEndpoint, now: datetime) -> str:
    attempt = entry.attempt
    if attempt is None:
        return "to come"
    tally, counters = attempt.run.tally, attempt.counters
    plain = f"{tally.folders_listed} folders, {tally.files_seen} files, {counters.requests} requests"
    until = counters.waiting_until
    if until is None:
        return plain
    left = max(0, round((until - now).total_seconds()))
    return f"{plain}; waiting for {counters.waiting_for} until {until.astimezone():%H:%M:%S} ({left} s)"
