"""Locks beside the database: one per endpoint, and as many slots as syncs may run at once in this home."""

from typing import TYPE_CHECKING

from filesync.runtime.database_url import Address, lock_folder
from filesync.runtime.locks import FileLock, is_held

if TYPE_CHECKING:
    from filesync.core.model import SetSource


class EndpointLocks:
    """The lock files of one database; every process of the home uses the same ones."""

    def __init__(self, database: Address, slots: int) -> None:
        self.folder = lock_folder(database)
        self._slots = slots

    def endpoint(self, endpoint_id: int) -> FileLock:
        return FileLock(self.folder / f"endpoint-{endpoint_id}.lock")

    def source(self, source: "SetSource") -> FileLock:
        """Return the lock of what sets are made of: one start asks, the others wait for its answer."""
        import hashlib  # noqa: PLC0415  few starts ask for a set

        words = f"{source.endpoint_type}\0{source.credentials}\0{source.question}"
        digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return FileLock(self.folder / f"set-{digest}.lock")

    def is_running(self, endpoint_id: int) -> bool:
        return is_held(self.folder / f"endpoint-{endpoint_id}.lock")

    def take_slot(self, *, newcomer: bool) -> FileLock | None:
        """Take a free slot; endpoints that never completed leave the first one to the others."""
        first = 1 if newcomer and self._slots > 1 else 0
        for number in range(self._slots - 1, first - 1, -1):
            slot = FileLock(self.folder / f"slot-{number}.lock")
            if slot.acquire(blocking=False):
                return slot
        return None
