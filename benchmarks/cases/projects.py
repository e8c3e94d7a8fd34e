"""A whole hub of Autodesk Construction Cloud as one set: what its services ration is requests."""

from collections.abc import Iterator

from benchmarks.cases.acc import settle
from benchmarks.contestants.filesync import ACC, NAME, Filesync, endpoint, made
from benchmarks.racing import Bench, Case, Contestant, Goal, Race
from benchmarks.services import acc_environ, simulator

_PROJECTS = 1_000
_FOLDERS = 100  # of each project, the topmost among them
_DIRTY = 0.05
_ONCE = 1
_A_FEW = 3


def _hub(bench: Bench) -> Iterator[Race]:
    """Every folder holds one file; every project's folders hang in its topmost one."""
    number = bench.sized(_PROJECTS)
    with simulator("acc", "--projects", str(number), "--even", f"{_FOLDERS - 1},1,1") as service:
        details = {"hub_id": service.ids["hub_id"], "projects": {"include": ["*"]}}
        environ, home = acc_environ(service), bench.folder / "home"
        ours = Filesync(
            lambda: made(home, environ, [endpoint("{project_name}", ACC, details)]),
            service,
            cpu_seconds=service.cpu_seconds,
            settle=settle,
        )
        settle()
        yield Race("first sync", [Contestant(NAME, ours.first, _ONCE)], files=number * _FOLDERS)
        stamps = Goal("requests", NAME, at_most=number, words="requests, one for each project")
        yield Race("nothing changed", [Contestant(NAME, ours.again, _A_FEW)], [stamps])
        dirty = Goal("requests", NAME, at_most=6 * number, words="requests")
        changed = ours.after_change(_DIRTY, together=True)
        yield Race("5 % of the projects changed in every folder", [Contestant(NAME, changed, _A_FEW)], [dirty])
        spread = Contestant(NAME, ours.after_change(_DIRTY), _A_FEW)
        yield Race("5 % of the folders changed, in all projects", [spread], [Goal("requests", NAME)])


CASES = (
    Case(
        "acc-projects",
        "A hub of 1,000 projects with 100 folders each, as one set of endpoints; reconciliation is not due, and the "
        "budgets are kept empty. Autodesk's own figures for such a crawl are about 100,000 calls by brute force, 6,500 "
        "when 5 % is dirty and 1,007 when nothing changed. Once an hour filesync also asks what the set is made of: "
        "one request for the hub and one for each page of its projects, which the first sync includes. How many "
        "requests 5 % costs depends on where they are: each changed folder, and each one above it, is read once.",
        _hub,
        long=True,
    ),
)
