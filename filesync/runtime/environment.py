"""Variables: the environment, `.env` below it, and values kept in files that NAME_FILE points to."""

import contextlib
import io
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from filesync.core.errors import ConfigError
from filesync.core.key_material import (
    SECRET_NAME,
    forms_of,
    has_password,
    is_key_material,
    is_no_address,
    is_no_path,
    may_be_path,
    secrets_in,
    word_of,
)

_LONGEST = 65_536  # bytes of one value kept in a file
_NOT_SECRET = ("_FILE", "_PATH", "_URL")
_SHORTEST_SECRET = 4  # characters; masking anything shorter would mask ordinary text
_FILE = "the path of a file is needed, not what is in it"
_NO_KEY = "another value is needed: a key or a login does not belong here"
_FOLDER = "the path of a folder is needed"
_POSTGRES = ("postgresql://", "postgres://")
_PROXY = "an address such as http://proxy.example.com:3128 is needed"

# Every variable whose value is a path, and what belongs there; whatever else stands in it may be the secret itself.
PATHS: Mapping[str, str] = {
    **dict.fromkeys(("GOOGLE_CREDENTIALS_PATH", "CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH"), _FILE),
    "GOOGLE_APPLICATION_CREDENTIALS": _FILE,
    **dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSLKEYLOGFILE"), _FILE),
    **dict.fromkeys(("FILESYNC_HOME", "CLOUDSDK_CONFIG", "SSL_CERT_DIR"), _FOLDER),
    **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "TMPDIR"), _FOLDER),
}
# Every variable whose value is an address, which may have a password in it where one can be meant.
ADDRESSES: Mapping[str, str] = {
    "DATABASE_URL": "an address such as sqlite:///./data/connector.db or postgresql://user@host/name is needed",
    **dict.fromkeys(
        ("CONNECTOR_AUTODESK_BASE_URL", "CONNECTOR_GOOGLE_BASE_URL"), "an address such as https://host is needed"
    ),
    **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), _PROXY),
    **dict.fromkeys(("https_proxy", "http_proxy", "all_proxy"), _PROXY),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), "names of hosts with commas between them are needed"),
    "GCE_METADATA_HOST": "the name of a host is needed",
}
LOGINS = ("GOOGLE_CREDENTIALS_PATH", "CONNECTOR_AUTODESK_SERVICE_ACCOUNT_PATH", "GOOGLE_APPLICATION_CREDENTIALS")
_OURS = ("CONNECTOR_", "FILESYNC_", "GOOGLE_", "SYNC_", "MAX_CONCURRENT_")  # how other variables of ours begin
_IN_WORDS = frozenset({"application_default"})  # what stands for a file without being its path


