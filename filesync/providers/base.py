"""The contract between a sync and a service: what a provider is given, and what it must promise.

Glossary. ENDPOINT: one configured scope (a project, a drive, a folder). LISTING: all pages of one
folder or scope. CURSOR: a position in a service's change feed. CHANGE STAMP: a folder's text that
differs once something below changed. CANDIDATE: a known item that a listing should have shown and
did not. STATE: the provider's own JSON memory, committed with the batch that carries it.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

from filesync.core.model import Batch, Candidate, Identity, KnownFolder, Member, Shown, State
from filesync.runtime.clock import Clock

if TYPE_CHECKING:
    from pydantic import BaseModel

    from filesync.http import Connector

T = TypeVar("T")


class Known(Protocol):
    """Read access to what the store remembers of this endpoint, as of the last batch that was taken.

    Because a batch is stored before the provider is resumed, asking after a `yield` sees its effect.
    """

    @property
    def state(self) -> State:
        """Return the state of the last batch that carried one; empty before the first."""

    @property
    def full(self) -> bool:
        """Return whether to list everything afresh (a first listing, --full, a changed scope, a due relisting).

        A full listing that was stopped is continued: `state` is then what its last batch carried,
        and the folders already listed afresh are no longer in `unlisted`.
        """

    def root(self) -> KnownFolder | None:
        """Return the root, when an earlier sync (or a batch of this one) named it."""

    def folder(self, folder_id: str) -> KnownFolder | None:
        """Find a live folder, placed or not; None when it is unknown or gone."""

    def unlisted(self, below: str | None = None) -> Sequence[KnownFolder]:
        """Return the folders in scope to be read: never read, changed since, unreadable, or to be read afresh.

        Ordered by depth. With `below`: only the direct sub-folders of that folder. Folders that the
        filters exclude whole, or that are not listable, are not among them.
        """

    def stalest(self) -> Sequence[KnownFolder]:
        """Return the folders to read afresh although nothing says they changed: continuous reconciliation."""


class Provider(Protocol):
    """Reads one endpoint. Never sleeps, retries, prints, logs or writes for itself.

    `read` yields `Rooted` first, then statements until everything in scope is known as of now.
    It may use threads inside but yields from one, and its batches are bounded. What it raises
    ends the sync as failed; it catches only what makes one folder `Unreadable` (403/404 on a
    folder that its parent lists). A generator that is closed early must stop its workers.

    `resolve` looks the candidates up by id, in bulk where the service can, and yields a
    `Resolved` for each, or a Page/FolderListed that contains it elsewhere.
    """

    continuous: bool  # True: reconciles a few folders in every sync; False: by one relisting per reconcile_every

    def read(self, known: Known) -> Iterator[Batch]: ...

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]: ...

    def left_out(self) -> Sequence[str]:
        """Return names, or counts, of what `read` saw and this provider leaves out on purpose."""


@runtime_checkable
class Identified(Protocol):
    """An optional ability of a provider: to name the identity it reads with. Without it there is no identity guard."""

    def identity(self) -> Identity:
        """Return the identity this endpoint is read with; may cost one request per login. Raises what that raises."""


def identity_in_use(provider: Provider) -> Identity | None:
    """Return the identity that a provider reads as; None for one that cannot tell. Raises what a request raises."""
    return provider.identity() if isinstance(provider, Identified) else None


@runtime_checkable
class LooksUp(Protocol):
    """An optional ability of a provider: to show single items. Without it `filesync verify` cannot compare its rows."""

    files_per_look_up: int  # that one request shows; a folder takes one of its own
    look_ups_per_minute: int  # that the service allows

    def look_up(self, items: Sequence[Candidate], known: Known, *, singly: bool = False) -> Iterator[Shown]:
        """Yield what each item is now, in any order; nothing is taken from listings or change feeds.

        `singly`: each by a request of its own, where the service may say less, or something else, of many at once.
        What hangs in a folder that the store does not have is climbed from, so that its absence there proves nothing.
        """


class Shared:
    """What the providers of one start have in common; safe to share between threads."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, object] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made first under that key; `make` must ask nothing."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return cast("T", self._kept[key])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the command layer hands to a provider's factory."""

    variables: Mapping[str, str]  # the environment of spec section 2, `.env` and NAME_FILE already read
    connector: "Connector"  # makes this sync's connections: shared stop, budgets, counters
    clock: Clock
    path: Callable[[str], Path]  # relative to home -> absolute; path("tokens") is the token folder
    credentials: str = ""  # name of the named set that `variables` has in the environment's place, '' for none
    shared: Shared = field(default_factory=Shared)


