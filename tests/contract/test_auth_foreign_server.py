"""Our logins at an OAuth server written by others: oidc-provider with jose, see tests/contract/oauth_peer.

It needs Node and what `npm ci --ignore-scripts` puts into tests/contract/oauth_peer; elsewhere these tests are skipped.
"""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from filesync.auth.autodesk import AutodeskServiceAccount, LoginService, ThreeLegged, app_of
from filesync.auth.autodesk.app import INTROSPECT, TOKEN
from filesync.auth.autodesk.service_account import read_key
from filesync.auth.consent import redirect_uri
from filesync.core.errors import AuthError, RefusedError
from filesync.core.timestamps import from_timestamp, to_timestamp
from filesync.http import Connector, Counters
from filesync.runtime.clock import Clock, Stop, SystemClock
from tests.support.browsers import free_port
from tests.support.homes import Ended, Home

PEER = Path(__file__).parent / "oauth_peer"
CONFIDENTIAL, PUBLIC = "confidential-app", "public-app"
SECRET = "7yTq2mVb9LxKc4RzWn1PdSf8HgJ3QaEu"
USER = "Ada"
ACCOUNT = "ROBOT7"
OLDEST_NODE = (20, 20)


@cache
def missing() -> str:
    """Say what the server lacks on this machine; '' for nothing."""
    node = shutil.which("node")
    if node is None:
        return "node is not on PATH"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(int(part) for part in version.removeprefix("v").split(".")[:2]) < OLDEST_NODE:
        return f"node is too old: {version}"
    if not (PEER / "node_modules" / ".package-lock.json").is_file():  # what npm writes last
        return "the server is not installed: run 'npm ci --ignore-scripts' in tests/contract/oauth_peer"
    return ""


@pytest.fixture(scope="module", autouse=True)
def _server_can_run() -> None:
    if missing():
        pytest.skip(missing())


