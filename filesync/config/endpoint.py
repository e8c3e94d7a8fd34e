"""Config and Endpoint: what the file says, ready to use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from filesync.config.mistakes import Mistake
from filesync.providers.base import ProviderKind
from filesync.schedule import Schedule
from filesync.selection import Selection


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


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file; `notices` are remarks that do not stop anything."""

    endpoints: tuple[Endpoint, ...]
    rate_limit_percent: int
    notices: tuple[Mistake, ...] = ()
