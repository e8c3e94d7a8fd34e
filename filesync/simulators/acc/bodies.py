"""JSON as Data Management writes it, from the records; the shapes are those of recorded ACC answers (aps.md 2.8)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from filesync.simulators.acc.records import DELETED_TYPE, REGIONS, File, Folder, Hub, Project, User, Version

Json = dict[str, Any]

_WEB_HOSTS = {"US": "acc.autodesk.com", "EMEA": "acc.autodesk.eu"}


@lru_cache(4096)
def to_time(seconds: int) -> str:
    """Write a time with seven decimals, all zero, as ACC does."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def to_document(self_href: str, data: Any, *, included: Sequence[Json] = (), **more: Any) -> Json:
    """Wrap data in a JSON:API document; there is no `included` where there is nothing to include."""
    found: Json = {"jsonapi": {"version": "1.0"}, "links": {"self": {"href": self_href}}, "data": data, **more}
    if included:
        found["included"] = list(included)
    return found


def to_hub(hub: Hub, base: str) -> Json:
    href = f"{base}/project/v1/hubs/{hub.id}"
    return {
        "type": "hubs",
        "id": hub.id,
        "attributes": {"name": hub.name, "region": hub.region, "extension": _extension(hub.type, base)},
        "links": {"self": {"href": href}},
        "relationships": {"projects": {"links": {"related": {"href": f"{href}/projects"}}}},
    }


def to_warnings(regions: Sequence[str], down: Sequence[str]) -> list[Json]:
    """Say which regions gave nothing; capitalised keys, as in the recorded answers (aps.md 2.4)."""
    refused = [_warning(region, "403", "You don't have permission to access this API") for region in regions]
    return refused + [_warning(region, "500", "The service is not available") for region in down]


def silent_regions(hubs: Sequence[Hub]) -> list[str]:
    return [region for region in REGIONS if region not in {hub.region for hub in hubs}]


def to_project(project: Project, base: str) -> Json:
    hub = f"{base}/project/v1/hubs/{project.hub.id}"
    href = f"{hub}/projects/{project.id}"
    root = f"{base}/data/v1/projects/{project.id}/folders/{quote(project.root.id, safe='')}"
    return {
        "type": "projects",
        "id": project.id,
        "attributes": {
            "name": project.name,
            "scopes": [f"b360project.{project.guid}"],
            "extension": _extension("projects:autodesk.bim360:Project", base, {"projectType": project.kind}),
        },
        "links": {"self": {"href": href}, "webView": {"href": _web_project(project)}},
        "relationships": {
            "hub": {"data": {"type": "hubs", "id": project.hub.id}, "links": {"related": {"href": hub}}},
            "rootFolder": {"data": {"type": "folders", "id": project.root.id}, "meta": {"link": {"href": root}}},
            "topFolders": {"links": {"related": {"href": f"{href}/topFolders"}}},
        },
    }


def to_folder(folder: Folder, base: str, **extra: Any) -> Json:
    href = f"{base}/data/v1/projects/{folder.project.id}/folders/{folder.id}"
    extension = {
        "visibleTypes": ["items:autodesk.bim360:File"],
        "actions": ["CONVERT"],
        "allowedTypes": ["items:autodesk.bim360:File", "folders:autodesk.bim360:Folder"],
        "namingStandardIds": [],
        **extra,
    }
    return {
        "type": "folders",
        "id": folder.id,
        "attributes": {
            "name": folder.name,
            "displayName": folder.name,
            **_stamps(folder),
            "lastModifiedTimeRollup": to_time(folder.rollup),
            "objectCount": len(folder.folders) + len(folder.files),  # hidden ones count (aps.md 2.12)
            "hidden": folder.hidden,
            "extension": _extension("folders:autodesk.bim360:Folder", base, extension),
        },
        "links": {"self": {"href": href}, "webView": {"href": _web_folder(folder)}},
        "relationships": {"contents": _related(f"{href}/contents"), **_parent(folder.parent, href), **_refs(href)},
    }


def to_folder_parents(folder: Folder) -> list[Json]:
    """Name what lies between the project's root and a folder that someone sees without seeing those."""
    above = folder.chain()[1:-1]
    return [
        {
            "urn": one.id,
            "isRoot": one.parent is one.project.root,
            "title": one.name,
            "parentUrn": one.parent.id if one.parent else None,
        }
        for one in reversed(above)
    ]


def to_item(file: File, tip: Version, base: str, **more: Any) -> Json:
    href = f"{base}/data/v1/projects/{file.parent.project.id}/items/{file.id}"
    return {
        "type": "items",
        "id": file.id,
        "attributes": {
            "displayName": _stem(tip.name),  # documented as reserved, so it is not to be relied on
            **_stamps(file),
            "hidden": file.hidden,
            "reserved": False,
            "extension": _extension(f"items:{file.type}", base, {"sourceFileName": tip.original_name}),
            **more,
        },
        "links": {"self": {"href": href}, "webView": {"href": to_link(file)}},
        "relationships": {
            "tip": {"data": {"type": "versions", "id": version_id(file, tip)}, **_related(f"{href}/tip")},
            "versions": _related(f"{href}/versions"),
            **_parent(file.parent, href),
            **_refs(href),
        },
    }


