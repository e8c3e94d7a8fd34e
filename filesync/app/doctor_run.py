"""The examination of a home: each check of the doctor with the facts that it needs, one area after the other."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filesync.app.doctor_context import DoctorContext
from filesync.app.endpoint_check import EndpointCheck, proofs
from filesync.app.endpoint_names import check_names
from filesync.app.endpoint_status import endpoint_statuses
from filesync.app.home import Home
from filesync.app.logins import missing_logins
from filesync.app.notify_targets import target_rows
from filesync.app.timers import only_here
from filesync.config import Config
from filesync.config.file import service_of
from filesync.core.errors import ConfigError, FilesyncError, StoreError, UsageError
from filesync.doctor import (
    commands,
    configuration,
    database,
    disks,
    leftovers,
    network,
    paths,
    scheduler,
    secrets,
    syncs,
)
from filesync.doctor.findings import CHECKS, Finding, Skipped, fail
from filesync.http import HttpAttempt
from filesync.runtime.environment import is_secret
from filesync.runtime.log import nowhere
from filesync.runtime.misspellings import misspelled
from filesync.runtime.settings import DEFAULTS, LOG_FILE
from filesync.store.database import damage_named
from filesync.store.read import diagnostics
from filesync.sync.provider_factory import ProviderFactory

if TYPE_CHECKING:
    from datetime import timedelta

Result = Finding | Skipped

_NO_CONFIG = "connector.yaml cannot be used"
_OF_EACH_SET = 3  # members whose service is asked
_MAX_FILES = 5


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """What is asked of the doctor; without `endpoints` every active one's service is asked."""

    endpoints: Sequence[str] = ()
    offline: bool = False


def examine(home: Home, wanted: DoctorOptions) -> Iterator[Result]:
    """Make every check there is, in the order of CHECKS; nothing is changed.

    Raises UsageError for an unknown name, ConfigError where there is no home to look at.
    """
    _, context = home.path, DoctorContext(home)
    if context.config and not context.config.sets:  # who is in a set its service tells
        check_names(wanted.endpoints, [each.name for each in context.config.endpoints])
    for area, checks in CHECKS.items():
        yield from _kept_going(area, checks[0], _AREAS[area](context, wanted))


def _kept_going(area: str, check: str, results: Iterator[Result]) -> Iterator[Result]:
    """Make an area's checks; what stops them is a finding, and the next area's are made all the same."""
    try:
        yield from results
    except UsageError:
        raise
    except FilesyncError as error:
        yield fail(area, check, str(error), "do what it says, then: filesync doctor")
    except OSError as error:
        detail = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        yield fail(area, check, detail, "let the user who runs filesync read it, then: filesync doctor")


def _program(_: DoctorContext, __: DoctorOptions) -> Iterator[Result]:
    yield database.check_sqlite()


def _configuration(context: DoctorContext, _: DoctorOptions) -> Iterator[Result]:
    settings, config = context.settings, context.config
    misnamed = [*misspelled(context.written, config.variables)] if config else []
    yield configuration.check_variables(context.mistakes, misnamed, settings.home / ".env")
    yield configuration.check_file(config, context.config_error, context.given.config_path)
    if config is None:
        yield from (Skipped("configuration", each, _NO_CONFIG) for each in ("remarks", "logins"))
        return
    yield from configuration.check_remarks(config.notices)
    yield from configuration.check_logins([*missing_logins(context.quiet_home)], context.login_problems)


def _paths(context: DoctorContext, _: DoctorOptions) -> Iterator[Result]:
    home, config = context.home, context.given.config_path
    places = paths.HomePaths(home, config, context.database, context.locks, home / LOG_FILE, context.tokens)
    yield from paths.check_places(places, context.runner)
    yield from disks.check_kind([places.database.parent, places.tokens])
    yield from disks.check_room([places.log.parent, places.tokens], places.database)


def _secrets(context: DoctorContext, _: DoctorOptions) -> Iterator[Result]:
    held = [name for name, value in context.written.items() if is_secret(name) and value]
    yield secrets.check_env(context.env, held)
    yield from secrets.check_keys(context.key_files(), context.home)
    yield from secrets.check_tokens(context.tokens, context.runner)
    held_in = secrets.inventory_files(context.home, context.database)
    yield secrets.check_inventory(held_in, context.database, context.settings.file_mode)
    yield from _leftovers(context)


def _leftovers(context: DoctorContext) -> Iterator[Result]:
    """Look for keys that were written down, in rows and then in files; what else the database has is said later."""
    clock, rows = context.given.clock, []
    with contextlib.suppress(StoreError), damage_named(context.address), context.reading() as found:
        rows = [*leftovers.check_rows(found, clock)] if found else []
    yield from rows
    logs, are_clean = (context.home / LOG_FILE).parent, leftovers.is_clean(rows)
    yield from leftovers.check_files(logs, context.database, clock, rows_are_clean=are_clean)


def _database(context: DoctorContext, _: DoctorOptions) -> Iterator[Result]:
    if isinstance(context.address, Path):
        yield from database.check_database(context.address, context.given.clock)
    else:
        yield from database.check_server(context.address, context.given.clock)


