"""Whether a person's login lies idle: a look at file times only, because every start takes it."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from filesync.cli.world import World

IDLE = timedelta(days=7)  # Autodesk's logins die after 15 days that nobody used them
_LOGINS = ("autodesk-three-legged-*.json", "google-user-*.json")


def has_logins(world: World) -> bool:
    """Tell whether there is any login of a person."""
    folder = world.settings.path("tokens")
    return any(path for pattern in _LOGINS for path in folder.glob(pattern))


def keep_logins_alive(world: World) -> None:
    """Refresh what no endpoint used for a week; says on stderr what could not be, once a week and login."""
    idle = {*_idle(world)}
    if not idle:
        return
    from filesync.cli.logins import keep_alive  # noqa: PLC0415  the network only when there is something to do

    for problem in keep_alive(world, idle, IDLE):
        world.complain(problem)


def _idle(world: World) -> Iterator[Path]:
    since = (world.clock.now() - IDLE).timestamp()
    for pattern in _LOGINS:
        for path in world.settings.path("tokens").glob(pattern):
            with contextlib.suppress(FileNotFoundError):  # somebody logged out just now
                if path.stat().st_mtime <= since:
                    yield path
