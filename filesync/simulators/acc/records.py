"""What the simulated service remembers, one small object for each thing it knows by id."""

import base64
import hashlib
import uuid
from dataclasses import dataclass, field

FILE_TYPE = "autodesk.bim360:File"
SHEET_TYPE = "autodesk.bim360:Document"  # of Plans
DELETED_TYPE = "autodesk.core:Deleted"
REGIONS = ("US", "EMEA", "AUS", "CAN", "DEU", "IND", "JPN", "GBR")


class AccIds:
    """Ids that look like Autodesk's and are the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0

    def short(self) -> str:
        """22 characters of URL-safe base64, as behind `co.` and `lineage:`."""
        return base64.urlsafe_b64encode(self._bytes()).rstrip(b"=").decode()

    def guid(self) -> str:
        return str(uuid.UUID(bytes=self._bytes(), version=4))

    def _bytes(self) -> bytes:
        self._count += 1
        return hashlib.blake2b(f"{self._seed}:{self._count}".encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class AccUser:
    id: str
    name: str


NOBODY = AccUser("", "")  # the service shows empty strings for some old entries


@dataclass(slots=True, eq=False)
class RegisteredApp:
    """A registration on the developer's side; a public app has no secret.

    `hubs` is where Account Admin entered it, None: everywhere. `callbacks` are its registered URLs.
    """

    client_id: str
    client_secret: str | None
    scopes: frozenset[str]
    api_enabled: bool = True
    hubs: frozenset[str] | None = None
    callbacks: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Hub:
    id: str
    name: str
    region: str
    type: str = "hubs:autodesk.bim360:Account"


@dataclass(slots=True, eq=False)
class Project:
    """`members` maps a user's id to the folders he was given, or None for a project admin."""

    id: str
    name: str
    hub: Hub
    kind: str  # ACC or BIM360
    active: bool = True
    root: "Folder" = field(init=False)
    members: dict[str, frozenset[str] | None] = field(default_factory=dict)

    @property
    def guid(self) -> str:
        return self.id.removeprefix("b.")


@dataclass(slots=True, eq=False)
class Folder:
    """Times are seconds since the epoch: the service writes seven decimals, all of them zero."""

    id: str
    name: str
    project: Project
    parent: "Folder | None"
    created_at: int
    created_by: AccUser
    modified_at: int
    modified_by: AccUser
    rollup: int
    arrived: float  # the clock's monotonic seconds when its present parent got it
    type: str = "normal"
    system: bool = False
    hidden: bool = False
    revoked: bool = False
    folders: dict[str, "Folder"] = field(default_factory=dict)
    files: dict[str, "File"] = field(default_factory=dict)

    def chain(self) -> "list[Folder]":
        """List this folder and all above it, the root last."""
        found = [self]
        while found[-1].parent is not None:
            found.append(found[-1].parent)
        return found


@dataclass(slots=True, eq=False)
class Version:
    number: int
    name: str
    size: int | None
    created_at: int
    created_by: AccUser
    modified_at: int
    modified_by: AccUser
    arrived: float
    type: str = FILE_TYPE
    original_name: str = ""


@dataclass(slots=True, eq=False)
class File:
    id: str
    parent: Folder
    created_at: int
    created_by: AccUser
    modified_at: int
    modified_by: AccUser
    arrived: float
    type: str = FILE_TYPE
    hidden: bool = False
    revoked: bool = False
    versions: list[Version] = field(default_factory=list)

    @property
    def tip(self) -> Version:
        return self.versions[-1]

    @property
    def key(self) -> str:
        """Return the common part of lineage and version ids."""
        return self.id.rpartition(":")[2]
