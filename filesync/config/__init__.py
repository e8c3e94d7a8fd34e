"""connector.yaml: the file as endpoints, or all its mistakes at once."""

from filesync.config.endpoint import Endpoint, EndpointSet
from filesync.config.file import Config
from filesync.config.loading import load_config
from filesync.config.mistakes import ConfigMistakes, Mistake

__all__ = ["Config", "ConfigMistakes", "Endpoint", "EndpointSet", "Mistake", "load_config"]
