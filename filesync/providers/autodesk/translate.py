"""From Data Management's JSON to files and folders: the only place that knows Autodesk's field names.

Lenient on purpose: recorded answers break the published schema (`extension.data` holds strings and lists, fields
come and go), so what is missing or of another type is None. Only an entry that cannot be named is an error.
https://aps.autodesk.com/en/docs/data/v2/reference/http/projects-project_id-folders-folder_id-contents-GET/
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from filesync.clock import Timestamp, as_timestamp
from filesync.errors import ResponseError
from filesync.http import Answer
from filesync.model import RemoteFile, RemoteFolder
from filesync.providers.extra import to_extra_as_it_is

Entry = Mapping[str, Any]  # one JSON:API resource

_NOTHING: Mapping[str, Any] = {}
_DELETED_VERSION = "versions:autodesk.core:Deleted"  # the tip of a file deleted through the API
_SETTLED_AFTER = timedelta(seconds=2)  # stamps have whole seconds: a younger one may stand for two states


@dataclass(frozen=True, slots=True)
class Contents:
    """One page of a folder's visible children; `next` is the link to the next page as it was given."""

    files: Sequence[RemoteFile]
    folders: Sequence[RemoteFolder]
    next: str | None


def to_contents(answer: Answer, folder_id: str) -> Contents:
    """Translate a page of a folder's contents; items come with their tip versions in `included`."""
    tips = Tips(answer.body.get("included"))
    entries = [entry for entry in to_entries(answer) if not is_hidden(entry)]
    items = ((entry, tips.of(entry)) for entry in entries if entry.get("type") == "items")
    return Contents(
        files=[to_file(answer, entry, tip, folder_id) for entry, tip in items if not is_deleted_version(tip)],
        folders=[to_folder(answer, entry, folder_id) for entry in entries if entry.get("type") == "folders"],
        next=next_href(answer),
    )


def to_entries(answer: Answer) -> Sequence[Entry]:
    """Give the resources of a list; a list that holds anything else is refused whole, for it may be cut."""
    entries = answer.body.get("data")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ResponseError(f"{answer.url}: no list of resources under 'data'")
    return entries


def to_entry(answer: Answer) -> Entry:
    """Give the one resource of an answer."""
    entry = answer.body.get("data")
    if not isinstance(entry, dict):
        raise ResponseError(f"{answer.url}: no resource under 'data'")
    return entry


def next_href(answer: Answer) -> str | None:
    """Give the link to the next page; its absence is the only sign of the end."""
    links = _at(answer.body, "links")
    return text_of(_at(links, "next").get("href")) or text_of(links.get("next"))


def has_outage(answer: Answer) -> bool:
    """Tell whether a part of the service failed behind a 200; a 403 of a region without hubs is ordinary.

    https://aps.autodesk.com/en/docs/data/v2/reference/http/hubs-GET/
    """
    warnings = _at(answer.body, "meta").get("warnings")
    entries = [entry for entry in warnings if isinstance(entry, dict)] if isinstance(warnings, list) else []
    return any(str(entry.get("HttpStatusCode", "")).startswith("5") for entry in entries)


def has_warnings(answer: Answer) -> bool:
    """Tell whether the answer says that something is not as it should be, ordinary or not."""
    return bool(_at(answer.body, "meta").get("warnings"))


class Tips:
    """The tip versions that came along with items, found by their own id or by their item's."""

    def __init__(self, included: Any) -> None:
        versions = [entry for entry in included if isinstance(entry, dict)] if isinstance(included, list) else []
        self._by_id = {id_of(version): version for version in versions}
        self._by_item = {related_id(version, "item"): version for version in versions}

    def of(self, item: Entry) -> Entry:
        """Give an item's tip; empty where there is none, as with some cloud models."""
        found = self._by_id.get(related_id(item, "tip") or "") or self._by_item.get(id_of(item) or "")
        return found or _NOTHING


