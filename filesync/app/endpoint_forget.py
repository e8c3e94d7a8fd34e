"""Forgetting endpoints that left connector.yaml: what may be forgotten, and that nothing reads it meanwhile."""

import os
import socket
from dataclasses import dataclass

from filesync.app.endpoint_names import check_names
from filesync.app.home import Home
from filesync.core.errors import UsageError
from filesync.core.timestamps import to_timestamp
from filesync.store.read import queries
from filesync.store.upkeep import forgetting
from filesync.store.write.sync_log import Beginning


@dataclass(frozen=True, slots=True)
class Leaving:
    """An endpoint that can be forgotten, and its live files."""

    id: int
    name: str
    files: int


def find_leaving(home: Home, name: str) -> Leaving:
    """Find an endpoint of that name which only the database knows. Raises UsageError for any other."""
    declared = {each.name for each in home.endpoints()} | {each.name for each in home.config.sets}
    if name in declared:
        raise UsageError(f"{name}: is declared in {home.config_path}, itself or by a set; remove it there first")
    with home.reading() as database:
        known = {each.name: each for each in queries.endpoints(database)}
        check_names([name], list(known), "filesync status")
        return Leaving(known[name].id, name, forgetting.count_files(database, known[name].id))


def forget(home: Home, leaving: Leaving) -> str:
    """Record its live files as deleted, and hide it. Return the name that its rows have from now on."""
    began = to_timestamp(home.clock.now())
    beginning = Beginning(leaving.id, "incremental", "manual", began, socket.gethostname(), os.getpid())
    with home.writing() as database, home.locked(leaving.id):
        files = forgetting.forget(database, beginning, home.clock.now)
        former = next(each.name for each in queries.endpoints(database) if each.id == leaving.id)
    home.log.info("endpoint_forgotten", endpoint=leaving.name, files_removed=files)
    return former
