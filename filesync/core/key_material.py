r"""Key material: what is a secret by its look, wherever it stands, and every form in which it could be quoted.

People put a key where its file's path belongs: as JSON, as PEM (also on one line, with `\n` written out), in base64,
percent-encoded or in hexadecimal. Only this module knows the secrets in such a value.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from urllib.parse import unquote

NOT_REPEATED = "a value that is not repeated, for it may be a secret"
SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PRIVATE_KEY|API_KEY|ACCESS_KEY")

_SHORTEST = 20  # characters of what may be encoded: nothing worth stealing is shorter
_DEEPEST = 4  # encodings of encodings
_LONGEST_NAME = 255  # bytes between two slashes, and
_LONGEST_PATH = 4_095  # bytes of a path: no Linux file system takes more
_SHORTEST_PIECE = 16  # characters of a key's part that is hidden by itself
_SHORTEST_WORD = 8  # characters of a secret that looks like nothing; hiding shorter ones would blank ordinary words

_PEM = re.compile(r"-{3,}\s*BEGIN|BEGIN [A-Z0-9 ]*PRIVATE KEY")
_JSON = re.compile(r"[\s\ufeff\"'\[]*\{\s*(?:\\*[\"']|\}|$)")
_PRIVATE = re.compile(r"PRIVATE KEY|private_key|refresh_token|client_secret|\"SecretString\"")
_GOOGLE = re.compile(r"\s*(?:ya29\.|1//0|GOCSPX-|AIza)[\w-]{10,}")  # how Google's tokens, secrets and API keys begin
_DER = re.compile(  # a key, a key that a password protects, a PKCS #12 file
    rb"0(?:\x82..|\x81.|[\x20-\x7f])(?:\x02\x01[\x00-\x03][\x30\x02\x04]|0[\x00-\x7f]\x06\x09\x2a\x86\x48)", re.DOTALL
)
_GZIP = b"\x1f\x8b\x08"
_DATA_PREFIX = re.compile(r"(?:data:)?[\w/.+-]{0,60}[;:]?base64[,:]", re.IGNORECASE)
_LONGEST_PREFIX = 80  # characters of it
_BLANK = re.compile(r"\s|\\+[nr]|[\"']")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_LINE_END = re.compile(r"\\+[nr]|[\r\n]")
_RUN = re.compile(r"[A-Za-z0-9+/=_-]{32,}")  # what a line of a key looks like
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PLAIN_TRACES = ("KEY-----", "private_key")
_SHORTEST_TRACE = 60  # characters of base64 that hold something worth hiding
_OF_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")
_BARE_USER = re.compile(r"[^\s:/@]+:([^\s/@]+)@[^\s/:@]+(?::\d+)?(?:/.*)?$")  # user:password@host
_NAMED = re.compile(r"(?i)(?:password|passwd|pwd|secret|token|api_?key)=([^&;\s\"']+)")
_REDACTABLE = r"(?:\\+[nr]|%0[AaDd]|\s)*[A-Za-z0-9+/_-]{16}"
_KEY_PART = re.compile(
    rf"PRIVATE(?: |%20|\+)KEY-{{5}}{_REDACTABLE}"
    rf"|private_key\\*\"\s*:\s*\\*\"(?!-{{5}}END)(?:-[^\"*]{{0,60}}?-{{5}})?{_REDACTABLE}"
)
_KEY_END = re.compile(r"(?:\\+[nr]|%(?:0[AaDd]|2[BbFf]|3[Dd])|\s|[A-Za-z0-9+/=_-])*(?:-{5}END[A-Z ]*-{5})?")
_ORDINARY_FILE = re.compile(r"[\w. +@-]*\.[A-Za-z][A-Za-z0-9]{1,4}", re.ASCII)


@lru_cache(maxsize=512)
def is_key_material(text: str) -> bool:
    """Return whether a value is a key or login by its look: JSON, PEM, what decodes to them, a token of Google's."""
    return any(_has_its_look(form) for form in _unfolded(text))


def holds_private_key(text: str) -> bool:
    """Return whether a private part is in it: JSON alone may be meant where a program takes it as an argument."""
    return any(form is None or _PRIVATE.search(form) for form in _unfolded(text))


