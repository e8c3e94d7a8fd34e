"""The JSON of Drive's resources.

https://developers.google.com/workspace/drive/api/reference/rest/v3/files
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from filesync.core.timestamps import to_timestamp
from filesync.simulators.drive.access import Look, is_trashed
from filesync.simulators.drive.fields import Mask, cut
from filesync.simulators.drive.items import FOLDER, DriveUser, Item, SharedDrive
from filesync.simulators.drive.links import export_links, icon_link, web_content_link, web_view_link
from filesync.simulators.drive.matching import is_shared_with
from filesync.simulators.drive.state import DriveState

FILE_DEFAULT: Mask = {"kind": None, "id": None, "name": None, "mimeType": None}
DRIVE_DEFAULT: Mask = {"kind": None, "id": None, "name": None}

_written = lru_cache(maxsize=1024)(to_timestamp)  # an item's times are often one


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is shown a file, and by which `look` (a listing may lag).

    `unseen_parents`: the id of a parent that they may not see is shown all the same.
    """

    state: DriveState
    user: DriveUser
    look: Look
    unseen_parents: bool = False


def to_file(item: Item, viewer: Viewer, mask: Mask | None) -> dict[str, Any]:
    """Return the file's wanted fields; those it does not have are absent."""
    return translator(mask)(item, viewer)


def translator(mask: Mask | None) -> Callable[[Item, Viewer], dict[str, Any]]:
    """Return `to_file` for one mask, which is read once for many files."""
    fields: Mapping[str, Mask | None] = _EVERYTHING if mask is None else mask
    wanted = [(name, part, _FILE[name]) for name, part in fields.items() if name in _FILE]

    def translate(item: Item, viewer: Viewer) -> dict[str, Any]:
        shown = {}
        for name, part, read in wanted:
            value = read(item, viewer)
            if value is not None:
                shown[name] = value if part is None else cut(value, part)
        return shown

    return translate


def to_drive(drive: SharedDrive) -> dict[str, Any]:
    return {
        "kind": "drive#drive",
        "id": drive.id,
        "name": drive.name,
        "colorRgb": "#039be5",
        "createdTime": _written(drive.created_at),
        "hidden": drive.hidden,
        "capabilities": {"canListChildren": True, "canReadRevisions": True},
        "restrictions": {"adminManagedRestrictions": False, "driveMembersOnly": False},
    }


def to_user(user: DriveUser | None, *, me: bool = False) -> dict[str, Any]:
    """Name a user; nobody is a user without a name, as recorded in google-drive-to-sqlite's utils.py."""
    if user is None:
        return {"displayName": "", "kind": "drive#user", "me": False}
    named = {"kind": "drive#user", "displayName": user.name, "me": me, "permissionId": user.permission_id}
    return named | ({"emailAddress": user.email} if user.shows_email or me else {})


def _user(email: str | None, viewer: Viewer) -> dict[str, Any]:
    return to_user(viewer.state.users.get(email or ""), me=email == viewer.user.email)


def _in_drive(item: Item, viewer: Viewer) -> bool:
    return item.home in viewer.state.drives


def _parents(item: Item, viewer: Viewer) -> list[str] | None:
    parent = viewer.state.items.get(item.parent_id or "")
    if parent is None:
        return None
    return [parent.id] if viewer.unseen_parents or viewer.state.may_see(parent, viewer.user.email) else None


def _extension(item: Item, _viewer: Viewer) -> str | None:
    """Return the last part of a blob's name, as it is written: recorded as "PNG"; '' for a blob without one."""
    if item.content is None:
        return None
    stem, dot, extension = item.name.rpartition(".")
    return extension if dot and stem else ""


def _owners(item: Item, viewer: Viewer) -> list[dict[str, Any]] | None:
    return None if _in_drive(item, viewer) else [_user(item.owner, viewer)]


def _owned_by_me(item: Item, viewer: Viewer) -> bool | None:
    return None if _in_drive(item, viewer) else item.owner == viewer.user.email


def _shared(item: Item, viewer: Viewer) -> bool | None:
    return None if _in_drive(item, viewer) else len(viewer.state.access.may_see(item)) > 1


def _permissions(item: Item, viewer: Viewer) -> list[dict[str, Any]] | None:
    if item.owner != viewer.user.email:
        return None
    seen = [viewer.state.users[email] for email in sorted(viewer.state.access.may_see(item))]
    return [_permission(user, "owner" if user.email == item.owner else "reader") for user in seen]


def _permission(user: DriveUser, role: str) -> dict[str, Any]:
    named = {"id": user.permission_id, "displayName": user.name, "emailAddress": user.email}
    return {"kind": "drive#permission", "type": "user", "role": role, "deleted": False, **named}


