"""Canaries: a marked secret in every variable, key and token comes out nowhere, whatever command runs and fails."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import METADATA_READONLY, GoogleDrive
from filesync.simulators.faults import status
from tests import ROOT
from tests.contract.test_documents import ALL_COMMANDS, GROUPS
from tests.support.browsers import Person, callback_port
from tests.support.homes import Home
from tests.support.receivers import Receiver, receiving
from tests.support.served import serving

MARK = "canary"
SECRET = f"{MARK}-of-the-app-7f3a"
HOOK = f"{MARK}-hook-7f3a"
SIGNING = f"{MARK}-signing-7f3a"
COMMANDS = [
    ["sync", "--all"],
    ["sync", "--all", "--dry-run", "--json"],
    ["-v", "sync", "--all", "--full"],
    ["status", "--json"],
    ["status", "--check"],
    ["status", "--why"],
    ["logs", "--json"],
    ["files", "--json"],
    ["changes", "--json"],
    ["endpoints", "--json"],
    ["endpoints", "check"],
    ["endpoints", "check", "--json"],
    ["endpoints", "forget", "nobody"],
    ["doctor"],
    ["doctor", "--json"],
    ["verify", "--all"],
    ["verify", "--all", "--json"],
    ["config", "check"],
    ["config", "show"],
    ["config", "show", "--json"],
    ["discover", "autodesk", "--json"],
    ["discover", "google", "--yaml"],
    ["auth", "autodesk", "status"],
    ["auth", "autodesk", "status", "--json"],
    ["auth", "google", "status", "--json"],
    ["notify", "test"],
    ["notify", "status", "--json"],
    ["changes", "--consumer", "reader", "--commit"],
    ["consumers", "--json"],
    ["consumers", "set", "reader", "0"],
    ["consumers", "forget", "reader"],
    ["schedule", "show"],
    ["schedule", "show", "--json"],
    ["prune", "--dry-run"],
    ["metrics"],
    ["db", "info"],
    ["db", "check"],
    ["db", "grants"],
    ["schema"],
    ["init"],
]
ALL_EVENTS = ["failure", "recovered", "partial", "stale", "login_expiring", "changes"]
LOUD = "import sys; sys.exit(' '.join(sys.argv))"
ELSEWHERE = {
    "snapshot",  # below
    "db copy",  # tests/commands/test_db.py
    "auth autodesk login", "auth autodesk logout",  # below
    "auth google login", "auth google logout",  # test_auth_google
    "serve-health",  # asked for each of its pages, below
    "loop",  # starts `sync`
    "demo",  # has a home of its own
    "schedule install", "schedule uninstall",  # write what `schedule show` shows
}  # fmt: skip
PAGES = ["/", "/health", "/status", "/metrics"]


@pytest.fixture
def acc() -> Iterator[AccSimulator]:
    with AccSimulator(SimulatedClock(frozen=True)) as acc:
        acc.wall, acc.consent = acc.clock, "allow"
        yield acc


@pytest.fixture
def drive(acc: AccSimulator) -> Iterator[GoogleDrive]:
    with GoogleDrive(acc.clock, wall=acc.clock) as drive:
        drive.consent = "allow"
        yield drive


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def home(tmp_path: Path, acc: AccSimulator, drive: GoogleDrive, receiver: Receiver) -> Home:
    """A home that uses every kind of login at once, at the level that logs most."""
    project = acc.add_project(acc.add_hub())
    acc.add_file(acc.project_files(project), "a.pdf")
    acc.add_app("app", SECRET)
    acc.add_app("partner", f"{MARK}-partner-7f3a")
    acc.add_member(project, acc.signed_in)
    account = acc.add_service_account("partner")
    acc.add_member(project, account["service_account_id"])
    home = Home(tmp_path, acc, drive)
    drive.state.add_user("ann@example.com")
    drive.signed_in = "ann@example.com"
    shared = drive.state.add_drive("Shared", "ann@example.com", "reader@example.com")
    (tmp_path / "ssa.json").write_text(json.dumps(dict(account)))
    user_file = drive.tokens.make_user_file(tmp_path / "user.json", "ann@example.com", [METADATA_READONLY])
    home.environ |= {
        "CONNECTOR_AUTODESK_CLIENT_ID": "app",
        "CONNECTOR_AUTODESK_CLIENT_SECRET": SECRET,
        "PARTNER_PHRASE": f"{MARK}-partner-7f3a",
        "FILESYNC_HEALTH_TOKEN": f"{MARK}-health-7f3a",
        "HTTPS_PROXY": f"http://user:{MARK}-proxy-7f3a@127.0.0.1:1",
        "HOOK_URL": f"{receiver.url}/{HOOK}?key={HOOK}",
        "SIGNING_PHRASE": SIGNING,
        "LOUD_PHRASE": f"{MARK}-loud-7f3a",
        "CONNECTOR_LOG_LEVEL": "DEBUG",
    }
    home.configure(
        {"name": "Person", "endpoint_details": {"project_id": project}},
        {
            "name": "App",
            "endpoint_details": {
                "project_id": project,
                "act_as_user": acc.signed_in,
                "folder_id": acc.project_files(project),
            },
        },
        {
            "name": "Account",
            "credentials": "partner",
            "endpoint_details": {"project_id": project, "include_system_folders": True},
        },
        {"name": "Key", "endpoint_type": "google_drive", "endpoint_details": {"drive_id": shared}},
        {"name": "User", "endpoint_type": "google_drive", "credentials": "file", "endpoint_details": {}},
        credentials={
            "partner": {
                "client_id": "partner",
                "client_secret": "${PARTNER_PHRASE}",
                "auth": "service_account",
                "service_account_path": str(tmp_path / "ssa.json"),
            },
            "file": {"google_credentials_path": str(user_file)},
        },
        notify={
            "alive": {"type": "ping", "url": "${HOOK_URL}"},
            "hook": {"type": "webhook", "url": "${HOOK_URL}", "secret": "${SIGNING_PHRASE}", "events": ALL_EVENTS},
            "loud": {"type": "command", "command": [sys.executable, "-c", LOUD, "${LOUD_PHRASE}"]},
        },
    )
    home.browser = Person()
    logged_in = home.run("auth", "autodesk", "login", "--port", callback_port(acc, "app"))
    assert logged_in.code == 0, logged_in.err
    return home


def secrets_of(home: Home) -> set[str]:
    """Collect everything that must not be shown: variables, keys line by line, and every token there is."""
    found = {value for name, value in home.environ.items() if MARK in value and "PROXY" not in name}
    found.add(f"{MARK}-proxy-7f3a")
    for path in [*home.path.glob("*.json"), *home.path.glob("tokens/*.json"), *home.path.glob("credentials/*.json")]:
        fields = json.loads(path.read_bytes())
        for name in ("private_key", "refresh_token", "access_token", "client_secret"):
            found |= {line for line in str(fields.get(name, "")).splitlines() if len(line) > 12 and "-----" not in line}
    return found


def pages_of(home: Home) -> list[str]:
    """Ask for each of the server's pages as one who may, and as one who may not; give what it said."""
    token = f"Bearer {MARK}-health-7f3a"
    with serving(home.path, **home.environ) as served:
        answers = [served.get(page, Authorization=word) for page in PAGES for word in (token, f"{token}-not")]
        _, err = served.stop()
    assert [each.status for each in answers] == [200, 401] * len(PAGES)
    return [*(f"{each.headers}{each.text}" for each in answers), err]


