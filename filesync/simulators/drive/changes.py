"""changes.list: a page of a change log, with the items as they are now.

https://developers.google.com/workspace/drive/api/guides/about-changes
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from filesync.core.timestamps import to_timestamp
from filesync.simulators.drive.discovery import Parameters
from filesync.simulators.drive.fields import Mask, below, cut
from filesync.simulators.drive.items import DriveUser, Item
from filesync.simulators.drive.listing import check_member, page_size
from filesync.simulators.drive.log import ChangeLog, Entry, Subject
from filesync.simulators.drive.refusals import include_items_required, invalid, refusal, support_required
from filesync.simulators.drive.resources import FILE_DEFAULT, Viewer, to_drive, to_file
from filesync.simulators.drive.state import DriveState

CHANGE_DEFAULT: Mask = dict.fromkeys(("kind", "type", "changeType", "time", "removed", "fileId", "driveId")) | {
    "file": FILE_DEFAULT,
    "drive": {"kind": None, "id": None, "name": None},
}


@dataclass(frozen=True, slots=True)
class Feed:
    """How the service shows changes.

    `hidden_after`: younger entries do not show yet. `empty_pages`: a page may hold nothing and
    still have a nextPageToken. `dead_token_status`: what a token that was disowned is answered with.
    """

    hidden_after: datetime
    empty_pages: bool = False
    dead_token_status: int = 400


def log_of(state: DriveState, user: DriveUser, given: Parameters) -> ChangeLog:
    """Find the drive's log, or the user's own where no drive is named."""
    drive_id = given.get("driveId")
    if drive_id and not given["supportsAllDrives"]:
        raise support_required()
    check_member(state, user, drive_id)
    return state.drive_logs[drive_id] if drive_id else state.user_logs[user.email]


def change_page(viewer: Viewer, given: Parameters, feed: Feed, mask: Mask | None) -> dict[str, Any]:
    """Answer changes.list; `mask` is what is wanted of each change."""
    log = log_of(viewer.state, viewer.user, given)
    _check_drives(given)
    token = _token(given["pageToken"], log, feed)
    fresh = (entry for entry in log.since(token) if entry.at <= feed.hidden_after)
    size = page_size(given["pageSize"], below(mask, "file"))
    entries = list(islice((entry for entry in fresh if _in_scope(entry, viewer, given)), size + 1))
    if feed.empty_pages and entries and entries[0].number != token:
        return {"kind": "drive#changeList", "nextPageToken": str(entries[0].number), "changes": []}
    changes = [_to_change(entry, viewer, given, mask) for entry in entries[:size]]
    return {"kind": "drive#changeList", "changes": changes, **_next(log, entries, token, size, feed)}


def _next(log: ChangeLog, entries: list[Entry], token: int, size: int, feed: Feed) -> dict[str, str]:
    if len(entries) > size:
        return {"nextPageToken": str(entries[size - 1].number + 1)}
    hidden = next((entry.number for entry in log.since(token) if entry.at > feed.hidden_after), None)
    return {"newStartPageToken": str(log.token if hidden is None else hidden)}


def _check_drives(given: Parameters) -> None:
    if given["spaces"] != "drive":
        raise invalid("spaces")
    if given.get("driveId") and not given["includeItemsFromAllDrives"]:
        raise include_items_required()
    if given["includeItemsFromAllDrives"] and not given["supportsAllDrives"]:
        raise support_required()


def _token(text: str, log: ChangeLog, feed: Feed) -> int:
    """Read a token of this log; the words of a refusal are those clients in the wild guard against."""
    if not text.isdecimal() or len(text) > 18:
        raise invalid("pageToken")
    if log.knows(int(text)):
        return int(text)
    if log.was_killed(int(text)) and feed.dead_token_status == 410:
        raise refusal(410, "deleted", "Page token is no longer valid.", location="pageToken")
    raise invalid("pageToken")


def _in_scope(entry: Entry, viewer: Viewer, given: Parameters) -> bool:
    if entry.subject is Subject.DRIVE:
        return given["includeItemsFromAllDrives"] and not given["restrictToMyDrive"]
    item = _present(entry, viewer, given)
    if item is None:
        return given["includeRemoved"] and (entry.in_my_drive or not given["restrictToMyDrive"])
    if item.home in viewer.state.drives and not given["includeItemsFromAllDrives"]:
        return False
    return not given["restrictToMyDrive"] or item.home == viewer.user.root_id


def _present(entry: Entry, viewer: Viewer, given: Parameters) -> Item | None:
    """Find the item as long as it is in this log's corpus and its reader may see it."""
    state, email = viewer.state, viewer.user.email
    item = state.items.get(entry.id)
    if item is None:
        return None
    if given.get("driveId"):
        return item if item.home == given["driveId"] and state.may_see(item, email) else None
    return item if email in state.access.corpus_of(item) else None


def _to_change(entry: Entry, viewer: Viewer, given: Parameters, mask: Mask | None) -> dict[str, Any]:
    change = {
        "kind": "drive#change",
        "type": entry.subject,
        "changeType": entry.subject,
        "time": to_timestamp(entry.at),
    }
    about = _of_drive(entry, viewer) if entry.subject is Subject.DRIVE else _of_file(entry, viewer, given, mask)
    cut_down: dict[str, Any] = cut(change | about, _without_file(mask))
    return cut_down


def _of_drive(entry: Entry, viewer: Viewer) -> dict[str, Any]:
    drive = viewer.state.drives.get(entry.id)
    member = drive is not None and viewer.user.email in drive.members
    shown = {"drive": to_drive(drive)} if drive and member else {}
    return {"driveId": entry.id, "removed": not member, **shown}


def _of_file(entry: Entry, viewer: Viewer, given: Parameters, mask: Mask | None) -> dict[str, Any]:
    present = _present(entry, viewer, given)
    shown = present or (_elsewhere(entry, viewer) if given["includeCorpusRemovals"] else None)
    wants_file = mask is None or "file" in mask
    file = {"file": to_file(shown, viewer, below(mask, "file"))} if shown and wants_file else {}
    return {"fileId": entry.id, "removed": present is None, **file}


def _elsewhere(entry: Entry, viewer: Viewer) -> Item | None:
    """Find an item that left this log but can still be seen in another drive."""
    item = viewer.state.items.get(entry.id)
    return item if item and viewer.state.may_see(item, viewer.user.email) else None


def _without_file(mask: Mask | None) -> Mask | None:
    """Leave the file whole: it was made with its wanted fields only."""
    return None if mask is None else {name: None if name == "file" else part for name, part in mask.items()}
