"""What a simulator in its own process is told while it serves: one JSON object a line in, one out.

{"do": "count"}                     the requests since the last count, by route
{"do": "latency", "seconds": 0.1}   real time before every answer from now on
{"do": "change", "share": 0.01}     so many of its files get new content, spread evenly
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from filesync.simulators.server import Loopback


class Orders:
    """`files` are the ids that may change, in the order they were made; `change` gives one new content."""

    def __init__(self, simulator: Loopback, files: Sequence[str], change: Callable[[str], object]) -> None:
        self._simulator = simulator
        self._files = files
        self._change_file = change
        self._changed = 0  # times; each time it is others
        self._verbs: Mapping[str, Callable[..., Mapping[str, Any]]] = {
            "count": self._count,
            "latency": self._latency,
            "change": self._change,
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

    def _change(self, share: float) -> Mapping[str, Any]:
        apart = round(1 / share)
        wanted = self._files[self._changed % apart :: apart]
        self._changed += 1
        for file in wanted:
            self._change_file(file)
        return {"changed": len(wanted)}
