"""Canaries in the wrong place: a key where its path, an address or a name belongs comes out nowhere."""

import base64
import gzip
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from filesync.core.errors import ConfigError
from filesync.core.key_material import forms_of, is_key_material, is_no_path, passwords_of, without_passwords
from filesync.core.redaction import Redactor
from filesync.runtime.environment import ADDRESSES, PATHS, is_secret
from filesync.runtime.settings import DEFAULTS, find_home, load_settings
from filesync.simulators.keys import to_pem
from tests.homes import Drive, Ended, Home
from tests.in_process import in_memory
from tests.test_canaries import COMMANDS

PEM = to_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
BODY = "".join(PEM.split("-----")[2].split())
ACCOUNT = {"type": "service_account", "project_id": "canary-project", "private_key": PEM, "client_id": "1"}
JSON = json.dumps(ACCOUNT, indent=2)
BASE64 = base64.b64encode(JSON.encode()).decode()
PASSWORD = "canary-word-7f3a"
SHAPES: Mapping[str, str] = {
    "json": JSON,
    "json on one line": json.dumps(ACCOUNT),
    "json in base64": BASE64,
    "json in urlsafe base64, lines of 76": base64.encodebytes(JSON.encode()).decode().translate({43: 45, 47: 95}),
    "pem": PEM,
    "pem on one line": PEM.replace("\n", "\\n"),
    "pem in base64": base64.b64encode(PEM.encode()).decode(),
    "user:password@": f"https://robot:{PASSWORD}@files.example.com/key.json",
}
ODD_SHAPES: Mapping[str, str] = {
    "base64 that was cut": BASE64[:301],
    "base64 twice": base64.b64encode(BASE64.encode()).decode(),
    "base64 of UTF-16": base64.b64encode(JSON.encode("utf-16")).decode(),
    "base64 of gzip": base64.b64encode(gzip.compress(JSON.encode())).decode(),
    "a data address": f"data:application/json;base64,{BASE64}",
    "hexadecimal": JSON.encode().hex(),
    "percent-encoded": urllib.parse.quote(JSON),
    "json as a JSON string": json.dumps(JSON),
    "pem without header": BODY,
    "quotes around it": f"'{JSON}'",
    "begins with a byte order mark": f"\ufeff{JSON}",
}
NETWORK = {name for name in ADDRESSES if name.upper().endswith("_PROXY")}  # there a password can be meant
VARIABLES = [
    *(name for name in (*PATHS, *ADDRESSES)),
    *(name for name in DEFAULTS if name not in PATHS and name not in ADDRESSES),
    *(f"{name}_FILE" for name in DEFAULTS),
]
LOOKS = [["sync", "--all"], ["config", "show"], ["doctor", "--offline", "-v"]]
READ_NO_SETTINGS = {"init", "schema", "schedule"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.environ |= {
        "CONNECTOR_AUTODESK_CLIENT_ID": "app",
        "CONNECTOR_AUTODESK_CLIENT_SECRET": "app-secret",
        "CONNECTOR_AUTODESK_BASE_URL": "http://127.0.0.1:1",
        "CONNECTOR_GOOGLE_BASE_URL": "http://127.0.0.1:1",
        "HOME": str(tmp_path),
    }
    (tmp_path / "logs").mkdir()
    write_config(tmp_path, {})
    return home


def write_config(home: Path, *changes: Mapping[str, Any]) -> None:
    endpoints = [{"name": "Drive", "endpoint_type": "google_drive", "endpoint_details": {"drive_id": "0AAbcDEF"}}]
    document: dict[str, Any] = {"endpoints": endpoints}
    for change in changes:
        document |= change
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "connector.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def pieces_of(secret: str) -> Iterator[str]:
    """Give parts that would be seen if the secret was shown, also in other clothes."""
    if PASSWORD in secret:
        yield PASSWORD
        return
    yield from (secret[at : at + 24] for at in range(0, len(secret) - 24, 24))
    yield from (BODY[at : at + 24] for at in range(0, len(BODY) - 24, 24))


def all_of(home: Path, *ended: Ended) -> str:
    """Collect everything that came out, and everything that was left but for what we wrote ourselves."""
    left = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".yaml" and path.name != ".env"]
    return "\n".join(
        [*(f"{each.out}{each.err}" for each in ended), *(path.read_bytes().decode("latin-1") for path in left)]
    )


