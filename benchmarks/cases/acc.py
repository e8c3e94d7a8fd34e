"""Autodesk Construction Cloud, which has no peer to run against: what a sync costs, by files and folders."""

from collections.abc import Callable, Iterator
from threading import Event

from benchmarks.contestants.filesync import NAME, on_acc
from benchmarks.racing import Bench, Case, Contestant, Goal, Race
from benchmarks.services import acc_environ, simulator

_SETTLING = 2.5  # seconds until ACC's change stamps are old enough to be trusted


def settle() -> None:
    Event().wait(_SETTLING)


def _races(files: int, folders: int, latency: float, runs: int | None = None) -> Callable[[Bench], Iterator[Race]]:
    """Give the first sync, one when nothing changed, and one when 1 % of the files did, evenly in all folders."""

    def races(bench: Bench) -> Iterator[Race]:
        size = ("--files", str(bench.sized(files)), "--folders", str(bench.sized(folders)))
        with simulator("acc", *size, "--latency", str(latency)) as service:
            ours = on_acc(service, bench.folder / "home", acc_environ(service), settle)
            settle()
            at = f"{latency * 1000:g} ms"
            yield Race(f"first sync, {at}", [Contestant(NAME, ours.first, runs)], files=bench.sized(files))
            only_stamps = Goal("requests", NAME, at_most=1)
            yield Race(f"nothing changed, {at}", [Contestant(NAME, ours.again, runs)], [only_stamps])
            yield Race(f"1 % changed, {at}", [Contestant(NAME, ours.after_change(0.01), runs)])

    return races


_READING = (
    "filesync's request budgets are kept empty, so that its work is measured and not Autodesk's limits. "
    "A first sync takes a request for each folder (more for one with over 200 entries) and one for the project; one "
    "where nothing changed takes one, besides the folders whose reconciliation is due, of which there are none yet."
)

CASES = (
    Case("acc-1000-folders", f"10,000 files in 1,000 folders. {_READING}", _races(10_000, 1_000, 0.1)),
    Case("acc-10k", f"10,000 files in 250 folders. {_READING}", _races(10_000, 250, 0.0)),
    Case("acc-100k", f"100,000 files in 2,500 folders. {_READING}", _races(100_000, 2_500, 0.0, 3), long=True),
)
