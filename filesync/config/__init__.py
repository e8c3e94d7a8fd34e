"""connector.yaml: the file as endpoints, or all its mistakes at once."""

from filesync.config.endpoint import Endpoint, EndpointSet
from filesync.config.file import Config
from filesync.config.load import load_config
from filesync.config.problems import ConfigProblem, ConfigProblems

__all__ = ["Config", "ConfigProblem", "ConfigProblems", "Endpoint", "EndpointSet", "load_config"]
