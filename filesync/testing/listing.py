"""Listing: a first sync finds everything there is, whatever shape it has, and nothing twice."""

from collections.abc import Iterable

from filesync.testing.assertions import claim
from filesync.testing.recording_provider import MOST_FILES
from filesync.testing.stage import Stage

_DEPTH = 60


class ListingTests(Stage):
    """What a complete listing promises."""

    def test_an_empty_scope_is_listed_without_complaint(self) -> None:
        self._claim_listed("of an empty scope")

    def test_folders_of_every_size_around_a_page_are_listed_whole(self) -> None:
        for size in _sizes(self.there.page_size):
            folder = self.site.add_folder(self.site.root, f"{size} files")
            for number in range(size):
                self.site.add_file(folder, f"{number:05}.pdf", number)
        self._claim_listed("around a page's size")

    def test_more_folders_than_a_page_holds_are_listed_whole(self) -> None:
        top = self.site.add_folder(self.site.root, "many")
        for number in range(self.there.page_size + 1):
            folder = self.site.add_folder(top, f"room {number:05}")
            if number % 50 == 0:
                self.site.add_file(folder, "plan.pdf")
        self._claim_listed("in many folders")

    def test_empty_folders_and_folders_of_folders_are_listed(self) -> None:
        self.site.add_folder(self.site.root, "empty")
        only_folders = self.site.add_folder(self.site.root, "only folders")
        for name in ("one", "two"):
            middle = self.site.add_folder(only_folders, name)
            self.site.add_file(self.site.add_folder(middle, "inside"), "found.pdf")
        self.site.add_folder(self.site.add_folder(self.site.root, "folder"), "with an empty one")
        self._claim_listed("among empty folders")

    def test_sixty_levels_are_listed_to_the_bottom(self) -> None:
        folder = self.site.root
        for level in range(1, _DEPTH + 1):
            folder = self.site.add_folder(folder, f"level {level}")
            if level % 10 == 0:
                self.site.add_file(folder, f"at {level}.pdf", level)
        self._claim_listed("sixty levels down")

    def test_things_of_one_name_are_kept_apart(self) -> None:
        if not self.there.has_duplicate_names:
            return
        for size in (1, 2):
            self.site.add_file(self.site.root, "same.pdf", size)
        for _ in range(2):
            self.site.add_file(self.site.add_folder(self.site.root, "twin"), "same.pdf", 3)
        self._claim_listed("of one name")

    def test_odd_names_arrive_as_people_wrote_them(self) -> None:
        for name in self.there.odd_names:
            self.site.add_file(self.site.root, name)
        for name in self.there.odd_names[:4]:
            self.site.add_file(self.site.add_folder(self.site.root, f"in {name}"), name)
        self._claim_listed("with odd names")

    def test_filters_choose_from_what_was_listed(self) -> None:
        ids = self.site.grow()
        archive = self.site.add_folder(ids["Plans"], "Archive")
        self.site.add_file(archive, "z.pdf")
        self.there.settle()
        inventory = self.inventory(file_types=["pdf"], exclude=["**/Archive/**"])
        inventory.complete()
        found = {row["file_name"] for row in inventory.live().values()}
        claim(found == {"a.pdf", "c.pdf", "e.pdf"}, f"filters: found {sorted(found)}")

    def _claim_listed(self, when: str) -> None:
        self.there.settle()
        inventory = self.inventory()
        inventory.complete()
        inventory.claim_truth(when)
        inventory.claim_quiet(when, full=False)
        inventory.claim_quiet(f"{when}, listed afresh", full=True)


def _sizes(page: int) -> Iterable[int]:
    return sorted({0, 1, page - 1, page, page + 1, 2 * page + 1, 5 * page + 1, MOST_FILES + 1})
