"""Loading: from the tree to endpoints, with every mistake of the file in one go."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from filesync.config import cross_checks
from filesync.config.endpoint import Endpoint, EndpointSet
from filesync.config.file import Config, CredentialSet, to_set
from filesync.config.models import (
    SCHEDULES,
    CredentialsModel,
    DefaultDetails,
    DefaultsModel,
    EndpointKeys,
    EndpointModel,
    FileModel,
    ScheduleModel,
)
from filesync.config.notify import Targets
from filesync.config.problems import ConfigProblem, ConfigProblems, key_path, shown
from filesync.config.validate import Validator
from filesync.config.values import as_written, check_for_keys, fill, is_broken, to_value
from filesync.config.yaml_tree import ListNode, MappingNode, Node, ScalarNode, read_document
from filesync.core.alerts import Target
from filesync.core.errors import ConfigError
from filesync.core.filters import Selection
from filesync.core.key_material import is_key_material
from filesync.core.retention import Retention
from filesync.core.sanitize import did_you_mean, plain
from filesync.core.schedule import IntervalSchedule, Schedule
from filesync.providers import registry
from filesync.providers.base import MakesSets, ProviderKind, TakesCredentials
from filesync.providers.details import FilterDetails
from filesync.runtime.settings import Settings

KindOf = Callable[[str], ProviderKind]
_OF_ENDPOINT = re.compile(r"endpoints\[(\d+)\]")
_NOTHING = MappingNode(0, 0)


def load_config(path: Path, settings: Settings, kind_of: KindOf = registry.kind_of) -> Config:
    """Read connector.yaml. Raises ConfigMistakes with everything that is wrong, ConfigError when there is no file."""
    mistakes: list[ConfigProblem] = []
    root = read_document(path, mistakes)
    named = fill(root, settings.variables, path, mistakes)
    check_for_keys(root, path, mistakes)
    loader = _Loader(Validator(path, settings, mistakes), kind_of)
    config = loader.config(root)
    if mistakes:
        raise ConfigProblems(loader.named(mistakes))
    return replace(config, notices=loader.named(config.notices), variables=named)


@dataclass(frozen=True, slots=True)
class _Draft:
    """What could be made of one endpoint; None where a mistake stands in the way."""

    table: MappingNode
    path: str
    keys: EndpointModel | None
    kind: ProviderKind | None
    details_node: MappingNode | None
    details: BaseModel | None
    schedule: Schedule | None
    credentials: str
    ability: MakesSets | None  # None: an ordinary endpoint
    notify: tuple[Target, ...]


class _Loader:
    """Makes endpoints of one file's tree."""

    def __init__(self, checker: Validator, kind_of: KindOf) -> None:
        self._checker = checker
        self._kind_of = kind_of
        self._names: dict[int, str | None] = {}
        self._credentials: dict[str, CredentialSet | None] = {}  # None: there is such a set, with mistakes

    def config(self, root: Node) -> Config:
        file = self._checker.check(FileModel, root, "")
        named = self._named_credentials(root)
        inherited, filters = self._defaults(root)
        self._targets = Targets(self._checker, root)
        drafts = [self._draft(at, node.below(inherited), filters) for at, node in _endpoints(root)]
        members = [_to_member(draft) for draft in drafts]
        self._checker.mistakes.extend(cross_checks.mistakes(members, self._checker.file))
        used = {draft.credentials for draft in drafts}
        notices = [*cross_checks.notices(members, self._checker.file), *self._unused(named, used)]
        return Config(
            settings=self._checker.settings,
            endpoints=tuple(endpoint for draft in drafts if not draft.ability for endpoint in self._finished(draft)),
            sets=tuple(
                self._to_set(draft, made) for draft in drafts for made in self._finished(draft) if draft.ability
            ),
            rate_limit_percent=file.rate_limit_percent if file else 100,
            retention=self._retention(root, [draft.keys for draft in drafts if draft.keys]),
            credentials={name: each for name, each in self._credentials.items() if each},
            notices=tuple(sorted(notices)),
            notify=self._targets.everywhere,
        )

    def named(self, mistakes: Sequence[ConfigProblem]) -> tuple[ConfigProblem, ...]:
        """Add the endpoint's name to what concerns one."""
        return tuple(replace(each, endpoint=self._name_of(each.path)) for each in mistakes)

    def _name_of(self, path: str) -> str | None:
        found = _OF_ENDPOINT.match(path)
        return self._names.get(int(found[1])) if found else None

    def _retention(self, root: Node, keys: Sequence[EndpointModel]) -> Retention:
        """Check `retention`; whatever it says, nothing goes that some endpoint's mass-delete guard still counts."""
        node, policy = root.nodes.get("retention") if isinstance(root, MappingNode) else None, Retention()
        if isinstance(node, MappingNode):
            from filesync.config.retention import RetentionModel  # noqa: PLC0415  few files have that section

            made = self._checker.check(RetentionModel, node, "retention")
            policy = made.policy() if made else policy
        return replace(policy, guard=max([policy.guard, *(each.reconcile_every for each in keys)]))

    def _named_credentials(self, root: Node) -> MappingNode:
        """Check `credentials`, and remember every set by its name."""
        node = root.nodes.get("credentials") if isinstance(root, MappingNode) else None
        table = node if isinstance(node, MappingNode) else _NOTHING
        for name, each in table.nodes.items():
            path = key_path("credentials", name)
            made = self._checker.check(CredentialsModel, each, path)
            if not name.strip() or not name.isprintable():
                self._checker.add(table.keys[name], path, "a name in one line of printable characters is needed")
            self._credentials[name] = to_set(name, made, as_written(each)) if made else None
        return table

    def _unused(self, named: MappingNode, used: Collection[str]) -> Iterator[ConfigProblem]:
        for name in named.nodes:
            if name not in used:
                message = f"no endpoint says credentials: {name}, so this set is not used"
                key = named.keys[name]
                path = key_path("credentials", name)
                yield ConfigProblem(key.line, key.column, path, message, file=self._checker.file)

    def _chosen_credentials(self, table: MappingNode, path: str) -> str:
        """Give the name of the set that a section chooses; '' for none, or for one that does not exist."""
        name = (_text(table, "credentials") or "").strip()
        if not name or to_value(table.nodes["credentials"]) is None or name in self._credentials:
            return name if name in self._credentials else ""
        message = "there is no set of credentials"  # what was found stays untold: somebody may have put a secret there
        if self._credentials:
            guess = did_you_mean(name, self._credentials)
            message = f"no set of credentials has this name: {guess}allowed: {', '.join(map(plain, self._credentials))}"
        self._checker.add(table.nodes["credentials"], f"{path}.credentials", message)
        return ""

    def _check_login(self, table: MappingNode, path: str, kind: ProviderKind | None, settings: Settings) -> None:
        """Say what the chosen set lacks for this kind of endpoint."""
        if not settings.credentials or not isinstance(kind, TakesCredentials):
            return
        lack = kind.lacks(settings.variables)
        if lack:
            message = f"credentials {shown(settings.credentials)} lack {lack}, which this endpoint_type needs"
            self._checker.add(table.nodes["credentials"], f"{path}.credentials", message)

    def _settings_for(self, credentials: str) -> Settings:
        chosen = self._credentials.get(credentials)
        if chosen is None:
            return self._checker.settings
        return self._checker.settings.with_credentials(chosen.name, chosen.values)

    def _defaults(self, root: Node) -> tuple[MappingNode, MappingNode]:
        """Check `defaults`, and give what endpoints inherit: their keys, and the filters of their details."""
        node = root.nodes.get("defaults") if isinstance(root, MappingNode) else None
        if not isinstance(node, MappingNode):
            return _NOTHING, _NOTHING
        self._checker.check(DefaultsModel, node, "defaults")
        self._schedule(node, "defaults")
        self._chosen_credentials(node, "defaults")
        details = node.nodes.get("endpoint_details")
        if not isinstance(details, MappingNode):
            return _only(node, EndpointKeys), _NOTHING
        self._checker.check(DefaultDetails, details, "defaults.endpoint_details")
        return _only(node, EndpointKeys, but="endpoint_details"), _only(details, FilterDetails)

    def _draft(self, at: int, table: MappingNode, filters: MappingNode) -> _Draft:
        path = key_path("endpoints", at)
        self._names[at] = _text(table, "name") or None
        kind = self._kind(table, path)
        ability = _set_ability(kind, table)
        model = ability.set_details() if ability else kind.details() if kind else FilterDetails
        keys = self._checker.check(EndpointModel, table, path, elsewhere=_belongs_to_details(model))
        if keys and ability:
            self._check_set_name(keys.name, table, path, ability)
        credentials = self._chosen_credentials(table, path)
        settings = self._settings_for(credentials)
        self._check_login(table, path, kind, settings)
        details = _details(table, _only(filters, model))
        here = f"{path}.endpoint_details"
        elsewhere = _single(ability, kind) if kind and ability else {}
        made = None
        if kind and details:
            made = self._checker.check(model, details, here, elsewhere=elsewhere, settings=settings)
        schedule, told = self._schedule(table, path), self._targets.of_endpoint(table, path)
        return _Draft(table, path, keys, kind, details, made, schedule, credentials, ability, told)

    def _check_set_name(self, name: str, table: MappingNode, path: str, ability: MakesSets) -> None:
        if not any(placeholder in name for placeholder in ability.placeholders):
            message = (
                f"found {shown(name)}: {ability.placeholders[0]} is needed in the name of a set, for each member's"
            )
            self._checker.add(table.nodes["name"], f"{path}.name", message)

    def _to_set(self, draft: _Draft, template: Endpoint) -> EndpointSet:
        ability = cast("MakesSets", draft.ability)
        shared = _only(draft.details_node or _NOTHING, template.kind.details())
        return EndpointSet(
            template=template,
            ability=ability,
            names=getattr(template.details, ability.set_key).globs(),
            values={key: value for key, value in to_value(shared).items() if value is not None},
            text=as_written(shared),
            settings=self._settings_for(draft.credentials),
        )

    def _kind(self, table: MappingNode, path: str) -> ProviderKind | None:
        found = _text(table, "endpoint_type")
        if not found or is_key_material(found):  # said where keys are looked for
            return None
        try:
            return self._kind_of(found)
        except ConfigError as exc:
            said = str(exc).replace(found, plain(found))
            self._checker.add(table.nodes["endpoint_type"], f"{path}.endpoint_type", said)
            return None

    def _schedule(self, table: MappingNode, path: str) -> Schedule | None:
        node = table.nodes.get("schedule")
        if node is None or to_value(node) is None:
            return IntervalSchedule(timedelta(minutes=self._checker.settings.sync_interval_minutes))
        if not isinstance(node, MappingNode):
            return None  # the endpoint's own model says that it must be a mapping
        model = self._schedule_model(node, f"{path}.schedule")
        if model is None:
            return None
        made = self._checker.check(model, node, f"{path}.schedule", elsewhere=_other_schedules(model))
        return made.schedule() if made else None

    def _schedule_model(self, node: MappingNode, path: str) -> type[ScheduleModel] | None:
        written = node.nodes.get("type")
        found = _text(node, "type")
        if found in SCHEDULES:
            return SCHEDULES[found]
        choice = f"allowed types: {', '.join(SCHEDULES)}"
        if written is None or not found:
            self._checker.add(written or node, f"{path}.type", f"key 'type' is missing; {choice}")
        elif not is_broken(written):
            guess = did_you_mean(found, SCHEDULES)
            self._checker.add(written, f"{path}.type", f"found {shown(as_written(written))}: {guess}{choice}")
        return None

    def _finished(self, draft: _Draft) -> Iterator[Endpoint]:
        if draft.keys and draft.kind and draft.details and draft.schedule:
            yield _to_endpoint(draft, draft.keys, draft.kind, draft.schedule)


