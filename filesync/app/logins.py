"""The logins of a home: whose they are, what they may do, until when, and how they are kept alive."""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filesync.app.home import Home
from filesync.auth import Login, autodesk, google
from filesync.auth.logins import StoredLogin
from filesync.auth.token_login import FetchedLogin
from filesync.auth.user_login import NOBODY, Person
from filesync.config import Config, ConfigProblems, Endpoint
from filesync.config.file import service_of
from filesync.core.errors import AuthError, FilesyncError, StoppedError, TransientError
from filesync.core.model import Identity
from filesync.core.timestamps import to_timestamp
from filesync.http import Connector, Counters
from filesync.providers.google_drive.refusals import explain
from filesync.runtime.clock import Stop
from filesync.runtime.settings import Settings
from filesync.sync.provider_factory import provider_factory

SOON = timedelta(days=3)  # before its end a login is warned about
SERVICES = {"autodesk": "Autodesk", "google": "Google"}


@dataclass(frozen=True, slots=True)
class LoginState:
    """What is known of one login without asking anybody; `problem` says what a person must do, '' for nothing."""

    service: str
    credentials: str  # name of the set, '' for the environment's
    now: datetime
    flow: str | None = None
    identity: Identity | None = None
    scopes: tuple[str, ...] = ()
    access_expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    file: Path | None = None
    problem: str = ""

    @property
    def state(self) -> str:
        if self.problem:
            return "login_needed"
        return "expiring" if self.left is not None and self.left <= SOON else "ok"

    @property
    def left(self) -> timedelta | None:
        """Return how long the login lives when nobody uses it; None where the service names no end."""
        return self.refresh_expires_at - self.now if self.refresh_expires_at else None

    @property
    def warning(self) -> str:
        """Say that it dies soon; '' while it does not."""
        if self.state != "expiring" or self.refresh_expires_at is None:
            return ""
        return (
            f"the login at {SERVICES[self.service]} ends {self.refresh_expires_at:%Y-%m-%d %H:%M} UTC; run: "
            f"{_log_in(self.service, self.credentials)}"
        )

    @property
    def log_in(self) -> str:
        """Return the command with which a person renews the login; '' where a key or a secret does that."""
        return _log_in(self.service, self.credentials) if self.flow in {"three_legged", "user"} else ""

    def to_row(self) -> Mapping[str, Any]:
        return {
            "service": self.service,
            "credentials": self.credentials or None,
            "state": self.state,
            "flow": self.flow,
            "client": self.identity.client if self.identity else None,
            "user": (self.identity.user or None) if self.identity else None,
            "scopes": list(self.scopes),
            "access_expires_at": _text(self.access_expires_at),
            "refresh_expires_at": _text(self.refresh_expires_at),
            "days_left": None if self.left is None else round(self.left / timedelta(days=1), 1),
            "file": str(self.file) if self.file else None,
            "mode": _mode(self.file),
            "detail": self.problem or self.warning or None,
        }


def config_of(home: Home) -> Config:
    """Return the configuration; only the environment where connector.yaml is missing or has mistakes."""
    if not home.config_path.exists():
        return Config(home.settings)
    try:
        return home.config
    except ConfigProblems:
        home.messages.note(
            f"{home.config_path} has mistakes (filesync config check): only the environment's login is known"
        )
        return Config(home.settings)


def connector_of(home: Home, stop: Stop | None = None) -> Connector:
    """Make what the login requests of a command go through: the budgets and secrets are those of a sync."""
    opened = provider_factory(config_of(home), home.clock, home.random, home.redactor, home.log)
    return opened.surroundings("", stop or Stop(home.clock), Counters()).connector


def login_states(home: Home, service: str) -> list[LoginState]:
    """Look at every login of a service; nothing is asked of it."""
    config, connector = config_of(home), connector_of(home)
    look = {"autodesk": _autodesk_state, "google": _google_state}[service]
    states = []
    for name, _ in config.credential_sets(service):
        state = LoginState(service, name, home.clock.now())
        try:
            has_set = has_sets(home, service, name)
            states.append(look(state, config.settings_for(name), connector, finds_drives=has_set))
        except FilesyncError as error:
            states.append(replace(state, problem=home.redactor.scrub(str(error))))
    return [state for state in states if state.credentials or not state.problem or _uses_environment(config, service)]