def is_no_path(text: str, base: Path | None = None) -> bool:
    """Return whether something else than a path stands where one belongs, so that it may be the secret itself.

    A `{` may be part of a name; `base` is where a relative path counts from.
    """
    found = text.strip()
    if not found:
        return False
    if is_key_material(found) or _CONTROL.search(found) or _is_overlong(found) or has_password(found):
        return True
    return "{" in found and not _exists(found, base)


def is_no_address(text: str) -> bool:
    """Return whether something else than an address stands where one belongs."""
    found = text.strip()
    is_overlong = any(len(part) > _LONGEST_PATH for part in found.split(","))  # NO_PROXY is a list
    return is_key_material(found) or "{" in found or _CONTROL.search(found) is not None or is_overlong


def may_be_path(text: str, base: Path) -> bool:
    """Return whether a value that was to name a file may be repeated: it is there, or is written as files are.

    A secret may look like nothing at all: a word without a folder that exists and without an ending is not repeated.
    """
    if is_no_path(text, base):
        return False
    path = PurePath(text.strip())
    return _exists(text, base) or bool(_ORDINARY_FILE.fullmatch(path.name)) or _has_folder(path, base)


def traces(text: str) -> Iterator[tuple[int, int]]:
    """Find where parts of private keys stand in any text, from where to where: as PEM, in JSON, in base64."""
    if any(plain in text for plain in PLAIN_TRACES):
        for found in _KEY_PART.finditer(text):
            ending = _KEY_END.match(text, found.end())
            yield found.start(), ending.end() if ending else found.end()
    for trace in ENCODED_TRACES:
        at = text.find(trace)
        while at >= 0:
            start, end = at, at + len(trace)
            while start and text[start - 1] in _OF_BASE64:
                start -= 1
            ending = _KEY_END.match(text, end)
            end = ending.end() if ending else end
            if end - start >= _SHORTEST_TRACE:
                yield start, end
            at = text.find(trace, end)


def without_keys(text: str, mask: str) -> str:
    """Put a mask in the place of what is a part of a private key, whoever wrote it."""
    if not any(trace in text for trace in (*PLAIN_TRACES, *ENCODED_TRACES)):
        return text
    kept, at = "", 0
    for start, end in sorted(traces(text)):
        if start >= at:
            kept, at = f"{kept}{text[at:start]}{mask}", end
        at = max(at, end)
    return kept + text[at:]


def has_password(text: str) -> bool:
    """Return whether it is an address with a user and a password, or a secret among what follows its `?`."""
    return any(_userinfo(text))


def forms_of(text: str) -> Iterator[str]:
    """Yield everything of a secret value that could be quoted: itself, as a path, decoded, and every part of it."""
    for form in _unfolded(text):
        if form is not None:
            yield from (form, form.strip(), str(PurePath(form)))
            yield from (
                piece for each in _LINE_END.split(form) if len(piece := each.strip(" \t\"',")) >= _SHORTEST_PIECE
            )
            yield from _RUN.findall(form)
            yield from _secrets_in(form)


def passwords_of(text: str) -> Iterator[str]:
    """Yield the passwords in an address, as they are written and as they are meant."""
    for found in (*_userinfo(text), *_NAMED.findall(text)):
        yield from (found, unquote(found), f":{found}@")


def without_passwords(text: str) -> str:
    """Write an address for people: no user, no password."""
    for found in _userinfo(text):
        text = text.replace(f"{found}@", "***@")
    return _NAMED.sub(lambda found: found[0].replace(found[1], "***"), text)


def quotable(text: str, most: int) -> str:
    """Write a found value in a message, unless it may be a secret."""
    if is_key_material(text):
        return NOT_REPEATED
    return repr(without_passwords(text)[:most])


def secrets_in(values: Mapping[str, str]) -> Iterator[str]:
    """Find what must not be shown among values by name, by the look of them: whatever their names are."""
    for value in values.values():
        if holds_private_key(value):
            yield from forms_of(value)
        if "@" in value or "=" in value:
            yield from passwords_of(value)


def word_of(text: str) -> str:
    """Return a value that is to be hidden although it looks like nothing; '' when it is too short for that."""
    return text.strip() if len(text.strip()) >= _SHORTEST_WORD else ""


