"""files, changes and logs: what is selected, in which order, in which form."""

import csv
import io
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from filesync.core.errors import NetworkError
from filesync.core.model import Gone, RemoteFolder
from tests.support.cli_home import CliHome, Result, file

HOSTILE = "a\nb\x1b[31m\x00\u202egpj.\x9bexe"


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    home = CliHome(tmp_path)
    home.configure({"name": "A"}, {"name": "B"})
    home.show(
        "A",
        file("plan.rvt", updated_at="2026-03-01T00:00:00.000Z", version="1"),
        file("Plan B.PDF", "drawings", updated_at="2026-01-01T00:00:00.000Z", extra='{"region":"EMEA"}'),
        folders=[RemoteFolder("drawings", "Drawings", "root")],
    )
    home.show("B", file("übersicht.dwg"))
    home.sync()
    return home


def paths(result: Result) -> list[str]:
    assert result.code == 0, result.err
    return [row["file_path"] for row in result.lines]


def files(home: CliHome, *argv: str) -> list[str]:
    return paths(home.run("files", "--jsonl", *argv))


def test_files_come_by_endpoint_and_path(home: CliHome) -> None:
    assert files(home) == ["/Drawings/Plan B.PDF", "/plan.rvt", "/übersicht.dwg"]


def test_a_table_says_that_the_limit_left_files_out(home: CliHome) -> None:
    for form in ([], ["--json"], ["--jsonl"], ["--csv"]):
        said = "the first 2; there are more\n" if not form else ""
        assert home.run("files", "--limit", "2", *form).err == said
        assert home.run("files", "--limit", "3", *form).err == ""
    assert len(home.run("files", "--limit", "2").out.splitlines()) == 3  # with its headings


def test_files_are_in_order_across_pages(home: CliHome) -> None:
    twins = (file("same.pdf", id=str(number)) for number in range(1200))
    home.show("B", *(file(f"{number:05}.pdf") for number in range(1145)), *twins)
    home.sync("B")
    found = files(home, "--endpoint", "B")
    assert found == sorted(found)
    assert len(found) == 2345


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        (["--endpoint", "B"], ["übersicht.dwg"]),
        (["--endpoint", "B", "--endpoint", "A", "--type", ".PDF"], ["Plan B.PDF"]),
        (["--type", "rvt", "--type", "dwg"], ["plan.rvt", "übersicht.dwg"]),
        (["--name", "[Pp]lan*"], ["Plan B.PDF", "plan.rvt"]),
        (["--name", "plan.*"], ["plan.rvt"]),
        (["--search", "UBERSICHT"], ["übersicht.dwg"]),
        (["--search", "draw plan"], ["Plan B.PDF"]),
        (["--search", 'plan" OR "uber'], []),
        (["--search", "file_name:plan*"], []),
        (["--search", "plan NOT rvt\0"], []),
        (["--modified-since", "2026-02-01"], ["plan.rvt"]),
        (["--modified-since", "10d"], ["plan.rvt"]),
        (["--modified-since", "2026-03-01T01:00+01:00"], ["plan.rvt"]),
        (["--limit", "1"], ["Plan B.PDF"]),
        (["--limit", "0"], []),
        (["--deleted"], []),
    ],
)
def test_filters_select(home: CliHome, argv: list[str], names: list[str]) -> None:
    assert [path.rpartition("/")[2] for path in files(home, *argv)] == names


def test_a_name_with_a_slash_is_matched_as_one_name(home: CliHome) -> None:
    home.show("B", file("Plan 1/2.pdf"))
    home.sync("B")
    assert files(home, "--name", "Plan*.pdf") == ["/Plan 1\uff0f2.pdf"]


def test_only_deleted_files_are_listed_with_deleted(home: CliHome) -> None:
    home.show("B", file("new.dwg")).gone = Gone.REMOVED
    home.sync("B")
    row = home.run("files", "--deleted", "--jsonl").lines[0]
    assert (row["file_name"], row["deleted_reason"]) == ("übersicht.dwg", "removed")
    assert "removed" in home.run("files", "--deleted").out


def test_what_a_mass_delete_would_remove_is_pending(home: CliHome) -> None:
    plans = [file(f"{number}.pdf", "old") for number in range(30)]
    home.show("B", *plans, file("kept.pdf"), folders=[RemoteFolder("old", "Old", "root")])
    home.sync("B")
    home.show("B", file("kept.pdf"))
    home.sync("B")
    pending = home.run("files", "--pending-removal", "--jsonl").lines
    assert len(pending) == 30
    assert {row["missing_since"] for row in pending} != {None}
    assert "MISSING" in home.run("files", "--pending-removal").out
    assert len(files(home, "--endpoint", "B")) == 31
    assert home.run("status", "--json", "--endpoint", "B").document["endpoints"][0]["state"] == "blocked"


