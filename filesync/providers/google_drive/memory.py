"""What the provider remembers between syncs: the JSON that is committed with every batch that advances."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from filesync.core.model import State
from filesync.providers.google_drive.parts import Part
from filesync.providers.google_drive.translate import INCOMPLETE, DriveItem, lost_entries

# new content was seen in listings after "perhaps 10 minutes": googleapis/google-api-go-client issue 906
LONGEST_LAG = timedelta(hours=1)
_TRAIL_STEP = timedelta(minutes=10)
_SMALL_PAGES = timedelta(days=1)  # then the usual size is tried again


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many things of My Drive's listing hang in no folder that the account can see: its own, and others'."""

    own: int = 0
    shared: int = 0

    def headings(self) -> Sequence[str]:
        """Return the counts in words; empty where nothing is left out."""
        counts = {
            "of this account's own in no folder (orphans, computers)": self.own,
            "shared with this account in no folder that it sees": self.shared,
        }
        return [f"{count} {what}" for what, count in counts.items() if count]

    def counting(self, items: Iterable[DriveItem], counted: set[str]) -> "LeftOut":
        """Add those that show no parent and were not `counted` yet; what is below them is not told apart."""
        tops = [item for item in items if not item.parents and item.id not in counted]
        if not tops:
            return self
        counted.update(item.id for item in tops)
        own = sum(item.is_own for item in tops)
        return LeftOut(self.own + own, self.shared + len(tops) - own)


class Phase(StrEnum):
    """How far a listing of the whole scope has come."""

    FOLDERS = "folders"
    FILES = "files"
    READ = "read"  # every page was taken; only the conclusion is missing
    TREE = "tree"  # a folder's subtree, read afresh from its root


@dataclass(frozen=True, slots=True)
class ListingState:
    """A listing of the whole scope that is under way; `token` is its next page.

    `full`: the store began to note what it shows; else a lost cursor made it necessary, and what was listed before
    says nothing of now. `incomplete`: Drive said that it had not searched everything; `lost`: it sent that many entries
    without a sound id or place. `limited`: folders that may be seen but not opened. `left_out` counts as it comes.

    `first`: nothing is known yet, so that the files may be read in parts. `parts` are those that are not at their end;
    `token` then stands where the listing was cut. `witnesses` are files shown before that, which no part has shown yet.
    """

    phase: Phase
    token: str | None = None
    full: bool = False
    incomplete: bool = False
    lost: int = 0
    left_out: LeftOut = LeftOut()
    limited: tuple[str, ...] = ()
    first: bool = False
    parts: tuple[Part, ...] = ()
    witnesses: tuple[str, ...] = ()

    @property
    def lack(self) -> str | None:
        """Return why what was listed may not be everything."""
        return INCOMPLETE if self.incomplete else lost_entries(self.lost, "the listing")

    def replaced(self, part: Part, by: Sequence[Part]) -> "ListingState":
        """Put what is left of a part in its place."""
        at = self.parts.index(part)
        return replace(self, parts=(*self.parts[:at], *by, *self.parts[at + 1 :]))