def assert_hidden(secret: str, shown: str, what: str) -> None:
    for piece in pieces_of(secret):
        at = shown.find(piece)
        assert at < 0, f"{what} was shown: {shown[max(at - 200, 0) : at]}"


def is_meant(name: str, shape: str) -> bool:
    """Tell whether a value is right there: a proxy's password; a secret's own variable takes any word."""
    takes_words = is_secret(name) and not (name.endswith("CLIENT_SECRET") and is_key_material(SHAPES[shape]))
    return (name in NETWORK and shape == "user:password@") or takes_words


def settings_of(home: Home, name: str, value: str) -> str:
    """Read the settings as every command does first; give what it says of a variable, '' for nothing."""
    environ = {**home.environ, name: value}
    try:
        load_settings(find_home(None, environ, home.path), environ)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("shape", SHAPES)
def test_every_variable_is_refused_by_name_and_not_repeated(home: Home, shape: str) -> None:
    for name in VARIABLES:
        if is_meant(name, shape) or (shape == "user:password@" and name not in {*PATHS, *ADDRESSES}):
            continue
        said = settings_of(home, name, SHAPES[shape])
        assert f"{name}: " in said, f"{shape} in {name} is taken"
        assert_hidden(SHAPES[shape], said, f"{shape} in {name}")


@pytest.mark.parametrize("shape", ["json in base64", "pem on one line", "user:password@"])
def test_no_command_shows_what_belongs_in_a_file(home: Home, shape: str) -> None:
    wrong = {name: SHAPES[shape] for name in (*PATHS, *ADDRESSES) if name != "FILESYNC_HOME"}
    for command in [*COMMANDS, ["snapshot", "copy.db"], ["auth", "google", "login"], ["doctor", "--offline", "-v"]]:
        if command in (["doctor"], ["doctor", "--json"]):
            continue  # they would look for the proxy's host
        ended = home.run(*command, **wrong)
        assert_hidden(SHAPES[shape], all_of(home.path, ended), f"{shape} with {' '.join(command)}")
        if command[0] not in READ_NO_SETTINGS:
            assert ended.code == (1 if command[0] == "doctor" else 78), command
        if command[0] not in {"doctor", *READ_NO_SETTINGS}:
            assert "GOOGLE_APPLICATION_CREDENTIALS: the path of a file is needed, not what is in it" in ended.err


@pytest.mark.parametrize(
    "where", ["in .env", "as an argument", "in the home's variable", "in a file that NAME_FILE names"]
)
def test_wherever_a_value_comes_from_it_is_not_repeated(home: Home, where: str) -> None:
    for shape, secret in SHAPES.items():
        (home.path / ".env").unlink(missing_ok=True)
        if where == "in .env":
            (home.path / ".env").write_text(f"GOOGLE_APPLICATION_CREDENTIALS='{secret}'\n", encoding="utf-8")
            ended = [home.run(*command) for command in LOOKS]
        elif where == "as an argument":
            ended = [home.run(option, secret, "status") for option in ("--home", "--config")]
            ended += [home.run(f"{option}={secret}", "status") for option in ("--home", "--config")]
        elif where == "in the home's variable":
            ended = [home.run(*command, FILESYNC_HOME=secret) for command in (*LOOKS, ["init"])]
        else:
            (home.path / "key").write_text(secret, encoding="utf-8")
            ended = [home.run(*command, GOOGLE_APPLICATION_CREDENTIALS_FILE="key") for command in LOOKS]
            (home.path / "key").unlink()
        assert_hidden(secret, all_of(home.path, *ended), f"{shape} {where}")
        assert {each.code for each in ended} <= {78, 1}
        assert ended[0].code == 78, shape


