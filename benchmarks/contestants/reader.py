"""The barest client there can be: it asks for pages over one connection, and throws them away.

`python -m benchmarks.contestants.reader QUESTIONS`, a JSON file: `host`, `port`, `headers`, `paths`, and for a service
behind the proxy `tunnel` and `authority`. Pages that follow by a token are followed. What it prints is JSON.
"""

import http.client
import json
import re
import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.racing import Sample
from benchmarks.stopwatch import measure_python

_NEXT = re.compile(rb'"nextPageToken":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Questions:
    host: str
    port: int
    headers: Mapping[str, str]
    paths: Sequence[str]
    tunnel: str = ""  # the host behind the proxy that host and port name
    authority: str = ""


def reader(questions: Callable[[], Questions], folder: Path, busy: Callable[[], float | None]) -> Callable[[], Sample]:
    """Give the run, with what it got a second, and the share of its time that the service computed."""

    def run() -> Sample:
        asked, file = questions(), folder / "questions.json"
        file.write_text(json.dumps({name: getattr(asked, name) for name in Questions.__slots__}))
        before = busy()
        measured = measure_python(["-S", "-m", "benchmarks.contestants.reader", str(file)], {})
        after = busy()
        if measured.code:
            sys.exit(f"the reader ended with {measured.code}: {measured.err}")
        told = json.loads(measured.out)
        seconds = told["seconds"]  # without the start of Python
        more = {"pages_a_second": told["pages"] / seconds, "MB_a_second": told["bytes"] / seconds / 1e6}
        return Sample(
            measured.wall_seconds,
            measured.cpu_seconds,
            measured.peak_bytes,
            requests=told["pages"],
            service_seconds=None if before is None or after is None else after - before,
            more=more,
        )

    return run


def main() -> None:
    asked = Questions(**json.loads(Path(sys.argv[1]).read_text()))
    began, connection = time.perf_counter(), _connected(asked)
    told = {"pages": 0, "bytes": 0}
    for path in asked.paths:
        following: str | None = path
        while following:
            body = _page(connection, following, asked.headers)
            told["pages"] += 1
            told["bytes"] += len(body)
            token = _NEXT.search(body, 0, 4096)
            following = f"{path}&pageToken={quote(token[1])}" if token else None
    sys.stdout.write(json.dumps({**told, "seconds": time.perf_counter() - began}))


def _connected(asked: Questions) -> http.client.HTTPConnection:
    if not asked.tunnel:
        return http.client.HTTPConnection(asked.host, asked.port)
    context = ssl.create_default_context(cafile=asked.authority)
    connection = http.client.HTTPSConnection(asked.host, asked.port, context=context)
    connection.set_tunnel(asked.tunnel, 443)
    return connection


def _page(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, Any]) -> bytes:
    connection.request("GET", path, headers=dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
    return body


if __name__ == "__main__":
    main()
