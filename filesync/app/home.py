"""One home: its settings, configuration, database and log, found from what the process was started with."""

import contextlib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random  # noqa: TID251  the type of what is handed in
from typing import TYPE_CHECKING, Any, Protocol

from filesync.core.errors import ConfigError, NoInventoryError, NotOwnerError, StoreError, UsageError
from filesync.core.key_material import forms_of, is_key_material, passwords_of
from filesync.core.redaction import Redactor
from filesync.runtime.clock import Clock
from filesync.runtime.database_url import Address, beside
from filesync.runtime.environment import PATHS, read_variables, secrets_by_look
from filesync.runtime.log import Level, Log
from filesync.runtime.ownership import Exposure, as_user, exposure, user_name
from filesync.runtime.settings import (
    CONFIG_FILE,
    LOG_FILE,
    Settings,
    checked,
    expanded,
    exposed_parts,
    find_home,
    named_home,
    to_path,
)
from filesync.sync.endpoint_locks import EndpointLocks

if TYPE_CHECKING:
    from filesync.config import Config, Endpoint
    from filesync.core.model import Identity, SetSource
    from filesync.store.engine import Database
    from filesync.store.sqlite.migrations import Upgrade
    from filesync.store.write.sets import Answered


class Messages(Protocol):
    """Where words for a person go, without secrets: a terminal's stderr, or nowhere."""

    @property
    def is_verbose(self) -> bool:
        """Return whether `detail` reaches anybody."""

    def complain(self, message: str) -> None:
        """Report an error."""

    def note(self, message: str) -> None:
        """Say what a person should know."""

    def detail(self, message: str) -> None:
        """Say what only somebody who asked for more wants to know."""


@dataclass(frozen=True, slots=True)
class ErrorsOnly:
    """Pass errors on, and nothing else."""

    messages: Messages
    is_verbose = False

    def complain(self, message: str) -> None:
        self.messages.complain(message)

    def note(self, message: str) -> None:
        """Say nothing."""

    detail = note


@dataclass(slots=True)
class Options:
    """The options with which a home is found and read."""

    home: str | None = None
    config: str | None = None
    log_format: str | None = None


