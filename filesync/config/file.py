"""Config: what the whole file says, ready to use, with its named sets of credentials."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filesync.config.endpoint import Endpoint, EndpointSet, KnownMembers, expand
from filesync.core.key_material import is_no_path
from filesync.core.retention import Retention
from filesync.runtime.environment import LOGINS, Variables, word_in_place_of_path
from filesync.runtime.settings import Settings

if TYPE_CHECKING:
    from filesync.config.models import CredentialsModel
    from filesync.config.problems import ConfigProblem
    from filesync.core.alerts import Target
    from filesync.providers.base import ProviderKind

_SHORTEST_CAPABILITY = 12  # characters of a path or an argument that could be a secret
# Every variable that says who logs in. A set replaces them all: what it does not give is '', never the environment's.
VARIABLES: Mapping[str, str] = {
    "client_id": "CONNECTOR_AUTODESK_CLIENT_ID",
    "client_secret": "CONNECTOR_AUTODESK_CLIENT_SECRET",
    "auth": "CONNECTOR_AUTODESK_AUTH",
    "service_account_path": "CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH",
    "google_credentials_path": "GOOGLE_CREDENTIALS_PATH",
}
_SECRET = "client_secret"  # noqa: S105  the key's name
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")  # says where a value comes from


@dataclass(frozen=True, slots=True)
class CredentialSet:
    """One entry of `credentials:`; `values` by the names of the variables that they replace, `text` as written."""

    name: str
    values: Mapping[str, str] = field(repr=False)
    text: Mapping[str, Any] = field(repr=False)

    def secrets(self, home: Path) -> Iterator[str]:
        """Give what must never be shown, wherever it came from."""
        yield self.values[VARIABLES[_SECRET]]
        for name in LOGINS:
            if self.values.get(name):
                yield from word_in_place_of_path(self.values[name], home)

    def shown(self, mask: str) -> Mapping[str, Any]:
        """Give the set as written, for people's eyes; a key file's content in its path's place is hidden as well."""
        return {key: mask if text and _is_secret(key, str(text)) else text for key, text in self.text.items()}


def _is_secret(key: str, text: str) -> bool:
    bare = _REFERENCE.sub("", text)
    return key == _SECRET or is_no_path(bare)  # a ${NAME:-default} may have a key as its default


def to_set(name: str, model: "CredentialsModel", text: Mapping[str, Any]) -> CredentialSet:
    """Make a set of what the file says."""
    return CredentialSet(name, {variable: getattr(model, key) or "" for key, variable in VARIABLES.items()}, text)


@dataclass(frozen=True, slots=True)
class Config:
    """`endpoints` are the ones that the file names one by one; `notices` are remarks that do not stop anything."""

    settings: Settings = field(repr=False)
    endpoints: tuple[Endpoint, ...] = ()
    sets: tuple[EndpointSet, ...] = ()
    rate_limit_percent: int = 100
    retention: Retention = field(default_factory=Retention)
    credentials: Mapping[str, CredentialSet] = field(default_factory=dict)
    notices: "tuple[ConfigProblem, ...]" = ()
    notify: "tuple[Target, ...]" = ()  # who is told about every endpoint that does not say otherwise
    variables: frozenset[str] = frozenset()  # names that the file has values of

    def expanded(self, known: KnownMembers) -> list[Endpoint]:
        """Give every endpoint, those of sets too, by what was last answered for each set."""
        return expand(self.endpoints, self.sets, known)

    def settings_for(self, credentials: str) -> Settings:
        """Give the settings as the endpoints see them that log in with this set; '' is the environment."""
        if not credentials:
            return self.settings
        return self.settings.with_credentials(credentials, self.credentials[credentials].values)

    def credential_sets(self, service: str) -> list[tuple[str, Variables]]:
        """List who logs in to a service ("autodesk", "google"): name and variables, the environment ('') first.

        The environment is always among them, a named set when an endpoint of that service uses it.
        """
        declared = (*self.endpoints, *(each.template for each in self.sets))
        used = {each.credentials for each in declared if service_of(each.kind) == service}
        return [(name, self.settings_for(name).variables) for name in ("", *sorted(used - {""}))]

    def secrets(self) -> tuple[str, ...]:
        """Name the values that must never be shown: the environment's, and every set's."""
        own = (secret for each in self.credentials.values() for secret in each.secrets(self.settings.home))
        told = (secret for target in self.targets() for secret in _secrets_of(target))
        return (*self.settings.secrets(), *(secret for secret in (*own, *told) if secret))

    def targets(self) -> "tuple[Target, ...]":
        """Give everybody who is told about anything, once."""
        declared = (*self.endpoints, *(each.template for each in self.sets))
        return tuple(dict.fromkeys([*self.notify, *(target for each in declared for target in each.notify)]))


def service_of(kind: "ProviderKind") -> str | None:
    """Name the service whose login a kind of endpoint needs."""
    from filesync.providers.base import TakesCredentials  # noqa: PLC0415  no start with nothing due asks

    return kind.service if isinstance(kind, TakesCredentials) else None


def _secrets_of(target: "Target") -> tuple[str, ...]:
    """Name what must not be shown of a target: its signing secret, and a path or an argument that may be one."""
    from filesync.core.alerts import Command, Webhook  # noqa: PLC0415  as above
    from filesync.core.url_policy import without_path  # noqa: PLC0415  few files name targets

    if isinstance(target.way, Command):
        return tuple(each for each in target.way.secrets if len(each) >= _SHORTEST_CAPABILITY)
    url = target.way.url.reveal()
    path = url[len(without_path(url)) :]
    address = (url, path) if len(path) >= _SHORTEST_CAPABILITY else ()
    return (*address, target.way.secret.reveal()) if isinstance(target.way, Webhook) else address