def test_files_of_an_endpoint_that_left_the_file_are_listed_by_name_only(home: CliHome) -> None:
    home.configure({"name": "A"})
    home.sync("A")
    assert len(files(home)) == 2
    assert files(home, "--endpoint", "B") == ["/übersicht.dwg"]


def test_json_is_one_document_that_keeps_text_exactly(home: CliHome) -> None:
    home.show("B", file(HOSTILE, id="x"))
    home.sync("B")
    result = home.run("files", "--endpoint", "B", "--json")
    assert result.document["schema"] == 1
    assert result.document["files"][0]["file_name"] == HOSTILE
    assert result.out.replace("\n", "").isprintable()


def test_json_columns_arrive_as_objects(home: CliHome) -> None:
    rows = {row["file_name"]: row for row in home.run("files", "--json").document["files"]}
    assert rows["Plan B.PDF"]["extra"] == {"region": "EMEA"}
    assert rows["plan.rvt"]["extra"] is None


def test_a_table_shows_hostile_names_in_their_own_cell(home: CliHome) -> None:
    home.show("B", file(HOSTILE, id="x"), file("x" * 1000, id="long"), file("[bold]markup", id="m"))
    home.sync("B")
    for width in (None, 80):
        out = home.run("files", "--endpoint", "B", width=width, environ={"NO_COLOR": "1"}).out
        assert out.replace("\n", "").isprintable()
        assert len(out.splitlines()) == 4
        assert "[bold]markup" in out
    assert r"a\nb\x1b[31m\x00\u202egpj.\x9bexe" in out


def test_csv_has_a_heading_and_disarms_formulas(home: CliHome) -> None:
    home.show("B", file("=1+1.csv"), file("-2.csv", size=-2), file(' "quoted", and\nbroken.csv'))
    home.sync("B")
    rows = list(csv.DictReader(io.StringIO(home.run("files", "--endpoint", "B", "--csv").out, newline="")))
    assert [row["file_name"] for row in rows] == [' "quoted", and\nbroken.csv', "'-2.csv", "'=1+1.csv"]
    assert [row["file_size"] for row in rows] == ["10", "-2", "10"]


def test_csv_on_a_terminal_does_not_steer_it(home: CliHome) -> None:
    home.show("B", file(HOSTILE, id="x"))
    home.sync("B")
    assert "\x1b" not in home.run("files", "--csv", width=80).out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["files", "--endpoint", "AA"], "did you mean A?"),
        (["files", "--json", "--csv"], "--json and --csv exclude each other"),
        (["files", "--deleted", "--pending-removal"], "exclude each other"),
        (["files", "--modified-since", "yesterday"], "a date (2026-01-31)"),
        (["files", "--modified-since", "0001-01-01T00:00+14:00"], "out of range"),
        (["files", "--name", "a/b"], "--search"),
        (["files", "--name", ""], "empty pattern"),
        (["files", "--search", " -* "], "a word is needed"),
        (["files", "--limit", "-1"], "--limit"),
        (["changes", "--kind", "gone"], "'gone'"),
        (["changes", "--since", "-5"], "--since"),
        (["logs", "--endpoint", "C\x1b[2J"], r"\x1b[2J"),
    ],
)
def test_wrong_usage_is_one_line_and_2(home: CliHome, argv: list[str], said: str) -> None:
    result = home.run(*argv)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert result.err.startswith("filesync: ")
    assert result.err.count("\n") == 1


def test_changes_resume_after_a_seq(home: CliHome) -> None:
    first = home.run("changes", "--limit", "2", "--jsonl").lines
    assert [row["seq"] for row in first] == [1, 2]
    rest = home.run("changes", "--since", "2", "--jsonl").lines
    assert [row["seq"] for row in rest] == [3]
    assert home.run("changes", "--since", "3", "--jsonl").out == ""
    feed = first[0]["feed"]
    document = home.run("changes", "--since", f"{feed}:1", "--json").document
    assert (document["feed"], document["last_seq"]) == (feed, 3)
    assert [(row["feed"], row["seq"]) for row in document["changes"]] == [(feed, 2), (feed, 3)]
    assert home.run("changes", "--since", f"{feed}:3", "--json").document == {**document, "changes": []}


