"""What a listing has written once it says again only as long as it is true: files.get, which keeps nothing, says the same."""

from collections.abc import Callable, Iterator

import pytest

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.drive.state import DriveState
from tests.support.drive_client import ANNA, BEN, DRIVES, Client

ALL = "nextPageToken,files(*)"

Happening = Callable[[DriveState, "Place"], object]


class Place:
    """Two folders in Anna's drive, one below the other, a file in the lower one, and a shared drive."""

    def __init__(self, state: DriveState) -> None:
        self.upper = state.add_folder(state.root_of(ANNA), "Upper")
        self.lower = state.add_folder(self.upper, "Lower")
        self.file = state.add_file(self.lower, "plan.pdf")
        self.drive = state.add_drive("Tower", ANNA, BEN)
        self.in_drive = state.add_file(self.drive, "shared.pdf")
        state.share_with(self.upper, BEN)


@pytest.fixture
def drive() -> Iterator[GoogleDrive]:
    with GoogleDrive(SimulatedClock(frozen=True)) as service:
        service.state.add_user(ANNA)
        service.state.add_user(BEN)
        service.unseen_parents = False
        yield service


HAPPENINGS: dict[str, Happening] = {
    "a file is renamed": lambda state, at: state.rename(at.file, "new.pdf"),
    "a file has new content": lambda state, at: state.new_revision(at.file, 7),
    "a file is seen": lambda state, at: state.view(at.file),
    "a folder goes to the bin": lambda state, at: state.trash(at.upper),
    "a folder far above is no longer shared": lambda state, at: state.unshare(at.upper, BEN),
    "a file is shared": lambda state, at: state.share_with(at.file, BEN),
    "a folder is closed": lambda state, at: state.restrict(at.lower),
    "a folder moves to a shared drive": lambda state, at: state.move(at.lower, at.drive),
    "a folder goes": lambda state, at: state.delete(at.upper),
    "a member leaves": lambda state, at: state.remove_member(at.drive, BEN),
    "somebody joins": lambda state, _at: state.add_user("carl@example.com"),
}


@pytest.mark.parametrize("happening", HAPPENINGS.values(), ids=HAPPENINGS)
def test_a_listing_says_what_a_look_up_says_whatever_happened(drive: GoogleDrive, happening: Happening) -> None:
    place = Place(drive.state)
    clients = [Client(drive, email) for email in (ANNA, BEN)]
    for happen in (lambda *_: None, happening):  # what was listed before must not be told afterwards
        happen(drive.state, place)
        for client in clients:
            everything = client.pages("files", fields=ALL, corpora="allDrives", **DRIVES)
            listed = [file for page in everything for file in page["files"]]
            assert listed == [client.get(f"files/{one['id']}", fields="*", supportsAllDrives="true") for one in listed]
    for client in clients:
        client.session.close()


def test_who_asks_for_less_is_told_less(drive: GoogleDrive) -> None:
    Place(drive.state)
    client = Client(drive, ANNA)
    for fields in ("files(*)", "files(id)", "files(id,name)", "files(*)"):
        shown = client.get("files", fields=fields)["files"][0].keys()
        assert ("name" in shown, "mimeType" in shown) == (fields != "files(id)", fields == "files(*)")
    client.session.close()
