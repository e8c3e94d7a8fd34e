"""Drive's five calls: google-api-python-client writes them, one of our own connections sends them.

https://developers.google.com/workspace/drive/api/reference/rest/v3

Its own transport is httplib2, which is not safe between threads (decision 2).
"""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from filesync.core.errors import ForbiddenError, NotFoundError, ResponseError
from filesync.providers.google_drive.page_sizes import PageSizes
from filesync.providers.google_drive.refusals import names_another, with_advice
from filesync.providers.google_drive.routes import CHANGES, DRIVES, FILE, FILES, START_TOKEN
from filesync.providers.google_drive.translate import (
    CHANGES_FIELDS,
    DRIVES_FIELDS,
    ITEM_FIELDS,
    START_TOKEN_FIELDS,
    ChangesPage,
    DriveItem,
    DrivesPage,
    ItemsPage,
    to_changes_page,
    to_drives_page,
    to_item,
    to_items_page,
    to_start_token,
)

if TYPE_CHECKING:
    from googleapiclient.http import HttpRequest

    from filesync.http import Answer, Connection, Route

_PAGE_SIZE = 1000  # the most files.list and changes.list accept
_DRIVES_PAGE_SIZE = 100  # the most drives.list accepts

Parameters = Mapping[str, str | int | bool | None]  # None: the parameter is left out


@dataclass(frozen=True, slots=True)
class Reach:
    """Which of Drive's collections is asked: one shared drive, the account's own, or (`everywhere`) whatever it sees.

    https://developers.google.com/workspace/drive/api/guides/enable-shareddrives
    """

    drive_id: str | None = None
    everywhere: bool = False

    def of_listing(self) -> Parameters:
        return {"corpora": "drive" if self.drive_id else "user", **self.of_log()}

    def of_log(self) -> Parameters:
        return {
            "driveId": self.drive_id,
            "includeItemsFromAllDrives": self.everywhere or bool(self.drive_id),
            "supportsAllDrives": True,
        }


class Drive:
    """Drive v3, read only; safe to share between threads."""

    def __init__(self, connection: "Connection", base_url: str) -> None:
        self.page_sizes = PageSizes()
        self._connection = connection
        self._methods = _methods(f"{base_url.rstrip('/')}/drive/v3/")

    def item(self, file_id: str) -> DriveItem:
        """Look up one file or folder; `root` is My Drive's root."""
        request = self._methods.files.get(fileId=file_id, supportsAllDrives=True, fields=ITEM_FIELDS)
        try:
            answer = self._send(FILE, request)
        except NotFoundError as error:
            if file_id != "root" and names_another(error, file_id):
                raise NotFoundError(str(error), status=error.status, reason=error.reason) from error  # about nobody
            raise
        return to_item(answer.body, answer.url)

    def items(self, query: str, reach: Reach, *, fields: str, token: str | None, plainly: bool = False) -> ItemsPage:
        """Read one page of what matches the query; `plainly`: the same page is not tried in smaller sizes."""

        def ask(size: int, tries: int | None) -> ItemsPage:
            wanted = {"q": query, "pageSize": size, "fields": fields, **reach.of_listing(), "pageToken": token}
            answer = self._send(FILES, self._methods.files.list(**wanted), tries)
            return to_items_page(answer.body, answer.url)

        sizes = self.page_sizes
        return sizes.ask_plainly(ask, _PAGE_SIZE) if plainly else sizes.ask(ask, _PAGE_SIZE)

    def drives(self, token: str | None) -> DrivesPage:
        """Read one page of the shared drives that the account is a member of; needs the scope drive.readonly."""

        def ask(size: int, tries: int | None) -> DrivesPage:
            request = self._methods.drives.list(pageSize=size, fields=DRIVES_FIELDS, pageToken=token)
            answer = self._send(DRIVES, request, tries)
            return to_drives_page(answer.body, answer.url)

        return self.page_sizes.ask(ask, _DRIVES_PAGE_SIZE)

    def changes(self, token: str, reach: Reach) -> ChangesPage:
        """Read one page of the change log."""

        def ask(size: int, tries: int | None) -> ChangesPage:
            request = self._methods.changes.list(
                pageToken=token, pageSize=size, includeRemoved=True, fields=CHANGES_FIELDS, **reach.of_log()
            )
            answer = self._send(CHANGES, request, tries)
            return to_changes_page(answer.body, answer.url)

        return self.page_sizes.ask(ask, _PAGE_SIZE)

    def start_token(self, drive_id: str | None) -> str:
        """Return where the change log of a shared drive, or of the account, ends now."""
        request = self._methods.changes.getStartPageToken(
            supportsAllDrives=True, fields=START_TOKEN_FIELDS, driveId=drive_id
        )
        answer = self._send(START_TOKEN, request)
        return to_start_token(answer.body, answer.url)

    def _send(self, route: "Route", request: "HttpRequest", tries: int | None = None) -> "Answer":
        route = replace(route, tries=tries) if tries else route
        try:
            answer = self._connection.get(route, request.uri)
        except ForbiddenError as error:
            raise with_advice(error) from error
        if answer.body.get("error") is not None:
            raise ResponseError(f"{answer.url}: Drive sent an error without a status in place of the answer")
        return answer


@dataclass(frozen=True, slots=True)
class _Methods:
    """What writes the requests; made once, for making them takes longer than all requests of most syncs."""

    files: Any
    changes: Any
    drives: Any


@cache
def _methods(address: str) -> _Methods:
    """Make the methods from the discovery document that comes with the library; nobody is asked."""
    with warnings.catch_warnings():  # google.api_core says years ahead which Python it will leave; cron would mail it
        warnings.simplefilter("ignore", FutureWarning)
        from googleapiclient.discovery import build  # noqa: PLC0415  0.1 s, and only a sync of Drive needs it

    # Both are named, because it would look for them in the environment of the process.
    options = {"api_endpoint": address, "universe_domain": "googleapis.com"}
    unused = object()  # with an `http` of any kind it looks for no credentials of its own
    drive = build("drive", "v3", http=unused, client_options=options, static_discovery=True, cache_discovery=False)
    return _Methods(drive.files(), drive.changes(), drive.drives())


def children_of(folder_ids: Iterable[str]) -> str:
    """Ask for what is in any of these folders.

    https://developers.google.com/workspace/drive/api/guides/ref-search-terms
    """
    parents = " or ".join(f"'{_escaped(folder_id)}' in parents" for folder_id in folder_ids)
    return f"({parents}) and trashed = false"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
