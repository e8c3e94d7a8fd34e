# ruff: noqa: ARG002  the arguments are for those who can do it
"""The driver of a service: what the suite must be able to do in a service, and what the service cannot do at all."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any
from unittest import SkipTest

from filesync.simulators.clock import SimulatedClock

ODD_NAMES = (
    "Ä ö ü ß.pdf",
    "日本語 図面.dwg",
    "e\u0301 is two characters.txt",
    "section a/b.pdf",
    "crane 🏗.ifc",
    "100% + #1 & 'two' \"three\" [4] *?.txt",
    "right \u202e to left.pdf",
    "two\nlines.txt",
    ".hidden",
    "no extension",
    "many.dots.in.it.PDF",
    f"{'long ' * 45}.rvt",
)


class Unsupported(SkipTest):
    """The service cannot do what a test needs: no failure, the test is skipped with these words."""


class ServiceDriver(ABC):
    """One scope of a service, fresh for each test: simulated, or a corner of a real account that is wiped.

    Ids are the service's own. What happens here must be visible to the provider once `settle` returned.
    A service that cannot do one of the optional things leaves that method alone, and the tests that
    need it are skipped.
    """

    root: str  # id of the folder that the suite works in; empty at first
    root_path: str = ""  # where that folder lies below the endpoint's root: "/Project Files"; '' for the root itself
    page_size: int = 200  # entries that the service puts on one page of a listing
    is_prompt: bool = True  # an ordinary sync shows every change; False: only a full one does
    reasons_of_leaving: Sequence[str] = ("out_of_scope",)  # what is said of things moved out of the scope
    has_duplicate_names: bool = True  # two things in one folder may have the same name
    odd_names: Sequence[str] = ODD_NAMES  # names that people may give their files here
    variables: Mapping[str, str] = {}  # the environment: addresses, client ids, paths of credentials
    clock: SimulatedClock  # the sync lives by it, and the service had better too

    def __init__(self) -> None:
        self.clock = SimulatedClock(frozen=True)

    @property
    @abstractmethod
    def details(self) -> Mapping[str, Any]:
        """Return the `endpoint_details` of this scope, as connector.yaml would have them."""

    @abstractmethod
    def add_folder(self, parent: str, name: str) -> str:
        """Make a folder and give its id."""

    @abstractmethod
    def add_file(self, parent: str, name: str, size: int) -> str:
        """Make a file of that size in bytes and give its id."""

    @abstractmethod
    def new_version(self, file: str, size: int) -> None:
        """Upload other content of that size to a file."""

    @abstractmethod
    def rename(self, item: str, name: str) -> None:
        """Rename a file or a folder."""

    def move(self, item: str, parent: str) -> None:
        """Move a file, or a folder with all below it, within the scope."""
        raise Unsupported("nothing can be moved in this service")

    def trash(self, item: str) -> None:
        """Delete a file, or a folder with all below it, so that it could be restored."""
        raise Unsupported("this service has no trash")

    def restore(self, item: str) -> None:
        """Take an item out of the trash again, to where it was."""
        raise Unsupported("nothing can be restored in this service")

    def remove(self, item: str) -> None:
        """Delete for good a file, or a folder with all below it."""
        raise Unsupported("nothing can be deleted for good in this service")

    def move_out(self, item: str) -> None:
        """Move an item out of the scope, to where the login can still see it."""
        raise Unsupported("there is nothing outside of this scope")

    def lock_out(self, folder: str) -> None:
        """Keep the login from reading a folder that its parent still lists."""
        raise Unsupported("a folder that is listed can always be read in this service")

    def let_in(self, folder: str) -> None:
        """Undo `lock_out`."""
        raise Unsupported("a folder that is listed can always be read in this service")

    def break_down(self, *, after: int = 0) -> None:
        """Let the service fail every request after so many more, as a server does that is down."""
        raise Unsupported("the service cannot be broken from here")

    def mend(self) -> None:
        """Undo `break_down`."""
        raise Unsupported("the service cannot be broken from here")

    def settle(self) -> None:
        """Let so much time pass that every listing shows what happened, and every change stamp can be trusted."""
        self.clock.advance(60)
