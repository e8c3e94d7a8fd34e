"""Claims: failures that say what was promised and what was found; pytest's own rewriting does not reach a package."""

from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")
_MOST = 10  # differences that are shown


def claim(holds: object, otherwise: str) -> None:
    """Fail with these words unless it holds."""
    if not holds:
        raise AssertionError(otherwise)


def claim_same(found: Mapping[Key, object], wanted: Mapping[Key, object], what: str) -> None:
    """Fail unless both are equal, with the first differences."""
    differing = [key for key in [*wanted, *(key for key in found if key not in wanted)] if _differ(found, wanted, key)]
    lines = [
        f"  {key}: found {found.get(key, 'nothing')!r}, wanted {wanted.get(key, 'nothing')!r}" for key in differing
    ]
    more = [f"  and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    claim(not lines, "\n".join([f"{what}: {len(lines)} differ", *lines[:_MOST], *more]))


def _differ(found: Mapping[Key, object], wanted: Mapping[Key, object], key: Key) -> bool:
    return key not in found or key not in wanted or found[key] != wanted[key]
