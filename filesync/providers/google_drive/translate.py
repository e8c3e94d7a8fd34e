"""Drive's field names: the only module that knows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from filesync.clock import Timestamp, as_timestamp
from filesync.errors import ResponseError
from filesync.model import RemoteFile, RemoteFolder
from filesync.providers.extra import to_extra

FOLDER_TYPE = "application/vnd.google-apps.folder"
SHORTCUT_TYPE = "application/vnd.google-apps.shortcut"

# Only what is used: `permissions` would cap pages at 100 items, `thumbnailLink` changes by itself.
FOLDER_FIELDS = "id,name,mimeType,parents,driveId,trashed,capabilities/canListChildren"
_FILE_FIELDS = (
    "id,name,mimeType,parents,driveId,trashed,size,md5Checksum,sha1Checksum,sha256Checksum,headRevisionId,"
    "createdTime,modifiedTime,webViewLink,owners(displayName,emailAddress),"
    "lastModifyingUser(displayName,emailAddress,permissionId),"
    "shortcutDetails(targetId,targetMimeType,targetResourceKey),ownedByMe,shared,resourceKey"
)
ITEM_FIELDS = f"{_FILE_FIELDS},capabilities/canListChildren"
FOLDERS_PAGE_FIELDS = f"nextPageToken,incompleteSearch,files({FOLDER_FIELDS})"
FILES_PAGE_FIELDS = f"nextPageToken,incompleteSearch,files({_FILE_FIELDS})"
ITEMS_PAGE_FIELDS = f"nextPageToken,incompleteSearch,files({ITEM_FIELDS})"
CHANGES_FIELDS = f"nextPageToken,newStartPageToken,changes(changeType,removed,fileId,driveId,file({ITEM_FIELDS}))"
DRIVES_FIELDS = "nextPageToken,drives(id,name)"
START_TOKEN_FIELDS = "startPageToken"  # noqa: S105  a field's name

# https://developers.google.com/workspace/drive/api/guides/mime-types
_GOOGLE_TYPES = {
    "document": "gdoc",
    "spreadsheet": "gsheet",
    "presentation": "gslides",
    "drawing": "gdraw",
    "shortcut": "shortcut",
}
_NOTHING: dict[str, Any] = {}
_LONGEST_SIZE = 19  # digits of 2**63
_GOOGLE_PREFIX = "application/vnd.google-apps."

# Facts of the file itself; `version` and thumbnails move without anybody doing anything.
_EXTRA = (
    ("driveId", "driveId"),
    ("ownedByMe", "ownedByMe"),
    ("resourceKey", "resourceKey"),
    ("sha1", "sha1Checksum"),
    ("sha256", "sha256Checksum"),
    ("shared", "shared"),
    ("shortcutDetails", "shortcutDetails"),
)


class Item(NamedTuple):
    """A file or folder as Drive sent it, its identity checked; `where` names the request it came with."""

    id: str
    name: str
    parents: tuple[str, ...]
    drive_id: str | None
    is_folder: bool
    is_trashed: bool
    is_limited: bool  # a folder that may be seen but not opened
    facts: Mapping[str, Any]
    where: str

    @property
    def target_id(self) -> str | None:
        """What a shortcut points to."""
        return _text(_mapping(self.facts, "shortcutDetails", self.where), "targetId", self.where)


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """One page of `files.list`."""

    items: tuple[Item, ...]
    next_token: str | None
    is_incomplete: bool
    where: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change log: the present state of an item, or (`item` None) that it is gone from the log."""

    id: str
    item: Item | None


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """One page of `changes.list`: `cursor` is where the log goes on, in this sync or (`is_last`) in the next one."""

    changes: tuple[Change, ...]
    lost_drives: frozenset[str]
    cursor: str
    is_last: bool
    where: str


