"""Single odd answers that no simulator gives: an error that names the request, and nothing written."""

from pathlib import Path

import pytest
import responses

from tests.homes import Home

BASE = "https://acc.example.com"
PROJECT = "b.11111111-1111-4111-8111-111111111111"
HUB = "b.22222222-2222-4222-8222-222222222222"
FOLDER = "urn:adsk.wipprod:fs.folder:co.top"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.environ |= {
        "CONNECTOR_AUTODESK_CLIENT_ID": "client",
        "CONNECTOR_AUTODESK_CLIENT_SECRET": "not-a-secret",
        "CONNECTOR_AUTODESK_BASE_URL": BASE,
    }
    details = {"project_id": PROJECT, "hub_id": HUB}
    home.configure({"name": "P", "endpoint_type": "autodesk_construction_cloud", "endpoint_details": details})
    return home


@pytest.mark.parametrize(
    "contents",
    [
        {"data": {}},
        {"data": [{"type": "items", "attributes": {}}]},
        {"data": "none"},
        ["a list"],
        {"data": [{"type": "folders", "id": 7, "attributes": {"name": "x"}}]},
    ],
    ids=["no list", "no id", "text", "no object", "an id that is a number"],
)
def test_an_answer_that_the_api_does_not_promise_fails_and_names_the_request(home: Home, contents: object) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as service:
        service.post(f"{BASE}/authentication/v2/token", json={"access_token": "a", "expires_in": 3599})
        service.get(f"{BASE}/project/v1/hubs/{HUB}", json={"data": {"id": HUB, "attributes": {"name": "Hub"}}})
        root = {"rootFolder": {"data": {"id": "urn:root"}}}
        project = {"id": PROJECT, "attributes": {"name": "P"}, "relationships": root}
        service.get(f"{BASE}/project/v1/hubs/{HUB}/projects/{PROJECT}", json={"data": project})
        top = {"type": "folders", "id": FOLDER, "attributes": {"name": "Project Files"}}
        service.get(f"{BASE}/project/v1/hubs/{HUB}/projects/{PROJECT}/topFolders", json={"data": [top]})
        service.get(f"{BASE}/data/v1/projects/{PROJECT}/folders/{FOLDER}/contents", json=contents)
        outcome = home.sync()
    assert (outcome.status, outcome.error_type) == ("failed", "bad_answer"), outcome
    assert "/contents" in str(outcome.error_message)
    assert home.files() == {}
