"""The simulated Drive's change logs, and its oracle."""

from typing import Any

import pytest

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.trees import grow
from tests.support.drive_client import ANNA, BEN, DRIVES, Client


class Feed:
    """A log, followed from now on."""

    def __init__(self, client: Client, **scope: str) -> None:
        self.client = client
        self.scope = scope
        start = {name: value for name, value in scope.items() if name in ("driveId", "supportsAllDrives")}
        self.token = client.get("changes/startPageToken", **start)["startPageToken"]

    def read(self, **query: Any) -> list[dict[str, Any]]:
        """Read to the end and remember where that is."""
        changes = []
        while True:
            page = self.client.get("changes", pageToken=self.token, fields="*", **self.scope, **query)
            assert ("nextPageToken" in page) != ("newStartPageToken" in page)
            changes += page["changes"]
            self.token = page.get("nextPageToken") or page["newStartPageToken"]
            if "newStartPageToken" in page:
                return changes

    def brief(self, **query: Any) -> list[tuple[str, str | bool]]:
        """Tell of each change the id and what became of it: its name, or True for removed."""
        return [(change["fileId"], change["removed"] or change["file"]["name"]) for change in self.read(**query)]


def paths(drive: GoogleDrive, viewer: str, scope: str, *, strays: bool = False) -> list[str]:
    return [row["path"] for row in drive.truth(viewer, scope, strays=strays)]


def test_no_changes_leave_the_token_as_it_is(anna: Client) -> None:
    feed = Feed(anna)
    before = feed.token
    assert before.isdecimal()
    assert feed.read() == []
    assert feed.token == before


def test_a_change_tells_how_things_are_now(drive: GoogleDrive, root: str, anna: Client) -> None:
    feed = Feed(anna)
    file = drive.state.add_file(root, "a")
    drive.state.rename(file, "b")
    (change,) = feed.read()
    assert (change["kind"], change["changeType"], change["fileId"]) == ("drive#change", "file", file)
    assert (change["removed"], change["file"]["name"], change["file"]["parents"]) == (False, "b", [root])
    assert feed.read() == []


def test_only_the_latest_entry_of_an_item_is_left(drive: GoogleDrive, root: str, anna: Client) -> None:
    feed = Feed(anna)
    one, two = drive.state.add_file(root, "one"), drive.state.add_file(root, "two")
    drive.state.rename(one, "first")
    assert feed.brief() == [(two, "two"), (one, "first")]


def test_numbers_skip_and_pages_are_as_long_as_asked(drive: GoogleDrive, root: str, anna: Client) -> None:
    feed = Feed(anna)
    start = int(feed.token)
    files = [drive.state.add_file(root, str(number)) for number in range(5)]
    page = anna.get("changes", pageToken=feed.token, pageSize=2, fields="*")
    assert len(page["changes"]) == 2
    assert int(page["nextPageToken"]) > start + 2
    assert [file for file, _ in feed.brief(pageSize=2)] == files
    assert int(feed.token) > start + 5


def test_a_page_of_changes_with_parents_has_460_at_most(drive: GoogleDrive, root: str, anna: Client) -> None:
    feed = Feed(anna)
    for number in range(461):
        drive.state.add_file(root, str(number))
    fields = "nextPageToken,changes(fileId,file(parents))"
    page = anna.get("changes", pageToken=feed.token, pageSize=1000, fields=fields)
    assert len(page["changes"]) == 460
    assert len(anna.get("changes", pageToken=page["nextPageToken"], fields=fields)["changes"]) == 1


def test_without_fields_a_change_is_brief(drive: GoogleDrive, root: str, anna: Client) -> None:
    feed = Feed(anna)
    drive.state.add_file(root, "a")
    page = anna.get("changes", pageToken=feed.token)
    assert page["kind"] == "drive#changeList"
    assert page["changes"][0]["file"].keys() == {"kind", "id", "name", "mimeType"}
    assert "newStartPageToken" in page


