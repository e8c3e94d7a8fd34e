"""`filesync db`: the inventory's database looked at, checked, copied to another one, and its roles."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.database_copy import DatabaseCopy, copy_database
from filesync.app.database_facts import DatabaseFacts, facts_of
from filesync.app.database_facts import check as check_database
from filesync.app.home import Home
from filesync.cli.options import AsJson
from filesync.cli.output.findings import findings_document, show_findings, sum_up
from filesync.cli.output.rows import show_document
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.core.errors import ConfigError, LocalFileError, UsageError
from filesync.doctor.disks import in_bytes
from filesync.doctor.findings import Finding, counted, exit_code, named
from filesync.runtime.database_url import (
    DEFAULT_SCHEMA,
    VARIABLE,
    Address,
    PostgresAddress,
    checked_schema,
    parse_database_url,
)
from filesync.runtime.settings import expanded
from filesync.store.postgres.grants import grants_sql

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Look at the database, check it, copy it.")


@app.command("info")
def info(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show where the inventory is, its engine, size and rows; of a server also clock and connections."""
    home, terminal = home_and_terminal(ctx)
    facts = facts_of(home)
    if json:
        show_document(terminal, _facts_document(facts))
    else:
        for name, value in _facts_lines(facts):
            terminal.write(f"{name:<16}{value}\n")