@dataclass(frozen=True, slots=True)
class SharedDrive:
    """A shared drive by its name, which only this list tells."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class DrivesPage:
    """One page of `drives.list`."""

    drives: tuple[SharedDrive, ...]
    next_token: str | None
    where: str


def to_drives_page(answer: Mapping[str, Any], where: str) -> DrivesPage:
    """Translate a page of drives.

    https://developers.google.com/workspace/drive/api/reference/rest/v3/drives/list
    """
    entries = _entries(answer, "drives", where)
    drives = (SharedDrive(_required(entry, "id", where), _text(entry, "name", where) or "") for entry in entries)
    return DrivesPage(tuple(drives), _text(answer, "nextPageToken", where), where)


def to_items_page(answer: Mapping[str, Any], where: str) -> ItemsPage:
    """Translate a FileList. One without any of its fields is no empty list: what is not on it would be forgotten.

    https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list
    """
    if not answer.keys() & {"files", "incompleteSearch", "nextPageToken"}:
        raise ResponseError(f"{where}: the answer is no list of files")
    return ItemsPage(
        items=tuple(to_item(entry, where) for entry in _entries(answer, "files", where)),
        next_token=_text(answer, "nextPageToken", where),
        is_incomplete=_flag(answer, "incompleteSearch", where) is True,
        where=where,
    )


def to_changes_page(answer: Mapping[str, Any], where: str) -> ChangesPage:
    """Translate a ChangeList, which has exactly one of nextPageToken (more) and newStartPageToken (the end).

    https://developers.google.com/workspace/drive/api/reference/rest/v3/changes/list
    """
    more, end = _text(answer, "nextPageToken", where), _text(answer, "newStartPageToken", where)
    if (more is None) == (end is None):
        raise ResponseError(f"{where}: a page of changes with {'both' if more else 'neither'} of its two tokens")
    entries = _entries(answer, "changes", where)
    return ChangesPage(
        changes=tuple(_to_change(entry, where) for entry in entries if not _is_about_drive(entry)),
        lost_drives=frozenset(_lost_drives(entries, where)),
        cursor=_required(answer, "nextPageToken" if more else "newStartPageToken", where),
        is_last=end is not None,
        where=where,
    )


def to_start_token(answer: Mapping[str, Any], where: str) -> str:
    """Translate a StartPageToken."""
    return _required(answer, "startPageToken", where)


def to_item(facts: Any, where: str) -> Item:
    """Check the identity of a File resource.

    https://developers.google.com/workspace/drive/api/reference/rest/v3/files
    """
    if not isinstance(facts, dict):
        raise ResponseError(f"{where}: a file that is not an object")
    name = facts.get("name")
    if not isinstance(name, str):
        raise ResponseError(f"{where}: a file without a name")
    is_folder = facts.get("mimeType") == FOLDER_TYPE
    return Item(
        id=_required(facts, "id", where),
        name=_clean(name),
        parents=_to_parents(facts, where),
        drive_id=_text(facts, "driveId", where),
        is_folder=is_folder,
        is_trashed=_flag(facts, "trashed", where) is True,
        is_limited=_flag(_mapping(facts, "capabilities", where), "canListChildren", where) is False and is_folder,
        facts=facts,
        where=where,
    )


def to_folder(item: Item, parent_id: str | None) -> RemoteFolder:
    """Translate a folder; Drive has no stamp that tells of changes below."""
    return RemoteFolder(id=item.id, name=item.name, parent_id=parent_id)


def to_file(item: Item, parent_id: str | None) -> RemoteFile:
    """Translate whatever is no folder.

    https://developers.google.com/workspace/drive/api/reference/rest/v3/files
    """
    facts, where = item.facts, item.where
    mime_type = _text(facts, "mimeType", where)
    checksum = _text(facts, "md5Checksum", where)
    editor = _mapping(facts, "lastModifyingUser", where)
    return RemoteFile(
        id=item.id,
        name=item.name,
        parent_id=parent_id,
        link=_web_link(facts, where),
        size=None if mime_type == SHORTCUT_TYPE else _size(facts, where),
        file_type=to_file_type(item.name, mime_type),
        mime_type=mime_type,
        version=_text(facts, "headRevisionId", where),
        checksum=checksum,
        checksum_algorithm="md5" if checksum else None,
        created_by=_person(_first_owner(facts, where), where),
        modified_by=_person(editor, where),
        modified_by_id=_text(editor, "permissionId", where),
        created_at=_moment(facts, "createdTime", where),
        updated_at=_moment(facts, "modifiedTime", where),
        extra=_extra(facts),
    )


def to_file_type(name: str, mime_type: str | None) -> str | None:
    """Tell gdoc, gsheet, … of Google's own documents, else the extension in lower case."""
    if mime_type and mime_type.startswith(_GOOGLE_PREFIX):
        kind = mime_type.removeprefix(_GOOGLE_PREFIX).partition(".")[0]  # drive-sdk.123: another company's app
        return _GOOGLE_TYPES.get(kind, f"g{kind}")
    stem, _, extension = name.strip().rpartition(".")
    return extension.lower() or None if stem else None


