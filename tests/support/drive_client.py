"""A user of the simulated Drive, with an access token and nothing clever."""

from collections.abc import Iterator
from typing import Any

import requests

from filesync.simulators.drive import GoogleDrive

ANNA, BEN = "anna@example.com", "ben@example.com"
DRIVES = {"supportsAllDrives": "true", "includeItemsFromAllDrives": "true"}


class Client:
    def __init__(self, drive: GoogleDrive, email: str, *scopes: str) -> None:
        self.drive = drive
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {drive.token_for(email, *scopes)}"

    def answer(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(f"{self.drive.base_url}/drive/v3/{path}", params=query, timeout=10)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.answer(path, **query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            page = self.get(path, **query, **token)
            yield page
            if "nextPageToken" not in page:
                return
            token = {"pageToken": page["nextPageToken"]}

    def names(self, q: str = "trashed=false", **query: Any) -> list[str]:
        pages = self.pages("files", q=q, fields="nextPageToken,files(name)", **query)
        return sorted(file["name"] for page in pages for file in page["files"])

    def refusal(self, path: str, **query: Any) -> tuple[int, str, str | None]:
        answer = self.answer(path, **query)
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        return answer.status_code, error["errors"][0]["reason"], error["errors"][0].get("location")
