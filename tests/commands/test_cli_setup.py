"""init, config, schema and endpoints: from an empty folder to a home that a person can trust."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from filesync.core.model import RemoteFolder
from tests.support.cli_home import CliHome, file


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    return CliHome(tmp_path / "home")


def test_init_makes_a_home_that_can_be_checked(home: CliHome) -> None:
    result = home.run("init")
    assert result.code == 0
    assert "filesync config check" in result.err
    assert {Path(line) for line in result.out.splitlines()} >= {home.path / "config", home.path / "env.example"}
    (home.path / "config" / "connector.example.yaml").rename(home.config)
    (home.path / "env.example").rename(home.path / ".env")
    assert home.run("config", "check").code == 0


def test_init_keeps_secrets_private(home: CliHome) -> None:
    home.run("init")
    modes = {name: stat.S_IMODE((home.path / name).stat().st_mode) for name in ("tokens", "credentials")}
    assert modes == {"tokens": 0o700, "credentials": 0o700}


def test_init_overwrites_nothing(home: CliHome) -> None:
    home.run("init")
    example = home.path / "env.example"
    example.write_text("mine", encoding="utf-8")
    assert home.run("init").out == ""
    assert example.read_text(encoding="utf-8") == "mine"


def test_init_takes_a_folder(home: CliHome, tmp_path: Path) -> None:
    home.path.mkdir()
    assert home.run("init", "../other").code == 0
    assert (tmp_path / "other" / "config" / "connector.example.yaml").exists()


def test_init_below_a_file_is_one_line(home: CliHome) -> None:
    home.path.mkdir()
    (home.path / "file").write_text("", encoding="utf-8")
    result = home.run("init", "file/home")
    assert (result.code, result.err.count("\n")) == (1, 1)


def test_check_says_what_listing_costs(home: CliHome) -> None:
    home.configure({"name": "A"}, {"name": "B"}, rate_limit_percent=50)
    folders = [RemoteFolder(f"f{number}", f"F{number}", "root") for number in range(299)]
    home.show("A", *(file(f"{number}.txt") for number in range(400)), folders=folders)
    home.show("B").error = OSError()
    home.shown["B"].error = None
    home.sync("A")
    result = home.run("config", "check")
    assert "2 endpoints, 2 active" in result.out
    assert "400 files in 300 folders; a listing takes about 302 requests, 2.0 min at 150/min" in result.out
    assert "known after the first sync" in result.out
    first, second = home.run("config", "check", "--json").document["endpoints"]
    assert (first["requests"], first["minutes"], second["requests"]) == (302, 2.01, None)


def test_check_points_out_what_is_hardly_meant(home: CliHome) -> None:
    home.configure({"name": "A", "project_id": "b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb"})
    result = home.run("config", "check")
    assert result.code == 0
    assert "note: " in result.err
    label, login = home.run("config", "check", "--json").document["notices"]
    assert "your own label" in label
    assert "CONNECTOR_AUTODESK_CLIENT_ID" in login


def test_check_knows_what_a_misspelt_variable_should_be(home: CliHome) -> None:
    home.configure({"name": "A", "project_id": "${CONNECTOR_AUTODESK_CLIENT_ID_2}"})
    lines = (
        "CONNECTOR_AUTODESK_CLIENTID=x",
        "CONNECTOR_AUTODESK_CLIENT_SECRET_FILE=secret",
        "CONNECTOR_AUTODESK_CLIENT_ID_2=x",  # connector.yaml has it
        "DATABASE_NAME=x",  # another program's, as the next ones
        "GOOGLE_MAPS_KEY=x",
        "AUTODESK_CLIENT_ID=x",
    )
    (home.path / "secret").write_text("x", encoding="utf-8")
    (home.path / ".env").write_text("\n".join(lines), encoding="utf-8")
    said = "nothing reads CONNECTOR_AUTODESK_CLIENTID; did you mean CONNECTOR_AUTODESK_CLIENT_ID?"
    result = home.run("config", "check")
    assert (result.code, result.err.count("did you mean")) == (0, 1)
    assert f"note: .env: {said}" in result.err
    assert any(said in each for each in home.run("config", "check", "--json").document["notices"])


@pytest.mark.parametrize("keep", [True, False])
def test_the_demo_says_what_becomes_of_its_home(home: CliHome, keep: bool) -> None:
    home.path.mkdir()
    result = home.run("demo", *(["--keep", "demo"] if keep else []))
    assert result.code == 0
    assert ("its home is deleted" in result.out) is not keep
    assert ("Its services have ended" in result.out) is keep
    assert (home.path / "demo").exists() is keep


def test_show_masks_secrets(home: CliHome) -> None:
    home.configure({"name": "A"})
    (home.path / ".env").write_text("CONNECTOR_AUTODESK_CLIENT_SECRET=not-a-secret-but-hidden\n", encoding="utf-8")
    for argv in (["config", "show"], ["config", "show", "--json"]):
        out = home.run(*argv).out
        assert "not-a-secret-but-hidden" not in out
        document = yaml.safe_load(out)
        assert document["environment"]["CONNECTOR_AUTODESK_CLIENT_SECRET"] == "********"
        assert document["environment"]["CONNECTOR_AUTODESK_CLIENT_ID"] is None
        assert document["endpoints"][0]["reconcile_every"] == "6h"


def test_show_keeps_variables_as_written(home: CliHome) -> None:
    details = {"project_id": "b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb", "folder_id": "${FOLDER}"}
    home.configure({"name": "A", "endpoint_details": details})
    environ = {"FOLDER": "urn:adsk.wipprod:fs.folder:co.abc"}
    shown = home.run("config", "show", "--json", environ=environ).document
    assert shown["endpoints"][0]["endpoint_details"]["folder_id"] == "${FOLDER}"


def test_the_schema_is_json_schema(home: CliHome) -> None:
    document = json.loads(home.run("schema").out)
    assert "endpoints" in document["properties"]


def test_endpoints_are_listed_with_their_filters_in_words(home: CliHome) -> None:
    details = {
        "project_id": "b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb",
        "file_types": ["rvt", "dwg"],
        "modified_after": "2026-01-01",
        "modified_before": "1d",
        "exclude": ["**/Archive/**"],
    }
    home.configure({"name": "A", "endpoint_details": details}, {"name": "B", "is_active": False})
    out = home.run("endpoints").out
    assert "dwg, rvt; from 2026-01-01; before 1d ago; without **/Archive/**" in out
    rows = home.run("endpoints", "--json").document["endpoints"]
    assert [(row["name"], row["is_active"]) for row in rows] == [("A", True), ("B", False)]
    assert rows[0]["schedule"] == {"type": "interval", "interval_minutes": 5}
