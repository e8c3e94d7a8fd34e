"""DATABASE_URL: which database is meant, and what of its address may be shown."""

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from filesync.core.errors import ConfigError
from filesync.core.key_material import has_password, is_key_material
from filesync.core.sanitize import did_you_mean

VARIABLE = "DATABASE_URL"
DEFAULT_SCHEMA = "filesync"
SQLITE_EXAMPLE = "sqlite:///./data/connector.db"
POSTGRES_EXAMPLE = "postgresql://user:password@host:5432/name"

_DEFAULT_PORT = "5432"
_LONGEST_NAME = 63  # bytes of a name: PostgreSQL cuts the rest off in silence
_POSTGRES = ("postgresql", "postgres")
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEY_AND_VALUE = re.compile(r"\s*(?:host|hostaddr|port|dbname|user|password|service|sslmode)\s*=", re.IGNORECASE)
_ESCAPES = "@ is written %40, # %23, / %2F, ? %3F, : %3A, % %25"
_NOT_ESCAPED = f"the password has a character that ends it early: {_ESCAPES}"

# What libpq knows, https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS, without what is ours
# to say: options, client_encoding, replication.
_KEYWORDS = (
    *("host", "hostaddr", "port", "dbname", "user", "password", "passfile", "require_auth", "channel_binding"),
    *("connect_timeout", "application_name", "fallback_application_name", "keepalives", "keepalives_idle"),
    *("keepalives_interval", "keepalives_count", "tcp_user_timeout", "gssencmode", "sslmode", "sslnegotiation"),
    *("sslcompression", "sslcert", "sslkey", "sslkeylogfile", "sslpassword", "sslcertmode", "sslrootcert", "sslcrl"),
    *("sslcrldir", "sslsni", "requirepeer", "ssl_min_protocol_version", "ssl_max_protocol_version"),
    *("min_protocol_version", "max_protocol_version", "krbsrvname", "gsslib", "gssdelegation", "scram_client_key"),
    *("scram_server_key", "service", "target_session_attrs", "load_balance_hosts"),
)
_PATHS = ("passfile", "sslcert", "sslkey", "sslkeylogfile", "sslrootcert", "sslcrl", "sslcrldir")
_IS_NO_PATH = {("sslrootcert", "system")}  # a word of libpq's
_NOT_TAKEN = {
    "options": "options is refused, for poolers drop it; the schema is named by ?schema=",
    "search_path": "the schema is named by ?schema=",
    "currentschema": "the schema is named by ?schema=",
    "client_encoding": "client_encoding is always UTF8; leave it out",
    "replication": "replication is of no use here; leave it out",
    "ssl": "write sslmode=verify-full or sslmode=require",
    "pgbouncer": "pgbouncer is for Prisma; leave it out, every pooler is fit",
    "connection_limit": "connection_limit is for Prisma; leave it out, few connections are used",
}
# What libpq reads from the environment by itself, which is not where `.env` and NAME_FILE are.
_FROM_ENVIRONMENT = {
    "PGPASSFILE": "passfile",
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGCONNECT_TIMEOUT": "connect_timeout",
}
_SERVICES = "PGSERVICEFILE"
_PASSWORDS = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A schema of a database on a server.

    `conninfo` is what libpq takes (keys and values), perhaps with a password, which is also among `secrets`; `label` is
    for people, without it. Beside the path `beside` lies what this host keeps for it, such as locks.
    """

    conninfo: str = field(repr=False)
    schema: str
    label: str
    beside: Path = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False, default=())

    def __str__(self) -> str:
        return self.label


Address = Path | PostgresAddress  # a path is the file of a SQLite database


def beside(address: Address) -> Path:
    """Name the path beside which locks and the like of an inventory lie on this host."""
    return address if isinstance(address, Path) else address.beside


def lock_folder(address: Address) -> Path:
    """Name the folder of an inventory's locks on this host."""
    place = beside(address)
    return place.with_name(f"{place.name}.locks")


def parse_database_url(text: str, home: Path, environ: Mapping[str, str]) -> Address:
    """Tell which database an address names; relative paths count from home. Nothing is connected to.

    What an address of PostgreSQL leaves out is taken from libpq's variables in `environ`. Raises ConfigError, which
    never repeats the address: it may hold a password.
    """
    try:
        return _parsed(text.strip(), home, environ)
    except ValueError as exc:
        raise ConfigError(f"{VARIABLE}: {exc}") from None  # the cause may quote the address


