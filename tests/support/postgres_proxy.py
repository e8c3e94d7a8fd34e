"""A proxy before PostgreSQL, on loopback, that understands where messages end: it counts them, and cuts between two.

It reads what is not encrypted, so its addresses say `sslmode=disable`.
"""

import contextlib
import socket
import socketserver
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from tests.support.postgres import Login, Postgres

_STARTUP_CODES_WITHOUT_START = {80877103, 80877104}  # SSLRequest, GSSENCRequest: the answer is one byte
_PASSWORD = b"p"
_ENDS_A_SEND = frozenset((b"Q", b"S"))  # Query and Sync: the client waits for an answer after them


class Cut(StrEnum):
    """Where at a COMMIT the connection is lost."""

    BEFORE_COMMIT = "before"  # the server never sees it
    AFTER_COMMIT = "after"  # the server has done it; the client never hears so


@dataclass
class CuttingProxy:
    """Forwards to the server and cuts once: after the n-th message of clients, or at a COMMIT.

    `messages` counts what clients sent after they were let in, over all connections, `sends` how often they asked for
    an answer, and `round_trips` how often they spoke after they had one. What connects after the cut is left alone.
    """

    postgres: Postgres
    after_messages: int | None = None
    at_commit: Cut | None = None
    messages: int = 0
    sends: int = 0
    round_trips: int = 0
    cuts: int = 0
    is_silent: bool = False  # what clients send is swallowed, and nothing is answered
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = _Listener(("127.0.0.1", 0), _Forwarding)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, schema: str | None = None, **query: str) -> str:
        login = self.postgres.login
        reached = Login(login.user, login.password, "127.0.0.1", self.port, login.database)
        return reached.url(schema=schema or self.postgres.fresh_schema(), sslmode="disable", **query)

    def target(self) -> tuple[str, int]:
        return self.postgres.login.host, self.postgres.login.port

    def is_to_cut(self, kind: bytes) -> bool:
        """Count a message; tell whether it is the last one that is forwarded."""
        with self.lock:
            self.messages += 1
            self.sends += kind in _ENDS_A_SEND
            if self.cuts or self.messages != self.after_messages:
                return False
            self.cuts += 1
            return True

    def is_commit_to_cut(self, kind: bytes, body: bytes) -> bool:
        if self.at_commit is None or not _is_commit(kind, body):
            return False
        with self.lock:
            if self.cuts:
                return False
            self.cuts += 1
            return True


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    proxy: CuttingProxy

    def handle_error(self, *_: object) -> None:
        pass  # connections that are lost are what this is for


class _Forwarding(socketserver.BaseRequestHandler):
    """One client's connection, and ours to the server."""

    server: _Listener
    request: socket.socket

    def handle(self) -> None:
        if self.server.proxy.is_silent:
            while self.request.recv(65_536):
                pass
            return
        self._has_answered = True
        self._is_muted = False  # the server's answers no longer reach the client
        self._committed = threading.Event()
        with socket.create_connection(self.server.proxy.target()) as backend:
            self._backend = backend
            answers = threading.Thread(target=self._answer, daemon=True)
            answers.start()
            try:
                if self._start():
                    while self._forward():
                        pass
            finally:
                for each in (backend, self.request):
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                answers.join()

    def _start(self) -> bool:
        """Forward what comes before typed messages; False when it is all that comes: a cancel request."""
        while True:
            length = _exactly(self.request, 4)
            body = _exactly(self.request, int.from_bytes(length, "big") - 4)
            self._backend.sendall(length + body)
            code = int.from_bytes(body[:4], "big")
            if code not in _STARTUP_CODES_WITHOUT_START:
                return code >> 16 == 3

    def _forward(self) -> bool:
        """Forward one message; False when the connection is to be cut, or the client said goodbye."""
        kind, whole = _message(self.request)
        if kind == _PASSWORD:
            self._backend.sendall(whole)
            return True
        proxy = self.server.proxy
        if self._has_answered:
            self._has_answered = False
            with proxy.lock:
                proxy.round_trips += 1
        is_last = proxy.is_to_cut(kind)
        if proxy.is_commit_to_cut(kind, whole[5:]):
            self._cut_at_commit(kind, whole)
            return False
        self._is_muted = is_last  # else the answer may be there before the cut
        self._backend.sendall(whole)
        return not is_last and kind != b"X"

    def _cut_at_commit(self, kind: bytes, whole: bytes) -> None:
        if self.server.proxy.at_commit is Cut.BEFORE_COMMIT:
            return
        self._is_muted = True
        self._backend.sendall(whole)
        while kind not in _ENDS_A_SEND:
            kind, whole = _message(self.request)
            self._backend.sendall(whole)
        self._committed.wait(60)

    def _answer(self) -> None:
        """Carry the server's answers; once muted, only look for the one to the COMMIT."""
        held = b""
        with contextlib.suppress(OSError):
            while received := self._backend.recv(65_536):
                self._has_answered = True
                if not self._is_muted:
                    self.request.sendall(received)
                    continue
                held += received
                if b"COMMIT\0" in held:
                    self._committed.set()
        self._committed.set()
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)


def _is_commit(kind: bytes, body: bytes) -> bool:
    if kind == b"P":
        _, _, body = body.partition(b"\0")  # the name of the statement stands before its text
    return kind in {b"P", b"Q"} and body.lstrip().upper().startswith(b"COMMIT")


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(source, 5)
    return head[:1], head + _exactly(source, int.from_bytes(head[1:], "big") - 4)


def _exactly(source: socket.socket, length: int) -> bytes:
    parts = b""
    while len(parts) < length:
        part = source.recv(length - len(parts))
        if not part:
            raise ConnectionError("the client left")
        parts += part
    return parts