class Variables(Mapping[str, str]):
    """Values by name. A NAME that is not set is read from the file that NAME_FILE names, when it is asked for.

    Asking raises ConfigError when that file cannot be read, or when both are set.
    """

    def __init__(self, values: Mapping[str, str], home: Path) -> None:
        self._values = values
        self._home = home
        self._read: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        file = self._values.get(f"{name}_FILE")
        if not file:
            return self._values[name]
        if is_no_path(file, self._home):
            raise ConfigError(f"{name}_FILE: {_FILE}")
        if self._values.get(name):
            raise ConfigError(f"{name} and {name}_FILE are both set: keep one of them")
        if name not in self._read:
            self._read[name] = _read_value(f"{name}_FILE", self._home, file)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._values, **self._read})

    def __len__(self) -> int:
        return len({**self._values, **self._read})

    def replaced(self, values: Mapping[str, str]) -> "Variables":
        """Return the same variables with these in the place of theirs, whatever NAME_FILE says."""
        kept = {name: value for name, value in self._values.items() if name.removesuffix("_FILE") not in values}
        return Variables({**kept, **values}, self._home)

    def misplaced(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return what belongs in each variable that has something else in it: perhaps the secret itself.

        `names` are those that are read; every path and every address is looked at, too.
        """
        found = {name: self._problem_with(name) for name in (*PATHS, *ADDRESSES, *names)}
        return {name: what for name, what in found.items() if what}

    def secrets(self) -> tuple[str, ...]:
        """Name every value that must never be shown, the longest first; files count once they were read."""
        known = {**self._values, **self._read}
        words = (word for name, value in known.items() for word in _words(name, value, self._home))
        found = {*secrets_by_look(known), *words}
        return tuple(sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=len, reverse=True))

    def _problem_with(self, name: str) -> str:
        try:
            return problem_with(name, self.get(name) or "", self._home)
        except ConfigError:  # reported to whoever asks for it
            return ""


def problem_with(name: str, value: str, home: Path | None = None) -> str:
    """Return what belongs in a variable of ours whose value cannot be meant, for it may be a secret; '' for nothing."""
    if name in PATHS:
        return PATHS[name] if is_no_path(value, home) else ""
    if name in ADDRESSES:
        takes_password = name.upper().endswith(("_PROXY", "_URL"))  # its own check says more of a URL
        is_wrong = is_no_address(_without_braces(value)) or (not takes_password and has_password(value))
        return ADDRESSES[name] if is_wrong else ""
    may_be_key = is_secret(name) and not name.upper().endswith("CLIENT_SECRET")  # Autodesk's is a word, never a file
    return _NO_KEY if not may_be_key and is_key_material(value) else ""


def _without_braces(value: str) -> str:
    """Leave out what a password may have in it, and elsewhere is the beginning of a key."""
    return value.replace("{", "") if value.strip().lower().startswith(_POSTGRES) else value


def is_secret(name: str) -> bool:
    """Return whether a variable's value must never be shown, by the variable's name."""
    return SECRET_NAME.search(name.upper()) is not None and not name.upper().endswith(_NOT_SECRET)


def secrets_by_look(values: Mapping[str, str]) -> Iterator[str]:
    """Yield the secrets among values by name, as far as names and looks show; no file is read."""
    yield from secrets_in(values)
    for name, value in values.items():
        if is_secret(name):
            yield value
        is_ours = name in PATHS or name in ADDRESSES or is_secret(name) or name.startswith(_OURS)
        is_odd = (name in PATHS or name.endswith("_FILE")) and is_no_path(value)
        if is_odd or (is_ours and (is_key_material(value) or problem_with(name, value))):
            yield from forms_of(value)


def word_in_place_of_path(value: str, home: Path) -> Iterator[str]:
    """Yield what was to name a file with a secret in it, and may be that secret although it looks like nothing."""
    if value.strip() not in _IN_WORDS and not may_be_path(value, home):
        yield word_of(value)


def _words(name: str, value: str, home: Path) -> Iterator[str]:
    if name in LOGINS or (name.endswith("_FILE") and is_secret(name.removesuffix("_FILE"))):
        yield from word_in_place_of_path(value, home)


def read_variables(home: Path, environ: Mapping[str, str]) -> Variables:
    """Put `.env` below the environment: a variable that is set, itself or by NAME_FILE, is not touched."""
    written = _read_dotenv(home / ".env")
    kept = {name: value for name, value in written.items() if not _is_set(name, environ)}
    return Variables({**kept, **environ}, home)


def _is_set(name: str, environ: Mapping[str, str]) -> bool:
    base = name.removesuffix("_FILE")
    return name in environ or base in environ or f"{base}_FILE" in environ


def _read_dotenv(path: Path) -> dict[str, str]:
    """Read `.env`. Raises ConfigError with the lines that are no `NAME=value`."""
    text = _read_text(".env", path) if path.exists() else ""
    if not text.strip():
        return {}
    from dotenv.parser import parse_stream  # noqa: PLC0415  only a home with a .env pays for it

    bindings = list(parse_stream(io.StringIO(text)))
    wrong = [
        str(_line(each.original.string, each.original.line))
        for each in bindings
        if each.error or (each.key and each.value is None)
    ]
    if wrong:
        raise ConfigError(f"{path}: line {', '.join(wrong)}: NAME=value is needed")
    return {each.key: each.value for each in bindings if each.key and each.value is not None}


def _line(string: str, line: int) -> int:
    """Return the line a binding starts on; the parser counts the blank lines before it as its own."""
    return line + string[: len(string) - len(string.lstrip())].count("\n")


def _read_value(name: str, home: Path, file: str) -> str:
    path = home / file
    if is_secret(name.removesuffix("_FILE")) and not may_be_path(file, home):
        raise ConfigError(f"{name}: there is no such file; the value is not repeated, for it may be the secret")
    with contextlib.suppress(OSError):  # reading it says then what is wrong
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe that nobody writes to would hold every start for ever
            raise ConfigError(f"{name}: {path} is no regular file")
    return _read_text(name, path).rstrip("\r\n")


def _read_text(name: str, path: Path) -> str:
    """Read a small text file; `name` is the setting that asked for it."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as exc:
        raise ConfigError(f"{name}: cannot read {path}: {exc.strerror}") from exc
    if len(content) > _LONGEST:
        raise ConfigError(f"{name}: {path} is longer than {_LONGEST} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{name}: {path} is not UTF-8 text") from exc
