"""The simulated Google knows every login of Google's, and refuses what Google refuses."""

import base64
import hashlib
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import METADATA_READONLY, READONLY, GoogleDrive
from filesync.simulators.drive.clients import RegisteredClient
from tests.support.drive_client import ANNA, BEN

CALLBACK = "http://localhost:50123/"
DAY = 24 * 3600
VERIFIER = "a-verifier-of-at-least-43-characters-._~-0123456789"


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


CHALLENGE = {"code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"}


class Browser:
    """A person with a browser, and the app he signs in to."""

    def __init__(self, drive: GoogleDrive, client: RegisteredClient, session: requests.Session) -> None:
        self.drive = drive
        self.client = client
        self.session = session

    def ask_consent(self, **query: str | None) -> requests.Response:
        """Open the login; None takes a parameter away."""
        usual = {"response_type": "code", "client_id": self.client.client_id, "redirect_uri": CALLBACK}
        more = {"scope": METADATA_READONLY, "access_type": "offline", "state": "s 1/="}
        address = f"{self.drive.base_url}/o/oauth2/auth"
        return self.session.get(address, params={**usual, **more, **query}, allow_redirects=False, timeout=5)

    def decide(self, page: requests.Response, decision: str) -> requests.Response:
        """Press a button of the page."""
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)
        ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
        assert action
        assert ticket
        form = {"ticket": ticket[1], "decision": decision}
        return self.session.post(self.drive.base_url + action[1], data=form, allow_redirects=False, timeout=5)

    def code(self, **query: str | None) -> str:
        return brought(self.ask_consent(**query))["code"]

    def post(self, path: str, **form: str) -> requests.Response:
        return self.session.post(f"{self.drive.base_url}/{path}", data=form, timeout=5)

    def ask_token(self, grant_type: str, **form: str) -> requests.Response:
        client = {"client_id": self.client.client_id, "client_secret": self.client.client_secret}
        return self.post("token", grant_type=grant_type, **{**client, **form})

    def redeem(self, code: str, **form: str) -> requests.Response:
        return self.ask_token("authorization_code", **{"code": code, "redirect_uri": CALLBACK, **form})

    def log_in(self, **query: str | None) -> dict[str, Any]:
        answer = self.redeem(self.code(**query))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def refresh(self, token: str, **form: str) -> requests.Response:
        return self.ask_token("refresh_token", refresh_token=token, **form)

    def get(self, token: str, path: str = "files") -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return self.session.get(f"{self.drive.base_url}/drive/v3/{path}", headers=headers, timeout=5)

    def works(self, tokens: dict[str, Any]) -> bool:
        return self.get(tokens["access_token"]).status_code == 200


@pytest.fixture
def drive() -> Iterator[GoogleDrive]:
    with GoogleDrive(SimulatedClock(frozen=True)) as service:
        service.state.add_user(ANNA)
        service.state.add_user(BEN)
        service.consent = "allow"
        yield service


@pytest.fixture
def anna(drive: GoogleDrive) -> Iterator[Browser]:
    with requests.Session() as session:
        yield Browser(drive, drive.tokens.clients.add(), session)


def brought(answer: requests.Response, callback: str = CALLBACK) -> dict[str, str]:
    """Read what the browser brings to the app."""
    assert answer.status_code == 302, answer.text
    address, _, query = answer.headers["Location"].partition("?")
    assert address == callback
    return {name: texts[0] for name, texts in parse_qs(query, strict_parsing=True).items()}


def error_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


# --- clients ---