def shown_by(home: Home, run: Callable[..., object]) -> str:
    """Run every command; give all that came out of them, and all that they left but for the logins themselves."""
    said = [str(run(*command)) for command in COMMANDS]
    said.append(str(run("snapshot", str(home.path / "data" / "copy.db"), "--force")))
    said += pages_of(home)
    left = [path for folder in ("data", "logs") for path in (home.path / folder).rglob("*") if path.is_file()]
    return "\n".join([*said, *(path.read_bytes().decode("latin-1") for path in left)])


def assert_no_secret(home: Home, shown: str, more: set[str]) -> None:
    for secret in secrets_of(home) | more:
        place = shown.find(secret)
        assert place < 0, f"{secret[:4]}… was shown: {shown[max(place - 300, 0) : place]}"


def test_every_command_is_tried() -> None:
    tried = [" ".join(word for word in command if not word.startswith("-")) for command in COMMANDS]
    for name in ALL_COMMANDS.keys() - GROUPS - {f"filesync {each}" for each in ELSEWHERE}:
        assert any(f"filesync {each} ".startswith(f"{name} ") for each in tried), f"{name} sees no canary"


def test_nothing_shows_a_secret_when_all_is_well(home: Home) -> None:
    before = secrets_of(home)
    shown = shown_by(home, home.run)
    assert '"event": "request"' in shown
    assert home.paths("Person") == home.paths("Account") == ["/Project Files/a.pdf"]
    assert len(secrets_of(home)) > 20
    assert_no_secret(home, shown, before)


