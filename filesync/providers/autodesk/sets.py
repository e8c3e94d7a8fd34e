"""Sets of projects: what a hub's list says of each, so that its endpoint need not ask for hub and project itself."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from filesync.core.errors import AuthError, ServiceDownError
from filesync.core.model import Identity, Member, Members
from filesync.providers.autodesk.access_help import nothing_shown, regions_in_words
from filesync.providers.autodesk.hub_cache import HubCache, ProjectRecord
from filesync.providers.autodesk.location import named_hub
from filesync.providers.autodesk.provider import directory_of
from filesync.providers.autodesk.service import Hubs, connect
from filesync.providers.base import Surroundings

if TYPE_CHECKING:
    from filesync.providers.autodesk.details import ProjectSetDetails


def open_set(details: "ProjectSetDetails", surroundings: Surroundings) -> Callable[[], Sequence[Member]]:
    """Make a connection that asks nothing yet. Raises AuthError."""
    connection, login = connect(surroundings, details.act_as_user)
    hubs, directory = Hubs(connection, login.flow), directory_of(surroundings, details.act_as_user)
    return lambda: members(hubs, details.hub_id, directory, login.identity)


def members(service: Hubs, hub_id: str, directory: HubCache, identity: Callable[[], Identity]) -> Members:
    """Return every active project of the hub; raises when a part of the service did not answer.

    A list that came with another warning may lack projects that this login may not see for now, and one of its entries
    without an id may be any of them: it is not whole.
    """
    asked_as = identity()
    seen = directory.projects(service, named_hub(service, hub_id, directory))
    if seen.silent:
        raise ServiceDownError(f"hub {hub_id}: a part of Autodesk does not answer now, so the list may lack projects")
    if seen.warned and not seen.projects:
        why = nothing_shown(service.flow, seen.warnings)
        raise AuthError(f"hub {hub_id}: no project is shown to this login: {why}{regions_in_words(seen.warnings)}")
    found = [_to_member(project) for project in seen.projects if project.id.startswith("b.")]
    return Members(found, whole=not (seen.warned or seen.unusable), identity=asked_as)


def _to_member(project: ProjectRecord) -> Member:
    place = project.place()
    ids = {"project_id": project.id, "hub_id": project.hub.id}
    return Member(project.id, project.name or "", ids, asdict(place) if place else {})
