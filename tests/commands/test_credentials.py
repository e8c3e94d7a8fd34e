"""Named credentials: whole sets that take the environment's place, checked beforehand, and never shown."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from filesync.config import Config, ConfigProblems, load_config
from filesync.runtime.settings import load_settings
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET
from filesync.simulators.faults import status
from tests.support.homes import READER, Acc, Drive

PROJECT = "b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb"
PARTNER = {"client_id": "partner-app", "client_secret": "${PARTNER_KEY}"}
SECRET = "canary-of-the-partner"


def load(home: Path, endpoint: dict[str, Any], **credentials: Any) -> Config:
    kind = {"name": "P", "endpoint_type": "autodesk_construction_cloud"}
    document = {"endpoints": [{**kind, **endpoint}], "credentials": credentials}
    file = home / "connector.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    environ = {
        "CONNECTOR_AUTODESK_CLIENT_ID": CLIENT_ID,
        "CONNECTOR_AUTODESK_CLIENT_SECRET": CLIENT_SECRET,
        "CONNECTOR_AUTODESK_AUTH": "service_account",
        "CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH": "robot.json",
        "CONNECTOR_AUTODESK_BASE_URL": "http://127.0.0.1:1",
        "GOOGLE_CREDENTIALS_PATH": "google.json",
        "PARTNER_KEY": SECRET,
    }
    return load_config(file, load_settings(home, environ))


def mistake(home: Path, endpoint: dict[str, Any], **credentials: Any) -> str:
    with pytest.raises(ConfigProblems) as caught:
        load(home, endpoint, **credentials)
    return str(caught.value)


def of_project(**more: Any) -> dict[str, Any]:
    return {"endpoint_details": {"project_id": PROJECT, **more}, "credentials": "partner"}


def test_an_endpoint_is_read_with_its_own_set(acc: Acc) -> None:
    acc.service.add_app("partner-app", SECRET)
    partners_hub = acc.service.add_hub("Partner")
    partners = acc.service.add_project(partners_hub, "Theirs")
    acc.service.add_app(CLIENT_ID, CLIENT_SECRET, hubs=[acc.hub])
    acc.service.add_app("partner-app", SECRET, hubs=[partners_hub])
    acc.home.configure(
        {"name": "Ours", "endpoint_details": {"project_id": acc.project}},
        {"name": "Theirs", "credentials": "partner", "endpoint_details": {"project_id": partners}},
        credentials={"partner": PARTNER},
    )
    ended = acc.home.run("sync", "--all", PARTNER_KEY=SECRET)
    assert ended.code == 0, ended.err
    clients = {request.client for request in acc.service.requests if not request.token}
    assert clients == {CLIENT_ID, "partner-app"}


def test_a_google_endpoint_is_read_with_its_own_key(drive: Drive) -> None:
    state = drive.service.state
    state.add_user("partner@example.com")
    theirs = state.add_drive("Theirs", "partner@example.com")
    drive.service.make_key_file(drive.home.path / "credentials" / "partner.json", "partner@example.com")
    drive.home.configure(
        {"name": "Ours", "endpoint_details": {"drive_id": drive.shared}},
        {"name": "Theirs", "credentials": "partner", "endpoint_details": {"drive_id": theirs}},
        credentials={"partner": {"google_credentials_path": "credentials/partner.json"}},
    )
    ended = drive.home.run("sync", "--all")
    assert ended.code == 0, ended.err
    clients = {request.client for request in drive.service.requests if not request.token}
    assert clients == {READER, "partner@example.com"}


def test_a_set_is_never_mixed_with_the_environment_but_for_addresses(tmp_path: Path) -> None:
    config = load(tmp_path, of_project(), partner={**PARTNER, "client_secret": SECRET})
    variables = config.settings_for("partner").variables
    assert variables["CONNECTOR_AUTODESK_CLIENT_ID"] == "partner-app"
    assert variables["CONNECTOR_AUTODESK_CLIENT_SECRET"] == SECRET
    for name in ("CONNECTOR_AUTODESK_AUTH", "CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH", "GOOGLE_CREDENTIALS_PATH"):
        assert variables[name] == ""
    assert variables["CONNECTOR_AUTODESK_BASE_URL"] == "http://127.0.0.1:1"


def test_a_set_wins_over_a_variable_that_a_file_holds(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("from-a-file", encoding="utf-8")
    settings = load_settings(tmp_path, {"CONNECTOR_AUTODESK_CLIENT_ID_FILE": "id"})
    assert settings.variables["CONNECTOR_AUTODESK_CLIENT_ID"] == "from-a-file"
    own = settings.with_credentials("partner", {"CONNECTOR_AUTODESK_CLIENT_ID": ""})
    assert own.variables["CONNECTOR_AUTODESK_CLIENT_ID"] == ""
    assert own.credentials == "partner"


def test_credentials_under_defaults_hold_for_every_endpoint(tmp_path: Path) -> None:
    file = tmp_path / "connector.yaml"
    details = {"project_id": PROJECT}
    endpoints = [{"name": "P", "endpoint_type": "autodesk_construction_cloud", "endpoint_details": details}]
    document = {
        "defaults": {"credentials": "partner"},
        "endpoints": endpoints,
        "credentials": {"partner": {"client_id": "x", "client_secret": "y" * 9}},
    }
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    config = load_config(file, load_settings(tmp_path, {}))
    assert [endpoint.credentials for endpoint in config.endpoints] == ["partner"]
    assert config.notices == ()


@pytest.mark.parametrize(
    ("given", "lack"),
    [
        ({"client_secret": "s" * 9}, "client_id"),
        ({"client_id": "app"}, "client_secret"),
        ({"client_id": "app", "auth": "two_legged"}, "client_secret"),
        ({"client_id": "app", "client_secret": "s" * 9, "auth": "service_account"}, "service_account_path"),
    ],
)
def test_a_set_that_lacks_what_autodesk_needs_is_a_mistake(tmp_path: Path, given: dict[str, str], lack: str) -> None:
    assert f"endpoints[0].credentials: credentials 'partner' lack {lack}" in mistake(
        tmp_path, of_project(), partner=given
    )


def test_a_public_app_needs_no_secret(tmp_path: Path) -> None:
    config = load(tmp_path, of_project(), partner={"client_id": "app", "auth": "three_legged"})
    assert config.endpoints[0].credentials == "partner"


def test_act_as_user_must_agree_with_the_sets_login_not_with_the_environments(tmp_path: Path) -> None:
    load(tmp_path, of_project(act_as_user="U1"), partner={**PARTNER, "auth": "two_legged"})  # the environment's is not
    found = mistake(tmp_path, of_project(act_as_user="U1"), partner={**PARTNER, "auth": "three_legged"})
    assert "act_as_user needs the two-legged login, but auth of credentials 'partner' is three_legged" in found
    own = {"endpoint_details": {"project_id": PROJECT, "act_as_user": "U1"}}
    assert "but CONNECTOR_AUTODESK_AUTH is service_account" in mistake(tmp_path, own)


def test_my_drive_of_a_service_account_is_looked_at_in_the_sets_own_file(tmp_path: Path) -> None:
    (tmp_path / "google.json").write_text('{"type": "authorized_user"}', encoding="utf-8")
    (tmp_path / "robot.json").write_text('{"type": "service_account"}', encoding="utf-8")
    drive = {"endpoint_type": "google_drive"}
    load(tmp_path, drive)
    found = mistake(tmp_path, {**drive, "credentials": "robot"}, robot={"google_credentials_path": "robot.json"})
    assert "a service account has no My Drive worth listing" in found


def test_a_set_that_nobody_uses_is_pointed_out(tmp_path: Path) -> None:
    config = load(tmp_path, {"endpoint_details": {"project_id": PROJECT}}, partner=PARTNER)
    assert [(note.path, note.message) for note in config.notices] == [
        ("credentials.partner", "no endpoint says credentials: partner, so this set is not used")
    ]


def test_who_logs_in_is_told_by_service(tmp_path: Path) -> None:
    config = load(tmp_path, of_project(), partner=PARTNER, unused=PARTNER)
    autodesk = config.credential_sets("autodesk")
    assert [name for name, _ in autodesk] == ["", "partner"]
    assert [variables["CONNECTOR_AUTODESK_CLIENT_ID"] for _, variables in autodesk] == [CLIENT_ID, "partner-app"]
    assert [name for name, _ in config.credential_sets("google")] == [""]


# --- secrets --------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [SECRET, "${PARTNER_KEY}"])
def test_a_secret_shows_nowhere_wherever_it_comes_from(acc: Acc, written: str) -> None:
    acc.service.add_app("partner-app", SECRET)
    endpoint = {"name": "P", "credentials": "partner", "endpoint_details": {"project_id": acc.project}}
    acc.home.configure(endpoint, credentials={"partner": {**PARTNER, "client_secret": written}})
    echo = json.dumps({"errors": [{"code": "X", "detail": f"you said {SECRET}"}]}).encode()
    acc.service.faults.fail(status(400, echo), times=None)
    shown = ""
    for arguments in (
        ("sync", "--all", "-v"),
        ("sync", "--all", "--json"),
        ("endpoints", "check", "--json"),
        ("endpoints", "--json"),
        ("status", "--json"),
        ("logs", "--json"),
        ("config", "show"),
        ("config", "show", "--json"),
        ("config", "check", "--json"),
    ):
        ended = acc.home.run(*arguments, PARTNER_KEY=SECRET)
        shown += ended.out + ended.err
    assert "you said **redacted**" in shown
    assert SECRET not in shown
    assert SECRET.encode() not in acc.home.database.read_bytes()


def test_a_secret_is_hidden_before_anybody_logged_in_with_it(acc: Acc) -> None:
    endpoint = {"name": "P", "endpoint_details": {"project_id": acc.project}}
    acc.home.configure(endpoint, credentials={"partner": {**PARTNER, "client_secret": SECRET}})
    echo = json.dumps({"errors": [{"code": "X", "detail": f"you said {SECRET}"}]}).encode()
    acc.service.faults.fail(status(400, echo), times=None)
    ended = acc.home.run("sync", "--all")
    assert "you said **redacted**" in ended.err


def test_config_show_has_the_sets_with_their_secrets_masked(acc: Acc) -> None:
    endpoint = {"name": "P", "credentials": "partner", "endpoint_details": {"project_id": acc.project}}
    acc.home.configure(endpoint, credentials={"partner": {**PARTNER, "client_secret": SECRET}})
    document = yaml.safe_load(acc.home.run("config", "show").out)
    assert document["credentials"] == {"partner": {"client_id": "partner-app", "client_secret": "********"}}
    assert document["endpoints"][0]["credentials"] == "partner"


@pytest.mark.parametrize("start", ["*", "!"])
def test_a_secret_that_yaml_takes_for_something_else_is_not_repeated(tmp_path: Path, start: str) -> None:
    file = tmp_path / "connector.yaml"
    file.write_text(f"endpoints: []\ncredentials:\n  p:\n    client_secret: {start}{SECRET}\n", encoding="utf-8")
    with pytest.raises(ConfigProblems) as caught:
        load_config(file, load_settings(tmp_path, {}))
    assert SECRET not in str(caught.value)
    assert ":4:20: " in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        f"endpoints: []\ncredentials: {SECRET}\n",
        f"endpoints: []\ncredentials: [{SECRET}]\n",
        f"endpoints: []\ncredentials: {{partner: {SECRET}}}\n",
        f"endpoints: []\ncredentials: {{partner: {{auth: {SECRET}}}}}\n",
        f"endpoints: []\ncredentials: {{partner: {{client_id: [{SECRET}]}}}}\n",
        f"endpoints: []\ndefaults: {{credentials: {SECRET}}}\n",
        f"endpoints: [{{name: P, credentials: {SECRET}}}]\n",
        f"endpoints: [{{name: P, credentials: {SECRET}}}]\ncredentials: {{partner: {{client_id: x}}}}\n",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(acc: Acc, written: str) -> None:
    (acc.home.path / "config" / "connector.yaml").write_text(written, encoding="utf-8")
    ended = acc.home.run("config", "check")
    assert ended.code == 78
    assert "credentials" in ended.err
    assert SECRET not in ended.err + ended.out


KEYS = [
    json.dumps({"private_key": SECRET}),
    f"-----BEGIN PRIVATE KEY-----{SECRET}",
    f"one\n{SECRET}",
    f'${{NOT_SET:-{{"private_key": "{SECRET}"}}',
]


@pytest.mark.parametrize("command", ["config check", "config show", "sync", "status"])
@pytest.mark.parametrize("written", KEYS)
def test_a_keys_content_in_the_place_of_its_path_is_a_mistake_and_not_repeated(
    drive: Drive, written: str, command: str
) -> None:
    endpoint = {"name": "D", "credentials": "partner", "endpoint_details": {"drive_id": drive.shared}}
    drive.home.configure(endpoint, credentials={"partner": {"google_credentials_path": written}})
    ended = drive.home.run(*command.split())
    assert ended.code == 78
    assert "google_credentials_path: the path of a file is needed, not what is in it" in ended.err
    assert SECRET not in ended.out + ended.err


def test_a_secret_on_the_wrong_line_of_the_environment_is_not_repeated(acc: Acc) -> None:
    ended = acc.home.run("config", "show", CONNECTOR_AUTODESK_AUTH=SECRET)
    assert ended.code == 78
    assert SECRET not in ended.err


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("credentials/partner.json", "credentials/partner.json"),
        ("${FILE_OF_GOOGLE}", "${FILE_OF_GOOGLE}"),
        (f'${{FILE_OF_GOOGLE:-{{"private_key": "{SECRET}"}}', "********"),
    ],
)
def test_config_show_shows_paths_and_no_key(drive: Drive, written: str, shown: str) -> None:
    endpoint = {"name": "D", "credentials": "partner", "endpoint_details": {"drive_id": drive.shared}}
    drive.home.configure(endpoint, credentials={"partner": {"google_credentials_path": written}})
    ended = drive.home.run("config", "show", "--json", FILE_OF_GOOGLE="x.json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["credentials"] == {"partner": {"google_credentials_path": shown}}
    assert SECRET not in ended.out + ended.err
