"""Who is told: whether the messages arrive."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from filesync.doctor.findings import Finding, counted, ok, warn


def check_targets(rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Look at how the last delivery to each target went; rows are as in `filesync notify status --json`."""
    bad = [_failing(row) for row in rows if row["failures_in_a_row"]]
    yield from bad
    if len(bad) < len(rows) or not rows:
        said = "nobody is told" if not rows else f"{counted(len(rows) - len(bad), 'target')} without a failed delivery"
        yield ok("notify", "target", said)


def _failing(row: Mapping[str, Any]) -> Finding:
    name, waiting = row["target"], row["waiting"]
    times = counted(row["failures_in_a_row"], "delivery").replace("deliverys", "deliveries")
    detail = f"{name}: {times} failed in a row, {counted(waiting, 'message')} waiting: {row['last_error']}"
    return warn("notify", "target", detail, f"filesync notify test {name}", name)