def _logins(context: DoctorContext, _: DoctorOptions) -> Iterator[Result]:
    try:
        states = context.logins
    except ConfigError:  # connector.yaml is no file that can be read, as was said above
        yield Skipped("logins", "login", _NO_CONFIG)
        return
    yield from commands.check_logins([commands.KnownLogins(state.to_row(), state.log_in) for state in states])


def _scheduler(context: DoctorContext, _: DoctorOptions) -> Iterator[Result]:
    timers, starts, owner = context.timers, context.starts, context.runner
    if owner.is_us or timers:
        yield from scheduler.check_installed(timers, starts)
    else:
        yield Skipped("scheduler", "installed", f"only {owner.name} can see the crontab of {owner.name}")
    for each in timers:  # root starts no program that may be another user's
        yield scheduler.check_program(each, context.home, may_start=owner.is_us)
    missing = only_here(context.given.environ, context.written, [*DEFAULTS])
    yield scheduler.check_variables(timers, missing, context.env)
    yield from scheduler.check_starts(timers, starts)


def _syncs(context: DoctorContext, _: DoctorOptions) -> Iterator[Result]:
    now, running = context.given.clock.now(), context.running
    with context.reading() as found:
        if found is None:
            yield from (Skipped("syncs", each, "there is no database to look at") for each in CHECKS["syncs"])
            return
        waiting, odd = diagnostics.waiting_removals(found), diagnostics.odd_entries(found)
        left_out, withheld = diagnostics.left_out(found), diagnostics.all_withheld(found)
    if context.config is None:
        yield Skipped("syncs", "endpoints", _NO_CONFIG)
    else:
        yield from syncs.check_endpoints(endpoint_statuses(context.quiet_home), left_out)
    yield syncs.check_dead(context.open_syncs, running)
    yield from syncs.check_locks(context.held, context.open_syncs, running, now)
    yield from syncs.check_removals(waiting, running, now)
    yield from syncs.check_filters(withheld)
    yield from syncs.check_odd(odd)


def _notify(context: DoctorContext, _: DoctorOptions) -> Iterator[Result]:
    with context.reading() as found:
        is_readable = found is not None or not context.may_have_database()
    if context.config is None or not is_readable:
        yield Skipped("notify", "target", _NO_CONFIG if context.config is None else "there is no database to look at")
        return
    yield from commands.check_targets([*target_rows(context.quiet_home)])


def _network(context: DoctorContext, wanted: DoctorOptions) -> Iterator[Result]:
    environ = context.given.environ
    yield from network.check_proxies(environ, context.written, offline=wanted.offline)
    yield from network.check_authorities(environ, context.written)


def _services(context: DoctorContext, wanted: DoctorOptions) -> Iterator[Result]:
    config, reason = context.config, _reason_to_ask_nobody(context, wanted)
    if config is None or reason:
        yield from (Skipped("services", each, reason or _NO_CONFIG) for each in CHECKS["services"])
        return
    home, times = context.quiet_home, _Times(context.quiet_home, config)
    opened = ProviderFactory(config, home.clock, home.random, home.redactor, nowhere(), times.note)
    for proof in proofs(home, wanted.endpoints, _MAX_FILES, opened=opened, of_each_set=_OF_EACH_SET):
        yield _reached(proof, context.login_problems)
    yield from commands.check_clock(times.apart)


def _reason_to_ask_nobody(context: DoctorContext, wanted: DoctorOptions) -> str:
    if wanted.offline:
        return "offline: nobody is asked"
    if not context.runner.is_us:
        return f"what root asks would leave files that {context.runner.name} cannot use"
    return ""


def _reached(proof: EndpointCheck, login_problems: Sequence[str]) -> Result:
    failed = next((step for step in proof.steps if step.ok is False), None)
    if failed and failed.name == "login" and any(problem in failed.detail for problem in login_problems):
        return Skipped("services", "reach", f"{proof.endpoint}: its login is not there", proof.endpoint)
    said = (failed or proof.steps[-1]).detail
    return commands.check_reach(commands.Reached(proof.endpoint, failed.name if failed else "", said, proof.exit_code))


class _Times:
    """How far the services' clocks are from ours, by service, as their answers come."""

    def __init__(self, home: Home, config: Config) -> None:
        self._now = home.clock.now
        kinds = {each.name: each.kind for each in config.endpoints}
        kinds |= {each.name: each.template.kind for each in config.sets}
        with contextlib.suppress(StoreError):  # then the members of sets are not known
            kinds |= {each.name: each.kind for each in home.endpoints()}
        self._services = {name: service for name, kind in kinds.items() if (service := service_of(kind))}
        self.apart: dict[str, list[timedelta]] = {service: [] for service in self._services.values()}

    def note(self, facts: Mapping[str, str], attempt: HttpAttempt) -> None:
        service = self._services.get(facts.get("endpoint") or facts.get("set") or "")
        if service and attempt.answered_at:
            self.apart[service].append(self._now() - attempt.answered_at)


_AREAS: Mapping[str, Callable[[DoctorContext, DoctorOptions], Iterator[Result]]] = {
    "program": _program,
    "configuration": _configuration,
    "paths": _paths,
    "secrets": _secrets,
    "database": _database,
    "logins": _logins,
    "scheduler": _scheduler,
    "syncs": _syncs,
    "notify": _notify,
    "network": _network,
    "services": _services,
}
