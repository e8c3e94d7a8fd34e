"""The documents say what the program does: commands, options, fields, tables, variables and links."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cronsim import CronSim

from filesync.auth.autodesk import app
from filesync.auth.google import service_account, user
from filesync.providers.autodesk import refusals as autodesk_refusals
from filesync.providers.google_drive import refusals as google_refusals
from filesync.runtime.clock import SystemClock
from filesync.scheduling import crontab
from filesync.scheduling.timer import ScheduledCall
from filesync.store.sqlite.database import open_for_writing
from filesync.testing import ProviderConformance
from tests import ROOT
from tests.contract import reference
from tests.support.homes import Acc

README = (ROOT / "README.md").read_text(encoding="utf-8")
SETUP = (ROOT / "OAUTH_SETUP.md").read_text(encoding="utf-8")
DECISIONS = (ROOT / "docs" / "contributing" / "decisions.md").read_text(encoding="utf-8")
REFERENCE = ROOT / "docs" / "reference"
COMMANDS = (REFERENCE / "commands.md").read_text(encoding="utf-8")
DATABASE = (REFERENCE / "database.md").read_text(encoding="utf-8")
RECIPES = [
    DATABASE,
    *((ROOT / "docs" / "how-to" / f"{name}.md").read_text("utf-8") for name in ("query", "read-changes")),
]
CONFIGURATION = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("**/*.md"))]
DOCUMENTS = [
    *PAGES,
    *sorted((ROOT / "benchmarks").glob("*.md")),
    ROOT / "tests" / "adversarial" / "THREATS.md",
    ROOT / "tests/adversarial/mutants/RESULTS.md",
]
SHIPPED = ["crontab.example", "OAUTH_SETUP.md", "env.example", "config/connector.example.yaml"]


def section(text: str, title: str) -> str:
    """Give what stands below a heading, up to the next one of its level or above."""
    start = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert start, f"no heading {title!r}"
    rest = text[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def headings(text: str) -> list[str]:
    without_code = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)


def slug(heading: str) -> str:
    """Make a heading's anchor as code hosts do."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


ALL_COMMANDS = reference.commands()
GROUPS = {
    "filesync",
    "filesync notify",
    "filesync config",
    "filesync db",
    "filesync schedule",
    "filesync auth",
    "filesync auth autodesk",
    "filesync auth google",
}
CALLABLE = [name for name in ALL_COMMANDS if name not in GROUPS]


def columns_of(connection: Any, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


# --- README ---------------------------------------------------------------------------------


def test_the_readmes_first_screen_has_exactly_two_commands_the_demo_and_the_tests() -> None:
    first_screen = README.partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.+?)\n```$", first_screen, re.MULTILINE | re.DOTALL)
    assert first_screen.count("```") == 4
    assert len(first_screen.splitlines()) <= 40
    assert [block.count("\n") for block in blocks] == [0, 0]
    demo, tests = blocks
    assert demo.endswith("filesync demo")
    assert tests.endswith("pytest -q")
    assert all("venv" in block and "pip install" in block for block in blocks)


def test_the_readme_says_how_soon_removals_show_and_that_windows_is_not_tested() -> None:
    how_soon = section(README, "How soon a change shows")
    assert "reconcile_every" in how_soon
    assert "--full" in how_soon
    assert "Windows is not tested" in README.partition("\n## ")[0]


def test_the_prose_stays_short() -> None:
    assert sum(len(page.read_text(encoding="utf-8").split()) for page in PAGES) <= 30_000


NAMES_DECISIONS = [
    *(path for folder in ("filesync", "tests") for path in sorted((ROOT / folder).rglob("*.py"))),
    *(ROOT / name for name in ("Dockerfile", ".dockerignore", "pyproject.toml")),
]


