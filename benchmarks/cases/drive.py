"""Google Drive against rclone and google-drive-to-sqlite: all of one My Drive, over TLS and through the same proxy."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from benchmarks.contestants import google_drive_to_sqlite, rclone
from benchmarks.contestants.filesync import NAME, Filesync, on_drive
from benchmarks.drive import Drive, drive
from benchmarks.racing import Bench, Case, Contestant, Goal, Missing, Race

_OURS = (0.1,)  # seconds: the latency of the targets
_SWEEP = (0.0, 0.02, 0.1, 0.3)
_A_FEW = 3  # runs of what takes long

Peers = tuple[Sequence[Contestant], Sequence[Missing]]
PeersOf = Callable[[Bench, Drive], Peers]


@dataclass(frozen=True, slots=True)
class Ground:
    """A regular tree (see `grow_evenly`), the latencies it is read at, and who reads it beside filesync and rclone."""

    fan_out: int
    depth: int
    files: int  # in each folder
    latencies: Sequence[float] = _OURS
    slow: PeersOf = lambda _bench, _drive: ((), ())
    most_runs: int | None = None
    paced: bool = True  # rclone with its pacer, too
    goals: Sequence[Goal] = ()  # of the first sync
    goals_unchanged: Sequence[Goal] = ()

    def count(self, bench: Bench) -> int:
        """Tell how many files there are."""
        folders: int = sum(self.fan_out**level for level in range(self.depth + 1))
        return folders * bench.sized(self.files)


def _races(ground: Ground) -> Callable[[Bench], Iterator[Race]]:
    """Give a case's races: the first sync, one when nothing changed, and one when 1 % of the files did."""

    def races(bench: Bench) -> Iterator[Race]:
        with _served(ground, bench) as served:
            ours = on_drive(served, bench.folder / "home")
            for latency in ground.latencies:
                served.service.order("latency", seconds=latency)
                at = f"{latency * 1000:g} ms"
                yield _first(f"first sync, {at}", ground, bench, served, ours)
                yield from _later(at, ground, bench, served, ours)

    return races


def _served(ground: Ground, bench: Bench) -> AbstractContextManager[Drive]:
    shape = f"{ground.fan_out},{ground.depth},{bench.sized(ground.files)}"
    return drive(bench.folder / "drive", "--even", shape)


def _first(title: str, ground: Ground, bench: Bench, served: Drive, ours: Filesync) -> Race:
    runners, missing = rclone.rclones(bench, served, paced=ground.paced, runs=ground.most_runs)
    slow, missing_too = ground.slow(bench, served)
    contestants = [Contestant(NAME, ours.first, ground.most_runs), *runners, *slow]
    shown = [Goal("wall_seconds", NAME, one.name) for one in contestants[1:]]
    shown.append(Goal("requests", NAME, rclone.UNPACED))
    return Race(title, contestants, _with(ground.goals, shown), [*missing, *missing_too], ground.count(bench))


def _later(at: str, ground: Ground, bench: Bench, served: Drive, ours: Filesync) -> Iterator[Race]:
    again, missing = rclone.rclones(bench, served, paced=False, runs=ground.most_runs)
    shown = [Goal("wall_seconds", NAME, rclone.UNPACED)]
    unchanged = Contestant(NAME, ours.again, ground.most_runs)
    one_request = Goal("requests", NAME, at_most=1)
    goals = _with([*ground.goals_unchanged, one_request], shown)
    yield Race(f"nothing changed, {at}", [unchanged, *again], goals, missing, ground.count(bench))
    changed = Contestant(NAME, ours.after_change(0.01), ground.most_runs)
    once_more = [replace(one, most_runs=ground.most_runs and 1) for one in again]  # it does the same as before
    yield Race(f"1 % changed, {at}", [changed, *once_more], shown, missing, ground.count(bench))


def _with(goals: Sequence[Goal], shown: Sequence[Goal]) -> list[Goal]:
    """Add the ratios that no goal is about."""
    about = {(goal.figure, goal.of, goal.against) for goal in goals}
    return [*goals, *(one for one in shown if (one.figure, one.of, one.against) not in about)]


def _wall(against: str, at_most: float) -> Goal:
    return Goal("wall_seconds", NAME, against, at_most)


def _both(bench: Bench, served: Drive) -> Peers:
    flat, missing = google_drive_to_sqlite.flat(bench, served, 2)
    return [*flat, *google_drive_to_sqlite.by_folder(bench, served, 1)[0]], missing


FLAT_10K = Ground(
    0,
    0,
    10_000,
    slow=google_drive_to_sqlite.flat,
    goals=[_wall(rclone.UNPACED, 0.75), _wall(google_drive_to_sqlite.NAME, 0.1)],
)
FLAT_100K = Ground(0, 0, 100_000, most_runs=_A_FEW, paced=False, goals_unchanged=[_wall(rclone.UNPACED, 0.1)])
TREE = Ground(8, 3, 10, slow=_both, goals=[_wall(rclone.NAME, 1.2), _wall(google_drive_to_sqlite.BY_FOLDER, 0.03)])
WIDE = Ground(100, 2, 20, most_runs=_A_FEW)
CHAIN = Ground(1, 60, 1, slow=google_drive_to_sqlite.by_folder, most_runs=_A_FEW)

_READING = """
Everybody reads the same My Drive over TLS through the same proxy, with an access token at hand (google-drive-to-sqlite
always fetches its own). rclone writes JSON to its standard output and no database; `pacer off` is
`--drive-pacer-min-sleep 0 --drive-pacer-burst 1000000`. When something changed, or nothing did, rclone lists everything
again, because it remembers nothing; filesync asks for what changed. Latency is that of each answer; opening a
connection costs none here.
""".strip().replace("\n", " ")

CASES = (
    Case("drive-flat-10k", f"10,000 files in one folder. {_READING}", _races(FLAT_10K)),
    Case("drive-flat-100k", f"100,000 files in one folder. {_READING}", _races(FLAT_100K)),
    Case("drive-tree", f"585 folders with 10 files each, the root among them, 4 levels. {_READING}", _races(TREE)),
    Case("drive-chain", f"60 folders, each in the one before, a file in each. {_READING}", _races(CHAIN), long=True),
    Case("drive-wide", f"10,101 folders with 20 files each, 3 levels. {_READING}", _races(WIDE), long=True),
    Case(
        "drive-latency",
        f"The tree of `drive-tree` by how long the service takes for every answer. {_READING}",
        _races(Ground(8, 3, 10, latencies=_SWEEP)),
        long=True,
    ),
    Case(
        "drive-latency-flat",
        f"10,000 files in one folder by how long the service takes for every answer. {_READING}",
        _races(Ground(0, 0, 10_000, latencies=_SWEEP)),
        long=True,
    ),
)
