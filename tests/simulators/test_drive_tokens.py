"""The simulated Drive's token endpoint."""

import base64
import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import METADATA_READONLY, READONLY, GoogleDrive
from tests.support.drive_client import ANNA, BEN, Client

ROBOT = "robot@simulated.example"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture(scope="module")
def clock() -> SimulatedClock:
    return SimulatedClock(frozen=True)


@pytest.fixture(scope="module")
def drive(clock: SimulatedClock) -> Iterator[GoogleDrive]:
    with GoogleDrive(clock) as service:
        service.state.add_user(ANNA)
        service.state.add_user(BEN)
        yield service


@pytest.fixture(scope="module")
def key(drive: GoogleDrive, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("keys") / "key.json"
    found: dict[str, str] = json.loads(drive.make_key_file(path, ROBOT, [ANNA]).read_text())
    return found


def encode(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def assertion(key: dict[str, str], algorithm: str = "RS256", **claims: Any) -> str:
    """Sign the claims; None takes one away."""
    now = int(time.time())
    usual = {"iss": ROBOT, "aud": key["token_uri"], "iat": now, "exp": now + 3600, "scope": READONLY}
    body = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    signed = f"{encode({'alg': algorithm, 'typ': 'JWT'})}.{encode(body)}"
    private = serialization.load_pem_private_key(key["private_key"].encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return f"{signed}.{encode(private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def ask(drive: GoogleDrive, **form: str) -> requests.Response:
    return requests.post(f"{drive.base_url}/token", data=form, timeout=10)


def ask_with(drive: GoogleDrive, proof: str) -> tuple[int, str]:
    answer = ask(drive, grant_type=GRANT, assertion=proof)
    return answer.status_code, answer.json().get("error", "")


def test_a_key_file_is_for_its_owner_only(drive: GoogleDrive, tmp_path: Path) -> None:
    path = drive.make_key_file(tmp_path / "key.json", "second@simulated.example")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    about = json.loads(path.read_text())
    assert (about["type"], about["client_email"]) == ("service_account", "second@simulated.example")
    assert about["token_uri"] == f"{drive.base_url}/token"


def test_a_good_assertion_gets_a_token(drive: GoogleDrive, key: dict[str, str]) -> None:
    answer = ask(drive, grant_type=GRANT, assertion=assertion(key)).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    url = f"{drive.base_url}/drive/v3/about"
    about = requests.get(url, params={"fields": "user"}, headers=headers, timeout=10).json()
    assert about["user"]["emailAddress"] == ROBOT


def test_a_service_accounts_my_drive_is_its_own_and_empty(drive: GoogleDrive, key: dict[str, str]) -> None:
    drive.state.add_file(drive.state.root_of(ANNA), "a")
    robot = Client(drive, key["client_email"])
    assert robot.get("files/root")["id"] not in (drive.state.root_of(ANNA), drive.state.root_of(BEN))
    assert robot.names() == []
    robot.session.close()


@pytest.mark.parametrize(
    ("claims", "refusal"),
    [
        ({"iss": "stranger@simulated.example"}, (400, "invalid_grant")),
        ({"iss": None}, (400, "invalid_grant")),
        ({"aud": "https://elsewhere.example/token"}, (400, "invalid_grant")),
        ({"aud": None}, (400, "invalid_grant")),
        ({"scope": ""}, (400, "invalid_scope")),
        ({"scope": None}, (400, "invalid_scope")),
        ({"scope": "https://www.googleapis.com/auth/invented"}, (400, "invalid_scope")),
        ({"iat": None}, (400, "invalid_grant")),
        ({"exp": None}, (400, "invalid_grant")),
        ({"exp": "soon"}, (400, "invalid_grant")),
        ({"exp": 5_000_000_000}, (400, "invalid_grant")),
        ({"iat": 1, "exp": 3600}, (400, "invalid_grant")),
        ({"iat": 5_000_000_000, "exp": 5_000_000_100}, (400, "invalid_grant")),
        ({"sub": BEN}, (401, "unauthorized_client")),
        ({"sub": "stranger@example.com"}, (401, "unauthorized_client")),
        ({"sub": ANNA}, (200, "")),
        ({"sub": ROBOT}, (200, "")),
        ({"algorithm": "none"}, (400, "invalid_grant")),
        ({"algorithm": "HS256"}, (400, "invalid_grant")),
    ],
)
def test_every_claim_is_checked(
    drive: GoogleDrive, key: dict[str, str], claims: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert ask_with(drive, assertion(key, **claims)) == refusal


def test_a_foreign_signature_is_refused(drive: GoogleDrive, key: dict[str, str], tmp_path: Path) -> None:
    other = json.loads(drive.make_key_file(tmp_path / "other.json", "other@simulated.example").read_text())
    assert ask_with(drive, assertion(other)) == (400, "invalid_grant")
    head, _, signature = assertion(key).split(".")
    claims = assertion(key, scope=METADATA_READONLY).split(".")[1]
    assert ask_with(drive, f"{head}.{claims}.{signature}") == (400, "invalid_grant")


@pytest.mark.parametrize("proof", ["", "x", "a.b.c", f"{encode([])}.{encode([])}.x", f"{encode({})}.{encode({})}."])
def test_what_is_no_assertion_is_refused(drive: GoogleDrive, proof: str) -> None:
    assert ask_with(drive, proof)[0] == 400


def test_other_grants_are_refused(drive: GoogleDrive, key: dict[str, str]) -> None:
    assert ask(drive, grant_type="password").json()["error"] == "unsupported_grant_type"
    assert ask(drive, assertion=assertion(key)).json()["error"] == "unsupported_grant_type"
    as_json = requests.post(f"{drive.base_url}/token", json={"grant_type": GRANT}, timeout=10)
    assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")


def test_a_delegated_token_is_the_users(drive: GoogleDrive, key: dict[str, str]) -> None:
    file = drive.state.add_file(drive.state.root_of(ANNA), "a")
    token = ask(drive, grant_type=GRANT, assertion=assertion(key, sub=ANNA)).json()["access_token"]
    url = f"{drive.base_url}/drive/v3/files/{file}"
    assert requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 200


def test_a_token_has_the_scopes_that_were_asked_for(drive: GoogleDrive, key: dict[str, str]) -> None:
    proof = assertion(key, scope=METADATA_READONLY)
    token = ask(drive, grant_type=GRANT, assertion=proof).json()["access_token"]
    answers = [
        requests.get(f"{drive.base_url}/drive/v3/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=10)
        for path in ("files", "drives")
    ]
    assert [answer.status_code for answer in answers] == [200, 403]


def test_a_token_ends_after_an_hour_or_when_it_is_revoked(drive: GoogleDrive, clock: SimulatedClock) -> None:
    anna = Client(drive, ANNA)
    anna.get("files")
    clock.advance(3600)
    assert anna.refusal("files") == (401, "authError", "Authorization")
    anna.session.headers["Authorization"] = f"Bearer {drive.token_for(ANNA)}"
    anna.get("files")
    drive.revoke_tokens()
    assert anna.refusal("files") == (401, "authError", "Authorization")
    anna.session.close()


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nothing", "Basic nothing"])
def test_without_a_token_nothing_is_told(drive: GoogleDrive, header: str) -> None:
    answer = requests.get(f"{drive.base_url}/drive/v3/files", headers={"Authorization": header}, timeout=10)
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_a_sign_in_can_be_refreshed_until_it_is_revoked(drive: GoogleDrive, tmp_path: Path) -> None:
    path = drive.tokens.make_user_file(tmp_path / "user.json", ANNA, [READONLY])
    about = json.loads(path.read_text())
    form = {name: about[name] for name in ("client_id", "client_secret", "refresh_token")}
    assert ask(drive, grant_type="refresh_token", **form).json()["scope"] == READONLY
    wrong = ask(drive, grant_type="refresh_token", **(form | {"client_secret": "not-a-secret"}))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    wide = ask(drive, grant_type="refresh_token", scope=METADATA_READONLY, **form)
    assert wide.json()["error"] == "invalid_scope"
    drive.tokens.revoke_sign_ins()
    dead = ask(drive, grant_type="refresh_token", **form)
    assert dead.status_code == 400
    assert dead.json() == {"error": "invalid_grant", "error_description": "Bad Request"}