def test_a_decision_that_the_code_names_is_recorded() -> None:
    numbers = [int(number) for number in re.findall(r"^### (\d+)\. ", DECISIONS, re.MULTILINE)]
    assert numbers == [*range(1, len(numbers) + 1)]
    named = {
        (path.name, int(number))
        for path in NAMES_DECISIONS
        for number in re.findall(r"(?:#|\(|;|see) decision (\d+)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 40
    assert not {(name, number) for name, number in named if number not in numbers}


def test_a_place_that_a_decision_names_exists() -> None:
    places = re.findall(r"`(filesync/[^`]+)`", DECISIONS)
    assert places
    assert not [place for place in places if not (ROOT / place).exists()]


def test_a_page_is_reached_from_the_readme_by_one_link() -> None:
    pages = {str(page.relative_to(ROOT)) for page in PAGES} - {"README.md", "docs/how-to/clean-up-a-key.md"}
    assert not {page for page in pages if f"]({page}" not in README}


# --- commands -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", reference.PAGES, ids=lambda page: page.name)
def test_the_generated_parts_are_what_the_program_says(page: Path) -> None:
    """Run `python -m tests.contract.reference` to write them anew."""
    text = page.read_text(encoding="utf-8")
    assert reference.refreshed(text) == text


def test_every_command_with_options_has_them_in_its_section() -> None:
    for name in ["filesync", *CALLABLE]:
        text = section(COMMANDS, "Global options" if name == "filesync" else name)
        options = [each for each in ALL_COMMANDS[name].params if each.param_type_name == "option" and not each.hidden]
        assert (f"<!-- generated: options {name} -->" in text) == bool(options), name


def test_no_section_describes_a_command_that_does_not_exist() -> None:
    described = {heading for heading in headings(COMMANDS) if heading.startswith("filesync ")}
    assert described == set(CALLABLE)


def test_the_exit_codes_are_listed() -> None:
    codes = {number for row in re.findall(r"^\| ([0-9, ]+) \|", COMMANDS, re.MULTILINE) for number in row.split(", ")}
    assert codes == {"0", "1", "2", "3", "75", "77", "78", "129", "130", "143"}


@pytest.mark.parametrize(
    "arguments",
    [
        "sync --all --json",
        "status --json",
        "files --json",
        "files --pending-removal --csv",
        "changes --json",
        "logs --json",
        "prune --json",
        "verify --json",
        "endpoints --json",
        "endpoints check --json",
        "doctor --json",
        "discover autodesk --json",
        "schedule show --json",
        "config check --json",
        "config show --json",
    ],
)
def test_every_field_that_a_command_shows_is_in_its_section(acc: Acc, arguments: str) -> None:
    acc.service.add_file(acc.top, "Plan.pdf", 1_000)
    acc.settle()
    acc.home.sync()
    ended = acc.home.run(*arguments.split())
    assert ended.code == 0, ended.err
    text = section(COMMANDS, f"filesync {arguments.partition(' --')[0].removesuffix(' autodesk')}")
    text += "".join(section(DATABASE, table) for table in ("files", "sync_logs") if f"database.md#{table}" in text)
    text += CONFIGURATION if "configuration.md#endpoints" in text else ""
    shown = set(ended.out.strip().split(",")) if "--csv" in arguments else set(fields(json.loads(ended.out)))
    assert len(shown) > 3
    assert not {name for name in shown - {"schema"} if f"`{name}`" not in text}


def fields(document: Any) -> Iterator[str]:
    """Name the keys of a document and of its rows; what is inside a row's own objects is described elsewhere."""
    for key, value in document.items():
        yield key
        for row in value if isinstance(value, list) else ():
            yield from row if isinstance(row, dict) else ()


# --- the database ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    database = open_for_writing(tmp_path_factory.mktemp("documents") / "connector.db")
    yield database.connection
    database.close()


@pytest.mark.parametrize(
    "table",
    ["endpoints", "folders", "files", "changes", "sync_logs", "current_files", "file_history", "endpoint_status"],
)
def test_every_column_of_a_public_table_or_view_is_in_its_section(connection: Any, table: str) -> None:
    text = section(DATABASE, table) + (section(DATABASE, "files") if table == "current_files" else "")
    columns = columns_of(connection, table)
    assert columns
    assert not [column for column in columns if f"`{column}`" not in text]


def test_every_table_view_and_index_is_named(connection: Any) -> None:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type <> 'trigger'")
    names = {row[0] for row in rows if not re.match("sqlite_|idx__sqlite_", row[0])}  # SQLite's and sqlite-utils' own
    assert not {name for name in names if f"`{name}`" not in DATABASE and name not in headings(DATABASE)}


def test_the_documented_schema_version_is_the_programs(connection: Any) -> None:
    version = connection.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()[0]
    assert f"`_sqlite_migrations` counts the schema's version, {version} for now" in DATABASE


@pytest.mark.parametrize("statement", re.findall(r"```sql\n(.+?)```", "".join(RECIPES), re.DOTALL))
def test_the_sql_of_the_pages_runs(connection: Any, statement: str) -> None:
    for each in filter(str.strip, statement.split(";")):
        connection.execute(each).fetchall()


# --- settings -------------------------------------------------------------------------------


def test_every_key_of_the_file_is_on_the_settings_page() -> None:
    schema = json.loads((ROOT / "config" / "connector.schema.json").read_text(encoding="utf-8"))
    keys = set(keys_of(schema))
    assert len(keys) > 25
    assert not {key for key in keys if f"`{key}`" not in CONFIGURATION and f"{key}:" not in CONFIGURATION}


def keys_of(schema: Any) -> Iterator[str]:
    """Name every property of a JSON Schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        schema = list(schema.values())
    for each in schema if isinstance(schema, list) else ():
        yield from keys_of(each)


# --- logins, crontab, and what is shipped twice ---------------------------------------------


def sources() -> Iterator[ast.Module]:
    """Parse the program, without the simulators: they speak for the services."""
    for path in sorted((ROOT / "filesync").rglob("*.py")):
        if "simulators" not in path.parts:
            yield ast.parse(path.read_text(encoding="utf-8"))


def texts(node: ast.AST) -> list[str]:
    """Give every text of a piece of source; of an f-string the parts between its values."""
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def quoted() -> set[str]:
    """Give what the first cells of the list of messages quote, cut where a message has values."""
    rows = re.findall(r"^\| ((?:… with )?`.+?) \|", section(SETUP, "Messages"), re.MULTILINE)
    spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row)]
    return {piece.strip(" :;,()") for span in spans for piece in span.split("…")} - {""}


PROGRAM = [text for module in sources() for text in texts(module)]
QUOTED = quoted()


def test_every_heading_that_a_message_names_is_in_the_setup_guide() -> None:
    named = {name for text in PROGRAM for name in re.findall(r"""['"]([A-Z][^'"]*)['"] in OAUTH_SETUP\.md""", text)}
    assert len(named) >= 12
    assert named <= set(headings(SETUP))


def test_every_message_that_the_list_quotes_is_one_of_the_programs() -> None:
    assert len(QUOTED) > 80
    unknown = {piece for piece in QUOTED if not any(piece in text for text in PROGRAM)}
    assert not unknown


def test_every_refused_login_is_in_the_list_of_messages() -> None:
    """Take what stands in each AuthError; one that only hands on what another text says is that text's concern."""
    calls = [node for module in sources() for node in ast.walk(module) if isinstance(node, ast.Call)]
    raised = [texts(call) for call in calls if isinstance(call.func, ast.Name) and call.func.id == "AuthError"]
    own = [[text for text in each if "OAUTH_SETUP.md" not in text or len(text) > 40] for each in raised]
    said = [each for each in own if sum(map(len, each)) > 20]
    assert len(said) >= 10
    unlisted = [each for each in said if not any(piece in text for text in each for piece in QUOTED if len(piece) > 8)]
    assert not unlisted


REASONS = [
    *app._OF_APP,
    *service_account._ADVICE,
    *user._ADVICE,
    *autodesk_refusals._MEANINGS,
    *google_refusals._SETUP,
]


@pytest.mark.parametrize("reason", sorted({*REASONS} - {autodesk_refusals.PROJECT_NOT_ACTIVE}))
def test_every_reason_that_a_service_gives_is_in_the_list_of_messages(reason: str) -> None:
    assert f"`{reason}`" in section(SETUP, "Messages")


def test_the_crontab_line_is_one_that_cron_takes() -> None:
    text = (ROOT / "crontab.example").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 1
    *slot, command = lines[0].split(" ", 5)
    next(CronSim(" ".join(slot), SystemClock().now()))
    program, *arguments = shlex.split(command, comments=True)
    assert Path(program).is_absolute()
    assert arguments == ["--home", "/srv/filesync", "sync"]
    assert not re.search(r"(?<!\\)%", command)


def test_the_crontab_line_of_the_documents_is_what_schedule_show_prints() -> None:
    line = crontab.line(ScheduledCall(("/opt/filesync/.venv/bin/filesync",), Path("/srv/filesync")), 5)
    assert (ROOT / "crontab.example").read_text(encoding="utf-8").splitlines()[-1] == line
    assert f"\n{line}\n" in (ROOT / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")


def test_every_test_that_a_page_names_exists() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("**/test_*.py")]
    defined = {name for source in sources for name in re.findall(r"def (test_\w+)\(", source)}
    inherited = {name for name in dir(ProviderConformance) if name.startswith("test_")}
    named = {name for path in DOCUMENTS for name in re.findall(r"`(test_\w+)`", path.read_text(encoding="utf-8"))}
    assert len(named) > 50
    assert named <= defined | inherited


def paths_named_in(text: str) -> set[str]:
    """Find the paths of this repository, in prose and in code; those of links are tested by themselves."""
    without_links = re.sub(r"\]\([^)]*\)", "]", text)
    found = re.findall(r"(?<![\w./{-])(?:filesync|tests|docs|benchmarks|\.ci)/[\w./*-]*[\w/*]", without_links)
    modules = re.findall(r"python -m ((?:filesync|tests|benchmarks)[\w.]*)", without_links)
    return {*found, *(f"{module.replace('.', '/')}*" for module in modules)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_and_module_of_the_repository_that_a_page_names_exists(path: Path) -> None:
    named = paths_named_in(path.read_text(encoding="utf-8"))
    assert not {name for name in named if not any(ROOT.glob(name.rstrip("/")))}


def test_a_path_is_found_wherever_a_page_names_it() -> None:
    text = "`filesync/store/` or filesync/*/a.py, not [tests](docs/x.md) or /srv/filesync/b; python -m tests.contract.c"
    assert paths_named_in(text) == {"filesync/store/", "filesync/*/a.py", "tests/contract/c*"}


def test_no_option_takes_a_secret() -> None:
    options = {option for command in ALL_COMMANDS.values() for param in command.params for option in param.opts}
    assert options
    assert not [option for option in options if re.search("secret|token|password|key", option)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_page_and_a_heading_that_exist(path: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in map(slug, headings(target.read_text(encoding="utf-8"))), link


@pytest.mark.parametrize("path", [*DOCUMENTS, *(ROOT / name for name in SHIPPED)], ids=lambda path: path.name)
def test_no_document_names_a_path_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(?:home|root|work|Users|tmp)/", text)
