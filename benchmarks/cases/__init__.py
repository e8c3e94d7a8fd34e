"""All cases, in the order in which they run; each module holds those of one kind."""

from benchmarks.cases import acc, drive, floor, limits, many, simulators, start
from benchmarks.racing import Case

CASES: tuple[Case, ...] = (
    *start.CASES,
    *many.CASES,
    *drive.CASES,
    *acc.CASES,
    *limits.CASES,
    *floor.CASES,
    *simulators.CASES,
)
