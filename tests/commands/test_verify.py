"""`filesync verify`: it names whatever is wrong, calls nothing wrong that merely happened since, and makes it right."""

import json
import signal
import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from filesync.core.filters import Selection
from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator
from filesync.simulators.drive import GoogleDrive
from filesync.store.read.verification import RowKind, Verification
from filesync.store.sqlite.database import open_for_reading
from filesync.store.write.file_state import TRACKED
from filesync.sync.endpoint_locks import EndpointLocks
from filesync.sync.options import SyncOptions
from filesync.verify.session import EVERYTHING, Share
from tests.commands.test_sync_processes import PATIENCE
from tests.contract.test_documents import COMMANDS, section
from tests.support.homes import READER, Acc, Drive, Ended, Home

FOLDER_COLUMNS = ("folder_name", "parent_external_id", "folder_path", "depth", "deleted_at")


@dataclass
class Site:
    """A home that was synced an hour ago: Plans/Old/Older with files in each, and two that were deleted since."""

    home: Home
    files: list[str]
    folders: list[str]  # Plans, Plans/Old, Plans/Old/Older, Plans/Week 0, …
    trashed: str
    removed: str

    @property
    def service(self) -> AccSimulator | GoogleDrive:
        found = self.home.acc or self.home.drive
        assert found is not None
        return found


def in_acc(acc: Acc, files: int, weeks: int) -> Site:
    service = acc.service
    plans = service.add_folder(acc.top, "Plans")
    old = service.add_folder(plans, "Old")
    folders = [plans, old, service.add_folder(old, "Older")]
    folders += [service.add_folder(plans, f"Week {n}") for n in range(weeks)]
    made = [service.add_file(folders[n % len(folders)], f"{n}.pdf", n + 1) for n in range(files + 2)]
    service.clock.advance(3600)
    acc.home.sync()
    service.hide_file(made[-2])
    service.remove_for_good(made[-1])
    acc.settle()
    acc.home.sync(full=True)
    service.clock.advance(3600)
    acc.home.sync()
    acc.settle()
    return Site(acc.home, made[:-2], folders, *made[-2:])


def in_drive(drive: Drive, files: int, weeks: int) -> Site:
    state = drive.service.state
    plans = state.add_folder(drive.shared, "Plans")
    old = state.add_folder(plans, "Old")
    folders = [plans, old, state.add_folder(old, "Older")]
    folders += [state.add_folder(plans, f"Week {n}") for n in range(weeks)]
    made = [state.add_file(folders[n % len(folders)], f"{n}.pdf", n + 1) for n in range(files + 2)]
    drive.settle()
    drive.home.sync()
    state.trash(made[-2])
    state.delete(made[-1])
    drive.settle()
    drive.home.sync()
    drive.service.clock.advance(3600)
    drive.settle()
    return Site(drive.home, made[:-2], folders, *made[-2:])


@pytest.fixture
def acc_site(acc: Acc) -> Site:
    return in_acc(acc, 8, 1)


@pytest.fixture
def drive_site(drive: Drive) -> Site:
    return in_drive(drive, 8, 1)


@pytest.fixture(params=["acc", "drive"])
def site(request: pytest.FixtureRequest) -> Site:
    """Give the site of one service after the other."""
    found: Site = request.getfixturevalue(f"{request.param}_site")
    return found


@pytest.fixture(params=["acc", "drive"])
def wide_site(request: pytest.FixtureRequest) -> Site:
    """Give one with a file for each column that can be wrong, and a folder likewise."""
    make = in_acc if request.param == "acc" else in_drive
    return make(request.getfixturevalue(request.param), len(TRACKED), len(FOLDER_COLUMNS) + 1)


def verify(home: Home, *options: str, code: int | None = None) -> dict[str, Any]:
    """Verify, with --json; the exit code is 1 when anything drifted, else 0."""
    ended = home.run("verify", "--json", *options)
    document: dict[str, Any] = json.loads(ended.out)
    drifted = any(row["verdict"] == "drift" for row in document["differences"])
    assert ended.code == document["exit_code"] == (int(drifted) if code is None else code), ended.err
    return document


def named(document: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(row["external_id"], row["column"], row["verdict"]) for row in document["differences"]}


