"""A simulator as its own process: `python -m filesync.simulators acc --files 100000`.

It prints one JSON line with its address and ids, serves until SIGTERM or SIGINT, and prints a
second one with the requests it got. With --truth it first writes what a right inventory holds.
With --orders it reads what else to do from its standard input, see `orders.py`.
A login of a person shows its consent page in the browser, unless --consent decides.
"""

import argparse
import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

from filesync.runtime.clock import SystemClock
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator
from filesync.simulators.clock import HurriedClock, SimulatedClock
from filesync.simulators.consent import Consent
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.drive.gateway import METADATA_READONLY
from filesync.simulators.keys import write_private
from filesync.simulators.orders import Orders
from filesync.simulators.server import Loopback
from filesync.simulators.trees import Aging, Ground, Tree, grow, grow_evenly

_STOPPERS = (signal.SIGTERM, signal.SIGINT)
_READER = "reader@example.com"


@dataclass(frozen=True, slots=True)
class _Site:
    """A service with a tree in it, what a client needs to know of it, and what it must find there."""

    simulator: Loopback
    ids: Mapping[str, Any]
    truth: Callable[[], Iterable[Mapping[str, Any]]]
    orders: Orders
    when_started: Callable[[], None] = lambda: None


def main() -> None:
    wanted = _parser().parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPERS)  # before any thread starts: only sigwait may get them
    site = _SERVICES[wanted.service](wanted)
    simulator = site.simulator
    if wanted.truth:
        _write_lines(wanted.truth, site.truth())
    simulator.port = wanted.port
    simulator.latency = wanted.latency
    simulator.limits.scale = None if wanted.no_limits else 1.0
    with simulator:
        site.when_started()
        _print({"base_url": simulator.base_url, **site.ids})
        if wanted.orders:
            threading.Thread(target=site.orders.obey, args=(sys.stdin, _print), daemon=True).start()
        signal.sigwait(_STOPPERS)
    _print({"requests": dict(Counter(request.route for request in simulator.requests))})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m filesync.simulators")
    parser.add_argument("service", choices=sorted(_SERVICES))
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--folders", type=int, default=0, help="0: one per 25 files")
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument(
        "--even",
        type=_numbers,
        metavar="FAN_OUT,DEPTH,FILES",
        help="a regular tree instead",
    )
    parser.add_argument(
        "--years", type=float, default=0.0, help="drive: over which all was made, one by one, up to now"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; 0: any free one")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument(
        "--hurry", type=_hurried, metavar="FACTOR,SINCE", help="acc: let time pass faster, see HurriedClock"
    )
    parser.add_argument("--no-limits", action="store_true")
    parser.add_argument("--orders", action="store_true", help="read what to do from standard input")
    parser.add_argument("--consent", choices=get_args(Consent), default="ask", help="ask: show the page")
    parser.add_argument(
        "--projects", type=int, default=1, help="acc: each with such a tree; the ids are the first one's"
    )
    parser.add_argument("--callback", action="append", default=[], metavar="URI", help="acc: one more of the app's")
    parser.add_argument("--service-account", type=Path, metavar="FILE", help="acc: where to write one with its key")
    parser.add_argument("--key-file", type=Path, help="drive: where to write a service account's key")
    parser.add_argument("--my-drive", action="store_true", help="drive: the files are in no shared drive")
    parser.add_argument("--whole-groups", action="store_true", help="drive: a query for several folders misses nothing")
    parser.add_argument("--user-file", type=Path, help="drive: where to write an authorised user's login")
    parser.add_argument("--client-file", type=Path, help="drive: where to write an OAuth client's secrets")
    parser.add_argument("--truth", type=Path, help="where to write, as JSON lines, the files that are there at first")
    return parser


def _acc(wanted: argparse.Namespace) -> _Site:
    acc = AccSimulator(wanted.hurry, seed=wanted.seed)
    hub = acc.add_hub()
    projects = [
        acc.add_project(hub, f"Example Tower {number}" if number else "Example Tower")
        for number in range(wanted.projects)
    ]
    trees = [_grow(acc, acc.project_files(project), wanted) for project in projects]
    _let_in(acc, projects, wanted)
    login = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    ids = {**login, "hub_id": hub, "project_id": projects[0], "project_ids": projects, "folder_id": trees[0].root}
    folders = [folder for tree in trees for folder in (tree.root, *tree.folders)]
    everything = Tree(folders[0], folders[1:], [file for tree in trees for file in tree.files])
    return _Site(acc, ids, lambda: acc.truth(projects[0]), Orders(acc, everything, acc.add_version))


def _let_in(acc: AccSimulator, projects: Sequence[str], wanted: argparse.Namespace) -> None:
    """Prepare every login: of the app, of its user, and of a service account."""
    acc.consent = wanted.consent
    for project in projects:
        acc.add_member(project, acc.signed_in)
    for callback in wanted.callback:
        acc.register_callback(CLIENT_ID, callback)
    if wanted.service_account:
        account = acc.add_service_account(CLIENT_ID)
        acc.add_member(projects[0], account["service_account_id"])
        write_private(wanted.service_account, account)


def _drive(wanted: argparse.Namespace) -> _Site:
    span = timedelta(days=365 * wanted.years)
    drive = GoogleDrive(SimulatedClock(SystemClock().now() - span), seed=wanted.seed)
    drive.grouped_parents_lose = not wanted.whole_groups
    drive.state.add_user(_READER)
    shared = drive.state.add_drive("Example Tower", _READER)
    top = drive.state.root_of(_READER) if wanted.my_drive else shared
    drive.consent, drive.signed_in = wanted.consent, _READER
    step = span.total_seconds() / _count(wanted)
    tree = _grow(Aging(drive.state, lambda: drive.clock.advance(step)), top, wanted)

    def write_files() -> None:
        if wanted.key_file:
            drive.make_key_file(wanted.key_file, _READER)
        if wanted.client_file:
            drive.tokens.make_client_file(wanted.client_file)
        if wanted.user_file:
            drive.tokens.make_user_file(wanted.user_file, _READER, [METADATA_READONLY])

    ids = {"drive_id": shared, "user": _READER, "root_id": top}
    orders = Orders(drive, tree, drive.state.new_revision)
    return _Site(drive, ids, lambda: drive.truth(_READER, top), orders, write_files)


def _numbers(text: str) -> tuple[int, int, int]:
    fan_out, depth, files = map(int, text.split(","))
    return fan_out, depth, files


def _hurried(text: str) -> SimulatedClock:
    factor, since = map(float, text.split(","))
    return SimulatedClock(system=HurriedClock(factor, since))


def _count(wanted: argparse.Namespace) -> float:
    """Return how many files and folders a tree is."""
    if not wanted.even:
        return float(wanted.files + (wanted.folders or wanted.files // 25)) or 1.0
    even: tuple[int, int, int] = wanted.even
    fan_out, depth, files = even
    return sum(float(fan_out**level) for level in range(depth + 1)) * (files + 1)


def _grow(ground: Ground, root: str, wanted: argparse.Namespace) -> Tree:
    if wanted.even:
        fan_out, depth, files = wanted.even
        return grow_evenly(ground, root, fan_out=fan_out, depth=depth, files=files)
    return grow(ground, root, files=wanted.files, folders=wanted.folders, depth=wanted.depth, seed=wanted.seed)


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


def _print(value: object) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


_SERVICES = {"acc": _acc, "drive": _drive}

if __name__ == "__main__":
    main()
