"""From an endpoint's configuration to a provider: its connections, with this sync's stop, budgets and counters."""

from collections.abc import Callable, Sequence
from random import Random  # noqa: TID251  the type only; the generator is handed in

from filesync.clock import Clock, Stop
from filesync.config import Config, Endpoint, EndpointSet
from filesync.http import Connector, Counters, Redactor
from filesync.model import Member
from filesync.providers.base import Provider, Shared, Surroundings


class Opener:
    """Opens the providers of one start, and asks for its sets; the budgets are shared by all processes of the home."""

    def __init__(self, config: Config, clock: Clock, random: Random) -> None:
        self._config = config
        self._clock = clock
        self._random = random
        self._shared = Shared()
        self._redactor = Redactor()
        for secret in config.secrets():
            self._redactor.hide(secret)

    def __call__(self, endpoint: Endpoint, stop: Stop, counters: Counters) -> Provider:
        """Make the provider of one endpoint. Raises AuthError when credentials are missing. No request yet."""
        return endpoint.kind.open(endpoint.details, self.surroundings(endpoint.credentials, stop, counters))

    def open_set(self, wanted: EndpointSet, stop: Stop) -> Callable[[], Sequence[Member]]:
        """Make the function that asks for a set's members. Raises AuthError when credentials are missing."""
        template = wanted.template
        return wanted.ability.open_set(template.details, self.surroundings(template.credentials, stop, Counters()))

    def members(self, wanted: EndpointSet, stop: Stop) -> Sequence[Member]:
        """Ask for a set's members."""
        return self.open_set(wanted, stop)()

    def surroundings(self, credentials: str, stop: Stop, counters: Counters) -> Surroundings:
        """Lay out what a provider is given that logs in with this set of credentials, '' for the environment's."""
        settings = self._config.settings_for(credentials)
        connector = Connector(
            clock=self._clock,
            stop=stop,
            counters=counters,
            limits_folder=settings.database_path.with_name("limits"),
            percent=self._config.rate_limit_percent,
            random=self._random,
            redactor=self._redactor,
        )
        return Surroundings(settings.variables, connector, self._clock, settings.path, credentials, self._shared)


def opener(config: Config, clock: Clock, random: Random) -> Opener:
    """Make what opens the providers of one start."""
    return Opener(config, clock, random)
