"""docs/contributing/add-a-provider.md names every statement, and every thing that a ground can do; its example is what it shows."""

import ast
import importlib
import re
from typing import get_args

from filesync.core.model import Batch, Gone
from filesync.providers.base import Known, LooksUp, Provider, ProviderKind, Surroundings
from filesync.testing import ServiceDriver
from tests.example_provider import EXAMPLE, ShelfGround, ShelfKind, ShelfProvider

PAGE = (EXAMPLE.parent / "contributing" / "add-a-provider.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.+?)\n```$", PAGE, re.MULTILINE | re.DOTALL)


def public(thing: type) -> set[str]:
    return {name for name in {*vars(thing), *thing.__annotations__} if not name.startswith("_")}


def test_every_statement_has_its_promise() -> None:
    rows = re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(statement.__name__ for statement in get_args(Batch))
    for gone in Gone:
        assert f"`{gone.value}`" in PAGE


def test_everything_that_a_provider_is_given_or_must_have_is_named() -> None:
    for contract in (Provider, ProviderKind, Surroundings, Known, LooksUp):
        for name in public(contract) - {"root"}:
            assert re.search(rf"\b{name}\b", PAGE), f"{contract.__name__}.{name}"


def test_everything_that_a_ground_can_do_is_named() -> None:
    for name in public(ServiceDriver):
        assert f"`{name}`" in PAGE, name


def test_the_code_of_the_page_is_python_and_imports_what_there_is() -> None:
    assert len(BLOCKS) >= 3
    for node in (node for block in BLOCKS for node in ast.walk(ast.parse(block))):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_dozen_lines_of_proof_are_the_examples_own() -> None:
    proof = next(block for block in BLOCKS if "ProviderConformance" in block)
    assert proof in (EXAMPLE / "test_shelf.py").read_text(encoding="utf-8")


def test_the_files_that_the_page_lists_are_the_examples() -> None:
    listed = re.findall(r"^  (\S+\.(?:py|toml)) ", PAGE, re.MULTILINE)
    there = [path for path in EXAMPLE.rglob("*") if path.suffix in {".py", ".toml"}]
    assert sorted(listed) == sorted(str(path.relative_to(EXAMPLE)) for path in there)


def test_the_example_has_every_ability_so_that_nothing_of_the_suite_is_skipped() -> None:
    optional = {name for name, thing in vars(ServiceDriver).items() if callable(thing) and not name.startswith("_")}
    assert optional <= vars(ShelfGround).keys()
    assert public(ProviderKind) <= vars(ShelfKind).keys()
    assert public(LooksUp) <= vars(ShelfProvider).keys()
