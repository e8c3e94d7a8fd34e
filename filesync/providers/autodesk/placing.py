"""Where a project hangs: its hub, its root folder and their names; asked once, then remembered."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from filesync.errors import (
    AuthError,
    FilesyncError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ServiceDownError,
)
from filesync.http import Answer
from filesync.model import RemoteFolder, Rooted, State
from filesync.providers.autodesk.routes import PROJECT_NOT_ACTIVE, is_about_login, not_provisioned
from filesync.providers.autodesk.service import Service
from filesync.providers.autodesk.translate import (
    Entry,
    attributes,
    extension,
    has_outage,
    related_id,
    required,
    text_of,
    to_entries,
    to_entry,
)

_ACCOUNT = "hubs:autodesk.bim360:Account"  # ACC's and BIM 360's hubs; others are Fusion's and A360's


@dataclass(frozen=True, slots=True)
class Hub:
    id: str
    name: str | None
    region: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """What a sync must know before its first look, and what describes the endpoint."""

    project_id: str
    hub_id: str
    root_id: str  # the project's nameless root folder
    project_name: str | None
    hub_name: str | None
    region: str | None

    def rooted(self, root: RemoteFolder) -> Rooted:
        return Rooted(
            root=root,
            project_id=self.project_id,
            project_name=self.project_name,
            hub_name=self.hub_name,
            region=self.region,
            state=asdict(self),
        )


def remembered(state: State, project_id: str, hub_id: str | None) -> Place | None:
    """Give the place an earlier sync found, unless the endpoint means another project or hub by now."""
    needed = [state.get(name) for name in ("project_id", "hub_id", "root_id")]
    if not all(isinstance(text, str) for text in needed) or needed[0] != project_id or hub_id not in (None, needed[1]):
        return None
    names = (text_of(state.get(name)) for name in ("project_name", "hub_name", "region"))
    return Place(*map(str, needed), *names)


def find(service: Service, hub_id: str | None) -> Place:
    """Ask for the project, in its hub or in one hub of the account after the other.

    Costs two requests when the hub is known, else one and at most one for every hub.
    """
    hubs, silent = ([_named_hub(service, hub_id)], False) if hub_id else _hubs(service)
    refusals: list[RefusedError] = []
    for hub in hubs:
        try:
            return _place(service, hub)
        except (ForbiddenError, NotFoundError) as error:
            if is_about_login(error) and error.reason != PROJECT_NOT_ACTIVE:
                raise
            refusals.append(error)
    closed = next((error for error in refusals if error.reason == PROJECT_NOT_ACTIVE), None)
    raise closed or _nowhere(service.project_id, _where(hub_id, hubs), silent=silent)


def _place(service: Service, hub: Hub) -> Place:
    answer = service.project(hub.id)
    project = to_entry(answer)
    root_id = required(answer, project, related_id(project, "rootFolder"), "root folder")
    return Place(service.project_id, hub.id, root_id, text_of(attributes(project).get("name")), hub.name, hub.region)


def _named_hub(service: Service, hub_id: str) -> Hub:
    try:
        answer = service.hub(hub_id)
    except (ForbiddenError, NotFoundError) as error:
        raise type(error)(
            f"{error}; check endpoint_details.hub_id", status=error.status, reason=error.reason
        ) from error
    return _to_hub(answer, to_entry(answer))


def _hubs(service: Service) -> tuple[Sequence[Hub], bool]:
    """Give the account's hubs, and whether a region did not answer, so that more may exist.

    An empty list never means that there are none: this login is not let in.
    """
    answer = service.hubs()
    hubs = [_to_hub(answer, entry) for entry in to_entries(answer) if extension(entry).get("type") in (None, _ACCOUNT)]
    silent = has_outage(answer)
    if not hubs and not silent:
        raise AuthError(f"no hub is shown to this login: {not_provisioned()}")
    return hubs, silent


def _to_hub(answer: Answer, entry: Entry) -> Hub:
    about = attributes(entry)
    hub_id = required(answer, entry, text_of(entry.get("id")), "id")
    return Hub(hub_id, text_of(about.get("name")), text_of(about.get("region")))


def _nowhere(project_id: str, where: str, *, silent: bool) -> FilesyncError:
    if silent:
        return ServiceDownError(
            f"project {project_id} is in none of the hubs that answered, and a region of Autodesk's does not answer now"
        )
    return NotFoundError(
        f"project {project_id} is {where}: check endpoint_details.project_id, and that the login is a member of "
        "the project",
        status=404,
    )


def _where(hub_id: str | None, hubs: Sequence[Hub]) -> str:
    return f"not in hub {hub_id}" if hub_id else f"in no hub that this login sees ({len(hubs)})"