@pytest.mark.parametrize("event", ["rename", "move", "trash", "untrash", "delete", "share_with"])
def test_what_happens_to_a_folder_is_one_entry(
    drive: GoogleDrive, root: str, anna: Client, ben: Client, event: str
) -> None:
    elsewhere = drive.state.add_folder(root, "elsewhere")
    folder = drive.state.add_folder(root, "folder")
    drive.state.add_file(drive.state.add_folder(folder, "deep"), "a")
    feed, bens = Feed(anna), Feed(ben)
    about = {"rename": ["new"], "move": [elsewhere], "share_with": [BEN]}.get(event, [])
    getattr(drive.state, event)(folder, *about)
    assert [file for file, _ in feed.brief()] == [folder]
    assert [file for file, _ in bens.brief()] == ([folder] if event == "share_with" else [])


def test_descendants_may_be_told_of(clock: SimulatedClock) -> None:
    with GoogleDrive(clock, descendant_entries=True) as drive:
        root = drive.state.add_user(ANNA).root_id
        folder = drive.state.add_folder(root, "folder")
        file = drive.state.add_file(folder, "a")
        anna = Client(drive, ANNA)
        feed = Feed(anna)
        drive.state.trash(folder)
        assert [change["file"]["trashed"] for change in feed.read()] == [True, True]
        drive.state.rename(folder, "new")
        assert feed.brief() == [(folder, "new")]
        drive.state.delete(folder)
        assert sorted(feed.brief()) == sorted([(folder, True), (file, True)])
        anna.session.close()


def test_trash_is_told_with_the_file_and_deletion_without(drive: GoogleDrive, root: str, anna: Client) -> None:
    folder = drive.state.add_folder(root, "folder")
    file = drive.state.add_file(folder, "a")
    feed = Feed(anna)
    drive.state.trash(folder)
    (change,) = feed.read()
    assert (change["removed"], change["file"]["trashed"], change["file"]["explicitlyTrashed"]) == (False, True, True)
    flags = anna.get(f"files/{file}", fields="trashed,explicitlyTrashed")
    assert flags == {"trashed": True, "explicitlyTrashed": False}
    drive.state.delete(folder)
    (change,) = feed.read()
    assert (change["fileId"], change["removed"]) == (folder, True)
    assert "file" not in change
    assert anna.refusal(f"files/{file}")[0] == 404


def test_removals_can_be_left_out(drive: GoogleDrive, root: str, anna: Client) -> None:
    file = drive.state.add_file(root, "a")
    feed = Feed(anna)
    drive.state.delete(file)
    assert feed.read(includeRemoved="false") == []


def test_lost_access_is_a_removal(drive: GoogleDrive, root: str, anna: Client, ben: Client) -> None:
    folder = drive.state.add_folder(root, "folder")
    drive.state.add_file(folder, "a")
    drive.state.share_with(folder, BEN)
    feed, annas = Feed(ben), Feed(anna)
    drive.state.unshare(folder, BEN)
    assert feed.brief() == [(folder, True)]
    assert annas.brief() == [(folder, "folder")]


def test_my_drive_can_be_followed_alone(drive: GoogleDrive, root: str, anna: Client, ben: Client) -> None:
    feed, bens = Feed(anna), Feed(ben)
    file = drive.state.add_file(root, "a")
    drive.state.share_with(file, BEN)
    gone = drive.state.add_file(root, "gone")
    drive.state.delete(gone)
    assert bens.read(restrictToMyDrive="true") == []
    drive.state.unshare(file, BEN)
    assert bens.read(restrictToMyDrive="true") == []
    assert feed.brief(restrictToMyDrive="true") == [(gone, True), (file, "a")]


def test_a_move_to_a_shared_drive_leaves_one_log_for_another(drive: GoogleDrive, root: str, anna: Client) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    folder = drive.state.add_folder(root, "folder")
    file = drive.state.add_file(folder, "a")
    mine, ours = Feed(anna), Feed(anna, driveId=shared, **DRIVES)
    before = mine.token
    drive.state.move(folder, shared)
    assert mine.brief(restrictToMyDrive="true") == [(folder, True)]
    assert ours.brief() == [(folder, "folder")]
    mine.token = before
    (change,) = mine.read(includeCorpusRemovals="true")
    assert (change["removed"], change["file"]["driveId"]) == (True, shared)
    assert "owners" not in anna.get(f"files/{file}", fields="id,owners", supportsAllDrives="true")
    drive.state.rename(file, "b")
    assert mine.read() == []
    assert ours.brief() == [(file, "b")]


