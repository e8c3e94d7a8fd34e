"""Proof: whether an endpoint works against its live service, shown step by step; nothing lasting is written."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filesync.app.endpoint_names import check_names, set_of
from filesync.app.home import Home
from filesync.config import Endpoint, EndpointSet
from filesync.core.errors import FilesyncError, StoreError
from filesync.core.filters import as_segment, is_within
from filesync.core.identity import check_identity
from filesync.core.model import (
    Batch,
    Candidate,
    FolderListed,
    Identity,
    KnownMember,
    Members,
    Page,
    Rooted,
    SetSource,
    Unreadable,
)
from filesync.core.timestamps import to_timestamp
from filesync.http.counters import Counters
from filesync.providers.base import Known, Provider, identity_in_use
from filesync.runtime.clock import Clock, Stop
from filesync.store.write.sync_log import Outcome
from filesync.sync.endpoint import OpenProvider
from filesync.sync.options import SyncOptions
from filesync.sync.provider_factory import ProviderFactory
from filesync.sync.provider_factory import provider_factory as opener
from filesync.sync.session import SyncSession, exit_code, failure_code
from filesync.sync.workers import sync_due

_MOST_BATCHES = 50  # a project of empty folders must come to an end as well
_NAMED = 5
_PARTLY = 3  # exit code: something could not be read


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a proof; `ok` None means that an earlier step stands in the way."""

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class EndpointCheck:
    """What was found out about one endpoint; the exit code is the one a sync would have."""

    endpoint: str
    steps: Sequence[CheckStep]
    exit_code: int

    def rows(self) -> Iterator[Mapping[str, Any]]:
        for step in self.steps:
            yield {"endpoint": self.endpoint, "step": step.name, "ok": step.ok, "detail": step.detail}


def prove(  # noqa: PLR0913  the doors of a sync
    endpoint: Endpoint,
    open_provider: OpenProvider,
    clock: Clock,
    stop: Stop,
    max_files: int,
    read_as: Identity | None = None,
) -> EndpointCheck:
    """Read the beginning of one endpoint into a throw-away database, as a trial of `sync` does.

    `read_as` is the identity of the syncs so far: under another one the next sync would stop.
    """
    witness = _Witness(endpoint.name, read_as, endpoint.expected_unreadable)

    def open_watched(endpoint: Endpoint, stop: Stop, counters: Counters) -> Provider:
        provider = open_provider(endpoint, stop, counters)
        witness.provider, witness.continuous = provider, provider.continuous
        return witness

    with tempfile.TemporaryDirectory(prefix="filesync-check-") as folder:
        choice = SyncOptions(names=(endpoint.name,), max_files=max_files)
        report = sync_due(SyncSession([endpoint], Path(folder) / "check.db", choice, clock, stop, open_watched))
    outcome = report.outcomes[0] if report.outcomes else None
    code = exit_code(report)  # of a trial, which is never called partial
    return EndpointCheck(endpoint.name, _steps(witness, outcome), _PARTLY if code == 0 and witness.unreadable else code)


def prove_set(
    declared: EndpointSet, opener: ProviderFactory, clock: Clock, read_as: Identity | None = None
) -> tuple[EndpointCheck | None, Sequence[KnownMember]]:
    """Ask for a set's members; the proof is None when there are some, for then each of them is proven.

    `read_as` is the identity that was told them last: under another one the next sync would not take the answer.
    """
    now = to_timestamp(clock.now())
    try:
        members = opener.members(declared, Stop(clock))
        check_identity(declared.name, read_as, members.identity if isinstance(members, Members) else None)
    except FilesyncError as exc:
        is_login = exc.error_type == "login"
        step = CheckStep("login" if is_login else "reach", ok=False, detail=str(exc))
        before = () if is_login else (CheckStep("login", ok=None, detail="unknown"),)
        after = ("reach", "listing") if is_login else ("listing",)
        steps = (*before, step, *(_not_tried(name) for name in after))
        return EndpointCheck(declared.name, steps, failure_code(exc.error_type)), ()
    found = [KnownMember(member, now, now) for member in members]
    if any(declared.names.match(member.name) for member in members):
        return None, found
    detail = f"none of the {len(members)} that the service names is wanted by {declared.ability.set_key}"
    steps = (
        CheckStep("login", ok=True, detail="accepted"),
        CheckStep("reach", ok=True, detail=detail),
        _not_tried("listing"),
    )
    return EndpointCheck(declared.name, steps, 0), found


