"""The examination of a home: each check of the doctor with the facts that it needs, one area after the other."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filesync.app.doctor_context import Patient, may_be_there
from filesync.app.endpoint_check import Proof, proofs
from filesync.app.endpoint_names import check_names
from filesync.app.endpoint_status import endpoint_statuses
from filesync.app.home import Home
from filesync.app.logins import missing_logins
from filesync.app.notify_targets import target_rows
from filesync.app.timers import only_here
from filesync.config import Config
from filesync.config.file import service_of
from filesync.doctor import (
    configuration,
    database,
    disks,
    leftovers,
    logins,
    network,
    notify,
    paths,
    scheduler,
    secrets,
    services,
    syncs,
)
from filesync.doctor.findings import CHECKS, Finding, Skipped, fail
from filesync.errors import ConfigError, FilesyncError, StoreError, UsageError
from filesync.http import Attempt
from filesync.logs import nowhere
from filesync.settings import DEFAULTS, LOG_FILE
from filesync.store import examination
from filesync.store.overview import damage_named
from filesync.sync.opening import Opener
from filesync.variables import is_secret

if TYPE_CHECKING:
    from datetime import timedelta

Result = Finding | Skipped

_NO_CONFIG = "connector.yaml cannot be used"
_OF_EACH_SET = 3  # members whose service is asked
_MAX_FILES = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the doctor; without `endpoints` every active one's service is asked."""

    endpoints: Sequence[str] = ()
    offline: bool = False


def examine(home: Home, wanted: Wanted) -> Iterator[Result]:
    """Make every check there is, in the order of CHECKS; nothing is changed.

    Raises UsageError for an unknown name, ConfigError where there is no home to look at.
    """
    _, patient = home.path, Patient(home)
    if patient.config and not patient.config.sets:  # who is in a set its service tells
        check_names(wanted.endpoints, [each.name for each in patient.config.endpoints])
    for area, checks in CHECKS.items():
        yield from _kept_going(area, checks[0], _AREAS[area](patient, wanted))


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


def _program(_: Patient, __: Wanted) -> Iterator[Result]:
    yield database.check_sqlite()


def _configuration(patient: Patient, _: Wanted) -> Iterator[Result]:
    settings, config = patient.settings, patient.config
    yield configuration.check_variables(patient.mistakes, settings.home / ".env")
    yield configuration.check_file(config, patient.config_error, patient.given.config_path)
    if config is None:
        yield from (Skipped("configuration", each, _NO_CONFIG) for each in ("remarks", "logins"))
        return
    yield from configuration.check_remarks(config.notices)
    yield from configuration.check_logins([*missing_logins(patient.quiet_home)], patient.login_problems)


def _paths(patient: Patient, _: Wanted) -> Iterator[Result]:
    home, config = patient.home, patient.given.config_path
    places = paths.Places(home, config, patient.database, patient.locks, home / LOG_FILE, patient.tokens)
    yield from paths.check_places(places, patient.runner)
    yield from disks.check_kind([places.database.parent, places.tokens])
    yield from disks.check_room([places.log.parent, places.tokens], places.database)


def _secrets(patient: Patient, _: Wanted) -> Iterator[Result]:
    held = [name for name, value in patient.written.items() if is_secret(name) and value]
    yield secrets.check_env(patient.env, held)
    yield from secrets.check_keys(patient.key_files(), patient.home)
    yield from secrets.check_tokens(patient.tokens, patient.runner)
    held_in = secrets.inventory_files(patient.home, patient.database)
    yield secrets.check_inventory(held_in, patient.database, patient.settings.file_mode)
    yield from _leftovers(patient)


def _leftovers(patient: Patient) -> Iterator[Result]:
    """Look for keys that were written down, in rows and then in files; what else the database has is said later."""
    clock, rows = patient.given.clock, []
    with contextlib.suppress(StoreError), damage_named(patient.database), patient.reading() as found:
        rows = [*leftovers.check_rows(found, clock)] if found else []
    yield from rows
    logs, are_clean = (patient.home / LOG_FILE).parent, leftovers.is_clean(rows)
    yield from leftovers.check_files(logs, patient.database, clock, rows_are_clean=are_clean)


def _database(patient: Patient, _: Wanted) -> Iterator[Result]:
    yield from database.check_database(patient.database, patient.given.clock)


