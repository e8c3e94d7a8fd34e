"""The simulated ACC cuts, filters and fills its pages as the service does."""

import pytest

from filesync.simulators.trees import HOSTILE_FILES
from tests.support.acc_site import Site, code_of


@pytest.mark.parametrize(("count", "pages"), [(0, [0]), (1, [1]), (200, [200]), (201, [200, 1]), (401, [200, 200, 1])])
def test_contents_are_cut_into_pages_of_at_most_200(site: Site, count: int, pages: list[int]) -> None:
    names = [f"{number}.pdf" for number in range(count)]
    for name in names:
        site.acc.add_file(site.root, name)
    found = list(site.pages(site.root))
    assert [len(page["data"]) for page in found] == pages
    assert [len(page.get("included", [])) for page in found] == pages
    assert site.names(site.root) == names


def test_a_page_without_items_has_no_included(site: Site) -> None:
    assert "included" not in next(site.pages(site.root))
    site.acc.add_folder(site.root, "Empty")
    assert "included" not in next(site.pages(site.root))


@pytest.mark.parametrize(
    "query",
    [
        {"page[limit]": "201"},
        {"page[limit]": "0"},
        {"page[limit]": "many"},
        {"page[number]": "-1"},
        {"filter[name]": "a.pdf"},
        {"filter[type]": "files"},
        {"filter[hidden]": "maybe"},
    ],
)
def test_an_odd_question_is_bad_input(site: Site, query: dict[str, str]) -> None:
    assert code_of(site.get(site.contents(site.root), **query)) == (400, "BAD_INPUT")


def test_hidden_things_are_left_out_after_the_page_was_cut(site: Site) -> None:
    files = [site.acc.add_file(site.root, f"{number}.pdf") for number in range(4)]
    for file in files[:3]:
        site.acc.hide_file(file)
    pages = list(site.pages(site.root, **{"page[limit]": "2"}))
    assert [len(page["data"]) for page in pages] == [0, 1]
    assert len(site.names(site.root, includeHidden="true")) == 4
    assert len(site.names(site.root, **{"filter[hidden]": "true"})) == 3
    assert len(site.names(site.root, **{"filter[hidden]": "true,false"})) == 4


def test_contents_can_be_filtered_by_type_and_id(site: Site) -> None:
    folder, file = site.acc.add_folder(site.root, "Sub"), site.acc.add_file(site.root, "a.pdf")
    assert site.names(site.root) == ["Sub", "a.pdf"]
    assert site.names(site.root, **{"filter[type]": "folders"}) == ["Sub"]
    assert site.names(site.root, **{"filter[id]": file}) == ["a.pdf"]
    assert site.names(site.root, **{"filter[extension.type]": "folders:autodesk.bim360:Folder"}) == ["Sub"]
    assert site.names(folder) == []


def test_an_item_and_its_tip_tell_all_about_a_file(site: Site) -> None:
    ann, bob = site.acc.add_user("Ann"), site.acc.add_user("Bob")
    file = site.acc.add_file(site.root, "Plan.pdf", 10, ann)
    site.acc.clock.advance(60)
    site.acc.add_version(file, 20, bob)
    (page,) = site.pages(site.root)
    (item,), (tip,) = page["data"], page["included"]
    assert item["relationships"]["tip"]["data"]["id"] == tip["id"]
    assert tip["relationships"]["item"]["data"]["id"] == item["id"] == file
    assert item["attributes"]["createUserName"] == "Ann"
    about = tip["attributes"]
    assert (about["name"], about["storageSize"], about["versionNumber"], about["fileType"]) == (
        "Plan.pdf",
        20,
        2,
        "pdf",
    )
    assert (about["lastModifiedUserName"], about["lastModifiedTime"]) == ("Bob", "2026-03-02T08:01:00.0000000Z")
    assert item["attributes"]["createTime"] == "2026-03-02T08:00:00.0000000Z"


