"""One endpoint of Autodesk Construction Cloud, from its first request to its last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from filesync.core.errors import About, ArchivedError, ForbiddenError, NotAdmittedError, NotFoundError, RefusedError
from filesync.core.model import Batch, Candidate, FolderListed, Identity, Page, RemoteFolder, Shown, Unreadable
from filesync.http import Answer
from filesync.providers.autodesk.hub_cache import HubCache, ProjectPlace
from filesync.providers.autodesk.listing import Crawl, without_system
from filesync.providers.autodesk.location import find, remembered
from filesync.providers.autodesk.refusals import OF_ONE_PROJECT, PROJECT_NOT_ACTIVE
from filesync.providers.autodesk.resolving import AccResolver
from filesync.providers.autodesk.routes import LIST_ITEMS
from filesync.providers.autodesk.service import MOST_ITEMS, Control, DataManagement, connect
from filesync.providers.autodesk.tip_search import completed
from filesync.providers.autodesk.top_folders import SystemFolders, to_batches, unusable_in, visible
from filesync.providers.autodesk.translate import FolderContents, is_hidden, to_contents, to_entry, to_folder
from filesync.providers.base import Known, Surroundings
from filesync.providers.evidence import Evidence

if TYPE_CHECKING:
    from filesync.providers.autodesk.details import AutodeskDetails


class AutodeskProvider:
    """Reads one project, or one folder of it, and what changed in it since.

    One request shows what changed: a folder's rollup differs once anything below it was added or
    versioned. The store keeps each folder's rollup as its parent last showed it, and as it was when the
    folder's own contents were read; where both agree, nothing below has changed. Removals, moves away
    and renames may not move a rollup: reading the stalest folders afresh finds those.
    """

    continuous = True  # decision 11: stamps say nothing reliable of removals and renames
    files_per_look_up = MOST_ITEMS
    look_ups_per_minute = LIST_ITEMS.per_minute

    def __init__(
        self, service: DataManagement, details: "AutodeskDetails", identity: Callable[[], Identity], directory: HubCache
    ) -> None:
        self.identity = identity
        self._directory = directory
        self._service = service
        self._hub_id = details.hub_id
        self._folder_id = details.folder_id
        self._system = SystemFolders(include=details.include_system_folders)
        self._control = Control(lambda folder_id: to_entry(service.folder(folder_id)), self._find_readable)
        self._evidence = Evidence(self._control)
        self._place: ProjectPlace | None = None  # once it is known
        self._listed_at_the_top: set[str] = set()  # folders whose children topFolders showed
        self._closed: set[str] = set()  # folders that this login was refused

    def read(self, known: Known) -> Iterator[Batch]:
        with _archived_named():
            if self._folder_id:
                yield from self._read_folder(known, self._folder_id)
            else:
                yield from self._read_project(known)
            yield from self._evidence.unanswered()

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        with _archived_named():
            resolver = self._resolver(known)
            yield from resolver.run(candidates)
            yield from self._read_unlisted(known, resolver)
            yield from self._evidence.unanswered()

    def look_up(self, items: Sequence[Candidate], known: Known, *, singly: bool = False) -> Iterator[Shown]:
        with _archived_named():
            yield from self._resolver(known).look_up(items, singly=singly)
            for unanswered in self._evidence.unanswered():
                yield Shown(unanswered.id, None, failure=unanswered.error)

    def left_out(self) -> Sequence[str]:
        return self._system.names

    def _read_project(self, known: Known) -> Iterator[Batch]:
        place, answer = self._top_folders(known)
        yield place.rooted(RemoteFolder(place.root_id, name="", parent_id=None, listable=False))
        shown = list(visible(answer, place.root_id))
        in_root = None if shown else self._in_root(place)
        if in_root is None:
            tops, unusable = list(to_batches(answer, place.root_id, self._system)), unusable_in(answer)
        else:
            tops, unusable = [FolderListed(place.root_id, in_root.files, in_root.folders)], in_root.unusable
        for folder in [folder for top in tops for folder in top.folders if folder.listable][:1]:
            self._control.note(folder.id)
        if unusable is not None:  # then the root is not known completely
            root = tops.pop(0)
            yield Page(root.files, root.folders)
            yield Unreadable(place.root_id, unusable)
        self._listed_at_the_top.update(top.folder_id for top in tops)
        yield from tops
        yield from self._crawl(place).run(known, tops)

    def _in_root(self, place: ProjectPlace) -> FolderContents | None:
        """Ask the root for what topFolders does not show: it may give nothing, or the root itself alone.

        Who has no right to the root is refused there, which is ordinary: then there is nothing to see (None).
        https://forge.autodesk.com/blog/right-way-list-user-folders
        """
        try:
            answer = self._service.whole_contents(place.root_id)
        except (ForbiddenError, NotFoundError) as error:
            if error.about is not About.ITEM:
                raise
            return None
        contents = completed(self._service, to_contents(answer, place.root_id), place.root_id)
        return without_system(contents, self._system)

    def _read_folder(self, known: Known, folder_id: str) -> Iterator[Batch]:
        place = self._placed(known)
        root = self._root_folder(folder_id)
        self._control.note(folder_id)
        yield place.rooted(root)
        yield from self._crawl(place).run(known)

    def _read_unlisted(self, known: Known, resolver: AccResolver) -> Iterator[Batch]:
        """Read folders that are where they were although topFolders lacks them: else they would never be read again."""
        folders = [
            folder
            for folder in resolver.still_there
            if folder.parent_id in self._listed_at_the_top or folder.id in resolver.reopened
        ]
        if not folders:
            return
        changed = [folder for folder in folders if _is_news(folder, known)]
        if changed:
            yield Page(folders=changed)
        yield from self._crawl(self._placed(known)).run(known, within=frozenset(folder.id for folder in folders))

    def _top_folders(self, known: Known) -> tuple[ProjectPlace, Answer]:
        """Ask for the top folders; where the project is remembered to be, and if it is not there, where it is."""
        place = self._remembered(known)
        if place:
            try:
                return self._settle(place, known), self._service.top_folders(place.hub_id)
            except NotFoundError as error:
                if not error.reason:  # a page of somebody else's says nothing about the project
                    raise
            except NotAdmittedError as error:
                if error.reason not in OF_ONE_PROJECT:  # another hub's account may know the app
                    raise
        place = self._settle(find(self._service, self._hub_id, self._directory), known)
        return place, self._service.top_folders(place.hub_id)

    def _root_folder(self, folder_id: str) -> RemoteFolder:
        try:
            answer = self._service.folder(folder_id)
        except (ForbiddenError, NotFoundError) as error:
            if error.about is not About.ITEM:
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

    def _crawl(self, place: ProjectPlace) -> Crawl:
        return Crawl(self._service, place, self._system, self._evidence, self._control)

    def _resolver(self, known: Known) -> AccResolver:
        place = self._placed(known)
        root_id = self._folder_id or place.root_id
        return AccResolver(self._service, known, root_id, place.root_id, self._system, self._evidence, self._closed)

    def _find_readable(self) -> str | None:
        """Find something that this login may read, where nothing was read yet; None when it is shown nothing."""
        if self._folder_id:
            return self._folder_id
        if self._place is None:
            return None
        answer = self._service.top_folders(self._place.hub_id)
        return next((str(entry["id"]) for entry in visible(answer, self._place.root_id)), None)

    def _placed(self, known: Known) -> ProjectPlace:
        found = self._place or self._remembered(known) or find(self._service, self._hub_id, self._directory)
        return self._settle(found, known)

    def _settle(self, place: ProjectPlace, known: Known) -> ProjectPlace:
        """Go by this place from now on; a full listing tries the largest pages again."""
        if self._place is None and not known.full:
            self._service.page_size.lower(place.page_limit)
        self._place = place
        return place

    def _remembered(self, known: Known) -> ProjectPlace | None:
        return remembered(known.state, self._service.project_id, self._hub_id)


def _is_news(folder: RemoteFolder, known: Known) -> bool:
    before = known.folder(folder.id)
    return before is None or (before.name, before.change_stamp) != (folder.name, folder.change_stamp)


def open_provider(details: "AutodeskDetails", surroundings: Surroundings) -> AutodeskProvider:
    """Check the login's settings and make a connection that asks nothing yet. Raises AuthError."""
    connection, login = connect(surroundings, details.act_as_user)
    query = top_folder_query(has_user=details.act_as_user is not None or login.flow != "two_legged")
    service = DataManagement(connection, login.flow, details.project_id, query)
    return AutodeskProvider(service, details, login.identity, directory_of(surroundings, details.act_as_user))


def directory_of(surroundings: Surroundings, act_as_user: str | None) -> HubCache:
    """Return the directory that all endpoints with this login share."""
    return surroundings.shared.get(("autodesk", surroundings.credentials, act_as_user), HubCache)


@contextmanager
def _archived_named() -> Iterator[None]:
    """Raise ArchivedError for a closed or archived project, whichever request shows it."""
    try:
        yield
    except RefusedError as error:
        if error.reason != PROJECT_NOT_ACTIVE:
            raise
        raise ArchivedError(str(error), status=error.status, reason=error.reason) from error


def top_folder_query(*, has_user: bool) -> Mapping[str, str]:
    """Leave out what was deleted, which works only when a user stands behind the call.

    projectFilesOnly=true is not for us: it leaves out Plans, which is not said where it is documented
    (Autodesk-Forge/bim360appstore-data.management-nodejs-transfer.storage, issues 12, 21 and 31).
    """
    return {"excludeDeleted": "true"} if has_user else {}
