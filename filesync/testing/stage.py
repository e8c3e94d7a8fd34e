"""Stage: what every test of the suite stands on; pytest calls setup_method and teardown_method by their names."""

import gc
import threading
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from filesync.providers.base import ProviderKind
from filesync.testing.assertions import claim
from filesync.testing.inventory import Inventory, Scene
from filesync.testing.service_driver import ServiceDriver
from filesync.testing.site import Site

_MOMENT = 0.05  # seconds


class Stage:
    """One test's service, its true state, and as many inventories of it as the test wants."""

    kind: ClassVar[ProviderKind]
    patience = 5.0  # seconds that a closed generator's threads have to end

    def ground(self, folder: Path) -> AbstractContextManager[ServiceDriver]:
        """Make a fresh scope of the service; `folder` is empty and the test's own."""
        raise NotImplementedError("a provider's test says here what its service is")

    def setup_method(self) -> None:
        with ExitStack() as stack:
            home = Path(stack.enter_context(TemporaryDirectory(prefix="filesync-")))
            self.there = stack.enter_context(self.ground(home))
            self.site = Site(self.there)
            self.scene = Scene(self.kind, self.there, self.site, home)
            self._open = stack.pop_all()

    def teardown_method(self) -> None:
        self._open.close()

    def inventory(self, name: str = "inventory", **filters: Any) -> Inventory:
        return Inventory(self.scene, name, filters)

    def claim_ended(self, before: set[threading.Thread], when: str) -> None:
        """Claim that every thread that was not there before ends by itself."""
        while thread := next((each for each in threading.enumerate() if each not in before), None):
            thread.join(_MOMENT)
            if thread.is_alive():
                gc.collect()  # a thread that ended may have left a connection, for which a simulated service has one
                thread.join(self.patience)
            claim(not thread.is_alive(), f"{when}: the thread {thread.name} lives on")
