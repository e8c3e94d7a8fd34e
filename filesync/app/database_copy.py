"""Copying the inventory to another database, while no sync of this host runs on either of them."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filesync.core.errors import StoreError, UsageError
from filesync.runtime.database_url import Address, lock_folder
from filesync.runtime.locks import FileLock
from filesync.store import copying
from filesync.store.copying import CopiedTable, OnPage
from filesync.store.database import exists, open_for_reading
from filesync.store.engine import Database
from filesync.sync.endpoint_locks import EndpointLocks


@dataclass(frozen=True, slots=True)
class DatabaseCopy:
    """A copy that holds exactly what was copied; `went_on` tells that a sync has written to the source meanwhile."""

    tables: list[CopiedTable]
    went_on: bool


def copy_database(source: Address, target: Address, on_page: OnPage = lambda *_: None) -> DatabaseCopy:
    """Copy an inventory, and compare both sides.

    Raises UsageError while a sync runs, StoreError where the target is no earlier copy, or is not what was copied.
    """
    if _is_same(source, target):
        raise UsageError(f"{target}: is the database that is to be copied; name another one")
    if not exists(source):
        raise StoreError(f"{source}: there is no inventory to copy")
    with _alone(target):
        before = _asked(source, _position_at_rest)
        if exists(target):
            _asked(target, _refuse_running)
        tables = copying.copy(source, target, on_page)
        differing = copying.compare(tables, target, on_page)
        went_on = _asked(source, copying.position) != before
    if differing:
        raise StoreError(
            f"{target}: does not hold what was copied in {', '.join(differing)}, so somebody else writes to it; "
            "let nobody, and copy again"
        )
    return DatabaseCopy(tables, went_on)


def _is_same(source: Address, target: Address) -> bool:
    if isinstance(source, Path) and isinstance(target, Path):
        return source.resolve() == target.resolve()
    return source == target


@contextlib.contextmanager
def _alone(target: Address) -> Iterator[None]:
    lock = FileLock(lock_folder(target) / "copy.lock")
    if not lock.acquire(blocking=False):
        raise StoreError(f"{target}: another copy is being written to it; wait until it has ended")
    try:
        yield
    finally:
        lock.release()


def _position_at_rest(database: Database) -> copying.Row:
    _refuse_running(database)
    return copying.position(database)


def _refuse_running(database: Database) -> None:
    locks = EndpointLocks(database.address, slots=1)
    for endpoint_id, name in database.fetch("SELECT id, name FROM endpoints ORDER BY name"):
        if locks.is_running(endpoint_id):
            raise UsageError(
                f"{database.address}: a sync of {name} is running, and what it writes would be missing in the copy; "
                "stop the schedule, wait until it has ended, and copy then"
            )


def _asked(address: Address, ask: "Callable[[Database], copying.Row | None]") -> "copying.Row | None":
    with contextlib.closing(open_for_reading(address)) as database:
        return ask(database)
