"""Credentials: named sets that stand in the environment's place, for other hubs, apps or domains."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filesync.key_material import is_no_path
from filesync.variables import LOGINS, word_in_place_of_path

if TYPE_CHECKING:
    from filesync.config.models import CredentialsModel

# Every variable that says who logs in. A set replaces them all: what it does not give is '', never the environment's.
VARIABLES: Mapping[str, str] = {
    "client_id": "CONNECTOR_AUTODESK_CLIENT_ID",
    "client_secret": "CONNECTOR_AUTODESK_CLIENT_SECRET",
    "auth": "CONNECTOR_AUTODESK_AUTH",
    "service_account_path": "CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH",
    "google_credentials_path": "GOOGLE_CREDENTIALS_PATH",
}
_SECRET = "client_secret"  # noqa: S105  the key's name
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")  # says where a value comes from


@dataclass(frozen=True, slots=True)
class CredentialSet:
    """One entry of `credentials:`; `values` by the names of the variables that they replace, `text` as written."""

    name: str
    values: Mapping[str, str] = field(repr=False)
    text: Mapping[str, Any] = field(repr=False)

    def secrets(self, home: Path) -> Iterator[str]:
        """Give what must never be shown, wherever it came from."""
        yield self.values[VARIABLES[_SECRET]]
        for name in LOGINS:
            if self.values.get(name):
                yield from word_in_place_of_path(self.values[name], home)

    def shown(self, mask: str) -> Mapping[str, Any]:
        """Give the set as written, for people's eyes; a key file's content in its path's place is hidden as well."""
        return {key: mask if text and _is_secret(key, str(text)) else text for key, text in self.text.items()}


def _is_secret(key: str, text: str) -> bool:
    bare = _REFERENCE.sub("", text)
    return key == _SECRET or is_no_path(bare)  # a ${NAME:-default} may have a key as its default


def to_set(name: str, model: "CredentialsModel", text: Mapping[str, Any]) -> CredentialSet:
    """Make a set of what the file says."""
    return CredentialSet(name, {variable: getattr(model, key) or "" for key, variable in VARIABLES.items()}, text)