def test_nothing_shows_a_secret_when_the_services_echo_what_they_refuse(
    home: Home, acc: AccSimulator, drive: GoogleDrive
) -> None:
    shown_by(home, home.run)
    before = secrets_of(home)
    acc.echoes_secrets = drive.echoes_secrets = True
    acc.revoke_logins()
    acc.revoke_tokens()
    drive.tokens.revoke_sign_ins()
    drive.revoke_tokens()
    acc.clock.advance(3600)
    acc.add_app("partner", "another")
    shown = shown_by(home, home.run)
    assert "**redacted**" in shown
    assert_no_secret(home, shown, before)


def test_nothing_shows_a_secret_when_an_error_body_repeats_a_token(home: Home, acc: AccSimulator) -> None:
    home.configure({"name": "Person", "endpoint_details": {"project_id": next(iter(acc.projects))}})
    home.run("sync", "--all")
    (path,) = home.path.glob("tokens/autodesk-three-legged-*.json")
    token = json.loads(path.read_bytes())["access_token"]
    body = json.dumps({"developerMessage": f"Bearer {token} {SECRET}", "errorCode": token}).encode()
    acc.faults.fail(status(403, body), times=None)
    shown = shown_by(home, home.run)
    assert "**redacted**" in shown
    assert_no_secret(home, shown, {token})


def test_a_login_shows_nothing_of_itself(home: Home, acc: AccSimulator) -> None:
    port = callback_port(acc, "app")
    acc.echoes_secrets = True
    codes: list[str] = []

    def browse(address: str) -> bool:
        person = Person()
        person(address)
        codes.extend(person.pages[-1].url.partition("code=")[2].split("&")[:1])
        return True

    home.browser = browse
    good = home.run("auth", "autodesk", "login", "--port", port)
    home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = f"{MARK}-wrong-7f3a"
    bad = home.run("auth", "autodesk", "login", "--port", port)
    out = home.run("auth", "autodesk", "logout")
    assert (good.code, bad.code) == (0, 77)
    assert all(len(code) > 12 for code in codes)
    assert_no_secret(home, f"{good}{bad}{out}", {*codes, f"{MARK}-wrong-7f3a"})


CRASH = """
import sys
from filesync.sync import workers

def crash(self):
    raise RuntimeError(f"a bug that shows {self._session.endpoints[0].name} and %s")

workers.SyncWorkers.work = crash
from filesync.__main__ import main
main()
"""


def test_a_bug_crashes_with_its_traceback_and_without_secrets(home: Home) -> None:
    process = subprocess.run(
        [sys.executable, "-c", CRASH % SECRET, "sync", "--all"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)} | home.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert "Traceback (most recent call last)" in process.stderr
    assert "RuntimeError: a bug that shows Person and **redacted**" in process.stderr
    assert_no_secret(home, process.stdout + process.stderr, set())