def _endpoints(root: Node) -> Iterator[tuple[int, MappingNode]]:
    items = root.nodes.get("endpoints") if isinstance(root, MappingNode) else None
    if isinstance(items, ListNode):
        yield from ((at, node) for at, node in enumerate(items.nodes) if isinstance(node, MappingNode))


def _text(table: MappingNode, key: str) -> str | None:
    """Give a value that must be text before its model is known."""
    node = table.nodes.get(key)
    return node.filled if isinstance(node, ScalarNode) else None


def _only(table: MappingNode, model: type[BaseModel], but: str = "") -> MappingNode:
    """Keep the keys that the model knows."""
    kept = {key for key in table.nodes if key in model.model_fields and key != but}
    return MappingNode(
        table.line,
        table.column,
        {key: scalar for key, scalar in table.keys.items() if key in kept},
        {key: node for key, node in table.nodes.items() if key in kept},
    )


def _details(table: MappingNode, filters: MappingNode) -> MappingNode | None:
    """Give an endpoint's details with the filters it inherits; None when they are no mapping."""
    own = table.nodes.get("endpoint_details")
    if own is None or (isinstance(own, ScalarNode) and to_value(own) is None):
        return MappingNode(table.line, table.column).below(filters)
    return own.below(filters) if isinstance(own, MappingNode) else None


