"""`notify:` of connector.yaml: who is told, globally and for one endpoint, and what would be wrong with it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from filesync.config.models import Length, to_length
from filesync.config.problems import key_path, shown
from filesync.config.validate import Validator
from filesync.config.values import as_written, is_broken, to_value
from filesync.config.yaml_tree import ListNode, MappingNode, Node, ScalarNode
from filesync.core.alerts import TROUBLES, Command, Event, Ping, Target, Webhook
from filesync.core.durations import format_duration
from filesync.core.redaction import Secret
from filesync.core.sanitize import did_you_mean
from filesync.core.url_policy import address_problem, without_path
from filesync.providers.details import Section

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_LONGEST_TIMEOUT = 60  # seconds of one delivery


def to_timeout(value: Any) -> Any:
    """Read a length of at most a minute: a start waits that long at its end."""
    length = to_length(value)
    if length.total_seconds() > _LONGEST_TIMEOUT:
        raise ValueError(f"at most {_LONGEST_TIMEOUT} s are allowed")
    return length


_LENGTH = WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[smhdw]\s*$", "examples": ["10s"]})
Timeout = Annotated[Any, BeforeValidator(to_timeout), _LENGTH]
EventName = Literal["failure", "recovered", "partial", "stale", "login_expiring", "changes"]
ALERTS: tuple[EventName, ...] = ("failure", "recovered", "partial", "stale", "login_expiring")
Word = Annotated[str, Field(min_length=1)]


class PingModel(Section):
    """A dead-man switch in the manner of healthchecks.io: URL/start, URL, URL/fail."""

    type: Literal["ping"]
    url: str = Field(min_length=1, description="The ping address, which is a secret: normally ${NAME}.")
    timeout: Timeout = Field("5s", validate_default=True, description="Of one request.")
    allow_http: bool = Field(False, description="Whether http to another machine is fine.")


class WebhookModel(Section):
    """An address that messages are posted to as JSON."""

    type: Literal["webhook"]
    url: str = Field(min_length=1, description="The address; normally ${NAME}.")
    secret: str | None = Field(None, description="Signs every message (HMAC-SHA256); normally ${NAME}.")
    events: tuple[EventName, ...] = Field(ALERTS, min_length=1, description="What to tell.")
    timeout: Timeout = Field("10s", validate_default=True, description="Of one request.")
    give_up_after: Length = Field("3d", validate_default=True, description="How long a message is tried again.")
    allow_http: bool = Field(False, description="Whether http to another machine is fine.")


class CommandModel(Section):
    """A program that gets each message as JSON on its stdin."""

    type: Literal["command"]
    command: tuple[Word, ...] = Field(min_length=1, description="The program and its arguments; no shell.")
    events: tuple[EventName, ...] = Field(ALERTS, min_length=1, description="What to tell.")
    timeout: Timeout = Field("30s", validate_default=True, description="Of one call; then it is killed.")
    give_up_after: Length = Field("3d", validate_default=True, description="How long a message is tried again.")


TargetModel = PingModel | WebhookModel | CommandModel
TARGETS: Mapping[str, type[TargetModel]] = {"ping": PingModel, "webhook": WebhookModel, "command": CommandModel}


class Targets:
    """The targets of one file: the global ones, and what each endpoint makes of them."""

    def __init__(self, checker: Validator, root: Node) -> None:
        self._checker = checker
        node = root.nodes.get("notify") if isinstance(root, MappingNode) else None
        self._known = set(node.nodes) if isinstance(node, MappingNode) else set()
        self.everywhere = tuple(self._made(node, "notify", own=False))

    def of_endpoint(self, table: MappingNode, path: str) -> tuple[Target, ...]:
        """Give an endpoint's targets: the global ones but for those that it replaces or switches off, and its own."""
        node = table.nodes.get("notify")
        if not isinstance(node, MappingNode):
            return self.everywhere
        kept = tuple(each for each in self.everywhere if each.name not in node.nodes)
        return (*kept, *self._made(node, f"{path}.notify", own=True))

    def _made(self, node: Node | None, path: str, *, own: bool) -> Iterator[Target]:
        for name, each in node.nodes.items() if isinstance(node, MappingNode) else ():
            here = key_path(path, name)
            if not _NAME.fullmatch(name):
                self._checker.add(node.keys[name], here, "a name of letters, digits, - and _ is needed")  # type: ignore[union-attr]
            elif own and isinstance(each, ScalarNode) and to_value(each) is False:
                self._check_switched_off(name, each, here)
            else:
                yield from self._target(name, each, here, own=own)

    def _check_switched_off(self, name: str, node: Node, path: str) -> None:
        if name not in self._known:
            guess = did_you_mean(name, self._known)
            self._checker.add(
                node, path, f"found 'false': {guess}only a target of the top-level notify can be left out"
            )

    def _target(self, name: str, node: Node, path: str, *, own: bool) -> Iterator[Target]:
        model = self._model(node, path)
        made = self._checker.check(model, node, path, elsewhere=_elsewhere(model)) if model else None
        if made is None:
            return
        before = len(self._checker.mistakes)
        self._check_target(made, node, path)
        if len(self._checker.mistakes) == before:
            yield _to_target(name, made, self._checker.settings.home, _from_variables(node), own=own)

    def _model(self, node: Node, path: str) -> type[TargetModel] | None:
        choice = f"allowed types: {', '.join(TARGETS)}"
        if not isinstance(node, MappingNode):
            self._checker.add(node, path, f"a mapping is needed: lines of key: value; {choice}")
            return None
        written = node.nodes.get("type")
        found = written.filled if isinstance(written, ScalarNode) else None
        if found in TARGETS:
            return TARGETS[found or ""]
        if written is None or not found:
            self._checker.add(written or node, f"{path}.type", f"key 'type' is missing; {choice}")
        elif not is_broken(written):
            guess = did_you_mean(found, TARGETS)
            self._checker.add(written, f"{path}.type", f"found {shown(as_written(written))}: {guess}{choice}")
        return None

    def _check_target(self, made: TargetModel, node: Node, path: str) -> None:
        nodes = node.nodes if isinstance(node, MappingNode) else {}
        if not isinstance(made, CommandModel):
            problem = address_problem(made.url, allow_http=made.allow_http)
            if problem:  # the address is not repeated: it may be a secret
                self._checker.add(nodes["url"], f"{path}.url", problem)
        if isinstance(made, PingModel):
            return
        if "recovered" in made.events and not {*made.events} & {*TROUBLES}:
            message = "recovered needs failure, partial or stale beside it: it reports the end of what they report"
            self._checker.add(nodes["events"], f"{path}.events", message)


