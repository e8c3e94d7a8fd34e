"""Drive's field names: the only module that knows them.

What an item's identity and place rest on (its id, its parents, its drive, whether it lies in the bin) must be sound:
an entry without that is `lost` to its page. Anything else that cannot be so becomes None, or a name that is made up,
and is named in `odd`: one odd entry costs nobody else anything.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from filesync.core.errors import ResponseError
from filesync.core.model import RemoteFile, RemoteFolder
from filesync.core.timestamps import Timestamp, as_timestamp, to_timestamp
from filesync.providers.extra import to_extra

FOLDER_TYPE = "application/vnd.google-apps.folder"
SHORTCUT_TYPE = "application/vnd.google-apps.shortcut"

# Only what is used: `permissions` would cap pages at 100 items, `thumbnailLink` changes by itself.
FOLDER_FIELDS = "id,name,mimeType,parents,driveId,trashed,ownedByMe,capabilities/canListChildren"
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
DRIVES_FIELDS = "kind,nextPageToken,drives(id,name)"
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
_DRIVE_LIST = "drive#driveList"
INCOMPLETE = "Drive said that it had not searched everything (incompleteSearch)"
_KINDS: Mapping[type, str] = {dict: "an object", list: "a list"}  # never shown whole: it may be deep
_LONGEST_SHOWN = 60  # characters of what is odd
_LEAP_SECOND = re.compile(r"(.+:59):60(\.\d+)?(\D.*)", re.ASCII)

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


class LostEntryError(ResponseError):
    """An entry without identity or place; the reader of its page counts it."""


class DriveItem(NamedTuple):
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
    odd: tuple[str, ...] = ()  # what had to be left out or made up so far, in words for people

    @property
    def target_id(self) -> str | None:
        """Return the id of a shortcut's target."""
        return _text(_mapping(self.facts, "shortcutDetails", []), "targetId", [])

    @property
    def is_own(self) -> bool:
        """Return whether the account owns it; in shared drives nobody owns anything."""
        return self.facts.get("ownedByMe") is True

    @property
    def is_of_unknown_kind(self) -> bool:
        """Return whether Drive did not say if it is a folder or a file."""
        return bool(self.odd) and not isinstance(self.facts.get("mimeType"), str)


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """One page of `files.list`; `lost` counts its entries that cannot be told apart or placed."""

    items: tuple[DriveItem, ...]
    next_token: str | None
    is_incomplete: bool
    where: str
    lost: int = 0

    @property
    def lack(self) -> str | None:
        """Return why the items may not be everything."""
        return INCOMPLETE if self.is_incomplete else lost_entries(self.lost, self.where)


@dataclass(frozen=True, slots=True)
class DriveChange:
    """One entry of the change log: the present state of an item, or (`item` None) that it is gone from the log."""

    id: str
    item: DriveItem | None


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """One page of `changes.list`: `cursor` is where the log goes on, in this sync or (`is_last`) in the next one.

    `lost` counts its entries that do not say what they are about, or what became of it.
    """

    changes: tuple[DriveChange, ...]
    lost_drives: frozenset[str]
    cursor: str
    is_last: bool
    where: str
    lost: int = 0