def _belongs_to_details(model: type[BaseModel]) -> Mapping[str, str]:
    return dict.fromkeys(model.model_fields, "it belongs under endpoint_details")


def _set_ability(kind: ProviderKind | None, table: MappingNode) -> MakesSets | None:
    """Tell a set by the key that makes it one."""
    details = table.nodes.get("endpoint_details")
    if isinstance(kind, MakesSets) and isinstance(details, MappingNode) and kind.set_key in details.nodes:
        return kind
    return None


def _single(ability: MakesSets, kind: ProviderKind) -> Mapping[str, str]:
    """Say of the keys that name one thing why a set has none of them."""
    names_one = kind.details().model_fields.keys() - ability.set_details().model_fields.keys()
    return dict.fromkeys(names_one, f"with {ability.set_key} the endpoint is a set, so leave one of them out")


def _other_schedules(model: type[ScheduleModel]) -> Mapping[str, str]:
    return {
        key: f"it goes with type: {name} only"
        for name, other in SCHEDULES.items()
        if other is not model
        for key in other.model_fields
    }


def _to_member(draft: _Draft) -> cross_checks.ComparedEndpoint:
    """Tell what endpoints are compared by."""
    scope = _scope(draft, draft.kind, draft.details) if draft.kind and draft.details else None
    return cross_checks.ComparedEndpoint(
        table=draft.table,
        path=draft.path,
        name=_text(draft.table, "name"),
        endpoint_type=_text(draft.table, "endpoint_type") or "",
        scope=scope,
    )


