"""Google's logins over whole commands: a person's, an authorised user's file, a machine's account, and which is used."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from filesync.simulators.drive import METADATA_READONLY, READONLY
from tests.support.browsers import Person, free_port
from tests.support.homes import Drive, Ended
from tests.support.logins import shown_login, token_requests

ANN = "ann@example.com"
DAY = 24 * 3600


@pytest.fixture(autouse=True)
def endpoint(drive: Drive) -> None:
    """Leave no service account, and Ann as the one who has the drive."""
    (drive.home.path / "credentials" / "google-service-account.json").unlink()
    drive.service.state.add_user(ANN)
    drive.service.state.add_member(drive.shared, ANN)
    drive.service.signed_in = ANN
    drive.service.consent = "allow"
    drive.service.state.add_file(drive.shared, "a.pdf")
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared}})


@pytest.fixture
def log_in(drive: Drive) -> Callable[..., Ended]:
    """Log in with an OAuth client of our own."""

    def run(*options: str, testing: bool = False) -> Ended:
        client = drive.home.path / "credentials" / "google-oauth-client.json"
        if not client.exists():
            drive.service.tokens.make_client_file(client, testing=testing)
        drive.home.browser = Person()
        return drive.home.run("auth", "google", "login", "--port", str(free_port()), *options)

    return run


# --- a person's login -----------------------------------------------------------------------


def test_a_login_asks_for_metadata_only_and_is_used_by_the_next_sync(
    drive: Drive, log_in: Callable[..., Ended]
) -> None:
    ended = log_in()
    assert ended.code == 0, ended.err
    assert f"logged in to Google as {ANN}" in ended.err
    assert drive.home.sync("D").status == "success"
    assert drive.home.paths() == ["/a.pdf"]
    row = shown_login(drive.home, "google")
    assert (row["flow"], row["user"], row["scopes"]) == ("user", ANN, [METADATA_READONLY])
    assert (row["state"], row["refresh_expires_at"], row["mode"]) == ("ok", None, "0600")
    (identity,) = drive.home.query("SELECT identity FROM sync_state")
    assert json.loads(identity["identity"])["user"] == ANN


def test_finding_drives_by_name_needs_one_scope_more(drive: Drive, log_in: Callable[..., Ended]) -> None:
    log_in("--discover")
    assert shown_login(drive.home, "google")["scopes"] == [READONLY]
    assert drive.home.sync("D").status == "success"


def test_a_login_is_refreshed_and_keeps_its_refresh_token(drive: Drive, log_in: Callable[..., Ended]) -> None:
    log_in()
    drive.service.clock.advance(3600)
    drive.service.reset()
    assert drive.home.sync("D").status == "success"
    assert token_requests(drive.service) == 1
    drive.service.clock.advance(3600)
    assert drive.home.sync("D").status == "success"


def test_a_refresh_token_that_comes_with_a_refresh_is_kept(drive: Drive, log_in: Callable[..., Ended]) -> None:
    log_in()
    (path,) = (drive.home.path / "tokens").glob("google-user-*.json")
    before = json.loads(path.read_bytes())["refresh_token"]
    drive.service.rotates_refresh_tokens = True
    drive.service.clock.advance(3600)
    drive.home.sync("D")
    assert json.loads(path.read_bytes())["refresh_token"] != before


def test_a_login_with_an_app_in_testing_is_warned_of_and_ends_after_seven_days(
    drive: Drive, log_in: Callable[..., Ended]
) -> None:
    ended = log_in(testing=True)
    assert ended.code == 0
    assert "however often it is used, as it does while the OAuth app's publishing status is Testing" in ended.err
    drive.service.clock.advance(3.5 * DAY)
    assert drive.home.sync("D").status == "success"
    assert shown_login(drive.home, "google")["days_left"] == 3.5
    drive.service.clock.advance(DAY)
    assert shown_login(drive.home, "google")["state"] == "expiring"
    drive.service.clock.advance(3 * DAY)
    refused = drive.home.run("sync", "--endpoint", "D")
    assert refused.code == 77
    assert "log in again: filesync auth google login" in refused.err
    assert "publish it, see 'Your own OAuth client' in OAUTH_SETUP.md" in refused.err
    assert drive.home.run("auth", "google", "status").code == 77


def test_a_login_that_was_ended_elsewhere_asks_for_another_and_is_sent_only_once(
    drive: Drive, log_in: Callable[..., Ended]
) -> None:
    log_in()
    drive.service.tokens.revoke_sign_ins()
    drive.service.revoke_tokens()
    drive.service.clock.advance(3600)
    drive.service.reset()
    for _ in range(3):
        assert drive.home.run("sync", "--endpoint", "D").code == 77
    assert token_requests(drive.service) == 1
    assert log_in().code == 0
    assert drive.home.sync("D").status == "success"


def test_a_scope_that_was_not_ticked_is_named_and_nothing_is_kept(drive: Drive, log_in: Callable[..., Ended]) -> None:
    drive.service.granted_scopes = frozenset({"https://www.googleapis.com/auth/drive.file"})
    ended = log_in()
    assert ended.code == 77
    assert not [*(drive.home.path / "tokens").glob("*.json")]


def test_an_api_that_is_off_is_told_at_the_login_already(drive: Drive, log_in: Callable[..., Ended]) -> None:
    drive.service.api_enabled = False
    ended = log_in()
    assert ended.code == 0
    assert "logged in, but Google does not say as whom" in ended.err
    refused = drive.home.run("sync", "--endpoint", "D")
    assert "Enable the Drive API" in refused.err
    drive.service.api_enabled = True
    assert drive.home.sync("D").status == "success"


def test_a_person_has_a_my_drive(drive: Drive, log_in: Callable[..., Ended]) -> None:
    log_in()
    drive.service.state.add_file(drive.service.state.root_of(ANN), "mine.pdf")
    drive.home.configure({"name": "Mine", "endpoint_details": {}})
    assert drive.home.sync("Mine").status == "success"
    assert drive.home.paths("Mine") == ["/mine.pdf"]


def test_another_person_stops_the_endpoint(drive: Drive, log_in: Callable[..., Ended]) -> None:
    log_in()
    drive.home.sync("D")
    bob = "bob@example.com"
    drive.service.state.add_user(bob)
    drive.service.signed_in = bob
    log_in()
    refused = drive.home.run("sync", "--endpoint", "D")
    assert refused.code == 77
    assert ANN in refused.err
    assert bob in refused.err
    assert "--accept-identity" in refused.err


def test_a_logout_ends_the_login_there_and_here(drive: Drive, log_in: Callable[..., Ended]) -> None:
    log_in()
    (path,) = (drive.home.path / "tokens").glob("google-user-*.json")
    kept = path.read_bytes()
    assert drive.home.run("auth", "google", "logout").code == 0
    assert not path.exists()
    path.touch(0o600)
    path.write_bytes(kept)
    assert drive.home.sync("D").error_type == "login"


BAD_CLIENTS = [
    ("nothing", "No such file or directory"),
    ("{", "it is not JSON"),
    ("{}", "it is no OAuth client"),
    ('{"type": "service_account"}', "it is no OAuth client"),
    ('{"installed": {"client_id": "x"}}', "it has no client_secret"),
]


@pytest.mark.parametrize(("text", "said"), BAD_CLIENTS)
def test_an_oauth_client_that_cannot_be_used_is_named(drive: Drive, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "client.json"
    if text != "nothing":
        path.write_text(text)
    ended = drive.home.run("auth", "google", "login", "--client", str(path))
    assert ended.code == 77
    assert f"OAuth client {path} cannot be used: {said}" in ended.err


# --- an authorised user's file --------------------------------------------------------------


@pytest.fixture
def user_file(drive: Drive, tmp_path: Path) -> Path:
    return drive.service.tokens.make_user_file(tmp_path / "user.json", ANN, [METADATA_READONLY])


def test_an_authorised_users_file_is_used_and_left_as_it_is(drive: Drive, user_file: Path) -> None:
    before = user_file.read_bytes()
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(user_file)
    drive.service.rotates_refresh_tokens = True
    for _ in range(2):
        assert drive.home.sync("D").status == "success"
        drive.service.clock.advance(3600)
    assert user_file.read_bytes() == before
    row = shown_login(drive.home, "google")
    assert (row["flow"], row["user"], row["file"]) == ("user", ANN, str(user_file))


def test_whose_the_file_is_is_asked_once(drive: Drive, user_file: Path) -> None:
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(user_file)
    for _ in range(3):
        drive.home.sync("D")
        drive.service.clock.advance(3600)
    assert drive.service.count("about.get") == 1


def test_a_subject_needs_a_service_account(drive: Drive, user_file: Path) -> None:
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(user_file)
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared, "subject": ANN}})
    ended = drive.home.run("sync", "--endpoint", "D")
    assert ended.code == 77
    assert f"subject {ANN} needs a service account's key" in ended.err


def test_a_file_without_the_scope_says_what_is_missing(drive: Drive, tmp_path: Path) -> None:
    scopes = ["https://www.googleapis.com/auth/drive.file"]
    path = drive.service.tokens.make_user_file(tmp_path / "user.json", ANN, scopes)
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(path)
    ended = drive.home.run("sync", "--endpoint", "D")
    assert ended.code == 77
    assert f"was not granted {METADATA_READONLY}" in ended.err


def test_an_oauth_client_in_the_place_of_a_login_is_explained(drive: Drive, tmp_path: Path) -> None:
    path = drive.service.tokens.make_client_file(tmp_path / "client.json")
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(path)
    ended = drive.home.run("sync", "--endpoint", "D")
    assert ended.code == 77
    assert "it is an OAuth client, not a login" in ended.err


# --- which one ------------------------------------------------------------------------------


def test_without_any_login_both_ways_to_one_are_named(drive: Drive) -> None:
    ended = drive.home.run("sync", "--endpoint", "D")
    assert ended.code == 77
    assert "put a service account's key at" in ended.err
    assert "filesync auth google login" in ended.err
    assert drive.home.run("auth", "google", "status").code == 77


def test_a_login_made_here_comes_before_the_files_of_other_programs(
    drive: Drive, log_in: Callable[..., Ended], user_file: Path
) -> None:
    drive.home.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(user_file)
    assert shown_login(drive.home, "google")["file"] == str(user_file)
    log_in()
    assert "google-user-" in shown_login(drive.home, "google")["file"]
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = "application_default"
    assert shown_login(drive.home, "google")["file"] == str(user_file)


def test_gclouds_file_is_found(drive: Drive, user_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "person" / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_bytes(user_file.read_bytes())
    drive.home.environ["HOME"] = str(tmp_path / "person")
    assert drive.home.sync("D").status == "success"
    drive.home.environ |= {"HOME": "", "CLOUDSDK_CONFIG": str(folder)}
    assert drive.home.sync("D").status == "success"


def test_a_login_that_is_not_used_is_told_so(drive: Drive, log_in: Callable[..., Ended], user_file: Path) -> None:
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = str(user_file)
    assert f"this login will not be used: {user_file} comes first" in log_in().err


# --- a machine's account --------------------------------------------------------------------


class Metadata(BaseHTTPRequestHandler):
    """The part of a metadata server that a login needs."""

    token = ""
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        known = self.headers.get("Metadata-Flavor") == "Google"
        about = {"email": "vm@project.example", "scopes": [], "aliases": ["default"]}
        token = {"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"}
        body = json.dumps(token if "/token" in self.path else about).encode()
        self.send_response(200 if known else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's signature
        """Stay silent."""


@pytest.fixture
def metadata(drive: Drive) -> Iterator[list[str]]:
    asked: list[str] = []
    token = drive.service.token_for(ANN, METADATA_READONLY)
    handler = type("Handler", (Metadata,), {"token": token, "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        drive.home.environ["GCE_METADATA_HOST"] = f"127.0.0.1:{server.server_address[1]}"
        yield asked
        server.shutdown()


def test_a_machines_account_is_used_when_it_is_asked_for(drive: Drive, metadata: list[str]) -> None:
    drive.home.environ["GOOGLE_CREDENTIALS_PATH"] = "application_default"
    assert drive.home.sync("D").status == "success"
    assert any(METADATA_READONLY.replace(":", "%3A").replace("/", "%2F") in path for path in metadata)
    (row,) = drive.home.query("SELECT identity FROM sync_state")
    assert json.loads(row["identity"]) == {"flow": "machine", "client": "vm@project.example", "user": ""}


def test_no_metadata_server_is_asked_that_nobody_chose(drive: Drive, metadata: list[str]) -> None:
    assert drive.home.run("sync", "--endpoint", "D").code == 77
    assert metadata == []


def test_where_there_is_no_such_machine_it_is_said(drive: Drive) -> None:
    drive.home.environ |= {
        "GOOGLE_CREDENTIALS_PATH": "application_default",
        "GCE_METADATA_HOST": f"127.0.0.1:{free_port()}",
    }
    ended = drive.home.run("sync", "--endpoint", "D")
    assert ended.code == 77
    assert "this is no machine of Google's cloud" in ended.err


def test_a_login_asks_for_what_the_configured_sets_need(drive: Drive, log_in: Callable[..., Ended]) -> None:
    log_in()
    drive.home.configure({"name": "Drive {drive_name}", "endpoint_details": {"drives": {"include": ["*"]}}})
    assert "--discover" in drive.home.run("auth", "google", "status").err
    log_in()
    assert shown_login(drive.home, "google")["scopes"] == [READONLY]
