"""One odd entry of Drive's costs no other file anything, at the wire and in the database."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from filesync.simulators import faults
from tests.support.homes import Drive
from tests.support.truth import assert_drive_truth

Alter = Callable[[dict[str, Any]], dict[str, Any]]
OF_FILES = "mimeType+%21%3D"
SCOPES = ("drive", "folder")


def without(*names: str) -> Alter:
    return lambda file: {name: value for name, value in file.items() if name not in names}


def with_(**facts: Any) -> Alter:
    return lambda file: {**file, **facts}


# What is done to one of three files, and what its row says then.
ODD: Mapping[str, tuple[Alter, Mapping[str, Any]]] = {
    "a leap second": (with_(modifiedTime="2016-12-31T23:59:60.000Z"), {"updated_at": "2017-01-01T00:00:00.000Z"}),
    "the year 10000": (with_(modifiedTime="10000-01-01T00:00:00.000Z"), {"updated_at": None}),
    "no zone": (with_(createdTime="2026-01-01T00:00:00"), {"created_at": None}),
    "a negative size": (with_(size="-1"), {"file_size": None}),
    "a size beyond 64 bits": (with_(size=str(2**64)), {"file_size": None}),
    "a size that is a number": (with_(size=77), {"file_size": 77}),
    "no name": (without("name"), {}),
    "nulls": (with_(owners=None, lastModifyingUser=None, mimeType=None), {"modified_by": None, "mime_type": None}),
    "other types": (with_(headRevisionId=5, capabilities=[], shortcutDetails="x"), {"version": None}),
}
# What leaves the identity or the place of one of three files open.
LOST: Mapping[str, Alter] = {
    "no id": without("id"),
    "an id that is a number": with_(id=5),
    "an id with NUL": with_(id="a\0b"),
    "parents that are none": with_(parents=[5]),
    "trashed in words": with_(trashed="no"),
    "no object": lambda _: "nothing",  # type: ignore[dict-item,return-value]
}


def in_answers(file_id: str, alter: Alter) -> Callable[[Any], Any]:
    """Alter one file wherever an answer shows it."""

    def changed(facts: Any) -> Any:
        return alter(facts) if isinstance(facts, dict) and facts.get("id") == file_id else facts

    def alter_answer(answer: Any) -> Any:
        if "files" in answer:
            return {**answer, "files": [changed(file) for file in answer["files"]]}
        if "changes" in answer:
            return {**answer, "changes": [{**each, "file": changed(each.get("file"))} for each in answer["changes"]]}
        return changed(answer)

    return alter_answer


def three_files(drive: Drive, scope: str) -> tuple[str, list[str]]:
    """Make the endpoint a drive, or a folder of it, with three files in two folders; give its id and theirs."""
    state = drive.service.state
    top = drive.shared
    if scope == "folder":
        top = state.add_folder(drive.shared, "Top")
        drive.home.configure({"name": "D", "endpoint_details": {"drive_id": drive.shared, "folder_id": top}})
    plans = state.add_folder(top, "Plans")
    files = [state.add_file(plans, "odd.pdf", 5), state.add_file(plans, "a.pdf", 5), state.add_file(top, "b.pdf", 5)]
    drive.settle()
    return top, files


def be_odd(drive: Drive, alters: Mapping[str, Alter]) -> None:
    def alter_all(answer: Any) -> Any:
        for file_id, alter in alters.items():
            answer = in_answers(file_id, alter)(answer)
        return answer

    for route in ("files.list", "changes.list", "files.get"):
        drive.service.faults.fail(faults.altered(alter_all), route=route, times=None)


@pytest.mark.parametrize("scope", SCOPES)
def test_files_with_something_odd_are_there_without_it_and_so_are_all_others(drive: Drive, scope: str) -> None:
    top, (_, a, b) = three_files(drive, scope)
    odd = {name: drive.service.state.add_file(top, f"{name}.pdf", 5) for name in ODD}
    told = {odd[name] for name in ODD if name not in {"a leap second", "a size that is a number"}}  # these say it well
    drive.settle()
    be_odd(drive, {file_id: ODD[name][0] for name, file_id in odd.items()})
    assert drive.home.sync().status == "success"
    assert {*odd.values(), a, b} < drive.home.files().keys()
    for name, (_, expected) in ODD.items():
        row = drive.home.files()[odd[name]]
        assert row["file_path"] == ("/" + (odd[name] if name == "no name" else f"{name}.pdf"))
        assert {column: row[column] for column in expected} == expected, name
    for file_id in odd.values():
        drive.service.state.new_revision(file_id, 6)  # so that the log shows it, too
    drive.service.state.trash(a)
    drive.settle()
    assert drive.home.sync().status == "success"
    assert {*odd.values(), b} < drive.home.files().keys()
    assert a not in drive.home.files()
    assert drive.home.sync(full=True).status == "success"
    assert {row["external_id"] for row in drive.home.query("SELECT external_id FROM odd_entries")} == told
    drive.service.faults.clear()
    assert drive.home.sync(full=True).status == "success"
    assert_drive_truth(drive.home, top)
    assert not drive.home.query("SELECT external_id FROM odd_entries")


@pytest.mark.parametrize(("name", "scope"), [*((name, "drive") for name in LOST), ("no id", "folder")])
def test_an_entry_that_cannot_be_told_or_placed_makes_the_listing_partial_and_removes_nothing(
    drive: Drive, name: str, scope: str
) -> None:
    top, (odd, a, b) = three_files(drive, scope)
    assert drive.home.sync().status == "success"
    drive.service.faults.fail(faults.altered(in_answers(odd, LOST[name])), route="files.list", times=None)
    drive.service.state.new_revision(b, 9)
    drive.settle()
    outcome = drive.home.sync(full=True)
    assert (outcome.status, outcome.error_type) == ("partial", "unreadable")
    assert "without a sound id or place" in str(outcome.error_message)
    assert drive.home.files().keys() == {odd, a, b}
    assert drive.home.files()[b]["file_size"] == 9
    drive.service.faults.clear()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)


CHANGES: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "no id": lambda _: {"changeType": "file", "removed": False},
    "removed, but what": lambda _: {"changeType": "file", "removed": True},
    "no file": lambda change: {**change, "file": None},
    "trashed in words": lambda change: {**change, "file": {**change["file"], "trashed": "no"}},
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_cannot_be_read_is_made_up_for_by_a_full_listing(drive: Drive, name: str, scope: str) -> None:
    top, (odd, a, _) = three_files(drive, scope)
    assert drive.home.sync().status == "success"
    drive.service.state.rename(odd, "renamed.pdf")
    drive.service.state.rename(a, "renamed, too.pdf")

    def alter(answer: Any) -> Any:
        changes = [CHANGES[name](each) if each["fileId"] == odd else each for each in answer["changes"]]
        return {**answer, "changes": changes}

    drive.service.faults.fail(faults.altered(alter), route="changes.list")
    drive.settle()
    outcome = drive.home.sync()
    assert outcome.status in {"partial", "success"}  # the folder's endpoint reads the root again at once
    assert drive.home.files()[a]["file_name"] == "renamed, too.pdf"
    assert len(drive.home.files()) == 3
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_folder_whose_type_is_not_told_stays_a_folder(drive: Drive, scope: str) -> None:
    top, _ = three_files(drive, scope)
    (plans,) = (item.id for item in drive.service.state.items.values() if item.name == "Plans")
    if scope == "folder":
        drive.home.sync()  # in a folder's listing nothing tells what it is, so that it must have been seen before
    be_odd(drive, dict.fromkeys((plans, top), with_(mimeType=None)))
    assert drive.home.sync(full=True).status == "success"
    assert_drive_truth(drive.home, top)
    drive.service.state.rename(plans, "Drawings")
    drive.settle()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, top)
    assert drive.home.run("verify", "--all").code == 0


@pytest.mark.parametrize("name", ["trashed in words", "parents that are none", "an id that is a number"])
def test_a_look_up_whose_answer_cannot_be_placed_decides_nothing(drive: Drive, name: str) -> None:
    top, files = three_files(drive, "drive")
    drive.home.sync()

    def forgetful(answer: Any) -> Any:
        return {**answer, "files": [file for file in answer["files"] if file["id"] != files[0]]}

    drive.service.faults.fail(faults.altered(forgetful), route="files.list", path_contains=OF_FILES, times=None)
    alter = in_answers(files[0], LOST[name])
    drive.service.faults.fail(faults.altered(alter), route="files.get", path_contains=files[0], times=None)
    assert drive.home.sync(full=True).status == "failed"
    ended = drive.home.run("verify", "--all", "--repair")
    assert ended.code == 3
    drive.service.faults.clear()
    assert drive.home.sync(full=True).status == "success"
    assert_drive_truth(drive.home, top)
