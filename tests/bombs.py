"""Asks a service for pages and prints what each was, then how much memory that took at most (KiB): a process of its own."""

import sys
from pathlib import Path
from random import Random

from filesync.core.errors import FilesyncError
from filesync.http import Connector, Counters, Refusal, Route
from filesync.runtime.clock import Stop, SystemClock

PAGE = Route("pages", "GET", "/[a-z-]+")


def _most() -> int:
    """Tell the most memory that this process had; getrusage counts what its parent had, too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main(base_url: str, folder: str, *names: str) -> None:
    clock = SystemClock()
    connector = Connector(
        clock=clock,
        stop=Stop(clock),
        counters=Counters(),
        limits_folder=Path(folder),
        percent=100,
        random=Random(1),
    )
    connection = connector.connect(
        base_url=base_url,
        routes=(PAGE,),
        client_key="bombs",
        authoriser=None,
        explain=lambda _status, _body: Refusal("", ""),
    )
    print(_most())  # noqa: T201  what the test reads
    for name in names:
        try:
            connection.get(PAGE, f"/{name}")
        except FilesyncError as error:
            print(name, error.error_type, error, sep="\t")  # noqa: T201
        else:
            print(name, "taken", "", sep="\t")  # noqa: T201
    print(_most())  # noqa: T201
    connector.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
