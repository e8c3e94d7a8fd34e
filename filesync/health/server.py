"""Sockets and threads: waitress, with bounds on everything that a visitor could make it hold."""

import ipaddress
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from filesync.core.errors import LocalFileError, UsageError

_BOUNDS: dict[str, Any] = {
    "threads": 4,
    "connection_limit": 60,
    "backlog": 64,
    "max_request_header_size": 16_384,  # bytes, with the request line
    "max_request_body_size": 1024,  # bytes: nobody has a reason to send one
    "channel_timeout": 20,  # seconds without a byte
    "cleanup_interval": 1,  # seconds between two looks for those who take too long
    "asyncore_use_poll": True,
    "log_socket_errors": False,
    "ident": "filesync",
}
_ASKING_SECONDS = 10  # a request that is not whole by then is not waited for
_LONGEST_SECONDS = 120  # a connection; whoever needs it longer opens another
_ENDING_SECONDS = 0.2  # answers under way may take this long when the server is stopped


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen: an address of this machine, as the system knows it."""

    family: socket.AddressFamily
    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach it."""
        return ipaddress.ip_address(self.address.partition("%")[0]).is_loopback

    def listen(self) -> socket.socket:
        """Open the socket. Raises LocalFileError when somebody else has it, or it is none of this machine's."""
        try:
            return socket.create_server((self.address, self.port), family=self.family, backlog=_BOUNDS["backlog"])
        except OSError as exc:
            raise LocalFileError(f"{self.address} port {self.port}: cannot listen there: {exc.strerror}") from exc


def place_of(host: str, port: int) -> ListenAddress:
    """Look a name or address up. Raises UsageError when there is no such address."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as exc:
        raise UsageError(f"--host {host!r}: no such address") from exc
    usual = socket.AF_INET  # of localhost's two
    family, _, _, _, address = min(found, key=lambda each: each[0] != usual)
    return ListenAddress(family, str(address[0]), int(address[1]))


class Server:
    """Answers on a socket until it is stopped; `report` gets a line for each bug in an answer."""

    def __init__(self, listener: socket.socket, application: Any, report: Callable[[str], None]) -> None:
        _route_log(report)
        self._map: dict[int, Any] = {}
        self._stopped = False
        self._crew = ThreadedTaskDispatcher()
        adjustments = Adjustments(sockets=[listener], **_BOUNDS)
        self._crew.set_thread_count(adjustments.threads)
        kind = (listener.family, listener.type, listener.proto, listener.getsockname())
        self._server: Any = _Bounded(
            application, self._map, True, listener, self._crew, adjustments, kind, bind_socket=False
        )

    def run(self) -> None:
        while not self._stopped:
            wasyncore.loop(timeout=1, use_poll=True, map=self._map, count=1)
        self._server.accepting = False
        self._crew.shutdown(timeout=_ENDING_SECONDS)  # type: ignore[arg-type]  # the stubs say int
        wasyncore.close_all(self._map)

    def stop(self) -> None:
        """End `run`, from any thread or a signal handler."""
        self._stopped = True
        self._server.pull_trigger()


class _Channel(HTTPChannel):
    """One connection; remembers when the request that it is reading began."""

    asked_at = 0.0

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.asked_at = self.last_activity
        return super().received(data)

    def takes_too_long(self, now: float) -> bool:
        if self.requests:  # its answer is being made
            return False
        asks = self.request is not None and now - self.asked_at > _ASKING_SECONDS
        return asks or now - self.creation_time > _LONGEST_SECONDS


class _Bounded(TcpWSGIServer):
    """Waitress times out who is silent; this also who sends or reads a byte now and then."""

    channel_class = _Channel

    def maintenance(self, now: float) -> None:
        super().maintenance(now)  # type: ignore[arg-type]  # the stubs say int
        channels: Any = self.active_channels
        for channel in channels.values():
            if channel.takes_too_long(now):
                channel.will_close = True


class _Reporter(logging.Handler):
    def __init__(self, report: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report(self.format(record))


def _route_log(report: Callable[[str], None]) -> None:
    """Let waitress tell bugs where we do; a queue that grows is no news."""
    logger = logging.getLogger("waitress")
    logger.handlers = [_Reporter(report)]
    logger.propagate = False
