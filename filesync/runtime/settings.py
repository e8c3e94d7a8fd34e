"""Settings: where home is, and what the variables of the environment mean."""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from filesync.core.errors import ConfigError, FilesyncError, UsageError
from filesync.core.key_material import is_no_path, quotable
from filesync.runtime.database_url import Address, PostgresAddress, parse_database_url
from filesync.runtime.environment import PATHS, Variables, read_variables
from filesync.runtime.ownership import Exposure, exposure

CONFIG_FILE = "config/connector.yaml"
LOG_FILE = "logs/connector.log"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("json", "text")
YES_OR_NO = ("no", "yes")
KEY_FILES = ("CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH", "GOOGLE_CREDENTIALS_PATH")
AUTODESK_FLOWS = ("auto", "two_legged", "three_legged", "service_account")
DEFAULTS: Mapping[str, str] = {
    "DATABASE_URL": "sqlite:///./data/connector.db",
    "CONNECTOR_AUTODESK_CLIENT_ID": "",
    "CONNECTOR_AUTODESK_CLIENT_SECRET": "",
    "CONNECTOR_AUTODESK_BASE_URL": "https://developer.api.autodesk.com",
    "CONNECTOR_AUTODESK_AUTH": "auto",
    "CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH": "",
    "GOOGLE_CREDENTIALS_PATH": "",
    "CONNECTOR_GOOGLE_BASE_URL": "https://www.googleapis.com",
    "SYNC_INTERVAL_MINUTES": "5",
    "MAX_CONCURRENT_SYNCS": "5",
    "CONNECTOR_LOG_LEVEL": "INFO",
    "CONNECTOR_LOG_FORMAT": "json",
    "CONNECTOR_LOG_ROTATE_MB": "10",
    "FILESYNC_GROUP_READABLE": "no",
    "FILESYNC_HEALTH_TOKEN": "",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, read and checked; every relative path counts from `home`."""

    home: Path
    variables: Variables
    database_address: Address
    sync_interval_minutes: int
    max_concurrent_syncs: int
    log_level: str
    log_format: str
    log_rotate_mb: int  # 0: never
    google_base_url: str
    file_mode: int = 0o600  # of what holds the inventory: the database, its copies, the log
    credentials: str = ""  # the named set of connector.yaml that `variables` has in the environment's place

    def path(self, text: str) -> Path:
        """Make a path absolute, counting a relative one from home."""
        return self.home / text

    def with_credentials(self, name: str, values: Mapping[str, str]) -> "Settings":
        """Let a named set of credentials take the environment's place."""
        return replace(self, credentials=name, variables=self.variables.replaced(values))

    def secrets(self) -> tuple[str, ...]:
        """Name the values that must never be shown."""
        own = self.database_address.secrets if isinstance(self.database_address, PostgresAddress) else ()
        return (*self.variables.secrets(), *own)


def find_home(given: str | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Choose the home: --home, else $FILESYNC_HOME, else the nearest one at or above `cwd`, else `cwd`.

    Where nobody named one, only what nobody but this user and root could have put there is taken: a home names the
    programs that run. Raises ConfigError for a `cwd` of which that cannot be said.
    """
    for name, chosen in (("--home", given), ("FILESYNC_HOME", environ.get("FILESYNC_HOME"))):
        if chosen:
            return _absolute(cwd, to_path(name, chosen, cwd))
    found = next((folder for folder in (cwd, *cwd.parents) if _is_our_home(folder)), None)
    if found is None:
        _refuse_what_others_can_change(cwd)
    return _absolute(found or cwd, ".")


def to_path(name: str, text: str, cwd: Path, what: str = PATHS["FILESYNC_HOME"]) -> str:
    """Refuse what is no path; `name` is where it was given. Raises ConfigError that does not repeat it."""
    if is_no_path(text, cwd):
        raise ConfigError(f"{name}: {what}")
    return text


def named_home(given: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the home as somebody named it, by --home or $FILESYNC_HOME; None where nobody did."""
    return given or environ.get("FILESYNC_HOME") or None


def exposed_parts(home: Path, uid: int | None = None) -> Iterator[Exposure]:
    """Name what of a home somebody else can change: the folder, or what of it decides who is asked and what runs."""
    for each in (home, *_steering(home)):
        if found := exposure(each, uid):
            yield found
            return  # one is enough to say, and most likely it is the reason of the others


def load_settings(home: Path, environ: Mapping[str, str]) -> Settings:
    """Read every variable. Raises one ConfigError that names all that are wrong."""
    return checked(home, read_variables(home, environ))


def checked(home: Path, variables: Variables) -> Settings:
    """Make settings of variables. Raises one ConfigError that names all that are wrong."""
    settings, mistakes = inspect_settings(home, variables)
    if mistakes:
        raise ConfigError("; ".join(mistakes))
    return settings


def inspect_settings(home: Path, variables: Variables) -> tuple[Settings, Sequence[str]]:
    """Read every variable, and say what is wrong with those that are: they count as their defaults.

    What a wrong one holds is gone from the settings, for it may be a secret that nobody is to go on with.
    """
    reader = _Reader(variables)
    reader.read_all()
    settings = Settings(
        home=home,
        variables=reader.variables,
        database_address=reader.read("DATABASE_URL", partial(_address, home=home, environ=variables)),
        sync_interval_minutes=reader.read("SYNC_INTERVAL_MINUTES", _minutes),
        max_concurrent_syncs=reader.read("MAX_CONCURRENT_SYNCS", _at_once),
        log_level=reader.read("CONNECTOR_LOG_LEVEL", _log_level),
        log_format=reader.read("CONNECTOR_LOG_FORMAT", _log_format),
        log_rotate_mb=reader.read("CONNECTOR_LOG_ROTATE_MB", _megabytes),
        google_base_url=reader.read("CONNECTOR_GOOGLE_BASE_URL", _base_url),
        file_mode=reader.read("FILESYNC_GROUP_READABLE", _file_mode),
    )
    return settings, reader.mistakes


class _Reader:
    """Converts variables one by one and keeps what was wrong with them."""

    def __init__(self, variables: Variables) -> None:
        wrong = variables.misplaced(DEFAULTS)
        self.variables = variables.replaced(dict.fromkeys(wrong, "")) if wrong else variables
        self._mistakes: dict[str, None] = {f"{name}: {what}": None for name, what in wrong.items()}

    def read(self, name: str, convert: Callable[[str], T]) -> T:
        """Convert a variable; an unset or wrong one counts as its default, which is always right."""
        try:
            return convert(self.variables.get(name) or DEFAULTS[name])
        except ConfigError as exc:
            self._mistakes[str(exc)] = None
        except ValueError as exc:
            self._mistakes[f"{name}: {exc}"] = None
        return convert(DEFAULTS[name])

    def read_all(self) -> None:
        """Read also what only providers use, so that a missing NAME_FILE shows now."""
        for name in DEFAULTS:
            self.read(name, str)
        self.read("CONNECTOR_AUTODESK_BASE_URL", _base_url)
        self.read("CONNECTOR_AUTODESK_AUTH", _flow)

    @property
    def mistakes(self) -> Sequence[str]:
        return [*self._mistakes]


def _absolute(cwd: Path, path: str) -> Path:
    try:
        return (cwd / expanded(path, "home", ConfigError)).resolve()
    except (RuntimeError, ValueError, OSError) as exc:
        raise ConfigError(f"home {path!r} is no path that can be used: {exc}") from exc


def _is_our_home(folder: Path) -> bool:
    """Return whether a folder is a home; one that somebody else could have put in our way is not."""
    try:
        return (folder / CONFIG_FILE).is_file() and not any(exposed_parts(folder))
    except OSError:
        return False


def _refuse_what_others_can_change(folder: Path) -> None:
    """Refuse a folder where somebody else can plant a home, or did."""
    try:
        found = next(exposed_parts(folder), None)
    except OSError:  # then it is not read either, and whoever reads it says why
        return
    if found:
        home = next((each for each in (folder, *folder.parents) if (each / CONFIG_FILE).is_file()), folder)
        mend = f", run: {found.mend}" if found.mend else ""
        raise ConfigError(
            f"{found}, so the home here is not taken unless it is named: go to a home of yours{mend}, or, if you trust "
            f"who can change it, give --home {shlex.quote(str(home))}"
        )


def _steering(folder: Path) -> list[Path]:
    """Name what is there of the files that decide who is asked, with which login, and which programs run."""
    file = folder / CONFIG_FILE
    return [each for each in (file.parent, file, folder / ".env") if os.path.lexists(each)]


def _address(url: str, home: Path, environ: Mapping[str, str]) -> Address:
    try:
        return parse_database_url(url, home, environ)
    except ConfigError as exc:
        raise ValueError(str(exc).removeprefix("DATABASE_URL: ")) from None  # the cause may quote the address


def _base_url(url: str) -> str:
    """Check an address that secrets are sent to; it is not repeated, for it might hold one."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an address such as https://host is needed")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("an address without user, ? and # is needed")
    if parts.scheme == "http":
        from filesync.core.url_policy import is_loopback  # noqa: PLC0415  only an address without https needs it

        if not is_loopback(parts.hostname):
            raise ValueError(f"https is needed for {parts.hostname}: http would show the login to the network")
    _ = parts.port  # raises ValueError when it is no number
    return url.rstrip("/")


def _minutes(text: str) -> int:
    return _whole(text, 525_600)


def _at_once(text: str) -> int:
    return _whole(text, 100)


def _megabytes(text: str) -> int:
    return _whole(text, 10_000, lowest=0)


def _whole(text: str, highest: int, lowest: int = 1) -> int:
    if text.isascii() and text.strip().isdigit() and len(text) < 20 and lowest <= int(text) <= highest:
        return int(text)
    raise ValueError(f"found {quotable(text, 40)}, a whole number from {lowest} to {highest} is needed")


def _file_mode(text: str) -> int:
    return 0o640 if _one_of(text.lower(), YES_OR_NO) == "yes" else 0o600


def _log_level(text: str) -> str:
    return _one_of(text.upper(), LOG_LEVELS)


def _log_format(text: str) -> str:
    return _one_of(text.lower(), LOG_FORMATS)


def _flow(text: str) -> str:
    """Check it without repeating it: a secret may have got onto the wrong line."""
    if text.strip() not in AUTODESK_FLOWS:
        raise ValueError(f"one of {', '.join(AUTODESK_FLOWS)} is needed")
    return text.strip()


def _one_of(text: str, allowed: tuple[str, ...]) -> str:
    if text.strip() in allowed:
        return text.strip()
    raise ValueError(f"found {quotable(text, 40)}, one of {', '.join(allowed)} is needed")


def expanded(path: str, what: str, error: type[FilesyncError] = UsageError) -> Path:
    """Put a home folder in the place of a leading ~ or ~user; `what` names the path where that fails.

    Raises `error`: there is no such user, or, for ~ alone, neither HOME nor an entry of this user in passwd.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as exc:
        first = Path(path).parts[0]
        why = "HOME is not set, and this user has no entry in passwd" if first == "~" else "there is no such user"
        mend = f"{'set HOME, or ' if first == '~' else ''}write the whole path"
        raise error(f"{what} {path!r}: cannot tell where {first} is: {why}; {mend}") from exc