@pytest.mark.parametrize("shape", [*SHAPES, *ODD_SHAPES])
def test_a_key_is_known_in_every_dress(shape: str) -> None:
    secret = {**SHAPES, **ODD_SHAPES}[shape]
    assert is_no_path(secret)
    forms = set(forms_of(secret))
    assert secret in forms
    if shape not in {"user:password@", "base64 that was cut", "base64 of gzip", "pem without header"}:
        assert is_key_material(secret)
        assert set(PEM.splitlines()[1:-1]) <= forms  # the key's lines, wherever they are quoted


@pytest.mark.parametrize(
    "path",
    [
        *("credentials/google-service-account.json", "/run/secrets/google", "~/keys/robot.json", "./a b/ü.json"),
        *("application_default", "MIIa/MIIb.json", "/home/eyJh/key", "C:\\keys\\key.json", "robot@example.com.json"),
        "/srv/" + "deep/" * 100 + "key.json",
    ],
)
def test_a_path_is_a_path(path: str) -> None:
    assert not is_no_path(path)
    assert not is_key_material(path)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://robot:canary/7f3a@proxy:3128", "http://robot:***@proxy:3128"),  # a slash that nobody escaped
        ("robot:canary-7f3a@proxy:3128", "robot:***@proxy:3128"),  # no scheme, as proxies are often written
        ("postgres://robot:canary%407f3a@db/x?sslpassword=canary-2", "postgres://robot:***@db/x?sslpassword=***"),
        ("https://canary-token-of-a-robot@host/x", "https://***@host/x"),
        ("https://host:443/a@b", "https://host:443/a@b"),
    ],
)
def test_passwords_in_addresses_are_known(address: str, shown: str) -> None:
    assert without_passwords(address) == shown
    redactor = Redactor()
    for password in passwords_of(address):
        redactor.hide(password)
    assert ("canary" in redactor.scrub(f"cannot connect to {address}")) == ("canary" in shown)


def test_base64_in_lines_in_env_is_no_list_of_variables_and_not_repeated(home: Home) -> None:
    lines = base64.encodebytes(JSON.encode()).decode()
    (home.path / ".env").write_text(f"GOOGLE_CREDENTIALS_PATH={lines}", encoding="utf-8")
    ended = [home.run(*command) for command in LOOKS]
    assert [each.code for each in ended] == [78, 78, 1]
    assert_hidden(lines, all_of(home.path, *ended), "base64 in lines")


@pytest.mark.parametrize("shape", ["json", "json in base64", "pem on one line"])
def test_what_is_refused_is_known_before_anything_can_quote_it(home: Home, shape: str) -> None:
    (home.path / ".env").write_text(f"GOOGLE_APPLICATION_CREDENTIALS='{SHAPES[shape]}'\n", encoding="utf-8")
    given = in_memory(home.environ, home.path, home.clock).home
    with pytest.raises(ConfigError):
        _ = given.settings
    for piece in (SHAPES[shape], *PEM.splitlines()[5:9]):  # lines of the key that nothing else gives away
        assert piece not in given.redactor.scrub(f"cannot read {piece}")


def test_a_misspelt_variable_shows_nothing_and_stops_nothing(home: Home) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIAL", "GOOGLE_CREDENTIALS", "CONNECTOR_GOOGLE_KEY"):
        ended = home.run("config", "show", **{name: BASE64})
        assert ended.code == 0
        assert_hidden(BASE64, f"{ended}", name)


def test_a_server_that_is_to_show_facts_does_not_start_with_a_key_in_a_path(home: Home) -> None:
    ended = home.cli("serve-health", "--port", "0", GOOGLE_APPLICATION_CREDENTIALS=BASE64)
    assert ended.code == 78
    assert_hidden(BASE64, f"{ended}", "serve-health")