@dataclass(frozen=True, slots=True)
class DriveMemory:
    """`cursor` is the change token; `drive_id` the shared drive whose log is followed, None for the account's own.

    `root_drive` is the drive that the root lay in when the log was begun, '' for none, None where nobody noted it:
    a folder that is shared out of a drive is followed in the account's log.

    `trail` are cursors of the last hour, each with its time, oldest first: after a listing the log is read again
    from the oldest, because a listing may show what was true some minutes ago.

    `page_size` is the largest that Drive could make, as it was found at `sized_at`; None: the usual one.
    `left_out` is what the last listing of everything counted.
    """

    root_id: str = ""
    root_name: str | None = None
    drive_id: str | None = None
    cursor: str | None = None
    listing: ListingState | None = None
    trail: tuple[tuple[str, str], ...] = ()
    root_drive: str | None = None
    page_size: int | None = None
    sized_at: str | None = None
    left_out: LeftOut = LeftOut()

    @classmethod
    def of(cls, state: State) -> "DriveMemory":
        keys = ("root_id", "root_name", "drive_id", "root_drive", "cursor", "page_size", "sized_at")
        known = {key: state[key] for key in keys if key in state}
        trail = tuple((at, cursor) for at, cursor in state.get("trail", ()))
        left_out = LeftOut(**state.get("left_out", {}))
        return cls(**known, listing=_to_listing(state.get("listing")), trail=trail, left_out=left_out)

    def state(self) -> State:
        state: dict[str, Any] = {"root_id": self.root_id, "root_name": self.root_name, "drive_id": self.drive_id}
        if self.root_drive is not None:
            state["root_drive"] = self.root_drive
        if self.cursor is not None:
            state["cursor"] = self.cursor
        if self.page_size is not None:
            state |= {"page_size": self.page_size, "sized_at": self.sized_at}
        if self.left_out != LeftOut():
            state["left_out"] = asdict(self.left_out)
        if self.trail:
            state["trail"] = [list(step) for step in self.trail]
        if self.listing is not None:
            state["listing"] = _to_json(self.listing)
        return state

    def at(self, cursor: str | None) -> "DriveMemory":
        return replace(self, cursor=cursor)

    def sized(self, most: int | None, now: datetime) -> "DriveMemory":
        """Note the largest page that Drive could make, where that is news."""
        if most == self.page_size:
            return self
        return replace(self, page_size=most, sized_at=now.isoformat(timespec="seconds") if most else None)

    def page_size_at(self, now: datetime) -> int | None:
        """Return the page size to begin with; now and then the usual one again."""
        found_at = datetime.fromisoformat(self.sized_at) if self.sized_at else now
        return self.page_size if abs(now - found_at) < _SMALL_PAGES else None

    def has_root_elsewhere(self, drive_id: str | None) -> bool:
        """Return whether the root lies in another drive than the one whose log was begun."""
        return self.root_drive is not None and self.root_drive != (drive_id or "")

    def marked(self, now: datetime) -> "DriveMemory":
        """Add the cursor to the trail when it moved and the last mark is some minutes old; drop what is needless."""
        if self.cursor is None or (self.trail and self.trail[-1][1] == self.cursor):
            return self
        if self.trail and now - datetime.fromisoformat(self.trail[-1][0]) < _TRAIL_STEP:
            return self
        older = [step for step in self.trail if now - datetime.fromisoformat(step[0]) > LONGEST_LAG]
        kept = [*older[-1:], *self.trail[len(older) :], (now.isoformat(timespec="seconds"), self.cursor)]
        return replace(self, trail=tuple(kept))

    def reading(self, listing: ListingState | None) -> "DriveMemory":
        return replace(self, listing=listing)


def _to_listing(state: Mapping[str, Any] | None) -> ListingState | None:
    if state is None:
        return None
    flags = {key: state.get(key, False) for key in ("full", "incomplete", "first")}
    limited, witnesses = (tuple(state.get(key, ())) for key in ("limited", "witnesses"))
    parts = tuple(map(Part.of, state.get("parts", ())))
    counts = {"lost": state.get("lost", 0), "left_out": LeftOut(**state.get("left_out", {}))}
    phase, token = Phase(state["phase"]), state.get("token")
    return ListingState(phase, token, **flags, **counts, limited=limited, parts=parts, witnesses=witnesses)


def _to_json(listing: ListingState) -> Mapping[str, Any]:
    facts = {field.name: getattr(listing, field.name) for field in fields(listing)}
    facts |= {key: list(facts[key]) for key in ("limited", "witnesses")}
    facts["parts"] = [part.state() for part in listing.parts]
    facts["left_out"] = asdict(listing.left_out) if listing.left_out != LeftOut() else None
    return {key: facts[key] for key in facts if facts[key]}
