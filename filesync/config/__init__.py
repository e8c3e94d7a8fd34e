"""connector.yaml: the file as endpoints, or all its mistakes at once."""

from filesync.config.endpoint import Config, Endpoint
from filesync.config.loading import load_config
from filesync.config.mistakes import ConfigMistakes, Mistake
from filesync.config.schema import schema

__all__ = ["Config", "ConfigMistakes", "Endpoint", "Mistake", "load_config", "schema"]