def test_a_cloud_model_has_no_size_and_an_old_entry_no_user(site: Site) -> None:
    file = site.acc.add_file(site.root, "Model.rvt", None, "", kind="autodesk.bim360:C4RModel")
    tip = site.get(site.item(file)).json()["included"][0]
    assert "storageSize" not in tip["attributes"]
    assert tip["attributes"]["createUserName"] == ""
    assert tip["attributes"]["extension"]["type"] == "versions:autodesk.bim360:C4RModel"


def test_hostile_names_survive_the_trip(site: Site) -> None:
    for name in HOSTILE_FILES:
        site.acc.add_file(site.root, name)
    assert site.names(site.root) == list(HOSTILE_FILES)


def test_versions_come_newest_first(site: Site) -> None:
    file = site.acc.add_file(site.root, "a.pdf")
    site.acc.add_version(file)
    site.acc.rename_file(file, "b.pdf")
    versions = site.get(f"{site.item(file)}/versions").json()["data"]
    assert [(one["attributes"]["versionNumber"], one["attributes"]["name"]) for one in versions] == [
        (3, "b.pdf"),
        (2, "a.pdf"),
        (1, "a.pdf"),
    ]


def test_a_lagging_listing_shows_new_things_later_but_by_id_at_once(site: Site) -> None:
    site.acc.rules.list_lag = 30
    old = site.acc.add_file(site.root, "old.pdf", 1)
    site.acc.clock.advance(31)
    site.acc.add_version(old, 2)
    new = site.acc.add_file(site.root, "new.pdf")
    site.acc.add_folder(site.root, "New")
    (page,) = site.pages(site.root)
    assert [tip["attributes"]["storageSize"] for tip in page["included"]] == [1]
    assert site.get(site.item(new)).status_code == 200
    site.acc.clock.advance(30)
    assert site.names(site.root) == ["New", "old.pdf", "new.pdf"]


def test_list_items_shows_deleted_and_moved_files_with_their_tips(site: Site) -> None:
    there, gone = site.acc.add_file(site.root, "there.pdf"), site.acc.add_file(site.root, "gone.pdf")
    sub = site.acc.add_folder(site.root, "Sub")
    site.acc.move_file(there, sub)
    site.acc.hide_file(gone)
    answer = site.command(there, gone).json()
    items = [resource["meta"] for resource in answer["data"]["relationships"]["resources"]["data"]]
    assert [item["attributes"]["hidden"] for item in items] == [False, True]
    assert [item["relationships"]["parent"]["data"]["id"] for item in items] == [sub, site.root]
    assert items[0]["attributes"]["pathInProject"] == "/Project Files/Sub"
    tips = {tip["relationships"]["item"]["data"]["id"]: tip["attributes"] for tip in answer["included"]}
    assert tips[there]["name"] == "there.pdf"
    assert tips[gone]["extension"]["type"] == "versions:autodesk.core:Deleted"


def test_list_items_takes_fifty_ids_of_the_right_type_and_kind(site: Site) -> None:
    files = [site.acc.add_file(site.root, f"{number}.pdf") for number in range(51)]
    assert site.command(*files[:50]).status_code == 200
    assert site.command(*files).status_code == 400
    assert site.command().status_code == 400
    assert site.command(site.root).status_code == 404
    assert site.command("co.none").status_code == 400
    assert site.command(files[0], content_type="application/json").status_code == 415
    assert site.command(files[0], jsonapi={}).status_code == 400
    assert site.command(files[0], data={"type": "commands"}).status_code == 400
    assert site.command(files[0], data=[]).status_code == 400


def test_one_bad_id_refuses_all_unless_told_otherwise(site: Site) -> None:
    good, revoked = site.acc.add_file(site.root, "a.pdf"), site.acc.add_file(site.root, "b.pdf")
    purged = site.acc.add_file(site.root, "c.pdf")
    site.acc.revoke_access(revoked)
    site.acc.remove_for_good(purged)
    assert site.command(good, purged).status_code == 404
    assert site.command(good, revoked).status_code == 403
    site.acc.rules.list_items_all_or_nothing = False
    answer = site.command(good, revoked, purged).json()
    assert [one["id"] for one in answer["data"]["relationships"]["resources"]["data"]] == [good]
