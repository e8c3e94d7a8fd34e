"""The simulated ACC keeps what happens to files and folders, and tells the truth about it."""

from collections.abc import Iterator
from typing import Any

import pytest

from filesync.simulators.acc import AccSimulator, Rules
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.trees import grow
from tests.support.acc_site import START, Site, name_of


class Rollup:
    """Tells whether the rollups of Project Files/Sub, Project Files and the project's root moved."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.sub = site.acc.add_folder(site.root, "Sub")
        self.other = site.acc.add_folder(site.root, "Other")
        self.file = site.acc.add_file(self.sub, "a.pdf")

    def moved_by(self, change: Any, *arguments: Any) -> tuple[bool, ...]:
        chain = (self.sub, self.other, self.site.root, self.site.acc.root_folder(self.site.project))
        before = [self.site.rollup(folder) for folder in chain]
        self.site.acc.clock.advance(10)
        change(*arguments)
        return tuple(old != self.site.rollup(folder) for old, folder in zip(before, chain, strict=True))


@pytest.fixture
def rollup(site: Site) -> Rollup:
    return Rollup(site)


NOWHERE, IN_SUB, IN_OTHER = (False,) * 4, (True, False, True, True), (False, True, True, True)


def test_uploads_versions_renames_and_processing_move_the_rollup_up_to_the_root(rollup: Rollup) -> None:
    acc = rollup.site.acc
    assert rollup.moved_by(acc.add_file, rollup.sub, "b.pdf") == IN_SUB
    assert rollup.moved_by(acc.add_version, rollup.file) == IN_SUB
    assert rollup.moved_by(acc.rename_file, rollup.file, "c.pdf") == IN_SUB
    assert rollup.moved_by(acc.finish_processing, rollup.file) == IN_SUB


def test_a_move_shows_at_the_target_and_not_at_the_source(rollup: Rollup) -> None:
    acc = rollup.site.acc
    assert rollup.moved_by(acc.move_file, rollup.file, rollup.other) == IN_OTHER
    deep = acc.add_folder(rollup.sub, "Deep")
    assert rollup.moved_by(acc.move_folder, deep, rollup.other) == IN_OTHER
    moved = rollup.site.get(rollup.site.item(rollup.file)).json()
    stamps = {moved["data"]["attributes"]["lastModifiedTime"], moved["included"][0]["attributes"]["lastModifiedTime"]}
    assert stamps == {"2026-03-02T08:00:10.0000000Z"}


def test_deletions_restorations_and_folder_names_move_no_rollup_by_default(rollup: Rollup) -> None:
    acc = rollup.site.acc
    assert rollup.moved_by(acc.hide_file, rollup.file) == NOWHERE
    assert rollup.moved_by(acc.restore_file, rollup.file) == NOWHERE
    assert rollup.moved_by(acc.hide_folder, rollup.sub) == NOWHERE
    assert rollup.moved_by(acc.restore_folder, rollup.sub) == NOWHERE
    assert rollup.moved_by(acc.rename_folder, rollup.sub, "Renamed") == NOWHERE
    assert rollup.moved_by(acc.add_folder, rollup.sub, "New") == NOWHERE
    assert rollup.moved_by(acc.revoke_access, rollup.file) == NOWHERE
    assert rollup.moved_by(acc.remove_for_good, rollup.file) == NOWHERE


def test_the_kinder_guesses_can_be_switched_on(rollup: Rollup) -> None:
    acc = rollup.site.acc
    acc.rules = Rules(
        deletion_moves_rollup=True,
        restoring_moves_rollup=True,
        folder_rename_moves_rollup=True,
        new_folder_moves_rollup=True,
    )
    assert rollup.moved_by(acc.hide_file, rollup.file) == IN_SUB
    assert rollup.moved_by(acc.restore_file, rollup.file) == IN_SUB
    assert rollup.moved_by(acc.hide_folder, rollup.sub) == IN_SUB
    assert rollup.moved_by(acc.restore_folder, rollup.sub) == IN_SUB
    assert rollup.moved_by(acc.rename_folder, rollup.sub, "Renamed") == IN_SUB
    assert rollup.moved_by(acc.add_folder, rollup.sub, "New") == IN_SUB


def test_a_deleted_file_is_hidden_and_comes_back_as_the_same_item(site: Site) -> None:
    file = site.acc.add_file(site.root, "a.pdf", 7)
    site.acc.hide_file(file)
    hidden = site.get(site.item(file)).json()
    assert hidden["data"]["attributes"]["hidden"] is True
    assert "storageSize" not in hidden["included"][0]["attributes"]
    assert (site.names(site.root), site.acc.truth(site.project)) == ([], [])
    site.acc.restore_file(file)
    (row,) = site.acc.truth(site.project)
    assert (row["id"], row["name"], row["size"], row["version_number"]) == (file, "a.pdf", 7, 3)
    assert site.names(site.root) == ["a.pdf"]


def test_what_is_in_a_deleted_folder_is_not_hidden_itself(site: Site) -> None:
    folder = site.acc.add_folder(site.root, "Old")
    file = site.acc.add_file(folder, "a.pdf")
    site.acc.hide_folder(folder)
    assert site.get(site.folder(folder)).json()["data"]["attributes"]["hidden"] is True
    assert site.get(site.item(file)).json()["data"]["attributes"]["hidden"] is False
    assert (site.names(site.root), site.acc.truth(site.project)) == ([], [])


def test_a_revoked_folder_is_listed_but_not_opened_nor_anything_in_it(site: Site) -> None:
    folder = site.acc.add_folder(site.root, "HR")
    deep = site.acc.add_folder(folder, "Deep")
    file = site.acc.add_file(deep, "a.pdf")
    site.acc.revoke_access(folder)
    refused = [site.folder(folder), site.contents(folder), site.contents(deep), site.item(file)]
    assert {site.get(path).status_code for path in refused} == {403}
    assert site.names(site.root) == ["HR"]
    site.acc.rules.hide_revoked = True
    assert site.names(site.root) == []
    site.acc.grant_access(folder)
    assert site.get(site.contents(deep)).status_code == 200
    assert len(site.acc.truth(site.project)) == 1


def test_what_is_removed_for_good_is_404_with_all_below_it(site: Site) -> None:
    folder = site.acc.add_folder(site.root, "Old")
    file = site.acc.add_file(site.acc.add_folder(folder, "Deep"), "a.pdf")
    site.acc.remove_for_good(folder)
    assert {site.get(path).status_code for path in (site.folder(folder), site.item(file))} == {404}
    assert site.names(site.root) == []


def test_a_folder_cannot_be_moved_into_itself(site: Site) -> None:
    folder = site.acc.add_folder(site.root, "Outer")
    with pytest.raises(ValueError, match="into itself"):
        site.acc.move_folder(folder, site.acc.add_folder(folder, "Inner"))


def test_truth_is_what_the_pages_show(site: Site) -> None:
    tree = grow(site.acc, site.root, files=600, folders=40, seed=7)
    for file in tree.files[::9]:
        site.acc.hide_file(file)
    for file in tree.files[1::9]:
        site.acc.rename_file(file, "renamed / twice.pdf")
    site.acc.move_folder(tree.folders[0], site.root)
    shown = dict(_walk(site, site.root, "/Project Files"))
    assert {row["id"]: row["path"] for row in site.acc.truth(site.project)} == shown
    assert len(shown) == 600 - len(tree.files[::9])


def _walk(site: Site, folder: str, path: str) -> Iterator[tuple[str, str]]:
    for page in site.pages(folder):
        tips = {tip["id"]: tip["attributes"]["name"] for tip in page.get("included", [])}
        for entry in page["data"]:
            place = f"{path}/{name_of(entry, tips).replace('/', chr(0xFF0F))}"
            if entry["type"] == "items":
                yield entry["id"], place
            else:
                yield from _walk(site, entry["id"], place)


def test_truth_tells_a_row_as_the_database_stores_it(site: Site) -> None:
    file = site.acc.add_file(site.acc.add_folder(site.root, "1/2"), "a/b.pdf", 5)
    (row,) = site.acc.truth(site.project)
    link = site.get(site.item(file)).json()["data"]["links"]["webView"]["href"]
    stamp = "2026-03-02T08:00:00.000Z"
    assert (row["path"], row["name"]) == ("/Project Files/1\uff0f2/a\uff0fb.pdf", "a/b.pdf")
    assert (row["created_at"], row["updated_at"], row["link"]) == (stamp, stamp, link)
    assert site.acc.truth(site.project, row["parent_id"])[0]["path"] == "/a\uff0fb.pdf"


def test_truth_leaves_internal_folders_out_unless_asked(site: Site) -> None:
    folders = {folder.name: folder for folder in site.acc.projects[site.project].root.folders.values()}
    site.acc.add_file(folders["Photos"].id, "site.jpg")
    site.acc.add_file(site.acc.add_folder(site.root, "Photos"), "mine.jpg")
    assert [row["name"] for row in site.acc.truth(site.project)] == ["mine.jpg"]
    assert {row["name"] for row in site.acc.truth(site.project, system=True)} == {"mine.jpg", "site.jpg"}


def test_the_same_seed_gives_the_same_ids_and_names() -> None:
    assert _grown(1) == _grown(1) != _grown(2)


def _grown(seed: int) -> list[dict[str, Any]]:
    acc = AccSimulator(SimulatedClock(START, frozen=True), seed=seed)
    project = acc.add_project(acc.add_hub())
    grow(acc, acc.project_files(project), files=200, seed=seed)
    return acc.truth(project)
