"""What `endpoint_details` of every provider share: strict keys, the filters, ids as people paste them.

A provider's own model inherits `FilterDetails` and adds its ids. Values arrive as text, numbers,
yes/no and lists; the settings they may have to agree with are in the validation context.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator

from filesync.core.durations import parse_duration
from filesync.core.filters import Bound, NameGlobs, Selection, as_segment
from filesync.core.globs import Glob, check_glob
from filesync.runtime.settings import Settings


class Section(BaseModel):
    """A mapping of the configuration: unknown keys are mistakes; an id may look like a number."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        coerce_numbers_to_str=True,
        str_strip_whitespace=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


def to_bound(value: Any) -> Bound:
    """Read a date, a date-time (UTC unless it says otherwise) or an age such as 90d."""
    text = str(value).strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _age(text)
    if len(text) < len("2026-01-01") or not 1970 <= moment.year < 9999:
        raise ValueError(_BOUND_HINT)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _age(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise ValueError(_BOUND_HINT) from exc


_BOUND_HINT = "a date (2026-01-31), a date-time (2026-01-31T08:00:00Z) or an age (90d, 12h, 2w) is needed"

Moment = Annotated[
    datetime | timedelta,
    BeforeValidator(to_bound),
    WithJsonSchema({"type": "string", "examples": ["2026-01-31", "2026-01-31T08:00:00Z", "90d"]}),
]
Pattern = Annotated[str, BeforeValidator(lambda value: check_glob(value) if isinstance(value, str) else value)]


def to_extension(value: Any) -> Any:
    """Write an extension the way `file_type` is stored: lower case, without its dot."""
    if not isinstance(value, str):
        return value
    text = value.strip().removeprefix("*").removeprefix(".").lower()
    if not text or any(char.isspace() or char in "/\\*?," for char in text):
        raise ValueError("one extension is needed, such as pdf")
    if "." in text:
        raise ValueError(f"only what follows the last dot is a file's type: {text.rpartition('.')[2]}")
    return text


Extension = Annotated[str, BeforeValidator(to_extension)]


def to_name_glob(value: Any) -> Any:
    """Check a glob on a whole name, in which `/` and a backslash are characters like any other."""
    if isinstance(value, str):
        if not value:
            raise ValueError("an empty pattern")
        Glob(as_segment(value))
    return value


NamePattern = Annotated[str, BeforeValidator(to_name_glob)]


class Names(Section):
    """Which members a set has, by their names: globs on the whole name, case counts."""

    include: tuple[NamePattern, ...] = Field(("*",), description="Globs on the name; only what matches one is kept.")
    exclude: tuple[NamePattern, ...] = Field((), description="Globs on the name; what matches one is left out.")

    def match(self, name: str) -> bool:
        """Return whether a member of that name belongs to the set."""
        return self.globs().match(name)

    def globs(self) -> NameGlobs:
        """Return what is asked of each name."""
        return NameGlobs(self.include, self.exclude)


class FilterDetails(Section):
    """The filters, which mean the same for every provider."""

    file_types: tuple[Extension, ...] = Field((), description="Extensions to keep, case-blind, such as [rvt, pdf].")
    modified_after: Moment | None = Field(None, description="Keep what was modified from this instant on.")
    modified_before: Moment | None = Field(None, description="Keep what was modified before this instant.")
    include: tuple[Pattern, ...] = Field((), description="Globs on the file's path; only what matches one is kept.")
    exclude: tuple[Pattern, ...] = Field((), description="Globs on the file's path; what matches one is left out.")

    @field_validator("modified_before")
    @classmethod
    def _comes_later(cls, before: Bound | None, info: ValidationInfo) -> Bound | None:
        after = info.data.get("modified_after")
        if _is_empty_span(after, before):
            raise ValueError("modified_before must be later than modified_after, or no file can match")
        return before

    def selection(self) -> Selection:
        """Make the filters that the sync asks."""
        return Selection(
            file_types=frozenset(self.file_types),
            include=self.include,
            exclude=self.exclude,
            modified_after=self.modified_after,
            modified_before=self.modified_before,
        )


def _is_empty_span(after: Bound | None, before: Bound | None) -> bool:
    """Return whether nothing lies between; an age and a date cannot be compared for good."""
    if isinstance(after, timedelta) and isinstance(before, timedelta):
        return after <= before
    if isinstance(after, datetime) and isinstance(before, datetime):
        return after >= before
    return False


def settings_of(info: ValidationInfo) -> Settings | None:
    """Return the settings that the file is read under; None when a model is made outside of a file."""
    return info.context if isinstance(info.context, Settings) else None


def check_id(text: str, link: Callable[[str], str | None]) -> str:
    """Check an id as pasted; `link` finds the id inside a web link. Raises ValueError that shows the id to use."""
    if "://" in text:
        found = link(text)
        raise ValueError(f"a web link; use {found}" if found else "a web link that holds no such id")
    plain = unquote(text) if "%3A" in text.upper() else text
    if not plain.isascii() or not plain.isprintable() or any(char in " /\\\"'<>?#" for char in plain) or not plain:
        raise ValueError("an id is needed, without spaces, slashes or …")
    return plain