@app.command("check")
def check(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Check the database, and of a server the way to it: TLS, clock, rights. Nothing is changed.

    Each check is OK, WARN or FAIL, as of `filesync doctor`; exits 1 when one is FAIL, else 0.
    """
    home, terminal = home_and_terminal(ctx)
    results = check_database(home)
    if json:
        found = [*results]
        show_document(terminal, {"database": str(home.database_address), **findings_document(terminal, found)})
    else:
        found = [*show_findings(home, terminal, results, names_all=not terminal.is_quiet)]
        sum_up(terminal, found)
    raise typer.Exit(exit_code(each for each in found if isinstance(each, Finding)))


@app.command("copy")
def copy(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="URL", help="The database to copy to; others see a password in it.")
    ] = None,
    to_file: Annotated[
        str | None, typer.Option("--to-file", metavar="PATH", help="A file with the URL of the database to copy to.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="The database to copy; else $DATABASE_URL.")
    ] = None,
    source_file: Annotated[
        str | None, typer.Option("--from-file", metavar="PATH", help="A file with the URL of the database to copy.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Copy the inventory to another database, with all numbers, so that syncs and readers go on there.

    The other one is empty, or an earlier copy, which is brought up to date: so a copy that was stopped goes on. Both
    sides are compared at the end. The source is not changed.

    \b
    Examples:
      filesync db copy --to-file postgresql.url
      filesync db copy --from-file postgresql.url --to sqlite:///./data/connector.db
    """  # noqa: D301  \b is Typer's mark
    home, terminal = home_and_terminal(ctx)
    target = _address(home, "--to", to, to_file)
    if target is None:
        raise UsageError("--to URL or --to-file PATH is needed: the database to copy to")
    origin = _address(home, "--from", source, source_file) or home.database_address
    with _progress(terminal) as on_page:
        done = copy_database(origin, target, on_page)
    if json:
        show_document(terminal, _copy_document(origin, target, done))
    else:
        _tell(terminal, target, done)
    _warn(terminal, done)


@app.command("grants")
def grants(
    ctx: typer.Context,
    *,
    schema: Annotated[
        str | None, typer.Option("--schema", metavar="NAME", help="The inventory's schema; else that of DATABASE_URL.")
    ] = None,
) -> None:
    """Print SQL that makes roles for those who sync and those who read, and shuts everybody else out.

    Nothing is run: give it to psql as the schema's owner.

    \b
    Examples:
      filesync db grants | psql "$OWNER_URL"
    """  # noqa: D301  \b is Typer's mark
    home, terminal = home_and_terminal(ctx)
    terminal.write(grants_sql(_schema(home, schema)))


def _schema(home: Home, given: str | None) -> str:
    if given is None:
        address = home.database_address
        return address.schema if isinstance(address, PostgresAddress) else DEFAULT_SCHEMA
    try:
        return checked_schema(given)
    except ValueError as exc:
        raise UsageError(f"--{exc}") from exc


def _address(home: Home, option: str, url: str | None, file: str | None) -> Address | None:
    """Read an address from an option, or from the file that one names. Raises UsageError, which does not repeat it."""
    if url is not None and file is not None:
        raise UsageError(f"{option} and {option}-file exclude each other")
    if file is not None:
        option, url = f"{option}-file", _first_line(home, f"{option}-file", file)
    if url is None:
        return None
    try:
        address = parse_database_url(url, home.path, home.settings.variables)
    except ConfigError as exc:
        raise UsageError(f"{option}: {str(exc).removeprefix(f'{VARIABLE}: ')}") from None  # the cause may quote it
    if isinstance(address, PostgresAddress):
        for secret in address.secrets:
            home.redactor.hide(secret)
    return address


def _first_line(home: Home, option: str, file: str) -> str:
    path = home.cwd / expanded(file, option)
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as exc:
        raise LocalFileError(
            f"{option} {path}: cannot be read: {getattr(exc, 'strerror', None) or 'no UTF-8'}"
        ) from exc
    if len(lines) != 1:
        raise UsageError(f"{option} {path}: one URL is needed in it, and nothing else")
    return lines[0]


@contextlib.contextmanager
def _progress(terminal: Terminal) -> Iterator[Callable[[str, int, int], None]]:
    if not terminal.has_progress:
        yield lambda *_: None
        return
    from filesync.cli.output.progress import counting  # noqa: PLC0415  rich is for terminals

    with counting(terminal, "rows") as show:
        yield show


def _facts_document(facts: DatabaseFacts) -> dict[str, object]:
    counted_ones = facts.connections
    return {
        "database": facts.database,
        "engine": facts.engine,
        "engine_version": facts.engine_version,
        "schema_version": facts.schema_version,
        "bytes": facts.size,
        "tables": facts.tables,
        "clock_offset_seconds": facts.clock_offset,
        "connections": counted_ones and {"in_use": counted_ones.in_use, "most": counted_ones.most},
    }


def _facts_lines(facts: DatabaseFacts) -> Iterator[tuple[str, str]]:
    engine = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[facts.engine]
    yield "database", facts.database
    yield "engine", f"{engine} {facts.engine_version}"
    yield "schema", f"version {facts.schema_version}"
    yield "size", in_bytes(facts.size)
    if facts.clock_offset is not None:
        yield "clock", f"{facts.clock_offset:+.3f} s from this machine's"
    if facts.connections:
        yield "connections", f"{facts.connections.in_use} of {facts.connections.most} in use"
    for table, rows in facts.tables.items():
        yield table, f"{rows:,} rows"


def _copy_document(source: Address, target: Address, done: DatabaseCopy) -> dict[str, object]:
    tables = [
        {
            "table": each.table,
            "rows": each.rows,
            "written": each.written,
            "dropped": each.dropped,
            "replaced": each.replaced,
            "checksum": each.checksum,
        }
        for each in done.tables
    ]
    return {"from": str(source), "to": str(target), "source_went_on": done.went_on, "tables": tables}


def _tell(terminal: Terminal, target: Address, done: DatabaseCopy) -> None:
    for each in done.tables:
        if each.rows:
            terminal.write(f"{each.table:<16}{each.rows:>12,} rows, {each.written:,} of them written\n")
    rows = sum(each.rows for each in done.tables)
    terminal.write(f"{target}: holds {rows:,} rows, all as they are in the source\n")


def _warn(terminal: Terminal, done: DatabaseCopy) -> None:
    replaced = [f"{each.replaced:,} in {each.table}" for each in done.tables if each.replaced]
    if replaced:
        count = counted(sum(each.replaced for each in done.tables), "value")
        terminal.note(
            f"{count} with characters that PostgreSQL does not take (NUL, lone surrogates), which are now U+FFFD: "
            f"{named(replaced, most=len(replaced))}"
        )
    if done.went_on:
        terminal.note("a sync has written to the source meanwhile; copy again before you use the copy")
