"""Names in `.env` that nothing reads although they are nearly one of ours."""

from collections.abc import Collection, Iterator
from pathlib import Path

from filesync.core.sanitize import did_you_mean
from filesync.runtime.environment import ADDRESSES, PATHS, read_variables
from filesync.runtime.settings import DEFAULTS

_LIKE_OURS = ("CONNECTOR_", "FILESYNC_", "GOOGLE_", "SYNC_", "MAX_", "DATABASE_")
_NEAR = 0.8  # a letter or a word that is missing; DATABASE_NAME is another program's, not a bad DATABASE_URL


def misspelled(home: Path, used: Collection[str]) -> Iterator[str]:
    """Say of each such name what was probably meant; `used` are the names that connector.yaml has values of."""
    known = {*DEFAULTS, *PATHS, *ADDRESSES, *used}
    for name in read_variables(home, {}):
        if name.removesuffix("_FILE") in known or name in known or not name.upper().startswith(_LIKE_OURS):
            continue
        guess = did_you_mean(name, known, _NEAR)
        if guess:
            yield f"{home / '.env'}: nothing reads {name}; {guess.rstrip()}"