@runtime_checkable
class TakesCredentials(Protocol):
    """An optional ability of a kind: its login can be checked before anything is asked."""

    service: str  # the service whose login it needs, as `filesync auth` and `filesync discover` name it

    def lacks(self, variables: Mapping[str, str]) -> str | None:
        """Name what a set of credentials lacks for this kind, by its key in connector.yaml; None: nothing."""


@runtime_checkable
class MakesSets(Protocol):
    """An optional ability of a kind: an endpoint for each of something (projects, drives), now and later.

    `set_key` is the key of endpoint_details that makes an endpoint a set; its value is a
    `filesync.providers.details.Names`. One of `placeholders` is in a set's name, for each member's name.
    """

    set_key: str
    placeholders: tuple[str, ...]

    def set_details(self) -> "type[BaseModel]":
        """Return the model of a set's `endpoint_details`; what it shares with `details()` is handed on to members."""

    def set_scope(self, details: Any) -> Mapping[str, Any]:
        """Return what is asked for the members, as JSON: sets with equal ones share the answer."""

    def stands_for(self, scope: Mapping[str, Any]) -> str | None:
        """Return the id of the member that an endpoint of this scope reads as a whole; None for another scope."""

    def open_set(self, details: Any, surroundings: Surroundings) -> Callable[[], Sequence[Member]]:
        """Make the function that asks for the members. Raises AuthError when credentials are missing. No request yet.

        The function gives all there are, whatever their names, or raises: a part of the service that does not
        answer, or an empty list with warnings, is an error, because who is missing from the answer is archived.
        `Members` say more: that some may be missing, and as whom it was asked for.
        """


@dataclass(frozen=True, slots=True)
class DiscoveryOptions:
    """What is to be discovered: everything, or what belongs to one hub, project or drive."""

    hub: str | None = None
    project: str | None = None
    drive: str | None = None
    folders: bool = True


@dataclass(frozen=True, slots=True)
class Sight:
    """Something that a login is shown.

    `kind` is hub, project, drive, my_drive, folder, or outage (a part of the service did not answer, which is all
    there is to say). `level` is how deep it hangs. `details` are the endpoint_details of an endpoint that reads it,
    None: it can be none. `problem` is why it, or what is below, could not be read.
    """

    kind: str
    id: str
    name: str
    level: int
    type: str | None = None
    region: str | None = None
    details: Mapping[str, Any] | None = None
    problem: str | None = None
    error_type: str | None = None


@runtime_checkable
class Discovers(Protocol):
    """An optional ability of a kind: to show what there is to make endpoints of.

    `narrowing` names the fields of `DiscoveryOptions` that mean something here.
    """

    service: str
    narrowing: tuple[str, ...]

    def discover(self, wanted: DiscoveryOptions, surroundings: Surroundings) -> Iterator[Sight]:
        """Yield everything that the login is shown, what contains before what is in it. Raises AuthError."""


class ProviderKind(Protocol):
    """One entry of the table of providers: parse early and purely, connect late.

    A third-party package offers one under the entry-point group `filesync.providers`; the entry's
    name is the `endpoint_type`.
    """

    def details(self) -> "type[BaseModel]":
        """Return the model of `endpoint_details`; must import without the network or heavy libraries."""

    def scope(self, details: Any) -> Mapping[str, Any]:
        """Return the service ids that make two endpoints the same one, normalised; JSON."""

    def open(self, details: Any, surroundings: Surroundings) -> Provider:
        """Make a provider for one endpoint. Raises AuthError when credentials are missing. No request yet."""
