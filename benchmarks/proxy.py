"""A proxy that answers as *.googleapis.com in front of a simulated Drive: `python -m benchmarks.proxy PORT FOLDER`.

Programs that know Drive's address by heart reach the simulator by HTTPS_PROXY and a private authority, whose
certificate it writes to FOLDER/ca.pem. It takes TLS off and passes the bytes on; who asks for another host is refused.
"""

import json
import select
import signal
import socket
import socketserver
import ssl
import sys
import threading
from pathlib import Path

from benchmarks.certificates import make_certificates

_NAMES = ("www.googleapis.com", "*.googleapis.com")
_CHUNK = 2**18  # bytes
_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.behind = ("127.0.0.1", port)
        self.context = context


class _Tunnel(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if not _asked_host(self.request).endswith(".googleapis.com"):
                self.request.sendall(_REFUSED)
                return
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                self.server.context.wrap_socket(self.request, server_side=True) as client,
                socket.create_connection(self.server.behind) as service,
            ):
                service.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _relay(client, service)
        except (ConnectionError, ssl.SSLError):
            return  # who hung up is gone


def _asked_host(connection: socket.socket) -> str:
    """Read a CONNECT request to its empty line; '' for any other."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(4096)
        if not part:
            return ""
        head += part
    method, target, *_ = head.decode("latin-1").split(" ")
    return target.rpartition(":")[0] if method == "CONNECT" else ""


def _relay(client: ssl.SSLSocket, service: socket.socket) -> None:
    """Pass bytes on until either side ends."""
    while True:
        ready = [client] if client.pending() else select.select([client, service], [], [])[0]
        for at in ready:
            part = at.recv(_CHUNK)
            if not part:
                return
            (service if at is client else client).sendall(part)


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    stoppers = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, stoppers)
    authority, certificate = make_certificates(folder, _NAMES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with _Server(port, context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told = {"address": f"http://127.0.0.1:{server.server_address[1]}", "authority": str(authority)}
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()
        signal.sigwait(stoppers)
        server.shutdown()


if __name__ == "__main__":
    main()
