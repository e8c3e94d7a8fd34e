"""Logging in with a browser: the way back over loopback, and everything that can come instead of an answer."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGINT

import pytest
import requests

from filesync.simulators.clock import SimulatedClock
from tests import ROOT
from tests.support.browsers import Person, answer_of, callback_of, callback_port, free_port
from tests.support.homes import Acc, Ended


@pytest.fixture
def port(acc: Acc) -> int:
    return int(callback_port(acc.service))


@pytest.fixture
def log_in(acc: Acc, port: int) -> Callable[..., Ended]:
    """Run a login whose browser does what the test says."""

    def run(browser: Callable[[str], bool]) -> Ended:
        acc.home.browser = browser
        return acc.home.run("auth", "autodesk", "login", "--port", str(port))

    return run


def stored(acc: Acc) -> list[Path]:
    return sorted((acc.home.path / "tokens").glob("autodesk-three-legged-*.json"))


def test_a_person_who_agrees_is_logged_in(acc: Acc, log_in: Callable[..., Ended]) -> None:
    person = Person()
    ended = log_in(person)
    assert ended.code == 0, ended.err
    assert ended.out == ""
    assert f"logged in to Autodesk as {acc.service.signed_in}" in ended.err
    assert len(stored(acc)) == 1
    (page,) = person.pages
    assert page.status_code == 200
    assert "You can close this page" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Python" not in page.headers["Server"]


def test_nobody_listens_once_the_answer_came(log_in: Callable[..., Ended], port: int) -> None:
    log_in(Person())
    for host in ("127.0.0.1", "[::1]"):
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{host}:{port}/callback", timeout=5)


def test_a_person_who_refuses_is_told_so_and_nothing_is_kept(acc: Acc, log_in: Callable[..., Ended]) -> None:
    ended = log_in(Person(agrees=False))
    assert ended.code == 77
    assert "consent was refused in the browser" in ended.err
    assert stored(acc) == []


def intruder(forge: Callable[[str], str], status: int) -> Callable[[str], bool]:
    """Send something else first; then the person answers."""

    def browse(address: str) -> bool:
        assert requests.get(forge(address), timeout=5).status_code == status
        return Person()(address)

    return browse


INTRUDERS = [
    (lambda address: callback_of(address, state="forged", code="forged"), 400),
    (lambda address: callback_of(address, state="", error="access_denied"), 400),
    (callback_of, 400),
    (lambda address: callback_of(address, code="x").replace("/callback", "/other"), 404),
    (lambda address: callback_of(address).partition("/callback")[0] + "/favicon.ico", 404),
]


@pytest.mark.parametrize(("forge", "status"), INTRUDERS)
def test_what_is_not_the_answer_is_refused_and_the_login_goes_on(
    log_in: Callable[..., Ended], forge: Callable[[str], str], status: int
) -> None:
    ended = log_in(intruder(forge, status))
    assert ended.code == 0, ended.err
    assert ("still waiting" in ended.err) == (status == 400)


def test_a_second_answer_is_not_taken(acc: Acc, log_in: Callable[..., Ended]) -> None:
    def browse(address: str) -> bool:
        answers = [answer_of(address), callback_of(address, code="second")]
        replies = [requests.get(each, timeout=5).status_code for each in answers]
        assert replies == [200, 410]
        return True

    acc.service.consent = "allow"
    assert log_in(browse).code == 0


def test_a_client_that_says_nothing_holds_nobody_up(log_in: Callable[..., Ended], port: int) -> None:
    """Browsers open connections in advance and send nothing over them."""

    def browse(address: str) -> bool:
        with socket.create_connection(("127.0.0.1", port)):
            return Person()(address)

    assert log_in(browse).code == 0


def test_without_an_answer_the_login_ends_in_time(log_in: Callable[..., Ended]) -> None:
    ended = log_in(lambda _: True)
    assert ended.code == 77
    assert "no answer came within 10 min" in ended.err


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_named_with_what_helps(acc: Acc, port: int, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as other:
        other.bind((host, port))
        other.listen()
        ended = acc.home.run("auth", "autodesk", "login", "--port", str(port))
    assert ended.code == 77
    assert f"port {port} is in use" in ended.err
    assert "--port" in ended.err


def test_a_callback_that_is_not_registered_is_shown_by_the_service_and_the_login_waits_in_vain(acc: Acc) -> None:
    acc.home.browser = Person()
    ended = acc.home.run("auth", "autodesk", "login", "--port", str(free_port()))
    assert ended.code == 77
    assert stored(acc) == []


# What a shell starts in the background ignores SIGINT, and so does all that it starts: tests too, when they run there.
HEARING = """
import signal
from filesync.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