def has_sets(home: Home, service: str, credentials: str) -> bool:
    """Return whether a set of endpoints asks the service with these credentials."""
    templates = (each.template for each in config_of(home).sets)
    return any(service_of(each.kind) == service and each.credentials == credentials for each in templates)


def endpoints_of(home: Home, service: str, credentials: str) -> list[Endpoint]:
    """Return the endpoints that use the login of these credentials, whatever it is; one acts as a user of its own."""
    if not home.config_path.exists():
        return []
    return [
        endpoint
        for endpoint in home.endpoints()
        if service_of(endpoint.kind) == service
        and endpoint.credentials == credentials
        and not getattr(endpoint.details, "act_as_user", None)
    ]


def login_warnings(home: Home) -> Mapping[tuple[str | None, str], str]:
    """Say which logins end soon, by service and name of the credentials, of those that endpoints use."""
    states = [state for service in SERVICES for state in login_states(home, service)]
    return {(state.service, state.credentials): state.warning for state in states if state.warning}


def keep_alive(home: Home, stop: Stop, idle: set[Path], length: timedelta) -> Iterator[str]:
    """Refresh these logins where they were idle for that long; gives what to say of those that could not be."""
    looked_at = {*idle}
    for service, person in _persons(home, stop, idle):
        try:
            person.keep_alive(length)
        except (TransientError, StoppedError):
            looked_at.discard(person.file.path)  # the next start tries again
        except FilesyncError as error:
            yield f"the login at {SERVICES[service]} could not be kept alive: {error}"
    for path in looked_at:
        with contextlib.suppress(OSError):  # gone, or read-only
            os.utime(path)  # the next look at one that could not be refreshed is in a day


def _persons(home: Home, stop: Stop, files: set[Path]) -> Iterator[tuple[str, Person]]:
    """Find whose logins these files are, among all credentials."""
    config, connector = config_of(home), connector_of(home, stop)
    for service in SERVICES:
        for name in ("", *config.credentials):
            with contextlib.suppress(AuthError):  # a set without a client id has no person's login
                person = _person(service, config.settings_for(name), connector)
                if person.file.path in files:
                    yield service, person


def three_legged(settings: Settings, connector: Connector) -> autodesk.ThreeLegged:
    """Return what can be done with a person's login at Autodesk. Raises AuthError without a client id."""
    service = autodesk.LoginService(autodesk.app_of(settings.variables, settings.credentials, public=True), connector)
    return autodesk.ThreeLegged(service, settings.path("tokens"), settings.credentials)


def google_user(settings: Settings, connector: Connector) -> google.GoogleUser:
    """Return the login that `filesync auth google login` makes."""
    sources = google.stored(settings.path("tokens"), connector, settings.credentials)
    return google.GoogleUser(sources, connector, google.DriveAddress(settings.google_base_url, explain), ())


def _person(service: str, settings: Settings, connector: Connector) -> Person:
    if service == "google":
        return google_user(settings, connector).person
    return three_legged(settings, connector).person()


def _autodesk_state(
    state: LoginState,
    settings: Settings,
    connector: Connector,
    *,
    finds_drives: bool,  # noqa: ARG001  Google's
) -> LoginState:
    flow = autodesk.flow_of(settings.variables, settings.path("tokens"), settings.credentials)
    state = replace(state, flow=flow.value, scopes=autodesk.READ_ONLY)
    if flow is autodesk.Flow.THREE_LEGGED:
        return _person_state(state, three_legged(settings, connector).person())
    _, login = autodesk.login_of(settings.variables, connector, settings.path, settings.credentials)
    state = replace(state, identity=login.identity(), access_expires_at=_access_end(login))
    key = settings.variables.get("CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH", "").strip()
    return replace(state, file=settings.path(key)) if flow is autodesk.Flow.SERVICE_ACCOUNT else state


