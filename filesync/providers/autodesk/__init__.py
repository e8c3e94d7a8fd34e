"""Autodesk Construction Cloud and BIM 360 Docs: one project, or one folder of it, as an endpoint."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from filesync.core.model import Member
    from filesync.providers.base import DiscoveryOptions, Provider, ProviderKind, Sight, Surroundings


class AutodeskKind:
    """The entry in the table of providers; what needs the network is imported when an endpoint is opened."""

    service = "autodesk"
    set_key = "projects"
    placeholders = ("{project_name}",)
    narrowing = ("hub", "project")

    def details(self) -> "type[BaseModel]":
        from filesync.providers.autodesk.details import AutodeskDetails  # noqa: PLC0415  pydantic only where needed

        return AutodeskDetails

    def scope(self, details: Any) -> Mapping[str, Any]:
        """Return what makes two endpoints the same: project, folder, and exclusions."""
        return {
            "project_id": details.project_id,
            "folder_id": details.folder_id,
            "include_system_folders": details.include_system_folders,
        }

    def lacks(self, variables: Mapping[str, str]) -> str | None:
        """Name what is missing; an app without a secret is a public one, which only a person can log in through."""
        flow = variables.get("CONNECTOR_AUTODESK_AUTH", "").strip()
        if not variables.get("CONNECTOR_AUTODESK_CLIENT_ID", "").strip():
            return "client_id"
        if flow == "service_account" and not variables.get("CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH", "").strip():
            return "service_account_path"
        if flow != "three_legged" and not variables.get("CONNECTOR_AUTODESK_CLIENT_SECRET", "").strip():
            return "client_secret (only auth: three_legged goes without)"
        return None

    def open(self, details: Any, surroundings: "Surroundings") -> "Provider":
        from filesync.providers.autodesk.provider import open_provider  # noqa: PLC0415  requests only where needed

        return open_provider(details, surroundings)

    def set_details(self) -> "type[BaseModel]":
        from filesync.providers.autodesk.details import ProjectSetDetails  # noqa: PLC0415  pydantic only where needed

        return ProjectSetDetails

    def set_scope(self, details: Any) -> Mapping[str, Any]:
        return {"hub_id": details.hub_id, "act_as_user": details.act_as_user}

    def stands_for(self, scope: Mapping[str, Any]) -> str | None:
        return None if scope["folder_id"] else scope["project_id"]

    def open_set(self, details: Any, surroundings: "Surroundings") -> "Callable[[], Sequence[Member]]":
        from filesync.providers.autodesk.sets import open_set  # noqa: PLC0415  requests only where needed

        return open_set(details, surroundings)

    def discover(self, wanted: "DiscoveryOptions", surroundings: "Surroundings") -> "Iterator[Sight]":
        from filesync.providers.autodesk.discovering import discover  # noqa: PLC0415  requests only where needed

        return discover(wanted, surroundings)


KIND: "ProviderKind" = AutodeskKind()