@dataclass(frozen=True, slots=True)
class NamedDrive:
    """A shared drive with its name, which only this list has."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class DrivesPage:
    """One page of `drives.list`; `lost` counts its entries without an id."""

    drives: tuple[NamedDrive, ...]
    next_token: str | None
    where: str
    lost: int = 0


def lost_entries(count: int, where: str) -> str | None:
    """Return the reason for entries that had to be left out; None for none."""
    if not count:
        return None
    one = "an entry" if count == 1 else f"{count} entries"
    return f"{where}: Drive sent {one} without a sound id or place"


def to_drives_page(answer: Mapping[str, Any], where: str) -> DrivesPage:
    """Translate a page of drives. One that does not say that it is a list is none: who is missing would be archived.

    https://developers.google.com/workspace/drive/api/reference/rest/v3/drives/list
    """
    if not answer.keys() & {"drives", "nextPageToken"} and answer.get("kind") != _DRIVE_LIST:
        raise ResponseError(f"{where}: the answer is no list of shared drives")
    entries = _entries(answer, "drives", where)
    ids = [(entry, _sound_id(entry.get("id"))) for entry in entries if isinstance(entry, dict)]
    drives = tuple(NamedDrive(id_, _text(entry, "name", []) or id_) for entry, id_ in ids if id_)
    return DrivesPage(drives, _token(answer, "nextPageToken", where), where, len(entries) - len(drives))


def to_items_page(answer: Mapping[str, Any], where: str) -> ItemsPage:
    """Translate a FileList. One without any of its fields is no empty list: what is not on it would be forgotten.

    https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list
    """
    if not answer.keys() & {"files", "incompleteSearch", "nextPageToken"}:
        raise ResponseError(f"{where}: the answer is no list of files")
    entries = _entries(answer, "files", where)
    items = tuple(_sound_items(entries, where))
    return ItemsPage(
        items=items,
        next_token=_token(answer, "nextPageToken", where),
        is_incomplete=_flag(answer, "incompleteSearch", where) is True,
        where=where,
        lost=len(entries) - len(items),
    )


def to_changes_page(answer: Mapping[str, Any], where: str) -> ChangesPage:
    """Translate a ChangeList, which has exactly one of nextPageToken (more) and newStartPageToken (the end).

    https://developers.google.com/workspace/drive/api/reference/rest/v3/changes/list
    """
    more, end = _token(answer, "nextPageToken", where), _token(answer, "newStartPageToken", where)
    if (more is None) == (end is None):
        raise ResponseError(f"{where}: a page of changes with {'both' if more else 'neither'} of its two tokens")
    changes: list[DriveChange] = []
    lost_drives: set[str] = set()
    lost = 0
    for entry in _entries(answer, "changes", where):
        try:
            if not isinstance(entry, dict):
                raise LostEntryError(f"{where}: a change that is not an object")
            if entry.get("changeType") != "drive":
                changes.append(_to_change(entry, where))
            elif _flag(entry, "removed", where):
                lost_drives.add(_required(entry, "driveId", where))
        except LostEntryError:
            lost += 1
    cursor = more or end or ""
    return ChangesPage(tuple(changes), frozenset(lost_drives), cursor, end is not None, where, lost)


def to_start_token(answer: Mapping[str, Any], where: str) -> str:
    """Translate a StartPageToken."""
    token = _token(answer, "startPageToken", where)
    if token is None:
        raise ResponseError(f"{where}: startPageToken is missing")
    return token


def to_item(facts: Any, where: str) -> DriveItem:
    """Check the identity and the place of a File resource. Raises LostEntryError.

    https://developers.google.com/workspace/drive/api/reference/rest/v3/files
    """
    if not isinstance(facts, dict):
        raise LostEntryError(f"{where}: a file that is not an object")
    odd: list[str] = []
    item_id = _required(facts, "id", where)
    mime_type = facts.get("mimeType")
    if not isinstance(mime_type, str):
        odd.append(_said("mimeType", mime_type))
    is_folder = mime_type == FOLDER_TYPE
    return DriveItem(
        item_id,
        _name(facts, item_id, odd),
        _to_parents(facts, where, odd),
        _drive_id(facts, where),
        is_folder,
        _flag(facts, "trashed", where) is True,
        "capabilities" in facts and _is_closed(facts, odd) and is_folder,
        facts,
        where,
        tuple(odd),
    )


def to_folder(item: DriveItem, parent_id: str | None) -> RemoteFolder:
    """Translate a folder; Drive has no stamp for changes below."""
    return RemoteFolder(id=item.id, name=item.name, parent_id=parent_id, odd=item.odd)


def to_file(item: DriveItem, parent_id: str | None) -> RemoteFile:
    """Translate whatever is no folder.

    https://developers.google.com/workspace/drive/api/reference/rest/v3/files
    """
    facts, odd = item.facts, [*item.odd]
    mime_type = facts.get("mimeType")
    mime_type = (_clean(mime_type) or None) if isinstance(mime_type, str) else None  # what is odd about it is known
    checksum = _text(facts, "md5Checksum", odd)
    editor = _mapping(facts, "lastModifyingUser", odd)
    return RemoteFile(
        id=item.id,
        name=item.name,
        parent_id=parent_id,
        link=_web_link(facts, odd),
        size=None if mime_type == SHORTCUT_TYPE else _size(facts, odd),
        file_type=to_file_type(item.name, mime_type),
        mime_type=mime_type,
        version=_text(facts, "headRevisionId", odd),
        checksum=checksum,
        checksum_algorithm="md5" if checksum else None,
        created_by=_person(_first_owner(facts, odd), "owners/", odd),
        modified_by=_person(editor, "lastModifyingUser/", odd),
        modified_by_id=_text(editor, "permissionId", odd, "lastModifyingUser/"),
        created_at=_moment(facts, "createdTime", odd),
        updated_at=_moment(facts, "modifiedTime", odd),
        extra=_extra(facts, odd),
        odd=tuple(odd),
    )


def to_created(item: DriveItem) -> Timestamp | None:
    """Return when it was created, as far as Drive says."""
    return _moment(item.facts, "createdTime", [])


def to_updated(item: DriveItem) -> Timestamp | None:
    """Return when its content was last changed, as far as Drive says."""
    return _moment(item.facts, "modifiedTime", [])


def to_file_type(name: str, mime_type: str | None) -> str | None:
    """Return gdoc, gsheet, … of Google's own documents, else the extension in lower case."""
    if mime_type and mime_type.startswith(_GOOGLE_PREFIX):
        kind = mime_type.removeprefix(_GOOGLE_PREFIX).partition(".")[0]  # drive-sdk.123: another company's app
        return _GOOGLE_TYPES.get(kind, f"g{kind}")
    stem, _, extension = name.strip().rpartition(".")
    return extension.lower() or None if stem else None


