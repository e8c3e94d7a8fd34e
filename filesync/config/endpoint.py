"""Endpoints: one scope to read each; and sets, which make one of each member that their service named last."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from filesync.core.errors import ResponseError
from filesync.core.filters import NameGlobs, Selection
from filesync.core.model import KnownMember, Member, SetSource, State
from filesync.core.schedule import Schedule
from filesync.core.timestamps import Timestamp
from filesync.providers.base import MakesSets, ProviderKind
from filesync.providers.details import FilterDetails
from filesync.runtime.settings import Settings

if TYPE_CHECKING:
    from filesync.core.alerts import Target

LONGEST_NAME = 200  # characters of an endpoint's name
_ID_START = 8  # characters of an id that tell two members of one name apart


@dataclass(frozen=True, slots=True)
class Membership:
    """Which set an endpoint belongs to, and as what.

    `state` is what its provider need not ask. An archived member rests: its project is closed, or no longer listed.
    """

    set_name: str
    source: SetSource
    member_id: str
    state: State
    archived_at: Timestamp | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One scope to keep an inventory of.

    `details` is what the provider's own model made of `endpoint_details`; `details_text` is the
    same as written, `${NAME}` unexpanded. `scope` are the service's ids that identify the endpoint.
    `expected_unreadable` are folder paths without slashes around them.
    """

    name: str
    endpoint_type: str
    project_id: str | None
    user_id: str | None
    is_active: bool
    details: Any
    details_text: Mapping[str, Any]
    scope: Mapping[str, Any]
    selection: Selection
    schedule: Schedule
    reconcile_every: timedelta
    max_delete_percent: float
    time_limit: timedelta
    expected_unreadable: tuple[str, ...]
    kind: ProviderKind
    credentials: str = ""  # name of the set of credentials, '' for the environment's
    membership: Membership | None = None  # None: the file names it
    notify: "tuple[Target, ...]" = ()  # who is told about it, also of those that are told about all

    @property
    def archived_at(self) -> Timestamp | None:
        return self.membership.archived_at if self.membership else None


@dataclass(frozen=True, slots=True)
class CheckedMember:
    """A member's details as its kind's model made them, and what follows from them."""

    details: Any
    scope: Mapping[str, Any]
    selection: Selection


