"""From Data Management's JSON to files and folders: the only place that knows Autodesk's field names.

Lenient on purpose: recorded answers break the published schema (`extension.data` holds strings and lists, fields
come and go), so what is missing or of another type is None, and what cannot be so is named in `odd`. Only an entry
whose id or place is not known cannot be used: it is counted, so that its folder is not taken to be read completely.
https://aps.autodesk.com/en/docs/data/v2/reference/http/projects-project_id-folders-folder_id-contents-GET/
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import unquote

from filesync.core.errors import ResponseError
from filesync.core.model import RemoteFile, RemoteFolder
from filesync.core.redaction import printable
from filesync.core.timestamps import Timestamp, as_timestamp
from filesync.http import Answer
from filesync.providers.autodesk.access_help import RegionWarning
from filesync.providers.extra import to_extra_as_it_is

T = TypeVar("T")
Entry = Mapping[str, Any]  # one JSON:API resource

_NOTHING: Mapping[str, Any] = {}
_DELETED_VERSION = "versions:autodesk.core:Deleted"  # the tip of a file deleted through the API
_SETTLED_AFTER = timedelta(seconds=2)  # stamps have whole seconds: a younger one may stand for two states
_LONGEST_ODD = 60  # characters of a value that cannot be so
_REGION = re.compile(r"from BIM360DM (\w+)")
_SHEET = "versions:autodesk.bim360:Document"  # of Plans: named by its number, without an extension


@dataclass(frozen=True, slots=True)
class FolderContents:
    """One page of a folder's visible children; `next` is the link to the next page as it was given.

    `tipless` are the ids of files whose tip did not come along: whether they have one is to be asked. `unusable` says
    what on the page has no known id or place, so that the folder is not known completely.
    """

    files: Sequence[RemoteFile]
    folders: Sequence[RemoteFolder]
    next: str | None
    tipless: Sequence[str] = ()
    unusable: str | None = None


def to_contents(answer: Answer, folder_id: str) -> FolderContents:
    """Translate a page of a folder's contents; items come with their tip versions in `included`."""
    tips = Tips(answer.body.get("included"))
    entries = to_entries(answer)
    usable = [entry for entry in entries if is_usable(entry)]
    shown = [entry for entry in usable if not is_hidden(entry)]
    items = [(entry, tips.of(entry)) for entry in shown if entry.get("type") == "items"]
    return FolderContents(
        files=[to_file(answer, entry, tip, folder_id) for entry, tip in items if not is_deleted_version(tip)],
        folders=[to_folder(answer, entry, folder_id) for entry in shown if entry.get("type") == "folders"],
        next=next_href(answer),
        tipless=tuple(str(id_of(entry)) for entry, tip in items if not tip),
        unusable=unusable_among(entries),
    )


def to_entries(answer: Answer) -> Sequence[Entry]:
    """Return the resources of a list; what is none becomes one of which nothing is known."""
    entries = answer.body.get("data")
    if not isinstance(entries, list):
        raise ResponseError(f"{answer.url}: no list of resources under 'data'")
    return [entry if isinstance(entry, dict) else _NOTHING for entry in entries]


def is_usable(entry: Entry) -> bool:
    """Return whether an entry says what it rests on: its id, what it is, and whether it was deleted."""
    hidden = attributes(entry).get("hidden")
    is_plain = hidden is None or isinstance(hidden, bool)
    return is_plain and id_of(entry) is not None and isinstance(entry.get("type"), str)


def unusable_among(entries: Iterable[Entry]) -> str | None:
    """Describe the entries that cannot be used; None when there are none."""
    found = [entry for entry in entries if not is_usable(entry)]
    if not found:
        return None
    first = found[0]
    names = (text_of(attributes(first).get(name)) for name in ("displayName", "name"))
    name = next((name for name in names if name), None)
    called = f"the first is called {printable(name)[:_LONGEST_ODD]!r}" if name else "the first has no name either"
    noun = "entry" if len(found) == 1 else "entries"
    return f"it lists {len(found)} {noun} without a usable id, type or hidden ({called}): report it to Autodesk"


