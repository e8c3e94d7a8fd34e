"""The house, from its source: imports run one way, every door has one room, and every room says what it is."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import ROOT

PACKAGE = ROOT / "filesync"

# What each room may import beside itself, from the ground up. A new room finds its place here, or the tests say so.
GROUND = {"filesync", "core", "runtime"}
BELOW_APP = {
    *("http", "auth", "providers", "store", "config", "sync", "verify", "health", "notify", "scheduling", "doctor"),
}
MAY_IMPORT: dict[str, set[str]] = {
    "filesync": set(),  # the package itself knows its version, and nothing else
    "core": set(),
    "runtime": {"core", "filesync"},
    "http": GROUND,
    "auth": GROUND | {"http"},
    "providers": GROUND | {"http", "auth"},
    "store": GROUND,
    "config": GROUND | {"providers"},
    "sync": GROUND | {"http", "providers", "store", "config"},
    "verify": GROUND | {"http", "providers", "store", "config", "sync"},
    "health": GROUND | {"config", "store", "sync"},
    "notify": GROUND | {"http", "store", "config", "sync"},
    "scheduling": GROUND,
    "doctor": GROUND | {"http", "auth", "config", "store", "sync", "scheduling"},
    "simulators": GROUND,  # of runtime only the clock: a test of its own
    "testing": GROUND | {"http", "providers", "store", "config", "sync", "verify", "simulators"},
    "app": GROUND | BELOW_APP,
    "cli": GROUND | BELOW_APP | {"app", "simulators"},
    "__main__": GROUND | {"cli"},
}
# Who may import what comes from outside: a room, or one module of it.
DOORS = {
    "sqlite3": ("store",),
    "sqlite_utils": ("store",),
    "psycopg": ("store.postgres",),
    "fcntl": ("runtime.locks",),
    "ctypes": ("runtime.malloc",),
    "typer": ("cli",),
    "click": ("cli",),
    "rich": ("cli",),
    "requests": ("http", "notify.webhook"),
    "urllib3": ("http", "notify.webhook"),
    "yaml": ("config", "cli"),
    "cronsim": ("core.schedule", "config"),
    "googleapiclient": ("providers.google_drive.api",),
    "google": ("auth",),
    "waitress": ("health.server",),
    "prometheus_client": ("health.metrics",),
    "pytest": (),
}
SIMULATORS_ARE_FOR = ("simulators", "testing", "cli.demo")
NO_NAMES = {"utils", "util", "helpers", "helper", "manager", "misc", "common", "base_utils", "tools"}
CACHES = {
    ".git",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".venv",
    "node_modules",
    "build",
    "dist",
    "data",
    "logs",
    "tokens",
}


@dataclass(frozen=True)
class Import:
    """One import of one module: `target` is dotted, `first` tells that it happens when the module is imported."""

    module: str
    target: str
    line: int
    first: bool
    for_types: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def below(module: str) -> str:
    return module.partition(".")[2]


def is_in(module: str, room: str) -> bool:
    return below(module) == room or below(module).startswith(f"{room}.")


def imports() -> Iterator[Import]:
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        yield from found(module, tree.body, first=True, for_types=False)


def found(module: str, body: list[ast.stmt], *, first: bool, for_types: bool) -> Iterator[Import]:
    for node in body:
        for target in targets(node):
            yield Import(module, target, node.lineno, first, for_types)
        types = for_types or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        inside = first and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, field, [])
            if isinstance(inner, list):
                yield from found(module, inner, first=inside, for_types=(types and field == "body") or for_types)


def targets(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports say the whole way"
        module = node.module or ""
        yield from {whole if (whole := f"{module}.{alias.name}") in MODULES else module for alias in node.names}


ALL = tuple(imports())
OURS = tuple(each for each in ALL if each.target.partition(".")[0] == "filesync")


def test_the_reader_of_imports_sees_them_wherever_they_stand() -> None:
    source = "import a\nif TYPE_CHECKING:\n    import b\ndef f():\n    try:\n        import c\n    finally:\n        import d\n"
    seen = {
        each.target: (each.first, each.for_types)
        for each in found("m", ast.parse(source).body, first=True, for_types=False)
    }
    assert seen == {"a": (True, False), "b": (True, True), "c": (False, False), "d": (False, False)}
    assert len(OURS) > 100


def test_imports_run_one_way() -> None:
    for each in OURS:
        room, other = room_of(each.module), room_of(each.target)
        assert room in MAY_IMPORT, f"{each.module}: a room that no rule knows; say in MAY_IMPORT where it stands"
        assert other in MAY_IMPORT[room] | {room}, f"{each}: {room} may not know {other}"


def test_the_rules_themselves_have_no_circle() -> None:
    floors: list[str] = []
    waiting = {room: allowed - {room} for room, allowed in MAY_IMPORT.items()}
    while waiting:
        free = [room for room, allowed in waiting.items() if allowed <= set(floors)]
        assert free, f"these may import each other: {sorted(waiting)}"
        floors += free
        waiting = {room: allowed for room, allowed in waiting.items() if room not in free}


def test_no_modules_import_each_other() -> None:
    edges: dict[str, set[str]] = {}
    for each in OURS:
        if each.first and not each.for_types and each.target in MODULES:
            edges.setdefault(each.module, set()).add(each.target)
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join([*way[way.index(module) :], module])
        if module not in done:
            for target in sorted(edges.get(module, ())):
                visit(target, (*way, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


@pytest.mark.parametrize("door", DOORS)
def test_each_door_has_its_room(door: str) -> None:
    for each in ALL:
        if each.target == door or each.target.startswith(f"{door}."):
            assert any(is_in(each.module, room) for room in DOORS[door]), f"{each}: only {DOORS[door]} may"


def test_providers_know_no_sql_and_the_store_knows_no_http() -> None:
    for each in OURS:
        pair = (room_of(each.module), room_of(each.target))
        assert pair not in {("providers", "store"), ("store", "http"), ("store", "providers"), ("store", "auth")}, each


def test_our_providers_use_nothing_of_each_other() -> None:
    for each in OURS:
        if is_in(each.module, "providers.autodesk"):
            assert not is_in(each.target, "providers.google_drive"), each
        if is_in(each.module, "providers.google_drive"):
            assert not is_in(each.target, "providers.autodesk"), each


def test_simulators_are_for_the_demo_the_suite_and_tests() -> None:
    for each in OURS:
        if is_in(each.target, "simulators"):
            assert any(is_in(each.module, one) for one in SIMULATORS_ARE_FOR), each


def test_simulators_know_only_nouns_and_the_clock() -> None:
    for each in OURS:
        if is_in(each.module, "simulators") and room_of(each.target) == "runtime":
            assert each.target == "filesync.runtime.clock", each


def test_the_store_does_not_ask_for_settings() -> None:
    for each in OURS:
        if is_in(each.module, "store"):
            assert each.target not in {"filesync.runtime.settings", "filesync.runtime.environment"}, each


def test_nothing_that_users_run_imports_the_suite() -> None:
    for each in OURS:
        if is_in(each.target, "testing"):
            assert is_in(each.module, "testing"), each


def test_only_the_process_itself_reads_the_environment() -> None:
    for module, path in MODULES.items():
        names = {
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute)
        }
        assert module == "filesync.cli.process" or not names & {"os.environ", "os.getenv", "os.environb"}, module


def test_every_module_says_what_it_knows_and_has_a_name_of_its_own() -> None:
    for module, path in MODULES.items():
        assert module.rpartition(".")[2] not in NO_NAMES, module
        text = path.read_text(encoding="utf-8")
        assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{module}: open it with one sentence"


def test_a_class_has_its_name_alone() -> None:
    """Whoever searches for a name finds one thing."""
    places: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    assert not {name: modules for name, modules in places.items() if len(modules) > 1}


def files_of_the_repository() -> Iterator[Path]:
    waiting = [ROOT]
    while waiting:
        for path in waiting.pop().iterdir():
            if path.is_dir() and path.name not in CACHES and not path.name.endswith(".egg-info"):
                waiting.append(path)
            elif path.is_file():
                yield path


def test_no_file_names_the_place_it_was_made_in_or_a_registry() -> None:
    workplace = r"(?<![\w.-])/" + r"work(?:/|\b)(?!-)|/tmp/" + "venv|" + r"\.\./" + "shared"
    registries = r"\b(?:pypi|pythonhosted|npmjs|crates)\." + "(?:org|io)"
    forbidden = re.compile(f"{workplace}|{registries}")
    for path in files_of_the_repository():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        hit = forbidden.search(text)
        assert hit is None, f"{path.relative_to(ROOT)}: {hit and hit.group()}"


def test_the_suite_can_be_imported_where_pytest_is_not() -> None:
    names = {each.target.partition(".")[0] for each in ALL if is_in(each.module, "testing")}
    assert "pytest" not in names


TAKES_LESS = re.compile(r"(monotonic|perf_counter|process_time|time|now)\([^()]*\) - .*<=? ")


def test_the_names_of_tests_have_at_most_ninety_characters() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    names = {name for source in sources for name in re.findall(r"def (test_\w+)\(", source)}
    assert not {name for name in names if len(name) > 90}


def test_no_test_asserts_that_something_took_less_than_so_long() -> None:
    """It would fail where the machine is busy; that something waits at least so long is true there, too."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert):
                assert not TAKES_LESS.search(ast.unparse(node.test)), f"{path.name}:{node.lineno}"


def test_a_test_has_a_name_of_at_most_90_characters() -> None:
    """Longer ones are cut in the reports of most terminals."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        names = re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not [name for name in names if len(name) > 90], path.name
