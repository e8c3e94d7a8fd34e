"""What a Drive is made of: users, items, contents, and ids in the real service's forms."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"
NATIVE_PREFIX = "application/vnd.google-apps."

EXTENSION_TYPES = {
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "jpg": "image/jpeg",
    "json": "application/json",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}


@dataclass(frozen=True, slots=True)
class DriveUser:
    """`shows_email` False: the others' answers name the user without an address."""

    email: str
    name: str
    root_id: str
    permission_id: str
    shows_email: bool = True


@dataclass(frozen=True, slots=True)
class SharedDrive:
    id: str
    name: str
    members: frozenset[str]
    created_at: datetime
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """A blob: `size` in bytes, digests as hexadecimal text."""

    size: int
    md5: str
    sha1: str
    sha256: str
    revision_id: str


@dataclass(frozen=True, slots=True)
class Item:
    """A file, folder, shortcut or root as it is at one moment; a change makes a new one.

    `home` is the id of the My Drive root or shared drive it lives in. `number` orders items by
    age. `shared_with` maps addresses to when. `limited` is a folder with limited access:
    what its parent grants ends at its door.
    """

    id: str
    number: int
    name: str
    mime_type: str
    parent_id: str | None
    home: str
    created_at: datetime
    modified_at: datetime
    owner: str | None = None
    modified_by: str | None = None
    version: int = 1
    content: Content | None = None
    target_id: str | None = None
    target_type: str | None = None
    trashed_at: datetime | None = None
    trashed_by: str | None = None
    viewed_at: datetime | None = None
    shared_with: dict[str, datetime] = field(default_factory=dict)
    limited: bool = False
    starred: bool = False

    @property
    def is_folder(self) -> bool:
        return self.mime_type == FOLDER

    @property
    def is_root(self) -> bool:
        return self.id == self.home


class DriveIds:
    """Ids that look like Drive's and follow from a seed alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._made = 0

    def file(self) -> str:
        return "1" + self._letters(32)

    def root(self) -> str:
        return "0A" + self._letters(11) + "Uk9PVA"

    def revision(self) -> str:
        return "0B" + self._letters(48) + "PQ"

    def permission(self) -> str:
        return str(int.from_bytes(self._bytes(), "big"))[:20].zfill(20)

    def page_token(self) -> str:
        """424 characters, as recorded."""
        return "~!!~" + self._letters(420)

    def _letters(self, length: int) -> str:
        return base64.urlsafe_b64encode(self._bytes(length)).decode()[:length]

    def _bytes(self, length: int = 16) -> bytes:
        self._made += 1
        return hashlib.shake_128(f"{self._seed}:{self._made}".encode()).digest(length)


def make_content(seed: object, size: int, revision_id: str) -> Content:
    """Return the digests of an imagined blob: the same seed and size, the same digests."""
    blob = f"{seed}:{size}".encode()
    md5 = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    sha1 = hashlib.sha1(blob, usedforsecurity=False).hexdigest()
    return Content(size, md5, sha1, hashlib.sha256(blob).hexdigest(), revision_id)


def type_of(name: str) -> str:
    """Guess the MIME type from the name, as an upload does."""
    return EXTENSION_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
