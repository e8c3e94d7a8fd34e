"""`endpoint_details` of `google_drive`."""

import json
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from filesync.providers.details import FilterDetails, Names, check_id, settings_of
from filesync.providers.google_drive import DEFAULT_CREDENTIALS
from filesync.runtime.settings import Settings

_ID = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_IN_LINK = re.compile(r"(?:/folders/|[?&]id=)([A-Za-z0-9_-]+)", re.ASCII)
_FILE_LINK = re.compile(r"/(?:file|document|spreadsheets|presentation|forms|drawings)/(?:u/\d+/)?d/", re.ASCII)
_SCOPES = ("drive_id", "folder_id", "shared_with_me", "subject")


def to_drive_id(value: object) -> object:
    """Check the id of a folder or shared drive; both have links .../drive/folders/ID."""
    if not isinstance(value, str):
        return value
    plain = check_id(value.strip(), _id_in_link)
    if plain == "root":
        raise ValueError("for My Drive leave drive_id and folder_id out")
    if not _ID.fullmatch(plain):
        raise ValueError("an id has letters, digits, - and _ only")
    return plain


def _id_in_link(url: str) -> str | None:
    found = _IN_LINK.search(url)
    if not found and _FILE_LINK.search(url):
        raise ValueError("a link to a file; a folder's or a shared drive's has /folders/ in it")
    return found[1] if found else None


DriveId = Annotated[str, BeforeValidator(to_drive_id)]


def check_address(subject: str | None) -> str | None:
    """Check whom to act for."""
    if subject is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", subject):
        raise ValueError("an e-mail address is needed, such as user@example.com")
    return subject


class DriveDetails(FilterDetails):
    """A shared drive, a folder, or (with neither) the account's My Drive."""

    drive_id: DriveId | None = Field(None, description="A whole shared drive, or with folder_id: that drive's folder.")
    folder_id: DriveId | None = Field(None, description="Only this folder's subtree.")
    shared_with_me: bool = Field(
        False, description="Also what hangs in no folder that it sees: others' things, and its own."
    )
    subject: str | None = Field(
        None, description="E-mail address to act for (domain-wide delegation).", validate_default=True
    )

    @field_validator("shared_with_me")
    @classmethod
    def _fits_the_scope(cls, shared: bool, info: ValidationInfo) -> bool:
        other = next((name for name in ("folder_id", "drive_id") if info.data.get(name)), None)
        if shared and other:
            raise ValueError(f"shared_with_me goes with My Drive only: leave it or {other} out")
        return shared

    @field_validator("subject")
    @classmethod
    def _is_address(cls, subject: str | None, info: ValidationInfo) -> str | None:
        check_address(subject)
        if subject is None and _is_my_drive(info.data) and _is_service_account(settings_of(info)):
            raise ValueError(
                "a service account has no My Drive worth listing: give drive_id, folder_id, shared_with_me or subject"
            )
        return subject


class DriveSetDetails(FilterDetails):
    """One endpoint for each shared drive that the login is a member of, now and later."""

    drives: Names = Field(description="Which shared drives, by their names.")
    subject: str | None = Field(None, description="E-mail address to act for (domain-wide delegation).")

    @field_validator("subject")
    @classmethod
    def _is_address(cls, subject: str | None) -> str | None:
        return check_address(subject)


def _is_my_drive(read: dict[str, Any]) -> bool:
    """Return whether everything that could name another scope was read, and nothing does."""
    return all(name in read and not read[name] for name in _SCOPES[:-1])


def _is_service_account(settings: Settings | None) -> bool:
    """Look what kind of login the credentials file is; one that cannot be read is the login's business."""
    if settings is None:
        return False
    named = settings.variables.get("GOOGLE_CREDENTIALS_PATH")
    if not named and settings.credentials:
        return False  # the default file is the environment's
    path = settings.path(named or DEFAULT_CREDENTIALS)
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(1_000_000))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("type") == "service_account"
