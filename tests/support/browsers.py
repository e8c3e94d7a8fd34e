"""A person at a browser, as far as a login needs one: opens an address, reads the page, and clicks."""

import re
import socket
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from filesync.simulators.acc import CLIENT_ID, AccSimulator


class Person:
    """Opens what it is given and agrees; `pages` are what the browser showed, the last one last."""

    def __init__(self, *, agrees: bool = True) -> None:
        self.agrees = agrees
        self.pages: list[requests.Response] = []

    def __call__(self, address: str) -> bool:
        self.follow(address)
        return True

    def follow(self, address: str) -> None:
        with requests.Session() as browser:
            page = browser.get(address, timeout=10)
            form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
            if form:
                page = browser.post(urljoin(page.url, form[1]), data=self._fields(page.text), timeout=10)
            self.pages.append(page)

    def _fields(self, page: str) -> dict[str, str]:
        hidden = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page))
        buttons = re.findall(r'<button[^>]*name="([^"]+)"[^>]*value="([^"]+)"', page)
        name, value = buttons[0 if self.agrees else 1]
        return {**hidden, name: value}


def answer_of(address: str) -> str:
    """Give the address that the service sends the browser back to, without going there."""
    return requests.get(address, allow_redirects=False, timeout=10).headers["Location"]


def callback_of(address: str, **fields: str) -> str:
    """Write an answer to the question of that address, with what a forger would put into it."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    given = {"state": query["state"], **fields}
    return requests.Request("GET", query["redirect_uri"], params=given).prepare().url or ""


def callback_port(service: AccSimulator, client_id: str = CLIENT_ID) -> str:
    """Register a callback address on a port that is free, and give the port as an option takes it."""
    port = free_port()
    service.register_callback(client_id, f"http://localhost:{port}/callback")
    return str(port)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port