def test_a_word_that_may_be_the_secret_itself_is_not_repeated(home: Home) -> None:
    word = "canary7f3aWithoutAnyLook"
    (home.path / ".env").write_text(f"GOOGLE_CREDENTIALS_PATH={word}\n", encoding="utf-8")
    ended = [home.run(*command) for command in [*LOOKS, ["auth", "google", "status", "--json"], ["endpoints", "check"]]]
    assert ended[0].code == 77
    assert "GOOGLE_CREDENTIALS_PATH" in ended[0].err
    assert word not in all_of(home.path, *ended)
    said = home.run(
        "config", "show", GOOGLE_CREDENTIALS_PATH="", CONNECTOR_AUTODESK_CLIENT_ID="", FILESYNC_HEALTH_TOKEN_FILE=word
    )
    assert said.code == 78
    assert "FILESYNC_HEALTH_TOKEN_FILE: there is no such file" in said.err
    assert word not in said.err


def keys_of_the_file(secret: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Put a secret in every kind of place that connector.yaml has."""
    endpoint = {"name": "D", "endpoint_type": "google_drive", "endpoint_details": {"drive_id": "0AAbcDEF"}}
    for key in ("service_account_path", "google_credentials_path", "google_credential_path", "client_id", "auth"):
        yield key, {"credentials": {"set": {key: secret}}}
    yield "a set's name", {"credentials": {secret: {"client_id": "x"}}, "endpoints": [{**endpoint, "credentials": "y"}]}
    for key in ("name", "project_id", "user_id", "credentials", "endpoint_type", "time_limit", "nmae"):
        yield key, {"endpoints": [{**endpoint, key: secret}]}
    yield "a key", {"endpoints": [{**endpoint, secret: "x"}]}
    for key in ("drive_id", "folder_id", "subject", "drvie_id"):
        yield key, {"endpoints": [{**endpoint, "endpoint_details": {key: secret}}]}
    yield "cron", {"defaults": {"schedule": {"type": "cron", "cron": secret}}}
    yield "timezone", {"defaults": {"schedule": {"type": "cron", "cron": "* * * * *", "timezone": secret}}}
    yield "expected_unreadable", {"defaults": {"expected_unreadable": [secret]}}
    yield "url", {"notify": {"hook": {"type": "webhook", "url": secret}}}
    yield "type", {"notify": {"hook": {"type": secret}}}
    yield "program", {"notify": {"run": {"type": "command", "command": [secret]}}}
    yield "argument", {"notify": {"run": {"type": "command", "command": ["/bin/true", secret]}}}
    yield "a target's name", {"notify": {secret: {"type": "ping", "url": "https://example.com"}}}
    yield "a top-level key", {secret: "x"}
    yield "rate_limit_percent", {"rate_limit_percent": secret}


@pytest.mark.parametrize("shape", ["json on one line", "json in base64", "pem", "user:password@"])
def test_no_key_of_the_file_shows_what_belongs_in_another(home: Home, shape: str) -> None:
    for key, change in keys_of_the_file(SHAPES[shape]):
        write_config(home.path, change)
        ended = home.run("config", "check")
        if shape != "user:password@":
            assert ended.code == 78, key
        if ended.code == 78:
            assert_hidden(SHAPES[shape], f"{ended}", f"{shape} in {key}")


def test_a_good_path_of_a_good_key_is_shown_and_used(drive: Drive) -> None:
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared}})
    path = drive.home.path / "credentials" / "google-service-account.json"
    shown = drive.home.run("config", "show", GOOGLE_CREDENTIALS_PATH=str(path))
    assert str(path) in shown.out
    assert drive.home.run("sync", "--all", GOOGLE_CREDENTIALS_PATH=str(path)).code == 0
