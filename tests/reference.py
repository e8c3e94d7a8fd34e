"""Write the generated parts of docs/reference from the code: python -m tests.reference

A part stands between `<!-- generated: KIND NAME -->` and `<!-- end -->`; a test compares it with the code.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, get_args

from filesync.cli import _command
from filesync.runtime.settings import DEFAULTS
from tests.homes import ROOT

PAGES = [ROOT / "docs" / "reference" / name for name in ("commands.md", "configuration.md")]
_PART = re.compile(r"(?<=<!-- generated: )(\w+) (.+?) -->\n.*?(?=<!-- end -->)", re.DOTALL)


def commands() -> dict[str, Any]:
    """Return every command and group by its full name."""
    return dict(_walk(_command(), "filesync"))


def _walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    for child in command.list_commands(None) if hasattr(command, "list_commands") else ():
        yield from _walk(command.get_command(None, child), f"{name} {child}")


def _options(name: str) -> Iterator[str]:
    for option in commands()[name].params:
        if option.param_type_name != "option" or option.hidden:
            continue
        value = option.metavar or _choices(option) or ("" if option.is_flag else "N")
        names = ", ".join(f"`{each} {value}`" if value else f"`{each}`" for each in option.opts)
        is_form = names in {"`--json`", "`--jsonl`"}  # the page explains them once, for all commands
        yield f"- {names}" if is_form else f"- {names}: {option.help}" + _default(option.default)


def _choices(option: Any) -> str:
    annotation = option.type_descriptor.annotation
    enums = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type) and issubclass(each, Enum)]
    return "|".join(each.value for kind in enums for each in kind)


def _default(value: Any) -> str:
    """Name a default that says something."""
    if value is None or value is False or value == []:
        return ""
    return f" Default: `{_short(json.dumps(value) if not isinstance(value, str) else value)}`."


def _short(text: str) -> str:
    """Write an ISO duration as the configuration does."""
    days = {"P1Y35D": "400d", "P7D": "7d", "P3D": "3d"}  # a year of pydantic's has 365 days
    parts = re.fullmatch(r"PT(\d+)([HMS])", text)
    return f"{parts[1]}{parts[2].lower()}" if parts else days.get(text, text)


def _variables(_: str) -> Iterator[str]:
    """Take each variable's meaning from the comment above it in env.example."""
    comment: list[str] = []
    for line in (ROOT / "env.example").read_text(encoding="utf-8").splitlines():
        name, separator, value = line.partition("=")
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif separator:
            assert DEFAULTS[name] == value, name
            yield f"- `{name}`: {' '.join(comment) or 'the same, for the secret'}." + _default(value or None)
        if not line.startswith("#") and name != "CONNECTOR_AUTODESK_CLIENT_ID":  # its comment is about both
            comment = []


def _keys(place: str) -> Iterator[str]:
    """List the keys of one object of connector.yaml; where it has variants, say of which a key is."""
    schema = json.loads((ROOT / "config" / "connector.schema.json").read_text(encoding="utf-8"))
    variants = list(_objects(_PLACES[place](schema)))
    unwanted = set(_FILTERS(schema)["properties"]) if place in {"autodesk_construction_cloud", "google_drive"} else ()
    for key in dict.fromkeys(key for each in variants for key in each["properties"] if key not in unwanted):
        having = [each for each in variants if key in each["properties"]]
        yield f"- `{key}`{_of(having, variants)}: {_meaning(key, having, variants)}"


def _of(having: list[Any], variants: list[Any]) -> str:
    types = [each["properties"]["type"]["const"] for each in having if "type" in each["properties"]]
    return f" ({', '.join(types)})" if types and len(having) < len(variants) else ""


def _meaning(key: str, having: list[Any], variants: list[Any]) -> str:
    first = having[0]["properties"][key]
    if "const" in first:
        return ", ".join(f"`{each['properties'][key]['const']}`" for each in having) + "."
    typed = len(having) == len(variants) or "type" in having[0]["properties"]
    needed = " Needed." if typed and all(key in each.get("required", ()) for each in having) else ""
    return str(first.get("description", "")) + needed + _default(first.get("default") or None)


def _objects(node: Any) -> Iterator[Any]:
    """Find the objects that stand for one place, without what is inside them."""
    if isinstance(node, Mapping):
        if "properties" in node:
            yield node
            return
        for key in ("anyOf", "oneOf", "additionalProperties", "then", "else"):
            yield from _objects(node.get(key))
    for each in node if isinstance(node, list) else ():
        yield from _objects(each)


def _FILTERS(schema: Any) -> Any:  # noqa: N802  a place, as those below
    return next(_objects(next(_objects(schema["properties"]["defaults"]))["properties"]["endpoint_details"]))


def _details(endpoint_type: str) -> Callable[[Any], Any]:
    def of(schema: Any) -> Any:
        rules = schema["properties"]["endpoints"]["items"]["allOf"]
        rule = next(each for each in rules if each["if"]["properties"]["endpoint_type"]["const"] == endpoint_type)
        return rule["then"]["properties"]["endpoint_details"]

    return of


_PLACES: dict[str, Callable[[Any], Any]] = {
    "top": lambda schema: schema,
    "endpoint": lambda schema: schema["properties"]["endpoints"]["items"],
    "schedule": lambda schema: schema["properties"]["endpoints"]["items"]["properties"]["schedule"],
    "filters": _FILTERS,
    "autodesk_construction_cloud": _details("autodesk_construction_cloud"),
    "google_drive": _details("google_drive"),
    "credentials": lambda schema: schema["properties"]["credentials"],
    "notify": lambda schema: schema["properties"]["notify"],
    "retention": lambda schema: next(_objects(schema["properties"]["retention"]))["properties"]["sync_logs"],
}
_KINDS: dict[str, Callable[[str], Iterator[str]]] = {"options": _options, "keys": _keys, "variables": _variables}


def refreshed(text: str) -> str:
    """Return a page with its generated parts as the code has them now."""
    return _PART.sub(lambda part: f"{part[1]} {part[2]} -->\n\n" + "\n".join(_KINDS[part[1]](part[2])) + "\n\n", text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(refreshed(page.read_text(encoding="utf-8")), encoding="utf-8")
