"""Upkeep in passing: `sync` drops old rows by itself, once a day, and says nothing."""

from threading import Event

from filesync.app.home import Home
from filesync.auth.leftovers import remove
from filesync.store.upkeep import pruning
from filesync.store.upkeep.pruning import Pruned

_BUDGET = 30.0  # seconds of pruning in passing; the rest waits for the next start
_BREATH = 0.005  # seconds between two transactions, in which whoever waits to write gets its turn


def prune_now_and_then(home: Home) -> None:
    """Drop old rows when none were looked for since a day, for a limited time; says nothing."""
    with home.writing() as database:
        now = home.clock.now()
        if not pruning.is_due(database, now):
            return
        until = home.clock.monotonic() + _BUDGET
        pruned = pruning.prune(database, home.config.retention, now, go_on=lambda: breathe(home, until))
    log_pruned(home, pruned, remove(home.settings.path("tokens"), now))


def breathe(home: Home, until: float | None = None) -> bool:
    """Let others write; False when the time is over."""
    home.clock.wait(Event(), _BREATH)
    return until is None or home.clock.monotonic() < until


def log_pruned(home: Home, pruned: Pruned, token_files: int) -> None:
    if any(pruned.rows.values()) or token_files or pruned.held_by or not pruned.is_done:
        home.log.info(
            "prune",
            **pruned.rows,
            token_files=token_files,
            held_by=[holder.reader for holder in pruned.held_by],
            done=pruned.is_done,
        )