def write(home: Home, sql: str, *parameters: object) -> None:
    """Write what no sync did."""
    connection = sqlite3.connect(home.database)
    with connection:
        assert connection.execute(sql, parameters).rowcount > 0
    connection.close()


def corrupt(home: Home, table: str, id_: str, column: str, value: object) -> None:
    key = "external_file_id" if table == "files" else "external_folder_id"
    write(home, f"UPDATE {table} SET {column} = ? WHERE {key} = ?", value, id_)


def another(column: str, value: object) -> object:
    numbers = {"file_size", "version_number", "depth"}
    return 77 + (value if isinstance(value, int) else 0) if column in numbers else "2020-01-01T00:00:00.000Z"


def assert_mended(home: Home) -> None:
    """Repair what drifted; then nothing is left to find, and feed and table agree."""
    mended = verify(home, "--all", "--repair")
    assert mended["differences"]
    assert all(row["repaired"] for row in mended["differences"])
    assert named(verify(home, "--all")) == set()
    home.assert_sound()


# --- what is well ---------------------------------------------------------------------------


def test_an_inventory_that_is_right_has_no_differences(site: Site) -> None:
    document = verify(site.home, "--all")
    assert document["differences"] == []
    (row,) = document["endpoints"]
    assert (row["files_checked"], row["files"]) == (8, 8)
    assert (row["deleted_checked"], row["deleted"]) == (2, 2)
    assert row["folders_checked"] == row["folders"] >= 4
    assert row["drift"] == row["behind"] == row["unreadable"] == 0


def test_it_says_nothing_off_a_terminal_when_all_is_well_and_one_line_when_asked_by_name(acc_site: Site) -> None:
    assert acc_site.home.run("verify") == Ended(0, "", "")
    ended = acc_site.home.run("verify", "--endpoint", "P")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("P: no drift; compared 8 of 8 live files, 2 of 2 deleted files, ")
    assert ended.err.count("\n") == 1


def test_verifying_writes_nothing_also_when_something_drifted(acc_site: Site) -> None:
    corrupt(acc_site.home, "files", acc_site.files[0], "file_size", 77)
    before = {
        table: acc_site.home.query(f"SELECT * FROM {table}")
        for table in ("files", "folders", "changes", "sync_logs", "sync_state", "scheduler", "candidates", "endpoints")
    }
    verify(acc_site.home, "--all", code=1)
    assert before == {table: acc_site.home.query(f"SELECT * FROM {table}") for table in before}


def test_a_members_deep_folders_and_a_folder_of_a_project_have_no_differences(acc: Acc, acc_site: Site) -> None:
    """Folders above what a member may open are known by name only, and cannot be looked up."""
    user = acc.service.add_user("Ann")
    acc.service.add_member(acc.project, user, [acc_site.folders[2], acc_site.folders[3]])
    acc.home.configure(
        {"name": "member", "endpoint_details": {"project_id": acc.project, "act_as_user": user}},
        {"name": "folder", "endpoint_details": {"project_id": acc.project, "folder_id": acc_site.folders[1]}},
    )
    report = acc.home.start(SyncOptions(names=("member", "folder"), accept_identity=True))
    assert [outcome.status for outcome in report.outcomes] == ["success", "success"]
    document = verify(acc.home, "--all", code=0)
    assert document["differences"] == []
    assert {row["endpoint"]: row["files_checked"] for row in document["endpoints"]} == {"member": 4, "folder": 4}


def test_googles_own_documents_shortcuts_odd_names_and_what_is_shared_have_no_differences(drive: Drive) -> None:
    state = drive.service.state
    state.add_user("ann@example.com")
    shared = state.add_folder(state.root_of("ann@example.com"), "from Ann")
    loose = state.add_file(state.root_of("ann@example.com"), "loose.pdf", 3)
    state.share_with(shared, READER)
    state.share_with(loose, READER)
    mine = state.add_folder(state.root_of(READER), "a / b")
    for folder in (shared, mine):
        state.add_native(folder, "minutes", "spreadsheet")
        state.add_shortcut(folder, "link", loose)
        for name in ("same.pdf", "same.pdf", "line\nbreak.txt", ".hidden", "\u202egnp.exe"):
            state.add_file(folder, name, 5)
    drive.home.configure({"name": "D", "endpoint_details": {"shared_with_me": True}})
    drive.settle()
    drive.home.sync()
    document = verify(drive.home, "--all", code=0)
    assert document["differences"] == []
    assert document["endpoints"][0]["files_checked"] == 15
    corrupt(drive.home, "files", loose, "parent_external_id", mine)
    assert named(verify(drive.home, "--all")) == {(loose, "parent_external_id", "drift")}
    assert_mended(drive.home)