def to_listed_items(answer: Answer) -> tuple[Mapping[str, Entry], Tips]:
    """Give the items that a ListItems command found, by id, and their tips.

    https://aps.autodesk.com/en/docs/data/v2/reference/http/ListItems/
    """
    command = to_entry(answer)
    resources = _at(_at(command, "relationships"), "resources").get("data")
    found = (
        [_at(entry, "meta") for entry in resources if isinstance(entry, dict)] if isinstance(resources, list) else []
    )
    items = {item_id: item for item in found if (item_id := id_of(item))}
    return items, Tips(answer.body.get("included") or command.get("included"))


def to_file(answer: Answer, item: Entry, tip: Entry, parent_id: str | None) -> RemoteFile:
    """Translate an item and its tip version; the version has the file's name, the item the link that survives it."""
    about_item, about_tip = attributes(item), attributes(tip)
    newest = about_tip or about_item
    name = text_of(about_tip.get("name")) or text_of(about_item.get("displayName"))
    number = _count(about_tip.get("versionNumber"))
    return RemoteFile(
        id=required(answer, item, id_of(item), "id"),
        name=required(answer, item, name, "name"),
        parent_id=parent_id,
        link=web_link(item),
        size=_count(about_tip.get("storageSize")),
        file_type=_file_type(name or "", about_tip),
        mime_type=text_of(about_tip.get("mimeType")),
        version=None if number is None else str(number),
        version_number=number,
        created_by=_person(about_item.get("createUserName")),
        modified_by=_person(newest.get("lastModifiedUserName")),
        modified_by_id=text_of(newest.get("lastModifiedUserId")),
        created_at=_time(about_item.get("createTime")),
        updated_at=_time(newest.get("lastModifiedTime")) or _time(newest.get("createTime")),
        extra=_extra(tip, about_item, about_tip),
    )


def to_folder(answer: Answer, entry: Entry, parent_id: str | None) -> RemoteFolder:
    """Translate a folder; its change stamp is the rollup, unless it is too fresh to be trusted."""
    about = attributes(entry)
    name = text_of(about.get("name")) or text_of(about.get("displayName"))
    return RemoteFolder(
        id=required(answer, entry, id_of(entry), "id"),
        name=required(answer, entry, name, "name"),
        parent_id=parent_id,
        change_stamp=change_stamp(answer, entry),
    )


def change_stamp(answer: Answer, folder: Entry) -> str | None:
    """Give the folder's rollup, or None while it is younger than 2 s by the answer's own clock (or that is unknown).

    The rollup differs once anything below the folder was added or versioned. Compared for equality only.
    """
    rollup = text_of(attributes(folder).get("lastModifiedTimeRollup"))
    moment = _moment(rollup)
    if moment is None or answer.date is None or answer.date - moment < _SETTLED_AFTER:
        return None
    return rollup


def to_ancestors(folder: Entry, root_id: str) -> Sequence[RemoteFolder]:
    """Give the folders between the root and this one, topmost first, which a member sees by name only.

    `folderParents` of https://aps.autodesk.com/en/docs/data/v2/reference/http/hubs-hub_id-projects-project_id-topFolders-GET/
    Its `isRoot` marks 'Project Files' and its kin, which hang in the project's nameless root.
    """
    chain = [parent for parent in _listed_parents(folder) if parent[0] != root_id]
    parents = (root_id, *(urn for urn, _ in chain))
    return [
        RemoteFolder(id=urn, name=title, parent_id=parent, listable=False)
        for (urn, title), parent in zip(chain, parents, strict=False)
    ]


def changed_at(*entries: Entry) -> Timestamp | None:
    """Give the latest change of an item, its tip or a folder: new versions, moving, hiding and renaming set it."""
    times = (_time(attributes(entry).get("lastModifiedTime")) for entry in entries)
    return max((time for time in times if time), default=None)


def is_hidden(entry: Entry) -> bool:
    """Tell whether it was deleted: Autodesk hides what people delete."""
    return attributes(entry).get("hidden") is True


def is_deleted_version(version: Entry) -> bool:
    return extension(version).get("type") == _DELETED_VERSION


def attributes(entry: Entry) -> Mapping[str, Any]:
    return _at(entry, "attributes")


