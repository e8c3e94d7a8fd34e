"""The requests we make, each by the route that allows it; answers are judged elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from filesync.http import Answer, Connection
from filesync.providers.autodesk import routes

PAGE = {"page[limit]": "200"}  # the most the service gives
MOST_ITEMS = 50  # that one ListItems command takes

_JSON_API = "application/vnd.api+json"


@dataclass(frozen=True, slots=True)
class Hubs:
    """A connection, for what is above any project; `flow` is the kind of its login. Safe to share between threads."""

    connection: Connection
    flow: str

    def hubs(self) -> Answer:
        return self.connection.get(routes.HUBS, "/project/v1/hubs")

    def hub(self, hub_id: str) -> Answer:
        return self.connection.get(routes.HUB, f"/project/v1/hubs/{_quoted(hub_id)}")

    def projects(self, hub_id: str) -> Answer:
        """Ask for the first page of a hub's projects."""
        return self.connection.get(routes.PROJECTS, f"/project/v1/hubs/{_quoted(hub_id)}/projects", PAGE)

    def projects_page(self, href: str, *, after: str, seen: set[str]) -> Answer:
        """Follow a link to the next page; one that leads elsewhere or in a circle is refused."""
        return self.connection.get(routes.PROJECTS, self.connection.next_link(href, after=after, seen=seen))


@dataclass(frozen=True, slots=True)
class Service(Hubs):
    """A connection and the project it is about; safe to share between threads."""

    project_id: str
    top_folder_query: Mapping[str, str] = field(default_factory=dict)

    def project(self, hub_id: str) -> Answer:
        return self.connection.get(routes.PROJECT, self._project_in(hub_id))

    def top_folders(self, hub_id: str) -> Answer:
        return self.connection.get(routes.TOP_FOLDERS, f"{self._project_in(hub_id)}/topFolders", self.top_folder_query)

    def folder(self, folder_id: str) -> Answer:
        return self.connection.get(routes.FOLDER, f"{self._data}/folders/{_quoted(folder_id)}")

    def contents(self, folder_id: str) -> Answer:
        """Ask for the first page of a folder's children."""
        return self.connection.get(routes.CONTENTS, f"{self._data}/folders/{_quoted(folder_id)}/contents", PAGE)

    def page(self, href: str, *, after: str, seen: set[str]) -> Answer:
        """Follow a link to the next page; one that leads elsewhere or in a circle is refused."""
        return self.connection.get(routes.CONTENTS, self.connection.next_link(href, after=after, seen=seen))

    def item(self, item_id: str) -> Answer:
        return self.connection.get(routes.ITEM, f"{self._data}/items/{_quoted(item_id)}")

    def list_items(self, item_ids: Sequence[str]) -> Answer:
        """Look up to MOST_ITEMS items up by id, hidden ones too.

        https://aps.autodesk.com/en/docs/data/v2/reference/http/ListItems/
        """
        return self.connection.post(
            routes.LIST_ITEMS, f"{self._data}/commands", _list_items(item_ids), content_type=_JSON_API
        )

    @property
    def _data(self) -> str:
        return f"/data/v1/projects/{_quoted(self.project_id)}"

    def _project_in(self, hub_id: str) -> str:
        return f"/project/v1/hubs/{_quoted(hub_id)}/projects/{_quoted(self.project_id)}"


def _list_items(item_ids: Sequence[str]) -> Mapping[str, Any]:
    command = {"type": "commands:autodesk.core:ListItems", "version": "1.1.0", "data": {}}
    resources = [{"type": "items", "id": item_id} for item_id in item_ids]
    return {
        "jsonapi": {"version": "1.0"},
        "data": {
            "type": "commands",
            "attributes": {"extension": command},
            "relationships": {"resources": {"data": resources}},
        },
    }


def _quoted(identifier: str) -> str:
    return quote(identifier, safe=":")