# --- check the checker ----------------------------------------------------------------------


def test_every_column_of_a_file_that_is_written_over_is_named_and_mended(wide_site: Site) -> None:
    home, rows = wide_site.home, wide_site.home.files()
    for how in ("another value", "null"):
        broken: set[tuple[str, str, str]] = set()
        for id_, column in zip(wide_site.files, TRACKED, strict=True):
            if how == "null" and (rows[id_][column] is None or column in {"file_name", "file_path"}):
                continue
            corrupt(home, "files", id_, column, None if how == "null" else another(column, rows[id_][column]))
            broken.add((id_, "deleted_reason" if column == "deleted_at" else column, "drift"))
        assert len(broken) == len(TRACKED) or how == "null"
        assert len(broken) > 8
        assert named(verify(home, "--all")) == broken
        assert_mended(home)
        assert {id_: comparable(row) for id_, row in home.files().items()} == {
            id_: comparable(row) for id_, row in rows.items()
        }


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


def test_every_column_of_a_folder_that_is_written_over_is_named_and_mended(wide_site: Site) -> None:
    paths, folders = wide_site.home.paths(), folder_rows(wide_site.home)
    broken: set[tuple[str, str, str]] = set()
    for id_, column in zip(wide_site.folders[3:], [*FOLDER_COLUMNS, "folder_path"], strict=True):
        last = len(broken) == len(FOLDER_COLUMNS)  # a path that is lost, not another
        corrupt(wide_site.home, "folders", id_, column, None if last else another(column, folders[id_][column]))
        broken.add((id_, column, "drift"))
    found = named(verify(wide_site.home, "--all"))
    assert {each for each in found if each[0] in wide_site.folders} == broken
    in_lost_ones = {id_ for number, id_ in enumerate(wide_site.files) if number % len(wide_site.folders) in (7, 8)}
    assert not in_lost_ones & {id_ for id_, _, _ in found}  # they are where they were, whatever their folder's row says
    assert_mended(wide_site.home)
    assert wide_site.home.paths() == paths
    assert folder_rows(wide_site.home) == folders


def folder_rows(home: Home) -> dict[str, dict[str, Any]]:
    columns = ("external_folder_id", *FOLDER_COLUMNS)
    rows = home.query(f"SELECT {', '.join(columns)} FROM folders")
    return {row["external_folder_id"]: row for row in rows}


def test_a_row_that_was_never_synced_is_named_and_taken_away(site: Site) -> None:
    made_up = site.files[0][:-4] + "Nope"
    columns = ", ".join(("endpoint_id", *TRACKED, "first_seen_at", "changed_at"))
    write(
        site.home,
        f"INSERT INTO files (external_file_id, {columns}) SELECT ?, {columns} FROM files WHERE external_file_id = ?",
        made_up,
        site.files[0],
    )
    assert named(verify(site.home, "--all")) == {(made_up, "deleted_reason", "drift")}
    assert_mended(site.home)
    assert made_up not in site.home.files()
    assert [change["kind"] for change in site.home.changes() if change["external_file_id"] == made_up] == [
        "created",
        "deleted",
    ]


