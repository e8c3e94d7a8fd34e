"""Variables: the environment, `.env` below it, and values kept in files that NAME_FILE points to."""

import contextlib
import io
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filesync.errors import ConfigError

_LONGEST = 65_536  # bytes of one value kept in a file
_SECRET = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PRIVATE_KEY|API_KEY|ACCESS_KEY")
_NOT_SECRET = ("_FILE", "_PATH", "_URL")
_SHORTEST_SECRET = 4  # characters; masking anything shorter would mask ordinary text


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
        if self._values.get(name):
            raise ConfigError(f"{name} and {name}_FILE are both set: keep one of them")
        if name not in self._read:
            self._read[name] = _read_value(f"{name}_FILE", self._home / file)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._values, **self._read})

    def __len__(self) -> int:
        return len({**self._values, **self._read})

    def replaced(self, values: Mapping[str, str]) -> "Variables":
        """Give the same variables with these in the place of theirs, whatever NAME_FILE says."""
        kept = {name: value for name, value in self._values.items() if name.removesuffix("_FILE") not in values}
        return Variables({**kept, **values}, self._home)

    def secrets(self) -> tuple[str, ...]:
        """Name every value that must never be shown, the longest first; files count once they were read."""
        known = {**self._values, **self._read}
        found = {value for name, value in known.items() if is_secret(name)} | set(_proxy_passwords(known))
        return tuple(sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=len, reverse=True))


def is_secret(name: str) -> bool:
    """Tell by its name whether a variable's value must never be shown."""
    return _SECRET.search(name.upper()) is not None and not name.upper().endswith(_NOT_SECRET)


def holds_key(text: str) -> bool:
    """Tell whether a key file's content stands where its path belongs."""
    return text.lstrip().startswith("{") or "\n" in text.strip() or "-----BEGIN" in text


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
    """Tell the line a binding starts on; the parser counts the blank lines before it as its own."""
    return line + string[: len(string) - len(string.lstrip())].count("\n")


def _read_value(name: str, path: Path) -> str:
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


def _proxy_passwords(values: Mapping[str, str]) -> Iterable[str]:
    for name, value in values.items():
        if name.upper().endswith("_PROXY") and "@" in value:
            yield unquote(urlsplit(value if "://" in value else f"//{value}").password or "")
