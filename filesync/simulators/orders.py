"""Orders to a simulator in its own process while it serves: one JSON object a line in, one out.

{"do": "count"}                     the requests since the last count, by route
{"do": "latency", "seconds": 0.1}   real time before every answer from now on
{"do": "change", "share": 0.01}     so many of its files get new content, spread evenly; with "together": true
                                    those that were made first, a project of ACC after the other
{"do": "folders"}                   the ids of its folders, in the order they were made
{"do": "record", "to": "PATH"}      every answer from now on is written there, one a line; null: no longer
"""

import gzip
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filesync.simulators.messages import HttpResponse
from filesync.simulators.server import Loopback
from filesync.simulators.trees import Tree


class Orders:
    """`change` gives a file of the tree new content."""

    def __init__(self, simulator: Loopback, tree: Tree, change: Callable[[str], object]) -> None:
        self._simulator = simulator
        self._tree = tree
        self._change_file = change
        self._changed = 0  # times; each time it is others
        self._verbs: Mapping[str, Callable[..., Mapping[str, Any]]] = {
            "count": self._count,
            "latency": self._latency,
            "change": self._change,
            "folders": self._folders,
            "record": self._record,
        }

    def obey(self, lines: Iterable[str], answer: Callable[[Mapping[str, Any]], None]) -> None:
        """Carry out each line and answer it, until there are no more."""
        for line in lines:
            order = json.loads(line)
            answer(self._verbs[order.pop("do")](**order))

    def _count(self) -> Mapping[str, Any]:
        told = {"requests": dict(Counter(request.route for request in self._simulator.requests))}
        self._simulator.reset()
        return told

    def _latency(self, seconds: float) -> Mapping[str, Any]:
        self._simulator.latency = seconds
        return {"latency": seconds}

    def _change(self, share: float, *, together: bool = False) -> Mapping[str, Any]:
        files = self._tree.files
        wanted = files[: round(len(files) * share)] if together else list(self._one_of_each(round(1 / share)))
        self._changed += 1
        for file in wanted:
            self._change_file(file)
        return {"changed": len(wanted)}

    def _one_of_each(self, many: int) -> Iterator[str]:
        """Choose one of so many neighbours, not always the same: trees repeat themselves."""
        files = self._tree.files
        for number, start in enumerate(range(0, len(files), many)):
            at = start + (37 * number + self._changed) % many
            if at < len(files):
                yield files[at]

    def _folders(self) -> Mapping[str, Any]:
        return {"folders": [self._tree.root, *self._tree.folders]}

    def _record(self, to: str | None) -> Mapping[str, Any]:
        self._simulator.witness = None if to is None else _Recorder(Path(to))
        return {"recording": to}


class _Recorder:
    """Writes what the JSON answers said; nothing of a login is among them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        path.write_bytes(b"")

    def __call__(self, answer: HttpResponse) -> None:
        packed = answer.headers.get("Content-Encoding") == "gzip"
        body = gzip.decompress(answer.body) if packed else answer.body
        with self._lock, self._path.open("ab") as file:
            file.write(body + b"\n")
