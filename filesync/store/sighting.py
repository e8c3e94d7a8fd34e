"""Sighting: why files are being written, and what that means for the feed."""

from dataclasses import dataclass

from filesync.timestamps import Timestamp


@dataclass(frozen=True, slots=True)
class Sighting:
    """Why a batch of files is being written, and what it means for the feed."""

    cause: str
    now: Timestamp
    reconciled: bool = False  # nothing but continuous reconciliation made us look
