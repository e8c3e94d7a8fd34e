"""My Drive's things that hang in no folder: the account's own, computers' backups, and what others share."""

import json

import pytest

from filesync.simulators.drive.truth import OWN_STRAYS, STRAYS
from tests.support.homes import READER, Drive
from tests.support.truth import drive_row, stored_drive_row

OTHER = "other@example.com"


@pytest.fixture
def mine(drive: Drive) -> Drive:
    """An account with a file in My Drive, two orphans, a computer's backup, and three things of somebody else."""
    state = drive.service.state
    state.add_user(OTHER)
    root, theirs = state.root_of(READER), state.root_of(OTHER)
    state.add_file(root, "plan.pdf")
    for name in ("orphan.pdf", "another.pdf"):
        state.orphan(state.add_file(root, name))
    laptop = state.add_computer(READER, "Laptop")
    state.add_file(state.add_folder(laptop, "Documents"), "backup.pdf")
    shared = state.add_folder(theirs, "Theirs")
    state.add_file(shared, "shared.pdf")
    for item in (shared, state.add_file(theirs, "1.pdf"), state.add_file(theirs, "2.pdf")):
        state.share_with(item, READER)
    configure(drive)
    drive.settle()
    return drive


def configure(drive: Drive, *, shared_with_me: bool = False) -> None:
    details = {"shared_with_me": shared_with_me, "subject": READER}
    drive.home.configure({"name": "D", "endpoint_details": details})


def assert_truth(drive: Drive) -> None:
    rows = drive.service.truth(READER, drive.service.state.root_of(READER), strays=True)
    truth = {row["id"]: drive_row(row)[:-1] for row in rows}
    assert {id_: stored_drive_row(row)[:-1] for id_, row in drive.home.files().items()} == truth


def test_what_is_left_out_is_counted(mine: Drive) -> None:
    ended = mine.home.run("endpoints", "check")
    assert ended.code == 0
    said = " ".join(ended.out.split())
    assert "3 of this account's own in no folder (orphans, computers)" in said
    assert "3 shared with this account in no folder that it sees" in said
    assert mine.home.sync().status == "success"
    assert mine.home.paths() == ["/plan.pdf"]
    (state,) = mine.home.query("SELECT provider_state FROM sync_state")
    assert json.loads(state["provider_state"])["left_out"] == {"own": 3, "shared": 3}
    mine.home.sync()  # a sync that lists nothing forgets nothing
    assert mine.home.query("SELECT provider_state FROM sync_state") == [state]
    said = " ".join(mine.home.run("--verbose", "doctor", "--offline").out.split())
    assert "left out on purpose: D: 3 of this account's own in no folder (orphans, computers), 3 shared" in said


def test_shared_with_me_gives_each_kind_a_heading_of_its_own(mine: Drive) -> None:
    configure(mine, shared_with_me=True)
    assert mine.home.sync().status == "success"
    assert mine.home.paths() == [
        f"/{OWN_STRAYS}/Laptop/Documents/backup.pdf",
        f"/{OWN_STRAYS}/another.pdf",
        f"/{OWN_STRAYS}/orphan.pdf",
        f"/{STRAYS}/1.pdf",
        f"/{STRAYS}/2.pdf",
        f"/{STRAYS}/Theirs/shared.pdf",
        "/plan.pdf",
    ]
    assert_truth(mine)
    (state,) = mine.home.query("SELECT provider_state FROM sync_state")
    assert "left_out" not in json.loads(state["provider_state"])


def test_what_loses_its_folder_and_gets_one_again_moves_and_nothing_is_removed(mine: Drive) -> None:
    configure(mine, shared_with_me=True)
    mine.home.sync()
    state = mine.service.state
    root = state.root_of(READER)
    (plan, orphan) = (next(i.id for i in state.items.values() if i.name == n) for n in ("plan.pdf", "orphan.pdf"))
    state.orphan(plan)
    state.move(orphan, root)
    mine.settle()
    assert mine.home.sync().status == "success"
    assert_truth(mine)
    for _ in range(2):
        assert mine.home.sync(full=True).status == "success"
        assert_truth(mine)
    assert {change["kind"] for change in mine.home.changes()} == {"created", "moved"}
    ended = mine.home.run("verify", "--all")
    assert ended.code == 0, ended.err


def test_the_key_is_switched_on_and_off_without_a_false_removal(mine: Drive) -> None:
    mine.home.sync()
    configure(mine, shared_with_me=True)
    assert mine.home.sync().status == "success"
    assert_truth(mine)
    configure(mine)
    assert mine.home.sync().status == "success"
    assert mine.home.paths() == ["/plan.pdf"]
    gone = mine.home.query("SELECT DISTINCT deleted_reason FROM files WHERE deleted_at IS NOT NULL")
    assert gone == [{"deleted_reason": "out_of_scope"}]
