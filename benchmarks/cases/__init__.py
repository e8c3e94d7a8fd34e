"""All cases, in the order in which they run; each module holds those of one kind."""

from benchmarks.cases import acc, drive, floor, large, limits, many, projects, simulators, start
from benchmarks.racing import Case

CASES: tuple[Case, ...] = (
    *start.CASES,
    *many.CASES,
    *drive.CASES,
    *acc.CASES,
    *projects.CASES,
    *limits.CASES,
    *large.CASES,
    *floor.CASES,
    *simulators.CASES,
)
