"""Names in `.env` that nothing reads although they are nearly one of ours."""

from collections.abc import Collection, Iterable, Iterator

from filesync.core.sanitize import did_you_mean
from filesync.runtime.environment import ADDRESSES, PATHS
from filesync.runtime.settings import DEFAULTS

_LIKE_OURS = ("CONNECTOR_", "FILESYNC_", "GOOGLE_", "SYNC_", "MAX_", "DATABASE_")
_ANY_NAME_NEAR = 0.9  # DATABSE_URL
_NEAR = 0.8  # a letter or a word that is missing; DATABASE_NAME is another program's, not a bad DATABASE_URL


def misspelled(written: Iterable[str], used: Collection[str]) -> Iterator[str]:
    """Say of each such name in `.env` what was probably meant; `used` are the names that connector.yaml refers to."""
    known = {*DEFAULTS, *PATHS, *ADDRESSES, *used}
    for name in written:
        if name.removesuffix("_FILE") in known or name in known:
            continue
        guess = did_you_mean(name, known, _NEAR if name.upper().startswith(_LIKE_OURS) else _ANY_NAME_NEAR)
        if guess:
            yield f".env: nothing reads {name}; {guess.rstrip()}"
