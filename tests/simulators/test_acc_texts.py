"""What a listing has written once it says again only as long as it is true: the look-up of one item says the same."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from filesync.simulators.acc import AccSimulator
from tests.support.acc_site import Site


@dataclass
class Place:
    here: str
    there: str
    file: str
    other: str  # a user


Happening = Callable[[AccSimulator, Place], object]


def hide_and_restore(acc: AccSimulator, file: str) -> None:
    acc.hide_file(file)
    acc.restore_file(file)


HAPPENINGS: dict[str, Happening] = {
    "a new version": lambda acc, at: acc.add_version(at.file, 7, at.other),
    "another name": lambda acc, at: acc.rename_file(at.file, "new.pdf"),
    "processed": lambda acc, at: acc.finish_processing(at.file),
    "moved": lambda acc, at: acc.move_file(at.file, at.there),
    "moved with its folder": lambda acc, at: acc.move_folder(at.here, at.there),
    "deleted": lambda acc, at: acc.hide_file(at.file, at.other),
    "deleted and restored": lambda acc, at: hide_and_restore(acc, at.file),
}


@pytest.mark.parametrize("happening", HAPPENINGS.values(), ids=HAPPENINGS)
def test_a_listing_says_what_a_look_up_says_whatever_happened(site: Site, happening: Happening) -> None:
    acc = site.acc
    here, there = (acc.add_folder(site.root, name) for name in ("Here", "There"))
    place = Place(here, there, acc.add_file(here, "plan.pdf"), acc.add_user("Ben Example"))
    for happen in (lambda *_: None, happening):  # within a second, and what was listed before is not told
        happen(acc, place)
        pages = [*site.pages(here, includeHidden="true"), *site.pages(there, includeHidden="true")]
        items = [entry for page in pages for entry in page["data"] if entry["type"] == "items"]
        tips = [tip for page in pages for tip in page.get("included", [])]
        answer = site.get(f"/data/v1/projects/{site.project}/items/{quote(place.file)}").json()
        assert (items, tips) == ([answer["data"]], answer["included"])
