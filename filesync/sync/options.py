"""What the caller of a start asked for."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What the caller asked for: by names (run whatever their schedule), everything, or (neither) what is due."""

    names: tuple[str, ...] = ()
    everything: bool = False
    full: bool = False
    max_files: int | None = None
    accept_deletions: bool = False
    accept_identity: bool = False

    @property
    def trigger(self) -> Literal["schedule", "manual", "trial"]:
        if self.max_files is not None:
            return "trial"
        return "manual" if self.by_hand else "schedule"

    @property
    def lists_all(self) -> bool:
        """Return whether everything is listed afresh; a trial ends long before, and another login may see less."""
        return self.max_files is None and (self.full or self.accept_identity)

    @property
    def by_hand(self) -> bool:
        return bool(self.names) or self.everything
