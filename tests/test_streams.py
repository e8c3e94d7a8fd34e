"""Streams that are closed, full or left, and Ctrl-C at any moment: the exit code says what happened, and nothing is noise."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from tests.homes import ROOT, Acc, Home
from tests.served import Visitor
from tests.test_sync_processes import PATIENCE, wait_until

AS_MODULE = ("-m", "filesync")
AS_SCRIPT = ("-c", "import sys; from filesync.__main__ import main; sys.exit(main())")  # what pip writes as `filesync`
UNWRITABLE = "filesync: standard output cannot be written: "


@pytest.fixture
def acc(tmp_path: Path) -> Iterator[Acc]:
    """A project with one file, by the machine's own clock."""
    service = AccSimulator(SimulatedClock())
    hub = service.add_hub()
    project = service.add_project(hub)
    top = service.project_files(project)
    service.add_file(top, "a.pdf")
    with service:
        home = Home(tmp_path, service)
        home.configure({"name": "P", "endpoint_details": {"project_id": project}})
        yield Acc(home, service, hub, project, top)


def environ_of(acc: Acc) -> dict[str, str]:
    return {"PATH": os.defpath, "PYTHONPATH": str(ROOT), **acc.home.environ}


def redirected(acc: Acc, command: str, redirection: str) -> "subprocess.Popen[str]":
    """Start a command as a shell does that redirects its streams; what is not redirected is ours."""
    program = f'exec "{sys.executable}" -m filesync {command} {redirection}'
    return subprocess.Popen(
        ["/bin/sh", "-c", program],
        cwd="/",
        env=environ_of(acc),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("command", "redirection", "code", "said"),
    [
        # what has nothing to say there ends as always
        ("sync", ">&-", 0, ""),
        ("sync --all -v", ">&- 2>&- <&-", 0, ""),
        ("sync --all -q", "2>/dev/full", 0, ""),
        ("sync --nonsense", "2>&-", 2, ""),
        ("sync --nonsense", "2>/dev/full", 2, ""),
        ("files --json", "2>&- <&-", 0, ""),
        # data that was asked for and is not there is a failure, whoever writes it
        ("sync --all -q --json", ">&-", 1, f"{UNWRITABLE}Bad file descriptor\n"),
        ("sync --all -q --json", ">/dev/full", 1, f"{UNWRITABLE}No space left on device\n"),
        ("files --json", ">&-", 1, f"{UNWRITABLE}Bad file descriptor\n"),
        ("files --json", ">&- 2>&-", 1, ""),
        ("files --help", ">&-", 1, f"{UNWRITABLE}Bad file descriptor\n"),
        ("--help", ">/dev/full", 1, f"{UNWRITABLE}No space left on device\n"),
    ],
)
def test_the_exit_code_says_what_happened_whatever_the_streams_are(
    acc: Acc, command: str, redirection: str, code: int, said: str
) -> None:
    acc.home.sync("P")
    with redirected(acc, command, redirection) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (code, said)
    acc.home.assert_sound()  # no file of ours took the number of a stream that others print to
    assert acc.home.paths() == ["/Project Files/a.pdf"]


@pytest.mark.parametrize(("command", "code"), [("--help", 0), ("files --json", 0), ("sync --all --json", 0)])
def test_a_reader_that_never_reads_is_no_failure_whoever_writes(acc: Acc, command: str, code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    acc.home.sync("P")
    argv = [sys.executable, *AS_MODULE, *command.split()]
    done = subprocess.run(argv, env=environ_of(acc), stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr


def test_the_log_has_the_exit_code_of_a_sync_whose_output_could_not_be_written(acc: Acc) -> None:
    with redirected(acc, "sync --all -q --json", ">&-") as process:
        process.communicate(timeout=PATIENCE)
    lines = map(json.loads, (acc.home.path / "logs" / "connector.log").read_text().splitlines())
    (ended,) = [line for line in lines if line["event"] == "start_ended"]
    assert (process.returncode, ended["exit_code"]) == (1, 1)
    assert acc.home.paths() == ["/Project Files/a.pdf"]


@pytest.mark.parametrize("command", ["loop", "serve-health"])
def test_what_runs_until_a_signal_ends_with_its_number_also_without_streams(acc: Acc, command: str) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    if command == "serve-health":
        command = f"serve-health --port {port}"
    with redirected(acc, command, ">&- 2>&- <&-") as process:
        try:
            wait_until(lambda: has_synced(acc) if command == "loop" else answers(port))
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGTERM


def has_synced(acc: Acc) -> bool:
    log = acc.home.path / "logs" / "connector.log"
    return log.exists() and "start_ended" in log.read_text()


def answers(port: int) -> bool:
    try:
        return Visitor(port).get("/health").status in {200, 503}
    except OSError:
        return False


# --- Ctrl-C ---------------------------------------------------------------------------------

HERE = b"<here>"
# Waits for Ctrl-C where a module is about to be imported (`!`: in the finaliser of something that dies there), or as the interpreter ends.
WAITING = """
import atexit, os, sys, threading

class Waiting:
    def find_spec(self, name, path=None, target=None):
        moment, _, is_dying = os.environ["WAIT_AT"].partition("!")
        if name == moment:
            sys.meta_path.remove(self)
            Dying() if is_dying else wait()

class Dying:
    def __del__(self):
        wait()

def wait():
    os.write(2, b"<here>")
    for _ in range(600):  # a signal between two steps is seen at the next, not only at the end
        threading.Event().wait(0.1)

if os.environ["WAIT_AT"] == "exit":
    atexit.register(wait)
sys.meta_path.insert(0, Waiting())
"""


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    folder = tmp_path / "waiting"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WAITING, encoding="utf-8")
    return folder


@pytest.mark.parametrize("program", [AS_MODULE, AS_SCRIPT], ids=["module", "script"])
@pytest.mark.parametrize(
    "moment",
    [
        "filesync.runtime.streams",
        "filesync.cli.process",
        "filesync.cli",
        "typer",
        "filesync.cli.sync",
        "filesync.cli.sync!dying",
        "filesync.config.load",
        "sqlite3",
        "exit",
    ],
)
def test_ctrl_c_is_silent_from_our_first_line_to_the_last(
    acc: Acc, waiting: Path, program: tuple[str, ...], moment: str
) -> None:
    master, terminal = os.openpty()
    environ = environ_of(acc) | {"PYTHONPATH": f"{waiting}:{ROOT}", "WAIT_AT": moment}
    process = subprocess.Popen(
        [sys.executable, "-c", IN_FOREGROUND, sys.executable, *program, "sync"],
        env=environ | {"WAIT_AT": "nothing", "WAIT_AT_LAST": moment},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        shown = read_to(master, HERE)
        os.write(master, b"\x03")
        shown += read_to(master, None)
        code = process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert (code, shown.partition(HERE)[2].replace(b"^C", b"").strip()) == (130, b""), shown


# A shell gives its child the terminal, and Ctrl-C with it, even where the tests
# themselves run in the background; so does this, and then becomes the program.
IN_FOREGROUND = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.environ["WAIT_AT"] = os.environ.pop("WAIT_AT_LAST")
os.execv(sys.argv[1], sys.argv[1:])
"""


def read_to(master: int, word: bytes | None) -> bytes:
    """Read what the terminal shows up to a word, or to the end."""
    shown = b""
    while word is None or word not in shown:
        ready, _, _ = select.select([master], [], [], PATIENCE)
        assert ready, shown
        try:
            piece = os.read(master, 4096)
        except OSError:  # nobody has the terminal open any more
            piece = b""
        if not piece:
            assert word is None, shown
            return shown
        shown += piece
    return shown
