"""How near filesync is to the least that its work can take: the same JSON parsed, the same rows inserted."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from benchmarks.cases.acc import settle
from benchmarks.contestants import floor
from benchmarks.contestants.filesync import NAME, Filesync, checked, on_acc, on_drive
from benchmarks.drive import drive
from benchmarks.racing import Bench, Case, Contestant, Goal, Race, Sample
from benchmarks.services import acc_environ, simulator

_A_FEW = 3
_EVEN = (50, 2, 40)  # 2,551 folders with 40 files each: 102,040
_FOLDERS = 2_551


def _on_drive(bench: Bench) -> Iterator[Race]:
    with drive(bench.folder / "drive", "--even", _shape(bench)) as served:
        yield _race(bench, on_drive(served, bench.folder / "home"))


def _on_acc(bench: Bench) -> Iterator[Race]:
    with simulator("acc", "--even", _shape(bench)) as service:
        ours = on_acc(service, bench.folder / "home", acc_environ(service), settle)
        settle()
        yield _race(bench, ours)


def _shape(bench: Bench) -> str:
    fan_out, depth, files = _EVEN
    return f"{fan_out},{depth},{bench.sized(files)}"


def _race(bench: Bench, ours: Filesync) -> Race:
    answers = bench.folder / "answers.jsonl"
    ours.service.order("record", to=str(answers))
    ours.first()
    ours.service.order("record", to=None)
    least = floor.floor(answers, ours.home.database, bench.folder / "floor")
    contestants = [Contestant(NAME, _beyond_start(ours), _A_FEW), Contestant(floor.NAME, least, _A_FEW)]
    goals = [
        Goal("cpu_us_a_file", NAME, at_most=45, words="CPU µs a file beyond start-up"),
        Goal("cpu_us_a_file", NAME, floor.NAME, at_most=2.0, words="CPU a file beyond start-up"),
    ]
    return Race("first sync, 0 ms", contestants, goals, files=_FOLDERS * bench.sized(_EVEN[2]))


def _beyond_start(ours: Filesync) -> Callable[[], Sample]:
    """Give a first sync, and its CPU without that of a start with nothing due in the same home."""

    def run() -> Sample:
        sample = ours.first()
        start = checked(ours.home.run("sync", "--json"))
        beyond = (sample.cpu_seconds - start.cpu_seconds) / (sample.rows or 1) * 1e6
        return replace(sample, more={"cpu_us_a_file": beyond})

    return run


_READING = (
    "2,551 folders with 40 files each. CPU a file is user and system seconds of the first sync, less those of a start "
    "with nothing due, by the number of files. The floor is json.loads of the very same answers and executemany of the "
    "very same rows of files, folders, changes and search index, into a database of the same schema and settings, in "
    "as many commits as there were answers; its wall and CPU seconds are those of the two steps alone."
)

CASES = (
    Case("floor-drive", f"{_READING} Drive over TLS, as in the other cases.", _on_drive),
    Case("floor-acc", f"{_READING} ACC over plain HTTP.", _on_acc),
)