@pytest.mark.parametrize("kind", ["installed", "web"])
def test_a_client_file_is_as_the_console_gives_it(drive: GoogleDrive, tmp_path: Path, kind: Any) -> None:
    path = drive.tokens.make_client_file(tmp_path / "client.json", kind=kind, redirect_uris=["http://localhost"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    about = json.loads(path.read_text())[kind]
    assert about.pop("client_id").endswith(".apps.googleusercontent.com")
    assert about.pop("client_secret").startswith("GOCSPX-")
    assert about == {
        "project_id": "simulated",
        "auth_uri": f"{drive.base_url}/o/oauth2/auth",
        "token_uri": f"{drive.base_url}/token",
        "auth_provider_x509_cert_url": f"{drive.base_url}/oauth2/v1/certs",
        "redirect_uris": ["http://localhost"],
    }


def test_a_client_from_a_file_can_sign_people_in(drive: GoogleDrive, anna: Browser, tmp_path: Path) -> None:
    path = drive.tokens.make_client_file(tmp_path / "client.json")
    found = drive.tokens.clients.find(json.loads(path.read_text())["installed"]["client_id"])
    assert found
    anna.client = found
    assert anna.works(anna.log_in())


@pytest.mark.parametrize(
    "uri", ["http://localhost", "http://localhost:1/a/b", "http://127.0.0.1:8080/", "http://127.0.0.1:65535"]
)
def test_an_installed_app_may_be_anywhere_on_this_machine(anna: Browser, uri: str) -> None:
    code = brought(anna.ask_consent(redirect_uri=uri), uri)["code"]
    assert anna.redeem(code, redirect_uri=uri).status_code == 200


@pytest.mark.parametrize(
    "uri",
    [
        *("https://localhost:1/", "http://example.com/", "http://localhost.example.com/", "http://a@localhost/"),
        *("http://localhost:1/#x", "http://localhost:x/", "http://localhost:99999/", "", None, "localhost:1"),
    ],
)
def test_an_installed_app_may_be_nowhere_else(anna: Browser, uri: str | None) -> None:
    answer = anna.ask_consent(redirect_uri=uri)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert "redirect_uri_mismatch" in answer.text


def test_a_web_app_is_where_it_was_registered(drive: GoogleDrive, anna: Browser) -> None:
    registered = "http://localhost:8080/callback"
    anna.client = drive.tokens.clients.add(kind="web", redirect_uris=[registered])
    assert brought(anna.ask_consent(redirect_uri=registered), registered)["code"]
    for other in ("http://localhost:8081/callback", "http://localhost:8080/", f"{registered}/"):
        assert anna.ask_consent(redirect_uri=other).status_code == 400


# --- consent ---


def test_consent_brings_a_code_the_scope_and_the_state(anna: Browser) -> None:
    answer = brought(anna.ask_consent())
    assert {**answer, "code": ""} == {"code": "", "scope": METADATA_READONLY, "state": "s 1/="}
    assert "state" not in brought(anna.ask_consent(state=None))


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"response_type": None}, 400, "unsupported_response_type"),
        ({"scope": "https://www.googleapis.com/auth/invented"}, 400, "invalid_scope"),
        ({"scope": f"{READONLY} invented"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"scope": None}, 400, "invalid_scope"),
        ({"access_type": "always"}, 400, "invalid_request"),
        ({"prompt": "please"}, 400, "invalid_request"),
        ({"prompt": "none consent"}, 400, "invalid_request"),
        ({"code_challenge": CHALLENGE["code_challenge"]}, 400, "invalid_request"),
        ({"code_challenge_method": "S256"}, 400, "invalid_request"),
        ({**CHALLENGE, "code_challenge_method": "plain"}, 400, "invalid_request"),
        ({**CHALLENGE, "code_challenge": "x" * 42}, 400, "invalid_request"),
    ],
)
def test_mistakes_are_shown_to_the_person_and_never_sent_to_the_app(
    anna: Browser, query: dict[str, str], status: int, error: str
) -> None:
    answer = anna.ask_consent(**query)
    assert (answer.status_code, "Location" in answer.headers) == (status, False)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert error in answer.text


def test_a_person_is_asked_on_a_page_whose_form_brings_the_answer(drive: GoogleDrive, anna: Browser) -> None:
    drive.consent = "ask"
    page = anna.ask_consent()
    assert page.status_code == 200
    assert ANNA in page.text
    assert brought(anna.decide(page, "allow"))["code"]
    denied = brought(anna.decide(anna.ask_consent(), "deny"))
    assert (denied["error"], denied["state"], "code" in denied) == ("access_denied", "s 1/=", False)
    again, neither = anna.decide(page, "allow"), anna.decide(anna.ask_consent(), "perhaps")
    assert [again.status_code, neither.status_code] == [400, 400]


