"""The end of a login in the browser: one answer with the right `state`, taken on loopback or pasted back.

https://www.rfc-editor.org/rfc/rfc8252#section-7.3
"""

import errno
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from filesync.auth.consent import CALLBACK_PATH, Consent
from filesync.core.errors import AuthError
from filesync.http import Redactor
from filesync.runtime.clock import Clock

_PATIENCE = 5.0  # seconds that a client may take to send its request
_LONGEST_LINE = 16_384  # characters of a pasted address
_TAKEN = (errno.EADDRINUSE,)
_PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>filesync</title>
<body style="font-family: sans-serif; max-width: 40em; margin: 4em auto"><p>{text}</p></body></html>
"""


class CallbackVerdict(Enum):
    """What becomes of a request that comes in: the status, and what is said to whoever sent it."""

    TAKEN = (200, "filesync has the answer. You can close this page; the terminal says how it went.")
    WRONG_STATE = (400, "This is not the answer that filesync waits for. Open the address in the terminal again.")
    NO_ANSWER = (400, "There is neither a code nor an error in this address.")
    TOO_LATE = (410, "filesync already has an answer.")
    WRONG_PATH = (404, "There is nothing here.")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class _Callback:
    """What came back: a code, or (with an error) none."""

    code: str
    error: str
    description: str


class Reception:
    """Waits for the answer to one question and takes no other; safe to share between threads."""

    def __init__(self, consent: Consent, redactor: Redactor) -> None:
        self._consent = consent
        self._redactor = redactor
        self._lock = threading.Lock()
        self._answer: _Callback | None = None
        self._arrived = threading.Event()

    def offer(self, address: str) -> CallbackVerdict:
        """Look at a path with its query, or a whole address, as it came in."""
        try:
            parts = urlsplit(address)
            fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
        except ValueError:
            return CallbackVerdict.NO_ANSWER
        if parts.path != CALLBACK_PATH:
            return CallbackVerdict.WRONG_PATH
        if not secrets.compare_digest(fields.get("state", "").encode(), self._consent.state.encode()):
            return CallbackVerdict.WRONG_STATE
        if not fields.get("code") and not fields.get("error"):
            return CallbackVerdict.NO_ANSWER
        with self._lock:
            if self._answer:
                return CallbackVerdict.TOO_LATE
            self._answer = _to_answer(fields)
        self._arrived.set()
        return CallbackVerdict.TAKEN

    def is_over(self) -> bool:
        return self._arrived.is_set()

    def code(self, clock: Clock, seconds: float) -> str:
        """Wait for the code. Raises AuthError: consent was refused, the service said no, nothing came in time."""
        has_come = self._arrived.is_set() or clock.wait(self._arrived, seconds)
        if not has_come or self._answer is None:
            raise AuthError(
                f"no answer came within {seconds / 60:.0f} min: start again when you are at the browser, or use "
                "--no-browser; an earlier login still works"
            )
        answer = self._answer
        if answer.error == "access_denied":
            raise AuthError("consent was refused in the browser; an earlier login still works")
        if answer.error:
            said = self._redactor.line(f"{answer.error} {answer.description}")
            raise AuthError(f"the service refused the login: {said}; see 'Messages' in OAUTH_SETUP.md")
        return answer.code


class Listener:
    """A web server on loopback for the browser's way back, from `with` to its end.

    It listens on 127.0.0.1 and, where there is one, on ::1: `localhost` is either. `report` gets the refused requests.
    """

    def __init__(self, port: int, reception: Reception, report: Callable[[str], None]) -> None:
        self._servers = [*_servers(port, reception, report)]

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), name="login", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for server in self._servers:
            with server.replying:  # whoever brought the answer sees so
                server.shutdown()
            server.server_close()


def read_pasted(lines: Iterable[str], reception: Reception, report: Callable[[str], None]) -> None:
    """Take the answer from what a person pastes, line by line; blank lines are passed over."""
    for line in lines:
        address = line[:_LONGEST_LINE].strip()
        if not address:
            continue
        verdict = reception.offer(address)
        if verdict in (CallbackVerdict.TAKEN, CallbackVerdict.TOO_LATE):
            return
        report(_PASTE_ADVICE[verdict])


_PASTE_ADVICE: Mapping[CallbackVerdict, str] = {
    CallbackVerdict.WRONG_STATE: "that address is cut off or belongs to another login: paste the whole address that the"
    " one above leads to",
    CallbackVerdict.NO_ANSWER: "that address has neither a code nor an error in it: paste the whole address of the last"
    " page",
    CallbackVerdict.WRONG_PATH: "that is not the address the browser was sent back to: the right one has "
    f"{CALLBACK_PATH} in it",
}


class _CallbackServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        family: socket.AddressFamily,
        address: tuple[str, int],
        reception: Reception,
        report: Callable[[str], None],
    ) -> None:
        self.address_family = family
        self.reception = reception
        self.report = report
        self.replying = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        if sys.platform != "win32":  # there it would let two programs listen at once
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.bind(self.server_address)  # HTTPServer's own asks the resolver for a host name

    def report_once(self) -> None:
        """Say that something else came, once: it may be many."""
        report, self.report = self.report, lambda _: None
        report("a request that is not the answer to this login was refused; still waiting")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a browser that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE
    server: _CallbackServer

    def do_GET(self) -> None:
        with self.server.replying:
            verdict = self.server.reception.offer(self.path)
            self._reply(verdict)
        if verdict in (CallbackVerdict.WRONG_STATE, CallbackVerdict.NO_ANSWER):
            self.server.report_once()

    def _reply(self, verdict: CallbackVerdict) -> None:
        page = _PAGE.format(text=verdict.text).encode()
        self.send_response(verdict.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("Referrer-Policy", "no-referrer")  # the address holds the code
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(page)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002  http.server's signature
        """Refuse what is no request for the answer, without repeating any of it."""
        page = b"This is not what is waited for."
        self.send_response_only(code, message)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(page)
        self.close_connection = True

    def version_string(self) -> str:
        return "filesync"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's signature
        """Stay silent: the request holds the code."""


def _servers(port: int, reception: Reception, report: Callable[[str], None]) -> Iterable[_CallbackServer]:
    """Bind both loopback addresses; raises AuthError when somebody else listens on the port."""
    places = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    bound: list[_CallbackServer] = []
    for family, host in places:
        try:
            bound.append(_CallbackServer(family, (host, port), reception, report))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno not in _TAKEN:
                continue  # no IPv6 here
            for server in bound:
                server.server_close()
            raise AuthError(_port_problem(port, error)) from error
    return bound


def _port_problem(port: int, error: OSError) -> str:
    if error.errno in _TAKEN:
        return (
            f"port {port} is in use by another program (another login?): end it, or give --port another one whose "
            "address is registered as callback, or use --no-browser and paste the address"
        )
    return f"port {port} cannot be listened on: {error.strerror}; give another one with --port"


def _to_answer(fields: Mapping[str, str]) -> _Callback:
    return _Callback(fields.get("code", ""), fields.get("error", ""), fields.get("error_description", ""))
