"""Discovering: the hubs, projects and top folders that a login is shown, with their ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from filesync.core.errors import (
    About,
    AuthError,
    NotAdmittedError,
    NotFoundError,
    RefusedError,
    ResponseError,
    TransientError,
    UsageError,
)
from filesync.http import Answer
from filesync.providers.autodesk.access_help import RegionWarning, nothing_shown, regions_in_words
from filesync.providers.autodesk.details import to_hub_id, to_project_id
from filesync.providers.autodesk.hub_cache import HubCache, HubRecord, ProjectRecord, ProjectsSeen
from filesync.providers.autodesk.location import named_hub
from filesync.providers.autodesk.provider import directory_of, top_folder_query
from filesync.providers.autodesk.refusals import OF_ONE_PROJECT
from filesync.providers.autodesk.service import DataManagement, Hubs, connect
from filesync.providers.autodesk.top_folders import SystemFolders, branch, is_left_out, visible
from filesync.providers.autodesk.translate import Entry
from filesync.providers.base import DiscoveryOptions, Sight, Surroundings

_OUTAGE = "a part of Autodesk does not answer now, so there may be more"


def discover(wanted: DiscoveryOptions, surroundings: Surroundings) -> Iterator[Sight]:
    """Yield hub by hub its projects, each before its top folders; what cannot be read says so, and the rest goes on.

    Costs one request for the hubs, one for every 200 projects of a hub, one for the folders of each project.
    """
    connection, login = connect(surroundings)
    service = Hubs(connection, login.flow)
    hub_id, project_id = _normalised(wanted)
    looking = _Looking(service, directory_of(surroundings, None), project_id, folders=wanted.folders)
    return looking.sights(hub_id)


def _normalised(wanted: DiscoveryOptions) -> tuple[str | None, str | None]:
    try:
        hub_id = str(to_hub_id(wanted.hub)) if wanted.hub else None
    except ValueError as exc:
        raise UsageError(f"--hub: {exc}") from exc
    try:
        return hub_id, str(to_project_id(wanted.project)) if wanted.project else None
    except ValueError as exc:
        raise UsageError(f"--project: {exc}") from exc


@dataclass(frozen=True, slots=True)
class _Looking:
    """What is looked at: everything, or one project."""

    service: Hubs
    directory: HubCache
    project_id: str | None
    folders: bool

    def sights(self, hub_id: str | None) -> Iterator[Sight]:
        found = False
        for hub in self._hubs(hub_id):
            if isinstance(hub, Sight):
                yield hub
                continue
            for sight in self._in_hub(hub):
                found = found or sight.kind == "project"
                yield sight
        if self.project_id and not found:
            where = f"hub {hub_id}" if hub_id else "any hub that this login sees"
            warnings = () if hub_id else self.directory.hubs(self.service).warnings
            text = f"project {self.project_id} is not in {where}, or not active{regions_in_words(warnings)}"
            raise _missing(text, warnings)

    def _hubs(self, hub_id: str | None) -> Iterator[HubRecord | Sight]:
        if hub_id:
            yield named_hub(self.service, hub_id, self.directory)
            return
        seen = self.directory.hubs(self.service)
        yield from sorted(seen.hubs, key=lambda hub: (hub.name or "", hub.id))
        if seen.silent:
            yield Sight("outage", "", "", 0, problem=_OUTAGE, error_type="service_down")
        closed = [warning for warning in seen.warnings if warning.is_of_user]
        if closed and not self.project_id:
            # this login is not let in there
            yield Sight("outage", "", "", 0, problem=regions_in_words(closed).removeprefix("; "))
        if seen.unusable:
            problem = f"hubs listed without an id: {seen.unusable}; report it to Autodesk"
            yield Sight("outage", "", "", 0, problem=problem, error_type="bad_answer")

    def _in_hub(self, hub: HubRecord) -> Iterator[Sight]:
        sight = Sight("hub", hub.id, hub.name or "", 0, region=hub.region)
        try:
            seen = self.directory.projects(self.service, hub)
        except (RefusedError, NotAdmittedError, TransientError, ResponseError) as error:
            yield _unread(sight, error)
            return
        if self.project_id is None or any(each.id == self.project_id for each in seen.projects):
            yield self._with_problem(sight, seen)
        for project in sorted(seen.projects, key=lambda each: (each.name or "", each.id)):
            if self.project_id in (None, project.id):
                yield from self._in_project(project)

    def _with_problem(self, sight: Sight, seen: ProjectsSeen) -> Sight:
        """Add to a hub the reason why its list may lack projects."""
        if seen.silent:
            return replace(sight, problem=_OUTAGE, error_type="service_down")
        if seen.unusable:
            problem = f"projects listed without an id: {seen.unusable}; report it to Autodesk"
            return replace(sight, problem=problem, error_type="bad_answer")
        if seen.warned and not seen.projects:
            problem = f"{nothing_shown(self.service.flow, seen.warnings)}{regions_in_words(seen.warnings)}"
            return replace(sight, problem=problem, error_type="login")
        return sight

    def _in_project(self, project: ProjectRecord) -> Iterator[Sight]:
        ids = {"hub_id": project.hub.id, "project_id": project.id}
        sight = Sight("project", project.id, project.name or "", 1, project.type, project.hub.region, ids)
        if not self.folders:
            yield sight
            return
        try:
            folders = list(self._folders(project))
        except (RefusedError, NotAdmittedError, TransientError, ResponseError) as error:
            yield _unread(sight, error)
            return
        yield sight
        for folder_id, name in folders:
            yield Sight("folder", folder_id, name, 2, details={**ids, "folder_id": folder_id})

    def _folders(self, project: ProjectRecord) -> Iterator[tuple[str, str]]:
        """Yield id and name of each top folder that is people's; a deep one with the folders above it."""
        query = top_folder_query(has_user=self.service.flow != "two_legged")
        service = DataManagement(self.service.connection, self.service.flow, project.id, query)
        system, root_id = SystemFolders(include=False), project.root_id or ""
        answer = service.top_folders(project.hub.id)
        shown = list(visible(answer, root_id))
        if not shown and root_id:
            answer, shown = _in_root(service, root_id)
        for entry in shown:
            folders = branch(answer, entry, root_id)
            if not is_left_out(entry, folders, root_id, system):
                yield folders[-1].id, " / ".join(folder.name for folder in folders)


def _in_root(service: DataManagement, root_id: str) -> tuple[Answer, list[Entry]]:
    """Return the folders of a root that topFolders gave alone, or not even that; who may not open it sees nothing."""
    try:
        answer = service.whole_contents(root_id)
    except RefusedError as error:
        if error.about is not About.ITEM:
            raise
        return Answer("", 404, {}, {}, None), []
    return answer, list(visible(answer, root_id))


def _missing(text: str, warnings: Sequence[RegionWarning]) -> AuthError | NotFoundError:
    """Return the error for a project in none of the hubs shown: a login's, where a region hides hubs from its user."""
    if any(warning.is_of_user for warning in warnings):
        return AuthError(text)
    return NotFoundError(text, status=404)


def _unread(sight: Sight, error: RefusedError | NotAdmittedError | TransientError | ResponseError) -> Sight:
    """Add the reason why something could not be read; raise a refusal of the whole login."""
    if isinstance(error, NotAdmittedError) and error.reason not in OF_ONE_PROJECT:
        raise error
    return replace(sight, problem=str(error), error_type=error.error_type)