def test_the_switch_can_deny_at_once(drive: GoogleDrive, anna: Browser) -> None:
    drive.consent = "deny"
    assert brought(anna.ask_consent())["error"] == "access_denied"


def test_nobody_can_be_asked_without_a_page(anna: Browser) -> None:
    assert brought(anna.ask_consent(prompt="none"))["error"] == "interaction_required"


def test_the_first_person_is_signed_in_unless_another_is(drive: GoogleDrive, anna: Browser) -> None:
    for signed_in, expected in (("", ANNA), (BEN, BEN)):
        drive.signed_in = signed_in
        about = anna.get(anna.log_in()["access_token"], "about?fields=user").json()
        assert about["user"]["emailAddress"] == expected


def test_a_service_account_sits_before_no_browser(tmp_path: Path) -> None:
    with GoogleDrive(SimulatedClock(frozen=True)) as drive, requests.Session() as session:
        drive.make_key_file(tmp_path / "key.json", "robot@simulated.example")
        drive.state.add_user(ANNA)
        assert ANNA in Browser(drive, drive.tokens.clients.add(), session).ask_consent().text


def test_people_may_tick_less_than_was_asked_for(drive: GoogleDrive, anna: Browser) -> None:
    drive.granted_scopes = frozenset({METADATA_READONLY})
    answer = brought(anna.ask_consent(scope=f"{READONLY} {METADATA_READONLY}"))
    assert answer["scope"] == METADATA_READONLY
    tokens = anna.redeem(answer["code"]).json()
    assert tokens["scope"] == METADATA_READONLY
    assert anna.get(tokens["access_token"], "drives").status_code == 403
    assert brought(anna.ask_consent(scope=READONLY))["error"] == "access_denied"


# --- codes ---


def test_a_code_gets_an_access_token_and_when_offline_a_refresh_token(anna: Browser) -> None:
    online = anna.log_in(access_type="online")
    assert set(online) == {"access_token", "expires_in", "scope", "token_type"}
    assert (online["expires_in"], online["scope"], online["token_type"]) == (3600, METADATA_READONLY, "Bearer")
    assert "refresh_token" not in anna.log_in(access_type=None)
    assert set(anna.log_in()) == {*online, "refresh_token"}


def test_a_repeated_consent_gives_no_refresh_token_unless_it_was_insisted_on(anna: Browser) -> None:
    tokens = anna.log_in()
    assert "refresh_token" not in anna.log_in()
    assert "refresh_token" not in anna.log_in(prompt="select_account")
    assert "refresh_token" in anna.log_in(prompt="consent")
    assert anna.refresh(tokens["refresh_token"]).status_code == 200


def test_the_consent_of_another_person_or_after_a_revocation_is_a_first_one(drive: GoogleDrive, anna: Browser) -> None:
    tokens = anna.log_in()
    anna.post("revoke", token=tokens["refresh_token"])
    assert "refresh_token" in anna.log_in()
    drive.signed_in = BEN
    assert "refresh_token" in anna.log_in()


def test_a_code_is_redeemed_once_by_its_client_with_the_address_it_came_to(drive: GoogleDrive, anna: Browser) -> None:
    code = anna.code()
    other = drive.tokens.clients.add()
    as_other = {"client_id": other.client_id, "client_secret": other.client_secret}
    assert error_of(anna.redeem(code, **as_other)) == (400, "invalid_grant")
    assert error_of(anna.redeem(code, redirect_uri="http://localhost:50123")) == (400, "redirect_uri_mismatch")
    assert error_of(anna.redeem(code, redirect_uri="")) == (400, "invalid_request")
    assert error_of(anna.redeem("")) == (400, "invalid_request")
    assert error_of(anna.redeem("made-up")) == (400, "invalid_grant")
    assert anna.redeem(code).status_code == 200
    assert error_of(anna.redeem(code)) == (400, "invalid_grant")