def _sound_items(entries: Sequence[Any], where: str) -> Iterator[DriveItem]:
    for entry in entries:
        try:
            yield to_item(entry, where)
        except LostEntryError:
            continue  # the page counts those that are not among its items


def _to_change(entry: Mapping[str, Any], where: str) -> DriveChange:
    file_id = _sound_id(entry.get("fileId"))
    if _flag(entry, "removed", where):
        return DriveChange(file_id or _required(entry, "fileId", where), None)
    item = to_item(entry.get("file"), where)  # it names itself, whatever the entry calls it
    return DriveChange(item.id, item)


def _name(facts: Mapping[str, Any], item_id: str, odd: list[str]) -> str:
    """Read the name; who has none is called by its id, which stays the same."""
    name = facts.get("name")
    if isinstance(name, str) and name:
        return name if name.isascii() else _clean(name)
    odd.append(_said("name", name))
    return item_id


def _to_parents(facts: Mapping[str, Any], where: str, odd: list[str]) -> tuple[str, ...]:
    """Read the parents: none where none is visible, or Drive says null."""
    parents = facts.get("parents", ())
    if parents is None:
        odd.append(_said("parents", parents))
        return ()
    if not isinstance(parents, list | tuple):
        raise LostEntryError(f"{where}: parents that are not a list of ids")
    sound = tuple([id_ for parent in parents if (id_ := _sound_id(parent))])
    if len(sound) < len(parents):
        if not sound:
            raise LostEntryError(f"{where}: parents that are not a list of ids")
        odd.append(_said("parents", parents))
    return sound


def _drive_id(facts: Mapping[str, Any], where: str) -> str | None:
    value = facts.get("driveId")
    return _required(facts, "driveId", where) if value else None


def _is_closed(facts: Mapping[str, Any], odd: list[str]) -> bool:
    opens = _mapping(facts, "capabilities", odd).get("canListChildren")
    if opens is not None and not isinstance(opens, bool):
        odd.append(_said("capabilities/canListChildren", opens))
    return opens is False


def _first_owner(facts: Mapping[str, Any], odd: list[str]) -> Mapping[str, Any]:
    owners = facts.get("owners", _NOTHING)
    if owners is _NOTHING or owners == []:
        return _NOTHING
    known = [owner for owner in owners if isinstance(owner, dict)] if isinstance(owners, list) else []
    if not known or len(known) < len(owners):
        odd.append(_said("owners", owners))
    return known[0] if known else _NOTHING


def _person(user: Mapping[str, Any], of: str, odd: list[str]) -> str | None:
    return _text(user, "emailAddress", odd, of) or _text(user, "displayName", odd, of)


def _extra(facts: Mapping[str, Any], odd: list[str]) -> str | None:
    extra = {}
    for name, field in _EXTRA:
        if field in facts:
            fact = _fact(facts[field])
            if fact is None:
                odd.append(_said(field, facts[field]))
            elif fact not in ("", {}):
                extra[name] = fact
    return to_extra(extra)


