"""The table of providers: which endpoint types exist, and where each one's code is."""

import importlib
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from filesync.core.errors import ConfigError
from filesync.core.sanitize import did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from filesync.providers.base import ProviderKind

_GROUP = "filesync.providers"  # other people's packages; the entry's name is the endpoint_type
_BUILT_IN = {
    "autodesk_construction_cloud": "filesync.providers.autodesk:KIND",
    "google_drive": "filesync.providers.google_drive:KIND",
}


@lru_cache
def kind_of(endpoint_type: str) -> "ProviderKind":
    """Load the provider of an endpoint type. Raises ConfigError when there is none or it cannot be loaded."""
    address = _BUILT_IN.get(endpoint_type)
    if address is not None:
        return _load(address)
    entry = _installed().get(endpoint_type)
    if entry is None:
        raise ConfigError(_unknown(endpoint_type))
    try:
        return cast("ProviderKind", entry.load())
    except (ImportError, AttributeError) as exc:
        raise ConfigError(f"the package that provides {endpoint_type} cannot be loaded: {exc}") from exc


def known_types() -> tuple[str, ...]:
    """Name every endpoint type: ours, then those of installed packages."""
    return (*_BUILT_IN, *sorted(_installed().keys() - _BUILT_IN.keys()))


def _load(address: str) -> "ProviderKind":
    module, _, name = address.partition(":")
    return cast("ProviderKind", getattr(importlib.import_module(module), name))


def _installed() -> "dict[str, EntryPoint]":
    from importlib.metadata import entry_points  # noqa: PLC0415  our own kinds need none

    return {entry.name: entry for entry in entry_points(group=_GROUP)}


def _unknown(endpoint_type: str) -> str:
    types = known_types()
    guess = did_you_mean(endpoint_type, types)
    return f"unknown endpoint_type {endpoint_type[:100]!r}; {guess}allowed: {', '.join(types)}"
