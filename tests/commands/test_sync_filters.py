"""Filters, scopes and names: decided from what is remembered, with the same result on both services."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.homes import READER, Acc, Drive, Home
from tests.support.truth import assert_drive_truth

BOTH_ENGINES = True


def configure(world: Acc | Drive, **filters: Any) -> None:
    ids = {"project_id": world.project} if isinstance(world, Acc) else {"drive_id": world.shared}
    name = "P" if isinstance(world, Acc) else "D"
    world.home.configure({"name": name, "endpoint_details": ids | filters, "max_delete_percent": 10})


def below(home: Home) -> list[str]:
    """The paths without ACC's top folder, so that both services compare."""
    return [path.removeprefix("/Project Files") for path in home.paths()]


@pytest.fixture(params=["acc", "drive"])
def world(request: pytest.FixtureRequest) -> Acc | Drive:
    """The same tree on either service."""
    made: Acc | Drive = request.getfixturevalue(request.param)
    build(made)
    return made


def build(world: Acc | Drive) -> None:
    service: Any = world.service if isinstance(world, Acc) else world.service.state
    top = world.top if isinstance(world, Acc) else world.shared
    archive = service.add_folder(top, "Archive")
    plans = service.add_folder(top, "Plans")
    deep = service.add_folder(archive, "2019")
    for folder, name in ((top, "a.PDF"), (plans, "b.dwg"), (archive, "c.pdf"), (deep, "d.pdf"), (plans, "e")):
        service.add_file(folder, name, 1)
    world.settle()


def test_types_and_globs_select_the_same_files_on_both_services(world: Acc | Drive) -> None:
    configure(world, file_types=["pdf", "DWG"], exclude=["**/Archive/2019/**"])
    world.home.sync()
    assert below(world.home) == ["/Archive/c.pdf", "/Plans/b.dwg", "/a.PDF"]


def test_a_filter_that_leaves_out_nearly_everything_is_no_mass_deletion(world: Acc | Drive) -> None:
    service: Any = world.service if isinstance(world, Acc) else world.service.state
    for number in range(30):
        service.add_file(world.top if isinstance(world, Acc) else world.shared, f"{number}.ifc", 1)
    world.settle()
    world.home.sync()
    configure(world, file_types=["dwg"])
    assert world.home.sync().status == "success"
    assert below(world.home) == ["/Plans/b.dwg"]


def test_a_changed_filter_is_decided_without_asking_again(world: Acc | Drive) -> None:
    world.home.sync()
    world.settle()
    before = world.home.last_seq()
    configure(world, file_types=["dwg"])
    outcome = world.home.sync()
    assert (outcome.status, world.service.count()) == ("success", 1)
    assert below(world.home) == ["/Plans/b.dwg"]
    assert {(c["kind"], c["cause"]) for c in world.home.changes(before)} == {("deleted", "config")}
    assert {r["deleted_reason"] for r in world.home.query("SELECT * FROM files WHERE deleted_at IS NOT NULL")} == {
        "out_of_scope"
    }
    configure(world)
    world.settle()
    world.home.sync()
    assert world.service.count() == 1
    assert len(world.home.files()) == 5
    assert {(c["kind"], c["cause"]) for c in world.home.changes(before)} == {
        ("deleted", "config"),
        ("restored", "config"),
    }
    world.home.assert_sound()


def test_an_age_that_passes_takes_a_file_out_without_asking(world: Acc | Drive) -> None:
    configure(world, modified_after="2d")
    world.home.sync()
    assert len(world.home.files()) == 5
    world.service.clock.advance(timedelta(days=3).total_seconds())
    world.service.reset()
    outcome = world.home.sync()
    assert outcome.status == "success"
    assert below(world.home) == []
    assert {c["cause"] for c in world.home.changes() if c["kind"] == "deleted"} == {"config"}
    world.home.assert_sound()


def test_an_age_that_passes_brings_a_file_in_without_asking(world: Acc | Drive) -> None:
    configure(world, modified_before="2d")
    world.home.sync()
    assert below(world.home) == []
    world.service.clock.advance(timedelta(days=3).total_seconds())
    world.home.sync()
    assert len(world.home.files()) == 5
    world.home.assert_sound()


def test_an_acc_folder_that_is_excluded_whole_is_not_listed_until_it_comes_in(acc: Acc) -> None:
    build(acc)
    configure(acc, exclude=["Project Files/Archive/**"])
    acc.home.sync()
    listed = [request.path for request in acc.service.requests if request.route == "contents"]
    assert len(listed) == 2  # Project Files and Plans
    configure(acc)
    acc.settle()
    acc.home.sync()
    assert acc.service.count("contents") == 2  # Archive and 2019
    assert len(acc.home.files()) == 5
    assert {c["cause"] for c in acc.home.changes() if "Archive" in c["file_path"]} == {"config"}