def sqlite_file(url: str) -> str:
    """Find the file in sqlite:///relative or sqlite:////absolute; other databases' addresses may hold passwords."""
    scheme, colon, _ = url.partition(":")
    example = f"write {SQLITE_EXAMPLE}"
    if not colon or scheme.lower() != "sqlite":
        raise ValueError(f"only sqlite is supported{_named(scheme, colon)}; {example}")
    address = url[len("sqlite:") :]
    path = unquote(address[3:])
    if has_password(path) or is_key_material(path):
        raise ValueError(f"a path without user and password is needed; {example}")
    if not address.startswith("///") or path in {"", ":memory:"} or "\0" in path:
        raise ValueError(f"no path of a file after sqlite:///; {example}")
    if "?" in address:
        raise ValueError("options after ? are not supported; a ? that belongs to the name is written %3F")
    return path


def _parsed(text: str, home: Path, environ: Mapping[str, str]) -> Address:
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if colon and scheme == "sqlite":
        return home / sqlite_file(text)
    if colon and scheme in _POSTGRES and rest.startswith("//"):
        return _postgres(rest[2:], home, environ)
    raise ValueError(_right_spelling(text, scheme, colon))


def _right_spelling(text: str, scheme: str, colon: str) -> str:
    """Say how PostgreSQL's address is written, where that is what was meant."""
    if scheme in _POSTGRES:
        return f"two slashes are missing after {scheme}:; write {POSTGRES_EXAMPLE}"
    if scheme == "jdbc" or scheme.startswith(tuple(f"{name}+" for name in _POSTGRES)):
        return f"the address of a driver is not taken; write {POSTGRES_EXAMPLE}"
    if _KEY_AND_VALUE.match(text):
        return f"an address is needed, not keys and values; write {POSTGRES_EXAMPLE}"
    found = _named(scheme, colon)
    return f"only sqlite and postgresql are supported{found}; write {SQLITE_EXAMPLE} or {POSTGRES_EXAMPLE}"


def _named(scheme: str, colon: str) -> str:
    return f", not {scheme}" if colon and scheme.isascii() and scheme.replace("+", "").isalnum() else ""


def _postgres(rest: str, home: Path, environ: Mapping[str, str]) -> PostgresAddress:
    """Read what stands after `postgresql://`, as libpq does, but for what it would misunderstand in silence."""
    authority, path, query = _split(rest)
    asked = dict(_query(query))
    schema = checked_schema(asked.pop("schema", DEFAULT_SCHEMA))
    given = {**_login(authority.rpartition("@")[0]), **_hosts(authority.rpartition("@")[2])}
    if path:
        given["dbname"] = unquote(path)
    found = {name: value for name, value in {**given, **asked}.items() if value}
    said = _from_service(found.pop("service"), home, environ) if "service" in found else {}
    named = {**_from_environment(environ), **said, **found}
    if any("\0" in value for value in named.values()):
        raise ValueError("a %00 cannot be meant")
    parameters = {name: _absolute(home, name, value) for name, value in named.items() if value}
    secrets = tuple(parameters[name] for name in _PASSWORDS if name in parameters)
    label = f"{_label(parameters)} (schema {schema})"
    digest = hashlib.sha256(label.encode()).hexdigest()[:12]
    return PostgresAddress(_conninfo(parameters), schema, label, home / "data" / f"postgresql-{digest}", secrets)


def _split(rest: str) -> tuple[str, str, str]:
    """Give what names user and hosts, what names the database, and what follows the `?`."""
    if "#" in rest or _STRAY_PERCENT.search(rest):
        raise ValueError(_NOT_ESCAPED if "@" in rest else f"a character must be written otherwise: {_ESCAPES}")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    path, mark, query = rest[len(authority) :].partition("?")
    port = authority.rpartition(":")[2] if ":" in authority else ""
    is_cut = "@" not in authority and "@" in rest and bool(port) and not port.isdigit()
    if authority.count("@") > 1 or "@" in path or is_cut:
        raise ValueError(_NOT_ESCAPED)
    if path.count("/") > 1:
        raise ValueError(f"one name of a database is needed after the host, without further slashes; {_ESCAPES}")
    if mark and "?" in query:
        raise ValueError("a second ? is no separator: write & between options, and %3F for a ? in a value")
    return authority, path[1:], query


def _login(userinfo: str) -> dict[str, str]:
    user, _, password = userinfo.partition(":")
    return {"user": unquote(user), "password": unquote(password)}


