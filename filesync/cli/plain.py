"""Options that are plainly right: read here, because Typer imports pydantic to read any, a tenth of a second.

Whatever is not plainly what is wanted goes to Typer, which reads more and says what is wrong: it stays the one truth.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

_UNCLEAR = object()
_LONGEST = 18  # digits of a number


class _Reader(Protocol):
    """What turns an option's value into what the command is given: Typer's, and ours."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Convert a value. Raises what Typer raises."""


def read_plainly(command: Any) -> None:
    """Let a command's options be read without pydantic where that is plain; --help, which it gets late, is one."""
    all_params = command.get_params

    def get_params(ctx: Any) -> list[Any]:
        params: list[Any] = all_params(ctx)
        for param in params:
            _prefer_plain(param)
        return params

    command.get_params = get_params


def _prefer_plain(param: Any) -> None:
    thorough = getattr(param, "get_runtime_param", None)  # a Typer without it imports nothing to read an option
    if thorough is not None and "get_runtime_param" not in vars(param):
        param.get_runtime_param = _Plain(thorough).reader


class _Plain:
    """Reads one option's values, and leaves to the thorough reader what it does not know."""

    def __init__(self, thorough: Callable[[], _Reader]) -> None:
        self._thorough = thorough

    def reader(self) -> _Reader:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        found = _plain(value, param)
        return self._thorough().coerce(value, param=param, ctx=ctx) if found is _UNCLEAR else found


def _plain(value: Any, param: Any) -> Any:
    kind = param.type_descriptor.annotation
    is_many = param.multiple or param.nargs == -1
    if value is None:
        return () if is_many else None
    if is_many:
        is_text = kind == list[str] and isinstance(value, tuple | list) and all(type(each) is str for each in value)
        return [*value] if is_text else _UNCLEAR
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value) if value in list(kind) else _UNCLEAR
    if kind is int:
        return _whole(value, param)
    return value if kind is str and type(value) is str else _UNCLEAR


def _whole(value: Any, param: Any) -> Any:
    """Read digits within what the option allows."""
    if not (type(value) is int or (type(value) is str and value.isascii() and value.isdigit())):
        return _UNCLEAR
    if len(str(value)) > _LONGEST:
        return _UNCLEAR
    number = int(value)
    is_low = param.min is not None and number < param.min
    is_high = param.max is not None and number > param.max
    return _UNCLEAR if is_low or is_high else number
