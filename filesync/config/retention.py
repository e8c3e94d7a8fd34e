"""`retention`: how long, and how much, is kept of what grows with every sync."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from filesync.config.models import to_length, to_whole
from filesync.core.durations import format_duration
from filesync.core.retention import Keep, Retention
from filesync.providers.details import Section

_FOREVER = "forever"
_LEAST = timedelta(days=1)


def to_age(value: Any) -> timedelta | None:
    """Read a length of a day or more, or `forever`."""
    if isinstance(value, str) and value.strip() == _FOREVER:
        return None
    try:
        length = to_length(value)
    except ValueError as exc:
        raise ValueError("a length such as 90d, or forever, is needed") from exc
    if length < _LEAST:
        raise ValueError("a day or more, or forever, is needed")
    return length


Age = Annotated[
    timedelta | None,
    BeforeValidator(to_age),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*[smhdw]|forever)\s*$", "examples": ["400d", _FOREVER]}
    ),
]
Rows = Annotated[int, Field(ge=1), BeforeValidator(to_whole)]


class KeepModel(Section):
    """How much is kept; without a key there is no such bound."""

    keep_for: Age = Field(None, description="Older rows go; `forever` when absent.")
    keep_rows: Rows | None = Field(None, description="Keep at most this many rows, the newest; no limit when absent.")

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, values: Any) -> Any:
        """Let a known key without a value count as absent, as everywhere in the file."""
        if not isinstance(values, dict):
            return values
        return {key: value for key, value in values.items() if value is not None or key not in cls.model_fields}

    def keep(self) -> Keep:
        return Keep(self.keep_for, self.keep_rows)


class KeepLogsModel(KeepModel):
    """How much of the log of syncs is kept."""

    keep_for: Age = Field(timedelta(days=400), description="Older rows go; 400d when absent.")
    uneventful_for: Age = Field(
        timedelta(days=7),
        description="How long every success that found nothing new is kept, later one a day; 7d when absent.",
    )


def _logs() -> KeepLogsModel:
    return KeepLogsModel.model_validate({})


def _everything() -> KeepModel:
    return KeepModel.model_validate({})


class RetentionModel(Section):
    """What is kept, and for how long."""

    sync_logs: KeepLogsModel = Field(default_factory=_logs, description="The log of syncs.")
    changes: KeepModel = Field(default_factory=_everything, description="The change feed; kept forever when absent.")
    deleted_files: KeepModel = Field(
        default_factory=_everything, description="Rows of deleted files; kept forever when absent."
    )

    def policy(self) -> Retention:
        return Retention(
            sync_logs=self.sync_logs.keep(),
            uneventful=self.sync_logs.uneventful_for,
            changes=self.changes.keep(),
            deleted_files=self.deleted_files.keep(),
        )


def in_words(policy: Retention) -> dict[str, dict[str, str | int | None]]:
    """Write a policy as the file would, with everything that holds."""
    tables = {"sync_logs": policy.sync_logs, "changes": policy.changes, "deleted_files": policy.deleted_files}
    said: dict[str, dict[str, str | int | None]] = {
        table: {"keep_for": _age_in_words(keep.length), "keep_rows": keep.rows} for table, keep in tables.items()
    }
    said["sync_logs"]["uneventful_for"] = _age_in_words(policy.uneventful)
    return said


def _age_in_words(length: timedelta | None) -> str:
    return _FOREVER if length is None else format_duration(length)
