"""A simulator as its own process: `python -m filesync.simulators acc --files 100000`.

It prints one JSON line with its address and ids, serves until SIGTERM or SIGINT, and prints a
second one with the requests it got.
"""

import argparse
import json
import signal
import sys
from collections import Counter
from pathlib import Path

from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.server import Loopback
from filesync.simulators.trees import Ground, grow

_STOPPERS = (signal.SIGTERM, signal.SIGINT)
_READER = "reader@example.com"


def main() -> None:
    wanted = _parser().parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPERS)  # before any thread starts: only sigwait may get them
    simulator, ids = _SERVICES[wanted.service](wanted)
    simulator.latency = wanted.latency
    simulator.limits.scale = None if wanted.no_limits else 1.0
    with simulator:
        if wanted.key_file and isinstance(simulator, GoogleDrive):
            simulator.make_key_file(wanted.key_file, _READER)
        _print({"base_url": simulator.base_url, **ids})
        signal.sigwait(_STOPPERS)
    _print({"requests": dict(Counter(request.route for request in simulator.requests))})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m filesync.simulators")
    parser.add_argument("service", choices=sorted(_SERVICES))
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--folders", type=int, default=0, help="0: one per 25 files")
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--no-limits", action="store_true")
    parser.add_argument("--key-file", type=Path, help="drive: where to write a service account's key")
    return parser


def _acc(wanted: argparse.Namespace) -> tuple[Loopback, dict[str, str]]:
    acc = AccSimulator(seed=wanted.seed)
    hub = acc.add_hub()
    project = acc.add_project(hub)
    folder = acc.project_files(project)
    _grow(acc, folder, wanted)
    login = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return acc, {**login, "hub_id": hub, "project_id": project, "folder_id": folder}


def _drive(wanted: argparse.Namespace) -> tuple[Loopback, dict[str, str]]:
    drive = GoogleDrive(seed=wanted.seed)
    drive.state.add_user(_READER)
    shared = drive.state.add_drive("Example Tower", _READER)
    _grow(drive.state, shared, wanted)
    return drive, {"drive_id": shared, "user": _READER}


def _grow(ground: Ground, root: str, wanted: argparse.Namespace) -> None:
    grow(ground, root, files=wanted.files, folders=wanted.folders, depth=wanted.depth, seed=wanted.seed)


def _print(value: object) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


_SERVICES = {"acc": _acc, "drive": _drive}

if __name__ == "__main__":
    main()