def extension(entry: Entry) -> Mapping[str, Any]:
    return _at(attributes(entry), "extension")


def related_id(entry: Entry, relation: str) -> str | None:
    """Give the id of what an entry is related to: its parent, tip, item, storage, rootFolder."""
    return id_of(_at(_at(_at(entry, "relationships"), relation), "data"))


def web_link(entry: Entry) -> str | None:
    href = text_of(_at(_at(entry, "links"), "webView").get("href"))
    return href if href and href.startswith(("https://", "http://")) else None


def id_of(entry: Entry) -> str | None:
    """Give an entry's own id. NUL, where SQLite's functions end a text, and half characters are in none."""
    value = text_of(entry.get("id"))
    return None if value is None or "\0" in value or value != entry["id"] else value


def text_of(value: Any) -> str | None:
    """Give text that can be stored, else None; half characters (lone surrogates) become U+FFFD."""
    if not isinstance(value, str) or not value:
        return None
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _listed_parents(folder: Entry) -> Sequence[tuple[str, str]]:
    """Give (id, name) of each ancestor, topmost first, linked by their parents' ids where these agree."""
    parents = _at(extension(folder), "data").get("folderParents")
    known = [parent for parent in parents if isinstance(parent, dict)] if isinstance(parents, list) else []
    named = {
        urn: parent for parent in known if (urn := id_of({"id": parent.get("urn")})) and text_of(parent.get("title"))
    }
    order = list(_climb(named, related_id(folder, "parent")))[::-1]
    return [(urn, str(text_of(named[urn]["title"]))) for urn in (order if len(order) == len(named) else named)]


def _climb(parents: Mapping[str, Entry], start: str | None) -> Iterator[str]:
    urn, left = start, dict(parents)
    while urn in left:
        yield urn
        urn = text_of(left.pop(urn).get("parentUrn"))


def _extra(tip: Entry, about_item: Entry, about_tip: Entry) -> str | None:
    """Write down what decides nothing but somebody may look for."""
    kind = _at(about_tip, "extension")
    details = _at(kind, "data")
    facts = {
        "item_type": text_of(_at(about_item, "extension").get("type")),
        "model_guid": text_of(details.get("modelGuid")),
        "process_state": text_of(details.get("processState")),
        "reserved": about_item.get("reserved") is True or None,
        "reserved_at": _time(about_item.get("reservedTime")),
        "reserved_by": _person(about_item.get("reservedUserName")),
        "revision_label": text_of(details.get("revisionDisplayLabel")),
        "source_file_name": text_of(details.get("sourceFileName")),
        "storage_id": related_id(tip, "storage"),
        "version_created_at": _time(about_tip.get("createTime")),
        "version_id": id_of(tip),
        "version_type": text_of(kind.get("type")),
    }
    return to_extra_as_it_is({name: fact for name, fact in facts.items() if fact is not None})


def _file_type(name: str, about_tip: Mapping[str, Any]) -> str | None:
    stem, _, suffix = name.rpartition(".")
    if stem and suffix.split() == [suffix]:  # no blanks in it
        return suffix.lower()
    given = text_of(about_tip.get("fileType"))
    return given.lower() if given else None


def _time(value: Any) -> Timestamp | None:
    """Give a time in the database's form."""
    moment = _moment(value)
    if moment is None:
        return None
    try:
        return as_timestamp(value, moment)
    except OverflowError:  # in UTC it lies in the year 10000
        return None


def _moment(value: Any) -> datetime | None:
    """Read a time, in UTC unless it says otherwise; year 1 is how .NET writes 'never'."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.year < 1900:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _count(value: Any) -> int | None:
    """Give a whole number that fits a database column."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < 2**63 else None


def _person(value: Any) -> str | None:
    name = text_of(value)
    return name and (name.strip() or None)


def _at(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give the object under that name, empty where there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else _NOTHING


def required(answer: Answer, entry: Entry, value: str | None, what: str) -> str:
    if value is None:
        raise ResponseError(f"{answer.url}: an entry of type {str(entry.get('type'))[:40]!r} without {what}")
    return value
