"""JSON as Data Management writes it, from the records; the shapes are those of recorded ACC answers (aps.md 2.8)."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NewType

from filesync.simulators.acc.records import REGIONS, AccUser, File, Folder, Hub, Project

Json = dict[str, Any]
JsonText = NewType("JsonText", str)

_NOT_THE_APP = "You don't have permission to access this API"
_NOT_THE_USER = (
    "You do not have permission to access this project. Please contact your project administrator if you believe you "
    "have received this message in error."
)
_WEB_HOSTS = {"US": "acc.autodesk.com", "EMEA": "acc.autodesk.eu"}


_FOLDER_FACTS = {
    "visibleTypes": ["items:autodesk.bim360:File"],
    "actions": ["CONVERT"],
    "allowedTypes": ["items:autodesk.bim360:File", "folders:autodesk.bim360:Folder"],
    "namingStandardIds": [],
}


@lru_cache(4096)
def to_time(seconds: int) -> str:
    """Write a time with seven decimals, all zero, as ACC does."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def to_list(entries: Sequence[JsonText]) -> JsonText:
    return JsonText(f"[{','.join(entries)}]")


def to_document(links: Json, data: JsonText, *, included: Sequence[JsonText] = (), meta: Json | None = None) -> bytes:
    """Wrap data in a JSON:API document; there is no `included` where there is nothing to include."""
    parts = [f'{{"jsonapi":{{"version":"1.0"}},"links":{_text(links)},"data":{data}']
    parts += [f',"included":{to_list(included)}'] if included else []
    parts += [f',"meta":{_text(meta)}'] if meta else []
    return "".join([*parts, "}"]).encode()


def to_hub(hub: Hub, base: str) -> JsonText:
    href = f"{base}/project/v1/hubs/{hub.id}"
    body = {
        "type": "hubs",
        "id": hub.id,
        "attributes": {"name": hub.name, "region": hub.region, "extension": extension(hub.type, base)},
        "links": {"self": {"href": href}},
        "relationships": {"projects": related(f"{href}/projects")},
    }
    return _text(body)


def to_warnings(regions: Sequence[str], down: Sequence[str], closed: Sequence[str] = ()) -> list[Json]:
    """Return the warnings of regions that gave nothing; capitalised keys, as in the recorded answers (aps.md 2.4).

    `closed` have an account that knows the app, but not the user.
    https://forge.autodesk.com/blog/errors-when-retrieving-hubs
    """
    refused = [
        _warning(region, "401", _NOT_THE_USER) if region in closed else _warning(region, "403", _NOT_THE_APP)
        for region in regions
    ]
    return refused + [_warning(region, "500", "The service is not available") for region in down]


def silent_regions(hubs: Sequence[Hub]) -> list[str]:
    return [region for region in REGIONS if region not in {hub.region for hub in hubs}]


def to_project(project: Project, base: str) -> JsonText:
    hub = f"{base}/project/v1/hubs/{project.hub.id}"
    href = f"{hub}/projects/{project.id}"
    root = f"{base}/data/v1/projects/{project.id}/folders/{_quoted(project.root.id)}"
    body = {
        "type": "projects",
        "id": project.id,
        "attributes": {
            "name": project.name,
            "scopes": [f"b360project.{project.guid}"],
            "extension": extension("projects:autodesk.bim360:Project", base, {"projectType": project.kind}),
        },
        "links": {"self": {"href": href}, "webView": {"href": _web_project(project)}},
        "relationships": {
            "hub": {"data": {"type": "hubs", "id": project.hub.id}, **related(hub)},
            "rootFolder": {"data": {"type": "folders", "id": project.root.id}, "meta": {"link": {"href": root}}},
            "topFolders": related(f"{href}/topFolders"),
        },
    }
    return _text(body)


def to_folder(folder: Folder, base: str, **facts: Any) -> JsonText:
    href = f"{base}/data/v1/projects/{folder.project.id}/folders/{folder.id}"
    body = {
        "type": "folders",
        "id": folder.id,
        "attributes": {
            "name": folder.name,
            "displayName": folder.name,
            **_stamps(folder),
            "lastModifiedTimeRollup": to_time(folder.rollup),
            "objectCount": len(folder.folders) + len(folder.files),  # hidden ones count (aps.md 2.12)
            "hidden": folder.hidden,
            "extension": extension("folders:autodesk.bim360:Folder", base, {**_FOLDER_FACTS, **facts}),
        },
        "links": {"self": {"href": href}, "webView": {"href": _folder_link(folder)}},
        "relationships": {
            "contents": related(f"{href}/contents"),
            **(parent(folder.parent.id, href) if folder.parent else {}),
            **refs(href),
        },
    }
    return _text(body)


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


def to_link(file: File, version: int | None = None) -> str:
    """Return the page in the browser, of the item, which survives new versions, or of one version."""
    entity = f"urn%3Aadsk.wipprod%3Adm.lineage%3A{file.key}"
    if version is not None:
        entity = f"urn%3Aadsk.wipprod%3Afs.file%3Avf.{file.key}%3Fversion%3D{version}"
    folder = file.parent
    if folder.project.kind == "BIM360":
        return f"{_folder_link(folder)}/detail/viewer/items/{entity}"
    return f"{_folder_link(folder)}&entityId={entity}"


def _stamps(folder: Folder) -> Json:
    return {
        "createTime": to_time(folder.created_at),
        **_user("create", folder.created_by),
        "lastModifiedTime": to_time(folder.modified_at),
        **_user("lastModified", folder.modified_by),
    }


def _user(prefix: str, user: AccUser) -> Json:
    return {f"{prefix}UserId": user.id, f"{prefix}UserName": user.name}


def extension(kind: str, base: str, facts: Mapping[str, Any] | None = None) -> Json:
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


def parent(folder_id: str, href: str) -> Json:
    return {"parent": {"data": {"type": "folders", "id": folder_id}, **related(f"{href}/parent")}}


def refs(href: str) -> Json:
    own = f"{href}/relationships/"
    return {
        "refs": {"links": {"self": {"href": f"{own}refs"}, "related": {"href": f"{href}/refs"}}},
        "links": {"links": {"self": {"href": f"{own}links"}}},
    }


def related(href: str) -> Json:
    return {"links": {"related": {"href": href}}}


def _web_project(project: Project) -> str:
    if project.kind == "BIM360":
        return f"https://docs.b360.autodesk.com/projects/{project.guid}"
    region = project.hub.region
    return f"https://{_WEB_HOSTS.get(region, f'acc.{region.lower()}.autodesk.com')}/docs/files/projects/{project.guid}"


def _folder_link(folder: Folder) -> str:
    between = "/folders/" if folder.project.kind == "BIM360" else "?folderUrn="
    return f"{_web_project(folder.project)}{between}{_quoted(folder.id)}"


def _quoted(urn: str) -> str:
    """Percent-encode an id of ours, which needs it only for its colons."""
    return urn.replace(":", "%3A")


def _text(value: Json) -> JsonText:
    return JsonText(json.dumps(value, separators=(",", ":")))