def to_entry(answer: Answer) -> Entry:
    """Return the one resource of an answer."""
    entry = answer.body.get("data")
    if not isinstance(entry, dict):
        raise ResponseError(f"{answer.url}: no resource under 'data'")
    return entry


def next_href(answer: Answer) -> str | None:
    """Return the link to the next page; its absence is the only sign of the end."""
    links = _at(answer.body, "links")
    link = _at(links, "next")
    return text_of(link.get("href")) or text_of(link.get("url")) or text_of(links.get("next"))


def to_warnings(answer: Answer) -> Sequence[RegionWarning]:
    """Return what an answer says of parts of the service that gave nothing; a 403 of a region without hubs is ordinary.

    https://aps.autodesk.com/en/docs/data/v2/reference/http/hubs-GET/
    """
    warnings = _at(answer.body, "meta").get("warnings")
    entries = [entry for entry in warnings if isinstance(entry, dict)] if isinstance(warnings, list) else []
    return [_to_warning(entry) for entry in entries]


def has_outage(answer: Answer) -> bool:
    """Return whether a part of the service failed behind a 200."""
    return any(warning.is_outage for warning in to_warnings(answer))


def has_warnings(answer: Answer) -> bool:
    """Return whether the answer says that something is not as it should be, ordinary or not."""
    return bool(_at(answer.body, "meta").get("warnings"))


def _to_warning(entry: Entry) -> RegionWarning:
    title = text_of(entry.get("Title")) or ""
    found = _REGION.search(title)
    return RegionWarning(
        region=found[1] if found else printable(title)[:_LONGEST_ODD] or "a region",
        status=str(entry.get("HttpStatusCode", ""))[:3],
        detail=printable(text_of(entry.get("Detail")) or "")[:_LONGEST_ODD],
    )


class Tips:
    """The tip versions that came along with items, found by their own id or by their item's."""

    def __init__(self, included: Any) -> None:
        versions = [entry for entry in included if isinstance(entry, dict)] if isinstance(included, list) else []
        self._by_id = {_plain(id_of(version)): version for version in versions}
        self._by_item = {_plain(related_id(version, "item")): version for version in versions}
        self._by_id.pop("", None)
        self._by_item.pop("", None)

    def of(self, item: Entry) -> Entry:
        """Return an item's tip; empty where there is none, as with some cloud models."""
        found = self._by_id.get(_plain(related_id(item, "tip"))) or self._by_item.get(_plain(id_of(item)))
        return found or _NOTHING


def _plain(identifier: str | None) -> str:
    """Make ids comparable, '' for none: a version's own may be percent-encoded where the link to it is not."""
    return unquote(identifier) if identifier and "%" in identifier else identifier or ""


def lacks_its_tip(item: Entry, tip: Entry) -> bool:
    """Return whether an item names a tip that is not there; one that names none has none."""
    return not tip and related_id(item, "tip") is not None