def test_a_drive_folder_renamed_out_of_the_filter_and_back_costs_the_change_page(drive: Drive) -> None:
    build(drive)
    configure(drive, include=["Plans/**"])
    drive.home.sync()
    assert drive.home.paths() == ["/Plans/b.dwg", "/Plans/e"]
    plans = drive.home.query("SELECT external_folder_id AS id FROM folders WHERE folder_name = 'Plans'")[0]["id"]
    for name, expected in (("Drafts", []), ("Plans", ["/Plans/b.dwg", "/Plans/e"])):
        drive.service.state.rename(plans, name)
        drive.settle()
        assert drive.home.sync().status == "success"
        assert drive.service.count() == 1
        assert drive.home.paths() == expected
    drive.home.assert_sound()


def test_renaming_an_endpoint_in_the_file_keeps_its_rows(acc: Acc) -> None:
    build(acc)
    acc.home.sync()
    seq = acc.home.last_seq()
    acc.home.configure({"name": "Renamed", "endpoint_details": {"project_id": acc.project}})
    acc.settle()
    acc.home.sync()
    assert acc.service.count() == 1
    assert acc.home.last_seq() == seq
    assert [row["name"] for row in acc.home.query("SELECT name FROM endpoints")] == ["Renamed"]


def test_two_endpoints_may_swap_their_names(acc: Acc) -> None:
    build(acc)
    other = acc.service.add_project(acc.hub, "Second")
    acc.service.add_file(acc.service.project_files(other), "second.pdf", 1)
    for first, second in ((acc.project, other), (other, acc.project)):
        acc.home.configure(
            {"name": "A", "endpoint_details": {"project_id": first}},
            {"name": "B", "endpoint_details": {"project_id": second}},
        )
        acc.settle()
        acc.home.start()
    assert acc.home.paths("A") == ["/Project Files/second.pdf"]
    assert len(acc.home.files("B")) == 5
    assert len(acc.home.query("SELECT * FROM endpoints")) == 2


def test_an_endpoint_that_left_the_file_is_inactive_and_keeps_its_rows(acc: Acc) -> None:
    build(acc)
    acc.home.sync()
    other = acc.service.add_project(acc.hub, "Second")
    acc.home.configure({"name": "Other", "endpoint_details": {"project_id": other}})
    acc.home.sync()
    rows = acc.home.query("SELECT name, is_active FROM endpoints ORDER BY name")
    assert [(row["name"], row["is_active"]) for row in rows] == [("Other", 1), ("P", 0)]
    assert len(acc.home.files("P")) == 5
    assert acc.home.query("SELECT count(*) AS n FROM current_files")[0]["n"] == 0


def test_a_narrower_scope_is_listed_in_full_and_the_rest_becomes_out_of_scope(acc: Acc) -> None:
    build(acc)
    acc.home.sync()
    seq = acc.home.last_seq()
    plans = acc.home.query("SELECT external_folder_id AS id FROM folders WHERE folder_name = 'Plans'")[0]["id"]
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project, "folder_id": plans}})
    acc.settle()
    outcome = acc.home.sync()
    assert (outcome.status, outcome.mode) == ("success", "full")
    assert acc.home.paths() == ["/b.dwg", "/e"]
    assert {(c["kind"], c["cause"]) for c in acc.home.changes(seq)} == {("deleted", "config"), ("moved", "config")}
    assert acc.service.count("commands") == 1  # together: one may have come in while the scope was being read
    acc.home.assert_sound()
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project}})
    acc.settle()
    acc.home.sync()
    assert len(acc.home.files()) == 5
    acc.home.assert_sound()


def test_another_drive_is_another_scope(drive: Drive) -> None:
    build(drive)
    drive.home.sync()
    other = drive.service.state.add_drive("Other", READER)
    drive.service.state.add_file(other, "other.pdf", 1)
    drive.home.configure({"name": "D", "endpoint_details": {"drive_id": other}})
    drive.settle()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, other)
    drive.home.assert_sound()


def test_system_folders_are_left_out_and_namesakes_deeper_down_are_not(acc: Acc) -> None:
    photos = acc.service.add_folder(acc.top, "Photos")
    acc.service.add_file(photos, "site.jpg", 1)
    acc.settle()
    acc.home.sync()
    assert acc.home.paths() == ["/Project Files/Photos/site.jpg"]