def test_what_moved_to_a_shared_drive_is_nobodys_own(drive: GoogleDrive, root: str, anna: Client) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    folder = drive.state.add_folder(root, "folder")
    file = drive.state.add_file(folder, "a")
    drive.state.move(folder, shared)
    assert anna.names("'me' in owners", corpora="allDrives", **DRIVES) == []
    drive.state.remove_member(shared, ANNA)
    assert anna.refusal(f"files/{file}", supportsAllDrives="true")[0] == 404
    assert anna.names("'me' in owners", corpora="allDrives", **DRIVES) == []


def test_a_move_out_of_a_shared_drive_is_a_removal_there(drive: GoogleDrive, root: str, anna: Client) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    file = drive.state.add_file(shared, "a")
    mine, ours = Feed(anna), Feed(anna, driveId=shared, **DRIVES)
    drive.state.move(file, root)
    assert mine.brief() == [(file, "a")]
    assert ours.brief() == [(file, True)]


def test_the_life_of_a_shared_drive_is_told_in_the_users_log(drive: GoogleDrive, anna: Client, ben: Client) -> None:
    feed = Feed(anna, **DRIVES)
    shared = drive.state.add_drive("Site", BEN)
    assert feed.read() == []
    drive.state.add_member(shared, ANNA)
    drive.state.rename_drive(shared, "Building site")
    (change,) = feed.read()
    assert (change["changeType"], change["driveId"], change["removed"]) == ("drive", shared, False)
    assert change["drive"]["name"] == "Building site"
    drive.state.remove_member(shared, ANNA)
    (change,) = feed.read()
    assert (change["driveId"], change["removed"], "drive" in change) == (shared, True, False)
    refusal = anna.refusal("changes", pageToken="1", driveId=shared, **DRIVES)
    assert refusal == (404, "notFound", "driveId")
    drive.state.delete_drive(shared)
    assert ben.get("drives")["drives"] == []


def test_a_shared_drives_item_shared_with_a_stranger_is_in_the_strangers_log(drive: GoogleDrive, ben: Client) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    file = drive.state.add_file(shared, "a")
    feed, blind = Feed(ben, **DRIVES), Feed(ben)
    drive.state.share_with(file, BEN)
    assert feed.brief() == [(file, "a")]
    assert blind.read() == []


def test_a_drives_log_must_be_asked_for_rightly(drive: GoogleDrive, anna: Client) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    start = "changes/startPageToken"
    assert anna.refusal(start, driveId=shared)[:2] == (403, "teamDriveSupportRequired")
    token = anna.get(start, driveId=shared, supportsAllDrives="true")["startPageToken"]
    refusal = anna.refusal("changes", pageToken=token, driveId=shared, supportsAllDrives="true")
    assert refusal[:2] == (403, "teamDriveIncludeItemsRequired")
    assert anna.refusal("changes", pageToken=token) == (400, "invalid", "pageToken")
    assert anna.refusal("changes") == (400, "required", "pageToken")


@pytest.mark.parametrize("token", ["x", "-1", "1", "9" * 17, "1e3", "9" * 30])
def test_a_bad_change_token_is_refused(anna: Client, token: str) -> None:
    assert anna.refusal("changes", pageToken=token) == (400, "invalid", "pageToken")


@pytest.mark.parametrize(("status", "reason"), [(400, "invalid"), (410, "deleted")])
def test_change_tokens_can_be_killed(drive: GoogleDrive, root: str, anna: Client, status: int, reason: str) -> None:
    feed = Feed(anna)
    drive.dead_token_status = status
    drive.kill_change_tokens()
    assert anna.refusal("changes", pageToken=feed.token) == (status, reason, "pageToken")
    fresh = Feed(anna)
    file = drive.state.add_file(root, "a")
    assert fresh.brief() == [(file, "a")]


def test_pages_may_be_empty_and_yet_not_the_last(drive: GoogleDrive, root: str, anna: Client) -> None:
    feed = Feed(anna)
    files = [drive.state.add_file(root, str(number)) for number in range(3)]
    drive.empty_change_pages = True
    page = anna.get("changes", pageToken=feed.token, fields="*")
    assert page["changes"] == []
    assert "nextPageToken" in page
    assert [file for file, _ in feed.brief(pageSize=1)] == files


