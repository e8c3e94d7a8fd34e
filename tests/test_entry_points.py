"""Other people's providers: a package that is installed beside filesync is found by its entry point and used."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from filesync.core.errors import ConfigError
from filesync.providers.registry import kind_of, known_types
from tests.example_provider import EXAMPLE

ROOT = Path(__file__).parent.parent


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one archive as its endpoint."""
    (tmp_path / "config").mkdir()
    write_config(tmp_path, "shelf", index="archive/index.json")
    write_index(tmp_path, {"plan": "a.pdf"})
    return tmp_path


def write_config(home: Path, endpoint_type: str, **details: str) -> None:
    endpoint = {"name": "Archive", "endpoint_type": endpoint_type, "endpoint_details": details}
    (home / "config" / "connector.yaml").write_text(yaml.safe_dump({"endpoints": [endpoint]}), encoding="utf-8")


def write_index(home: Path, files: dict[str, str]) -> None:
    items = {"plans": {"name": "Plans", "parent": "root"}}
    for id_, name in files.items():
        items[id_] = {"name": name, "parent": "plans", "size": 12, "version": 1}  # type: ignore[dict-item]
    (home / "archive").mkdir(exist_ok=True)
    (home / "archive" / "index.json").write_text(json.dumps({"items": items}), encoding="utf-8")


def install(folder: Path, **entries: str) -> Path:
    """Put into a folder what an installer leaves of a package: its metadata; the modules stay where they are."""
    metadata = folder / "filesync_shelf-1.0.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: filesync-shelf\nVersion: 1.0.0\n")
    lines = [f"{name} = {address}" for name, address in entries.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[filesync.providers]", *lines, ""]))
    return folder


def filesync(home: Path, *arguments: str, site: Path) -> subprocess.CompletedProcess[str]:
    """Run the program as cron does, with that folder of installed packages."""
    path = f"{ROOT}:{EXAMPLE}:{site}"
    return subprocess.run(
        [sys.executable, "-m", "filesync", "--home", str(home), *arguments],
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def entries_of_the_example() -> dict[str, str]:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries: dict[str, str] = project["entry-points"]["filesync.providers"]
    return entries


def test_an_installed_provider_is_checked_synced_and_shown_like_our_own(home: Path) -> None:
    site = install(home / "site", **entries_of_the_example())
    checked = filesync(home, "config", "check", site=site)
    assert checked.returncode == 0, checked.stderr
    synced = filesync(home, "sync", site=site)
    assert (synced.returncode, synced.stdout, synced.stderr) == (0, "", "")
    write_index(home, {"plan": "renamed.pdf", "new": "b.DWG"})
    assert filesync(home, "sync", "--all", site=site).returncode == 0
    listed = filesync(home, "files", "--jsonl", site=site).stdout.splitlines()
    rows = [json.loads(line) for line in listed]
    assert [(row["file_path"], row["file_type"]) for row in rows] == [
        ("/Plans/b.DWG", "dwg"),
        ("/Plans/renamed.pdf", "pdf"),
    ]
    told = filesync(home, "changes", "--jsonl", site=site).stdout.splitlines()
    assert [json.loads(line)["kind"] for line in told] == ["created", "renamed", "created"]


def test_a_mistake_in_its_details_is_told_with_its_line(home: Path) -> None:
    write_config(home, "shelf", indx="archive/index.json")
    checked = filesync(home, "config", "check", site=install(home / "site", **entries_of_the_example()))
    assert checked.returncode == 78
    assert "did you mean index" in checked.stderr
    assert "connector.yaml:3" in checked.stderr


def test_its_own_errors_reach_the_user_as_one_line_and_an_exit_code(home: Path) -> None:
    (home / "archive" / "index.json").unlink()
    synced = filesync(home, "sync", site=install(home / "site", **entries_of_the_example()))
    assert synced.returncode == 75
    assert "index cannot be read" in synced.stderr
    assert "Traceback" not in synced.stderr


def test_a_type_that_no_package_offers_is_a_mistake_that_names_the_ones_there_are(home: Path) -> None:
    write_config(home, "shelv", index="archive/index.json")
    checked = filesync(home, "config", "check", site=install(home / "site", **entries_of_the_example()))
    assert checked.returncode == 78
    assert "did you mean shelf" in checked.stderr


@pytest.mark.parametrize("address", ["filesync_shelf_that_is_not_there:KIND", "filesync_shelf:NOTHING"])
def test_a_package_that_cannot_be_loaded_is_named(home: Path, address: str) -> None:
    checked = filesync(home, "config", "check", site=install(home / "site", shelf=address))
    assert checked.returncode == 78
    assert "shelf cannot be loaded" in checked.stderr


def test_a_package_cannot_take_the_place_of_our_own_types(home: Path) -> None:
    site = install(home / "site", google_drive="filesync_shelf:KIND")
    write_config(home, "google_drive", index="archive/index.json")
    checked = filesync(home, "config", "check", site=site)
    assert checked.returncode == 78
    assert "index" in checked.stderr


def test_our_own_types_need_no_entry_point() -> None:
    assert known_types()[:2] == ("autodesk_construction_cloud", "google_drive")
    with pytest.raises(ConfigError, match="did you mean google_drive"):
        kind_of("googledrive")