def _permission_ids(item: Item, viewer: Viewer) -> list[str] | None:
    permissions = _permissions(item, viewer)
    return None if permissions is None else [each["id"] for each in permissions]


def _capabilities(item: Item, viewer: Viewer) -> dict[str, bool]:
    mine = item.owner == viewer.user.email
    opens = item.mime_type == FOLDER and viewer.user.email in viewer.state.access.may_open(item.id)
    edits = dict.fromkeys(("canEdit", "canRename", "canTrash", "canUntrash", "canShare", "canDelete"), mine)
    return {**edits, "canListChildren": opens, "canDownload": item.content is not None, "canReadRevisions": mine}


def _shortcut(item: Item, _viewer: Viewer) -> dict[str, str | None] | None:
    return {"targetId": item.target_id, "targetMimeType": item.target_type} if item.target_id else None


def _shared_with_me_at(item: Item, viewer: Viewer) -> str | None:
    if not is_shared_with(item, viewer.user.email):
        return None
    return _written(item.shared_with[viewer.user.email])


def _trashed_at(item: Item, viewer: Viewer) -> str | None:
    return _written(item.trashed_at) if item.trashed_at and _in_drive(item, viewer) else None


def _trashing_user(item: Item, viewer: Viewer) -> dict[str, Any] | None:
    return _user(item.trashed_by, viewer) if item.trashed_at and _in_drive(item, viewer) else None


def _size(item: Item, _viewer: Viewer) -> str | None:
    return str(item.content.size) if item.content else None


_FILE: Mapping[str, Callable[[Item, Viewer], Any]] = {
    "kind": lambda _item, _viewer: "drive#file",
    "id": lambda item, _viewer: item.id,
    "name": lambda item, _viewer: item.name,
    "mimeType": lambda item, _viewer: item.mime_type,
    "parents": _parents,
    "driveId": lambda item, viewer: item.home if _in_drive(item, viewer) else None,
    "teamDriveId": lambda item, viewer: item.home if _in_drive(item, viewer) else None,
    "size": _size,
    "quotaBytesUsed": lambda item, viewer: _size(item, viewer) or "0",
    "md5Checksum": lambda item, _viewer: item.content.md5 if item.content else None,
    "sha1Checksum": lambda item, _viewer: item.content.sha1 if item.content else None,
    "sha256Checksum": lambda item, _viewer: item.content.sha256 if item.content else None,
    "headRevisionId": lambda item, _viewer: item.content.revision_id if item.content else None,
    "version": lambda item, _viewer: str(item.version),
    "createdTime": lambda item, _viewer: _written(item.created_at),
    "modifiedTime": lambda item, _viewer: _written(item.modified_at),
    "viewedByMe": lambda item, _viewer: item.viewed_at is not None,
    "viewedByMeTime": lambda item, _viewer: _written(item.viewed_at) if item.viewed_at else None,
    "sharedWithMeTime": _shared_with_me_at,
    "trashed": lambda item, viewer: is_trashed(item, viewer.look),
    "explicitlyTrashed": lambda item, _viewer: item.trashed_at is not None,
    "trashedTime": _trashed_at,
    "trashingUser": _trashing_user,
    "webViewLink": lambda item, _viewer: web_view_link(item),
    "webContentLink": lambda item, _viewer: web_content_link(item),
    "iconLink": lambda item, _viewer: icon_link(item),
    "exportLinks": lambda item, _viewer: export_links(item),
    "fileExtension": _extension,
    "fullFileExtension": _extension,
    "originalFilename": lambda item, _viewer: item.name if item.content else None,
    "owners": _owners,
    "ownedByMe": _owned_by_me,
    "lastModifyingUser": lambda item, viewer: _user(item.modified_by, viewer),
    "modifiedByMe": lambda item, viewer: item.modified_by == viewer.user.email,
    "shared": _shared,
    "permissions": _permissions,
    "permissionIds": _permission_ids,
    "capabilities": _capabilities,
    "shortcutDetails": _shortcut,
    "starred": lambda item, _viewer: item.starred,
    "spaces": lambda _item, _viewer: ["drive"],
    "isAppAuthorized": lambda _item, _viewer: False,
    "hasThumbnail": lambda _item, _viewer: False,
    "thumbnailVersion": lambda _item, _viewer: "0",
    "inheritedPermissionsDisabled": lambda item, _viewer: item.limited if item.is_folder else None,
}
_EVERYTHING: Mask = dict.fromkeys(_FILE)
