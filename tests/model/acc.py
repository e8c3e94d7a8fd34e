"""What the database must say of an ACC project: its truth as the reader sees it, and what a shortcut may leave as it was.

A full sync says what the project shows. An incremental one says of each folder what it showed when it was last listed;
what is added, versioned or moved in is loud, and found at once; what is hidden, restored or renamed is not (aps.md 2.12).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Any
from urllib.parse import unquote

from filesync.runtime.clock import Clock
from filesync.simulators.acc import AccSimulator
from filesync.simulators.acc.accounts import may_open
from filesync.simulators.acc.records import Folder
from filesync.store.write.sync_log import Outcome
from tests.homes import Home
from tests.model.inventory import Before, Model, Row, agree, is_live


@dataclass
class ShiftedClock:
    """The clock of a machine that was set wrong; the service has its own."""

    right: Clock
    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.right.now() + self.offset

    def monotonic(self) -> float:
        return self.right.monotonic()

    def wait(self, event: Event, seconds: float) -> bool:
        return self.right.wait(event, seconds)


@dataclass
class Project:
    """The service's side of an endpoint: a project, or a folder of it. `rescoped`: what lies outside a new scope is undecided."""

    acc: AccSimulator
    home: Home
    id: str
    folder: str | None = None
    rescoped: bool = False
    user: str | None = None  # as whom the endpoint reads; None: as the app, which sees everything
    known: Mapping[str, Row] = field(default_factory=dict)  # the rows of `folders`, as the model last read them

    def shown(self) -> Mapping[str, Row]:
        if self.folder is not None and self.folder not in self.acc.folders:
            return {}
        return {told["id"]: _row(told) for told in self.acc.truth(self.id, self.folder, user=self.user)}

    def reasons(self, row: Row) -> Collection[str]:
        """Ask the file, and every folder that it was known in, why it is not shown any more."""
        found = {"out_of_scope"} if self.rescoped else set()
        file = self.acc.files.get(row["external_file_id"])
        if file is None:
            found.add("removed")
        elif file.revoked:
            found.add("access_lost")
        elif file.hidden:
            found.add("trashed")
        for folder_id in self._known_above(row):
            folder = self.acc.folders.get(folder_id)
            if folder is not None and self.is_dark(folder):
                return set() if not self.rescoped else found
            found |= self._why_not(folder)
        return found | (self._why_not(file.parent) if file else set())

    def is_dark(self, folder: Folder) -> bool:
        """Tell whether a folder is shown where it lies and may not be opened: what is in it stays as it is known."""
        above = folder.parent
        if not folder.revoked or folder.hidden or self.acc.rules.hide_revoked:
            return False
        return above is None or not self._why_not(above)

    def unreadable(self) -> Collection[str]:
        """Give the paths of the folders in the scope that refused to show what is in them."""
        return self._paths(self.refused())

    def refused(self) -> set[str]:
        """Give the folders that the requests since the last reset were refused."""
        return {folder for folder, _, status in self._pages() if status in {403, 404}}

    def read(self) -> set[str]:
        """Give the folders all of whose pages were sent since the last reset."""
        sent: dict[str, set[int]] = {}
        for folder, page, status in self._pages():
            if status == 200:
                sent.setdefault(folder, set()).add(page)
        return {folder for folder, pages in sent.items() if pages >= set(range(self._count_pages(folder)))}

    def touched(self) -> set[str]:
        """Give the folders of which anything was sent since the last reset."""
        return {folder for folder, _, status in self._pages() if status == 200}

    def _pages(self) -> Iterator[tuple[str, int, int]]:
        for request in list(self.acc.requests):
            if request.route == "contents":
                number = int(request.query.get("page[number]", 0))
                yield unquote(request.path.split("/")[-2]), number, request.status

    def _count_pages(self, folder_id: str) -> int:
        """Pages are cut from everything there is, hidden or not."""
        folder, hides = self.acc.folders[folder_id], self.acc.rules.hide_revoked
        entries = sum(not file.revoked for file in folder.files.values())
        entries += sum(not (hides and one.revoked) for one in folder.folders.values())
        return max(1, -(-entries // self.acc.largest_page))

    def _why_not(self, folder: Folder | None) -> set[str]:
        """Tell why a folder, and so all that is in it, is not shown in the scope; nothing when it is."""
        if folder is None:
            return {"removed"}
        chain = folder.chain()
        found = {"trashed"} if any(one.hidden for one in chain) else set()
        if not may_open(folder, self.acc.users[self.user] if self.user else None):
            found |= {"access_lost", "out_of_scope"}
        if any(one.system for one in chain) or (self.folder and self.acc.folders.get(self.folder) not in chain):
            found.add("out_of_scope")
        return found

    def _known_above(self, row: Row) -> Iterator[str]:
        """Climb from the folder that the database has the file in."""
        above = {id_: folder["parent_external_id"] for id_, folder in self.known.items()}
        at = row["parent_external_id"]
        while at in above:
            yield at
            at = above.pop(at)

    def _paths(self, folder_ids: Collection[str]) -> set[str]:
        live = (row for id_, row in self.known.items() if id_ in folder_ids and row["deleted_at"] is None)
        return {row["folder_path"] for row in live if row["folder_path"] is not None}


def _row(told: Mapping[str, Any]) -> dict[str, Any]:
    """Lay out what the simulator tells of a file as its row must have it."""
    stem, _, extension = told["name"].rpartition(".")
    return {
        "external_file_id": told["id"],
        "file_name": told["name"],
        "file_path": told["path"],
        "file_link": told["link"],
        "file_size": told["size"],
        "file_type": extension.lower() if stem and extension else None,
        "version": str(told["version_number"]),
        "version_number": told["version_number"],
        "checksum": None,
        "checksum_algorithm": None,
        "parent_external_id": told["parent_id"],
        "created_by": told["created_by"],
        "modified_by": told["modified_by"],
        "created_at": told["created_at"],
        "updated_at": told["updated_at"],
    }


@dataclass
class AccModel(Model):
    """The model of an ACC endpoint: also what it says between two full listings.

    `loud` are files and folders whose change the service announces: tests add to it, a clean sync has seen them all.
    """

    loud: set[str] = field(default_factory=set)
    listed_at: dict[str, str] = field(default_factory=dict)  # each folder's last listing, as the sync found it
    last_shown: dict[str, Row] = field(default_factory=dict)  # each file as it was when its folder was last listed

    @property
    def project(self) -> Project:
        assert isinstance(self.service, Project)
        return self.service

    def check(self, before: Before, outcome: Outcome | None, *, accepted: bool = False) -> None:
        self.project.known = self._read_folders()
        super().check(before, outcome, accepted=accepted)
        self._assert_tree_holds_together(self._now(outcome))
        listed = self._listed()
        assert self.lagging or listed <= self.project.read(), (
            "a folder counts as listed of which not every page was read"
        )
        self._remember(before, listed)
        if self.lagging:
            self.last_shown.clear()
        elif outcome is not None and outcome.status in {"success", "partial"} and outcome.trigger != "trial":
            self._assert_as_listed(outcome, listed)

    def look(self) -> Before:
        before = super().look()
        self.project.known = self._read_folders() if self.has_database() else {}
        self.listed_at = self._listing_times()
        return before

    # Each folder as of its last listing

    def _assert_as_listed(self, outcome: Outcome, listed: set[str]) -> None:
        """What was read is as the service shows it; what was not is as it was; what is loud was read."""
        now, shown = outcome.started_at, self.service.shown()
        live = {id_: row for id_, row in self.rows.items() if is_live(row)}
        placed = self._placed()
        for id_, row in shown.items():
            if row["parent_external_id"] in listed & placed.keys():
                self._assert_told(row, live.get(id_), placed, now)
        for id_, row in live.items():
            assert row["parent_external_id"] not in listed or id_ in shown, row
            assert row["parent_external_id"] not in placed or not self._filters_out(row, now), row
        for id_, row in self.last_shown.items():
            if row["parent_external_id"] in placed:
                self._assert_told(row, live.get(id_), placed, now)
        self._assert_loud_is_heard(shown, live, placed, now)

    def _assert_loud_is_heard(
        self, shown: Mapping[str, Row], live: Mapping[str, Row], placed: Mapping[str, str], now: datetime
    ) -> None:
        for id_ in self.loud & shown.keys():
            row = shown[id_]
            assert row["parent_external_id"] in placed or self._is_shut_out(row, placed), ("not heard of", row)
            self._assert_told(row, live.get(id_), placed, now)
        self.loud.clear()

    def _is_shut_out(self, row: Row, placed: Mapping[str, str]) -> bool:
        """Tell whether the deepest folder above the file that is known is one that the filters do not reach into."""
        chain = self.project.acc.files[row["external_file_id"]].parent.chain()
        return not self.filters.reach(next(placed[one.id] for one in chain if one.id in placed))

    def _assert_told(self, row: Row, found: Row | None, placed: Mapping[str, str], now: datetime) -> None:
        """The file is there as it was shown, at the path that its folder has by now, unless that is filtered out."""
        parent = placed.get(row["parent_external_id"])
        if parent is None:
            return
        expected = {**row, "file_path": _join(parent, row["file_name"])}
        if self._filters_out(expected, now):
            assert found is None, (expected, found)
        else:
            assert found is not None, ("lacking", expected)
            assert agree(expected, found), (expected, found)

    def _remember(self, before: Before, listed: set[str]) -> None:
        """Note what each folder shows as of now that was listed, and forget what may have become otherwise."""
        shown, rows = self.service.shown(), self.rows
        doubtful = listed | self.project.touched()
        for id_, row in list(self.last_shown.items()):
            file = self.project.acc.files.get(id_)
            if row["parent_external_id"] in doubtful or (file is not None and file.parent.id in doubtful):
                del self.last_shown[id_]
        for id_, row in rows.items():
            if row != before.rows.get(id_):
                self.last_shown.pop(id_, None)
        self.last_shown |= {id_: row for id_, row in shown.items() if row["parent_external_id"] in listed}
        for id_ in [id_ for id_ in self.last_shown if id_ in rows and not is_live(rows[id_])]:
            if id_ not in shown:
                del self.last_shown[id_]

    def _assert_tree_holds_together(self, now: datetime) -> None:
        """A path is the folder's path and the name, all the way down; what is about to leave keeps its last one."""
        placed, folders = self._placed(), self.project.known
        for id_, path in placed.items():
            parent = folders[id_]["parent_external_id"]
            assert path == "/" if parent is None else path == _join(placed[parent], folders[id_]["folder_name"])
        for row in self.rows.values():
            if is_live(row) and row["parent_external_id"] in placed:
                path = _join(placed[row["parent_external_id"]], row["file_name"])
                assert row["file_path"] == path or self._filters_out({**row, "file_path": path}, now), (row, path)

    def _placed(self) -> dict[str, str]:
        return {
            id_: row["folder_path"]
            for id_, row in self.project.known.items()
            if row["deleted_at"] is None and row["folder_path"] is not None
        }

    def _read_folders(self) -> dict[str, Row]:
        rows = self.home.query(
            "SELECT f.* FROM folders f JOIN endpoints e ON e.id = f.endpoint_id WHERE e.name = ?", self.endpoint
        )
        return {row["external_folder_id"]: row for row in rows}

    def _listing_times(self) -> dict[str, str]:
        return {id_: row["last_listed_at"] for id_, row in self.project.known.items()}

    def _listed(self) -> set[str]:
        """Give the folders that this sync listed by their contents, says the database; a member knows some by name only."""
        top = self.project.acc.root_folder(self.project.id)
        times = {id_: at for id_, at in self._listing_times().items() if at and at != self.listed_at.get(id_)}
        return {id_ for id_ in times if id_ != top and self.project.known[id_]["listable"]}


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/" + name.replace("/", "\uff0f")
