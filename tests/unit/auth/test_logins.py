"""The two logins over real sockets: what they send, what they keep, and what they say when refused."""

import base64
import json
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from filesync.auth.autodesk import App, LoginService, TwoLegged, app_of
from filesync.auth.google import GoogleServiceAccount, read_credentials
from filesync.auth.google.credentials_file import GoogleServiceAccountKey
from filesync.core.errors import AuthError, ResponseError
from filesync.http import Authoriser, Secret
from tests import ROOT as CHECKOUT
from tests.support.http_loopback import PAGE, START, Handler, Request, Say, Script, Service, World, running

SECRET = "not-a-secret"
SCOPE = "https://www.googleapis.com/auth/drive.metadata.readonly"


class TokenGiver(Service):
    """Gives numbered tokens at any address that ends in /token, and plays its script elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.logins: list[Request] = []
        self.refusal: Script | None = None

    def take(self, request: Request) -> Script:
        if not request.path.endswith("/token"):
            return super().take(request)
        self.logins.append(request)
        return self.refusal or Say(200, {"access_token": f"token-{len(self.logins)}", "expires_in": 3599})

    def demand(self, number: int) -> None:
        """Accept that token only."""

        def check(handler: Handler) -> None:
            good = handler.headers["Authorization"] == f"Bearer token-{number}"
            Say(200 if good else 401)(handler)

        self.says(check)


@pytest.fixture
def service() -> Iterator[TokenGiver]:
    service = TokenGiver()
    with running(service):
        yield service


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.connector.close()


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def key_fields(private_key: rsa.RSAPrivateKey, service: TokenGiver) -> dict[str, Any]:
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "client_email": "robot@project.example",
        "private_key_id": "key-1",
        "private_key": pem.decode(),
        "token_uri": f"{service.url}/token",
    }


@pytest.fixture
def key_path(tmp_path: Path, key_fields: dict[str, Any]) -> Path:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key_fields))
    return path


def autodesk(world: World, service: Service, folder: Path, user: str | None = None) -> TwoLegged:
    app = App("client-1", Secret(SECRET), service.url)
    return TwoLegged(LoginService(app, world.connector), world.connector, folder / "tokens", act_as_user=user)


def google(world: World, path: Path, folder: Path, subject: str | None = None) -> GoogleServiceAccount:
    return GoogleServiceAccount(read_key(path), world.connector, folder / "tokens", subject=subject)


def read_key(path: Path) -> GoogleServiceAccountKey:
    key = read_credentials(path, "GOOGLE_CREDENTIALS_PATH")
    assert isinstance(key, GoogleServiceAccountKey)
    return key


def form_of(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def test_an_app_proves_itself_in_the_header_only(world: World, service: TokenGiver, tmp_path: Path) -> None:
    headers = autodesk(world, service, tmp_path).headers()
    (login,) = service.logins
    assert headers == {"Authorization": "Bearer token-1"}
    assert (login.method, login.path) == ("POST", "/authentication/v2/token")
    assert form_of(login) == {"grant_type": "client_credentials", "scope": "data:read"}
    assert login.headers["Authorization"] == "Basic " + base64.b64encode(b"client-1:not-a-secret").decode()
    assert world.counters.requests == 0


def test_an_app_can_act_as_a_user_with_the_same_token(world: World, service: TokenGiver, tmp_path: Path) -> None:
    autodesk(world, service, tmp_path).headers()
    headers = autodesk(world, service, tmp_path, user="user-1").headers()
    assert headers == {"Authorization": "Bearer token-1", "x-user-id": "user-1"}
    assert len(service.logins) == 1


def test_a_login_is_read_from_the_environment() -> None:
    app = app_of({"CONNECTOR_AUTODESK_CLIENT_ID": "a", "CONNECTOR_AUTODESK_CLIENT_SECRET": SECRET})
    assert (app.client_id, app.client_secret.reveal(), app.base_url) == (
        "a",
        SECRET,
        "https://developer.api.autodesk.com",
    )
    assert SECRET not in repr(app)


@pytest.mark.parametrize("missing", ["CONNECTOR_AUTODESK_CLIENT_ID", "CONNECTOR_AUTODESK_CLIENT_SECRET"])
@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_missing_variable_is_named(missing: str, blank: str | None) -> None:
    variables = {"CONNECTOR_AUTODESK_CLIENT_ID": "a", "CONNECTOR_AUTODESK_CLIENT_SECRET": "b"}
    del variables[missing]
    if blank is not None:
        variables[missing] = blank
    with pytest.raises(AuthError, match=rf"^{missing} is not set.*OAUTH_SETUP\.md"):
        app_of(variables)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_app_is_told_why_and_what_to_do(
    world: World, service: TokenGiver, tmp_path: Path, status: int
) -> None:
    service.refusal = Say(status, {"error": "invalid_client", "error_description": f"no\nsuch {SECRET}"})
    with pytest.raises(AuthError, match=r"invalid_client no such \*\*redacted\*\*;.*OAUTH_SETUP\.md") as raised:
        autodesk(world, service, tmp_path).headers()
    text = str(raised.value)
    assert (raised.value.exit_code, len(service.logins), text.isprintable()) == (77, 1, True)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_the_gateways_refusal_is_understood_too(world: World, service: TokenGiver, tmp_path: Path) -> None:
    service.refusal = Say(403, {"errorCode": "AUTH-001", "developerMessage": "no access to the api product"})
    with pytest.raises(AuthError, match="AUTH-001 no access to the api product"):
        autodesk(world, service, tmp_path).headers()


BAD_TOKENS = [
    {},
    {"access_token": 7},
    {"access_token": ""},
    {"access_token": "a\nb"},
]


@pytest.mark.parametrize("body", BAD_TOKENS)
def test_an_answer_without_a_token_is_no_login(
    world: World, service: TokenGiver, tmp_path: Path, body: dict[str, object]
) -> None:
    service.refusal = Say(200, body)
    with pytest.raises(ResponseError, match="/authentication/v2/token: "):
        autodesk(world, service, tmp_path).headers()


@pytest.fixture(params=["autodesk", "google"])
def authoriser(
    request: pytest.FixtureRequest, world: World, service: TokenGiver, key_path: Path, tmp_path: Path
) -> Authoriser:
    return autodesk(world, service, tmp_path) if request.param == "autodesk" else google(world, key_path, tmp_path)


def test_many_rejected_threads_renew_once(world: World, service: TokenGiver, authoriser: Authoriser) -> None:
    connection = world.connect(service.url, authoriser=authoriser)
    connection.get(PAGE, "/pages")
    together = threading.Barrier(8)
    arrived: list[str] = []

    def check(handler: Handler) -> None:
        token = handler.headers["Authorization"]
        if token == "Bearer token-1" and len(arrived) < 8:
            arrived.append(token)
            together.wait(10)  # all eight are rejected before any is renewed
        Say(200 if token == "Bearer token-2" else 401)(handler)

    service.says(check)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(connection.get(PAGE, "/pages").status)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert len(service.logins) == 2


def test_a_new_token_that_is_rejected_too_is_final(world: World, service: TokenGiver, authoriser: Authoriser) -> None:
    service.demand(99)
    with pytest.raises(AuthError, match="log in again"):
        world.connect(service.url, authoriser=authoriser).get(PAGE, "/pages")
    assert (len(service.requests), len(service.logins)) == (2, 2)


def test_tokens_and_keys_never_show(world: World, service: TokenGiver, authoriser: Authoriser) -> None:
    def echo(handler: Handler) -> None:
        Say(400, {"detail": f"bad header {handler.headers['Authorization']}"})(handler)

    service.says(echo)
    with pytest.raises(Exception, match="bad header Bearer") as raised:
        world.connect(service.url, authoriser=authoriser).get(PAGE, "/pages")
    assert "token-1" not in "".join(traceback.format_exception(raised.value))


def test_a_service_account_signs_who_it_is(
    world: World, service: TokenGiver, key_path: Path, tmp_path: Path, private_key: rsa.RSAPrivateKey
) -> None:
    from google.auth import jwt  # noqa: PLC0415  a test elsewhere counts what the logins import

    assert google(world, key_path, tmp_path).headers() == {"Authorization": "Bearer token-1"}
    (login,) = service.logins
    form = form_of(login)
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert jwt.decode_header(form["assertion"]) == {"typ": "JWT", "alg": "RS256", "kid": "key-1"}
    public = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    skew = 10**10  # the fake clock's day is long ago, or far ahead
    begin = int(START.timestamp())
    assert jwt.decode(form["assertion"], certs=public, audience=f"{service.url}/token", clock_skew_in_seconds=skew) == {
        "iss": "robot@project.example",
        "scope": SCOPE,
        "aud": f"{service.url}/token",
        "iat": begin,
        "exp": begin + 3600,
    }


def test_a_service_account_can_stand_for_a_user(
    world: World, service: TokenGiver, key_path: Path, tmp_path: Path
) -> None:
    google(world, key_path, tmp_path).headers()
    google(world, key_path, tmp_path, subject="user@example.com").headers()
    claims = [json.loads(_unpadded(form_of(login)["assertion"].split(".")[1])) for login in service.logins]
    assert [each.get("sub") for each in claims] == [None, "user@example.com"]


def test_a_service_accounts_token_is_kept(world: World, service: TokenGiver, key_path: Path, tmp_path: Path) -> None:
    for _ in range(3):
        google(world, key_path, tmp_path).headers()
    assert len(service.logins) == 1


ADVICE = [
    (400, "invalid_grant", "check this machine's clock"),
    (401, "unauthorized_client", "domain-wide delegation"),
    (403, "access_denied", "check the service account"),
]


@pytest.mark.parametrize(("status", "reason", "advice"), ADVICE)
def test_a_refused_service_account_is_told_what_to_do(
    world: World, service: TokenGiver, key_path: Path, tmp_path: Path, status: int, reason: str, advice: str
) -> None:
    service.refusal = Say(status, {"error": reason, "error_description": "Bad Request"})
    with pytest.raises(AuthError, match=rf"{status} {reason} Bad Request; .*{advice}.*OAUTH_SETUP\.md") as raised:
        google(world, key_path, tmp_path).headers()
    assert raised.value.exit_code == 77
    assert form_of(service.logins[0])["assertion"] not in "".join(traceback.format_exception(raised.value))


BAD_KEYS: list[tuple[dict[str, Any], str]] = [
    ({"type": "gdch_service_account"}, "type 'gdch_service_account' are not supported, .*"),
    ({"client_email": None}, "no client_email"),
    ({"private_key": ""}, "no private_key"),
    ({"private_key_id": 7}, "no private_key_id"),
    ({"token_uri": None}, "no token_uri"),
    ({"token_uri": "http://oauth2.example/token"}, "neither https nor on this machine"),
    ({"token_uri": "nonsense"}, "neither https nor on this machine"),
    ({"private_key": "not-a-secret"}, "private_key cannot be read"),
]


@pytest.mark.parametrize(("change", "text"), BAD_KEYS)
def test_a_key_file_that_cannot_be_used_is_named(
    world: World, service: TokenGiver, key_path: Path, tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    key_path.write_text(json.dumps({**json.loads(key_path.read_text()), **change}))
    with pytest.raises(
        AuthError, match=rf"^GOOGLE_CREDENTIALS_PATH: .*key\.json .*{text}; see .* in OAUTH_SETUP\.md"
    ) as raised:
        google(world, key_path, tmp_path).headers()
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert service.logins == []


def test_a_key_that_is_no_rsa_key_is_named(world: World, service: TokenGiver, key_path: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_path.write_text(json.dumps({**json.loads(key_path.read_text()), "private_key": pem.decode()}))
    with pytest.raises(AuthError, match="its private_key cannot be read"):
        google(world, key_path, tmp_path).headers()
    assert service.logins == []


@pytest.mark.parametrize(
    "content", ['{"type": "service_account", "private_key": "not-a-secr', "[]", "", "\xff", "[" * 99_999]
)
def test_a_key_file_that_is_half_there_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(AuthError, match=r"^GOOGLE_CREDENTIALS_PATH: .*key\.json .*OAUTH_SETUP\.md") as raised:
        read_key(path)
    assert "not-a-secr" not in "".join(traceback.format_exception(raised.value))


def test_a_key_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        AuthError, match=r"^GOOGLE_CREDENTIALS_PATH: .*nowhere.*No such file or directory.*OAUTH_SETUP\.md"
    ):
        read_key(tmp_path / "nowhere")
    with pytest.raises(AuthError, match=r"^GOOGLE_CREDENTIALS_PATH: .*Is a directory"):
        read_key(tmp_path)


def test_importing_http_and_the_logins_imports_nothing_of_googles() -> None:
    code = (
        "import sys, filesync.http, filesync.auth.google, filesync.auth.autodesk;"
        "print([name for name in sys.modules if name.partition('.')[0] in ('google', 'googleapiclient', 'httplib2')])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=CHECKOUT, capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_a_login_lives_on_when_its_token_expires(
    world: World, service: TokenGiver, key_path: Path, tmp_path: Path
) -> None:
    login = google(world, key_path, tmp_path)
    for _ in range(3):
        login.headers()
        world.clock.advance(3600)
    assert len(service.logins) == 3


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("life", [None, "soon", 1e300, -5, True, [], "3599"])
def test_an_odd_life_of_a_token_is_no_reason_to_lose_it(
    world: World, service: TokenGiver, tmp_path: Path, life: Any
) -> None:
    service.refusal = Say(200, {"access_token": "token-1", "expires_in": life})
    assert autodesk(world, service, tmp_path).headers() == {"Authorization": "Bearer token-1"}
