"""DATABASE_URL: what is understood, as libpq understands it, and what is never said of it."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from filesync.cli.config import _shown
from filesync.core.errors import ConfigError
from filesync.runtime.database_url import Address, PostgresAddress, beside, lock_folder, parse_database_url
from filesync.runtime.environment import Variables, read_variables

HOME = Path("/srv/home")
WORD = "hunter22"


def parsed(text: str, **environ: str) -> Address:
    return parse_database_url(text, HOME, environ)


def postgres(text: str, **environ: str) -> PostgresAddress:
    address = parsed(text, **environ)
    assert isinstance(address, PostgresAddress)
    return address


def parameters(text: str, **environ: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo_to_dict(postgres(text, **environ).conninfo).items()}


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///x.db", "/srv/home/x.db"),
        ("sqlite:///./data/a.db", "/srv/home/data/a.db"),
        ("sqlite:////srv/a.db", "/srv/a.db"),
        ("sqlite:///a%20b%3F.db", "/srv/home/a b?.db"),
        ("SQLITE:///x.db", "/srv/home/x.db"),
    ],
)
def test_sqlite_is_a_file_below_home_or_an_absolute_one(url: str, path: str) -> None:
    assert parsed(url) == Path(path)
    assert lock_folder(parsed(url)) == Path(f"{path}.locks")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "PostgreSQL"])
def test_an_address_of_postgresql_is_taken_apart(scheme: str) -> None:
    url = f"{scheme}://ann:{WORD}@db.example.com:6543/inventory?sslmode=require"
    assert parameters(url) == {
        "user": "ann",
        "password": WORD,
        "host": "db.example.com",
        "port": "6543",
        "dbname": "inventory",
        "sslmode": "require",
    }
    assert postgres(url).schema == "filesync"
    assert postgres(url).label == "postgresql://ann@db.example.com:6543/inventory (schema filesync)"


def test_what_this_host_keeps_lies_in_data_whatever_the_password_is() -> None:
    place = beside(parsed(f"postgresql://ann:{WORD}@db/x"))
    assert place.parent == HOME / "data"
    assert place == beside(parsed("postgresql://ann:another@db/x"))
    assert place != beside(parsed(f"postgresql://ann:{WORD}@db/x?schema=other"))


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("postgresql://db/x?schema=crawl_2", "postgresql://db:5432/x (schema crawl_2)"),
        ("postgresql://[2001:db8::1]:6000/x", "postgresql://[2001:db8::1]:6000/x (schema filesync)"),
        ("postgresql://a:1,b:2/x", "postgresql://a:1,b:2/x (schema filesync)"),
        ("postgresql://a,b/x", "postgresql://a:5432,b:5432/x (schema filesync)"),
        ("postgresql://%2Frun%2Fpg/x", "postgresql://%2Frun%2Fpg:5432/x (schema filesync)"),
        ("postgresql://u%0A@h/a%1Bb", "postgresql://u%0A@h:5432/a%1Bb (schema filesync)"),
        ("postgresql://?service=prod", "postgresql service prod (schema filesync)"),
    ],
)
def test_a_label_says_where_and_fits_one_line(url: str, label: str) -> None:
    assert postgres(url).label == label


def test_schema_is_ours_and_does_not_reach_libpq() -> None:
    url = "postgresql://db/x?schema=crawl&connect_timeout=3"
    assert postgres(url).schema == "crawl"
    assert parameters(url) == {"host": "db", "dbname": "x", "connect_timeout": "3"}


@pytest.mark.parametrize("name", ["Crawl", "1st", "a-b", "a b", "ä", "x" * 64, "a'b", ""])
def test_a_schema_that_would_need_quotes_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^DATABASE_URL: schema: small letters"):
        parsed(f"postgresql://db/x?schema={quote(name)}")


@pytest.mark.parametrize(
    ("name", "why"), [("pg_temp", "belongs to PostgreSQL"), ("information_schema", "belongs"), ("public", "Supabase")]
)
def test_a_schema_of_others_is_refused(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} .*{why}.*leave it out to have filesync"):
        parsed(f"postgresql://db/x?schema={name}")


@pytest.mark.parametrize("character", "@#/?%")
@pytest.mark.parametrize("user", ["ann", "postgres.abcdefghijklmnopqrst"])
def test_a_password_that_is_not_escaped_is_explained_and_not_repeated(character: str, user: str) -> None:
    with pytest.raises(ConfigError, match=r"%40, # %23, / %2F, [?] %3F") as caught:
        parsed(f"postgresql://{user}:left{character}right@db.example.com:5432/name?sslmode=require")
    assert not [each for each in ("left", "right", user) if each in str(caught.value)]
    assert caught.value.__cause__ is None


def test_digits_before_a_slash_in_a_password_are_no_port() -> None:
    with pytest.raises(ConfigError, match="the password has a character that ends it early"):
        parsed("postgresql://ann:1234/5678@db/name")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"postgresql+psycopg://u:{WORD}@db/x", "the address of a driver is not taken; write postgresql://"),
        (f"postgresql+asyncpg://u:{WORD}@db/x", "the address of a driver is not taken; write postgresql://"),
        (f"jdbc:postgresql://db/x?user=u&password={WORD}", "the address of a driver is not taken; write postgresql://"),
        (f"postgresql:/u:{WORD}@db/x", "two slashes are missing after postgresql:"),
        (f"postgres:u:{WORD}@db/x", "two slashes are missing after postgres:"),
        (f"host=db password={WORD}", "not keys and values; write postgresql://"),
        (f"password = '{WORD}:x' host=db", "not keys and values; write postgresql://"),
        (f"mysql://u:{WORD}@db/x", "only sqlite and postgresql are supported, not mysql"),
        ("data/x.db", "only sqlite and postgresql are supported; write sqlite:///"),
        (f"postgresql://u:{WORD}@db:port/x", "host or host:port is needed"),
        (f"postgresql://u:{WORD}@db:70000/x", "the port a number up to 65535"),
        (f"postgresql://u:{WORD}@::1/x", r"an IPv6 address as \[::1\]"),
        (f"postgresql://u:{WORD}@db/x/y", "without further slashes"),
        (f"postgresql://u:{WORD}@db/x?a=b?c=d", "a second [?] is no separator"),
        (f"postgresql://u:{WORD}@db/x?sslmod=require", "did you mean sslmode[?]"),
        (f"postgresql://u:{WORD}@db/x?shema=y", "did you mean schema[?]"),
        (f"postgresql://u:{WORD}@db/x?{WORD}=y", "an unknown option after [?]"),
        (f"postgresql://u:{WORD}@db/x?options=-csearch_path%3Dy", "options is refused, for poolers drop it"),
        (f"postgresql://u:{WORD}@db/x?pgbouncer=true", "pgbouncer is for Prisma"),
        (f"postgresql://u:{WORD}@db/x?schema=a&schema=b", "schema is given twice"),
        (f"postgresql://u:{WORD}%00@db/x", "%00 cannot be meant"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_repeating_it(url: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        parsed(url)
    assert WORD not in str(caught.value)
    assert str(caught.value).startswith("DATABASE_URL: ")
    assert "\n" not in str(caught.value)


def test_paths_count_from_home(tmp_path: Path) -> None:
    found = parameters("postgresql://db/x?sslrootcert=config/ca.crt&sslkey=/etc/k", PGPASSFILE="config/pgpass")
    assert (found["sslrootcert"], found["sslkey"], found["passfile"]) == (
        "/srv/home/config/ca.crt",
        "/etc/k",
        "/srv/home/config/pgpass",
    )
    assert parameters("postgresql://db/x?sslrootcert=system")["sslrootcert"] == "system"
    with pytest.raises(ConfigError, match="sslcert: cannot tell where ~ is"):
        parsed("postgresql://db/x?sslcert=~nobody-of-this-name/c")


def test_what_the_address_leaves_out_is_taken_from_the_variables_of_libpq(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PGPASSWORD_FILE=word\nPGUSER=bob\nPGSSLMODE=require\n")
    (tmp_path / "word").write_text(f"{WORD}\n")
    variables = read_variables(tmp_path, {})
    address = parse_database_url("postgresql://ann@db/x", tmp_path, variables)
    assert isinstance(address, PostgresAddress)
    found = conninfo_to_dict(address.conninfo)
    assert (found["user"], found["password"], found["sslmode"]) == ("ann", WORD, "require")
    assert WORD in variables.secrets()
    assert WORD not in f"{address!r} {address} {address.label}"


def test_a_service_counts_more_than_the_variables() -> None:
    found = parameters("postgresql://?service=prod", PGPASSFILE="p", PGHOST="elsewhere", PGUSER="bob")
    assert found == {"service": "prod", "passfile": "/srv/home/p"}


def test_a_service_file_is_read_where_the_variable_says(tmp_path: Path) -> None:
    (tmp_path / "pg.conf").write_text(f"[a]\nhost=wrong\n[prod]\nhost=db\n#port=1\npassword={WORD}\n\n[z]\nport=2\n")
    variables = {"PGSERVICEFILE": "pg.conf", "PGHOST": "elsewhere", "PGUSER": "bob"}
    address = parse_database_url("postgresql://?service=prod", tmp_path, variables)
    assert isinstance(address, PostgresAddress)
    assert conninfo_to_dict(address.conninfo) == {"host": "db", "password": WORD, "user": "bob"}
    assert address.secrets == (WORD,)
    assert WORD not in repr(address)


def test_a_service_that_is_nowhere_is_named_by_its_file_alone(tmp_path: Path) -> None:
    (tmp_path / "pg.conf").write_text("[a]\n")
    with pytest.raises(ConfigError, match=r"service: PGSERVICEFILE: .*pg\.conf has no section") as caught:
        parse_database_url(f"postgresql://?service={WORD}", tmp_path, {"PGSERVICEFILE": "pg.conf"})
    assert WORD not in str(caught.value)
    with pytest.raises(ConfigError, match=r"service: PGSERVICEFILE: cannot read .*: No such file"):
        parse_database_url("postgresql://?service=prod", tmp_path, {"PGSERVICEFILE": "missing"})


@pytest.mark.parametrize("word", [WORD, "a%40b%23c%2Fd", "%E2%82%AC%20euro%27s%5C", "x:yz%3Fw"])
def test_the_password_is_among_the_secrets_as_it_is_written_and_as_it_is_meant(word: str) -> None:
    url = f"postgresql://ann:{word}@db.example.com/x"
    address = postgres(url)
    meant = conninfo_to_dict(address.conninfo)["password"]
    assert {word, meant} <= {*Variables({"DATABASE_URL": url}, HOME).secrets()}
    assert str(meant) not in repr(address) + address.label


def test_a_password_among_the_options_is_a_secret_too() -> None:
    url = f"postgresql://ann@db/x?password={WORD}"
    assert WORD in Variables({"DATABASE_URL": url}, HOME).secrets()
    assert WORD not in repr(postgres(url)) + postgres(url).label


def test_the_whole_address_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"postgresql://ann:{WORD}@db/x\n")
    variables = read_variables(tmp_path, {"DATABASE_URL_FILE": "url"})
    address = parse_database_url(variables["DATABASE_URL"], tmp_path, variables)
    assert isinstance(address, PostgresAddress)
    assert address.label == "postgresql://ann@db:5432/x (schema filesync)"
    assert WORD in variables.secrets()


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


@given(user=TEXT, word=TEXT, name=TEXT, host=st.from_regex(r"[a-z][a-z0-9.-]{0,10}", fullmatch=True))
def test_libpq_understands_the_same(user: str, word: str, name: str, host: str) -> None:
    user_part, word_part, name_part = (quote(each, safe="") for each in (user, word, name))
    url = f"postgresql://{user_part}:{word_part}@{host}:6000/{name_part}?connect_timeout=5&application_name={name_part}"
    assert conninfo_to_dict(postgres(url).conninfo) == conninfo_to_dict(url)


def told_of(text: str) -> str:
    """Give what is understood of an address, or what is said against it."""
    try:
        address = parsed(text)
    except ConfigError as exc:
        return str(exc)
    if isinstance(address, PostgresAddress):
        assert conninfo_to_dict(address.conninfo) is not None
        return address.label
    return "a file"


@given(st.text(max_size=60), st.sampled_from(["postgresql://", "postgres:", "sqlite:///", ""]))
def test_whatever_is_said_of_any_text_fits_one_line(text: str, beginning: str) -> None:
    assert told_of(beginning + text).isprintable()


def test_an_address_is_read_without_loading_the_driver() -> None:
    code = (
        "import sys; from pathlib import Path; from filesync.runtime.database_url import parse_database_url as p;"
        "p('postgresql://a:b@c/d', Path('/'), {}); assert 'psycopg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_config_show_writes_an_address_without_its_password() -> None:
    assert _shown("DATABASE_URL", "postgresql://ann:abc@db/x") == "postgresql://ann:***@db/x"


def test_braces_may_be_in_a_password_and_are_no_key() -> None:
    url = f"postgresql://ann:{{{WORD}}}@db/x"
    assert conninfo_to_dict(postgres(url).conninfo)["password"] == f"{{{WORD}}}"
    assert f"{{{WORD}}}" in Variables({"DATABASE_URL": url}, HOME).secrets()
    assert not Variables({"DATABASE_URL": url}, HOME).misplaced([])
    for key in ('{"private_key": "x"}', f"sqlite:///{{{WORD}}}", 'postgresql: {"private_key": "x"}'):
        assert Variables({"DATABASE_URL": key}, HOME).misplaced([])
