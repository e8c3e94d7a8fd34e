"""What a benchmark is made of: a case has races, a race has contestants and goals; and how a race is run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run took and gave; what does not apply is None.

    `requests` leaves those for tokens out. `service_seconds`: CPU of the simulated service and its proxy meanwhile.
    `more` has figures that only this case has, by names that say their unit.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    requests: int | None = None
    rows: int | None = None
    database_bytes: int | None = None
    service_seconds: float | None = None
    more: Mapping[str, float] = field(default_factory=dict)

    def figures(self) -> dict[str, float]:
        """Give every figure by its name."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "more"}
        return {name: value for name, value in own.items() if value is not None} | dict(self.more)


@dataclass(frozen=True, slots=True)
class Contestant:
    """`run` does the same from the same start each time, whatever preparing that takes; a slow one runs less often."""

    name: str
    run: Callable[[], Sample]
    most_runs: int | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A peer that is not here, and what to do about it."""

    name: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Goal:
    """The median of a figure of one contestant: at most so many times that of another, or at most so much.

    Without `at_most` it is only shown. `words` says what the figure stands for.
    """

    figure: str
    of: str
    against: str | None = None
    at_most: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Race:
    """Contestants who do the same, in turn; `absent` are the peers that would run, too.

    `files`: how many each must have found in the end, so that nobody is fast by leaving something out.
    """

    title: str
    contestants: Sequence[Contestant]
    goals: Sequence[Goal] = ()
    absent: Sequence[Missing] = ()
    files: int | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """What every case is given: where to write, how often to run, how large (1: as in the targets), and the peers."""

    folder: Path
    repeat: int = 5
    scale: float = 1.0
    rclone: Path | None = None
    google_drive_to_sqlite: Path | None = None

    def sized(self, number: int) -> int:
        return max(1, round(number * self.scale))


@dataclass(frozen=True, slots=True)
class Case:
    """`races` sets the stage and yields; it goes on when a race is over. `reading` tells how to read the figures.

    A `long` one runs only when it is named, or all are.
    """

    name: str
    reading: str
    races: Callable[[Bench], Iterator[Race]]
    long: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The samples of a race by contestant, in the order they were taken."""

    case: Case
    race: Race
    samples: Mapping[str, Sequence[Sample]]

    def middle(self, contestant: str, figure: str) -> float | None:
        """Give a figure's median; None where the contestant is absent or has no such figure."""
        taken = [sample.figures().get(figure) for sample in self.samples.get(contestant, ())]
        known = [value for value in taken if value is not None]
        return median(known) if known else None

    def reached(self, goal: Goal) -> float | None:
        """Give what a goal is about: the figure, or its ratio to the other's; None: not measured."""
        own = self.middle(goal.of, goal.figure)
        if goal.against is None or own is None:
            return own
        other = self.middle(goal.against, goal.figure)
        return own / other if other else None


def run(case: Case, bench: Bench, tell: Callable[[str], None] = lambda _: None) -> Iterator[Outcome]:
    """Run a case's races, one contestant after the other and all over again, so that a slow minute strikes them all."""
    for race in case.races(bench):
        samples: dict[str, list[Sample]] = {one.name: [] for one in race.contestants}
        for lap in range(bench.repeat):
            for one in race.contestants:
                if one.most_runs is None or lap < one.most_runs:
                    samples[one.name].append(_checked(one.run(), one, race))
                    tell(f"{case.name}, {race.title}: {one.name} {samples[one.name][-1].wall_seconds:.2f} s")
        yield Outcome(case, race, samples)


def _checked(sample: Sample, contestant: Contestant, race: Race) -> Sample:
    if race.files is not None and sample.rows not in (None, race.files):
        raise RuntimeError(f"{race.title}: {contestant.name} found {sample.rows} of {race.files} files")
    return sample