def _logins(patient: Patient, _: Wanted) -> Iterator[Result]:
    try:
        states = patient.logins
    except ConfigError:  # connector.yaml is no file that can be read, as was said above
        yield Skipped("logins", "login", _NO_CONFIG)
        return
    yield from logins.check_logins([logins.Known(state.to_row(), state.log_in) for state in states])


def _scheduler(patient: Patient, _: Wanted) -> Iterator[Result]:
    timers, starts, owner = patient.timers, patient.starts, patient.runner
    if owner.is_us or timers:
        yield from scheduler.check_installed(timers, starts)
    else:
        yield Skipped("scheduler", "installed", f"only {owner.name} can see the crontab of {owner.name}")
    for each in timers:  # root starts no program that may be another user's
        yield scheduler.check_program(each, patient.home, may_start=owner.is_us)
    missing = only_here(patient.given.environ, patient.written, [*DEFAULTS])
    yield scheduler.check_variables(timers, missing, patient.env)
    yield from scheduler.check_starts(timers, starts)


def _syncs(patient: Patient, _: Wanted) -> Iterator[Result]:
    now, running = patient.given.clock.now(), patient.running
    with patient.reading() as found:
        if found is None:
            yield from (Skipped("syncs", each, "there is no database to look at") for each in CHECKS["syncs"])
            return
        waiting, odd = examination.waiting_removals(found), examination.odd_entries(found)
        left_out, withheld = examination.left_out(found), examination.all_withheld(found)
    if patient.config is None:
        yield Skipped("syncs", "endpoints", _NO_CONFIG)
    else:
        yield from syncs.check_endpoints(endpoint_statuses(patient.quiet_home), left_out)
    yield syncs.check_dead(patient.open_syncs, running)
    yield from syncs.check_locks(patient.held, patient.open_syncs, running, now)
    yield from syncs.check_removals(waiting, running, now)
    yield from syncs.check_filters(withheld)
    yield from syncs.check_odd(odd)


def _notify(patient: Patient, _: Wanted) -> Iterator[Result]:
    with patient.reading() as found:
        is_readable = found is not None or not may_be_there(patient.database)
    if patient.config is None or not is_readable:
        yield Skipped("notify", "target", _NO_CONFIG if patient.config is None else "there is no database to look at")
        return
    yield from notify.check_targets([*target_rows(patient.quiet_home)])


def _network(patient: Patient, wanted: Wanted) -> Iterator[Result]:
    environ = patient.given.environ
    yield from network.check_proxies(environ, patient.written, offline=wanted.offline)
    yield from network.check_authorities(environ, patient.written)


def _services(patient: Patient, wanted: Wanted) -> Iterator[Result]:
    config, reason = patient.config, _reason_to_ask_nobody(patient, wanted)
    if config is None or reason:
        yield from (Skipped("services", each, reason or _NO_CONFIG) for each in CHECKS["services"])
        return
    home, times = patient.quiet_home, _Times(patient.quiet_home, config)
    opened = Opener(config, home.clock, home.random, home.redactor, nowhere(), times.note)
    for proof in proofs(home, wanted.endpoints, _MAX_FILES, opened=opened, of_each_set=_OF_EACH_SET):
        yield _reached(proof, patient.login_problems)
    yield from services.check_clock(times.apart)


def _reason_to_ask_nobody(patient: Patient, wanted: Wanted) -> str:
    if wanted.offline:
        return "offline: nobody is asked"
    if not patient.runner.is_us:
        return f"what root asks would leave files that {patient.runner.name} cannot use"
    return ""


def _reached(proof: Proof, login_problems: Sequence[str]) -> Result:
    failed = next((step for step in proof.steps if step.ok is False), None)
    if failed and failed.name == "login" and any(problem in failed.detail for problem in login_problems):
        return Skipped("services", "reach", f"{proof.endpoint}: its login is not there", proof.endpoint)
    said = (failed or proof.steps[-1]).detail
    return services.check_reach(services.Reached(proof.endpoint, failed.name if failed else "", said, proof.exit_code))


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

    def note(self, facts: Mapping[str, str], attempt: Attempt) -> None:
        service = self._services.get(facts.get("endpoint") or facts.get("set") or "")
        if service and attempt.answered_at:
            self.apart[service].append(self._now() - attempt.answered_at)


_AREAS: Mapping[str, Callable[[Patient, Wanted], Iterator[Result]]] = {
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