def _scope(draft: _Draft, kind: ProviderKind, details: BaseModel) -> Mapping[str, Any]:
    """Tell what an endpoint reads; of a set also as whom, and which members it wants: two of them may share a hub."""
    if not draft.ability:
        return kind.scope(details)
    names = getattr(details, draft.ability.set_key).model_dump(mode="json")
    return {**draft.ability.set_scope(details), draft.ability.set_key: names, "credentials": draft.credentials}


def _to_endpoint(draft: _Draft, keys: EndpointModel, kind: ProviderKind, schedule: Schedule) -> Endpoint:
    details = draft.details
    return Endpoint(
        name=keys.name,
        endpoint_type=keys.endpoint_type,
        project_id=keys.project_id,
        user_id=keys.user_id,
        is_active=keys.is_active,
        details=details,
        details_text=as_written(draft.details_node),
        scope=draft.ability.set_scope(details) if draft.ability else kind.scope(details),
        selection=details.selection() if isinstance(details, FilterDetails) else Selection(),
        schedule=schedule,
        reconcile_every=keys.reconcile_every,
        max_delete_percent=keys.max_delete_percent,
        time_limit=keys.time_limit,
        expected_unreadable=keys.expected_unreadable,
        kind=kind,
        credentials=draft.credentials,
        notify=draft.notify,
    )
