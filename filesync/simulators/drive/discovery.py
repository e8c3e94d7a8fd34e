"""What Google's discovery document says of Drive's methods: parameters, scopes and the fields of answers.

It comes with google-api-python-client.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from filesync.simulators.drive.refusals import invalid_parameter, required

_OLD_NAMES = {
    "includeTeamDriveItems": "includeItemsFromAllDrives",
    "supportsTeamDrives": "supportsAllDrives",
    "teamDriveId": "driveId",
}
_REFUSED_GLOBALS = {"access_token", "oauth_token", "callback", "uploadType", "upload_protocol"}

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """A method such as files.list; `answer` is the name of its answer's schema."""

    name: str
    scopes: frozenset[str]
    parameters: Mapping[str, Mapping[str, Any]]
    answer: str

    def read(self, query: Mapping[str, str]) -> Parameters:
        """Check and convert a query; defaults are filled in, old names replaced."""
        given = {name: self._value(name, text) for name, text in query.items()}
        for name, about in self.parameters.items():
            if about.get("required") and about["location"] == "query" and not given.get(name):
                raise required(name)
        renamed = {_OLD_NAMES.get(name, name): value for name, value in given.items()}
        return {**self._defaults(), **renamed}

    def _defaults(self) -> dict[str, Any]:
        return {
            name: self._value(name, about["default"]) for name, about in self.parameters.items() if "default" in about
        }

    def _value(self, name: str, text: str) -> Any:
        about = self.parameters.get(name) or ({} if name in _REFUSED_GLOBALS else _globals().get(name, {}))
        if about.get("location") != "query":
            raise invalid_parameter(name, f'Unknown name "{name[:40]}": Cannot bind query parameter.')
        if "enum" in about and text not in about["enum"]:
            raise invalid_parameter(name, f"Invalid string value: '{text[:40]}'. Allowed values: {about['enum']}")
        kind = about["type"]
        return _boolean(name, text) if kind == "boolean" else _integer(name, text, about) if kind == "integer" else text


def _boolean(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise invalid_parameter(name, f"Invalid boolean value: '{text[:40]}'.")
    return text == "true"


def _integer(name: str, text: str, about: Mapping[str, Any]) -> int:
    """Read a page size: values above the most are coerced, says the document."""
    low, high = int(about["minimum"]), int(about["maximum"])
    try:
        value = int(text)
    except ValueError:
        raise invalid_parameter(name, f"Invalid integer value: '{text[:40]}'.") from None
    if value < low:
        raise invalid_parameter(name, f"Invalid value '{value}'. Values must be within the range: [{low}, {high}]")
    return min(value, high)


@cache
def method(name: str) -> Method:
    """Look a method up by its name in the document, such as changes.getStartPageToken."""
    resource, _, verb = name.partition(".")
    about = _document()["resources"][resource]["methods"][verb]
    parameters = about.get("parameters", {})
    return Method(name, frozenset(about["scopes"]), parameters, about["response"]["$ref"])


@cache
def known_scopes() -> frozenset[str]:
    return frozenset(_document()["auth"]["oauth2"]["scopes"])


@cache
def properties(schema: str) -> Mapping[str, Any]:
    """Return the fields of an answer's schema by name."""
    found: Mapping[str, Any] = _document()["schemas"][schema]["properties"]
    return found


def _globals() -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = _document()["parameters"]
    return found


@cache
def _document() -> dict[str, Any]:
    path = files("googleapiclient.discovery_cache") / "documents" / "drive.v3.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