def to_version(file: File, version: Version, base: str) -> Json:
    urn = version_id(file, version)
    href = f"{base}/data/v1/projects/{file.parent.project.id}/versions/{urn.replace('?', '%3F')}"
    return {
        "type": "versions",
        "id": urn,
        "attributes": {
            "name": version.name,
            "displayName": _stem(version.name),
            **_stamps(version),
            "versionNumber": version.number,
            **_content(version),
            "extension": _extension(f"versions:{version.type}", base, _version_facts(version)),
        },
        "links": {"self": {"href": href}, "webView": {"href": f"{_web_folder(file.parent)}&entityId={_quoted(urn)}"}},
        "relationships": {
            "item": {"data": {"type": "items", "id": file.id}, **_related(f"{href}/item")},
            **_refs(href),
            "storage": _storage(file, version, base),
        },
    }


def version_id(file: File, version: Version) -> str:
    return f"urn:adsk.wipprod:fs.file:vf.{file.key}?version={version.number}"


def to_link(file: File) -> str:
    """Give the item's page in the browser; it survives new versions."""
    return f"{_web_folder(file.parent)}&entityId={_quoted(file.id)}"


def _stamps(node: Folder | File | Version) -> Json:
    created, modified = node.created_by, node.modified_by
    return {
        "createTime": to_time(node.created_at),
        **_user("create", created),
        "lastModifiedTime": to_time(node.modified_at),
        **_user("lastModified", modified),
    }


def _user(prefix: str, user: User) -> Json:
    return {f"{prefix}UserId": user.id, f"{prefix}UserName": user.name}


def _content(version: Version) -> Json:
    """Size and type are there only where there is a file (aps.md 2.12)."""
    if version.size is None:
        return {}
    return {"storageSize": version.size, "fileType": version.name.rpartition(".")[2].lower()}


def _version_facts(version: Version) -> Mapping[str, Any]:
    if version.type == DELETED_TYPE:
        return {"originalName": version.original_name}
    return {
        "processState": "PROCESSING_COMPLETE",
        "extractionState": "SUCCESS",
        "splittingState": "NOT_SPLIT",
        "reviewState": "NOT_IN_REVIEW",
        "revisionDisplayLabel": str(version.number),
        "sourceFileName": version.original_name,
        "conformingStatus": "NONE",
    }


def _storage(file: File, version: Version, base: str) -> Json:
    key = f"{file.key}-{version.number}"
    return {
        "data": {"type": "objects", "id": f"urn:adsk.objects:os.object:wip.dm.prod/{key}"},
        "meta": {"link": {"href": f"{base}/oss/v2/buckets/wip.dm.prod/objects/{key}"}},
    }


def _extension(kind: str, base: str, facts: Mapping[str, Any] | None = None) -> Json:
    schema = {"href": f"{base}/schema/v1/versions/{kind}-1.0"}
    return {"type": kind, "version": "1.0", "schema": schema, "data": facts or {}}


def _warning(region: str, status: str, detail: str) -> Json:
    return {
        "Id": None,
        "HttpStatusCode": status,
        "ErrorCode": "BIM360DM_ERROR",
        "Title": f"Unable to get hubs from BIM360DM {region}.",
        "Detail": detail,
        "AboutLink": None,
        "Source": None,
        "meta": None,
    }


def _parent(folder: Folder | None, href: str) -> Json:
    if folder is None:
        return {}
    return {"parent": {"data": {"type": "folders", "id": folder.id}, **_related(f"{href}/parent")}}


def _refs(href: str) -> Json:
    own = f"{href}/relationships/"
    return {
        "refs": {"links": {"self": {"href": f"{own}refs"}, "related": {"href": f"{href}/refs"}}},
        "links": {"links": {"self": {"href": f"{own}links"}}},
    }


def _related(href: str) -> Json:
    return {"links": {"related": {"href": href}}}


def _web_project(project: Project) -> str:
    if project.kind == "BIM360":
        return f"https://docs.b360.autodesk.com/projects/{project.guid}"
    region = project.hub.region
    return f"https://{_WEB_HOSTS.get(region, f'acc.{region.lower()}.autodesk.com')}/docs/files/projects/{project.guid}"


def _web_folder(folder: Folder) -> str:
    return f"{_web_project(folder.project)}?folderUrn={_quoted(folder.id)}"


def _quoted(urn: str) -> str:
    """Percent-encode an id of ours; quote() would do the same, slower."""
    return urn.replace(":", "%3A").replace("?", "%3F").replace("=", "%3D")


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name
