"""`endpoint_details` of `autodesk_construction_cloud`."""

import re
from typing import Annotated
from urllib.parse import unquote

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from filesync.providers.details import FilterDetails, Names, check_id, settings_of

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_FOLDER = r"urn:adsk\.[A-Za-z0-9]+:(?:fs|dm)\.folder:[A-Za-z0-9._~-]+"


def to_container_id(text: str, link_parts: str) -> str:
    """Normalise a hub's or project's id: an account's or project's UUID with `b.` before it (aps.md 2.1)."""
    plain = check_id(text, lambda url: _first(rf"(?:{link_parts})[/=]({_UUID})", url, "b."))
    if plain.startswith("a."):
        raise ValueError("an id of Fusion Team or A360 (a.…), which are not read; ACC and BIM 360 ids start with b.")
    if plain.startswith("urn:"):
        raise ValueError("the id of a folder or file; hubs and projects have ids that start with b.")
    bare = plain.removeprefix("b.")
    return "b." + (bare.lower() if re.fullmatch(_UUID, bare) else bare)


def to_hub_id(value: object) -> object:
    return to_container_id(value.strip(), "accounts?|accountId|hubs") if isinstance(value, str) else value


def to_project_id(value: object) -> object:
    return to_container_id(value.strip(), "projects?|projectId") if isinstance(value, str) else value


def to_folder_id(value: object) -> object:
    """Check a folder's id, an opaque URN; links carry it encoded, as `folderUrn` or as a path's part."""
    if not isinstance(value, str):
        return value
    plain = check_id(value.strip(), _folder_in_link)
    if "lineage:" in plain or "fs.file:" in plain:
        raise ValueError("the id of a file; a folder's looks like urn:adsk.wipprod:fs.folder:co.…")
    if not plain.startswith("urn:adsk."):
        raise ValueError("a folder's id looks like urn:adsk.wipprod:fs.folder:co.…")
    return plain


def _folder_in_link(url: str) -> str | None:
    plain = unquote(unquote(url))
    folder = _first(f"({_FOLDER})", plain, "")
    if not folder and "lineage:" in plain:
        raise ValueError("a link to a file; open its folder, whose link has folderUrn= in it")
    return folder


def _first(pattern: str, url: str, prefix: str) -> str | None:
    found = re.search(pattern, url)
    return prefix + found[1] if found else None


class _Sharing(FilterDetails):
    """What one project's endpoint and a set of projects have in common."""

    include_system_folders: bool = Field(False, description="Also ACC's own internal folders at the project's root.")
    act_as_user: str | None = Field(
        None, description="Autodesk user id whose permissions apply (x-user-id); goes with the two-legged login only."
    )

    @field_validator("act_as_user")
    @classmethod
    def _fits_the_login(cls, user: str | None, info: ValidationInfo) -> str | None:
        settings = settings_of(info)
        flow = settings.variables.get("CONNECTOR_AUTODESK_AUTH", "") if settings else ""
        if user is not None and not re.fullmatch(r"[A-Za-z0-9._-]+", user):
            raise ValueError("a user's id is needed: letters, digits, - and _ only")
        if user is not None and flow.strip() not in {"", "auto", "two_legged"}:
            named = settings.credentials if settings else ""
            whose = f"auth of credentials {named!r}" if named else "CONNECTOR_AUTODESK_AUTH"
            raise ValueError(f"act_as_user needs the two-legged login, but {whose} is {flow.strip()}")
        return user


class AutodeskDetails(_Sharing):
    """One project of Autodesk Construction Cloud or BIM 360, or one folder of it."""

    project_id: Annotated[str, BeforeValidator(to_project_id)] = Field(
        description="The project's id at Autodesk, with or without its b."
    )
    hub_id: Annotated[str, BeforeValidator(to_hub_id)] | None = Field(
        None, description="The hub's (account's) id; found and remembered when absent."
    )
    folder_id: Annotated[str, BeforeValidator(to_folder_id)] | None = Field(
        None, description="Only this folder's subtree: urn:adsk.wipprod:fs.folder:co.…"
    )


class ProjectSetDetails(_Sharing):
    """One endpoint for each project of a hub, now and later."""

    hub_id: Annotated[str, BeforeValidator(to_hub_id)] = Field(description="The hub's (account's) id.")
    projects: Names = Field(description="Which projects, by their names.")
