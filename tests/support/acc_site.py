"""A simulated ACC with one project, and a client for it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests

from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator
from filesync.simulators.clock import SimulatedClock

DM_TYPE = "application/vnd.api+json"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Site:
    """A simulator with one project, and a client that is logged in to it."""

    def __init__(self, acc: AccSimulator, session: requests.Session) -> None:
        self.acc = acc
        self.session = session
        self.hub = acc.add_hub()
        self.project = acc.add_project(self.hub)
        self.root = acc.project_files(self.project)
        self.headers: dict[str, str] = {}
        self.log_in()

    def log_in(self, client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET, scope: str = "data:read") -> None:
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = self.ask_token(form, auth=(client_id, client_secret))
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    @property
    def token_url(self) -> str:
        return f"{self.acc.base_url}/authentication/v2/token"

    def ask_token(self, form: dict[str, str], **more: Any) -> requests.Response:
        return self.session.post(self.token_url, data=form, timeout=5, **more)

    def get(self, path: str, headers: dict[str, str] | None = None, /, **query: str) -> requests.Response:
        url = path if path.startswith("http") else self.acc.base_url + path
        return self.session.get(url, params=query, headers={**self.headers, **(headers or {})}, timeout=5)

    def pages(self, folder: str, **query: str) -> Iterator[Any]:
        url = f"{self.contents(folder)}?" + "&".join(f"{quote(name)}={text}" for name, text in query.items())
        while url:
            page = self.get(url).json()
            yield page
            url = page["links"].get("next", {}).get("href", "")

    def names(self, folder: str, **query: str) -> list[str]:
        """List sub-folders and files of a folder by name, in the order of the pages."""
        found = []
        for page in self.pages(folder, **query):
            tips = {tip["id"]: tip["attributes"]["name"] for tip in page.get("included", [])}
            found += [name_of(entry, tips) for entry in page["data"]]
        return found

    def command(self, *ids: str, content_type: str = DM_TYPE, **changes: Any) -> requests.Response:
        body = json.dumps({**_command(*ids), **changes})
        headers = {**self.headers, "Content-Type": content_type}
        url = f"{self.acc.base_url}/data/v1/projects/{self.project}/commands"
        return self.session.post(url, data=body, headers=headers, timeout=5)

    def rollup(self, folder: str) -> str:
        return str(self.get(self.folder(folder)).json()["data"]["attributes"]["lastModifiedTimeRollup"])

    def top_names(self, headers: dict[str, str] | None = None, **query: str) -> list[str]:
        answer = self.get(f"{self.in_hub()}/topFolders", headers, **query)
        return [entry["attributes"]["name"] for entry in answer.json()["data"]]

    def in_hub(self) -> str:
        return f"/project/v1/hubs/{self.hub}/projects/{self.project}"

    def folder(self, folder: str) -> str:
        return f"/data/v1/projects/{self.project}/folders/{quote(folder, safe='')}"

    def contents(self, folder: str) -> str:
        return f"{self.folder(folder)}/contents"

    def item(self, file: str) -> str:
        return f"/data/v1/projects/{self.project}/items/{quote(file, safe='')}"


def name_of(entry: Any, tips: dict[str, str]) -> str:
    if entry["type"] == "folders":
        return str(entry["attributes"]["name"])
    return tips[entry["relationships"]["tip"]["data"]["id"]]


def _command(*ids: str) -> dict[str, Any]:
    extension = {"type": "commands:autodesk.core:ListItems", "version": "1.1.0", "data": {"includePathInProject": True}}
    resources = {"data": [{"type": "items", "id": urn} for urn in ids]}
    data = {"type": "commands", "attributes": {"extension": extension}, "relationships": {"resources": resources}}
    return {"jsonapi": {"version": "1.0"}, "data": data}


def code_of(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body["errors"][0]["code"] if "errors" in body else body.get(
        "errorCode", body.get("error")
    )


@contextmanager
def running() -> Iterator[Site]:
    """Serve a site whose clock moves only when it is told to."""
    with AccSimulator(SimulatedClock(START, frozen=True)) as acc, requests.Session() as session:
        yield Site(acc, session)