@dataclass
class _Witness:
    """Stands between a provider and the store, and remembers what was said."""

    endpoint: str
    read_as: Identity | None
    expected_unreadable: Sequence[str] = ()
    provider: Provider | None = None
    continuous: bool = True
    rooted: Rooted | None = None
    files: int = 0
    folders: int = 0
    listed: bool = False
    unreadable: list[str] = field(default_factory=list)  # why, of each folder but those that are expected to be so
    paths: dict[str, str] = field(default_factory=dict)
    left: Sequence[str] = ()

    def read(self, known: Known) -> Iterator[Batch]:
        assert self.provider is not None  # noqa: S101  it was opened before it is read
        check_identity(self.endpoint, self.read_as, identity_in_use(self.provider))
        for number, batch in enumerate(self.provider.read(known)):
            self._note(batch)
            yield batch
            if number >= _MOST_BATCHES:
                return

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        assert self.provider is not None  # noqa: S101  it was opened before
        return self.provider.resolve(candidates, known)

    def left_out(self) -> Sequence[str]:
        return self.provider.left_out() if self.provider else ()

    def _note(self, batch: Batch) -> None:
        if isinstance(batch, Rooted):
            self.rooted = batch
        elif isinstance(batch, Unreadable):
            expected = is_within(self.paths.get(batch.folder_id, ""), self.expected_unreadable)
            self.unreadable += [] if expected else [batch.reason]
        elif isinstance(batch, Page | FolderListed):
            self.listed = True
            self.files += len(batch.files)
            self.folders += len(batch.folders)
            for folder in batch.folders:
                self.paths[folder.id] = f"{self.paths.get(folder.parent_id or '', '')}/{as_segment(folder.name)}"
        self.left = self.left_out()


def _steps(witness: _Witness, outcome: Outcome | None) -> Sequence[CheckStep]:
    failed = outcome is None or outcome.status == "failed"
    error = (outcome.error_message if outcome else None) or "it was stopped"
    if failed and outcome is not None and outcome.error_type == "login":
        return (CheckStep("login", ok=False, detail=error), _not_tried("reach"), _not_tried("listing"))
    if witness.rooted is None:
        return (
            CheckStep("login", ok=None, detail="unknown"),
            CheckStep("reach", ok=False, detail=error),
            _not_tried("listing"),
        )
    reached = (
        CheckStep("login", ok=True, detail="accepted"),
        CheckStep("reach", ok=True, detail=_place(witness.rooted)),
    )
    if failed:
        return (*reached, CheckStep("listing", ok=False, detail=error))
    return (*reached, CheckStep("listing", ok=not witness.unreadable, detail=_seen(witness)))


def _not_tried(name: str) -> CheckStep:
    return CheckStep(name, ok=None, detail="not tried")


def _place(rooted: Rooted) -> str:
    names = (rooted.project_name or rooted.root.name, rooted.hub_name, rooted.region)
    return ", ".join(name for name in names if name) or "found"


def _seen(witness: _Witness) -> str:
    parts = [f"{witness.files} files and {witness.folders} folders seen"]
    if not witness.files and not witness.folders:
        parts = ["it holds nothing that this login may see"]
    if witness.left:
        more = f" and {len(witness.left) - _NAMED} more" if len(witness.left) > _NAMED else ""
        parts.append(f"left out on purpose: {', '.join(witness.left[:_NAMED])}{more}")
    if witness.unreadable:
        parts.append(f"{len(witness.unreadable)} folders could not be read: {witness.unreadable[0]}")
    return "; ".join(parts)


def proofs(
    home: Home,
    names: Sequence[str],
    max_files: int,
    *,
    opened: ProviderFactory | None = None,
    of_each_set: int | None = None,
) -> Iterator[EndpointCheck]:
    """Prove what was named, else every active endpoint; sets are asked for now, and nothing of it is kept.

    `of_each_set` are the members of a set that are proven at most, unless they or the set are named.
    """
    config = home.config
    opened = opened or opener(config, home.clock, home.random, home.redactor, home.log)
    explicit = {endpoint.name for endpoint in config.endpoints}
    sets = [each for each in config.sets if each.template.is_active or each.name in names]
    found: dict[SetSource, Sequence[KnownMember]] = {}
    for each in sets if not names or not explicit.issuperset(names) else ():
        if each.source not in found:
            proof, members = prove_set(each, opened, home.clock, _asked_as(home, each))
            yield from [proof] if proof else []
            answered = home.answered().get(each.source)
            found[each.source] = members or (answered.members if proof and answered else ())
    endpoints = config.expanded(found)
    check_names(names, [*(each.name for each in sets), *(endpoint.name for endpoint in endpoints)])
    left: dict[str, int | None] = {each.name: of_each_set for each in sets}
    for endpoint in endpoints:
        if {endpoint.name, set_of(endpoint)} & {*names} if names else endpoint.is_active and _has_turn(endpoint, left):
            home.messages.detail(f"{endpoint.name}: asking the service")
            yield prove(endpoint, opened, home.clock, Stop(home.clock), max_files, home.identity_of(endpoint))


def _has_turn(endpoint: Endpoint, left: dict[str, int | None]) -> bool:
    """Return whether an endpoint is among the first of its set; `left` counts down."""
    name = set_of(endpoint)
    number = left.get(name) if name else None
    if name is None or number is None:
        return True
    left[name] = max(0, number - 1)
    return number > 0


def _asked_as(home: Home, declared: EndpointSet) -> Identity | None:
    """Return the identity that a set's members were asked for with last; None when it is unknown."""
    try:
        answered = home.answered().get(declared.source)
    except StoreError:  # of an older version, say; `sync` says what about it
        return None
    return answered.identity if answered else None
