"""Mistakes: what is wrong in connector.yaml, where exactly, and what would be right."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filesync.core.errors import ConfigError
from filesync.core.key_material import NOT_REPEATED, is_key_material, without_passwords
from filesync.runtime.environment import is_secret

_LOGIN = re.compile(r"(?:^|\.)credentials(?:$|[.\[])")


@dataclass(frozen=True, slots=True, order=True)
class ConfigProblem:
    """One mistake (or, among `Config.notices`, one remark). `line` and `column` count from 1.

    `path` is the key's path such as `endpoints[1].endpoint_details.file_types[0]`, '' for the whole file.
    """

    line: int
    column: int
    path: str
    message: str
    endpoint: str | None = None
    file: Path = Path("connector.yaml")

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        whose = f"endpoint {shown(self.endpoint)}: " if self.endpoint else ""
        return f"{self.file}:{self.line}:{self.column}: {whose}{where}{self.message}"


class ConfigProblems(ConfigError):  # noqa: N818  named for what it carries
    """Everything that is wrong in the file, in the order of its lines, one line of text for each."""

    def __init__(self, mistakes: Iterable[ConfigProblem]) -> None:
        once = {(each.line, each.column, each.message): each for each in reversed([*mistakes])}  # aliases, defaults
        self.mistakes = tuple(sorted(once.values(), key=lambda each: (each.line, each.column, each.path)))
        super().__init__("\n".join(str(each) for each in self.mistakes))


def key_path(path: str, *parts: int | str) -> str:
    """Append keys and positions to a key path."""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part if _is_plain(part) else shown(part)}"
    return path.removeprefix(".")


def _is_plain(key: str) -> bool:
    return key.isidentifier() and not is_key_material(key)


def may_hold_secret(path: str) -> bool:
    """Tell whether what stands there must not be shown: also where a secret may stand by mistake."""
    return is_secret(path) or _LOGIN.search(path) is not None


def shown(value: object) -> str:
    """Write a found value in one short printable line, without what may be a secret by its look."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if is_key_material(str(value)):
        return NOT_REPEATED
    text = "".join(char if char.isprintable() else "�" for char in without_passwords(str(value)))
    return f"'{text[:77]}...'" if len(text) > 80 else f"'{text}'"
