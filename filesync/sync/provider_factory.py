"""From an endpoint's configuration to a provider: its connections, with this sync's stop, budgets and counters."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random  # noqa: TID251  the type only; the generator is handed in

from filesync.config import Config, Endpoint, EndpointSet
from filesync.config.endpoint import check_members
from filesync.core.errors import FilesyncError
from filesync.core.model import Member
from filesync.http import Connector, Counters, HttpAttempt, Redactor
from filesync.providers.base import Provider, Shared, Surroundings
from filesync.runtime.clock import Clock, Stop
from filesync.runtime.database_url import beside
from filesync.runtime.log import Log, nowhere
from filesync.sync.event_log import SyncRequestLog

AttemptWatch = Callable[
    [Mapping[str, str], HttpAttempt], None
]  # called with the owner (`endpoint` or `set`) of each attempt


class ProviderFactory:
    """Opens the providers of one start, and asks for its sets; the budgets are shared by all processes of the home."""

    def __init__(  # noqa: PLR0913  the doors to the world, once per start
        self,
        config: Config,
        clock: Clock,
        random: Random,
        redactor: Redactor,
        log: Log,
        watch: AttemptWatch = lambda _facts, _attempt: None,
    ) -> None:
        self._watch = watch
        self._log = log
        self._config = config
        self._clock = clock
        self._random = random
        self._shared = Shared()
        self._redactor = redactor
        for secret in config.secrets():
            self._redactor.hide(secret)

    def __call__(self, endpoint: Endpoint, stop: Stop, counters: Counters) -> Provider:
        """Make the provider of one endpoint. Raises AuthError when credentials are missing. No request yet."""
        surroundings = self.surroundings(endpoint.credentials, stop, counters, endpoint=endpoint.name)
        with self._scrubbed():
            return endpoint.kind.open(endpoint.details, surroundings)

    def open_set(self, wanted: EndpointSet, stop: Stop) -> Callable[[], Sequence[Member]]:
        """Make the function that asks for a set's members. Raises AuthError when credentials are missing."""
        template = wanted.template
        surroundings = self.surroundings(template.credentials, stop, Counters(), set=wanted.name)
        with self._scrubbed():
            return wanted.ability.open_set(template.details, surroundings)

    def members(self, wanted: EndpointSet, stop: Stop) -> Sequence[Member]:
        """Ask for a set's members. Raises ResponseError when no endpoint can be made of one of them."""
        members = self.open_set(wanted, stop)()
        check_members(wanted, members)
        return members

    @contextlib.contextmanager
    def _scrubbed(self) -> Iterator[None]:
        """Take secrets out of what is said of a login: it goes into the database, and may quote what names a file."""
        try:
            yield
        except FilesyncError as error:
            error.args = (self._redactor.scrub(str(error)),)
            raise

    def surroundings(self, credentials: str, stop: Stop, counters: Counters, **facts: str) -> Surroundings:
        """Lay out what a provider is given that logs in with this set of credentials, '' for the environment's.

        `facts` are said of each of its requests in the log.
        """
        settings = self._config.settings_for(credentials)
        request_log = SyncRequestLog(self._log.about(**facts), counters)

        def log(attempt: HttpAttempt) -> None:
            request_log.log_request(attempt)
            self._watch(facts, attempt)

        connector = Connector(
            clock=self._clock,
            stop=stop,
            counters=counters,
            limits_folder=beside(settings.database_address).with_name("limits"),
            percent=self._config.rate_limit_percent,
            random=self._random,
            redactor=self._redactor,
            log=log,
            environ=settings.variables,
        )
        return Surroundings(settings.variables, connector, self._clock, settings.path, credentials, self._shared)


def provider_factory(
    config: Config, clock: Clock, random: Random, redactor: Redactor | None = None, log: Log | None = None
) -> ProviderFactory:
    """Make what opens the providers of one start."""
    return ProviderFactory(config, clock, random, redactor or Redactor(), log or nowhere())
