"""What listing an endpoint costs: requests and minutes, from its known size and the services' limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from filesync.app.home import Home
from filesync.core.durations import format_duration

if TYPE_CHECKING:
    from filesync.config import Config, Endpoint
    from filesync.store.read.queries import Size


@dataclass(frozen=True, slots=True)
class _Rate:
    """A service's price: requests for an endpoint of a size, and how many it allows in a minute."""

    unit: str
    per_minute: int
    requests: Callable[[Any, "Size"], int]


@dataclass(frozen=True, slots=True)
class Cost:
    """What listing one endpoint in full costs; numbers are None where the size is not known yet."""

    endpoint: str
    unit: str
    size: "Size | None"
    requests: int | None
    minutes: float | None
    per_minute: int
    reconcile_every: str

    def to_json(self) -> Mapping[str, Any]:
        return {
            "name": self.endpoint,
            "folders": self.size.folders if self.size else None,
            "files": self.size.files if self.size else None,
            "requests": self.requests,
            "minutes": self.minutes,
            "requests_per_minute": self.per_minute,
            "reconcile_every": self.reconcile_every,
            "unit": self.unit,
        }


def costs(home: Home) -> list[Cost]:
    """Estimate every active endpoint whose service has known limits."""
    known = _known_sizes(home)
    config = home.config
    return [
        _cost(endpoint, rate, known.get(endpoint.name), config)
        for endpoint in home.endpoints()
        if endpoint.is_active and not endpoint.archived_at and (rate := _RATES.get(endpoint.endpoint_type))
    ]


def _known_sizes(home: Home) -> "Mapping[str, Size]":
    from filesync.store.read import queries  # noqa: PLC0415  only a home that has synced needs SQLite

    if not home.has_database():
        return {}
    with home.reading() as database:
        return queries.sizes(database)


def _cost(endpoint: "Endpoint", rate: _Rate, size: "Size | None", config: "Config") -> Cost:
    per_minute = max(1, rate.per_minute * config.rate_limit_percent // 100)
    requests = None if size is None else rate.requests(endpoint.details, size)
    return Cost(
        endpoint=endpoint.name,
        unit=rate.unit,
        size=size,
        requests=requests,
        minutes=None if requests is None else round(requests / per_minute, 2),
        per_minute=per_minute,
        reconcile_every=format_duration(endpoint.reconcile_every),
    )


def _autodesk(_: Any, size: "Size") -> int:
    """Count one request for every folder, and one more for every 200 entries."""
    return size.folders + size.files // 200


def _drive(details: Any, size: "Size") -> int:
    """Count pages of 1,000; a folder's subtree is asked for by up to 50 parents in a request."""
    pages = ceil(size.folders / 1000) + ceil(size.files / 1000)
    return pages + ceil(size.folders / 50) if getattr(details, "folder_id", None) else pages


# https://aps.autodesk.com/en/docs/data/v2/developers_guide/rate-limiting/dm-rate-limits/ (folder contents)
# https://developers.google.com/workspace/drive/api/guides/limits (325,000 units a minute and user, a list costs 100;
# a part of them is kept for other requests)
_RATES: Mapping[str, _Rate] = {
    "autodesk_construction_cloud": _Rate("a listing takes one request a folder, at most 300 a minute", 300, _autodesk),
    "google_drive": _Rate("a listing takes one request for 1,000 files, at most 2,800 a minute", 2800, _drive),
}
