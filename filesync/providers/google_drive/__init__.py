"""Google Drive: My Drive, a shared drive, or a folder's subtree, as an endpoint."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from filesync.core.model import Member
    from filesync.providers.base import DiscoveryOptions, Provider, ProviderKind, Sight, Surroundings

DEFAULT_CREDENTIALS = "credentials/google-service-account.json"


class DriveKind:
    """The entry in the table of providers; what needs the network is imported when an endpoint is opened."""

    service = "google"
    set_key = "drives"
    placeholders = ("{drive_name}", "{project_name}")
    narrowing = ("drive",)

    def details(self) -> "type[BaseModel]":
        from filesync.providers.google_drive.details import DriveDetails  # noqa: PLC0415  pydantic only where needed

        return DriveDetails

    def scope(self, details: Any) -> Mapping[str, Any]:
        """Return what makes two endpoints the same: drive, folder, and the user who sees them."""
        return {
            "drive_id": details.drive_id,
            "folder_id": details.folder_id,
            "shared_with_me": details.shared_with_me,
            "subject": details.subject,
        }

    def lacks(self, variables: Mapping[str, str]) -> str | None:  # noqa: ARG002  the contract's signature
        """Name nothing: without a file, a person may be logged in under the set's name."""
        return None

    def open(self, details: Any, surroundings: "Surroundings") -> "Provider":
        from filesync.providers.google_drive.provider import open_provider  # noqa: PLC0415  requests only where needed

        return open_provider(details, surroundings)

    def set_details(self) -> "type[BaseModel]":
        from filesync.providers.google_drive.details import DriveSetDetails  # noqa: PLC0415  pydantic only where needed

        return DriveSetDetails

    def set_scope(self, details: Any) -> Mapping[str, Any]:
        return {"subject": details.subject}

    def stands_for(self, scope: Mapping[str, Any]) -> str | None:
        return None if scope["folder_id"] else scope["drive_id"]

    def open_set(self, details: Any, surroundings: "Surroundings") -> "Callable[[], Sequence[Member]]":
        from filesync.providers.google_drive.sets import open_set  # noqa: PLC0415  requests only where needed

        return open_set(details, surroundings)

    def discover(self, wanted: "DiscoveryOptions", surroundings: "Surroundings") -> "Iterator[Sight]":
        from filesync.providers.google_drive.discovering import discover  # noqa: PLC0415  requests only where needed

        return discover(wanted, surroundings)


KIND: "ProviderKind" = DriveKind()