def test_a_live_file_that_is_marked_deleted_is_named_and_back_after_the_repair(site: Site) -> None:
    seq = site.home.last_seq()
    for column, value in (("deleted_at", "2026-01-01T00:00:00.000Z"), ("deleted_reason", "trashed")):
        corrupt(site.home, "files", site.files[3], column, value)
    document = verify(site.home, "--all")
    assert named(document) == {(site.files[3], "deleted_reason", "drift")}
    (row,) = document["differences"]
    assert (row["inventory"], row["service"], row["contradicts_feed"]) == ("trashed", None, True)
    assert all(f"`{field}`" in section(COMMANDS, "filesync verify") for field in row)
    lines = site.home.run("verify", "--all", "--jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == [row]
    assert_mended(site.home)
    assert site.files[3] in site.home.files()
    assert site.home.changes(seq) == []  # the feed never said that it was gone


def test_a_live_file_is_counted_once_when_the_feed_no_longer_knows_that_it_was_live(acc_site: Site) -> None:
    write(acc_site.home, "DELETE FROM changes WHERE external_file_id = ?", acc_site.files[3])
    write(acc_site.home, "UPDATE retention SET floor_seq = 1, floor_at = '2026-01-01T00:00:00.000Z'")
    for column, value in (("deleted_at", "2026-01-01T00:00:00.000Z"), ("deleted_reason", "trashed")):
        corrupt(acc_site.home, "files", acc_site.files[3], column, value)
    assert named(verify(acc_site.home, "--all", "--repair")) == {(acc_site.files[3], "deleted_reason", "drift")}
    assert named(verify(acc_site.home, "--all")) == set()
    assert acc_site.home.query("SELECT live_files FROM sync_state") == [{"live_files": len(acc_site.home.files())}]


def test_a_deleted_file_that_is_marked_live_is_named_and_gone_after_the_repair(site: Site) -> None:
    for id_ in (site.trashed, site.removed):
        write(site.home, "UPDATE files SET deleted_at = NULL, deleted_reason = NULL WHERE external_file_id = ?", id_)
    document = verify(site.home, "--all")
    assert {(row["external_id"], row["service"]) for row in document["differences"]} == {
        (site.trashed, "trashed"),
        (site.removed, "removed"),
    }
    assert_mended(site.home)
    assert not site.home.files().keys() & {site.trashed, site.removed}


# --- what is no drift -----------------------------------------------------------------------


def test_what_people_did_in_acc_since_the_last_sync_is_behind(acc: Acc, acc_site: Site) -> None:
    service, files = acc.service, acc_site.files
    service.add_version(files[0], 99)
    service.rename_file(files[1], "new name.pdf")
    service.move_file(files[2], service.add_folder(acc.top, "unknown yet"))
    service.hide_file(files[3])
    service.rename_folder(acc_site.folders[1], "Older than old")
    service.move_folder(acc_site.folders[3], acc.top)
    service.restore_file(acc_site.trashed)
    service.add_file(acc.top, "new.pdf", 1)
    acc.settle()
    document = verify(acc.home, "--all", code=0)
    assert {row["verdict"] for row in document["differences"]} == {"behind"}
    changed = {*files[:4], acc_site.trashed, acc_site.folders[1], acc_site.folders[3]}
    assert {row["external_id"] for row in document["differences"]} == changed
    acc.home.sync(full=True)
    assert named(verify(acc.home, "--all")) == set()


def test_what_a_restored_acc_folder_brings_back_is_behind(acc: Acc, acc_site: Site) -> None:
    acc.service.hide_folder(acc_site.folders[1])
    acc.settle()
    acc.home.sync(full=True)
    acc.service.clock.advance(3600)
    acc.home.sync(full=True)
    acc.service.clock.advance(600)
    acc.service.restore_folder(acc_site.folders[1])
    acc.settle()
    document = verify(acc.home, "--all", code=0)
    assert {row["verdict"] for row in document["differences"]} == {"behind"}
    assert len(document["differences"]) == 6


def test_what_people_did_in_drive_since_the_last_sync_is_behind(drive: Drive, drive_site: Site) -> None:
    state, files = drive.service.state, drive_site.files
    state.new_revision(files[0], 99)
    state.rename(files[1], "new name.pdf")
    state.move(files[2], state.add_folder(drive.shared, "unknown yet"))
    state.trash(files[3])
    state.delete(files[4])
    state.untrash(drive_site.trashed)
    state.rename(drive_site.folders[1], "Older than old")
    state.move(drive_site.folders[3], drive.shared)
    drive.settle()
    document = verify(drive.home, "--all", code=0)
    assert {row["verdict"] for row in document["differences"]} == {"behind"}
    changed = {*files[:5], drive_site.trashed, drive_site.folders[1], drive_site.folders[3]}
    assert {row["external_id"] for row in document["differences"]} == changed
    drive.home.sync()
    assert named(verify(drive.home, "--all")) == set()


def test_drift_is_drift_also_amid_changes(site: Site) -> None:
    corrupt(site.home, "files", site.files[0], "file_size", 77)
    if site.home.acc:
        site.home.acc.add_version(site.files[0], 99)
        site.home.acc.add_version(site.files[1], 99)
    elif site.home.drive:
        site.home.drive.state.new_revision(site.files[0], 99)
        site.home.drive.state.new_revision(site.files[1], 99)
    site.home.clock.wait(site.home.stop.event, 60)
    verdicts = {(id_, verdict) for id_, _, verdict in named(verify(site.home, "--all"))}
    assert verdicts == {(site.files[0], "drift"), (site.files[1], "behind")}


def test_a_row_that_the_feed_agrees_with_drifted_when_nothing_changed_since(acc: Acc, acc_site: Site) -> None:
    """As a mistake of ours would leave it: row and feed say the same, and the service never said that."""
    file = acc.service.add_file(acc.top, "uppermost.pdf", 1)
    acc.service.clock.advance(3600)
    acc.home.sync(full=True)
    acc.service.clock.advance(5.5 * 3600)  # so that its folder is the next to be read again, which would mend it
    corrupt(acc.home, "files", file, "file_size", 77)
    write(
        acc.home,
        "UPDATE changes SET after = json_set(after, '$.file_size', 77) WHERE external_file_id = ?",
        file,
    )
    (row,) = verify(acc.home, "--all", code=1)["differences"]
    assert (row["verdict"], row["contradicts_feed"], row["inventory"], row["service"]) == ("drift", False, 77, 1)
    seq = acc.home.last_seq()
    assert_mended(acc.home)
    (told,) = acc.home.changes(seq)
    assert (told["kind"], json.loads(told["after"])) == ("modified", {"file_size": 1})


def test_facts_of_acc_that_change_without_a_trace_are_behind(acc: Acc, acc_site: Site) -> None:
    for table, column in (("files", "extra"), ("changes", "after")):
        path = "$.extra" if table == "changes" else "$"
        value = '{"process_state":"PENDING"}'
        sql = f"json_set({column}, '{path}', '{value}')" if table == "changes" else f"'{value}'"
        write(acc.home, f"UPDATE {table} SET {column} = {sql} WHERE external_file_id = ?", acc_site.files[0])
    assert named(verify(acc.home, "--all", code=0)) == {(acc_site.files[0], "extra", "behind")}


def test_what_the_mass_delete_guard_holds_back_is_behind(acc: Acc, acc_site: Site) -> None:
    for number in range(12):
        acc.service.add_file(acc.top, f"more {number}.pdf", 1)
    acc.settle()
    acc.home.sync()
    for id_ in acc.home.files():
        acc.service.hide_file(id_)
    acc.service.clock.advance(3600)
    assert acc.home.sync(full=True).error_type == "mass_delete"
    acc.settle()
    assert verify(acc.home, "--all", code=0)["endpoints"][0]["behind"] == 20


def test_what_lies_below_a_folder_that_cannot_be_read_is_no_drift(acc: Acc, acc_site: Site) -> None:
    acc.service.revoke_access(acc_site.folders[1])
    acc.settle()
    document = verify(acc.home, "--all", code=0)
    assert {row["verdict"] for row in document["differences"]} == {"unreadable"}
    assert acc_site.folders[1] in {row["external_id"] for row in document["differences"]}
    acc.home.sync(full=True)
    document = verify(acc.home, "--all", code=0)
    assert document["endpoints"][0]["unreadable"] == 6


def test_a_filter_that_changed_since_the_last_sync_is_no_drift(acc: Acc, acc_site: Site) -> None:
    details = {"project_id": acc.project, "exclude": ["**/[12].pdf"]}
    acc.home.configure({"name": "P", "endpoint_details": details})
    document = verify(acc.home, "--all", code=0)
    assert document["endpoints"][0]["behind"] == 2
    acc.home.sync()
    assert named(verify(acc.home, "--all")) == set()
    outside = acc_site.files[1]
    write(acc.home, "UPDATE files SET deleted_at = NULL, deleted_reason = NULL WHERE external_file_id = ?", outside)
    assert named(verify(acc.home, "--all")) == {(outside, "deleted_reason", "drift")}
    assert_mended(acc.home)


# --- what cannot be dated, and what goes wrong ----------------------------------------------


def test_a_file_wrongly_withheld_by_the_filters_is_named_and_shown_after_the_repair(acc: Acc, acc_site: Site) -> None:
    home, file = acc_site.home, acc_site.files[0]
    columns = ", ".join(name for name in TRACKED if name not in {"file_path", "deleted_at", "deleted_reason"})
    with sqlite3.connect(home.database) as connection:
        connection.execute(
            f"""INSERT INTO withheld_files (endpoint_id, external_file_id, {columns})
                SELECT endpoint_id, external_file_id, {columns} FROM files WHERE external_file_id = ?""",
            (file,),
        )
        connection.execute("DELETE FROM changes WHERE external_file_id = ?", (file,))
        connection.execute("DELETE FROM files WHERE external_file_id = ?", (file,))
        connection.execute("UPDATE sync_state SET live_files = live_files - 1")
    connection.close()
    assert named(verify(home, code=1)) == {(file, "file_path", "drift")}
    assert [each["repaired"] for each in verify(home, "--repair")["differences"]] == [True]
    assert file in home.files()
    assert named(verify(home, "--all")) == set()
    home.assert_sound()


def test_access_lost_to_one_acc_file_has_no_time_and_counts_as_drift_until_it_is_repaired(
    acc: Acc, acc_site: Site
) -> None:
    acc.service.revoke_access(acc_site.files[0])
    assert named(verify(acc.home, "--all")) == {(acc_site.files[0], "deleted_reason", "drift")}
    assert_mended(acc.home)
    rows = acc.home.query("SELECT * FROM files WHERE external_file_id = ?", acc_site.files[0])
    assert rows[0]["deleted_reason"] == "access_lost"


def test_access_lost_in_drive_is_in_its_log_and_so_behind(drive: Drive, drive_site: Site) -> None:
    drive.service.state.delete(drive_site.files[0])
    assert named(verify(drive.home, "--all")) == {(drive_site.files[0], "deleted_reason", "behind")}


def test_refusals_that_pass_are_waited_out(site: Site) -> None:
    corrupt(site.home, "files", site.files[0], "file_size", 77)
    site.service.faults.fail(faults.status(500), nth=1)
    site.service.faults.fail(faults.too_many(3.0), nth=2)
    site.service.faults.fail(faults.DROP, nth=6)
    assert named(verify(site.home, "--all")) == {(site.files[0], "file_size", "drift")}
    assert len(site.service.faults.struck) == 3


def test_a_service_that_is_down_is_temporary_and_proves_nothing(acc_site: Site) -> None:
    acc_site.service.faults.fail(faults.status(503), times=None)
    document = verify(acc_site.home, code=75)
    (row,) = document["endpoints"]
    assert (row["error_type"], row["drift"], row["files_checked"]) == ("service_down", 0, 0)
    ended = acc_site.home.run("verify")
    assert (ended.code, ended.out) == (75, "")
    assert ": not verified: " in ended.err


def test_another_login_than_the_rows_were_read_with_verifies_nothing(acc: Acc, acc_site: Site) -> None:
    write(acc.home, "UPDATE sync_state SET identity = json_set(identity, '$.client', 'somebody-else')")
    document = verify(acc.home, "--all", code=77)
    assert document["endpoints"][0]["error_type"] == "login"


def test_of_several_endpoints_the_first_code_that_applies_counts(acc: Acc, acc_site: Site) -> None:
    other = acc.service.add_project(acc.hub)
    acc.home.configure(
        {"name": "P", "endpoint_details": {"project_id": acc.project}},
        {"name": "Q", "endpoint_details": {"project_id": other}},
        {"name": "never", "endpoint_details": {"project_id": "b.0"}, "is_active": False},
    )
    acc.home.start()
    acc.home.sync("Q")
    corrupt(acc.home, "files", acc_site.files[0], "file_size", 77)
    acc.service.faults.fail(faults.status(503), times=None, path_contains=other)
    document = verify(acc.home, "--all", code=1)
    assert [(row["endpoint"], row["error_type"]) for row in document["endpoints"]] == [
        ("P", None),
        ("Q", "service_down"),
    ]


def test_an_endpoint_that_was_never_synced_is_skipped_and_says_so(acc: Acc) -> None:
    assert acc.home.run("verify").code == 1  # there is no database
    acc.service.add_file(acc.top, "a.pdf", 1)
    acc.home.sync(max_files=1)
    ended = acc.home.run("verify")
    assert ended == Ended(0, "", "P: not verified: its first sync has not ended yet\n")


def test_wrong_usage_is_refused(acc: Acc, acc_site: Site) -> None:
    for sample in ("0", "101%", "x%", "nan%", "-1", "1.5", ""):
        assert acc.home.run("verify", "--sample", sample).code == 2, sample
    for options in (("--all", "--sample", "2%"), ("--json", "--jsonl"), ("--endpoint", "Q")):
        assert acc.home.run("verify", *options).code == 2, options
    assert acc.service.count() == 0


def test_a_repair_waits_for_a_sync_that_runs_and_gives_up_after_ten_minutes(acc: Acc, acc_site: Site) -> None:
    corrupt(acc.home, "files", acc_site.files[0], "file_size", 77)
    lock = EndpointLocks(acc.home.database, 5).endpoint(1)
    assert lock.acquire(blocking=False)
    try:
        before = acc.service.clock.now()
        document = verify(acc.home, "--all", "--repair", code=1)
    finally:
        lock.release()
    assert document["endpoints"][0]["error_type"] == "temporary"
    assert acc.service.clock.now() - before >= timedelta(minutes=10)
    assert document["differences"][0]["repaired"] is None


def test_a_repair_keeps_other_endpoints_active(acc: Acc, acc_site: Site) -> None:
    acc.home.configure(
        {"name": "P", "endpoint_details": {"project_id": acc.project}},
        {"name": "Q", "endpoint_details": {"project_id": acc.service.add_project(acc.hub)}},
    )
    acc.home.start()
    corrupt(acc.home, "files", acc_site.files[0], "file_size", 77)
    verify(acc.home, "--endpoint", "P", "--all", "--repair", code=1)
    assert [row["is_active"] for row in acc.home.query("SELECT is_active FROM endpoints")] == [1, 1]


def test_a_signal_ends_it_while_the_service_does_not_answer(acc: Acc, acc_site: Site) -> None:
    acc.service.faults.fail(faults.hang(), times=None)
    process = acc.home.spawn("verify", "--all")
    while not acc.service.faults.struck and process.poll() is None:
        acc.home.clock.wait(acc.home.stop.event, 0)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)  # a request that hangs is given up after a minute
    assert process.returncode == 143, err
    assert "Traceback" not in err