class Terminal:
    """A login in a process of its own, with somebody who types."""

    def __init__(self, acc: Acc, *arguments: str) -> None:
        acc.service.consent = "allow"
        self.process = subprocess.Popen(
            [sys.executable, "-c", HEARING, "auth", "autodesk", "login", *arguments],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "BROWSER": "/bin/false"} | acc.home.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()

    def type(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self) -> Ended:
        out, err = self.process.communicate(timeout=30)
        return Ended(self.process.returncode, out, err)


@pytest.fixture
def terminal(acc: Acc, port: int) -> Iterator[Terminal]:
    acc.service.clock = SimulatedClock()
    terminal = Terminal(acc, "--no-browser", "--port", str(port))
    yield terminal
    terminal.process.kill()
    terminal.process.wait()
    for stream in (terminal.process.stdin, terminal.process.stdout, terminal.process.stderr):
        if stream:
            stream.close()


def test_without_a_browser_the_address_is_data_and_its_answer_can_be_pasted(acc: Acc, terminal: Terminal) -> None:
    assert terminal.address.startswith(f"{acc.service.base_url}/authentication/v2/authorize?")
    terminal.type("")
    terminal.type("nonsense")
    terminal.type(callback_of(terminal.address, code="x", state="forged"))
    terminal.type(callback_of(terminal.address))
    terminal.type(f"  {answer_of(terminal.address)}  ")
    ended = terminal.end()
    assert ended.code == 0, ended.err
    said = ended.err
    assert "that is not the address the browser was sent back to" in said
    assert "is cut off or belongs to another login" in said
    assert "has neither a code nor an error" in said
    assert len(stored(acc)) == 1


def test_without_a_browser_of_its_own_the_answer_can_still_come_over_loopback(acc: Acc, terminal: Terminal) -> None:
    assert requests.get(answer_of(terminal.address), timeout=5).status_code == 200
    assert terminal.end().code == 0


def test_pasting_works_although_the_port_is_in_use(acc: Acc, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        terminal = Terminal(acc, "--no-browser", "--port", str(port))
        terminal.type(answer_of(terminal.address))
        ended = terminal.end()
    assert ended.code == 0, ended.err
    assert "the address can be pasted" in ended.err


def test_when_no_browser_opens_the_answer_can_be_pasted(acc: Acc, port: int) -> None:
    terminal = Terminal(acc, "--port", str(port))
    terminal.type(answer_of(terminal.address))
    assert terminal.end().code == 0


def test_interrupting_a_login_leaves_the_one_before(acc: Acc, log_in: Callable[..., Ended], terminal: Terminal) -> None:
    acc.service.consent = "ask"
    acc.home.browser = Person()
    assert acc.home.run("auth", "autodesk", "login", "--port", callback_port(acc.service)).code == 0
    (file,) = stored(acc)
    before = file.read_bytes()
    terminal.process.send_signal(SIGINT)
    assert terminal.end().code == 130
    assert file.read_bytes() == before
    assert acc.home.run("auth", "autodesk", "status").code == 0


def test_two_logins_at_once_on_one_port_are_told_apart(acc: Acc, terminal: Terminal, port: int) -> None:
    second: list[Ended] = []
    thread = threading.Thread(
        target=lambda: second.append(acc.home.run("auth", "autodesk", "login", "--port", str(port)))
    )
    thread.start()
    thread.join()
    assert second[0].code == 77
    assert "another login?" in second[0].err
    terminal.type(answer_of(terminal.address))
    assert terminal.end().code == 0
