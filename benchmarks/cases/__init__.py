"""All cases, in the order in which they run; each module holds those of one kind."""

from benchmarks.cases import acc, drive, start
from benchmarks.racing import Case

CASES: tuple[Case, ...] = (*start.CASES, *drive.CASES, *acc.CASES)