@dataclass
class Home:
    """One home, and what of the process it needs: built once from the real one, in tests by hand."""

    environ: Mapping[str, str]
    cwd: Path
    clock: Clock
    random: Random
    messages: Messages
    redactor: Redactor
    program: Sequence[str] = ("filesync",)  # how this program is started again, from any folder
    busy_seconds: float = 30  # how long a reader waits for a locked database
    options: Options = field(default_factory=Options)
    arguments: Sequence[str] = ()  # of this command, as they were given

    def hide_what_is_given(self, arguments: Sequence[str]) -> None:
        """Let the redactor know what looks like a secret among variables and arguments, before anything quotes it."""
        self._hide(secrets_by_look(self.environ))
        words = [*arguments, *(word.partition("=")[2] for word in arguments if word.startswith("-"))]
        for word in words:
            self._hide((*forms_of(word),) if is_key_material(word) else passwords_of(word))

    @cached_property
    def path(self) -> Path:
        path = find_home(self.options.home, self.environ, self.cwd)
        if named_home(self.options.home, self.environ):
            self._say_who_can_change(path)
        return path

    def _say_who_can_change(self, home: Path) -> None:
        """Warn of a home that was named, and that others than who runs it can change: it names the programs that run.

        Root looks at the home of another account with that account's eyes: it refuses to run anything there.
        """
        self._warn_of(lambda: next(exposed_parts(home, self.foreign_owner(home)), None))

    def _warn_of(self, look: "Callable[[], Exposure | None]") -> None:
        with contextlib.suppress(OSError):  # what cannot be looked at cannot be read either, which is said then
            if found := look():
                mend = f"; mend it with: {found.mend}" if found.mend else ""
                self.messages.note(
                    f"filesync: warning: {found}; whoever can change it decides what this home runs{mend}"
                )

    def foreign_owner(self, home: Path, *more: Path) -> int | None:
        """Return the other account that owns a home, for root; who owns what syncs write owns it, too; else None."""
        if not _is_root():
            return None
        parts = (home, *more, *(home / name for name in ("data", "logs", "tokens")))
        return next((uid for uid in map(_owner_of, parts) if uid), None)

    def check_owner(self, home: Path | None = None) -> None:
        """Refuse what would write as root into the home of another account, before anything is written.

        The owner could not use what root makes there: database, locks, log and tokens. Raises NotOwnerError.
        """
        if not _is_root():
            return
        places: tuple[Path, ...] = ()
        if home is None:
            home = self.path
            with contextlib.suppress(ConfigError):  # what is wrong with the variables is said later
                place = beside(self.database_address)
                places = (place, place.parent)
        owner = self.foreign_owner(home, *places)
        if owner:
            words = shlex.join(_without_home(self.arguments))
            call = f"{as_user(owner)} filesync --home {shlex.quote(str(home))} {words}".rstrip()
            raise NotOwnerError(
                f"{home}: belongs to {user_name(owner)}, who could not use what root writes there; nothing was done; "
                f"run it as its owner: {call}"
            )

    @cached_property
    def settings(self) -> Settings:
        variables = read_variables(self.path, self.environ)
        self._hide(variables.secrets())  # before anything can quote one
        settings = checked(self.path, variables)
        self._hide(settings.secrets())  # also those that NAME_FILE named
        return settings

    @cached_property
    def config_path(self) -> Path:
        """Find connector.yaml; a relative --config counts from the current folder, else from home."""
        given = self.options.config
        if given is None:
            return self.path / CONFIG_FILE
        path = expanded(to_path("--config", given, self.cwd, PATHS["GOOGLE_CREDENTIALS_PATH"]), "--config")
        here = self.cwd / path
        if not here.exists():
            return self.path / path
        self._warn_of(lambda: exposure(here.absolute(), self.foreign_owner(here.parent)))
        return here

    @cached_property
    def config(self) -> "Config":
        from filesync.config import load_config  # noqa: PLC0415  not every command needs the file

        config = load_config(self.config_path, self.settings)
        self._hide(config.secrets())
        return config

    def check_authorities(self) -> None:
        """Refuse a variable that names certificate authorities which cannot be read. Raises ConfigError."""
        from filesync.http import tls  # noqa: PLC0415  only a check needs it before a request does

        problem = tls.authorities(self.environ).problem()
        if problem:
            raise ConfigError(problem)

    @cached_property
    def run_id(self) -> str:
        """Name this run; every line of the log that it writes has it."""
        return f"{self.random.getrandbits(48):012x}"

    @cached_property
    def log(self) -> Log:
        """Return the home's log file."""
        return Log(
            path=self.path / LOG_FILE,
            level=Level[self.settings.log_level],
            now=self.clock.now,
            scrub=self.redactor.scrub,
            facts={"run_id": self.run_id},
            as_text=(self.options.log_format or self.settings.log_format) == "text",
            largest=self.settings.log_rotate_mb * 1_000_000,
            mode=self.settings.file_mode,
            complain=self.messages.complain,
            echo=self.messages.detail if self.messages.is_verbose else None,
        )

    def endpoints(self) -> "list[Endpoint]":
        """Return every endpoint: those of the file, and of its sets those that the last answers named. Asks nobody."""
        return self.config.expanded({source: each.members for source, each in self.answered().items()})

    def answered(self) -> "Mapping[SetSource, Answered]":
        """Return what was last answered for each set; nothing before the first sync."""
        if not self.config.sets or not self.has_database():
            return {}
        from filesync.store.write import sets  # noqa: PLC0415  not every command needs SQLite

        with self.reading() as database:
            return sets.load(database)

    def identity_of(self, endpoint: "Endpoint") -> "Identity | None":
        """Return the identity that an endpoint was read with so far; None when it is unknown."""
        scope = dict(endpoint.scope)
        known = (who for kind, ids, who in self._identities if kind == endpoint.endpoint_type and ids == scope)
        return next(known, None)

    @cached_property
    def _identities(self) -> "Sequence[tuple[str, Mapping[str, Any], Identity]]":
        from filesync.store.read import queries  # noqa: PLC0415  not every command needs SQLite

        if not self.has_database():
            return []
        try:
            with self.reading() as database:
                return queries.identities(database)
        except StoreError:  # of an older version, say; `sync` says what about it
            return []

    @contextlib.contextmanager
    def locked(self, endpoint_id: int) -> Iterator[None]:
        """Keep every sync of that endpoint away. Raises UsageError while one runs."""
        lock = EndpointLocks(self.database_address, slots=1).endpoint(endpoint_id)
        if not lock.acquire(blocking=False):
            raise UsageError("a sync of it is running: wait until it has ended")
        try:
            yield
        finally:
            lock.release()

    def wake(self, endpoints: "Iterable[Endpoint]") -> None:
        """Let these endpoints run at the next start, where they waited for a login, and sets be asked for that did."""
        from filesync.store.write import sets  # noqa: PLC0415  as above
        from filesync.store.write.endpoints import wake  # noqa: PLC0415  as above

        if not self.has_database():
            return
        with self.writing() as database:
            wake(database, [(each.endpoint_type, each.scope) for each in endpoints])
            sets.wake(database)

    @property
    def database_address(self) -> Address:
        return self.settings.database_address

    def has_database(self) -> bool:
        """Return whether there is an inventory. Raises StoreError when its server cannot be asked."""
        if isinstance(self.database_address, Path):
            return self.database_address.exists()  # so that a start without one imports no store
        from filesync.store.database import exists  # noqa: PLC0415  as above

        return exists(self.database_address)

    @property
    def left_behind(self) -> str:
        """Say how to bring along the SQLite inventory of a home whose inventory is on a server; '' for none."""
        old = self.settings.path("data/connector.db")  # where DATABASE_URL has it by itself
        if isinstance(self.database_address, Path) or not old.is_file():
            return ""
        return (
            f"{old} holds one; to bring it along: filesync db copy --from sqlite:///{old} --to-file FILE-WITH-THE-URL"
        )

    @contextlib.contextmanager
    def reading(self) -> Iterator["Database"]:
        """Open the database for queries; nothing is ever written."""
        from filesync.store.database import open_for_reading  # noqa: PLC0415  not every command needs SQLite

        try:
            database = open_for_reading(self.database_address, busy_seconds=self.busy_seconds)
        except NoInventoryError as error:
            raise (NoInventoryError(f"{error}, but {self.left_behind}") if self.left_behind else error) from error
        try:
            yield database
        finally:
            database.close()

    @contextlib.contextmanager
    def writing(self, is_stopped: Callable[[], bool] = lambda: False) -> Iterator["Database"]:
        """Open the database for changes; one of an older schema is migrated, which is logged and noted."""
        from filesync.store.database import open_for_writing  # noqa: PLC0415  as above

        self.keep_others_out()
        database = open_for_writing(self.database_address, is_stopped, self.tell_upgrade)
        try:
            yield database
        finally:
            database.close()

    def keep_others_out(self) -> None:
        """Let nobody read the database but whom the settings let, one that was made before they did so, too."""
        from filesync.store.sqlite.database import keep_closed, make_file  # noqa: PLC0415  as above

        if not isinstance(self.database_address, Path):
            return  # who may read is the server's business
        make_file(self.database_address, self.settings.file_mode)
        before = keep_closed(self.database_address, self.settings.file_mode)
        if before is not None and before & ~self.settings.file_mode & 0o077:
            group = "; FILESYNC_GROUP_READABLE=yes lets its group read it"
            hint = "" if self.settings.file_mode & 0o040 else group
            self.messages.note(
                f"{self.database_address}: others could read it (mode {before:04o}), and no longer can{hint}"
            )

    def tell_upgrade(self, upgrade: "Upgrade") -> None:
        """Log that the database gets another schema, and say where it is kept as it was."""
        kept = str(upgrade.kept) if upgrade.kept else None
        self.log.info("schema_upgraded", before=upgrade.before, after=upgrade.after, kept=kept)
        if kept:
            change = f"goes from schema version {upgrade.before} to {upgrade.after}"
            self.messages.complain(f"{upgrade.database}: {change}; as it was before it is kept as {kept}")

    def is_running(self, endpoint_id: int) -> bool:
        """Return whether a process that lives syncs that endpoint now, whatever its row says."""
        return EndpointLocks(self.database_address, slots=1).is_running(endpoint_id)

    def _hide(self, secrets: Iterable[str]) -> None:
        for secret in secrets:
            self.redactor.hide(secret)


def _without_home(arguments: Sequence[str]) -> Iterator[str]:
    words = iter(arguments)
    for word in words:
        if word == "--home":
            next(words, None)
        elif not word.startswith("--home="):
            yield word


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _owner_of(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None
