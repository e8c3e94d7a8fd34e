"""A strict HTTP/1.1 server on loopback that every simulated service stands on."""

import gzip
import json
import math
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.faults import Fault, FaultPlan, Kind
from filesync.simulators.limits import Limits
from filesync.simulators.messages import Call, HttpResponse, Refused, Request, ServedRoute

_LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in</body></html>"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time
_STOP_WAIT = 5.0  # seconds for open connections to end


class Loopback(ABC):
    """A service on 127.0.0.1, in threads of this process, from `with` to its end.

    A service says which routes it has, who is asking, and how it refuses. A request passes, in
    this order: latency, fault plan, route, `authorise`, limits, the route's reply.
    """

    def __init__(self, clock: SimulatedClock | None = None, per_minute: Mapping[str, int] | None = None) -> None:
        self.clock = clock or SimulatedClock()
        self.port = 0  # to listen at; 0: any free one
        self.latency = 0.0  # seconds of real time before every answer
        self.gzip = False  # True: bodies of 1 KiB and more are compressed for clients that accept it
        self.faults = FaultPlan()
        self.limits = Limits(self.clock, per_minute or {})
        self.requests: list[Request] = []
        self.crashes: list[BaseException] = []
        self.witness: Callable[[HttpResponse], None] | None = None  # is shown every answer, but for those of the login
        self.stopping = threading.Event()
        self._routes: tuple[ServedRoute, ...] = ()
        self._server: _SimulatorServer | None = None

    @abstractmethod
    def routes(self) -> tuple[ServedRoute, ...]: ...

    @abstractmethod
    def authorise(self, route: ServedRoute, call: Call) -> str:
        """Name whose budget the call spends, or raise Refused; asked for the login's routes too."""

    @abstractmethod
    def unknown_route(self, call: Call) -> HttpResponse: ...

    @abstractmethod
    def wrong_method(self, call: Call, allowed: str) -> HttpResponse: ...

    @abstractmethod
    def over_limit(self, route: str, retry_after: float | None) -> HttpResponse:
        """Refuse for the limit; None: without Retry-After."""

    @abstractmethod
    def repeat_page(self, answer: HttpResponse, call: Call) -> HttpResponse:
        """Add to the page a next link or token that leads back to it, for the fault ENDLESS."""

    @property
    def base_url(self) -> str:
        if self._server is None:
            raise RuntimeError("the simulator is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        self._routes = self.routes()
        self._server = _SimulatorServer(self)
        self.stopping.clear()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="simulator", daemon=True).start()
        return self

    def stop(self) -> None:
        """Close every connection; raises what a reply crashed with, because that is the simulator's bug."""
        self.stopping.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.close_connections()
        if self.crashes:
            raise self.crashes[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def limit_hits(self) -> int:
        """Return the number of requests over a limit."""
        return len(self.limits.hits)

    def count(self, route: str | None = None, *, exclude_token: bool = True) -> int:
        """Count the requests since the last `reset`: all, or those of one route."""
        wanted = [request for request in list(self.requests) if route in (None, request.route)]
        return sum(not (request.token and exclude_token) or request.route == route for request in wanted)

    def reset(self) -> None:
        """Forget the requests so far; limits and faults stay."""
        self.requests.clear()
        self.limits.hits.clear()

    def find(self, call: Call) -> tuple[ServedRoute, Call] | HttpResponse:
        """Find the call's route and fill in its ids, or say what the service answers without one."""
        allowed = []
        for route in self._routes:
            ids = route.match(call.path)
            if ids is not None and route.method == call.method:
                return route, replace(call, ids=ids)
            allowed += [route.method] if ids is not None else []
        return self.wrong_method(call, ", ".join(allowed)) if allowed else self.unknown_route(call)

    def reply(self, route: ServedRoute, call: Call) -> tuple[HttpResponse, Call]:
        """Answer as the service does: who asks, may he ask so often, what does he get."""
        try:
            call = replace(call, client=self.authorise(route, call))
            busy = self.limits.take(route.name, call.client)
            return (self.over_limit(route.name, math.ceil(busy)) if busy is not None else route.reply(call)), call
        except Refused as refused:
            return refused.answer, call


class _SimulatorServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Loopback) -> None:
        super().__init__(("127.0.0.1", service.port), _Connection)
        self.service = service
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a service may come back at its port
        socket.socket.bind(self.socket, self.server_address)  # HTTPServer's own asks the resolver for a host name
        self.server_address = self.socket.getsockname()

    def process_request(self, request: socket.socket, client_address: Any) -> None:  # type: ignore[override]
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET_ON_CLOSE))
        if linger == _RESET_ON_CLOSE:
            self.close_request(request)  # shutting down first would send FIN
        else:
            super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def close_connections(self) -> None:
        with self._changed:
            for connection in self._open:
                _shut(connection)
            self._changed.wait_for(lambda: not self._open, _STOP_WAIT)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's signature
        import sys  # noqa: PLC0415 - the exception is only here, and only after a crash

        error = sys.exception()
        if error and not isinstance(error, (ConnectionError, OSError)):
            self.service.crashes.append(error)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was faster


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _SimulatorServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Stay silent: `requests` is the log."""

    def _serve(self) -> None:
        service = self.server.service
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdecimal() else b""
        call = Call.of(self.command, self.path, {name.lower(): text for name, text in self.headers.items()}, body)
        if service.latency:
            service.stopping.wait(service.latency)
        found = service.find(call)
        route, call = found if isinstance(found, tuple) else (None, call)
        fault = service.faults.strike(route.name if route else "", self.path, token=bool(route and route.token))
        answer, call = self._answer(found if isinstance(found, HttpResponse) else found[0], call, fault)
        self._log(call, route, 0 if answer is None else answer.status)
        if answer is not None:
            if service.witness and not (route and route.token):
                service.witness(answer)
            self._send(answer, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def _answer(
        self, found: ServedRoute | HttpResponse, call: Call, fault: Fault | None
    ) -> tuple[HttpResponse | None, Call]:
        """Return the answer as the fault leaves it; None: the connection ends without one."""
        if fault is not None and fault.kind in _INSTEAD:
            return self._instead(found, fault), call
        if fault is not None and fault.kind is Kind.HANG and self.server.service.stopping.wait(fault.seconds):
            self.close_connection = True
            return None, call
        if isinstance(found, HttpResponse):
            return found, call
        answer, call = self.server.service.reply(found, call)
        return self._spoiled(answer, call, fault), call

    def _instead(self, found: ServedRoute | HttpResponse, fault: Fault) -> HttpResponse | None:
        if fault.kind is Kind.DROP:
            self.close_connection = True
            return None
        if fault.kind is Kind.RAW:
            self._send_raw(fault)
            return None
        if fault.kind is Kind.LOGIN_PAGE:
            return HttpResponse(200, _LOGIN_PAGE, "text/html; charset=utf-8")
        if fault.kind is Kind.TOO_MANY:
            return self.server.service.over_limit(getattr(found, "name", ""), fault.seconds)
        return HttpResponse(fault.status, fault.body, fault.content_type, fault.headers)

    def _spoiled(self, answer: HttpResponse, call: Call, fault: Fault | None) -> HttpResponse:
        kind = fault.kind if fault else None
        if kind is Kind.TRUNCATED:
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        if kind is Kind.WRONG_TYPE:
            return replace(answer, content_type="text/plain")
        if fault is not None and kind is Kind.ALTERED:
            return _altered(answer, fault)
        return self.server.service.repeat_page(answer, call) if kind is Kind.ENDLESS else answer

    def _log(self, call: Call, route: ServedRoute | None, status: int) -> None:
        service = self.server.service
        name, token = (route.name, route.token) if route else ("", False)
        at = service.clock.monotonic()
        service.requests.append(Request(call.method, call.path, call.query, name, status, token, call.client, at))

    def _send(self, answer: HttpResponse, fault: Fault | None) -> None:
        body, headers = self._encoded(answer)
        head = f"HTTP/1.1 {answer.status} {_reason(answer.status)}\r\n"
        head += "".join(f"{name}: {text}\r\n" for name, text in headers.items())
        if fault is not None and fault.kind is Kind.RESET:
            self._reset(head.encode() + b"\r\n" + body[: len(body) // 2])
            return
        self.wfile.write(head.encode() + b"\r\n" + (b"" if self.command == "HEAD" else body))

    def _encoded(self, answer: HttpResponse) -> tuple[bytes, dict[str, str]]:
        service = self.server.service
        headers = {"Date": format_datetime(service.clock.now(), usegmt=True), **answer.headers}
        if answer.body:
            headers["Content-Type"] = answer.content_type
        body = answer.body
        if service.gzip and len(body) >= 1024 and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        return body, headers | {"Content-Length": str(len(body))}

    def _send_raw(self, fault: Fault) -> None:
        self.close_connection = True
        self.wfile.write(fault.head)
        for _ in range(fault.times):
            self.wfile.write(fault.body)

    def _reset(self, part: bytes) -> None:
        """Send a part, then RST instead of FIN."""
        self.wfile.write(part)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close_connection = True


_INSTEAD = (Kind.STATUS, Kind.TOO_MANY, Kind.DROP, Kind.LOGIN_PAGE, Kind.RAW)


def _altered(answer: HttpResponse, fault: Fault) -> HttpResponse:
    is_packed = answer.headers.get("Content-Encoding") == "gzip"
    altered = fault.alter(json.loads(gzip.decompress(answer.body) if is_packed else answer.body))
    body = altered if isinstance(altered, bytes) else json.dumps(altered).encode()
    return replace(answer, body=body, headers={k: v for k, v in answer.headers.items() if k != "Content-Encoding"})


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
