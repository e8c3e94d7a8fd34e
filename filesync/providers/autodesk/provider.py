"""One endpoint of Autodesk Construction Cloud, from its first request to its last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from filesync.errors import ArchivedError, ForbiddenError, NotFoundError, RefusedError
from filesync.http import Answer
from filesync.model import Batch, Candidate, Identity, RemoteFolder, Shown
from filesync.providers.autodesk.directory import Directory, Place
from filesync.providers.autodesk.listing import Crawl
from filesync.providers.autodesk.opening import connect
from filesync.providers.autodesk.placing import find, remembered
from filesync.providers.autodesk.resolving import Resolver
from filesync.providers.autodesk.routes import LIST_ITEMS, NOT_PROVISIONED, PROJECT_NOT_ACTIVE, is_about_login
from filesync.providers.autodesk.service import MOST_ITEMS, Service
from filesync.providers.autodesk.tops import SystemFolders, to_batches
from filesync.providers.autodesk.translate import is_hidden, to_entry, to_folder
from filesync.providers.base import Known, Surroundings

if TYPE_CHECKING:
    from filesync.providers.autodesk.details import AutodeskDetails


class AutodeskProvider:
    """Reads one project, or one folder of it, and what changed in it since.

    One request tells what changed: a folder's rollup differs once anything below it was added or
    versioned. The store keeps each folder's rollup as its parent last showed it, and as it was when the
    folder's own contents were read; where both agree, nothing below has changed. Removals, moves away
    and renames may not move a rollup: reading the stalest folders afresh finds those.
    """

    continuous = True
    files_per_look_up = MOST_ITEMS
    look_ups_per_minute = LIST_ITEMS.per_minute

    def __init__(
        self, service: Service, details: "AutodeskDetails", identity: Callable[[], Identity], directory: Directory
    ) -> None:
        self.identity = identity
        self._directory = directory
        self._service = service
        self._hub_id = details.hub_id
        self._folder_id = details.folder_id
        self._system = SystemFolders(include=details.include_system_folders)

    def read(self, known: Known) -> Iterator[Batch]:
        with _archived_named():
            if self._folder_id:
                yield from self._read_folder(known, self._folder_id)
            else:
                yield from self._read_project(known)

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        with _archived_named():
            yield from self._resolver(known).run(candidates)

    def look_up(self, items: Sequence[Candidate], known: Known, *, singly: bool = False) -> Iterator[Shown]:
        with _archived_named():
            yield from self._resolver(known).look_up(items, singly=singly)

    def left_out(self) -> Sequence[str]:
        return self._system.names

    def _read_project(self, known: Known) -> Iterator[Batch]:
        place, answer = self._top_folders(known)
        yield place.rooted(RemoteFolder(place.root_id, name="", parent_id=None, listable=False))
        tops = list(to_batches(answer, place.root_id, self._system))
        yield from tops
        yield from self._crawl(place).run(known, tops)

    def _read_folder(self, known: Known, folder_id: str) -> Iterator[Batch]:
        place = self._place(known)
        yield place.rooted(self._root_folder(folder_id))
        yield from self._crawl(place).run(known)

    def _top_folders(self, known: Known) -> tuple[Place, Answer]:
        """Ask for the top folders; where the project is remembered to be, and if it is not there, where it is."""
        place = self._remembered(known)
        if place:
            try:
                return place, self._service.top_folders(place.hub_id)
            except (ForbiddenError, NotFoundError) as error:
                if is_about_login(error) and error.reason != NOT_PROVISIONED:  # another hub's account may know the app
                    raise
        place = find(self._service, self._hub_id, self._directory)
        return place, self._service.top_folders(place.hub_id)

    def _root_folder(self, folder_id: str) -> RemoteFolder:
        try:
            answer = self._service.folder(folder_id)
        except (ForbiddenError, NotFoundError) as error:
            if is_about_login(error):
                raise
            raise type(error)(
                f"the endpoint's folder {folder_id} cannot be read: check endpoint_details.folder_id, and that the "
                "login may view it",
                status=error.status,
                reason=error.reason,
            ) from error
        entry = to_entry(answer)
        if is_hidden(entry):
            raise NotFoundError(
                f"the endpoint's folder {folder_id} was deleted: restore it, or change endpoint_details.folder_id",
                status=404,
            )
        return replace(to_folder(answer, entry, None), name="")

    def _crawl(self, place: Place) -> Crawl:
        return Crawl(self._service, place.root_id, self._system)

    def _resolver(self, known: Known) -> Resolver:
        place = self._place(known)
        return Resolver(self._service, known, self._folder_id or place.root_id, place.root_id, self._system)

    def _place(self, known: Known) -> Place:
        return self._remembered(known) or find(self._service, self._hub_id, self._directory)

    def _remembered(self, known: Known) -> Place | None:
        return remembered(known.state, self._service.project_id, self._hub_id)


def open_provider(details: "AutodeskDetails", surroundings: Surroundings) -> AutodeskProvider:
    """Check the login's settings and make a connection that asks nothing yet. Raises AuthError."""
    connection, login = connect(surroundings, details.act_as_user)
    query = _top_folder_query(details, has_user=details.act_as_user is not None or login.flow != "two_legged")
    service = Service(connection, login.flow, details.project_id, query)
    return AutodeskProvider(service, details, login.identity, directory_of(surroundings, details.act_as_user))


def directory_of(surroundings: Surroundings, act_as_user: str | None) -> Directory:
    """Give the directory that all endpoints with this login share."""
    return surroundings.shared.get(("autodesk", surroundings.credentials, act_as_user), Directory)


@contextmanager
def _archived_named() -> Iterator[None]:
    """Say of a project that is closed or archived that it is, wherever that shows."""
    try:
        yield
    except RefusedError as error:
        if error.reason != PROJECT_NOT_ACTIVE:
            raise
        raise ArchivedError(str(error), status=error.status, reason=error.reason) from error


def _top_folder_query(details: "AutodeskDetails", *, has_user: bool) -> Mapping[str, str]:
    """Leave out what we would drop anyway; both work only when a user stands behind the call."""
    if not has_user:
        return {}
    files_only = {} if details.include_system_folders else {"projectFilesOnly": "true"}
    return {"excludeDeleted": "true", **files_only}
