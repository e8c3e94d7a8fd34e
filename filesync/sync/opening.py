"""From an endpoint's configuration to a provider: its connections, with this sync's stop, budgets and counters."""

from collections.abc import Callable
from pathlib import Path
from random import Random  # noqa: TID251  the type only; the generator is handed in

from filesync.clock import Clock, Stop
from filesync.config import Config, Endpoint
from filesync.http import Connector, Counters, Redactor
from filesync.providers.base import Provider, Surroundings
from filesync.settings import Settings
from filesync.sync.endpoint import OpenProvider


def opener(config: Config, clock: Clock, random: Random) -> OpenProvider:
    """Make the function that opens an endpoint's provider; the budgets are shared by all processes of the home."""
    redactor = Redactor()
    for secret in config.secrets():
        redactor.hide(secret)

    def open_provider(endpoint: Endpoint, stop: Stop, counters: Counters) -> Provider:
        settings = config.settings_for(endpoint.credentials)
        connector = Connector(
            clock=clock,
            stop=stop,
            counters=counters,
            limits_folder=settings.database_path.with_name("limits"),
            percent=config.rate_limit_percent,
            random=random,
            redactor=redactor,
        )
        variables, credentials = settings.variables, settings.credentials
        surroundings = Surroundings(variables, connector, clock, _path_of(settings), credentials)
        return endpoint.kind.open(endpoint.details, surroundings)

    return open_provider


def _path_of(settings: Settings) -> Callable[[str], Path]:
    return settings.path