def to_listed_items(answer: Answer) -> tuple[Mapping[str, Entry], Tips]:
    """Return the items that a ListItems command found, by id, and their tips.

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
    file_id = required(answer, item, id_of(item), "id")
    odd = _Odd()
    name = _file_name(file_id, about_item, about_tip, odd)
    number = odd.count(about_tip, "versionNumber")
    changed = odd.time(newest, "lastModifiedTime") or odd.time(newest, "createTime")
    return RemoteFile(
        id=file_id,
        name=name,
        parent_id=parent_id,
        link=web_link(item),
        size=odd.count(about_tip, "storageSize"),
        file_type=_file_type(name, about_tip, odd),
        mime_type=odd.text(about_tip, "mimeType"),
        version=None if number is None else str(number),
        version_number=number,
        created_by=odd.person(about_item, "createUserName"),
        modified_by=odd.person(newest, "lastModifiedUserName"),
        modified_by_id=odd.text(newest, "lastModifiedUserId"),
        created_at=odd.time(about_item, "createTime"),
        updated_at=changed,
        extra=_extra(tip, about_item, about_tip),
        odd=tuple(odd.found),
    )


def to_folder(answer: Answer, entry: Entry, parent_id: str | None) -> RemoteFolder:
    """Translate a folder; its change stamp is the rollup, unless it is too fresh to be trusted."""
    about = attributes(entry)
    folder_id = required(answer, entry, id_of(entry), "id")
    odd = _Odd()
    return RemoteFolder(
        id=folder_id,
        name=text_of(about.get("name")) or text_of(about.get("displayName")) or odd.made_name(folder_id),
        parent_id=parent_id,
        change_stamp=change_stamp(answer, entry),
        odd=tuple(odd.found),
    )


@dataclass(slots=True)
class _Odd:
    """Reads fields, and notes what cannot be so; what is absent, null or empty is ordinary."""

    found: list[str] = field(default_factory=list)

    def count(self, fields: Entry, name: str) -> int | None:
        value = fields.get(name)
        return self._unless(name, value, _count(value))

    def time(self, fields: Entry, name: str) -> Timestamp | None:
        value = fields.get(name)
        return self._unless(name, value, _time(value), ordinary=isinstance(value, str) and value.startswith("0001-"))

    def text(self, fields: Entry, name: str) -> str | None:
        value = fields.get(name)
        return self._unless(name, value, text_of(value))

    def person(self, fields: Entry, name: str) -> str | None:
        value = fields.get(name)
        return self._unless(name, value, _person(value), ordinary=isinstance(value, str))

    def made_name(self, identifier: str) -> str:
        """Make a name from an id: plain, and the same every time."""
        name = f"unnamed {identifier.rpartition(':')[2] or identifier}"
        self.found.append(f"name: none, called {name!r}")
        return name

    def _unless(self, name: str, value: Any, understood: T | None, *, ordinary: bool = False) -> T | None:
        if understood is None and not ordinary and value is not None and value != "":
            self.found.append(f"{name}: {printable(str(value))[:_LONGEST_ODD]}")
        return understood


def _file_name(file_id: str, about_item: Entry, about_tip: Entry, odd: _Odd) -> str:
    """Choose a file's name: the version's, the item's, that of the file it came from, or one made of its id.

    Sheets of Plans may have neither of the first two.
    """
    if name := text_of(about_tip.get("name")) or text_of(about_item.get("displayName")):
        return name
    sources = (_at(_at(about, "extension"), "data").get("sourceFileName") for about in (about_tip, about_item))
    source = next((name for name in map(text_of, sources) if name), None)
    if source is None:
        return odd.made_name(file_id)
    odd.found.append(f"name: none, called {printable(source)[:_LONGEST_ODD]!r} after sourceFileName")
    return source


def change_stamp(answer: Answer, folder: Entry) -> str | None:
    """Return the folder's rollup, or None while it is younger than 2 s by the answer's own clock (or that is unknown).

    The rollup differs once anything below the folder was added or versioned. Compared for equality only.
    """
    rollup = text_of(attributes(folder).get("lastModifiedTimeRollup"))
    moment = _moment(rollup)
    if moment is None or answer.date is None or answer.date - moment < _SETTLED_AFTER:
        return None
    return rollup


def to_ancestors(folder: Entry, root_id: str) -> Sequence[RemoteFolder]:
    """Return the folders between the root and this one, topmost first, which a member sees by name only.

    `folderParents` of https://aps.autodesk.com/en/docs/data/v2/reference/http/hubs-hub_id-projects-project_id-topFolders-GET/
    Its `isRoot` marks 'Project Files' and its kin, which hang in the project's nameless root.
    """
    chain = [parent for parent in _listed_parents(folder) if parent[0] != root_id]
    parents = (root_id, *(urn for urn, _ in chain))
    return [_to_ancestor(urn, title, parent) for (urn, title), parent in zip(chain, parents, strict=False)]


def _to_ancestor(urn: str, title: str, parent_id: str) -> RemoteFolder:
    odd = _Odd()
    name = title or odd.made_name(urn)
    return RemoteFolder(id=urn, name=name, parent_id=parent_id, listable=False, odd=tuple(odd.found))


def changed_at(*entries: Entry) -> Timestamp | None:
    """Return the latest change of an item, its tip or a folder: new versions, moving, hiding and renaming set it."""
    times = (_time(attributes(entry).get("lastModifiedTime")) for entry in entries)
    return max((time for time in times if time), default=None)


def is_hidden(entry: Entry) -> bool:
    """Return whether it was deleted: Autodesk hides what people delete."""
    return attributes(entry).get("hidden") is True


def is_deleted_version(version: Entry) -> bool:
    return extension(version).get("type") == _DELETED_VERSION


def attributes(entry: Entry) -> Mapping[str, Any]:
    return _at(entry, "attributes")


def extension(entry: Entry) -> Mapping[str, Any]:
    return _at(attributes(entry), "extension")


def related_id(entry: Entry, relation: str) -> str | None:
    """Return the id of what an entry is related to: its parent, tip, item, storage, rootFolder."""
    return id_of(_at(_at(_at(entry, "relationships"), relation), "data"))


def web_link(entry: Entry) -> str | None:
    href = text_of(_at(_at(entry, "links"), "webView").get("href"))
    return href if href and href.startswith(("https://", "http://")) else None


def id_of(entry: Entry) -> str | None:
    """Return an entry's own id. NUL, where SQLite's functions end a text, and half characters are in none."""
    value = text_of(entry.get("id"))
    return None if value is None or "\0" in value or value != entry["id"] else value


def text_of(value: Any) -> str | None:
    """Return text that can be stored, else None; half characters (lone surrogates) become U+FFFD."""
    if not isinstance(value, str) or not value:
        return None
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _listed_parents(folder: Entry) -> Sequence[tuple[str, str]]:
    """Return (id, name) of each ancestor, topmost first, linked by their parents' ids where these agree."""
    parents = _at(extension(folder), "data").get("folderParents")
    known = [parent for parent in parents if isinstance(parent, dict)] if isinstance(parents, list) else []
    named = {urn: parent for parent in known if (urn := id_of({"id": parent.get("urn")}))}
    order = list(_climb(named, related_id(folder, "parent")))[::-1]
    return [(urn, text_of(named[urn].get("title")) or "") for urn in (order if len(order) == len(named) else named)]


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
        "conforming_status": text_of(details.get("conformingStatus")),
        "is_composite_design": _yes_or_no(details.get("isCompositeDesign")),
        "item_type": text_of(_at(about_item, "extension").get("type")),
        "model_guid": text_of(details.get("modelGuid")),
        "process_state": text_of(details.get("processState")),
        "project_guid": text_of(details.get("projectGuid")),
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


