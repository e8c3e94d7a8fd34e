"""Where a project hangs: its hub, its root folder and their names; asked once, then remembered."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from filesync.core.errors import (
    AuthError,
    FilesyncError,
    ForbiddenError,
    NotAdmittedError,
    NotFoundError,
    RefusedError,
    ResponseError,
    ServiceDownError,
    TransientError,
)
from filesync.core.model import State
from filesync.providers.autodesk.access_help import not_a_member, regions_in_words
from filesync.providers.autodesk.hub_cache import HubCache, HubRecord, HubsSeen, ProjectPlace, to_place
from filesync.providers.autodesk.refusals import NOT_PROVISIONED, OF_ONE_PROJECT, PROJECT_NOT_ACTIVE
from filesync.providers.autodesk.service import FEWEST_ENTRIES, MOST_ENTRIES
from filesync.providers.autodesk.translate import text_of

if TYPE_CHECKING:
    from filesync.providers.autodesk.service import DataManagement, Hubs

_ELSEWHERE = (400, 404)  # what a project is answered with in a hub that is not its own


def remembered(state: State, project_id: str, hub_id: str | None) -> ProjectPlace | None:
    """Return the place an earlier sync found, unless the endpoint means another project or hub by now."""
    needed = [state.get(name) for name in ("project_id", "hub_id", "root_id")]
    if not all(isinstance(text, str) for text in needed) or needed[0] != project_id or hub_id not in (None, needed[1]):
        return None
    _, its_hub_id, root_id = map(str, needed)
    project_name, hub_name, region = (text_of(state.get(name)) for name in ("project_name", "hub_name", "region"))
    return ProjectPlace(
        project_id, its_hub_id, root_id, project_name, hub_name, region, _limit(state.get("page_limit"))
    )


def _limit(value: object) -> int:
    return value if isinstance(value, int) and FEWEST_ENTRIES <= value <= MOST_ENTRIES else MOST_ENTRIES


def find(service: "DataManagement", hub_id: str | None, directory: HubCache) -> ProjectPlace:
    """Ask for the project, in its hub or in one hub of the account after the other.

    Costs two requests when the hub is known, else one and at most one for every hub. When more endpoints of a start
    look for theirs, each hub's list is read once for all of them.
    """
    seen = HubsSeen([named_hub(service, hub_id, directory)], silent=False) if hub_id else directory.hubs(service)
    place = _listed(service, seen.hubs, directory) if directory.is_busy() else None
    return place or _asked(service, hub_id, seen, directory)


def named_hub(service: "Hubs", hub_id: str, directory: HubCache) -> HubRecord:
    try:
        return directory.hub(service, hub_id)
    except (ForbiddenError, NotFoundError) as error:
        if not error.reason:  # a page of somebody else's says nothing about the hub
            raise
        raise type(error)(
            f"{error}; check endpoint_details.hub_id{_regions_in_words(service, directory)}",
            status=error.status,
            reason=error.reason,
        ) from error


def _regions_in_words(service: "Hubs", directory: HubCache) -> str:
    """Return what the hubs' list says of regions; AuthError when this login is shown no hub at all."""
    try:
        return regions_in_words(directory.hubs(service).warnings)
    except AuthError:
        raise
    except (RefusedError, TransientError, ResponseError):
        return ""  # what led here is what is to be said


def _listed(service: "DataManagement", hubs: Sequence[HubRecord], directory: HubCache) -> ProjectPlace | None:
    """Look the project up in the hubs' lists; one that is in none may still be asked for by its id."""
    for hub in hubs:
        try:
            projects = directory.projects(service, hub).projects
        except RefusedError:
            continue
        except NotAdmittedError as error:
            if error.reason not in OF_ONE_PROJECT:
                raise
            continue
        place = next((each.place() for each in projects if each.id == service.project_id), None)
        if place:
            return place
    return None


def _asked(service: "DataManagement", hub_id: str | None, seen: HubsSeen, directory: HubCache) -> ProjectPlace:
    refusals: list[RefusedError | NotAdmittedError] = []
    for hub in seen.hubs:
        try:
            return to_place(service.project(hub.id), service.project_id, hub)
        except NotAdmittedError as error:
            if error.reason not in OF_ONE_PROJECT:
                raise
            refusals.append(error)
        except RefusedError as error:
            refusals.append(error)
    decisive = max(refusals, key=_weight, default=None)
    if decisive is not None and _weight(decisive):
        raise _with_member(decisive, service.flow)
    raise _nowhere(service, hub_id, seen, directory)


def _weight(error: RefusedError | NotAdmittedError) -> int:
    """Return how much a refusal says about the project; 0: only that it is not in that hub."""
    if error.reason == PROJECT_NOT_ACTIVE:
        return 3
    if isinstance(error, NotAdmittedError):
        return 2
    return 0 if error.status in _ELSEWHERE and error.reason else 1


def _with_member(error: RefusedError | NotAdmittedError, flow: str) -> FilesyncError:
    """Add to the refusal of a login the member that the project lacks."""
    if not isinstance(error, NotAdmittedError) or error.reason == NOT_PROVISIONED:
        return error
    text = f"{error}; check endpoint_details.project_id, {not_a_member(flow)}"
    return NotAdmittedError(text, status=error.status, reason=error.reason)


def _nowhere(service: "DataManagement", hub_id: str | None, seen: HubsSeen, directory: HubCache) -> FilesyncError:
    project_id = service.project_id
    if seen.silent:
        return ServiceDownError(
            f"project {project_id} is in none of the hubs that answered, and a region of Autodesk's does not answer now"
        )
    regions = _regions_in_words(service, directory) if hub_id else regions_in_words(seen.warnings)
    where = f"not in hub {hub_id}" if hub_id else f"in no hub that this login sees ({len(seen.hubs)})"
    unusable = f", and {seen.unusable} hubs are listed without an id" if seen.unusable else ""
    text = (
        f"project {project_id} is {where}{unusable}: check endpoint_details.project_id, "
        f"{not_a_member(service.flow)}{regions}"
    )
    if any(warning.is_of_user for warning in seen.warnings):
        return AuthError(text)  # an account lets the app in and not its user: that is a cause that is known
    return NotFoundError(text, status=404)
