"""Config and Endpoint: what the file says, ready to use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from filesync.config.credentials import CredentialSet
from filesync.config.mistakes import Mistake
from filesync.providers.base import ProviderKind, TakesCredentials
from filesync.schedule import Schedule
from filesync.selection import Selection
from filesync.settings import Settings
from filesync.variables import Variables


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One scope to keep an inventory of.

    `details` is what the provider's own model made of `endpoint_details`; `details_text` is the
    same as written, `${NAME}` unexpanded. `scope` are the service's ids that identify the endpoint.
    `expected_unreadable` are folder paths without slashes around them.
    """

    name: str
    endpoint_type: str
    project_id: str | None
    user_id: str | None
    is_active: bool
    details: Any
    details_text: Mapping[str, Any]
    scope: Mapping[str, Any]
    selection: Selection
    schedule: Schedule
    reconcile_every: timedelta
    max_delete_percent: float
    time_limit: timedelta
    expected_unreadable: tuple[str, ...]
    kind: ProviderKind
    credentials: str = ""  # name of the set of credentials, '' for the environment's


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file; `notices` are remarks that do not stop anything."""

    settings: Settings = field(repr=False)
    endpoints: tuple[Endpoint, ...] = ()
    rate_limit_percent: int = 100
    credentials: Mapping[str, CredentialSet] = field(default_factory=dict)
    notices: tuple[Mistake, ...] = ()

    def settings_for(self, credentials: str) -> Settings:
        """Give the settings as the endpoints see them that log in with this set; '' is the environment."""
        if not credentials:
            return self.settings
        return self.settings.with_credentials(credentials, self.credentials[credentials].values)

    def credential_sets(self, service: str) -> list[tuple[str, Variables]]:
        """List who logs in to a service ("autodesk", "google"): name and variables, the environment ('') first.

        The environment is always among them, a named set when an endpoint of that service uses it.
        """
        used = {each.credentials for each in self.endpoints if service_of(each.kind) == service}
        return [(name, self.settings_for(name).variables) for name in ("", *sorted(used - {""}))]

    def secrets(self) -> tuple[str, ...]:
        """Name the values that must never be shown: the environment's, and every set's."""
        own = (each.secret() for each in self.credentials.values())
        return (*self.settings.secrets(), *(secret for secret in own if secret))


def service_of(kind: ProviderKind) -> str | None:
    """Name the service whose login a kind of endpoint needs."""
    return kind.service if isinstance(kind, TakesCredentials) else None
