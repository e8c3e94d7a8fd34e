"""Endpoint: one scope to read, ready to use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from filesync.schedule import Schedule
from filesync.selection import Selection
from filesync.timestamps import Timestamp

if TYPE_CHECKING:
    from filesync.alerts import Target
    from filesync.model import SetSource, State
    from filesync.providers.base import ProviderKind


@dataclass(frozen=True, slots=True)
class Membership:
    """Which set an endpoint belongs to, and as what.

    `state` is what its provider need not ask. An archived member rests: its project is closed, or no longer listed.
    """

    set_name: str
    source: "SetSource"
    member_id: str
    state: "State"
    archived_at: Timestamp | None = None


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
    kind: "ProviderKind"
    credentials: str = ""  # name of the set of credentials, '' for the environment's
    membership: Membership | None = None  # None: the file names it
    notify: "tuple[Target, ...]" = ()  # who is told about it, also of those that are told about all

    @property
    def archived_at(self) -> Timestamp | None:
        return self.membership.archived_at if self.membership else None
