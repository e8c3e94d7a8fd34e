"""The shape of connector.yaml, section by section; what differs by type is read by a model of that type."""

from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator

from filesync.config.timing import check_cron, check_timezone
from filesync.core.durations import parse_duration
from filesync.core.key_material import is_no_path
from filesync.core.schedule import CronSchedule, IntervalSchedule, ManualSchedule, Schedule
from filesync.providers.details import FilterDetails, Section

_CRON_FIELDS = 5


def to_length(value: Any) -> timedelta:
    """Read a length of time; a bare number could mean anything."""
    if isinstance(value, str) and not value.strip().isdigit():
        length = parse_duration(value)
    else:
        raise ValueError("a length needs its unit: s, m, h, d or w, such as 4m or 6h")
    if not length:
        raise ValueError("more than nothing is needed, such as 4m or 6h")
    return length


def to_schedule(value: Any) -> Any:
    """Say how a schedule is written when it is only its length or its cron line."""
    if value is None or isinstance(value, dict):
        return value
    text = str(value)
    right = "{type: interval, interval_minutes: 15}"
    if len(text.split()) == _CRON_FIELDS:
        right = f'{{type: cron, cron: "{text}"}}'
    with suppress(ValueError):
        minutes = to_length(value) / timedelta(minutes=1)
        right = f"{{type: interval, interval_minutes: {max(round(minutes), 1)}}}"
    raise ValueError(f"a mapping is needed, such as {right}")


def to_whole(value: Any) -> Any:
    """Keep yes and no from counting as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("a number is needed")  # noqa: TRY004  pydantic collects ValueErrors
    return value


def to_unreadable(value: Any) -> Any:
    """Write a folder's path as globs see it: without slashes around it."""
    return value.strip().strip("/") if isinstance(value, str) else value


def to_key_file(path: str) -> str:
    """Refuse a key where its file's path belongs."""
    if is_no_path(path):
        raise ValueError("the path of a file is needed, not what is in it")
    return path


Length = Annotated[
    timedelta,
    BeforeValidator(to_length),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[smhdw]\s*$", "examples": ["4m", "6h", "1d"]}
    ),
]
Whole = Annotated[int, BeforeValidator(to_whole)]
Number = Annotated[float, BeforeValidator(to_whole)]
KeyFile = Annotated[str, AfterValidator(to_key_file)]
FolderPath = Annotated[str, BeforeValidator(to_unreadable), Field(min_length=1)]


class IntervalModel(Section):
    """One sync in every slot of that length."""

    type: Literal["interval"]
    interval_minutes: Whole = Field(ge=1, le=525_600, description="Length of a slot in minutes.")

    def schedule(self) -> Schedule:
        return IntervalSchedule(timedelta(minutes=self.interval_minutes))


class CronModel(Section):
    """A sync at every slot of a cron expression."""

    type: Literal["cron"]
    cron: Annotated[str, BeforeValidator(check_cron)] = Field(
        description="Minute, hour, day of month, month, day of week.", examples=["*/15 6-20 * * 1-5"]
    )
    timezone: Annotated[str, BeforeValidator(check_timezone)] = Field(
        "UTC", description="Time zone that the expression is read in.", examples=["Europe/Berlin"]
    )

    def schedule(self) -> Schedule:
        return CronSchedule(self.cron, self.timezone)


class ManualModel(Section):
    """No sync but by name."""

    type: Literal["manual"]

    def schedule(self) -> Schedule:
        return ManualSchedule()


ScheduleModel = IntervalModel | CronModel | ManualModel
SCHEDULES: dict[str, type[ScheduleModel]] = {"interval": IntervalModel, "cron": CronModel, "manual": ManualModel}


class EndpointKeys(Section):
    """What can stand on an endpoint and, for all of them, under `defaults`."""

    endpoint_type: str | None = Field(None, description="Which service; decides what endpoint_details may hold.")
    project_id: str | None = Field(None, description="Your own label for the project: stored, never sent.")
    user_id: str | None = Field(None, description="Your own label for the owner: stored, never sent.")
    credentials: str | None = Field(
        None, description="A named set under the top-level `credentials`; the environment's when absent."
    )
    is_active: bool = Field(True, description="Whether scheduled syncs read it.")
    expected_unreadable: tuple[FolderPath, ...] = Field(
        (), description="Folders that are known to be unreadable: shown, retried, but no reason for `partial`."
    )
    endpoint_details: dict[str, Any] = Field({}, description="What to read, by endpoint_type.")
    schedule: Annotated[dict[str, Any] | None, BeforeValidator(to_schedule)] = Field(
        None, description="When to read; every $SYNC_INTERVAL_MINUTES when absent."
    )
    reconcile_every: Length = Field(timedelta(hours=6), description="Everything is listed afresh within this time.")
    max_delete_percent: Number = Field(
        50, ge=0, le=100, description="More than this vanishing within reconcile_every stops and asks."
    )
    time_limit: Length = Field(
        timedelta(minutes=4), description="Of one endpoint in a scheduled start; it continues at the next one."
    )


class DefaultsModel(EndpointKeys):
    """Defaults for every endpoint."""


class EndpointModel(EndpointKeys):
    """One endpoint."""

    name: str = Field(min_length=1, max_length=200, description="Unique; how every command names the endpoint.")
    endpoint_type: str = Field(description="Which service; decides what endpoint_details may hold.")
    notify: dict[str, Any] = Field({}, description="Who is told about this endpoint, beside the top-level notify.")

    @field_validator("name")
    @classmethod
    def _is_one_line(cls, name: str) -> str:
        if not name.isprintable():
            raise ValueError("a name in one line of printable characters is needed")
        return name


class CredentialsModel(Section):
    """One named set of credentials; it takes the environment's place as a whole."""

    client_id: str | None = Field(None, description="Of the app at Autodesk.")
    client_secret: str | None = Field(None, description="Its secret, normally ${NAME}.")
    auth: Literal["auto", "two_legged", "three_legged", "service_account"] | None = Field(
        None, description="How to log in to Autodesk; auto when absent."
    )
    service_account_path: KeyFile | None = Field(
        None, description="Autodesk: a JSON file with service_account_id, key_id and private_key."
    )
    google_credentials_path: KeyFile | None = Field(
        None, description="Google: a JSON file, of a service account or of an authorised user."
    )


class DefaultDetails(FilterDetails):
    """The filters, for every endpoint that does not set them itself."""


class FileModel(Section):
    """The whole file."""

    defaults: dict[str, Any] = Field({}, description="For every endpoint that does not set the key itself.")
    endpoints: list[dict[str, Any]] = Field(description="What to keep an inventory of.")
    credentials: dict[str, Any] = Field({}, description="Named sets of credentials, for other hubs or domains.")
    notify: dict[str, Any] = Field({}, description="Who is told when something is wrong, or changed, by name.")
    retention: dict[str, Any] = Field({}, description="How long what grows with every sync is kept.")
    rate_limit_percent: Whole = Field(
        100, ge=1, le=100, description="Our share of the documented limits when others use the client id too."
    )
