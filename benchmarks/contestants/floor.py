"""The floor: the same answers through json.loads and the same rows through executemany, and nothing else.

`python -m benchmarks.contestants.floor ANSWERS SYNCED NEW`: reads the recorded answers, one a line, and writes to the
new database what the synced one holds of files, folders and changes, and of files in its search index, in as many
commits as there were answers. It has the same schema, triggers and settings, because filesync opens it. What it prints
is JSON.
"""

import gc
import json
import shutil
import sqlite3  # noqa: TID251  reads rows behind the store's back
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.racing import Sample
from benchmarks.stopwatch import measure_python
from filesync.store.sqlite.database import open_for_writing

NAME = "floor: json.loads and executemany"

_ROWS = ("folders", "files", "changes")
_SEARCH = ("files_search (rowid, file_name, file_path)", "id, file_name, file_path FROM files")
_BEFORE = ("endpoints", "sync_logs")  # what the rows refer to


@dataclass(frozen=True, slots=True)
class _Table:
    insert: str
    rows: Sequence[tuple[Any, ...]]

    def part(self, number: int, of: int) -> Sequence[tuple[Any, ...]]:
        return self.rows[len(self.rows) * number // of : len(self.rows) * (number + 1) // of]


def floor(answers: Path, synced: Path, folder: Path) -> Callable[[], Sample]:
    """Give the run, which fills floor.db in a folder of its own; its seconds are those of the two steps alone."""
    new = folder / "floor.db"

    def run() -> Sample:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        module = ("-m", "benchmarks.contestants.floor")
        measured = measure_python([*module, str(answers), str(synced), str(new)], {})
        if measured.code:
            sys.exit(f"the floor ended with {measured.code}: {measured.err}")
        told = json.loads(measured.out)
        steps = ("json", "insert")
        cpu = sum(told[step]["cpu_seconds"] for step in steps)
        more = {f"{step}_us_a_file": told[step]["cpu_seconds"] / told["files"] * 1e6 for step in steps}
        wall = sum(told[step]["wall_seconds"] for step in steps)
        each = {"cpu_us_a_file": cpu / told["files"] * 1e6, **more}
        return Sample(wall, cpu, measured.peak_bytes, rows=told["files"], database_bytes=new.stat().st_size, more=each)

    return run


def main() -> None:
    answers, synced, new = map(Path, sys.argv[1:])
    gc.disable()  # it would look through all the rows that wait here, which no program needs to hold
    lines = answers.read_bytes().splitlines()
    with closing(sqlite3.connect(synced)) as connection:
        before, tables = ([_read(connection, name, f"* FROM {name}") for name in names] for names in (_BEFORE, _ROWS))
        tables.append(_read(connection, *_SEARCH))
    told = {"files": len(tables[1].rows), "json": _timed(lambda: _parse(lines))}
    told["insert"] = _timed(lambda: _write(new, before, tables, len(lines)))
    sys.stdout.write(json.dumps(told))


def _read(connection: sqlite3.Connection, into: str, what: str) -> _Table:
    found = connection.execute(f"SELECT {what}")
    marks = ",".join("?" * len(found.description))
    return _Table(f"INSERT INTO {into} VALUES ({marks})", found.fetchall())  # noqa: S608  names of ours


def _parse(lines: Sequence[bytes]) -> None:
    for line in lines:
        json.loads(line)


def _write(new: Path, before: Sequence[_Table], tables: Sequence[_Table], commits: int) -> None:
    database = open_for_writing(new)
    with database.transaction() as connection:
        for table in before:
            connection.executemany(table.insert, table.rows)
    for number in range(commits):
        with database.transaction() as connection:
            for table in tables:
                connection.executemany(table.insert, table.part(number, commits))
    database.close()


def _timed(step: Callable[[], None]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}


if __name__ == "__main__":
    main()
