"""The JSON Schema of connector.yaml, for editors; made of the same models that read the file."""

from typing import Any

from pydantic import BaseModel

from filesync.config.models import (
    SCHEDULES,
    CredentialsModel,
    DefaultDetails,
    DefaultsModel,
    EndpointModel,
    FileModel,
)
from filesync.config.notify import TARGETS
from filesync.providers import registry
from filesync.providers.base import MakesSets, ProviderKind

_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_]"}  # fills in any value


def schema() -> dict[str, Any]:
    """Describe the whole file, with the details of every endpoint type that is installed."""
    from filesync.config.retention import RetentionModel  # noqa: PLC0415  few files have that section

    types = {name: registry.kind_of(name) for name in registry.known_types()}
    file = _described(FileModel)
    file["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    file["title"] = "filesync: connector.yaml"
    file["properties"]["defaults"] = _or_nothing(_defaults())
    file["properties"]["endpoints"]["items"] = _endpoint(types)
    named = next(each for each in file["properties"]["credentials"]["anyOf"] if each.get("type") == "object")
    named["additionalProperties"] = _described(CredentialsModel)
    file["properties"]["notify"] = _notify(file["properties"]["notify"])
    file["properties"]["retention"] = _or_nothing(_described(RetentionModel))
    return file


def _defaults() -> dict[str, Any]:
    section = _described(DefaultsModel)
    section["properties"] |= {"schedule": _schedule(), "endpoint_details": _or_nothing(_described(DefaultDetails))}
    return section


def _endpoint(types: dict[str, ProviderKind]) -> dict[str, Any]:
    """Describe an endpoint; its type decides what its details may hold."""
    section = _described(EndpointModel)
    section["properties"]["schedule"] = _schedule()
    section["properties"]["endpoint_type"]["examples"] = list(types)
    section["allOf"] = [_if_type(name, kind) for name, kind in types.items()]
    section["properties"]["notify"] = _notify(section["properties"]["notify"], {"const": False})
    return section


def _notify(key: dict[str, Any], *more: dict[str, Any]) -> dict[str, Any]:
    """Describe targets by their names."""
    named = next(each for each in key["anyOf"] if each.get("type") == "object")
    named["additionalProperties"] = {"oneOf": [*(_described(model) for model in TARGETS.values()), *more]}
    named["propertyNames"] = {"pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"}
    return key


def _if_type(name: str, kind: ProviderKind) -> dict[str, Any]:
    details = _described(kind.details())
    is_needed = "required" in details
    if isinstance(kind, MakesSets):
        is_set = {"type": "object", "required": [kind.set_key]}
        details = {"if": is_set, "then": _described(kind.set_details()), "else": details}
    allowed = details if is_needed else _or_nothing(details)
    then: dict[str, Any] = {"properties": {"endpoint_details": allowed}}
    if is_needed:
        then["required"] = ["endpoint_details"]
    known = {"properties": {"endpoint_type": {"const": name}}, "required": ["endpoint_type"]}
    return {"if": known, "then": then}


def _schedule() -> dict[str, Any]:
    return {
        "description": "When to read; every $SYNC_INTERVAL_MINUTES when absent.",
        "oneOf": [*(_described(model) for model in SCHEDULES.values()), {"type": "null"}],
    }


def _described(model: type[BaseModel]) -> dict[str, Any]:
    """Describe a section; every plain value may also be a variable or, where it is optional, nothing."""
    section = _inlined(model.model_json_schema())
    required = section.get("required", [])
    for name, key in section.get("properties", {}).items():
        section["properties"][name] = _plain(key, optional=name not in required)
    return section


def _inlined(section: dict[str, Any]) -> dict[str, Any]:
    """Put models that are inside the model where they are used: a section stands somewhere inside the whole."""
    models = {f"#/$defs/{name}": model for name, model in section.pop("$defs", {}).items()}
    for name, key in section["properties"].items():
        for reference in (key, *key.get("anyOf", ())):
            model = models.get(reference.pop("$ref", ""))
            if model:
                inner = {inside: _plain(each, optional=True) for inside, each in _inlined(model)["properties"].items()}
                reference.update({"description": model.get("description", ""), **reference})
                reference.update({"type": "object", "additionalProperties": False, "properties": inner})
        section["properties"][name] = key
    return section


def _plain(key: dict[str, Any], *, optional: bool) -> dict[str, Any]:
    """Undo what editors show badly (a title for every key), and allow for `${NAME}`."""
    key.pop("title", None)
    kept: dict[str, Any] = {name: key.pop(name) for name in ("description", "default", "examples") if name in key}
    choices = key.pop("anyOf", [key])
    if any(choice.get("type") in {"integer", "number", "boolean"} for choice in choices):
        choices = [*choices, _VARIABLE]
    if optional and {"type": "null"} not in choices:
        choices = [*choices, {"type": "null"}]
    return {**kept, "anyOf": choices} if len(choices) > 1 else {**kept, **choices[0]}


def _or_nothing(section: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [section, {"type": "null"}], "description": section.get("description", "")}
