"""What the provider remembers between syncs: the JSON that is committed with every batch that advances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from filesync.model import State
from filesync.providers.google_drive.parts import Part

# new content was seen in listings after "perhaps 10 minutes": googleapis/google-api-go-client issue 906
LONGEST_LAG = timedelta(hours=1)
_TRAIL_STEP = timedelta(minutes=10)


class Phase(StrEnum):
    """How far a listing of the whole scope has come."""

    FOLDERS = "folders"
    FILES = "files"
    READ = "read"  # every page was taken; only the conclusion is missing
    TREE = "tree"  # a folder's subtree, read afresh from its root


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing of the whole scope that is under way; `token` is its next page.

    `full`: the store began to note what it shows; else a lost cursor made it necessary, and what was listed before
    says nothing of now. `incomplete`: Drive
    said that it had not searched everything. `limited`: folders that may be seen but not opened.

    `first`: nothing is known yet, so that the files may be read in parts. `parts` are those that are not at their end;
    `token` then stands where the listing was cut. `witnesses` are files shown before that, which no part has shown yet.
    """

    phase: Phase
    token: str | None = None
    full: bool = False
    incomplete: bool = False
    limited: tuple[str, ...] = ()
    first: bool = False
    parts: tuple[Part, ...] = ()
    witnesses: tuple[str, ...] = ()

    def replaced(self, part: Part, by: Sequence[Part]) -> "Listing":
        """Put what is left of a part in its place."""
        at = self.parts.index(part)
        return replace(self, parts=(*self.parts[:at], *by, *self.parts[at + 1 :]))


@dataclass(frozen=True, slots=True)
class Memory:
    """`cursor` is the change token; `drive_id` the shared drive whose log is followed, None for the account's own.

    `root_drive` is the drive that the root lay in when the log was begun, '' for none, None where nobody noted it:
    a folder that is shared out of a drive is followed in the account's log.

    `trail` are cursors of the last hour, each with its time, oldest first: after a listing the log is read again
    from the oldest, because a listing may show what was true some minutes ago.
    """

    root_id: str = ""
    root_name: str | None = None
    drive_id: str | None = None
    cursor: str | None = None
    listing: Listing | None = None
    trail: tuple[tuple[str, str], ...] = ()
    root_drive: str | None = None

    @classmethod
    def of(cls, state: State) -> "Memory":
        keys = ("root_id", "root_name", "drive_id", "root_drive", "cursor")
        known = {key: state[key] for key in keys if key in state}
        trail = tuple((at, cursor) for at, cursor in state.get("trail", ()))
        return cls(**known, listing=_to_listing(state.get("listing")), trail=trail)

    def state(self) -> State:
        state: dict[str, Any] = {"root_id": self.root_id, "root_name": self.root_name, "drive_id": self.drive_id}
        if self.root_drive is not None:
            state["root_drive"] = self.root_drive
        if self.cursor is not None:
            state["cursor"] = self.cursor
        if self.trail:
            state["trail"] = [list(step) for step in self.trail]
        if self.listing is not None:
            state["listing"] = _to_json(self.listing)
        return state

    def at(self, cursor: str | None) -> "Memory":
        return replace(self, cursor=cursor)

    def has_root_elsewhere(self, drive_id: str | None) -> bool:
        """Tell whether the root lies in another drive than the one whose log was begun."""
        return self.root_drive is not None and self.root_drive != (drive_id or "")

    def marked(self, now: datetime) -> "Memory":
        """Add the cursor to the trail when it moved and the last mark is some minutes old; drop what is needless."""
        if self.cursor is None or (self.trail and self.trail[-1][1] == self.cursor):
            return self
        if self.trail and now - datetime.fromisoformat(self.trail[-1][0]) < _TRAIL_STEP:
            return self
        older = [step for step in self.trail if now - datetime.fromisoformat(step[0]) > LONGEST_LAG]
        kept = [*older[-1:], *self.trail[len(older) :], (now.isoformat(timespec="seconds"), self.cursor)]
        return replace(self, trail=tuple(kept))

    def reading(self, listing: Listing | None) -> "Memory":
        return replace(self, listing=listing)


def _to_listing(state: Mapping[str, Any] | None) -> Listing | None:
    if state is None:
        return None
    flags = {key: state.get(key, False) for key in ("full", "incomplete", "first")}
    limited, witnesses = (tuple(state.get(key, ())) for key in ("limited", "witnesses"))
    parts = tuple(map(Part.of, state.get("parts", ())))
    phase, token = Phase(state["phase"]), state.get("token")
    return Listing(phase, token, **flags, limited=limited, parts=parts, witnesses=witnesses)


def _to_json(listing: Listing) -> Mapping[str, Any]:
    facts = {field.name: getattr(listing, field.name) for field in fields(listing)}
    facts |= {key: list(facts[key]) for key in ("limited", "witnesses")}
    facts["parts"] = [part.state() for part in listing.parts]
    return {key: facts[key] for key in facts if facts[key]}