# --- samples and costs ----------------------------------------------------------------------


def drawn(home: Home, seed: int, share: Share) -> list[int]:
    database = open_for_reading(home.database)
    try:
        rows = Verification(database, 1, Selection(), home.clock.now(), stamped=True)
        fraction, least = share.of(RowKind.LIVE, rows.count(RowKind.LIVE))
        return rows.draw(RowKind.LIVE, fraction, least, Random(seed).sample)[0]
    finally:
        database.close()


def test_a_sample_has_its_size_follows_its_seed_and_reaches_every_row(acc: Acc) -> None:
    for number in range(60):
        acc.service.add_file(acc.top, f"{number}.pdf", 1)
    acc.settle()
    acc.home.sync()
    shares = {Share(): 20, Share(0.5): 30, Share(count=7): 7, Share(count=99): 60, EVERYTHING: 60}
    assert {share: len(drawn(acc.home, 1, share)) for share in shares} == shares
    assert drawn(acc.home, 1, Share()) == drawn(acc.home, 1, Share()) != drawn(acc.home, 2, Share())
    assert {row for seed in range(40) for row in drawn(acc.home, seed, Share())} == set(drawn(acc.home, 1, EVERYTHING))


def test_acc_files_cost_a_request_for_fifty_and_drive_files_one_each(site: Site) -> None:
    (row,) = verify(site.home, "--all")["endpoints"]
    folders = row["folders_checked"]
    if site.home.acc:
        # the live ones; folders; the deleted: refused, then one by one; and what this login may read, found and asked
        assert row["api_requests"] == 1 + folders + 3 + 2
        assert site.home.acc.count() == row["api_requests"]
    elif site.home.drive:
        assert row["api_requests"] == 10 + folders + 1  # the root, before a refusal counts
