"""The door to the inventory, in SQLite or PostgreSQL as its address says; the engine is imported when it is needed."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from filesync.runtime.database_url import Address
from filesync.store.engine import Database
from filesync.store.sqlite import database as sqlite
from filesync.store.sqlite.migrations import OnUpgrade

if TYPE_CHECKING:
    from filesync.store.postgres.database import Pool


def shared(address: Address) -> "threading.Lock | Pool":
    """Make what the threads share that write to one inventory: a turn, or a few connections."""
    if isinstance(address, Path):
        return threading.Lock()
    from filesync.store.postgres.database import Pool  # noqa: PLC0415  SQLite needs no driver

    return Pool(address)


def open_for_writing(
    address: Address,
    is_stopped: Callable[[], bool] = lambda: False,
    on_upgrade: OnUpgrade = lambda _: None,
    turn: "threading.Lock | Pool | None" = None,
) -> Database:
    """Open the inventory, make it when it is missing, and migrate it forward.

    Threads that write share a `turn`. Raises StoreError, StoppedError.
    """
    if isinstance(address, Path):
        return sqlite.open_for_writing(address, is_stopped, on_upgrade, turn)  # type: ignore[arg-type]  # made by `shared`
    from filesync.store.postgres import opening  # noqa: PLC0415  as above

    return opening.open_for_writing(address, is_stopped, turn)  # type: ignore[arg-type]  # as above


def open_for_reading(address: Address, *, busy_seconds: float = sqlite.BUSY_SECONDS) -> Database:
    """Open an existing inventory without ever writing to it. Raises StoreError."""
    if isinstance(address, Path):
        return sqlite.open_for_reading(address, busy_seconds=busy_seconds)
    from filesync.store.postgres import opening  # noqa: PLC0415  as above

    return opening.open_for_reading(address)


def exists(address: Address) -> bool:
    """Tell whether there is an inventory. Raises StoreError where nobody can be asked."""
    if isinstance(address, Path):
        return address.exists()
    from filesync.store.postgres import opening  # noqa: PLC0415  as above

    return opening.exists(address)


def damage_named(address: Address) -> AbstractContextManager[None]:
    """Raise StoreError for whatever keeps an inventory from being read, damage included."""
    if isinstance(address, Path):
        return sqlite.damage_named(address)
    return problems_named(address)


def copy_to(address: Address, target: Path) -> None:
    """Write a consistent copy of an inventory, which may be in use, as a SQLite file. Raises StoreError."""
    if isinstance(address, Path):
        sqlite.copy_to(address, target)
        return
    from filesync.store.copying import copy  # noqa: PLC0415  as above

    copy(address, target)


def problems_named(address: Address) -> AbstractContextManager[None]:
    """Turn the engine's errors into one line that says what to do; let bugs pass."""
    if isinstance(address, Path):
        return sqlite.problems_named(address)
    from filesync.store.postgres import errors  # noqa: PLC0415  as above

    return errors.problems_named(address)