@dataclass(frozen=True, slots=True)
class EndpointSet:
    """A set as the file declares it.

    `template` is what its members have in common: `details` are the set's own, `scope` is what is asked for.
    `values` and `text` are the details that members inherit, filled in and as written. `checked` remembers members
    that were checked, by their own details as JSON; None: no endpoint can be made of those.
    """

    template: Endpoint
    ability: MakesSets
    names: NameGlobs
    values: Mapping[str, Any]
    text: Mapping[str, Any]
    settings: Settings
    checked: dict[str, CheckedMember | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.template.name

    @property
    def source(self) -> SetSource:
        question = json.dumps(self.template.scope, sort_keys=True, ensure_ascii=False)
        return SetSource(self.template.endpoint_type, self.template.credentials, question)


KnownMembers = Mapping[SetSource, Sequence[KnownMember]]


@dataclass(frozen=True, slots=True)
class _Place:
    """A member in the set that it falls to."""

    owner: EndpointSet
    known: KnownMember
    checked: CheckedMember

    def order(self) -> tuple[str, str, str]:
        """Who has had its name for longest keeps it."""
        return self.known.named_at, self.known.first_seen_at, self.known.member.id

    def name(self, suffix: str) -> str:
        member = self.known.member
        return _fitted(self.owner.name, self.owner.ability.placeholders, one_line(member.name) or member.id, suffix)


def expand(explicit: Sequence[Endpoint], sets: Sequence[EndpointSet], known: KnownMembers) -> list[Endpoint]:
    """Give every endpoint: the explicit ones, then those of each set, in the order of their names.

    A member that an explicit endpoint, or a set before, reads as a whole is left out; so is one whose ids are none.
    """
    if not sets:
        return [*explicit]
    places = _places(explicit, sets, known)
    names = _names(places, {endpoint.name for endpoint in explicit})
    made = [_to_endpoint(place, names[at]) for at, place in enumerate(places)]
    order = {each.name: at for at, each in enumerate(sets)}
    made.sort(key=lambda each: (order[each.membership.set_name] if each.membership else 0, each.name))
    return [*explicit, *made]


def one_line(name: str) -> str:
    """Make a service's name fit for an endpoint's: one line of printable characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in name).split())


def free_name(name: str, member_id: str, taken: Collection[str]) -> str:
    """Make a service's name one that an endpoint may have; where it is taken, the start of the id goes behind it."""
    shown = one_line(name) or member_id
    names = (_fitted("{}", ("{}",), shown, suffix) for suffix in chain([""], _suffixes(member_id)))
    return next(each for each in names if each not in taken)


def check_members(owner: EndpointSet, members: Sequence[Member]) -> None:
    """Raise ResponseError when no endpoint can be made of some member: then the answer is not to be relied on."""
    for member in members:
        if _checked(owner, member) is None:
            raise ResponseError(f"the service named {member.id[:100]!r}, which is no id, so its answer is not used")


def _places(explicit: Sequence[Endpoint], sets: Sequence[EndpointSet], known: KnownMembers) -> Sequence[_Place]:
    """Give each member to the first set that wants it and has it live, else to the first one that had it."""
    own = {_whole(endpoint) for endpoint in explicit}
    places: dict[tuple[str, str], _Place] = {}
    for each in sets:
        for member in known.get(each.source, ()):
            key = (each.template.endpoint_type, member.member.id)
            if key in own or not each.names.match(member.member.name):
                continue
            first = places.get(key)
            if first is None or (first.known.archived_at and not member.archived_at):
                checked = _checked(each, member.member)
                if checked is not None:  # else stored by a version that did not check answers
                    places[key] = _Place(each, member, checked)
    return [*places.values()]


def _checked(owner: EndpointSet, member: Member) -> CheckedMember | None:
    """Make the details of a member's endpoint, once; None when they are wrong."""
    key = json.dumps(member.details, sort_keys=True, ensure_ascii=False)
    if key not in owner.checked:
        owner.checked[key] = _check(owner, member)
    return owner.checked[key]


def _check(owner: EndpointSet, member: Member) -> CheckedMember | None:

    kind = owner.template.kind
    try:
        details = kind.details().model_validate({**owner.values, **member.details}, context=owner.settings)
    except ValidationError:
        return None
    selection = details.selection() if isinstance(details, FilterDetails) else owner.template.selection
    return CheckedMember(details, kind.scope(details), selection)


def _whole(endpoint: Endpoint) -> tuple[str, str | None]:
    kind = endpoint.kind
    return endpoint.endpoint_type, kind.stands_for(endpoint.scope) if isinstance(kind, MakesSets) else None


def _names(places: Sequence[_Place], taken: set[str]) -> dict[int, str]:
    """Name every member, by its position; of two with one name all but the first get the start of their ids behind."""
    names: dict[int, str] = {}
    used = set(taken)
    late = []
    for at in sorted(range(len(places)), key=lambda at: places[at].order()):
        plain = places[at].name("")
        if plain in used:
            late.append(at)
        else:
            names[at] = plain
            used.add(plain)
    for at in late:
        names[at] = next(
            name for name in map(places[at].name, _suffixes(places[at].known.member.id)) if name not in used
        )
        used.add(names[at])
    return names


def _suffixes(member_id: str) -> Iterator[str]:
    bare = one_line(member_id).removeprefix("b.")
    for length in range(_ID_START, len(bare) + 1):
        yield f" ({bare[:length]})"
    for number in count(2):
        yield f" ({bare[:_ID_START]}, {number})"


def _fitted(template: str, placeholders: Sequence[str], name: str, suffix: str) -> str:
    """Put a member's name into the set's, cut so that the whole is not too long."""
    for placeholder in placeholders:
        template = template.replace(placeholder, "\0")
    room = (LONGEST_NAME - len(suffix) - len(template.replace("\0", ""))) // max(1, template.count("\0"))
    name = name if len(name) <= room else f"{name[: max(0, room - 1)].rstrip()}…"
    return f"{template.replace(chr(0), name).strip()}{suffix}"


def _to_endpoint(place: _Place, name: str) -> Endpoint:
    owner, member, checked = place.owner, place.known.member, place.checked
    template = owner.template
    return replace(
        template,
        name=name,
        details=checked.details,
        details_text={**owner.text, **member.details},
        scope=checked.scope,
        selection=checked.selection,
        membership=Membership(owner.name, owner.source, member.id, member.state, place.known.archived_at),
    )
