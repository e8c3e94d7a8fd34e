"""Data Management: its routes and what they answer, to whom."""

from collections.abc import Sequence
from typing import Any

from filesync.simulators.acc import commands, entries, listing, refusals, responses
from filesync.simulators.acc.accounts import may_enter, may_open
from filesync.simulators.acc.gateway import AutodeskGateway
from filesync.simulators.acc.records import AccUser, File, Folder, Hub, Project, RegisteredApp
from filesync.simulators.acc.truth import truth
from filesync.simulators.messages import Call, HttpResponse, ServedRoute


class AccSimulator(AutodeskGateway):
    """Autodesk Construction Cloud on loopback: state, changes to it, and the routes that show it."""

    def routes(self) -> tuple[ServedRoute, ...]:
        hub, project = "/project/v1/hubs/{hub}", "/data/v1/projects/{project}"
        return (
            ServedRoute("contents", "GET", f"{project}/folders/{{folder}}/contents", self._contents),
            ServedRoute("folder", "GET", f"{project}/folders/{{folder}}", self._folder),
            ServedRoute("item", "GET", f"{project}/items/{{item}}", self._item),
            ServedRoute("versions", "GET", f"{project}/items/{{item}}/versions", self._versions),
            ServedRoute("commands", "POST", f"{project}/commands", self._command),
            ServedRoute("top_folders", "GET", f"{hub}/projects/{{project}}/topFolders", self._top_folders),
            ServedRoute("project", "GET", f"{hub}/projects/{{project}}", self._project),
            ServedRoute("projects", "GET", f"{hub}/projects", self._projects),
            ServedRoute("hub", "GET", hub, self._hub),
            ServedRoute("hubs", "GET", "/project/v1/hubs", self._hubs),
            *self.login_routes(),
        )

    def truth(
        self, project: str, folder: str | None = None, *, user: str | None = None, system: bool = False
    ) -> list[dict[str, Any]]:
        """List what an inventory of the project, or of the folder's subtree, must hold."""
        return truth(self, project, folder, user=user, system=system)

    def _hubs(self, call: Call) -> HttpResponse:
        with self.lock:
            shown = [hub for hub in self.hubs.values() if self._is_visible(hub, call)]
            up = [hub for hub in shown if hub.region not in self.regions_down]
            silent = [region for region in responses.silent_regions(up) if region not in self.regions_down]
            warnings = responses.to_warnings(silent, sorted(self.regions_down), self._closed_regions(call))
            found = [responses.to_hub(hub, self.base_url) for hub in up]
            page, links = self._cut(found, call)
            return _answer(responses.to_document(links, responses.to_list(page), meta={"warnings": warnings}))

    def _hub(self, call: Call) -> HttpResponse:
        hub = self._open_hub(call)
        return _answer(responses.to_document(self._self(call), responses.to_hub(hub, self.base_url)))

    def _projects(self, call: Call) -> HttpResponse:
        paging = listing.Paging.of(call, self.largest_page)
        with self.lock:
            hub, user = self._open_hub(call), self.asking_user(call)
            projects = [one for one in self.projects.values() if one.hub is hub and one.active and may_enter(one, user)]
            found = [responses.to_project(project, self.base_url) for project in paging.cut(projects)]
            return self._page(call, paging, found, len(projects))

    def _project(self, call: Call) -> HttpResponse:
        with self.lock:
            project = self._open_project(call)
            return _answer(responses.to_document(self._self(call), responses.to_project(project, self.base_url)))

    def _top_folders(self, call: Call) -> HttpResponse:
        with self.lock:
            project, user = self._open_project(call), self.asking_user(call)
            folders = [folder for folder in self._tops(project, user) if _is_asked_for(folder, user, call)]
            page, links = self._cut([self._top_folder(folder) for folder in folders], call)
            return _answer(responses.to_document(links, responses.to_list(page)))

    def _folder(self, call: Call) -> HttpResponse:
        with self.lock:
            folder = self._open_folder(call)
            return _answer(responses.to_document(self._self(call), responses.to_folder(folder, self.base_url)))

    def _contents(self, call: Call) -> HttpResponse:
        paging, keep = listing.Paging.of(call, self.largest_page), listing.wanted(call.query)
        if self.rules.most_entries is not None and int(call.query.get("page[limit]", "200")) > self.rules.most_entries:
            raise refusals.document(500, "INTERNAL_SERVER_ERROR", "An unexpected error occurred.")
        with self.lock:
            children = self._listed(self._open_folder(call))
            horizon = self._horizon()
            page = [node for node in paging.cut(children) if keep(node)]
            files = [(node, tip) for node in page if isinstance(node, File) and (tip := listing.tip_at(node, horizon))]
            data = [responses.to_folder(node, self.base_url) for node in page if isinstance(node, Folder)]
            base = self.base_url
            texts = [self.texts.write(file, tip, base) for file, tip in files]
            data += [item for item, _ in texts]
            # in another order than the items: a client joins them by id
            told = [(file, version) for (file, _), (_, version) in zip(files, texts, strict=True)]
            tips = [version for file, version in reversed(told) if file.id not in self.tips_left_out]
            return self._page(call, paging, data, len(children), included=tips)

    def _item(self, call: Call) -> HttpResponse:
        with self.lock:
            project, user = self._open_project(call), self.asking_user(call)
            file = commands.open_file(self.files, project, user, call.ids["item"])
            write = commands.item_with_path if _asks_for_path(call) else commands.item
            tip = entries.to_version(file, file.tip, self.base_url)
            return _answer(responses.to_document(self._self(call), write(file, self.base_url), included=[tip]))

    def _versions(self, call: Call) -> HttpResponse:
        paging = listing.Paging.of(call, self.largest_page)
        with self.lock:
            project, user = self._open_project(call), self.asking_user(call)
            file = commands.open_file(self.files, project, user, call.ids["item"])
            newest_first = file.versions[::-1]
            found = [entries.to_version(file, version, self.base_url) for version in paging.cut(newest_first)]
            return self._page(call, paging, found, len(newest_first))

    def _command(self, call: Call) -> HttpResponse:
        wanted, with_path = commands.read_list_items(call)
        with self.lock:
            project, user = self._open_project(call), self.asking_user(call)
            files = commands.find_files(
                self.files, project, user, wanted, all_or_nothing=self.rules.list_items_all_or_nothing
            )
            command_id, but_tips = self.ids.guid(), self.tips_left_out
            return _answer(commands.to_answer(files, self.base_url, command_id, with_path=with_path, but_tips=but_tips))

    def _page(
        self,
        call: Call,
        paging: listing.Paging,
        data: Sequence[responses.JsonText],
        total: int,
        *,
        included: Sequence[responses.JsonText] = (),
    ) -> HttpResponse:
        links = paging.links(call, self.base_url, total)
        return _answer(responses.to_document(links, responses.to_list(data), included=included))

    def _self(self, call: Call) -> responses.Json:
        return {"self": {"href": f"{self.base_url}{call.path}"}}

    def _app(self, call: Call) -> RegisteredApp:
        return self.apps[call.client]

    def _cut(
        self, found: Sequence[responses.JsonText], call: Call
    ) -> tuple[Sequence[responses.JsonText], dict[str, dict[str, str]]]:
        """Return all of a list without documented pages; or one page and its links, where the rules say so."""
        most = self.rules.tops_on_a_page
        if most is None:
            return found, self._self(call)
        paging = listing.Paging(int(call.query.get("page[number]", "0")), most)
        return paging.cut(found), paging.links(call, self.base_url, len(found))

    def _closed_regions(self, call: Call) -> list[str]:
        """Name the regions where an account knows the app, but not the user who is asking."""
        entered = self._app(call).hubs
        return sorted(
            {hub.region for hub in self.hubs.values() if (entered is None or hub.id in entered)}
            - {hub.region for hub in self.hubs.values() if self._is_visible(hub, call)}
        )

    def _tops(self, project: Project, user: AccUser | None) -> list[Folder]:
        if self.rules.tops_shown == "nothing":
            return []
        if self.rules.tops_shown == "root":
            return [project.root]
        return [folder for folder in self._highest(project, user) if folder.id not in self.tops_left_out]

    def _is_visible(self, hub: Hub, call: Call) -> bool:
        user, entered = self.asking_user(call), self._app(call).hubs
        if entered is not None and hub.id not in entered:
            return False
        return user is None or any(one.hub is hub and user.id in one.members for one in self.projects.values())

    def _open_hub(self, call: Call) -> Hub:
        hub = self.hubs.get(call.ids["hub"])
        if hub is None:
            raise refusals.not_found("hub", call.ids["hub"])
        if not self._is_visible(hub, call):
            raise refusals.document(403, "BIM360DM_ERROR", "You don't have permission to access this API")
        if hub.region in self.regions_down:
            raise refusals.document(503, "BIM360DM_ERROR", "The service is not available")
        return hub

    def _open_project(self, call: Call) -> Project:
        urn, user = call.ids["project"], self.asking_user(call)
        if not urn.startswith(("a.", "b.")):
            raise refusals.bad_input("The project id is invalid.")
        project = self.projects.get(urn)
        if project is None or ("hub" in call.ids and self._open_hub(call) is not project.hub):
            raise refusals.not_found("project", urn)
        entered = self._app(call).hubs
        if (entered is not None and project.hub.id not in entered) or not may_enter(project, user):
            raise refusals.forbidden("project")
        if not project.active:
            raise refusals.inactive(project.id)
        return project

    def _open_folder(self, call: Call) -> Folder:
        project, urn = self._open_project(call), call.ids["folder"]
        if not urn.startswith("urn:adsk."):
            raise refusals.bad_input("The folder id is invalid.")
        folder = self.folders.get(urn)
        if folder is None or folder.project is not project:
            raise refusals.not_found("folder", urn)
        if not may_open(folder, self.asking_user(call)):
            raise refusals.forbidden("folder")
        return folder

    def _listed(self, folder: Folder) -> list[Folder | File]:
        """List what the folder shows of itself now, hidden ones among it: pages are cut before they are filtered."""
        horizon, hides = self._horizon(), self.rules.hide_revoked
        found: list[Folder | File] = [
            one for one in folder.folders.values() if one.arrived <= horizon and not (hides and one.revoked)
        ]
        found += [one for one in folder.files.values() if not one.revoked and listing.tip_at(one, horizon)]
        return found

    def _horizon(self) -> float:
        return self.clock.monotonic() - self.rules.list_lag

    def _highest(self, project: Project, user: AccUser | None) -> list[Folder]:
        """List the highest folders that the user may see: the top ones, or those he was given and none above."""
        given = None if user is None else project.members[user.id]
        if given is None:
            hides = self.rules.hide_revoked
            return [folder for folder in project.root.folders.values() if not (hides and folder.revoked)]
        folders = [self.folders[urn] for urn in sorted(given) if urn in self.folders]
        return [one for one in folders if not any(above.id in given for above in one.chain()[1:])]

    def _top_folder(self, folder: Folder) -> responses.JsonText:
        facts: dict[str, Any] = {"isRoot": False, "folderType": folder.type}
        parents = responses.to_folder_parents(folder)
        return responses.to_folder(folder, self.base_url, **facts, **({"folderParents": parents} if parents else {}))


def _is_asked_for(folder: Folder, user: AccUser | None, call: Call) -> bool:
    """Apply excludeDeleted and projectFilesOnly, which work only with a user behind the call (aps.md 2.6)."""
    if user is None:
        return True
    if folder.hidden and call.query.get("excludeDeleted") == "true":
        return False
    if call.query.get("projectFilesOnly") != "true":
        return True
    top = folder.chain()[:-1][-1:]  # what it lies below at the root: itself, or a folder above it
    return not any(one.system or one.type == "plan" for one in top)


def _asks_for_path(call: Call) -> bool:
    return call.query.get("includePathInProject") == "true"


def _answer(body: bytes) -> HttpResponse:
    return HttpResponse(200, body, refusals.DM_TYPE)
