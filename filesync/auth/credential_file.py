"""Files that a person hands over: a key, a client or a login as JSON; what is wrong is said without showing it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filesync.core.errors import AuthError
from filesync.http import Secret

if TYPE_CHECKING:
    from google.auth.crypt import RSASigner

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
        """Return these fields. Raises AuthError that names the first one that is missing."""
        for name in names:
            if not isinstance(fields.get(name), str) or not fields[name].strip():
                raise self.unusable(f"it has no {name}")
        return [fields[name].strip() for name in names]

    def signer(self, private_key: Secret, key_id: str) -> "RSASigner":
        """Make what signs with an RSA key in PEM. Raises AuthError when the key is none."""
        # Imported here because only a fetch needs them: a token is good for an hour.
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from google.auth.crypt import RSASigner  # noqa: PLC0415

        try:
            signer: RSASigner = RSASigner.from_string(private_key.reveal(), key_id)
            signer.sign(b"")  # a key of another kind can be read, but does not sign in this way
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise self.unusable("its private_key cannot be read") from None
        return signer

    def unusable(self, why: str) -> AuthError:
        return AuthError(f"{self.source} cannot be used: {why}; see '{self.guide}' in OAUTH_SETUP.md")