@pytest.mark.parametrize("place", ["4", "999999999999999999", "FEED:4", "0123456789abcdef:1"])
def test_changes_after_what_the_feed_never_had_are_an_error(home: CliHome, place: str) -> None:
    """So a reader of an inventory that was begun anew learns that it must read it afresh."""
    feed = home.run("changes", "--limit", "0", "--json").document["feed"]
    ended = home.run("changes", "--since", place.replace("FEED", feed), "--jsonl")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert f"read it afresh, drop what is not in it, then go on with --since {feed}:3" in ended.err


def test_changes_are_in_order_across_pages(home: CliHome) -> None:
    home.show("B", *(file(f"{number}.pdf") for number in range(2345)))
    home.sync("B")
    seqs = [row["seq"] for row in home.run("changes", "--jsonl").lines]
    assert seqs == [*range(1, len(seqs) + 1)]
    assert len(seqs) > 2345


def test_changes_since_a_time_begin_there(home: CliHome) -> None:
    home.clock.advance(3600)
    home.show("B", file("übersicht.dwg"), file("new.dwg"))
    home.sync("B")
    home.clock.advance(60)
    for since in ("30m", home.clock.now().date().isoformat() + "T12:30"):
        assert [row["file_name"] for row in home.run("changes", "--since", since, "--jsonl").lines] == ["new.dwg"]


def test_modified_means_that_the_content_changed(home: CliHome) -> None:
    home.show("A", file("plan v2.rvt", id="plan.rvt", version="2"))
    home.sync("A")
    rows = home.run("changes", "--kind", "modified", "--jsonl").lines
    assert [(row["kind"], row["content_changed"]) for row in rows] == [("renamed", True)]
    assert rows[0]["before"]["version"] == "1"
    assert rows[0]["after"]["version"] == "2"


def test_touched_is_shown_only_when_asked(home: CliHome) -> None:
    home.show("B", file("übersicht.dwg", modified_by="anna"))
    home.sync("B")
    assert "touched" not in home.run("changes").out
    assert len(home.run("changes", "--kind", "touched", "--jsonl").lines) == 1


def test_a_table_of_changes_shows_the_latest(home: CliHome) -> None:
    home.show("B", *(file(f"{number:03}.pdf") for number in range(100)))
    home.sync("B")
    result = home.run("changes")
    assert len(result.out.splitlines()) == 51
    assert "latest 50" in result.err


def test_logs_come_newest_first(home: CliHome) -> None:
    home.shown["B"].error = NetworkError("connection refused")
    home.sync("B")
    rows = home.run("logs", "--json").document["logs"]
    assert [row["id"] for row in rows] == [3, 2, 1]
    assert home.run("logs", "--failed", "--jsonl").lines[0]["error_type"] == "network"
    assert [row["endpoint"] for row in home.run("logs", "--endpoint", "A", "--jsonl").lines] == ["A"]
    assert len(home.run("logs", "--limit", "1", "--jsonl").lines) == 1
    assert "connection refused" in home.run("logs").out


def test_a_sync_whose_process_died_is_interrupted(home: CliHome) -> None:
    _leave_running(home)
    assert home.run("logs", "--jsonl").lines[0]["status"] == "interrupted"


def test_an_empty_table_says_so_on_stderr(home: CliHome) -> None:
    result = home.run("files", "--type", "xyz")
    assert (result.code, result.out, result.err) == (0, "", "no such file is known\n")
    assert home.run("files", "--type", "xyz", "--json").document == {"schema": 1, "files": []}


def test_the_inventory_needs_no_configuration(home: CliHome) -> None:
    home.config.write_text("endpoints: [", encoding="utf-8")
    for command in ("files", "changes", "logs"):
        assert home.run(command, "--jsonl").code == 0


def test_files_come_straight_from_an_index(home: CliHome) -> None:
    connection = sqlite3.connect(home.database)
    try:
        sql = """EXPLAIN QUERY PLAN SELECT * FROM files AS f WHERE f.endpoint_id = 1 AND (f.file_path, f.id) > ('', 0)
                 AND f.deleted_at IS NULL ORDER BY f.file_path, f.id LIMIT 10"""
        plan: list[Any] = [row[3] for row in connection.execute(sql)]
    finally:
        connection.close()
    assert len(plan) == 1
    assert "files_by_path" in plan[0]


def _leave_running(home: CliHome) -> None:
    """Do what a killed process leaves behind: a row that says running, and no lock."""
    connection = sqlite3.connect(home.database)
    try:
        connection.execute(
            """INSERT INTO sync_logs (endpoint_id, status, mode, "trigger", started_at, heartbeat_at, host, pid)
               SELECT id, 'running', 'full', 'schedule', created_at, created_at, 'host', 1 FROM endpoints WHERE name = 'A'"""
        )
        connection.commit()
    finally:
        connection.close()
