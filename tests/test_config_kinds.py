"""The table of providers: ours, and those that other packages bring."""

from pathlib import Path

import pytest

from filesync.config import ConfigProblems, load_config
from filesync.core.errors import ConfigError
from filesync.providers.registry import kind_of, known_types
from filesync.runtime.settings import load_settings

CODE = """
from pydantic import BaseModel



class Details(BaseModel):
    model_config = {"extra": "forbid"}
    bucket: str


class Kind:
    def details(self):
        return Details

    def scope(self, details):
        return {"bucket": details.bucket}


KIND = Kind()
"""


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with two entry points, one of which cannot be imported."""
    (tmp_path / "filesync_bucket.py").write_text(CODE)
    facts = tmp_path / "filesync_bucket-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: filesync-bucket\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[filesync.providers]\nbucket_test = filesync_bucket:KIND\nbroken_test = filesync_nowhere:KIND\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_built_in_types_are_known() -> None:
    assert known_types()[:2] == ("autodesk_construction_cloud", "google_drive")


def test_another_packages_type_reads_its_own_details(other_package: Path) -> None:
    file = other_package / "c.yaml"
    file.write_text(
        "defaults: {endpoint_details: {file_types: [pdf]}}\n"
        "endpoints:\n"
        "  - {name: B, endpoint_type: bucket_test, endpoint_details: {bucket: b1}}\n"
    )
    (endpoint,) = load_config(file, load_settings(other_package, {})).endpoints
    assert endpoint.scope == {"bucket": "b1"}
    assert endpoint.selection.file_types == frozenset()  # its model has no filters, so none are inherited
    assert endpoint.kind is kind_of("bucket_test")


def test_another_packages_details_are_checked_like_ours(other_package: Path) -> None:
    file = other_package / "c.yaml"
    file.write_text("endpoints:\n  - {name: B, endpoint_type: bucket_test, endpoint_details: {buckt: b1}}\n")
    with pytest.raises(ConfigProblems) as caught:
        load_config(file, load_settings(other_package, {}))
    assert [each.path for each in caught.value.mistakes] == [
        "endpoints[0].endpoint_details.bucket",
        "endpoints[0].endpoint_details.buckt",
    ]
    assert "did you mean bucket?" in str(caught.value)


def test_a_package_that_cannot_be_imported_is_named(other_package: Path) -> None:
    assert "broken_test" in known_types()
    with pytest.raises(ConfigError, match="provides broken_test cannot be loaded: No module named 'filesync_nowhere'"):
        kind_of("broken_test")


def test_an_unknown_type_says_what_is_known() -> None:
    with pytest.raises(ConfigError, match="did you mean google_drive"):
        kind_of("google-drive")
