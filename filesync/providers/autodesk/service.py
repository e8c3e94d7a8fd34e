"""The requests we make, each by the route that allows it; answers are judged elsewhere."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from filesync.auth import Login
from filesync.auth.autodesk import login_of
from filesync.http import Answer, Connection, Route
from filesync.providers.autodesk import routes
from filesync.providers.autodesk.refusals import explain
from filesync.providers.autodesk.routes import ROUTES
from filesync.providers.autodesk.translate import next_href, to_entries
from filesync.providers.base import Surroundings

MOST_ENTRIES = 200  # that the service gives on a page
FEWEST_ENTRIES = 50  # that a page is made to have when larger ones fail
MOST_ITEMS = 50  # that one ListItems command takes

_JSON_API = "application/vnd.api+json"


class PageSize:
    """How many entries a page of a folder may have: fewer, once a listing failed that a smaller page cured."""

    def __init__(self) -> None:
        self.limit = MOST_ENTRIES
        self._lock = threading.Lock()

    def lower(self, limit: int) -> None:
        with self._lock:
            self.limit = min(self.limit, limit)


@dataclass(frozen=True, slots=True)
class Hubs:
    """A connection, for what is above any project; `flow` is the kind of its login. Safe to share between threads."""

    connection: Connection
    flow: str

    def hubs(self) -> Answer:
        """Ask for the hubs; follow pages, though none are documented."""
        first = self.connection.get(routes.HUBS, "/project/v1/hubs")
        return gathered(first, lambda href, after, seen: self._page(routes.HUBS, href, after, seen))

    def hub(self, hub_id: str) -> Answer:
        return self.connection.get(routes.HUB, f"/project/v1/hubs/{_quoted(hub_id)}")

    def projects(self, hub_id: str) -> Answer:
        """Ask for the first page of a hub's projects."""
        return self.connection.get(
            routes.PROJECTS, f"/project/v1/hubs/{_quoted(hub_id)}/projects", _page_of(MOST_ENTRIES)
        )

    def projects_page(self, href: str, *, after: str, seen: set[str]) -> Answer:
        """Follow a link to the next page; one that leads elsewhere or in a circle is refused."""
        return self._page(routes.PROJECTS, href, after, seen)

    def _page(self, route: Route, href: str, after: str, seen: set[str]) -> Answer:
        return self.connection.get(route, self.connection.next_link(href, after=after, seen=seen))


@dataclass(frozen=True, slots=True)
class DataManagement(Hubs):
    """A connection and the project it is about; safe to share between threads."""

    project_id: str
    top_folder_query: Mapping[str, str] = field(default_factory=dict)
    page_size: PageSize = field(default_factory=PageSize)

    def project(self, hub_id: str) -> Answer:
        return self.connection.get(routes.PROJECT, self._project_in(hub_id))

    def top_folders(self, hub_id: str) -> Answer:
        """Ask for the top folders; follow pages, though none are documented."""
        url = f"{self._project_in(hub_id)}/topFolders"
        first = self.connection.get(routes.TOP_FOLDERS, url, self.top_folder_query)
        return gathered(first, lambda href, after, seen: self._page(routes.TOP_FOLDERS, href, after, seen))

    def folder(self, folder_id: str) -> Answer:
        return self.connection.get(routes.FOLDER, f"{self._data}/folders/{_quoted(folder_id)}")

    def contents(self, folder_id: str, limit: int = MOST_ENTRIES) -> Answer:
        """Ask for the first page of a folder's children, with at most `limit` of them."""
        url = f"{self._data}/folders/{_quoted(folder_id)}/contents"
        return self.connection.get(routes.CONTENTS, url, _page_of(limit))

    def whole_contents(self, folder_id: str) -> Answer:
        """Ask for all of a folder's children at once: for a project's root, which has few."""
        return gathered(self.contents(folder_id), lambda href, after, seen: self.page(href, after=after, seen=seen))

    def page(self, href: str, *, after: str, seen: set[str]) -> Answer:
        """Follow a link to the next page; one that leads elsewhere or in a circle is refused."""
        return self._page(routes.CONTENTS, href, after, seen)

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


def _page_of(limit: int) -> Mapping[str, str]:
    return {"page[limit]": str(limit)}


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


Follow = Callable[[str, str, set[str]], Answer]  # (link, the request that it came with, links followed so far)


def gathered(first: Answer, follow: Follow) -> Answer:
    """Put all pages together, under the date of the first, which trusts fewer change stamps."""
    answers, seen = [first], set[str]()
    while (href := next_href(answers[-1])) is not None:
        answers.append(follow(href, answers[-1].url, seen))
    if len(answers) == 1:
        return first
    body = {
        **first.body,
        "data": [entry for answer in answers for entry in to_entries(answer)],
        "included": [entry for answer in answers for entry in _listed(answer.body.get("included"))],
        "meta": {"warnings": [entry for answer in answers for entry in _listed(_meta(answer).get("warnings"))]},
        "links": {},
    }
    return replace(first, body=body)


def _meta(answer: Answer) -> Mapping[str, Any]:
    meta = answer.body.get("meta")
    return meta if isinstance(meta, dict) else {}


def _listed(entries: Any) -> list[Any]:
    return entries if isinstance(entries, list) else []


def connect(surroundings: Surroundings, act_as_user: str | None = None) -> tuple[Connection, Login]:
    """Choose the login and make a connection that sends what ROUTES allow. Raises AuthError."""
    app, login = login_of(
        surroundings.variables, surroundings.connector, surroundings.path, surroundings.credentials, act_as_user
    )
    connection = surroundings.connector.connect(
        base_url=app.base_url, routes=ROUTES, client_key=app.client_id, authoriser=login, explain=explain
    )
    return connection, login


class Control:
    """Asks for a folder that this sync was shown or has read; where there is none yet, finds one first."""

    def __init__(self, ask: Callable[[str], object], find: Callable[[], str | None]) -> None:
        """`ask` raises what a request raises; `find` asks for what the login is shown, and gives a folder of it."""
        self._ask = ask
        self._find = find
        self._folder_id: str | None = None

    def note(self, folder_id: str) -> None:
        """Note a folder that was read."""
        self._folder_id = folder_id

    def __call__(self) -> None:
        folder_id = self._folder_id or self._find()
        if folder_id is not None:
            self._ask(folder_id)