def _fact(value: Any) -> Any:
    """Keep what these facts are made of: text, yes or no, and texts under their names."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {_clean(name): _clean(part) for name, part in value.items() if isinstance(part, str)}
    return None


def _size(facts: Mapping[str, Any], odd: list[str]) -> int | None:
    """Read a number of bytes. int64 values are texts in Google's JSON; a number that says the same is taken, too."""
    value = facts.get("size")
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) <= _LONGEST_SIZE and (size := int(value)) < 2**63:
            return size
    elif value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63):
        return value
    odd.append(_said("size", value))
    return None


def _moment(facts: Mapping[str, Any], key: str, odd: list[str]) -> Timestamp | None:
    text = _text(facts, key, odd)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return as_timestamp(text, moment)
    except (ValueError, OverflowError):
        leap = _leap_second(text)
        if leap is not None:
            return to_timestamp(leap)
    odd.append(_said(key, text))
    return None


def _leap_second(text: str) -> datetime | None:
    """Read 23:59:60 UTC, which RFC 3339 allows, as the second after it, as POSIX clocks count.

    https://www.rfc-editor.org/rfc/rfc3339#section-5.7
    """
    parts = _LEAP_SECOND.fullmatch(text)
    if parts is None:
        return None
    try:
        before = datetime.fromisoformat(f"{parts[1]}:59{parts[2] or ''}{parts[3]}").astimezone(UTC)
        return before + timedelta(seconds=1) if (before.hour, before.minute) == (23, 59) else None
    except (ValueError, OverflowError):
        return None


def _entries(answer: Mapping[str, Any], key: str, where: str) -> Sequence[Any]:
    entries = answer.get(key, ())
    if not isinstance(entries, list | tuple):
        raise ResponseError(f"{where}: {key} is not a list of objects")
    return entries


def _mapping(facts: Mapping[str, Any], key: str, odd: list[str]) -> Mapping[str, Any]:
    value = facts.get(key, _NOTHING)
    if isinstance(value, dict):
        return value
    odd.append(_said(key, value))
    return _NOTHING


def _flag(facts: Mapping[str, Any], key: str, where: str) -> bool | None:
    """Read what decides whether something is there, or everything is."""
    value = facts.get(key)
    if value is not None and not isinstance(value, bool):
        raise LostEntryError(f"{where}: {key} is not true or false")
    return value


def _token(answer: Mapping[str, Any], key: str, where: str) -> str | None:
    """Read a token; an empty one says that there is no more (sent back, it would mean the first page)."""
    value = answer.get(key)
    if value is None or value == "":
        return None
    token = _sound_id(value)
    if token is None:
        raise ResponseError(f"{where}: {key} is no token")
    return token


def _required(facts: Mapping[str, Any], key: str, where: str) -> str:
    value = _sound_id(facts.get(key))
    if value is None:
        raise LostEntryError(f"{where}: {key} is missing, or no id")
    return value


def _sound_id(value: Any) -> str | None:
    """Read an id or a token. NUL, where SQLite's functions end a text, and lone surrogates are in none."""
    if isinstance(value, str) and value and "\0" not in value and (value.isascii() or _clean(value) == value):
        return value
    return None


def _text(facts: Mapping[str, Any], key: str, odd: list[str], of: str = "") -> str | None:
    """Read a text; an empty one says nothing, and anything else is odd."""
    value = facts.get(key)
    if isinstance(value, str):
        return (value if value.isascii() else _clean(value)) or None
    if value is not None:
        odd.append(_said(of + key, value))
    return None


def _web_link(facts: Mapping[str, Any], odd: list[str]) -> str | None:
    """Read the link to the file's page; anything but a web address would be a trap for who clicks on it in a report."""
    link = _text(facts, "webViewLink", odd)
    if link is None or link.startswith(("https://", "http://")):
        return link
    odd.append(_said("webViewLink", link))
    return None


def _said(field: str, value: Any) -> str:
    """Name a field and what was found in it: short, printable, and the same whenever the same is sent."""
    text = value if isinstance(value, str) else _KINDS.get(type(value)) or json.dumps(value)
    shown = "".join(char if char.isprintable() else "\ufffd" for char in text[:_LONGEST_SHOWN])
    return f"{field}: {shown or 'empty'}{'…' if len(text) > _LONGEST_SHOWN else ''}"


def _clean(text: str) -> str:
    """Write U+FFFD for lone surrogates, which JSON can carry and no database can store."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
