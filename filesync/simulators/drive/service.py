"""Google Drive v3: its methods, and the switches for its moods."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from filesync.runtime.clock import Clock
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import fields, refusals
from filesync.simulators.drive.changes import CHANGE_DEFAULT, Feed, change_page, log_of
from filesync.simulators.drive.discovery import Parameters, method
from filesync.simulators.drive.fields import Mask
from filesync.simulators.drive.gateway import READONLY, GoogleGateway
from filesync.simulators.drive.items import DriveUser, Item
from filesync.simulators.drive.listing import Listing, check_member
from filesync.simulators.drive.pages import PageTokens, question
from filesync.simulators.drive.resources import DRIVE_DEFAULT, FILE_DEFAULT, Viewer, to_drive, to_file, to_user
from filesync.simulators.drive.state import DriveState
from filesync.simulators.drive.texts import DriveFileTexts
from filesync.simulators.drive.truth import truth
from filesync.simulators.messages import Call, HttpResponse, Refused, ServedRoute

_JSON = "application/json; charset=UTF-8"


class GoogleDrive(GoogleGateway):
    """The service; what is in it is `state`, who may sign in is `tokens`.

    `harsh`: files.list is two minutes behind, until `state.settle()`. Harsh or not, a query for
    several parents loses the children of some (`grouped_parents_lose`): rclone#3114, #9810.
    """

    def __init__(
        self,
        clock: SimulatedClock | None = None,
        *,
        seed: int = 0,
        harsh: bool = False,
        list_lag: float | None = None,
        token_life: float = 4 * 3600,
        wall: Clock | None = None,
        descendant_entries: bool = False,
    ) -> None:
        """`list_lag` and `token_life` in seconds; `wall` is the clock by which the makers of assertions live."""
        clock = clock or SimulatedClock()
        lag = (120.0 if harsh else 0.0) if list_lag is None else list_lag
        state = DriveState(clock, seed=seed, list_lag=lag, descendant_entries=descendant_entries)
        super().__init__(clock, state, wall)
        self.texts = DriveFileTexts()
        self.pages = PageTokens(clock, state.ids, token_life)
        self.grouped_parents_lose = True
        self.incomplete_search = False
        self.empty_change_pages = False
        self.change_lag = 0.0  # seconds
        self.dead_token_status = 400  # or 410
        self.unseen_parents = False  # True: a parent one may not see is named all the same
        self.largest_page = 1000  # entries; Drive may always send fewer than were asked for
        self.breaks_at_page_size = 1001  # asked for that many entries or more it answers 500: prasmussen/gdrive#105
        self.most_parents = 1000  # of one query; more are refused: PyDrive2#353
        self.many_parents_status = 400  # or 413

    def start(self) -> "GoogleDrive":
        super().start()
        self.tokens.address = f"{self.base_url}/token"
        self.federation.base_url = self.base_url
        return self

    def kill_change_tokens(self) -> None:
        self.state.kill_change_tokens()

    def truth(self, viewer: str, scope: str, *, strays: bool = False) -> list[dict[str, Any]]:
        """See `truth.truth`."""
        return truth(self.state, viewer, scope, strays=strays)

    def routes(self) -> tuple[ServedRoute, ...]:
        return (
            *self.login_routes(),
            self._route("files.list", "/drive/v3/files", self._list),
            self._route("files.get", "/drive/v3/files/{file}", self._get),
            self._route("changes.getStartPageToken", "/drive/v3/changes/startPageToken", self._start_token),
            self._route("changes.list", "/drive/v3/changes", self._changes),
            self._route("drives.list", "/drive/v3/drives", self._drives),
            self._route("drives.get", "/drive/v3/drives/{drive}", self._drive),
            self._route("about.get", "/drive/v3/about", self._about),
        )

    def _route(
        self, name: str, path: str, reply: Callable[[Call, DriveUser, Parameters], dict[str, Any] | str]
    ) -> ServedRoute:
        def checked(call: Call) -> HttpResponse:
            given = method(name).read(call.query)
            if given.get("pageSize", 0) >= self.breaks_at_page_size:
                raise refusals.refusal(500, "internalError", "Internal Error")
            if "pageSize" in given:
                given = {**given, "pageSize": min(given["pageSize"], self.largest_page)}
            with self.state.lock:
                body = reply(call, self.state.users[call.client], given)
            return (
                HttpResponse(200, body.encode(), _JSON)
                if isinstance(body, str)
                else HttpResponse.of_json(body, content_type=_JSON)
            )

        return ServedRoute(name, "GET", path, checked)

    def _list(self, call: Call, user: DriveUser, given: Parameters) -> dict[str, Any] | str:
        mask = _mask(given, "FileList", {"files": FILE_DEFAULT})
        if given.get("q", "").count(" in parents") > self.most_parents:
            raise refusals.refusal(self.many_parents_status, "invalid", "The query is too complex.", location="q")
        listing = Listing(self.state, user, {"corpora": "user", **given}, self._dropped)
        asked = question("files.list", call.client, call.query)
        position = self.pages.position(given["pageToken"], asked) if "pageToken" in given else None
        found = listing.page(position, fields.below(mask, "files"))
        body: dict[str, Any] = {"kind": "drive#fileList", "incompleteSearch": self.incomplete_search}
        if found.position is not None:
            body["nextPageToken"] = self.pages.give(asked, found.position)
        viewer = Viewer(self.state, user, self.state.look(), self.unseen_parents)
        body = _cut_top(body, mask)
        if not fields.names(mask, "files"):
            return body
        files = self.texts.write(found.items, viewer, fields.below(mask, "files"), given.get("fields", ""))
        return _with_texts(body, "files", files)

    def _get(self, call: Call, user: DriveUser, given: Parameters) -> dict[str, Any]:
        item = self._item(call.ids["file"], user, given)
        if given.get("alt") == "media":
            raise self._no_media(call)
        return to_file(item, self._viewer(user), _mask(given, "File", FILE_DEFAULT))

    def _start_token(self, call: Call, user: DriveUser, given: Parameters) -> dict[str, Any]:  # noqa: ARG002 - as the other methods
        token = str(log_of(self.state, user, given).token)
        body = {"kind": "drive#startPageToken", "startPageToken": token}
        return _cut_top(body, _mask(given, "StartPageToken", None))

    def _changes(self, call: Call, user: DriveUser, given: Parameters) -> dict[str, Any]:  # noqa: ARG002 - as the other methods
        mask = _mask(given, "ChangeList", {"changes": CHANGE_DEFAULT})
        hidden_after = self.clock.now() - timedelta(seconds=self.change_lag)
        feed = Feed(hidden_after, empty_pages=self.empty_change_pages, dead_token_status=self.dead_token_status)
        return _cut_top(change_page(self._viewer(user), given, feed, fields.below(mask, "changes")), mask)

    def _drives(self, call: Call, user: DriveUser, given: Parameters) -> dict[str, Any]:
        if given.get("q") or given["useDomainAdminAccess"]:
            raise refusals.refusal(403, "insufficientPermissions", "Only an administrator may search all drives.")
        mask = _mask(given, "DriveList", {"drives": DRIVE_DEFAULT})
        mine = [drive for drive in self.state.drives.values() if user.email in drive.members]
        asked = question("drives.list", call.client, call.query)
        start = self.pages.position(given["pageToken"], asked) if "pageToken" in given else 0
        end = start + given["pageSize"]
        body: dict[str, Any] = {"kind": "drive#driveList", "drives": [to_drive(drive) for drive in mine[start:end]]}
        if end < len(mine):
            body["nextPageToken"] = self.pages.give(asked, end)
        cut_down: dict[str, Any] = fields.cut(body, mask)
        return cut_down

    def _drive(self, call: Call, user: DriveUser, given: Parameters) -> dict[str, Any]:
        check_member(self.state, user, call.ids["drive"])
        body: dict[str, Any] = fields.cut(
            to_drive(self.state.drives[call.ids["drive"]]), _mask(given, "Drive", DRIVE_DEFAULT)
        )
        return body

    def _about(self, call: Call, user: DriveUser, given: Parameters) -> dict[str, Any]:  # noqa: ARG002 - as the other methods
        if not given.get("fields"):
            message = "The 'fields' parameter is required for this method."
            raise refusals.refusal(400, "required", message, location="fields")
        usage = {"usage": "0", "usageInDrive": "0", "usageInDriveTrash": "0", "limit": "16106127360"}
        body = {"kind": "drive#about", "user": to_user(user, me=True), "storageQuota": usage}
        cut_down: dict[str, Any] = fields.cut(body, _mask(given, "About", None))
        return cut_down

    def _viewer(self, user: DriveUser) -> Viewer:
        return Viewer(self.state, user, self.state.items.get, self.unseen_parents)

    def _item(self, file_id: str, user: DriveUser, given: Parameters) -> Item:
        item = self.state.items.get(user.root_id if file_id == "root" else file_id)
        hidden = item and item.home in self.state.drives and not given["supportsAllDrives"]
        if item is None or hidden or not self.state.may_see(item, user.email):
            raise refusals.file_not_found(file_id)
        return item

    def _no_media(self, call: Call) -> Refused:
        """Refuse content: it needs a content scope (docs/content/drive.md of rclone), and no item here has any."""
        if READONLY not in self.grant_of(call).scopes:
            return refusals.insufficient_scope()
        return refusals.refusal(403, "fileNotDownloadable", "Only files with binary content can be downloaded.")

    def _dropped(self, parents: list[str]) -> frozenset[str]:
        """Choose whose children a grouped query loses: every third parent's, at least one's."""
        if not self.grouped_parents_lose or len(parents) < 2:
            return frozenset()
        return frozenset(parents[self.state.seed % min(3, len(parents)) :: 3])


def _with_texts(body: Mapping[str, Any], name: str, texts: Iterable[str]) -> str:
    """Write an object that has one more field, a list whose entries are JSON already."""
    before = "".join(f'"{key}":{json.dumps(value)},' for key, value in body.items())
    return f'{{{before}"{name}":[{",".join(texts)}]}}'


def _mask(given: Parameters, schema: str, default: Mask | None) -> Mask | None:
    """Read what is wanted; of an answer with a list, the default speaks of the list alone."""
    if "fields" in given:
        return fields.parse(given["fields"], schema)
    if default is None or schema in ("File", "Drive"):
        return default
    return dict.fromkeys(("kind", "nextPageToken", "newStartPageToken", "incompleteSearch"), None) | dict(default)


def _cut_top(body: Mapping[str, Any], mask: Mask | None) -> dict[str, Any]:
    """Leave the wanted fields of the outermost level; what is inside was cut as it was made."""
    return {name: value for name, value in body.items() if fields.names(mask, name)}