def _aligned(text: bytes) -> Iterator[str]:
    """Write text in base64 as it stands inside of something longer: there are three ways, by what is before it."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + text).decode()
        yield coded[(0, 2, 3)[before] : -4 if (before + len(text)) % 3 else None]


# What base64 makes of a PEM header and of JSON's key, and how keys begin that have no header: RSA and elliptic curves.
ENCODED_TRACES = (
    *_aligned(b"PRIVATE KEY-----"),
    *_aligned(b'"private_key"'),
    *("ADANBgkqhkiG9w0BAQEFAASC", "IBAAKCAQEA", "AgEAMBMGByqGSM49AgEG"),
)


def _unfolded(text: str, depth: int = 0) -> Iterator[str | None]:
    """Yield a value and what it decodes to, again and again; None for bytes that are a key."""
    yield text
    if depth < _DEEPEST and len(text) >= _SHORTEST:
        for form in _decoded(text):
            yield from (None,) if form is None else _unfolded(form, depth + 1)


def _decoded(text: str) -> Iterator[str | None]:
    if "%" in text and (plain := unquote(text)) != text:
        yield plain
    bare = _BLANK.sub("", text)
    prefix = _DATA_PREFIX.match(bare[:_LONGEST_PREFIX])
    bare = bare[prefix.end() :] if prefix else bare
    if len(bare) >= _SHORTEST and _HEXADECIMAL.fullmatch(bare):
        yield from _as_text(bytes.fromhex(bare))
    # The beginning is enough: what was cut, or got a stray character, is a secret all the same.
    found = _BASE64.match(bare)
    if found and len(found[0]) >= _SHORTEST:
        yield from _as_text(_from_base64(found[0]))


def _from_base64(text: str) -> bytes:
    whole = text[: len(text) // 4 * 4] if len(text) % 4 == 1 else text + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(whole.translate(str.maketrans("-_", "+/")))
    except binascii.Error:
        return b""


def _as_text(content: bytes) -> Iterator[str | None]:
    """Yield decoded bytes as text where they are text; None where they are a key."""
    if content.startswith(_GZIP) or _DER.match(content):
        yield None
        return
    for encoding in ("utf-16", "utf-16-le") if b"\0" in content[:8] else ("utf-8-sig",):
        plain = content.decode(encoding, "ignore")
        if plain and _is_plain(plain[:_SHORTEST]):
            yield plain


def _is_plain(text: str) -> bool:
    return all(char.isprintable() or char.isspace() for char in text)


def _has_its_look(form: str | None) -> bool:
    return form is None or any(look.match(form) for look in (_JSON, _GOOGLE)) or _PEM.search(form) is not None


def _secrets_in(form: str) -> Iterator[str]:
    """Yield the secret fields of JSON, as they are and line by line."""
    try:
        fields = json.loads(form.strip().strip("'"), strict=False)
    except (ValueError, RecursionError):
        return
    queue: list[object] = [fields]
    while queue:
        found = queue.pop()
        if isinstance(found, str):
            queue.extend([json.loads(found, strict=False)] if _JSON.match(found) and _is_json(found) else [])
        elif isinstance(found, list):
            queue.extend(found)
        elif isinstance(found, dict):
            queue.extend(found.values())
            secret = (each for name, each in found.items() if SECRET_NAME.search(str(name).upper()))
            yield from (each for each in secret if isinstance(each, str))


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True


def _userinfo(text: str) -> Iterator[str]:
    """Yield the password before an `@`, or the user where there is no password.

    A password with an unescaped slash ends an address's host early; then the last `@` counts.
    """
    _, mark, rest = text.strip().partition("://")
    if not mark:
        bare = _BARE_USER.match(text.strip())
        yield from (bare[1],) if bare else ()
        return
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in host:
        port = host.rpartition(":")[2] if ":" in host else ""
        if "@" not in rest or not port or port.isdigit():
            return
        host = rest
    user, _, password = host.rpartition("@")[0].partition(":")
    if password:
        yield password
    elif len(user) >= _SHORTEST_PIECE:  # a token in the user's place
        yield user


def _is_overlong(text: str) -> bool:
    return len(text.encode()) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_NAME for part in text.split("/"))


def _exists(text: str, base: Path | None) -> bool:
    try:
        path = Path(text.strip()).expanduser()
        return (base / path if base else path).exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _has_folder(path: PurePath, base: Path) -> bool:
    """Return whether the folder is there, or at least the one above it: one that says something, not home or root."""
    for folder in [base / each for each in path.parents][:2]:
        if folder not in (base, Path(folder.anchor)) and _exists(str(folder), None):
            return True
    return False
