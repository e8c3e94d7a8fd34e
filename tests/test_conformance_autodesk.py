"""Autodesk's provider keeps every promise that the suite knows, over the simulated service."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filesync.providers.autodesk import KIND
from filesync.simulators.acc import CLIENT_ID, CLIENT_SECRET, AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.faults import status
from filesync.testing import ProviderConformance, ServiceDriver


class AccGround(ServiceDriver):
    """A project of a simulated hub; what ACC's stamps do not show, only a full sync does."""

    page_size = 40
    root_path = "/Project Files"
    is_prompt = False

    def __init__(self, acc: AccSimulator) -> None:
        self.clock = acc.clock
        self.acc = acc
        acc.largest_page = self.page_size
        self.project = acc.add_project(acc.add_hub())
        self.root = acc.project_files(self.project)
        self.variables = {
            "CONNECTOR_AUTODESK_CLIENT_ID": CLIENT_ID,
            "CONNECTOR_AUTODESK_CLIENT_SECRET": CLIENT_SECRET,
            "CONNECTOR_AUTODESK_BASE_URL": acc.base_url,
        }

    @property
    def details(self) -> Mapping[str, Any]:
        return {"project_id": self.project}

    def add_folder(self, parent: str, name: str) -> str:
        return self.acc.add_folder(parent, name)

    def add_file(self, parent: str, name: str, size: int) -> str:
        return self.acc.add_file(parent, name, size)

    def new_version(self, file: str, size: int) -> None:
        self.acc.add_version(file, size)

    def rename(self, item: str, name: str) -> None:
        (self.acc.rename_file if self._is_file(item) else self.acc.rename_folder)(item, name)

    def move(self, item: str, parent: str) -> None:
        (self.acc.move_file if self._is_file(item) else self.acc.move_folder)(item, parent)

    def trash(self, item: str) -> None:
        (self.acc.hide_file if self._is_file(item) else self.acc.hide_folder)(item)

    def restore(self, item: str) -> None:
        (self.acc.restore_file if self._is_file(item) else self.acc.restore_folder)(item)

    def remove(self, item: str) -> None:
        self.acc.remove_for_good(item)

    def lock_out(self, folder: str) -> None:
        self.acc.revoke_access(folder)

    def let_in(self, folder: str) -> None:
        self.acc.grant_access(folder)

    def break_down(self, *, after: int = 0) -> None:
        self.acc.faults.fail(status(503), nth=after + 1, times=None)

    def mend(self) -> None:
        self.acc.faults.clear()

    def _is_file(self, item: str) -> bool:
        return item in self.acc.files


class FolderGround(AccGround):
    """One folder of the project, and the project's other folders around it."""

    root_path = ""

    def __init__(self, acc: AccSimulator) -> None:
        super().__init__(acc)
        self.elsewhere = self.root
        self.root = acc.add_folder(self.elsewhere, "only this")

    @property
    def details(self) -> Mapping[str, Any]:
        return {"project_id": self.project, "folder_id": self.root}

    def move_out(self, item: str) -> None:
        self.move(item, self.elsewhere)


class TestProject(ProviderConformance):
    kind = KIND

    @contextmanager
    def ground(self, folder: Path) -> Iterator[ServiceDriver]:
        with AccSimulator(SimulatedClock(frozen=True)) as acc:
            yield AccGround(acc)


class TestFolder(ProviderConformance):
    kind = KIND

    @contextmanager
    def ground(self, folder: Path) -> Iterator[ServiceDriver]:
        with AccSimulator(SimulatedClock(frozen=True)) as acc:
            yield FolderGround(acc)