def test_changes_may_lag(drive: GoogleDrive, root: str, anna: Client, clock: SimulatedClock) -> None:
    feed = Feed(anna)
    drive.change_lag = 60
    file = drive.state.add_file(root, "a")
    assert feed.read() == []
    clock.advance(61)
    assert feed.brief() == [(file, "a")]


def test_limited_access_is_a_removal_for_what_changes_below(drive: GoogleDrive, anna: Client) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    folder = drive.state.add_folder(shared, "folder")
    file = drive.state.add_file(folder, "a")
    feed = Feed(anna, driveId=shared, **DRIVES)
    drive.state.restrict(folder)
    drive.state.rename(file, "b")
    assert feed.brief() == [(folder, "folder"), (file, True)]


# the oracle


def test_the_truth_has_paths_below_its_scope(drive: GoogleDrive, root: str) -> None:
    folder = drive.state.add_folder(root, "Level 1/2")
    drive.state.add_file(folder, "a.pdf", 7)
    drive.state.add_native(root, "Notes")
    drive.state.trash(drive.state.add_file(root, "trashed"))
    binned = drive.state.add_folder(folder, "bin")
    drive.state.add_file(binned, "below the bin")
    drive.state.trash(binned)
    assert paths(drive, ANNA, root) == ["/Level 1\uff0f2/a.pdf", "/Notes"]
    (row,) = drive.truth(ANNA, folder)
    assert (row["path"], row["size"], row["parent_id"]) == ("/a.pdf", 7, folder)
    assert drive.truth(ANNA, binned) == []


def test_the_truth_agrees_with_the_answers(drive: GoogleDrive, root: str, anna: Client) -> None:
    grow(drive.state, root, files=200)
    fields = "nextPageToken,files(id,name,size,md5Checksum,headRevisionId,createdTime,modifiedTime,webViewLink,parents)"
    q = "trashed=false and mimeType != 'application/vnd.google-apps.folder'"
    files = [file for page in anna.pages("files", q=q, fields=fields) for file in page["files"]]
    told = {
        (
            f["id"],
            f["name"],
            int(f["size"]),
            f["md5Checksum"],
            f["headRevisionId"],
            f["createdTime"],
            f["modifiedTime"],
            f["webViewLink"],
            f["parents"][0],
        )
        for f in files
    }
    names = ("id", "name", "size", "md5", "head_revision_id", "created_at", "modified_at", "link", "parent_id")
    assert told == {tuple(row[name] for name in names) for row in drive.truth(ANNA, root)}
    assert len(told) == 200


def test_strays_hang_below_shared_with_me(drive: GoogleDrive, root: str) -> None:
    folder = drive.state.add_folder(root, "folder")
    below = drive.state.add_folder(folder, "below")
    drive.state.add_file(below, "a")
    drive.state.share_with(below, BEN)
    drive.state.share_with(drive.state.add_file(root, "b"), BEN)
    bens = drive.state.root_of(BEN)
    assert drive.truth(BEN, bens) == []
    assert paths(drive, BEN, bens, strays=True) == ["/Shared with me/b", "/Shared with me/below/a"]
    assert paths(drive, ANNA, root, strays=True) == ["/b", "/folder/below/a"]


def test_the_truth_respects_limited_access(drive: GoogleDrive) -> None:
    shared = drive.state.add_drive("Site", ANNA)
    folder = drive.state.add_folder(shared, "folder")
    drive.state.add_file(folder, "a")
    assert paths(drive, ANNA, shared) == ["/folder/a"]
    drive.state.restrict(folder)
    assert paths(drive, ANNA, shared) == []
    drive.state.unrestrict(folder)
    assert paths(drive, ANNA, shared) == ["/folder/a"]


def test_a_folder_cannot_move_below_itself(drive: GoogleDrive, root: str) -> None:
    folder = drive.state.add_folder(root, "folder")
    with pytest.raises(ValueError, match="below itself"):
        drive.state.move(folder, drive.state.add_folder(folder, "deep"))


def test_the_same_seed_gives_the_same_ids(clock: SimulatedClock) -> None:
    twins = [GoogleDrive(clock, seed=seed) for seed in (7, 7, 8)]
    ids = [twin.state.add_file(twin.state.add_user(ANNA).root_id, "a") for twin in twins]
    assert ids[0] == ids[1] != ids[2]
    assert (len(ids[0]), ids[0][0]) == (33, "1")