@pytest.mark.parametrize("unseen_parents", [False, True])
def test_what_is_shared_with_the_account_hangs_below_its_own_folder_when_asked_for(
    drive: Drive, *, unseen_parents: bool
) -> None:
    state = drive.service.state
    drive.service.unseen_parents = unseen_parents
    state.add_user("colleague@example.com")
    mine, theirs = state.root_of(READER), state.root_of("colleague@example.com")
    state.add_file(mine, "mine.pdf", 1)
    folder = state.add_folder(theirs, "Theirs")
    inner = state.add_file(folder, "inner.pdf", 1)
    alone = state.add_file(theirs, "alone.pdf", 1)
    state.share_with(folder, READER)
    state.share_with(alone, READER)
    details = {"subject": READER}
    drive.home.configure({"name": "M", "endpoint_details": details})
    drive.settle()
    drive.home.sync()
    assert drive.home.paths() == ["/mine.pdf"]
    drive.home.configure({"name": "M", "endpoint_details": details | {"shared_with_me": True}})
    drive.home.sync()
    expected = ["/Shared with me/Theirs/inner.pdf", "/Shared with me/alone.pdf", "/mine.pdf"]
    assert drive.home.paths() == expected
    assert drive.home.sync().tally.files_updated == 0
    drive.home.sync(full=True)
    assert drive.home.paths() == expected
    state.unshare(alone, READER)
    drive.home.sync()
    assert drive.home.paths() == [expected[0], expected[2]]
    state.new_revision(inner, 5)
    assert drive.home.sync().tally.files_updated == 1
    drive.home.assert_sound()


def test_shortcuts_and_native_documents_are_rows_of_their_own(drive: Drive) -> None:
    state = drive.service.state
    target = state.add_folder(drive.shared, "target")
    state.add_native(drive.shared, "Minutes", "document")
    state.add_shortcut(drive.shared, "To target", target)
    drive.settle()
    drive.home.sync()
    rows = {row["file_name"]: row for row in drive.home.files().values()}
    assert (rows["Minutes"]["file_type"], rows["Minutes"]["version"], rows["Minutes"]["checksum"]) == (
        "gdoc",
        None,
        None,
    )
    assert rows["To target"]["file_type"] == "shortcut"


def test_hostile_names_change_nothing_but_their_own_cell(drive: Drive) -> None:
    names = [
        "a/b.pdf",
        "new\nline.pdf",
        "\x1b[31mred.pdf",
        "\u202egnp.exe",
        "x" * 1000,
        "=cmd()",
        "<b>.pdf",
        "same",
        "same",
    ]
    for name in names:
        drive.service.state.add_file(drive.shared, name, 1)
    drive.settle()
    drive.home.sync()
    assert sorted(row["file_name"] for row in drive.home.files().values()) == sorted(names)
    assert "/a\uff0fb.pdf" in drive.home.paths()
    drive.home.assert_sound()


def test_an_acc_folder_that_a_rename_brings_into_the_filter_is_read_before_its_files_are_shown(acc: Acc) -> None:
    archive = acc.service.add_folder(acc.top, "Archive")
    gone = acc.service.add_file(archive, "gone.pdf", 1)
    acc.service.add_file(archive, "kept.pdf", 1)
    acc.settle()
    acc.home.sync()
    configure(acc, exclude=["**/Archive/**"])
    acc.home.sync()
    assert acc.home.paths() == []
    acc.service.hide_file(gone)
    acc.service.rename_folder(archive, "Active")
    acc.service.add_file(acc.top, "news.pdf", 1)  # moves the stamp, so that the rename is seen
    acc.settle()
    acc.home.sync()
    assert acc.home.paths() == ["/Project Files/Active/kept.pdf", "/Project Files/news.pdf"]
    acc.home.assert_sound()


def test_a_trial_with_other_filters_decides_nothing_for_later(acc: Acc) -> None:
    plan = acc.service.add_file(acc.top, "plan.pdf")
    model = acc.service.add_file(acc.top, "model.rvt")
    about = {"name": "P", "endpoint_details": {"project_id": acc.project, "exclude": ["**/*.rvt"]}}
    acc.home.configure(about)
    acc.settle()
    acc.home.sync()
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": acc.project, "exclude": ["**/*.pdf"]}})
    acc.settle()
    acc.home.sync("P", max_files=5)
    acc.home.configure(about)
    acc.settle()
    acc.home.sync()
    assert plan in acc.home.files()
    assert model not in acc.home.files()
    acc.home.assert_sound()


def test_a_drive_that_was_left_is_not_taken_for_shared_items_after_a_change_of_scope(
    drive: Drive,
) -> None:
    state = drive.service.state
    state.add_file(state.add_folder(drive.shared, "Plans"), "a.pdf", 1)
    mine = state.add_file(state.users[READER].root_id, "mine.pdf", 1)
    drive.settle()
    drive.home.sync()
    state.remove_member(drive.shared, READER)
    drive.home.configure({"name": "D", "endpoint_details": {"shared_with_me": True}})
    drive.settle()
    assert drive.home.sync().status == "success"
    assert drive.home.files().keys() == {mine}
    (row,) = drive.home.query("SELECT deleted_reason FROM files WHERE file_name = 'a.pdf'")
    assert row["deleted_reason"] == "out_of_scope"
    assert drive.home.sync().status == "success"
    drive.home.assert_sound()