def _hosts(text: str) -> dict[str, str]:
    """Read host:port, also several with commas, also [IPv6] and a folder of sockets as %2Frun."""
    found = [re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d*))?", each, re.ASCII) for each in text.split(",")]
    ports = [each[2] or "" for each in found if each]
    if not all(found) or any(port and not 1 <= int(port[:6]) <= 65_535 for port in ports):
        needed = "host or host:port is needed, the port a number up to 65535, an IPv6 address as [::1]"
        raise ValueError(f"{needed}; {_ESCAPES}")
    names = [unquote(each[1]).strip("[]") for each in found if each]
    return {"host": ",".join(names) if any(names) else "", "port": ",".join(ports) if any(ports) else ""}


def _query(text: str) -> Iterator[tuple[str, str]]:
    seen = set[str]()
    for each in filter(None, text.split("&")):
        key, _, value = each.partition("=")
        if key.lower() in _NOT_TAKEN:
            raise ValueError(_NOT_TAKEN[key.lower()])
        if key not in (*_KEYWORDS, "schema"):
            raise ValueError(_unknown(key))
        if key in seen:
            raise ValueError(f"{key} is given twice after ?")
        seen.add(key)
        yield key, unquote(value)


def _unknown(key: str) -> str:
    """Say what may be meant; a key that is not one word may be a part of the password."""
    guess = did_you_mean(key, (*_KEYWORDS, "schema"))
    if not guess:
        return f"an unknown option after ?; schema, sslmode and sslrootcert are the usual ones. {_ESCAPES}"
    return f"an unknown option after ?; {guess.strip()}"


def checked_schema(name: str) -> str:
    """Return the name of a schema that may hold an inventory. Raises ValueError."""
    if not _SCHEMA.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(f"schema: small letters, digits and _ are needed, at most {_LONGEST_NAME}, no digit first")
    if name.startswith("pg_") or name == "information_schema":
        raise ValueError(f"schema: {name} belongs to PostgreSQL itself; leave it out to have {DEFAULT_SCHEMA}")
    if name == "public":
        raise ValueError(
            "schema: public is not taken, for services such as Supabase show everything in it to the network; "
            f"leave it out to have {DEFAULT_SCHEMA}"
        )
    return name


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {key: environ.get(name) or "" for name, key in _FROM_ENVIRONMENT.items()}


def _from_service(name: str, home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Read a section of PGSERVICEFILE, which libpq does not see when `.env` names it, as it would.

    Without that variable libpq looks for the service in its own places, and what the service says there counts more
    than the variables: they are left out. https://www.postgresql.org/docs/current/libpq-pgservice.html
    """
    if not environ.get(_SERVICES):
        unsaid = dict.fromkeys(_FROM_ENVIRONMENT.values(), "")
        return {**unsaid, "passfile": environ.get("PGPASSFILE") or "", "service": name}
    lines = _lines_of(home / environ[_SERVICES])
    if f"[{name}]" not in lines:
        raise ValueError(f"service: {_SERVICES}: {home / environ[_SERVICES]} has no section of that name")
    section = itertools.takewhile(lambda each: not each.startswith("["), lines[lines.index(f"[{name}]") + 1 :])
    pairs = (each.partition("=") for each in section if "=" in each and not each.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip() in _KEYWORDS}


def _lines_of(path: Path) -> list[str]:
    try:
        return [each.strip() for each in path.read_text(encoding="utf-8").splitlines()]
    except OSError as exc:
        raise ValueError(f"service: {_SERVICES}: cannot read {path}: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"service: {_SERVICES}: {path} is not UTF-8 text") from None


def _absolute(home: Path, name: str, value: str) -> str:
    if name not in _PATHS or (name, value) in _IS_NO_PATH:
        return value
    try:
        return str(home / Path(value).expanduser())
    except RuntimeError:
        raise ValueError(f"{name}: cannot tell where ~ is; write the whole path") from None


def _conninfo(parameters: Mapping[str, str]) -> str:
    quoted = ((name, value.replace("\\", "\\\\").replace("'", "\\'")) for name, value in parameters.items())
    return " ".join(f"{name}='{value}'" for name, value in quoted)


def _label(parameters: Mapping[str, str]) -> str:
    """Write the address for people: of what libpq is given only what says where, never how one gets in."""
    if "service" in parameters:
        return f"postgresql service {quote(parameters['service'])}"
    user = f"{quote(parameters['user'], safe='')}@" if "user" in parameters else ""
    hosts = (parameters.get("host") or parameters.get("hostaddr") or "").split(",")
    ports = parameters.get("port", _DEFAULT_PORT).split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    where = ",".join(_place(host, port or _DEFAULT_PORT) for host, port in zip(hosts, ports, strict=False))
    return f"postgresql://{user}{where}/{quote(parameters.get('dbname', ''), safe='')}"


def _place(host: str, port: str) -> str:
    name = f"[{host}]" if ":" in host else quote(host, safe="")
    return f"{name}:{quote(port)}"
