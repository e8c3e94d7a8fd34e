"""Sets of shared drives: every drive that the login is a member of.

Listing drives needs a larger scope than reading them, so that it has a login of its own: the token of the endpoints
stays the small one.
https://developers.google.com/workspace/drive/api/reference/rest/v3/drives/list
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from filesync.errors import ResponseError
from filesync.model import Member, Members
from filesync.providers.base import Surroundings
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.opening import connect
from filesync.providers.google_drive.translate import SharedDrive

if TYPE_CHECKING:
    from filesync.providers.google_drive.details import DriveSetDetails

LISTING = ("https://www.googleapis.com/auth/drive.readonly",)  # the smallest scope that drives.list accepts


def open_set(details: "DriveSetDetails", surroundings: Surroundings) -> Callable[[], Sequence[Member]]:
    """Make a connection that asks nothing yet. Raises AuthError."""
    drive, login = connect(surroundings, details.subject, scopes=LISTING)
    return lambda: Members([_to_member(each) for each in shared_drives(drive)], identity=login.identity())


def shared_drives(drive: Drive) -> Iterator[SharedDrive]:
    """Read every page of the list."""
    token, seen = None, set[str]()
    while True:
        page = drive.drives(token)
        yield from page.drives
        token = page.next_token
        if token is None:
            return
        if token in seen:
            raise ResponseError(f"{page.where}: it repeats a page")
        seen.add(token)


def _to_member(drive: SharedDrive) -> Member:
    return Member(drive.id, drive.name, {"drive_id": drive.id}, {"root_name": drive.name})