@dataclass(frozen=True)
class Peer:
    """The running server: its address, where it sends browsers back to, and the key it knows of the service account."""

    address: str
    port: int
    key: RSAPrivateKey

    @property
    def redirect(self) -> str:
        return redirect_uri(self.port)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    key, port = new_key(), free_port()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    given = json.dumps({"callback": port, "secret": SECRET, "key": public.decode()})
    complaints = tmp_path_factory.mktemp("peer") / "stderr"
    with (
        complaints.open("wb") as stderr,
        subprocess.Popen(
            [shutil.which("node") or "node", str(PEER / "server.mjs"), given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as process,
    ):
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line, complaints.read_text()
            yield Peer(json.loads(line)["address"], port, key)
        finally:
            process.terminate()


def new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


class Place:
    """A home with one of the apps; every login object made here starts with what is on disk."""

    def __init__(self, path: Path, peer: Peer, client_id: str) -> None:
        self.peer = peer
        self.home = Home(path)
        self.home.environ |= {
            "CONNECTOR_AUTODESK_CLIENT_ID": client_id,
            "CONNECTOR_AUTODESK_CLIENT_SECRET": SECRET if client_id == CONFIDENTIAL else "",
            "CONNECTOR_AUTODESK_BASE_URL": peer.address,
        }
        self.home.configure(
            {"name": "P", "endpoint_type": "autodesk_construction_cloud", "endpoint_details": {"project_id": "b.1"}}
        )
        self._connectors: list[Connector] = []

    @property
    def tokens(self) -> Path:
        return self.home.path / "tokens"

    def login_files(self) -> list[Path]:
        return sorted(self.tokens.glob("autodesk-three-legged-*.json"))

    def stored(self) -> dict[str, Any]:
        (path,) = self.login_files()
        fields: dict[str, Any] = json.loads(path.read_bytes())
        return fields

    def log_in(self, *, agrees: bool = True) -> Ended:
        """Log in as a process of its own, with a browser that does as the person wants."""
        with self.home.spawn("auth", "autodesk", "login", "--no-browser", "--port", str(self.peer.port)) as process:
            assert process.stdout
            address = process.stdout.readline().strip()
            page = requests.get(answer_of(address, self.peer.redirect, agrees=agrees), timeout=10)
            assert "You can close this page" in page.text
            out, err = process.communicate(timeout=30)
        return Ended(process.returncode, out, err)

    def let_the_access_token_run_out(self) -> None:
        (path,) = self.login_files()
        fields = self.stored()
        obtained, expires = (SystemClock().now() - timedelta(hours=hours) for hours in (3, 2))
        path.write_text(
            json.dumps({**fields, "obtained_at": to_timestamp(obtained), "expires_at": to_timestamp(expires)})
        )

    def service(self, clock: Clock | None = None, **environ: str) -> LoginService:
        return LoginService(app_of(self.home.environ | environ, public=True), self.connector(clock or SystemClock()))

    def three_legged(self) -> ThreeLegged:
        return ThreeLegged(self.service(), self.tokens)

    def service_account(self, key: RSAPrivateKey, clock: Clock | None = None, **environ: str) -> AutodeskServiceAccount:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        path = self.home.path / "service-account.json"
        path.write_text(
            json.dumps({"service_account_id": ACCOUNT, "key_id": "first", "private_key": pem.decode()}),
            encoding="utf-8",
        )
        service = self.service(clock, **environ)
        return AutodeskServiceAccount(read_key(path), service, self._connectors[-1], self.tokens)

    def connector(self, clock: Clock) -> Connector:
        connector = Connector(
            clock=clock,
            stop=Stop(clock),
            counters=Counters(),
            limits_folder=self.home.path / "limits",
            percent=100,
            random=random.Random(1),
        )
        self._connectors.append(connector)
        return connector

    def close(self) -> None:
        for connector in self._connectors:
            connector.close()


@pytest.fixture
def place_of(peer: Peer, tmp_path: Path) -> Iterator[Callable[[str], Place]]:
    places: list[Place] = []

    def make(client_id: str) -> Place:
        places.append(Place(tmp_path, peer, client_id))
        return places[-1]

    yield make
    for place in places:
        place.close()


@pytest.fixture(params=[CONFIDENTIAL, PUBLIC])
def place(place_of: Callable[[str], Place], request: pytest.FixtureRequest) -> Place:
    client_id: str = request.param
    return place_of(client_id)


@pytest.fixture
def logged_in(place: Place) -> Place:
    ended = place.log_in()
    assert ended.code == 0, ended.err
    return place


def answer_of(address: str, redirect: str, *, agrees: bool = True) -> str:
    """Sign in and consent on the server's pages, or cancel; give the address that they lead to, without going there."""
    with requests.Session() as browser:
        page = browser.get(address, allow_redirects=False, timeout=10)
        while not page.headers.get("Location", "").startswith(f"{redirect}?"):
            if "Location" in page.headers:
                page = browser.get(urljoin(page.url, page.headers["Location"]), allow_redirects=False, timeout=10)
            else:
                page = answered(browser, page, agrees=agrees)
        return page.headers["Location"]


def answered(browser: requests.Session, page: requests.Response, *, agrees: bool) -> requests.Response:
    """Fill in the page's form and send it, or follow its way out."""
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    cancel = re.search(r'href="([^"]+/abort)"', page.text)
    assert form, page.text
    assert cancel, page.text
    if not agrees:
        return browser.get(urljoin(page.url, unescape(cancel[1])), allow_redirects=False, timeout=10)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    fields |= dict.fromkeys(re.findall(r'<input required type="\w+" name="([^"]+)"', page.text), USER)
    return browser.post(urljoin(page.url, unescape(form[1])), data=fields, allow_redirects=False, timeout=10)


def refresh_form(refresh_token: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": refresh_token}


# --- a person's login -----------------------------------------------------------------------


def test_a_login_is_accepted_and_status_names_the_person(place: Place) -> None:
    ended = place.log_in()
    assert ended.code == 0, ended.err
    assert f"logged in to Autodesk as {USER};" in ended.err
    assert place.stored()["user"] == USER
    status = place.home.cli("auth", "autodesk", "status", "--json")
    assert status.code == 0, status.err
    (row,) = json.loads(status.out)["logins"]
    assert (row["state"], row["flow"], row["user"]) == ("ok", "three_legged", USER)
    assert (row["client"], row["scopes"]) == (place.home.environ["CONNECTOR_AUTODESK_CLIENT_ID"], ["data:read"])


def test_the_access_token_of_a_login_is_one_that_the_server_knows(logged_in: Place) -> None:
    token = logged_in.three_legged().person().headers()["Authorization"].removeprefix("Bearer ")
    said = logged_in.service().ask(INTROSPECT, {"token": token}).body
    assert (said["active"], said["userid"], said["scope"]) == (True, USER, "data:read")


def test_a_person_who_cancels_is_told_so(place: Place) -> None:
    ended = place.log_in(agrees=False)
    assert ended.code == 77
    assert "consent was refused in the browser" in ended.err
    assert place.login_files() == []


def test_every_refresh_spends_one_refresh_token_and_keeps_the_next(logged_in: Place) -> None:
    refresh_tokens, headers = [logged_in.stored()["refresh_token"]], []
    for _ in range(2):
        logged_in.let_the_access_token_run_out()
        headers.append(logged_in.three_legged().person().headers()["Authorization"])
        stored = logged_in.stored()
        refresh_tokens.append(stored["refresh_token"])
        assert headers[-1] == f"Bearer {stored['access_token']}"
        assert from_timestamp(stored["expires_at"]) > SystemClock().now()
    assert len(set(refresh_tokens)) == 3
    assert len(set(headers)) == 2
    with pytest.raises(RefusedError) as refusal:
        logged_in.service().ask(TOKEN, refresh_form(refresh_tokens[0]))
    assert refusal.value.reason == "invalid_grant"


def test_a_refresh_token_that_somebody_else_spent_ends_the_login_and_says_so(logged_in: Place) -> None:
    logged_in.service().ask(TOKEN, refresh_form(logged_in.stored()["refresh_token"]))
    logged_in.let_the_access_token_run_out()
    with pytest.raises(
        AuthError, match=r"invalid_grant.*was used elsewhere .*: log in again: filesync auth autodesk login"
    ):
        logged_in.three_legged().person().headers()
    status = logged_in.home.cli("auth", "autodesk", "status", "--json")
    assert status.code == 77
    assert json.loads(status.out)["logins"][0]["state"] == "login_needed"


def test_after_a_logout_the_server_refuses_what_was_kept(logged_in: Place) -> None:
    stored = logged_in.stored()
    ended = logged_in.home.cli("auth", "autodesk", "logout")
    assert ended.code == 0, ended.err
    assert logged_in.login_files() == []
    with pytest.raises(RefusedError) as refusal:
        logged_in.service().ask(TOKEN, refresh_form(stored["refresh_token"]))
    assert refusal.value.reason == "invalid_grant"
    assert logged_in.service().ask(INTROSPECT, {"token": stored["access_token"]}).body == {"active": False}


def test_a_code_is_worth_nothing_without_the_verifier_of_its_own_consent(place: Place) -> None:
    login = place.three_legged()
    consent, other = (login.ask(place.peer.redirect) for _ in range(2))
    answer = parse_qs(urlsplit(answer_of(consent.address, place.peer.redirect)).query)
    assert answer["state"] == [consent.state]
    (code,) = answer["code"]
    with pytest.raises(AuthError, match=r"invalid_grant.*start again: filesync auth autodesk login"):
        login.take(replace(consent, verifier=other.verifier), code)
    assert place.login_files() == []
    login.take(consent, code)
    assert place.stored()["refresh_token"]


# --- a service account ----------------------------------------------------------------------


@pytest.fixture
def robot(place_of: Callable[[str], Place]) -> Place:
    return place_of(CONFIDENTIAL)


def test_the_assertion_of_a_service_account_is_accepted(robot: Place) -> None:
    headers = robot.service_account(robot.peer.key).headers()
    said = robot.service().ask(INTROSPECT, {"token": headers["Authorization"].removeprefix("Bearer ")}).body
    assert (said["active"], said["userid"], said["client_id"]) == (True, ACCOUNT, CONFIDENTIAL)
    assert said["scope"] == "data:read"


def test_an_assertion_made_for_another_address_is_refused(robot: Place) -> None:
    """The same server by its other name: everything fits but the audience."""
    elsewhere = robot.peer.address.replace("127.0.0.1", "localhost")
    with pytest.raises(AuthError, match=r'invalid_grant.*"aud".*the service account is enabled and its key exists'):
        robot.service_account(robot.peer.key, CONNECTOR_AUTODESK_BASE_URL=elsewhere).headers()


def test_an_assertion_signed_with_another_key_is_refused(robot: Place) -> None:
    with pytest.raises(AuthError, match=r"invalid_grant.*signature.*the service account is enabled and its key exists"):
        robot.service_account(new_key()).headers()


class Ahead(SystemClock):
    """The clock of a machine that is an hour ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


def test_an_assertion_of_a_clock_that_is_ahead_is_refused_and_the_clock_is_named(robot: Place) -> None:
    with pytest.raises(AuthError, match=r"exp is too far ahead.*clock is 3\d\d\d s ahead of the service's: set it"):
        robot.service_account(robot.peer.key, Ahead()).headers()


def test_a_secret_that_is_wrong_is_refused_by_name(robot: Place) -> None:
    with pytest.raises(AuthError, match=r"invalid_client.*check CONNECTOR_AUTODESK_CLIENT_ID"):
        robot.service_account(robot.peer.key, CONNECTOR_AUTODESK_CLIENT_SECRET="wrong").headers()