def _to_change(entry: Mapping[str, Any], where: str) -> Change:
    file_id = _required(entry, "fileId", where)
    if _flag(entry, "removed", where):
        return Change(file_id, None)
    if entry.get("file") is None:
        raise ResponseError(f"{where}: a change without its file")
    return Change(file_id, to_item(entry["file"], where))


def _is_about_drive(entry: Mapping[str, Any]) -> bool:
    return entry.get("changeType") == "drive"


def _lost_drives(entries: Sequence[Mapping[str, Any]], where: str) -> list[str]:
    lost = (entry for entry in entries if _is_about_drive(entry) and _flag(entry, "removed", where))
    return [_required(entry, "driveId", where) for entry in lost]


def _to_parents(facts: Mapping[str, Any], where: str) -> tuple[str, ...]:
    parents = facts.get("parents", ())
    if not isinstance(parents, list | tuple):
        raise ResponseError(f"{where}: parents that are not a list of ids")
    return tuple([_to_parent(parent, where) for parent in parents])


def _to_parent(parent: Any, where: str) -> str:
    if not isinstance(parent, str):
        raise ResponseError(f"{where}: parents that are not a list of ids")
    return _sound_id(_clean(parent), parent, "parents", where)


def _first_owner(facts: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    return next(iter(_entries(facts, "owners", where)), {})


def _person(user: Mapping[str, Any], where: str) -> str | None:
    return _text(user, "emailAddress", where) or _text(user, "displayName", where)


def _extra(facts: Mapping[str, Any]) -> str | None:
    return to_extra(
        {name: fact for name, field in _EXTRA if field in facts and _is_telling(fact := _fact(facts[field]))}
    )


def _is_telling(fact: Any) -> bool:
    return fact is not None and fact not in ("", {})


def _fact(value: Any) -> Any:
    """Keep what these facts are made of: text, yes or no, and texts under their names."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {_clean(name): _clean(part) for name, part in value.items() if isinstance(part, str)}
    return None


def _size(facts: Mapping[str, Any], where: str) -> int | None:
    text = _text(facts, "size", where)  # int64 values are strings in Google's JSON
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_SIZE and int(text) < 2**63):
        raise ResponseError(f"{where}: a size that is not a number of bytes")
    return int(text)


def _moment(facts: Mapping[str, Any], key: str, where: str) -> Timestamp | None:
    text = _text(facts, key, where)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return as_timestamp(text, moment)
    except (ValueError, OverflowError) as exc:
        raise ResponseError(f"{where}: {key} is not a time") from exc
    raise ResponseError(f"{where}: {key} has no time zone")


def _entries(answer: Mapping[str, Any], key: str, where: str) -> Sequence[Mapping[str, Any]]:
    entries = answer.get(key, ())
    if not isinstance(entries, list | tuple):
        raise ResponseError(f"{where}: {key} is not a list of objects")
    for entry in entries:
        if not isinstance(entry, dict):
            raise ResponseError(f"{where}: {key} is not a list of objects")
    return entries


def _mapping(facts: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = facts.get(key, _NOTHING)
    if not isinstance(value, dict):
        raise ResponseError(f"{where}: {key} is not an object")
    return value


def _flag(facts: Mapping[str, Any], key: str, where: str) -> bool | None:
    value = facts.get(key)
    if value is not None and not isinstance(value, bool):
        raise ResponseError(f"{where}: {key} is not true or false")
    return value


def _required(facts: Mapping[str, Any], key: str, where: str) -> str:
    """Read an id or a token. NUL, where SQLite's functions end a text, and lone surrogates are in none."""
    value = _text(facts, key, where)
    if value is None:
        raise ResponseError(f"{where}: {key} is missing")
    return _sound_id(value, facts[key], key, where)


def _sound_id(value: str, given: str, key: str, where: str) -> str:
    if "\0" in value or value != given:
        raise ResponseError(f"{where}: {key} holds a character that is in no id")
    return value


def _text(facts: Mapping[str, Any], key: str, where: str) -> str | None:
    """Read a text; an empty one says nothing."""
    value = facts.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ResponseError(f"{where}: {key} is not a text")
    return _clean(value) or None


def _web_link(facts: Mapping[str, Any], where: str) -> str | None:
    """Read the link to the file's page; anything but a web address would be a trap for who clicks on it in a report."""
    link = _text(facts, "webViewLink", where)
    return link if link and link.startswith(("https://", "http://")) else None


def _clean(text: str) -> str:
    """Write U+FFFD for lone surrogates, which JSON can carry and no database can store."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