def test_a_code_lives_ten_minutes(drive: GoogleDrive, anna: Browser) -> None:
    young, old = anna.code(), anna.code()
    drive.clock.advance(599)
    assert anna.redeem(young).status_code == 200
    drive.clock.advance(1)
    assert error_of(anna.redeem(old)) == (400, "invalid_grant")


def test_a_client_proves_itself_with_its_secret(anna: Browser) -> None:
    code, tokens = anna.code(), anna.log_in()
    client = {"client_id": anna.client.client_id}
    usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    for form in (usual, {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}):
        assert error_of(anna.post("token", **form)) == (400, "invalid_request")
        assert error_of(anna.post("token", **form, **client)) == (400, "invalid_request")
        assert error_of(anna.post("token", **form, **client, client_secret="x")) == (401, "invalid_client")
        assert error_of(anna.post("token", **form, client_id="x", client_secret="x")) == (401, "invalid_client")
    assert anna.redeem(code).status_code == 200


def test_a_challenge_must_be_met(anna: Browser) -> None:
    code = anna.code(**CHALLENGE)
    assert error_of(anna.redeem(code)) == (400, "invalid_grant")
    assert error_of(anna.redeem(code, code_verifier=VERIFIER + "x")) == (400, "invalid_grant")
    assert anna.redeem(code, code_verifier=VERIFIER).status_code == 200
    assert error_of(anna.redeem(anna.code(), code_verifier=VERIFIER)) == (400, "invalid_grant")


# --- refresh tokens ---


def test_a_refresh_token_keeps_working(drive: GoogleDrive, anna: Browser) -> None:
    token = anna.log_in()["refresh_token"]
    drive.clock.advance(100 * DAY)
    for _ in range(2):
        answer = anna.refresh(token).json()
        assert set(answer) == {"access_token", "expires_in", "scope", "token_type"}
        assert anna.works(answer)


def test_a_refresh_token_is_its_clients_alone(drive: GoogleDrive, anna: Browser) -> None:
    token = anna.log_in()["refresh_token"]
    anna.client = drive.tokens.clients.add()
    assert error_of(anna.refresh(token)) == (400, "invalid_grant")
    assert error_of(anna.refresh("")) == (400, "invalid_request")


def test_sign_ins_of_a_client_in_testing_end_after_seven_days(drive: GoogleDrive, anna: Browser) -> None:
    anna.client = drive.tokens.clients.add(testing=True)
    tokens = anna.log_in()
    assert tokens["refresh_token_expires_in"] == 7 * DAY - 1
    drive.clock.advance(7 * DAY - 1)
    assert anna.refresh(tokens["refresh_token"]).status_code == 200
    drive.clock.advance(1)
    dead = anna.refresh(tokens["refresh_token"])
    assert (dead.status_code, dead.json()) == (
        400,
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
    )
    assert "refresh_token" in anna.log_in()


def test_a_refresh_can_rotate_and_does_not_prolong(drive: GoogleDrive, anna: Browser) -> None:
    drive.rotates_refresh_tokens = True
    anna.client = drive.tokens.clients.add(testing=True)
    old = anna.log_in()["refresh_token"]
    drive.clock.advance(6 * DAY)
    new = anna.refresh(old).json()["refresh_token"]
    assert new != old
    assert [anna.refresh(token).status_code for token in (old, new)] == [200, 200]
    drive.clock.advance(DAY)
    assert [anna.refresh(token).status_code for token in (old, new)] == [400, 400]


