"""What was written down before keys were hidden: parts of private keys in logs, in the database and in its copies.

Nothing of what is found is repeated. The look is bounded in time; files are read piece by piece, the newest first.
"""

import gzip
import shlex
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from filesync.core.key_material import traces
from filesync.doctor.findings import Finding, Skipped, counted, fail, named, ok
from filesync.runtime.clock import Clock
from filesync.store.engine import Database
from filesync.store.upkeep.leftovers import Leftover, leftovers

_PATIENCE = 5.0  # seconds for the files, and as long for the rows
_PIECE = 1_000_000  # bytes
_OVERLAP = 1_000  # bytes of a piece that the next one begins with: a trace may stand across the border
_FIRST = "make a new key and delete the old one where it was made, then"
_WORN = "its pages keep what was deleted or replaced"


def check_files(logs: Path, database: Path, clock: Clock, *, rows_are_clean: bool) -> Iterator[Finding | Skipped]:
    """Look into the log, also what was rotated, and into the database's file and its copies, as they lie there."""
    is_over = _limit(clock)
    paths = [*_newest_first(logs.rglob("*")), *_newest_first(_with_copies(database))]
    found, unseen = [], 0
    for path in paths:
        held = _holds_key(path, is_over)
        found += [path] if held else []
        unseen += held is None
    own = [path for path in found if path.name.startswith(database.name) and path.name[len(database.name) :] in _OWN]
    if others := [path for path in found if path not in own]:
        detail = f"parts of a private key stand in {named([str(path) for path in others])}"
        fix = f"{_FIRST}: rm {' '.join(shlex.quote(str(path)) for path in others)}"
        yield fail("secrets", "leftovers", detail, fix, "files")
    if own and rows_are_clean:
        detail = f"{database}: parts of a private key stand in the file, though in no row that is looked at: {_WORN}"
        yield fail("secrets", "leftovers", detail, f"{_FIRST}, while no sync runs: {_command(database)}", "pages")
    if unseen:
        yield Skipped("secrets", "leftovers", f"{_PATIENCE:.0f} s were not enough for {counted(unseen, 'file')}")
    if not found:
        seen = len(paths) - unseen
        yield ok("secrets", "leftovers", f"{counted(seen, 'file')} of logs and data, none with a private key in it")


def check_rows(database: Database, clock: Clock) -> Iterator[Finding | Skipped]:
    """Look into the messages and the feed that the database keeps."""
    found, is_whole = leftovers(database, _limit(clock))
    if found:
        said = named([f"{each.table}.{each.column} ({counted(each.rows, 'row')})" for each in found])
        fix = f"{_FIRST}, while no sync runs: {_statements(database, found)}"
        yield fail("secrets", "leftovers", f"parts of a private key stand in {said}", fix, "rows")
    if not is_whole:
        yield Skipped("secrets", "leftovers", f"{_PATIENCE:.0f} s were not enough for all rows of the database")


_OWN = ("", "-wal", "-shm", "-journal")


def _limit(clock: Clock) -> Callable[[], bool]:
    until = clock.monotonic() + _PATIENCE
    return lambda: clock.monotonic() >= until


def _statements(database: Database, found: Sequence[Leftover]) -> str:
    if isinstance(database.address, Path):
        return _command(database.address, found)
    tables = sorted({each.table for each in found})
    statements = [*(each.clean for each in found), f"VACUUM FULL {', '.join(tables)}"]
    return f"as the owner, in psql: SET search_path = {database.address.schema}; {'; '.join(statements)}"


def _command(database: Path, found: Sequence[Leftover] = ()) -> str:
    """Write the command; without secure_delete and VACUUM the pages would keep what was replaced."""
    statements = [
        "PRAGMA secure_delete = on",
        *(each.clean for each in found),
        "VACUUM",
        "PRAGMA wal_checkpoint(truncate)",
    ]
    return f'sqlite3 {shlex.quote(str(database))} "{"; ".join(statements)}"'


def _with_copies(database: Path) -> Iterator[Path]:
    """Return the database's file and what lies beside it of its kind; its folder may hold anything else, too."""
    named_alike = (path for path in database.parent.glob("*") if path.name.startswith(database.name))
    yield from (*named_alike, *database.parent.glob("*.db"))


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    try:
        files = {path for path in paths if path.is_file() and not path.is_symlink()}
        return sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return []


def _holds_key(path: Path, is_over: Callable[[], bool]) -> bool | None:
    """Look through a file; None when there was not time for all of it. One that cannot be read was named elsewhere."""
    try:
        with _opened(path) as file:
            before = b""
            while piece := file.read(_PIECE):
                if any(traces((before + piece).decode("latin-1"))):
                    return True
                if is_over():
                    return None
                before = piece[-_OVERLAP:]
    except (OSError, EOFError, zlib.error):
        return False
    return False


def _opened(path: Path) -> IO[bytes]:
    """Open a file, unpacked where logrotate packed it."""
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def is_clean(found: Sequence[Finding | Skipped]) -> bool:
    """Return whether nothing was found in the rows."""
    return not any(isinstance(each, Finding) for each in found)
