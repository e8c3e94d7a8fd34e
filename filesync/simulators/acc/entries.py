"""Items and versions as JSON text, filled into templates: a page of 200 must cost few milliseconds.

The shapes are those of recorded ACC answers (aps.md 2.8).
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from filesync.simulators.acc.records import DELETED_TYPE, SHEET_TYPE, File, Version
from filesync.simulators.acc.responses import JsonText, extension, parent, refs, related, to_link, to_time


class Template:
    """JSON with gaps: in the shape `<name>` stands for safe text and a value `<#name>` for JSON as it is."""

    def __init__(self, shape: Mapping[str, Any]) -> None:
        text = json.dumps(shape, separators=(",", ":")).replace("%", "%%")
        text = re.sub(r'"<#(\w+)>"', r"%(\1)s", text)
        self._text = re.sub(r"<(\w+)>", r"%(\1)s", text)

    def fill(self, gaps: Mapping[str, object]) -> JsonText:
        return JsonText(self._text % gaps)


def to_item(file: File, tip: Version, base: str) -> JsonText:
    return _ITEM.fill(_item_gaps(file, tip, base))


def to_item_with_path(file: File, tip: Version, base: str, path: str) -> JsonText:
    """Add where the file lies, for who asks with includePathInProject."""
    return _ITEM_WITH_PATH.fill({**_item_gaps(file, tip, base), "path": _safe(path)})


def to_version(file: File, version: Version, base: str) -> JsonText:
    return _version_template(version).fill(_version_gaps(file, version, base))


def _item_gaps(file: File, tip: Version, base: str) -> dict[str, object]:
    return {
        **_gaps(file, base),
        **_stamp_gaps(file),
        "display": _safe(_stem(tip.name)),
        "hidden": "true" if file.hidden else "false",
        "type": file.type,
        "source": _safe(tip.original_name),
        "number": tip.number,
        "link": to_link(file),
    }


def _version_gaps(file: File, version: Version, base: str) -> dict[str, object]:
    return {
        **_gaps(file, base),
        **_stamp_gaps(version),
        "name": _safe(version.name),
        "display": _safe(_stem(version.name)),
        "type": version.type,
        "source": _safe(version.original_name),
        "number": version.number,
        "link": to_link(file, version.number),
        "size": version.size,
        "suffix": _safe(_file_type(version)),
    }


def _gaps(file: File, base: str) -> dict[str, object]:
    return {"base": base, "project": file.parent.project.id, "key": file.key, "folder": file.parent.id}


def _stamp_gaps(node: File | Version) -> dict[str, object]:
    return {
        "created": to_time(node.created_at),
        "modified": to_time(node.modified_at),
        "creator_id": node.created_by.id,
        "creator": _safe(node.created_by.name),
        "modifier_id": node.modified_by.id,
        "modifier": _safe(node.modified_by.name),
    }


@lru_cache(4096)
def _safe(text: str) -> str:
    """Escape text for the inside of a JSON string."""
    return json.dumps(text)[1:-1]


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _file_type(version: Version) -> str:
    """Return the type; a sheet's name is its number, and the sheet a page of a PDF."""
    return "pdf" if version.type == SHEET_TYPE else _suffix(version.name)


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _version_template(version: Version) -> Template:
    if version.type == DELETED_TYPE:
        return _DELETED_VERSION
    return _VERSION if version.size is not None else _VERSION_WITHOUT_FILE


_ITEM_ID = "urn:adsk.wipprod:dm.lineage:<key>"
_ITEM_HREF = f"<base>/data/v1/projects/<project>/items/{_ITEM_ID}"
_VERSION_ID = "urn:adsk.wipprod:fs.file:vf.<key>?version=<number>"
_VERSION_HREF = f"<base>/data/v1/projects/<project>/versions/{_VERSION_ID.replace('?', '%3F')}"
_OBJECT = "<key>-<number>"
_STORAGE = f"<base>/oss/v2/buckets/wip.dm.prod/objects/{_OBJECT}"
_DERIVED = "<base>/modelderivative/v2/designdata/<key>"

_STAMPS = {
    "createTime": "<created>",
    "createUserId": "<creator_id>",
    "createUserName": "<creator>",
    "lastModifiedTime": "<modified>",
    "lastModifiedUserId": "<modifier_id>",
    "lastModifiedUserName": "<modifier>",
}

_VERSION_FACTS = {
    "processState": "PROCESSING_COMPLETE",
    "extractionState": "SUCCESS",
    "splittingState": "NOT_SPLIT",
    "reviewState": "NOT_IN_REVIEW",
    "revisionDisplayLabel": "<number>",
    "sourceFileName": "<source>",
    "conformingStatus": "NONE",
}


def _item_shape(**more: str) -> dict[str, Any]:
    return {
        "type": "items",
        "id": _ITEM_ID,
        "attributes": {
            "displayName": "<display>",  # documented as reserved, so it is not to be relied on
            **_STAMPS,
            "hidden": "<#hidden>",
            "reserved": False,
            "extension": extension("items:<type>", "<base>", {"sourceFileName": "<source>"}),
            **more,
        },
        "links": {"self": {"href": _ITEM_HREF}, "webView": {"href": "<link>"}},
        "relationships": {
            "tip": {"data": {"type": "versions", "id": _VERSION_ID}, **related(f"{_ITEM_HREF}/tip")},
            "versions": related(f"{_ITEM_HREF}/versions"),
            **parent("<folder>", _ITEM_HREF),
            **refs(_ITEM_HREF),
        },
    }


def _version_shape(content: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "versions",
        "id": _VERSION_ID,
        "attributes": {
            "name": "<name>",
            "displayName": "<display>",
            **_STAMPS,
            "versionNumber": "<#number>",
            **content,
            "extension": extension("versions:<type>", "<base>", facts),
        },
        "links": {"self": {"href": _VERSION_HREF}, "webView": {"href": "<link>"}},
        "relationships": {
            "item": {"data": {"type": "items", "id": _ITEM_ID}, **related(f"{_VERSION_HREF}/item")},
            **refs(_VERSION_HREF),
            "downloadFormats": related(f"{_VERSION_HREF}/downloadFormats"),
            "derivatives": _stored("derivatives", "<key>", f"{_DERIVED}/manifest"),
            "thumbnails": _stored("thumbnails", "<key>", f"{_DERIVED}/thumbnail"),
            "storage": _stored("objects", f"urn:adsk.objects:os.object:wip.dm.prod/{_OBJECT}", _STORAGE),
        },
    }


def _stored(kind: str, urn: str, href: str) -> dict[str, Any]:
    return {"data": {"type": kind, "id": urn}, "meta": {"link": {"href": href}}}


# size and type are there only where there is a file (aps.md 2.12)
_CONTENT = {"storageSize": "<#size>", "fileType": "<suffix>"}

_ITEM = Template(_item_shape())
_ITEM_WITH_PATH = Template(_item_shape(pathInProject="<path>"))
_VERSION = Template(_version_shape(_CONTENT, _VERSION_FACTS))
_VERSION_WITHOUT_FILE = Template(_version_shape({}, _VERSION_FACTS))
_DELETED_VERSION = Template(_version_shape({}, {"originalName": "<source>"}))
