"""Token files that nobody uses any more: of secrets that were replaced, and the locks of logins that are gone.

Persons' logins are none of them: only `logout` removes one.
"""

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from filesync.auth.tokens import of_bytes
from filesync.runtime.locks import FileLock
from filesync.runtime.locks import sweep as sweep_replacements

_FETCHED = (
    *("autodesk-two-legged-*.json", "autodesk-service-account-*.json", "google-service-account-*.json"),
    *("google-machine-*.json", "google-workload-identity-*.json", "google-impersonated-*.json"),
)
_COPIES = "google-authorized-user-*.json"  # of files that can be copied again
_IN_VAIN = timedelta(days=7)  # a token lives for an hour, and who uses it puts the next one in its place
_UNUSED = timedelta(days=400)


def leftovers(folder: Path, now: datetime) -> list[Path]:
    """List what `remove` would remove; locks go with what they are beside."""
    return [*_logins(folder, now), *(lock for lock in folder.glob("*.lock") if _is_alone(lock, now))]


def remove(folder: Path, now: datetime) -> int:
    """Remove what is left over, and count it; what another process holds just now stays."""
    return sum(_removed(path, now) for path in leftovers(folder, now))


def _logins(folder: Path, now: datetime) -> Iterator[Path]:
    for pattern in (*_FETCHED, _COPIES):
        yield from (path for path in folder.glob(pattern) if _is_over(path, now))


def _removed(path: Path, now: datetime) -> bool:
    lock = FileLock(path.with_suffix(".lock"))
    with contextlib.suppress(OSError):
        if lock.acquire(blocking=False):
            try:
                return _removed_alone(path, lock.path, now)
            finally:
                lock.release()
    return False


def _removed_alone(path: Path, lock: Path, now: datetime) -> bool:
    """Remove it unless it is of use again; its lock last, which whoever waits for it notices."""
    still = _is_alone(path, now) if path == lock else _is_over(path, now)
    if still and path != lock:
        sweep_replacements(path)
        path.unlink()
    if still:
        lock.unlink()
    return still


def _is_over(path: Path, now: datetime) -> bool:
    try:
        changed, content = datetime.fromtimestamp(path.stat().st_mtime, now.tzinfo), path.read_bytes()
    except OSError:  # gone just now, or somebody else's
        return False
    if path.match(_COPIES):
        return changed < now - _UNUSED
    token = of_bytes(content)
    return changed < now - _IN_VAIN and (token is None or token.expires_at < now - _IN_VAIN)


def _is_alone(lock: Path, now: datetime) -> bool:
    try:
        changed = datetime.fromtimestamp(lock.stat().st_mtime, now.tzinfo)
    except OSError:
        return False
    return changed < now - _IN_VAIN and not lock.with_suffix(".json").exists()
