"""Sets of shared drives: every drive that the login is a member of.

Listing drives needs a larger scope than reading them, so that it has a login of its own: the token of the endpoints
stays the small one.
https://developers.google.com/workspace/drive/api/reference/rest/v3/drives/list
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from filesync.core.model import Member, Members
from filesync.providers.base import Surroundings
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.opening import connect
from filesync.providers.google_drive.paging import pages
from filesync.providers.google_drive.translate import NamedDrive

if TYPE_CHECKING:
    from filesync.providers.google_drive.details import DriveSetDetails

# decision 17: the smallest scope that drives.list accepts
LISTING = ("https://www.googleapis.com/auth/drive.readonly",)


def open_set(details: "DriveSetDetails", surroundings: Surroundings) -> Callable[[], Sequence[Member]]:
    """Make a connection that asks nothing yet. Raises AuthError."""
    drive, login = connect(surroundings, details.subject, scopes=LISTING)

    def members() -> Members:
        drives, whole = shared_drives(drive)
        return Members([_to_member(each) for each in drives], whole, login.identity())

    return members


def shared_drives(drive: Drive) -> tuple[Sequence[NamedDrive], bool]:
    """Read every page of the list; return whether each of its entries could be read, too."""
    found: dict[str, NamedDrive] = {}
    whole = True
    for page in pages(drive.drives):
        found.update((each.id, each) for each in page.drives)
        whole = whole and not page.lost
    return [*found.values()], whole


def _to_member(drive: NamedDrive) -> Member:
    return Member(drive.id, drive.name, {"drive_id": drive.id}, {"root_name": drive.name})
