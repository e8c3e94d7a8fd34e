"""Many endpoints in one home, all of them due."""

from collections.abc import Iterator

from benchmarks.cases.acc import settle
from benchmarks.contestants.filesync import ACC, DRIVE, NAME, Filesync, drive_environ, endpoint, made
from benchmarks.drive import drive
from benchmarks.racing import Bench, Case, Contestant, Goal, Race
from benchmarks.services import acc_environ, simulator

_ENDPOINTS = 200
_A_FEW = 3


def _on_acc(bench: Bench) -> Iterator[Race]:
    """Each a project with 3 folders and 30 files."""
    with simulator("acc", "--projects", str(bench.sized(_ENDPOINTS)), "--even", "2,1,10") as service:
        hub, projects = service.ids["hub_id"], service.ids["project_ids"]
        each = [endpoint(one, ACC, {"project_id": one, "hub_id": hub}) for one in projects]
        environ, home = acc_environ(service), bench.folder / "acc"
        ours = Filesync(lambda: made(home, environ, each), service, cpu_seconds=service.cpu_seconds, settle=settle)
        settle()
        yield from _races(f"{len(each)} ACC projects", len(each), ours)


def _on_drive(bench: Bench) -> Iterator[Race]:
    """Each a folder of one My Drive with 10 files."""
    with drive(bench.folder / "drive", "--even", f"{bench.sized(_ENDPOINTS)},1,10") as served:
        _, *folders = served.service.order("folders")["folders"]
        each = [endpoint(one, DRIVE, {"folder_id": one}) for one in folders]
        environ, home = drive_environ(served), bench.folder / "home"
        ours = Filesync(lambda: made(home, environ, each), served.service, cpu_seconds=served.cpu_seconds)
        yield from _races(f"{len(each)} Drive folders", len(each), ours)


def _races(what: str, number: int, ours: Filesync) -> Iterator[Race]:
    yield Race(f"{what}, first sync", [Contestant(NAME, ours.first, _A_FEW)])
    one_each = Goal("requests", NAME, at_most=number)
    yield Race(f"{what}, nothing changed", [Contestant(NAME, ours.again)], [one_each])


def _all_due(bench: Bench) -> Iterator[Race]:
    yield from _on_acc(bench)
    yield from _on_drive(bench)


CASES = (
    Case(
        "all-due",
        "200 endpoints in one home, all due: ACC projects with 3 folders and 30 files each, and folders of one My "
        "Drive with 10 files each, at no latency.",
        _all_due,
    ),
)
