"""The directory: the hubs and projects that one login sees, asked for once in a start, whoever needs them."""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar, cast

from filesync.core.errors import AuthError, ResponseError
from filesync.core.model import RemoteFolder, Rooted
from filesync.http import Answer
from filesync.providers.autodesk.access_help import RegionWarning, nothing_shown, regions_in_words
from filesync.providers.autodesk.service import MOST_ENTRIES, Hubs
from filesync.providers.autodesk.translate import (
    Entry,
    attributes,
    extension,
    has_outage,
    has_warnings,
    id_of,
    next_href,
    related_id,
    required,
    text_of,
    to_entries,
    to_entry,
    to_warnings,
)

T = TypeVar("T")

_ACCOUNT = "hubs:autodesk.bim360:Account"  # ACC's and BIM 360's hubs; others are Fusion's and A360's
_TYPES = {"BIM360": "BIM 360"}


@dataclass(frozen=True, slots=True)
class HubRecord:
    id: str
    name: str | None
    region: str | None


@dataclass(frozen=True, slots=True)
class ProjectPlace:
    """What a sync must know before its first look, and what describes the endpoint."""

    project_id: str
    hub_id: str
    root_id: str  # the project's nameless root folder
    project_name: str | None
    hub_name: str | None
    region: str | None
    page_limit: int = MOST_ENTRIES  # entries: fewer, where larger pages of a folder's contents failed

    def rooted(self, root: RemoteFolder) -> Rooted:
        return Rooted(
            root=root,
            project_id=self.project_id,
            project_name=self.project_name,
            hub_name=self.hub_name,
            region=self.region,
            state=asdict(self),
        )


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """A project as a hub's list shows it; `type` is ACC or BIM 360, `root_id` None where the list names no root."""

    id: str
    name: str | None
    type: str | None
    root_id: str | None
    hub: HubRecord

    def place(self) -> ProjectPlace | None:
        if self.root_id is None:
            return None
        return ProjectPlace(self.id, self.hub.id, self.root_id, self.name, self.hub.name, self.hub.region)


@dataclass(frozen=True, slots=True)
class HubsSeen:
    """The hubs of an account. `silent`: a region did not answer, so that there may be more.

    `warnings` are the reasons of regions that show none, `unusable` counts the entries without an id.
    """

    hubs: Sequence[HubRecord]
    silent: bool
    warnings: Sequence[RegionWarning] = ()
    unusable: int = 0


@dataclass(frozen=True, slots=True)
class ProjectsSeen:
    """The active projects of a hub. `silent`: the answer may lack some; `warned`: it came with a warning.

    `unusable` counts the entries without an id.
    """

    projects: Sequence[ProjectRecord]
    silent: bool
    warned: bool
    warnings: Sequence[RegionWarning] = ()
    unusable: int = 0


class HubCache:
    """Remembers answers for the length of a start; what failed is asked again. Safe to share between threads.

    The requests are made by whoever needs them first, on his own connection.
    """

    def __init__(self) -> None:
        self._answers: dict[Hashable, object] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()
        self._visited = False

    def hubs(self, service: Hubs) -> HubsSeen:
        return self._once("hubs", lambda: list_hubs(service))

    def hub(self, service: Hubs, hub_id: str) -> HubRecord:
        return self._once(("hub", hub_id), lambda: read_hub(service, hub_id))

    def projects(self, service: Hubs, hub: HubRecord) -> ProjectsSeen:
        self._visited = True
        return self._once(("projects", hub.id), lambda: list_projects(service, hub))

    def is_busy(self) -> bool:
        """Return whether somebody was here before: then a hub's whole list is cheaper than each project by its id."""
        with self._lock:
            before, self._visited = self._visited, True  # decision 18
            return before

    def _once(self, key: Hashable, ask: Callable[[], T]) -> T:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._answers:
                self._answers[key] = ask()
            return cast("T", self._answers[key])


def list_hubs(service: Hubs) -> HubsSeen:
    """Return the account's hubs. An empty list never means that there are none: this login is not let in."""
    answer = service.hubs()
    entries = [entry for entry in to_entries(answer) if extension(entry).get("type") in (None, _ACCOUNT)]
    usable = [entry for entry in entries if id_of(entry)]
    hubs = [_to_hub(answer, entry) for entry in usable]
    silent, warnings = has_outage(answer), to_warnings(answer)
    unusable = len(entries) - len(usable)
    if not hubs and not silent and not unusable:
        raise AuthError(
            f"no hub is shown to this login: {nothing_shown(service.flow, warnings)}{regions_in_words(warnings)}"
        )
    return HubsSeen(hubs, silent, warnings, unusable)


def read_hub(service: Hubs, hub_id: str) -> HubRecord:
    answer = service.hub(hub_id)
    return _to_hub(answer, to_entry(answer))


def list_projects(service: Hubs, hub: HubRecord) -> ProjectsSeen:
    """Read every page of a hub's projects.

    https://aps.autodesk.com/en/docs/data/v2/reference/http/hubs-hub_id-projects-GET/
    """
    answer, seen = service.projects(hub.id), set[str]()
    projects: list[ProjectRecord] = []
    warnings: list[RegionWarning] = []
    silent, warned, unusable = False, False, 0
    while True:
        entries = to_entries(answer)
        projects += [_to_project(answer, entry, hub) for entry in entries if id_of(entry)]
        unusable += sum(id_of(entry) is None for entry in entries)
        silent, warned = silent or has_outage(answer), warned or has_warnings(answer)
        warnings += to_warnings(answer)
        href = next_href(answer)
        if href is None:
            return ProjectsSeen(projects, silent, warned, warnings, unusable)
        answer = service.projects_page(href, after=answer.url, seen=seen)


def to_place(answer: Answer, project_id: str, hub: HubRecord) -> ProjectPlace:
    """Translate the answer about one project."""
    project = to_entry(answer)
    root_id = related_id(project, "rootFolder")
    if root_id is None:
        raise ResponseError(
            f"{answer.url}: Autodesk names no root folder of project {project_id}: its files may not be set up yet; a "
            "project admin opens Files (BIM 360: Document Management) once, and if it stays so reports it to Autodesk"
        )
    return ProjectPlace(project_id, hub.id, root_id, text_of(attributes(project).get("name")), hub.name, hub.region)


def _to_hub(answer: Answer, entry: Entry) -> HubRecord:
    about = attributes(entry)
    hub_id = required(answer, entry, id_of(entry), "id")
    return HubRecord(hub_id, text_of(about.get("name")), text_of(about.get("region")))


def _to_project(answer: Answer, entry: Entry, hub: HubRecord) -> ProjectRecord:
    kind = extension(entry).get("data")
    named = text_of(kind.get("projectType")) if isinstance(kind, dict) else None
    return ProjectRecord(
        id=required(answer, entry, id_of(entry), "id"),
        name=text_of(attributes(entry).get("name")),
        type=_TYPES.get(named, named) if named else None,
        root_id=related_id(entry, "rootFolder"),
        hub=hub,
    )
