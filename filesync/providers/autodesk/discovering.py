"""Discovering: the hubs, projects and top folders that a login is shown, with their ids."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from filesync.errors import NotFoundError, RefusedError, ResponseError, TransientError, UsageError
from filesync.providers.autodesk.details import to_hub_id, to_project_id
from filesync.providers.autodesk.directory import Directory, Hub, Project
from filesync.providers.autodesk.opening import connect
from filesync.providers.autodesk.placing import named_hub
from filesync.providers.autodesk.provider import directory_of
from filesync.providers.autodesk.service import Hubs, Service
from filesync.providers.autodesk.tops import SystemFolders
from filesync.providers.autodesk.translate import is_hidden, to_ancestors, to_entries, to_folder
from filesync.providers.base import Sight, Surroundings, Wanted

_OUTAGE = "a part of Autodesk does not answer now, so there may be more"


def discover(wanted: Wanted, surroundings: Surroundings) -> Iterator[Sight]:
    """Give hub by hub its projects, each before its top folders; what cannot be read says so, and the rest goes on.

    Costs one request for the hubs, one for every 200 projects of a hub, one for the folders of each project.
    """
    connection, login = connect(surroundings)
    service = Hubs(connection, login.flow)
    hub_id, project_id = _normalised(wanted)
    looking = _Looking(service, directory_of(surroundings, None), project_id, folders=wanted.folders)
    return looking.sights(hub_id)


def _normalised(wanted: Wanted) -> tuple[str | None, str | None]:
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
    directory: Directory
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
            raise NotFoundError(f"project {self.project_id} is not in {where}, or not active", status=404)

    def _hubs(self, hub_id: str | None) -> Iterator[Hub | Sight]:
        if hub_id:
            yield named_hub(self.service, hub_id, self.directory)
            return
        seen = self.directory.hubs(self.service)
        yield from sorted(seen.hubs, key=lambda hub: (hub.name or "", hub.id))
        if seen.silent:
            yield Sight("outage", "", "", 0, problem=_OUTAGE, error_type="service_down")

    def _in_hub(self, hub: Hub) -> Iterator[Sight]:
        sight = Sight("hub", hub.id, hub.name or "", 0, region=hub.region)
        try:
            seen = self.directory.projects(self.service, hub)
        except (RefusedError, TransientError, ResponseError) as error:
            yield _unread(sight, error)
            return
        if self.project_id is None or any(each.id == self.project_id for each in seen.projects):
            yield replace(sight, problem=_OUTAGE, error_type="service_down") if seen.silent else sight
        for project in sorted(seen.projects, key=lambda each: (each.name or "", each.id)):
            if self.project_id in (None, project.id):
                yield from self._in_project(project)

    def _in_project(self, project: Project) -> Iterator[Sight]:
        ids = {"hub_id": project.hub.id, "project_id": project.id}
        sight = Sight("project", project.id, project.name or "", 1, project.type, project.hub.region, ids)
        if not self.folders:
            yield sight
            return
        try:
            folders = list(self._folders(project))
        except (RefusedError, TransientError, ResponseError) as error:
            yield _unread(sight, error)
            return
        yield sight
        for folder_id, name in folders:
            yield Sight("folder", folder_id, name, 2, details={**ids, "folder_id": folder_id})

    def _folders(self, project: Project) -> Iterator[tuple[str, str]]:
        """Give id and name of each top folder that is people's; a deep one with the folders above it."""
        has_user = self.service.flow != "two_legged"
        query = {"excludeDeleted": "true", "projectFilesOnly": "true"} if has_user else {}
        answer = Service(self.service.connection, self.service.flow, project.id, query).top_folders(project.hub.id)
        system, root_id = SystemFolders(include=False), project.root_id or ""
        for entry in to_entries(answer):
            above = to_ancestors(entry, root_id)
            folder = to_folder(answer, entry, root_id)
            names = [*(each.name for each in above), folder.name]
            if not is_hidden(entry) and not system.leaves_out(names[0]):
                yield folder.id, " / ".join(names)


def _unread(sight: Sight, error: RefusedError | TransientError | ResponseError) -> Sight:
    """Say why something could not be read; a refusal of the whole login ends the looking."""
    if isinstance(error, RefusedError) and error.reason.startswith("AUTH-"):
        raise error
    return replace(sight, problem=str(error), error_type=error.error_type)