def _elsewhere(model: type[BaseModel]) -> Mapping[str, str]:
    """Say of each key that other types have which those are."""
    keys = {key for other in TARGETS.values() for key in other.model_fields} - model.model_fields.keys()
    having = {key: [name for name, other in TARGETS.items() if key in other.model_fields] for key in keys}
    return {key: f"it goes with type: {' or '.join(names)} only" for key, names in having.items()}


def _from_variables(node: Node) -> frozenset[str]:
    """Name a command's arguments that hold the value of a variable."""
    written = node.nodes.get("command") if isinstance(node, MappingNode) else None
    words = written.nodes if isinstance(written, ListNode) else ()
    texts = [(each.text, each.filled) for each in words if isinstance(each, ScalarNode)]
    return frozenset(filled for text, filled in texts if filled and filled != text)


def _to_target(name: str, made: TargetModel, home: Path, secrets: frozenset[str], *, own: bool) -> Target:
    seconds = made.timeout.total_seconds()
    if isinstance(made, PingModel):
        return Target(name, Ping(Secret(made.url), made.allow_http), timeout=seconds, own=own)
    events = frozenset(map(Event, made.events))
    if isinstance(made, WebhookModel):
        way: Webhook | Command = Webhook(Secret(made.url), Secret(made.secret or ""), made.allow_http)
    else:
        program, *arguments = made.command
        way = Command((str(home / program) if "/" in program else program, *arguments), secrets & {*arguments})
    return Target(name, way, events, seconds, made.give_up_after, own)


def in_words(target: Target, mask: str) -> Mapping[str, Any]:
    """Write a target for people's eyes: no path of its address, no secret, `mask` for what may be one."""
    way = target.way
    seconds = {"timeout": f"{target.timeout:g}s"}
    if isinstance(way, Ping):
        return {"type": "ping", "url": without_path(way.url.reveal()), **seconds}
    more = {
        "events": sorted(each.value for each in target.events),
        "give_up_after": format_duration(target.keep),
        **seconds,
    }
    if isinstance(way, Webhook):
        return {"type": "webhook", "url": without_path(way.url.reveal()), "is_signed": bool(way.secret), **more}
    return {"type": "command", "command": [mask if each in way.secrets else each for each in way.argv], **more}
