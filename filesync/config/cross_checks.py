"""Agreement: what endpoints must not have in common, and what deserves a remark."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filesync.config.problems import ConfigProblem, shown
from filesync.config.timing import uneven_step
from filesync.config.values import as_written, to_value
from filesync.config.yaml_tree import MappingNode, Node

_AUTODESK_ID = re.compile(r"(?:b\.)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PART_OF_ID = re.compile(r"(?:b\.)?(?=[0-9a-f-]{8})(?:[0-9a-f]+-[0-9a-f-]*|[0-9a-f]{20,})", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"0{8}-0{4}-0{4}-0{4}-0{12}|REPLACE[-_]")
_DRIVE_FOLDER = re.compile(r"1[A-Za-z0-9_-]{32}|0B[A-Za-z0-9_-]{26}", re.ASCII)
_NARROWING = (
    "folder_id",
    "shared_with_me",
    "include_system_folders",
)  # scopes that differ in these only have files in common


@dataclass(frozen=True, slots=True)
class ComparedEndpoint:
    """What one endpoint is compared by; `scope` is None when its details have mistakes."""

    table: MappingNode
    path: str
    name: str | None
    endpoint_type: str
    scope: Mapping[str, Any] | None


def mistakes(members: Sequence[ComparedEndpoint], file: Path) -> Iterator[ConfigProblem]:
    """Find endpoints that cannot be told apart, by name or by what they read."""
    yield from _same_names(members, file)
    yield from _hubs_as_projects(members, file)
    by_scope: dict[str, ComparedEndpoint] = {}
    for member in members:
        if member.scope is None:
            continue
        first = by_scope.setdefault(_key(member, member.scope), member)
        if first is not member:
            message = f"reads the same as endpoint {_name(first)} on line {first.table.line}: keep one of them"
            yield _at(member.table, member.path, message, file)


def notices(members: Sequence[ComparedEndpoint], file: Path) -> Iterator[ConfigProblem]:
    """Find what is allowed and yet hardly meant."""
    if not members:
        yield ConfigProblem(1, 1, "endpoints", "no endpoint is configured, so nothing is read", file=file)
    yield from _overlaps(members, file)
    for member in members:
        yield from _misplaced_id(member, file)
        yield from _broken_ids(member, file)
        yield from _folder_as_drive(member, file)
        yield from _placeholders(member, file)
        yield from _uneven_steps(member, file)


def _same_names(members: Sequence[ComparedEndpoint], file: Path) -> Iterator[ConfigProblem]:
    by_name: dict[str, ComparedEndpoint] = {}
    for member in members:
        if not member.name:
            continue
        first = by_name.setdefault(member.name.strip(), member)
        if first is not member:
            line = first.table.nodes["name"].line
            message = f"found {_name(member)}: a name that is not taken is needed; line {line} has this one"
            yield _at(member.table.nodes["name"], f"{member.path}.name", message, file)


def _overlaps(members: Sequence[ComparedEndpoint], file: Path) -> Iterator[ConfigProblem]:
    """Find endpoints that read a part of what another reads: the same scope once what narrows it is left out."""
    by_scope = {_key(member, member.scope): member for member in members if member.scope is not None}
    for member in members:
        for narrowing in _NARROWING:
            scope = member.scope or {}
            wider = {key: value for key, value in scope.items() if key != narrowing}
            other = by_scope.get(_key(member, wider)) if scope.get(narrowing) else None
            if other:
                message = (
                    f"may overlap endpoint {_name(other)} on line {other.table.line}: files in both are listed twice"
                )
                yield _at(member.table, member.path, message, file)


def _misplaced_id(member: ComparedEndpoint, file: Path) -> Iterator[ConfigProblem]:
    node = member.table.nodes.get("project_id")
    if node and _AUTODESK_ID.fullmatch(str(as_written(node))):
        message = "project_id here is your own label and decides nothing; Autodesk's id belongs under endpoint_details"
        yield _at(node, f"{member.path}.project_id", message, file)


def _broken_ids(member: ComparedEndpoint, file: Path) -> Iterator[ConfigProblem]:
    """Remark on an id that lost a part, or got one too many, when it was copied."""
    for key in ("project_id", "hub_id"):
        node = _details(member).get(key)
        text = str(to_value(node)).strip() if node else ""
        if node and _PART_OF_ID.fullmatch(text) and not _AUTODESK_ID.fullmatch(text):
            length = len(text.lower().removeprefix("b."))
            message = (
                f"not a whole id: {length} characters, where 36 in groups of 8-4-4-4-12 are needed; "
                "filesync discover autodesk lists the ids"
            )
            yield _at(node, f"{member.path}.endpoint_details.{key}", message, file)


def _folder_as_drive(member: ComparedEndpoint, file: Path) -> Iterator[ConfigProblem]:
    """Remark on a shared drive's id that has the form of a folder's: the service would only say that there is none."""
    node = _details(member).get("drive_id")
    if node and _DRIVE_FOLDER.fullmatch(str(as_written(node))):
        message = "looks like a folder's id, for a shared drive's begins with 0A; a folder's belongs in folder_id"
        yield _at(node, f"{member.path}.endpoint_details.drive_id", message, file)


def _hubs_as_projects(members: Sequence[ComparedEndpoint], file: Path) -> Iterator[ConfigProblem]:
    """Find projects whose id is the hub's, as the file itself says elsewhere."""
    hubs = {_bare_id(node): node for each in members if (node := _details(each).get("hub_id"))}
    for member in members:
        node = _details(member).get("project_id")
        hub = hubs.get(_bare_id(node)) if node else None
        if node and hub:
            message = f"the hub's id, as line {hub.line} has it; filesync discover lists the ids of its projects"
            yield _at(node, f"{member.path}.endpoint_details.project_id", message, file)


def _details(member: ComparedEndpoint) -> Mapping[str, Node]:
    details = member.table.nodes.get("endpoint_details")
    return details.nodes if isinstance(details, MappingNode) else {}


def _bare_id(node: Node) -> str:
    return str(as_written(node)).lower().removeprefix("b.")


def _placeholders(member: ComparedEndpoint, file: Path) -> Iterator[ConfigProblem]:
    for key, node in _details(member).items():
        if _PLACEHOLDER.search(str(as_written(node))):
            path = f"{member.path}.endpoint_details.{key}"
            yield _at(node, path, "still the example's placeholder: put the real id here", file)


def _uneven_steps(member: ComparedEndpoint, file: Path) -> Iterator[ConfigProblem]:
    schedule = member.table.nodes.get("schedule")
    node = schedule.nodes.get("cron") if isinstance(schedule, MappingNode) else None
    remark = uneven_step(str(as_written(node))) if node else ""
    if node and remark:
        yield _at(node, f"{member.path}.schedule.cron", remark, file)


def _key(member: ComparedEndpoint, scope: Mapping[str, Any]) -> str:
    """Write a scope so that equal ones are equal text, whether what is absent is named or not."""
    given = {key: value for key, value in scope.items() if value not in (None, False, "")}
    return json.dumps([member.endpoint_type, given], sort_keys=True)


def _name(member: ComparedEndpoint) -> str:
    return shown(member.name or "")


def _at(node: Node, path: str, message: str, file: Path) -> ConfigProblem:
    return ConfigProblem(node.line, node.column, path, message, file=file)
