"""connector.yaml: the file as endpoints, or all its mistakes at once."""

from pathlib import Path
from typing import TYPE_CHECKING

from filesync.config.endpoint import Endpoint
from filesync.config.file import Config
from filesync.config.mistakes import ConfigMistakes, Mistake
from filesync.config.sets import EndpointSet
from filesync.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from filesync.providers.base import ProviderKind

__all__ = ["Config", "ConfigMistakes", "Endpoint", "EndpointSet", "Mistake", "load_config"]


def load_config(path: Path, settings: Settings, kind_of: "Callable[[str], ProviderKind] | None" = None) -> Config:
    """Read connector.yaml. Raises ConfigMistakes with everything that is wrong, ConfigError when there is no file."""
    from filesync.config import loading  # noqa: PLC0415  YAML and pydantic only where the file is read anew

    return loading.load_config(path, settings, kind_of) if kind_of else loading.load_config(path, settings)
