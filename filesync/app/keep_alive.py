"""Whether a person's login lies idle: a look that imports nothing, because every start takes it."""

import contextlib
import json
from datetime import datetime, timedelta
from pathlib import Path

from filesync.app.home import Home
from filesync.core.timestamps import to_timestamp
from filesync.runtime.clock import Stop
from filesync.runtime.signals import stopping

IDLE = timedelta(days=7)  # Autodesk's logins die after 15 days that nobody used them
_LOOK_AGAIN = timedelta(days=1)  # at one that nobody could refresh
_COPIES = "google-authorized-user-*.json"  # of logins that are kept alive by whoever made them
_LOGINS = ("autodesk-three-legged-*.json", "google-user-*.json")


def has_logins(home: Home) -> bool:
    """Return whether there is any login of a person: no other can end by itself."""
    folder = home.settings.path("tokens")
    return any(path for pattern in (*_LOGINS, _COPIES) for path in folder.glob(pattern))


def keep_logins_alive(home: Home) -> int | None:
    """Refresh what no endpoint used for a week; says on stderr what could not be, once a day and login.

    Gives the exit code when a signal ended it.
    """
    idle = idle_logins(home)
    if not idle:
        return None
    from filesync.app.logins import keep_alive  # noqa: PLC0415  the network only when there is something to do

    stop = Stop(home.clock)
    with stopping(stop.request) as caught:
        for problem in keep_alive(home, stop, idle, IDLE):
            home.messages.complain(problem)
    return caught.exit_code


def idle_logins(home: Home) -> set[Path]:
    """Return the token files of persons' logins that nobody used for a week."""
    paths = (path for pattern in _LOGINS for path in home.settings.path("tokens").glob(pattern))
    return {path for path in paths if _is_idle(path, home.clock.now())}


def _is_idle(path: Path, now: datetime) -> bool:
    """Return whether it was refreshed too long ago; its file's own time is when it was last looked at, in vain."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # gone just now, or damaged: others say so
        fields = json.loads(path.read_bytes())
        if fields.get("refused") and not fields.get("refused_at"):
            return False
        looked_at = path.stat().st_mtime
        is_unused = fields.get("obtained_at", "") <= to_timestamp(now - IDLE)
        return is_unused and not (now - _LOOK_AGAIN).timestamp() < looked_at <= now.timestamp()
    return False