def _google_state(state: LoginState, settings: Settings, connector: Connector, *, finds_drives: bool) -> LoginState:
    needed = google.READ_ONLY if finds_drives else google.METADATA_ONLY
    source = google.source_of(settings.variables, settings.path, settings.credentials)
    login = google.login_of(settings.variables, connector, settings.path, settings.credentials, explain=explain)
    state = replace(state, file=source.path, flow=source.kind.value)
    if isinstance(login, google.GoogleUser):
        return replace(_person_state(state, login.person, needed), file=source.path)
    if isinstance(login, google.GoogleServiceAccount):
        state = replace(state, flow="service_account", identity=login.identity(), scopes=google.METADATA_ONLY)
    return replace(state, access_expires_at=_access_end(login))


def _person_state(state: LoginState, person: Person, needed: tuple[str, ...] = ()) -> LoginState:
    kept = person.file.read()
    state = replace(state, flow=person.flow, file=person.file.path)
    if kept is None:
        return state if person.seed else replace(state, problem=person.missing)
    missing = google.lacking(kept.scopes, needed) if kept.scopes else None
    return replace(
        state,
        identity=Identity(person.flow, kept.client.client_id, "" if kept.user.startswith(NOBODY) else kept.user),
        scopes=kept.scopes,
        access_expires_at=kept.access.expires_at,
        refresh_expires_at=kept.refresh_expires_at,
        problem=kept.problem or _ended(state, kept) or (_not_granted(state, missing) if missing else ""),
    )


def _not_granted(state: LoginState, missing: str) -> str:
    more = "" if missing in google.METADATA_ONLY else " --discover"
    return f"the login was not granted {missing}; log in again: {_log_in(state.service, state.credentials)}{more}"


def _ended(state: LoginState, kept: StoredLogin) -> str:
    if kept.refresh_expires_at is None or kept.refresh_expires_at > state.now:
        return ""
    ended = f"{kept.refresh_expires_at:%Y-%m-%d %H:%M}"
    return f"the login ended {ended} UTC; log in again: {_log_in(state.service, state.credentials)}"


def _uses_environment(config: Config, service: str) -> bool:
    """Return whether the environment's login is asked of: it is used, or no other is."""
    used = {name for name, _ in config.credential_sets(service)} - {""}
    declared = [*config.endpoints, *(each.template for each in config.sets)]
    return not used or any(not each.credentials and service_of(each.kind) == service for each in declared)


def _log_in(service: str, credentials: str) -> str:
    return {"autodesk": autodesk.log_in_command, "google": google.log_in_command}[service](credentials)


def _access_end(login: Login) -> datetime | None:
    """Return until when the token at hand is good. Raises AuthError for a key that cannot be used."""
    if not isinstance(login, FetchedLogin):
        return None
    login.check()
    return login.good_until()


def _mode(file: Path | None) -> str | None:
    try:
        return None if file is None else f"{stat.S_IMODE(file.stat().st_mode):04o}"
    except OSError:
        return None


def _text(moment: datetime | None) -> str | None:
    return to_timestamp(moment) if moment else None


def missing_logins(home: Home) -> Iterator[str]:
    """Name what the active endpoints' logins lack, as far as that shows without asking a service."""
    from filesync.http import Counters  # noqa: PLC0415  only this check opens providers
    from filesync.sync.provider_factory import provider_factory  # noqa: PLC0415  as above

    open_provider = provider_factory(home.config, home.clock, home.random, home.redactor, home.log)
    for declared in home.config.sets:
        try:
            if declared.template.is_active:
                open_provider.open_set(declared, Stop(home.clock))
        except FilesyncError as exc:
            yield f"{declared.name}: {exc}"
    for endpoint in home.config.endpoints:
        if not endpoint.is_active:
            continue
        try:
            open_provider(endpoint, Stop(home.clock), Counters())
        except FilesyncError as exc:
            yield f"{endpoint.name}: {exc}"