def _file_type(name: str, about_tip: Entry, odd: _Odd) -> str | None:
    """Return the type: the name's extension, or the service's word where that is none.

    A sheet of Plans is named by its number (`A1.01`), so its name says nothing: the service's word counts, or the
    extension of the file it came from. What ends in digits alone is a number as well, unless nothing else is known.
    """
    kind = _at(about_tip, "extension")
    given = odd.text(about_tip, "fileType")
    word = given.strip().lower() or None if given else None
    suffix = _suffix(name)
    if kind.get("type") == _SHEET:
        return word or _suffix(text_of(_at(kind, "data").get("sourceFileName")) or "")
    if suffix and not suffix.isdigit():
        return suffix
    return word or suffix


def _suffix(name: str) -> str | None:
    stem, _, suffix = name.rpartition(".")
    return suffix.lower() if stem and suffix.split() == [suffix] else None  # no blanks in it


def _yes_or_no(value: Any) -> bool | None:
    """Read a flag, which some answers write as text."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _time(value: Any) -> Timestamp | None:
    """Return a time in the database's form."""
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
    """Return a whole number that fits a database column."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < 2**63 else None


def _person(value: Any) -> str | None:
    name = text_of(value)
    return name and (name.strip() or None)


def _at(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object under that name, empty where there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else _NOTHING


def required(answer: Answer, entry: Entry, value: str | None, what: str) -> str:
    if value is None:
        raise ResponseError(f"{answer.url}: an entry of type {str(entry.get('type'))[:40]!r} without {what}")
    return value
