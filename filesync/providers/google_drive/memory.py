"""What the provider remembers between syncs: the JSON that is committed with every batch that advances."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from filesync.model import State


class Phase(StrEnum):
    """How far a listing of the whole scope has come."""

    FOLDERS = "folders"
    FILES = "files"
    READ = "read"  # every page was taken; only the conclusion is missing
    TREE = "tree"  # a folder's subtree, read afresh from its root


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing of the whole scope that is under way; `token` is its next page.

    `full`: the store began to note what it shows; else only a lost cursor made it necessary. `incomplete`: Drive
    said that it had not searched everything. `limited`: folders that may be seen but not opened.
    """

    phase: Phase
    token: str | None = None
    full: bool = False
    incomplete: bool = False
    limited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """`cursor` is the change token; `drive_id` the shared drive whose log is followed, None for the account's own."""

    root_id: str = ""
    root_name: str | None = None
    drive_id: str | None = None
    cursor: str | None = None
    listing: Listing | None = None

    @classmethod
    def of(cls, state: State) -> "Memory":
        known = {key: state[key] for key in ("root_id", "root_name", "drive_id", "cursor") if key in state}
        return cls(**known, listing=_to_listing(state.get("listing")))

    def state(self) -> State:
        state: dict[str, Any] = {"root_id": self.root_id, "root_name": self.root_name, "drive_id": self.drive_id}
        if self.cursor is not None:
            state["cursor"] = self.cursor
        if self.listing is not None:
            state["listing"] = _to_json(self.listing)
        return state

    def at(self, cursor: str) -> "Memory":
        return replace(self, cursor=cursor)

    def reading(self, listing: Listing | None) -> "Memory":
        return replace(self, listing=listing)


def _to_listing(state: Mapping[str, Any] | None) -> Listing | None:
    if state is None:
        return None
    limited = tuple(state.get("limited", ()))
    flags = {key: state.get(key, False) for key in ("full", "incomplete")}
    return Listing(Phase(state["phase"]), state.get("token"), **flags, limited=limited)


def _to_json(listing: Listing) -> Mapping[str, Any]:
    facts = {**asdict(listing), "limited": list(listing.limited)}
    return {key: facts[key] for key in facts if facts[key]}
