"""The page in a real browser, over a real server: what a person sees, and that it keeps itself fresh."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from filesync.core.errors import ResponseError
from filesync.core.model import RemoteFolder
from tests.chromium import PROGRAM, Chromium
from tests.cli_home import CliHome, file
from tests.served import Served, serving

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")
TRAP = "<img src=x onerror=alert(1)>"
BY_HAND = {"type": "manual"}


@pytest.fixture
def home(tmp_path: Path) -> CliHome:
    home = CliHome(tmp_path / "home")
    names = ("Tower A", "Site drive", "Broken <script>alert(2)</script>", "Never")
    home.configure(*({"name": name, "schedule": BY_HAND} for name in names))
    home.show("Tower A", file(TRAP), file("\u202eright to left.pdf"))
    home.show("Site drive", file("n" * 1000), folders=[RemoteFolder("hr", "HR", "root")], unreadable={"hr": "403"})
    home.show(names[2], error=ResponseError("GET /contents: <b>not</b> JSON"))
    home.sync("Tower A", "Site drive", names[2])
    return home


@pytest.fixture
def served(home: CliHome) -> Iterator[Served]:
    with serving(home.path) as served:
        yield served


def test_a_person_sees_every_endpoint_and_the_page_keeps_itself_fresh(
    home: CliHome, served: Served, tmp_path: Path
) -> None:
    with Chromium(tmp_path / "profile") as browser:
        browser.see()
        browser.open(served.address)
        shown = browser.ask("document.body.innerText")
        for name in ("Tower A", "Site drive", "Broken <script>alert(2)</script>", "Never", "right to left.pdf"):
            assert name in shown
        assert TRAP in shown
        assert "GET /contents: <b>not</b> JSON" in shown
        assert browser.ask("document.images.length + document.querySelectorAll('main script, main b').length") == 0
        assert "endpoints needs attention" in browser.ask("document.title")

        browser.press("Tab")
        assert browser.ask("document.activeElement.hash") == "#endpoints"
        light = browser.ask("getComputedStyle(document.body).backgroundColor")
        browser.see(width=360, height=740, dark=True)
        assert browser.ask("getComputedStyle(document.body).backgroundColor") != light
        assert browser.ask("document.documentElement.scrollWidth") <= 360

        home.show("Tower A", file(TRAP), file("it came later.dwg"))
        home.sync("Tower A")
        browser.wait_for("document.body.innerText.includes('it came later.dwg')")
        assert browser.ask("document.activeElement.hash") == "#endpoints"
        assert browser.complaints == []
        assert {address for address in browser.asked if not address.startswith("data:")} == {served.address}

        served.process.kill()
        browser.wait_for("!document.getElementById('lost').hidden")
        assert "it came later.dwg" in browser.ask("document.body.innerText")
