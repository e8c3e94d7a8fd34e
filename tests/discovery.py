"""What the simulated Drive needs of Google's discovery document: `python -m tests.discovery` writes it anew."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

KEPT = Path(__file__).parent.parent / "filesync" / "simulators" / "drive" / "drive.v3.json"
_METHODS = {
    "about": ("get",),
    "changes": ("getStartPageToken", "list"),
    "drives": ("get", "list"),
    "files": ("get", "list"),
}
_OF_A_METHOD = ("httpMethod", "id", "parameterOrder", "parameters", "path", "response", "scopes")
_PROSE = {"description", "enumDescriptions", "annotations"}


def google() -> dict[str, Any]:
    """Read the document that comes with google-api-python-client."""
    path = files("googleapiclient.discovery_cache") / "documents" / "drive.v3.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def excerpt(document: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the methods that filesync asks, what they refer to, and no prose."""
    methods = {
        resource: {"methods": {name: _method(document["resources"][resource]["methods"][name]) for name in names}}
        for resource, names in _METHODS.items()
    }
    scopes: dict[str, Any] = {scope: {} for scope in document["auth"]["oauth2"]["scopes"]}
    schemas = {name: _bare(document["schemas"][name]) for name in sorted(_reached(document, methods))}
    return {
        "auth": {"oauth2": {"scopes": scopes}},
        "parameters": _bare(document["parameters"]),
        "resources": methods,
        "revision": document["revision"],
        "schemas": schemas,
    }


def _method(about: Mapping[str, Any]) -> Any:
    return _bare({name: about[name] for name in _OF_A_METHOD if name in about})


def _bare(value: Any) -> Any:
    """Leave prose out; a property may have such a name, and is a mapping then."""
    if isinstance(value, list):
        return [_bare(each) for each in value]
    if isinstance(value, dict):
        return {name: _bare(each) for name, each in value.items() if name not in _PROSE or isinstance(each, dict)}
    return value


def _reached(document: Mapping[str, Any], start: Any) -> set[str]:
    """Name every schema that answers are made of."""
    found: set[str] = set()
    waiting = [*_references(start)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_references(document["schemas"][name]))
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from _references(each)


if __name__ == "__main__":
    KEPT.write_text(json.dumps(excerpt(google()), indent=1, sort_keys=True) + "\n", encoding="utf-8")
