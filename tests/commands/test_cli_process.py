"""The program as a process: exit codes, what stderr says, and what is imported."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from filesync.store.sqlite.migrations import CURRENT
from tests import ROOT as REPOSITORY
from tests.adversarial.upgrade.schemas.make import A_STEP_MORE
from tests.support.cli_home import CliHome, file

HEAVY = {
    *("requests", "urllib3", "googleapiclient", "google.auth", "rich", "sqlite_utils", "tenacity", "cryptography"),
    *("waitress", "prometheus_client"),
}


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    home = CliHome(tmp_path)
    home.configure({"name": "A"})
    home.show("A", file("a.txt"), file("evil\n\x1b[31m.txt"))
    return home


@pytest.fixture
def synced(home: CliHome) -> CliHome:
    home.sync()
    return home


def filesync(
    home: CliHome, *argv: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "filesync", *argv],
        env={"PATH": os.defpath, "PYTHONPATH": str(REPOSITORY), "HOME": str(home.path), **(environ or {})},
        cwd=cwd or home.path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def imported(home: CliHome, *argv: str) -> Sequence[str]:
    """Name the modules that a command imported."""
    program = "import sys, filesync.__main__ as m\ntry: m.main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program, *argv],
        env={"PYTHONPATH": str(REPOSITORY), "FILESYNC_HOME": str(home.path)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return done.stderr.split()


def one_line(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("filesync: ")
    assert all(text in done.stderr for text in said)


def test_the_version_goes_to_stdout(home: CliHome) -> None:
    done = filesync(home, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("filesync ")


@pytest.mark.parametrize(
    "argv", [["--version"], ["files", "--limit", "20"], ["logs", "--json"], ["changes", "--endpoint", "A", "--jsonl"]]
)
def test_a_command_imports_only_what_it_needs(synced: CliHome, argv: list[str]) -> None:
    assert not {*HEAVY, "yaml", "filesync.config"}.intersection(imported(synced, *argv))


def test_status_needs_neither_network_nor_tables(synced: CliHome) -> None:
    assert not HEAVY.intersection(imported(synced, "status"))


def test_no_arguments_show_the_help(home: CliHome) -> None:
    done = filesync(home)
    assert done.returncode == 0
    assert done.stdout == filesync(home, "--help").stdout
    assert "status" in done.stdout


@pytest.mark.parametrize(
    "command", ["status", "files", "changes", "logs", "endpoints", "init", "config check", "schema"]
)
def test_every_command_has_help(home: CliHome, command: str) -> None:
    done = filesync(home, *command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: filesync" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_missing_configuration_is_78(home: CliHome) -> None:
    home.config.unlink()
    one_line(filesync(home, "--home", str(home.path), "status"), 78, "connector.yaml", "filesync init")


def test_a_yaml_error_is_78_with_its_line(home: CliHome) -> None:
    home.config.write_text("endpoints:\n  - name: [a\n", encoding="utf-8")
    one_line(filesync(home, "status"), 78, "connector.yaml:3:")


def test_every_mistake_has_a_line(home: CliHome) -> None:
    home.configure({"name": "A", "scheduel": 1}, {"name": "A"})
    done = filesync(home, "config", "check")
    assert (done.returncode, done.stdout) == (78, "")
    lines = done.stderr.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("filesync: ") for line in lines)
    assert "did you mean schedule?" in done.stderr


def test_a_wrong_variable_is_78(home: CliHome) -> None:
    one_line(filesync(home, "files", environ={"SYNC_INTERVAL_MINUTES": "often"}), 78, "SYNC_INTERVAL_MINUTES")


def test_an_unknown_endpoint_is_2(synced: CliHome) -> None:
    one_line(filesync(synced, "files", "--endpoint", "a"), 2, "did you mean A?")


@pytest.mark.parametrize("argv", [["stats"], ["files", "--nmae", "x"], ["--nope"], ["logs", "--limit", "many"]])
def test_wrong_usage_is_2(home: CliHome, argv: list[str]) -> None:
    one_line(filesync(home, *argv), 2, "--help")


@pytest.mark.parametrize("command", ["files", "changes", "logs"])
def test_a_missing_database_is_1(home: CliHome, command: str) -> None:
    one_line(filesync(home, command), 1, "connector.db", "filesync sync")


@pytest.mark.parametrize("command", ["files", "changes", "logs", "status"])
def test_a_file_that_is_no_database_is_1(home: CliHome, command: str) -> None:
    home.database.parent.mkdir()
    home.database.write_text("not a database, and long enough to be looked at\n" * 100, encoding="utf-8")
    one_line(filesync(home, command), 1, "is not a SQLite database")


@pytest.mark.parametrize("command", ["files", "sync"])
def test_a_folder_in_the_place_of_the_database_is_called_one(home: CliHome, command: str) -> None:
    home.database.mkdir(parents=True)
    one_line(filesync(home, command), 1, "is a folder")


def test_a_newer_schema_is_refused(synced: CliHome) -> None:
    with closing(sqlite3.connect(synced.database)) as connection, connection:
        connection.execute(A_STEP_MORE)
    one_line(filesync(synced, "status"), 1, f"schema version {CURRENT + 1}", "upgrade filesync")


def test_off_a_terminal_there_is_no_escape_code(synced: CliHome) -> None:
    for argv in (["status"], ["files"], ["changes"], ["logs"], ["endpoints"], ["files", "--csv"]):
        done = filesync(synced, *argv, environ={"TERM": "xterm-256color", "COLUMNS": "40"})
        assert done.returncode == 0
        assert "\x1b" not in (done.stdout + done.stderr if "--csv" not in argv else done.stderr)


def test_data_is_utf8_whatever_the_locale(home: CliHome) -> None:
    home.show("A", file("Übersicht 橋.txt"))
    home.sync()
    for locale in ({"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}):
        done = filesync(home, "files", "--csv", environ=locale)
        assert (done.returncode, "Übersicht 橋.txt" in done.stdout) == (0, True)


def test_a_reader_that_leaves_early_is_no_failure(home: CliHome) -> None:
    home.show("A", *(file(f"{number:05}.txt") for number in range(3000)))
    home.sync()
    with subprocess.Popen(
        [sys.executable, "-m", "filesync", "files", "--jsonl"],
        env={"PYTHONPATH": str(REPOSITORY), "FILESYNC_HOME": str(home.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (0, b"")


def test_a_full_disk_behind_stdout_is_one_line(synced: CliHome) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "filesync", "files"],
            env={"PYTHONPATH": str(REPOSITORY), "FILESYNC_HOME": str(synced.path)},
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "filesync: standard output cannot be written: No space left on device\n",
    )


def test_home_is_found_from_below(synced: CliHome) -> None:
    below = synced.path / "data"
    assert filesync(synced, "files", "--csv", cwd=below).stdout.startswith("endpoint,")


def test_global_options_may_stand_behind_the_command(synced: CliHome, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    before = filesync(synced, "--home", str(synced.path), "status", cwd=elsewhere)
    behind = filesync(synced, "status", "--home", str(synced.path), cwd=elsewhere)
    assert before.returncode == behind.returncode == 0
    assert before.stdout.split()[:8] == behind.stdout.split()[:8]
    assert "A" in behind.stdout


def test_another_configuration_can_be_named(home: CliHome) -> None:
    other = home.path / "config" / "other.yaml"
    other.write_text(home.config.read_text(encoding="utf-8").replace("name: A", "name: B"), encoding="utf-8")
    for given in (str(other), "config/other.yaml"):
        assert "\nB " in filesync(home, "--config", given, "endpoints").stdout
    done = filesync(
        home, "--home", str(home.path), "endpoints", "--config", "config/other.yaml", cwd=home.path / "config"
    )
    assert "\nB " in done.stdout


def test_quiet_says_nothing_but_errors(home: CliHome) -> None:
    assert filesync(home, "status").stderr
    assert filesync(home, "-q", "status").stderr == ""
    assert filesync(home, "-q", "files").stderr
