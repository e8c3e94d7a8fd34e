"""A scripted service on loopback, a clock that waits in no time, and connections to the one under the other."""

import json
import os
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from filesync.http import Connection, Connector, Counters, HttpAttempt, Redactor, Refusal, Route
from filesync.runtime.clock import Stop

PAGE = Route("pages", "GET", "/pages(/[^/]+)?")
COMMAND = Route("commands", "POST", "/commands")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FakeClock:
    """The shape of filesync.runtime.clock.Clock; waiting takes no time and moves both times on."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.at = START
        self._monotonic = 1000.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self.at

    def monotonic(self) -> float:
        with self._lock:
            return self._monotonic

    def advance(self, seconds: float) -> None:
        with self._lock:
            self.at += timedelta(seconds=seconds)
            self._monotonic += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.advance(seconds)
        return event.is_set()


class Dice:
    """Randomness that always throws the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Message
    body: bytes
    port: int  # of the client: the same for requests over one connection


@dataclass(frozen=True)
class Say:
    """One scripted answer; `body` is sent as it is when it is bytes, else as JSON."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, handler: "Handler") -> None:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        handler.reply(self.status, body, {"Content-Length": str(len(body)), **self.headers})


Script = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    server: "Service"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, self.headers, body, self.client_address[1])
        self.server.take(request)(self)

    do_POST = do_GET  # noqa: N815  the name that http.server calls

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


class Service(socketserver.ThreadingTCPServer):
    """Plays its script; the last answer is repeated for ever."""

    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        self.requests: list[Request] = []
        self.script: list[Script] = [Say()]
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def says(self, *script: Script) -> None:
        self.script = list(script)

    def take(self, request: Request) -> Script:
        with self._lock:
            self.requests.append(request)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def handle_error(self, *_: object) -> None:
        pass  # clients that leave early are part of the tests


@contextmanager
def running(service: Service) -> Iterator[Service]:
    thread = threading.Thread(target=service.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


def explain(_status: int, body: Any) -> Refusal:
    fields = body if isinstance(body, dict) else {}
    return Refusal(str(fields.get("reason", "")), str(fields.get("detail", "")), bool(fields.get("retry")))


class World:
    """Everything one sync's HTTP needs, over a folder and a clock."""

    def __init__(
        self,
        folder: Path,
        clock: FakeClock | None = None,
        *,
        percent: int = 100,
        seconds: float = 1e9,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.clock = clock or FakeClock()
        self.stop = Stop(self.clock, deadline=self.clock.monotonic() + seconds)
        self.counters = Counters()
        self.redactor = Redactor()
        self.dice = Dice(0.5)
        self.attempts: list[HttpAttempt] = []
        self.connector = Connector(
            clock=self.clock,
            stop=self.stop,
            counters=self.counters,
            limits_folder=folder / "limits",
            percent=percent,
            random=self.dice,
            log=self.attempts.append,
            redactor=self.redactor,
            environ=environ,
        )

    def connect(self, base_url: str, *routes: Route, client: str = "client", authoriser: Any = None) -> Connection:
        return self.connector.connect(
            base_url=base_url,
            routes=routes or (PAGE, COMMAND),
            client_key=client,
            authoriser=authoriser,
            explain=explain,
        )
