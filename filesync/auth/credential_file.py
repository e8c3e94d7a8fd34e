"""Files that a person hands over: a key, a client or a login as JSON; what is wrong is said without showing it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filesync.core.errors import AuthError

_LARGEST = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class HandedOver:
    """One such file; `source` is how messages name it (the variable and the path), `guide` the heading that helps."""

    path: Path
    source: str
    guide: str

    def fields(self) -> Mapping[str, Any]:
        """Read the file. Raises AuthError when it holds no JSON object."""
        try:
            with self.path.open("rb") as file:
                fields = json.loads(file.read(_LARGEST))
        except OSError as error:
            raise self.unusable(error.strerror or "it cannot be read") from error
        except (ValueError, RecursionError):
            raise self.unusable("it is not JSON") from None  # the parser's error holds the file's text
        if not isinstance(fields, dict):
            raise self.unusable("it is no JSON object")
        return fields

    def texts(self, fields: Mapping[str, Any], *names: str) -> list[str]:
        """Give these fields. Raises AuthError that names the first one that is missing."""
        for name in names:
            if not isinstance(fields.get(name), str) or not fields[name].strip():
                raise self.unusable(f"it has no {name}")
        return [fields[name].strip() for name in names]

    def unusable(self, why: str) -> AuthError:
        return AuthError(f"{self.source} cannot be used: {why}; see '{self.guide}' in OAUTH_SETUP.md")
