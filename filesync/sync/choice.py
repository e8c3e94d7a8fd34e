"""What the caller of a start asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """What the caller asked for: by names (run whatever their schedule), everything, or (neither) what is due."""

    names: tuple[str, ...] = ()
    everything: bool = False
    full: bool = False
    max_files: int | None = None
    accept_deletions: bool = False
    accept_identity: bool = False

    @property
    def by_hand(self) -> bool:
        return bool(self.names) or self.everything
