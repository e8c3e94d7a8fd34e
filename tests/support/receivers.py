"""Who is told, on loopback: takes posts, answers as the test says, hangs when asked, and remembers everything."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """`status` is what it answers with; while `hangs` is set it takes a request and says nothing, and
    while `trickles` is set a letter now and then."""

    url: str
    status: int = 200
    location: str = ""
    received: list[Received] = field(default_factory=list)
    hangs: bool = False
    trickles: bool = False
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def events(self) -> list[str]:
        return [each.document["event"] for each in self.received if each.body.startswith(b"{")]

    @property
    def paths(self) -> list[str]:
        return [each.path.partition("?")[0] for each in self.received]

    def seqs(self) -> list[int]:
        """Give the `seq` of every change that was told, in the order of arrival."""
        return [change["seq"] for each in self.received for change in each.document.get("changes", ())]

    def wait(self) -> None:
        assert self.arrived.acquire(timeout=20)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.received.append(Received(self.path, {**self.headers}, body))
            receiver.arrived.release()
            if receiver.hangs:
                receiver.over.wait(120)
                return
            while receiver.trickles and not receiver.over.wait(0.2):
                self.wfile.write(b"H")
                self.wfile.flush()
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
