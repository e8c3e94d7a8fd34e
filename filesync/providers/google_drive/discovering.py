"""Discovering: the shared drives that a login is a member of, its My Drive, and their top folders, with their ids."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from filesync.core.errors import NotFoundError, RefusedError, ResponseError, TransientError, UsageError
from filesync.providers.base import DiscoveryOptions, Sight, Surroundings
from filesync.providers.google_drive.api import Drive, Reach, children_of
from filesync.providers.google_drive.details import to_drive_id
from filesync.providers.google_drive.opening import connect
from filesync.providers.google_drive.paging import pages
from filesync.providers.google_drive.refusals import concerns_all
from filesync.providers.google_drive.sets import LISTING, shared_drives
from filesync.providers.google_drive.translate import FOLDER_TYPE, FOLDERS_PAGE_FIELDS

_MY_DRIVE = "My Drive"


def discover(wanted: DiscoveryOptions, surroundings: Surroundings) -> Iterator[Sight]:
    """Yield each shared drive, then My Drive, each before its top folders; what cannot be read says so.

    Costs one request for every 100 drives, and one for the folders of each. A service account has no My Drive.
    """
    drive, login = connect(surroundings, scopes=LISTING)
    try:
        drive_id = str(to_drive_id(wanted.drive)) if wanted.drive else None
    except ValueError as exc:
        raise UsageError(f"--drive: {exc}") from exc
    return _sights(drive, drive_id, folders=wanted.folders, has_own=login.flow == "user")


def _sights(drive: Drive, drive_id: str | None, *, folders: bool, has_own: bool) -> Iterator[Sight]:
    found = False
    drives, whole = shared_drives(drive)
    if not whole:
        yield Sight("outage", "", "", 0, problem="Drive named shared drives without their ids", error_type="bad_answer")
    for each in sorted(drives, key=lambda each: (each.name, each.id)):
        if drive_id in (None, each.id):
            found = True
            sight = Sight("drive", each.id, each.name, 0, details={"drive_id": each.id})
            yield from _with_folders(drive, sight, Reach(each.id)) if folders else [sight]
    if drive_id is not None and not found:
        raise NotFoundError(f"this login is no member of shared drive {drive_id}", status=404)
    if has_own and drive_id is None:
        sight = Sight("my_drive", drive.item("root").id, _MY_DRIVE, 0, details={})
        yield from _with_folders(drive, sight, Reach()) if folders else [sight]


def _with_folders(drive: Drive, above: Sight, reach: Reach) -> Iterator[Sight]:
    try:
        folders = sorted(_folders(drive, above.id, reach), key=lambda each: (each[1], each[0]))
    except (RefusedError, TransientError, ResponseError) as error:
        if concerns_all(error):
            raise
        yield replace(above, problem=str(error), error_type=error.error_type)
        return
    yield above
    for folder_id, name in folders:
        yield Sight("folder", folder_id, name, 1, details={**(above.details or {}), "folder_id": folder_id})


def _folders(drive: Drive, parent_id: str, reach: Reach) -> Iterable[tuple[str, str]]:
    query = f"{children_of([parent_id])} and mimeType = '{FOLDER_TYPE}'"
    found: dict[str, str] = {}
    for page in pages(lambda token: drive.items(query, reach, fields=FOLDERS_PAGE_FIELDS, token=token)):
        found.update((item.id, item.name) for item in page.items)
    return found.items()
