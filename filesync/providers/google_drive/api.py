"""Drive's five calls: google-api-python-client writes the requests, one of our own connections sends them.

The client's own transport is not used: it is not safe to share between threads, and knows nothing of
our budgets, counters and retries.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from filesync.providers.google_drive.routes import CHANGES, DRIVES, FILE, FILES, START_TOKEN
from filesync.providers.google_drive.translate import (
    CHANGES_FIELDS,
    DRIVES_FIELDS,
    ITEM_FIELDS,
    START_TOKEN_FIELDS,
    ChangesPage,
    DrivesPage,
    Item,
    ItemsPage,
    to_changes_page,
    to_drives_page,
    to_item,
    to_items_page,
    to_start_token,
)

if TYPE_CHECKING:
    from filesync.http import Answer, Connection, Route

_PAGE_SIZE = 1000  # the most files.list and changes.list accept
_DRIVES_PAGE_SIZE = 100  # the most drives.list accepts


@dataclass(frozen=True, slots=True)
class Reach:
    """Which of Drive's collections is asked: one shared drive, the account's own, or (`everywhere`) whatever it sees.

    https://developers.google.com/workspace/drive/api/guides/enable-shareddrives
    """

    drive_id: str | None = None
    everywhere: bool = False

    def of_listing(self) -> dict[str, Any]:
        if self.drive_id:
            return {"corpora": "drive", **self.of_log()}
        return {"corpora": "user", **self.of_log()}

    def of_log(self) -> dict[str, Any]:
        if self.drive_id:
            return {"driveId": self.drive_id, "includeItemsFromAllDrives": True, "supportsAllDrives": True}
        return {"includeItemsFromAllDrives": self.everywhere, "supportsAllDrives": True}


class Drive:
    """Drive v3, read only; safe to share between threads."""

    def __init__(self, connection: "Connection", base_url: str) -> None:
        self._connection = connection
        self._endpoint = f"{base_url.rstrip('/')}/drive/v3/"

    def item(self, file_id: str) -> Item:
        """Look up one file or folder; `root` is My Drive's root."""
        request = self._files.get(fileId=file_id, supportsAllDrives=True, fields=ITEM_FIELDS)
        answer = self._send(FILE, request)
        return to_item(answer.body, answer.url)

    def items(self, query: str, reach: Reach, *, fields: str, token: str | None) -> ItemsPage:
        """Read one page of what matches the query."""
        optional = {"pageToken": token} if token else {}
        request = self._files.list(q=query, pageSize=_PAGE_SIZE, fields=fields, **reach.of_listing(), **optional)
        answer = self._send(FILES, request)
        return to_items_page(answer.body, answer.url)

    def drives(self, token: str | None) -> DrivesPage:
        """Read one page of the shared drives that the account is a member of; needs the scope drive.readonly."""
        optional = {"pageToken": token} if token else {}
        request = self._drives.list(pageSize=_DRIVES_PAGE_SIZE, fields=DRIVES_FIELDS, **optional)
        answer = self._send(DRIVES, request)
        return to_drives_page(answer.body, answer.url)

    def changes(self, token: str, reach: Reach) -> ChangesPage:
        """Read one page of the change log."""
        request = self._changes.list(
            pageToken=token, pageSize=_PAGE_SIZE, includeRemoved=True, fields=CHANGES_FIELDS, **reach.of_log()
        )
        answer = self._send(CHANGES, request)
        return to_changes_page(answer.body, answer.url)

    def start_token(self, drive_id: str | None) -> str:
        """Tell where the change log of a shared drive, or of the account, ends now."""
        optional = {"driveId": drive_id} if drive_id else {}
        request = self._changes.getStartPageToken(supportsAllDrives=True, fields=START_TOKEN_FIELDS, **optional)
        answer = self._send(START_TOKEN, request)
        return to_start_token(answer.body, answer.url)

    def _send(self, route: "Route", request: Any) -> "Answer":
        return self._connection.get(route, request.uri)

    @cached_property
    def _service(self) -> Any:
        # Imported here because it costs a third of a second, which no other command should pay.
        from google.api_core.client_options import ClientOptions  # noqa: PLC0415
        from googleapiclient.discovery import build  # noqa: PLC0415

        options = ClientOptions(api_endpoint=self._endpoint)
        # Any http stops the client's search for credentials; it is never used.
        return build("drive", "v3", http=object(), static_discovery=True, cache_discovery=False, client_options=options)

    @cached_property
    def _files(self) -> Any:
        return self._service.files()  # costs 2.5 ms each time

    @cached_property
    def _drives(self) -> Any:
        return self._service.drives()

    @cached_property
    def _changes(self) -> Any:
        return self._service.changes()


def children_of(folder_ids: Iterable[str]) -> str:
    """Ask for what is in any of these folders.

    https://developers.google.com/workspace/drive/api/guides/ref-search-terms
    """
    parents = " or ".join(f"'{_escaped(folder_id)}' in parents" for folder_id in folder_ids)
    return f"({parents}) and trashed = false"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
