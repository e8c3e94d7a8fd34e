"""What a sync costs: requests, token aside, are promises."""

from math import ceil

import pytest

from filesync.simulators.trees import grow
from tests.support.homes import Acc, Drive
from tests.support.truth import assert_acc_truth, assert_drive_truth


@pytest.mark.parametrize("with_hub", [True, False])
def test_a_first_acc_sync_of_f_folders_costs_f_plus_two_and_the_hubs(acc: Acc, *, with_hub: bool) -> None:
    grow(acc.service, acc.top, files=300, folders=25, depth=5)
    acc.service.add_hub("Another")
    details = {"project_id": acc.project} | ({"hub_id": acc.hub} if with_hub else {})
    acc.home.configure({"name": "P", "endpoint_details": details})
    acc.settle()
    outcome = acc.home.sync()
    folders = 25 + 1
    assert acc.service.count() <= folders + (3 if with_hub else 2 + 2)
    assert outcome.usage.api_requests == acc.service.count()
    assert_acc_truth(acc.home, acc.project)


@pytest.mark.parametrize("of_folder", [False, True])
def test_an_acc_sync_that_finds_nothing_changed_costs_one_request(acc: Acc, *, of_folder: bool) -> None:
    top = acc.service.add_folder(acc.top, "Drawings") if of_folder else acc.top
    grow(acc.service, top, files=300, folders=25, depth=5)
    details = {"project_id": acc.project, **({"folder_id": top} if of_folder else {})}
    acc.home.configure({"name": "P", "endpoint_details": details})
    acc.settle()
    acc.home.sync()
    acc.settle()
    before = acc.home.last_seq()
    assert acc.home.sync().status == "success"
    assert acc.service.count() == 1
    assert (acc.home.last_seq(), len(acc.home.files())) == (before, 300)


def test_one_new_version_at_depth_d_costs_at_most_d_plus_two(acc: Acc) -> None:
    folder, depth = acc.top, 1
    for number in range(9):
        folder, depth = acc.service.add_folder(folder, f"level {number}"), depth + 1
    file = acc.service.add_file(folder, "deep.rvt", 10)
    grow(acc.service, acc.top, files=200, folders=30)
    acc.settle()
    acc.home.sync()
    acc.settle()
    acc.service.add_version(file, 11)
    acc.service.clock.advance(10)
    outcome = acc.home.sync()
    assert outcome.tally.files_updated == 1
    assert acc.service.count() <= depth + 2


def test_401_entries_in_one_folder_lose_nothing(acc: Acc) -> None:
    for number in range(401):
        acc.service.add_file(acc.top, f"{number}.pdf", number)
    acc.settle()
    acc.home.sync()
    assert_acc_truth(acc.home, acc.project)
    assert len(acc.home.files()) == 401


def test_removal_candidates_cost_a_fiftieth_of_a_request_each_on_acc(acc: Acc) -> None:
    files = [acc.service.add_file(acc.top, f"{number}.pdf", number) for number in range(300)]
    acc.settle()
    acc.home.sync()
    for file in files[:120]:
        acc.service.hide_file(file)
    acc.settle()
    outcome = acc.home.sync(full=True)
    assert outcome.tally.files_removed == 120
    assert acc.service.count("commands") == ceil(120 / 50)


def test_a_guarded_sync_looks_nothing_up(acc: Acc) -> None:
    files = [acc.service.add_file(acc.top, f"{number}.pdf", number) for number in range(100)]
    acc.settle()
    acc.home.sync()
    for file in files[:60]:
        acc.service.hide_file(file)
    acc.settle()
    assert acc.home.sync(full=True).error_type == "mass_delete"
    assert acc.service.count("commands") == 0


@pytest.mark.parametrize("files", [0, 1, 459, 460, 461, 1500])
def test_a_first_flat_drive_sync_costs_its_pages_and_five(drive: Drive, files: int) -> None:
    grow(drive.service.state, drive.shared, files=files, folders=20 if files else 0)
    drive.settle()
    outcome = drive.home.sync()
    items = files + (20 if files else 0)
    assert drive.service.count() <= ceil(items / 460) + 5
    assert outcome.usage.api_requests == drive.service.count()
    assert_drive_truth(drive.home, drive.shared)


def test_a_renamed_drive_folder_with_two_thousand_files_costs_the_change_page_only(drive: Drive) -> None:
    folder = drive.service.state.add_folder(drive.shared, "old name")
    grow(drive.service.state, folder, files=2_000, folders=40, hostile=False)
    drive.settle()
    drive.home.sync()
    drive.settle()
    drive.service.state.rename(folder, "new name")
    before = drive.home.last_seq()
    outcome = drive.home.sync()
    assert drive.service.count() == 1
    assert outcome.tally.files_updated == 2_000
    assert all(path.startswith("/new name/") for path in drive.home.paths())
    changes = drive.home.changes(before)
    assert {(change["kind"], change["cause"], change["content_changed"]) for change in changes} == {
        ("moved", "folder", 0)
    }
    drive.home.assert_sound()


def test_removal_candidates_cost_one_request_each_on_drive(drive: Drive) -> None:
    files = [drive.service.state.add_file(drive.shared, f"{number}.pdf", number) for number in range(50)]
    drive.settle()
    drive.home.sync()
    drive.service.state.kill_change_tokens()  # so that only the full listing can tell
    for file in files[:7]:
        drive.service.state.delete(file)
    drive.settle()
    outcome = drive.home.sync(full=True)
    assert outcome.tally.files_removed == 7
    assert drive.service.count("files.get") <= 7 + 2  # the root as well, and before a refusal counts
    assert_drive_truth(drive.home, drive.shared)


@pytest.mark.parametrize("service", ["acc", "drive"])
def test_syncs_that_find_nothing_new_leave_a_row_in_the_log_each_and_nothing_else(
    service: str, request: pytest.FixtureRequest
) -> None:
    site: Acc | Drive = request.getfixturevalue(service)
    if isinstance(site, Acc):
        grow(site.service, site.top, files=50, folders=5)
    else:
        grow(site.service.state, site.shared, files=50, folders=5)
    site.settle()
    for _ in range(3):
        site.home.sync()
        site.settle()

    def kept() -> dict[str, int]:
        tables = site.home.query(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'files_search%'"
        )
        names = [row["name"] for row in tables]
        return {name: site.home.query(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in names}

    before, size = kept(), site.home.database.stat().st_size
    for _ in range(8):
        assert site.home.sync().status == "success"
        site.settle()
    assert kept() == {**before, "sync_logs": before["sync_logs"] + 8, "sqlite_sequence": before["sqlite_sequence"]}
    assert site.home.database.stat().st_size - size <= 8 * 1000  # a thousand of them: less than a megabyte
    assert not site.home.database.with_name("connector.db-wal").exists()