def test_a_users_file_is_a_sign_in_like_any_other(drive: GoogleDrive, anna: Browser, tmp_path: Path) -> None:
    path = drive.tokens.make_user_file(tmp_path / "user.json", ANNA, [READONLY], testing=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    about = json.loads(path.read_text())
    assert (about.pop("type"), about.pop("token_uri")) == ("authorized_user", f"{drive.base_url}/token")
    assert set(about) == {"client_id", "client_secret", "refresh_token"}
    assert anna.works(anna.post("token", grant_type="refresh_token", **about).json())
    drive.clock.advance(7 * DAY)
    assert error_of(anna.post("token", grant_type="refresh_token", **about)) == (400, "invalid_grant")


# --- revoking ---


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_revoked_token_takes_its_sign_in_with_it(anna: Browser, which: str) -> None:
    tokens = anna.log_in()
    answer = anna.post("revoke", token=tokens[which])
    assert (answer.status_code, answer.json()) == (200, {})
    assert not anna.works(tokens)
    dead = anna.refresh(tokens["refresh_token"])
    assert (dead.status_code, dead.json()["error_description"]) == (400, "Token has been expired or revoked.")


def test_a_token_that_is_dead_or_unknown_cannot_be_revoked(anna: Browser) -> None:
    token = anna.log_in()["refresh_token"]
    anna.post("revoke", token=token)
    for answer in (anna.post("revoke", token=token), anna.post("revoke", token="made-up")):
        told = {"error": "invalid_token", "error_description": "Token expired or revoked"}
        assert (answer.status_code, answer.json()) == (400, told)
    assert error_of(anna.post("revoke")) == (400, "invalid_request")


def test_a_revoked_service_accounts_token_goes_alone(drive: GoogleDrive, anna: Browser) -> None:
    first, second = drive.token_for(ANNA), drive.token_for(ANNA)
    assert anna.post("revoke", token=first).status_code == 200
    assert [anna.get(token).status_code for token in (first, second)] == [401, 200]


# --- the service itself ---


def test_a_project_without_the_drive_api_is_told_so_at_every_call(drive: GoogleDrive, anna: Browser) -> None:
    drive.api_enabled = False
    for path in ("files", "changes/startPageToken", "drives", "about?fields=user"):
        answer = anna.get(drive.token_for(ANNA), path)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["status"]) == (403, 403, "PERMISSION_DENIED")
        assert (error["errors"][0]["reason"], error["errors"][0]["domain"]) == ("accessNotConfigured", "usageLimits")
        assert error["details"][0]["reason"] == "SERVICE_DISABLED"
    assert anna.get("nothing").status_code == 401


def test_shared_drives_are_listed_for_drive_readonly_only(drive: GoogleDrive, anna: Browser) -> None:
    shared = drive.state.add_drive("Tower", ANNA)
    narrow, wide = anna.log_in(), anna.log_in(scope=READONLY)
    for path in ("drives", f"drives/{shared}"):
        assert anna.get(narrow["access_token"], path).status_code == 403
        assert anna.get(wide["access_token"], path).status_code == 200


def test_no_request_of_a_login_counts_as_one_for_the_inventory(drive: GoogleDrive, anna: Browser) -> None:
    drive.consent = "ask"
    code = brought(anna.decide(anna.ask_consent(), "allow"))["code"]
    anna.post("revoke", token=anna.redeem(code).json()["access_token"])
    names = {"authorize", "decision", "token", "revoke"}
    assert {(request.route, request.token) for request in drive.requests} == {(name, True) for name in names}
    assert drive.count() == 0


def test_a_service_can_be_told_to_repeat_secrets(drive: GoogleDrive, anna: Browser) -> None:
    drive.echoes_secrets = True
    for answer in (anna.refresh("my-token"), anna.post("revoke", token="my-token")):
        assert "my-token" in answer.json()["error_description"]
    assert anna.client.client_secret in anna.refresh("my-token").json()["error_description"]
    narrow = drive.token_for(ANNA, METADATA_READONLY)
    for token, path in (("my-token", "files"), (narrow, "drives")):
        error = anna.get(token, path).json()["error"]
        assert token in error["message"]
        assert token in error["errors"][0]["message"]


def test_secrets_are_not_repeated_unasked(anna: Browser) -> None:
    assert "my-token" not in anna.refresh("my-token").text
    assert "my-token" not in anna.get("my-token").text
