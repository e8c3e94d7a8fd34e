"""Names that nobody would choose, from both services to every place where they are shown: each stays in its own cell."""

import csv
import html.parser
import io
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from filesync.cli.health import _Look
from filesync.health.metrics import to_text
from filesync.health.page import to_page
from tests.adversarial.hostile.hostile import NAMES
from tests.support.homes import Acc, Drive, Home
from tests.support.in_process import in_memory

STEERING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True)
class Site:
    """One of the services, and how files, folders and renames come about there."""

    home: Home
    root: str
    add_file: Callable[[str, str], object]
    add_folder: Callable[[str, str], str]
    rename: Callable[[str, str], object]
    settle: Callable[[], None]


@pytest.fixture(params=["acc", "drive"])
def site(request: pytest.FixtureRequest) -> Site:
    if request.param == "acc":
        acc: Acc = request.getfixturevalue("acc")
        service = acc.service
        return Site(
            acc.home,
            acc.top,
            lambda folder, name: service.add_file(folder, name, 1),
            service.add_folder,
            service.rename_folder,
            acc.settle,
        )
    drive: Drive = request.getfixturevalue("drive")
    state = drive.service.state
    return Site(
        drive.home,
        drive.shared,
        lambda folder, name: state.add_file(folder, name, 1),
        state.add_folder,
        state.rename,
        drive.settle,
    )


def kept(name: str) -> str:
    """A name as it can be stored: SQLite holds UTF-8, which has no half characters."""
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in name)


def names_of(site: Site) -> list[str]:
    return sorted(row["file_name"] for row in site.home.files().values())


def shown_on_terminal(home: Home, *argv: str) -> str:
    code, out, _ = in_memory({**home.environ, "NO_COLOR": "1"}, home.path, home.clock, width=120).run(argv)
    assert code == 0
    return out


def is_tame(text: str) -> bool:
    return not any(unicodedata.category(char) in STEERING for char in text if char != "\n")


def test_hostile_names_stay_in_their_own_cells_wherever_they_are_shown(site: Site) -> None:
    home, expected = site.home, sorted(kept(name) for name in NAMES)
    for name in NAMES:
        site.add_file(site.root, name)
    site.settle()
    assert home.sync().status == "success"
    assert names_of(site) == expected
    home.assert_sound()

    rows = [json.loads(line) for line in home.run("files", "--jsonl").out.splitlines()]
    assert sorted(row["file_name"] for row in rows) == expected
    document = json.loads(home.run("files", "--json").out)
    assert sorted(row["file_name"] for row in document["files"]) == expected
    cells = [*csv.DictReader(io.StringIO(home.run("files", "--csv").out, newline=""))]
    assert sorted(row["file_name"].removeprefix("'") for row in cells) == sorted(
        name.removeprefix("'") for name in expected
    )
    assert not any(
        cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for row in cells for cell in row.values()
    )
    for argv in (("files",), ("changes",), ("files", "--csv"), ("files", "--jsonl"), ("changes", "--jsonl")):
        text = shown_on_terminal(home, *argv)
        assert is_tame(text), argv
        assert len(text.splitlines()) == len(NAMES) + (0 if "--jsonl" in argv else 1), argv
    changes = [json.loads(line) for line in home.run("changes", "--jsonl").out.splitlines()]
    assert sorted(change["after"]["file_name"] for change in changes) == expected


def test_hostile_folders_rename_and_search_as_others_do(site: Site) -> None:
    home = site.home
    folders = [site.add_folder(site.root, name) for name in NAMES]
    for folder in folders:
        site.add_file(folder, "in.pdf")
    site.settle()
    home.sync()
    before = home.paths()
    assert len({*before}) == len({kept(name) for name in NAMES})
    assert all(path.endswith("in.pdf") and path.count("/") == before[0].count("/") for path in before)
    for folder, name in zip(folders, reversed(NAMES), strict=True):
        site.rename(folder, name)
    site.settle()
    assert home.sync(full=True).status == "success"
    assert home.paths() == before
    home.assert_sound()
    last = home.last_seq()
    site.settle()
    home.sync(full=True)
    assert home.last_seq() == last
    for name in NAMES:
        assert home.run("files", "--search", kept(name)).code in {0, 2}
        assert home.run("files", "--name", kept(name)).code in {0, 2}


class _Page(html.parser.HTMLParser):
    """Collects the elements of a page, and its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_hostile_names_neither_break_the_page_nor_the_log(site: Site) -> None:
    home = site.home
    site.add_file(site.root, "first.pdf")
    site.settle()
    home.run("sync")
    plain = _seen(home)
    for name in NAMES[:20]:  # as many as the page shows
        site.add_file(site.root, name)
    site.settle()
    assert home.run("-v", "sync", "--all", CONNECTOR_LOG_LEVEL="DEBUG").code == 0
    hostile = _seen(home)
    assert hostile.tags - {"bdi"} == plain.tags - {"bdi"}
    assert hostile.attributes == plain.attributes
    lines = (home.path / "logs" / "connector.log").read_text(encoding="utf-8").split("\n")[:-1]
    assert all(isinstance(json.loads(line), dict) and is_tame(line) for line in lines)
    assert len(lines) > 5


def _seen(home: Home) -> _Page:
    facts = _Look(in_memory(home.environ, home.path, home.clock).home)()
    to_text(facts)
    page = _Page()
    page.feed(to_page(facts).decode())
    return page
