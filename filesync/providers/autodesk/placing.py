"""Where a project hangs: its hub, its root folder and their names; asked once, then remembered."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from filesync.errors import FilesyncError, ForbiddenError, NotFoundError, RefusedError, ServiceDownError
from filesync.model import State
from filesync.providers.autodesk.admission import not_a_member
from filesync.providers.autodesk.directory import Directory, Hub, HubsSeen, Place, to_place
from filesync.providers.autodesk.routes import NOT_PROVISIONED, PROJECT_NOT_ACTIVE, is_about_login
from filesync.providers.autodesk.translate import text_of

if TYPE_CHECKING:
    from filesync.providers.autodesk.service import Hubs, Service


def remembered(state: State, project_id: str, hub_id: str | None) -> Place | None:
    """Give the place an earlier sync found, unless the endpoint means another project or hub by now."""
    needed = [state.get(name) for name in ("project_id", "hub_id", "root_id")]
    if not all(isinstance(text, str) for text in needed) or needed[0] != project_id or hub_id not in (None, needed[1]):
        return None
    names = (text_of(state.get(name)) for name in ("project_name", "hub_name", "region"))
    return Place(*map(str, needed), *names)


def find(service: "Service", hub_id: str | None, directory: Directory) -> Place:
    """Ask for the project, in its hub or in one hub of the account after the other.

    Costs two requests when the hub is known, else one and at most one for every hub. When more endpoints of a start
    look for theirs, each hub's list is read once for all of them.
    """
    seen = HubsSeen([named_hub(service, hub_id, directory)], silent=False) if hub_id else directory.hubs(service)
    place = _listed(service, seen.hubs, directory) if directory.is_busy() else None
    return place or _asked(service, hub_id, seen)


def named_hub(service: "Hubs", hub_id: str, directory: Directory) -> Hub:
    try:
        return directory.hub(service, hub_id)
    except (ForbiddenError, NotFoundError) as error:
        raise type(error)(
            f"{error}; check endpoint_details.hub_id", status=error.status, reason=error.reason
        ) from error


def _listed(service: "Service", hubs: Sequence[Hub], directory: Directory) -> Place | None:
    """Look the project up in the hubs' lists; one that is in none may still be asked for by its id."""
    for hub in hubs:
        try:
            projects = directory.projects(service, hub).projects
        except (ForbiddenError, NotFoundError) as error:
            if is_about_login(error) and error.reason != NOT_PROVISIONED:
                raise
            continue
        place = next((each.place() for each in projects if each.id == service.project_id), None)
        if place:
            return place
    return None


def _asked(service: "Service", hub_id: str | None, seen: HubsSeen) -> Place:
    refusals: list[RefusedError] = []
    for hub in seen.hubs:
        try:
            return to_place(service.project(hub.id), service.project_id, hub)
        except (ForbiddenError, NotFoundError) as error:
            if is_about_login(error) and error.reason not in (PROJECT_NOT_ACTIVE, NOT_PROVISIONED):
                raise
            refusals.append(error)
    closed = next((error for error in refusals if error.reason == PROJECT_NOT_ACTIVE), None)
    raise closed or _nowhere(service, _where(hub_id, seen.hubs), silent=seen.silent)


def _nowhere(service: "Service", where: str, *, silent: bool) -> FilesyncError:
    project_id = service.project_id
    if silent:
        return ServiceDownError(
            f"project {project_id} is in none of the hubs that answered, and a region of Autodesk's does not answer now"
        )
    return NotFoundError(
        f"project {project_id} is {where}: check endpoint_details.project_id, {not_a_member(service.flow)}",
        status=404,
    )


def _where(hub_id: str | None, hubs: Sequence[Hub]) -> str:
    return f"not in hub {hub_id}" if hub_id else f"in no hub that this login sees ({len(hubs)})"
