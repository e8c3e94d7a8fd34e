"""The quick start: `filesync sync` ends at once while nothing is due and nothing that this follows from has changed.

A full start records until when nothing is due, beside a digest of what that follows from. Whatever differs or fails
leads to the next full start, which reads the configuration and reports what is wrong.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from filesync import __version__
from filesync.app.home import Home, Options
from filesync.app.keep_alive import idle_logins
from filesync.cli.terminal import Terminal
from filesync.core.errors import FilesyncError, StoppedError, StoreError
from filesync.core.timestamps import to_timestamp
from filesync.runtime.clock import Stop
from filesync.runtime.environment import LOGINS, is_secret, word_in_place_of_path
from filesync.runtime.settings import DEFAULTS
from filesync.runtime.signals import stopping

_LONGEST = timedelta(hours=1)  # bounds what no digest covers: time zone data, the checks of other packages' providers
_WITH_VALUE = ("--home", "--config")
_INSTALLED = ("site-packages", "dist-packages")


def end_at_once(argv: Sequence[str], home: Home, terminal: Terminal) -> int | None:
    """Record a start that has nothing to do and return its exit code; None when a full start is needed."""
    options = _bare_sync(argv)
    if options is None:
        return None
    import filesync.store.write.idle  # noqa: F401, PLC0415  not every command needs SQLite; here Ctrl-C still ends at once

    home.options = options
    stop = Stop(home.clock)
    with stopping(stop.request) as caught:
        try:
            is_idle = _is_idle(home, stop)
        except StoppedError as error:
            error.exit_code = caught.exit_code or error.exit_code
            raise
        except (FilesyncError, OSError, ValueError, TypeError, LookupError):
            is_idle = False  # a full start reports what is wrong, also in the log
    if is_idle and terminal.stderr_is_terminal and not {"--quiet", "-q"} & {*argv}:
        terminal.note("nothing is due")
    return caught.exit_code or (0 if is_idle else None)


def _bare_sync(argv: Sequence[str]) -> Options | None:
    """Return the global options of `sync` without any other; None for every other call."""
    options, words, others = Options(), iter(argv), []
    for word in words:
        name, equals, value = word.partition("=")
        if name in _WITH_VALUE:
            value = value if equals else next(words, "-")
            if value.startswith("-"):
                return None  # for Typer to refuse
            setattr(options, name.removeprefix("--"), value)
        elif word in {"--quiet", "-q"}:
            continue
        else:
            others.append(word)
    return options if others == ["sync"] else None


def _is_idle(home: Home, stop: Stop) -> bool:
    from filesync.store.write import idle  # noqa: PLC0415  not every command needs SQLite

    home.check_owner()
    if home.settings.log_level == "DEBUG" or not home.has_database() or idle_logins(home):
        return False  # at DEBUG a start leaves a line in the log
    with home.writing(lambda: stop.requested) as database:
        found, now = idle.load(database), to_timestamp(home.clock.now())
        if found is None or not found.since <= now < found.until:  # before `since` the clock was set back
            return False
        if found.basis["digest"] != _digest(home, found.basis, read_source(home), idle.state(database)):
            return False
        if not all(map(home.is_running, idle.running(database))):
            return False  # the sync of a process that died is closed by a full start
        idle.record_start(database, now)
        return True


def read_source(home: Home) -> bytes:
    """Read the configuration file as a start finds it; b"" when that fails, which whoever loads it reports."""
    with suppress(FilesyncError, OSError):
        return home.config_path.read_bytes()
    return b""


def record_idle(home: Home, source: bytes) -> None:
    """Let the starts that follow end at once as long as nothing is due; `source` is the file as it was read."""
    from filesync.config.file import VARIABLES  # noqa: PLC0415  not every command needs the configuration
    from filesync.providers.google_drive import DEFAULT_CREDENTIALS  # noqa: PLC0415  as above
    from filesync.store.write import idle  # noqa: PLC0415  as above
    from filesync.sync.workers import idle_until  # noqa: PLC0415  as above

    config, settings = home.config, home.settings
    logins = [config.settings_for(name) for name in ("", *config.credentials)]
    paths = [
        (each.variables.get(name, ""), each.path(each.variables.get(name, ""))) for each in logins for name in LOGINS
    ]
    if any(word for value, _ in paths if value for word in word_in_place_of_path(value, settings.home)):
        return  # what stands in a path's place may be the secret itself, which is written down nowhere
    names = {*DEFAULTS, *VARIABLES.values(), *config.variables}
    files = {settings.path(DEFAULT_CREDENTIALS), *(path for value, path in paths if value)}
    basis: dict[str, Any] = {"variables": sorted(names), "files": sorted(map(str, files))}
    now = home.clock.now()
    with suppress(FilesyncError, OSError), home.writing() as database:
        state = idle.state(database)  # first: what another start changes meanwhile makes it outdated
        until = idle_until(home.endpoints(), config.sets, database, now)
        if until > now and not idle.is_anybody_known(database):
            basis["digest"] = _digest(home, basis, source, state)
            idle.record(database, to_timestamp(min(until, now + _LONGEST)), basis)


def _digest(home: Home, basis: Any, source: bytes, state: str) -> str:
    """Sum up what decides whether anything is due; secrets count by whether there is one."""
    variables = home.settings.variables
    values = [(name, variables.get(name)) for name in basis["variables"]]
    facts = [
        *(__version__, sys.version, [*_installed()], str(home.path), str(home.config_path), state),
        [(name, bool(value) if is_secret(name) else value) for name, value in values],
        [(path, _version(Path(path))) for path in basis["files"]],
    ]
    return hashlib.sha256(json.dumps(facts).encode() + source).hexdigest()


def _installed() -> Iterable[object]:
    """Tell one set of installed packages from another."""
    return (_version(Path(path)) for path in sys.path if path.endswith(_INSTALLED))


def _version(path: Path) -> object:
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
    return None


def forget_targets(home: Home) -> None:
    """Forget the targets of a file that names none any more: changes would be kept for them for ever."""
    from filesync.store.feed import outbox  # noqa: PLC0415  as above
    from filesync.store.write import idle  # noqa: PLC0415  as above

    with suppress(StoreError), home.writing() as database:  # the next full start tries again
        if idle.is_anybody_known(database):
            outbox.forget_targets(database, outbox.known_targets(database))
            outbox.drop(database, {}, home.clock.now())
