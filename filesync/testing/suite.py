"""The suite: every promise that filesync's store and sync rely on, as tests that pytest collects."""

from filesync.testing.changing import Changing
from filesync.testing.continuing import Continuing
from filesync.testing.failing import Failing
from filesync.testing.listing import ListingTests
from filesync.testing.looking_up import LookingUp


class ProviderConformance(ListingTests, Changing, Continuing, Failing, LookingUp):
    """Subclass it in a test module under a name that begins with Test, and say what is under test.

    class TestShelf(ProviderConformance):
        kind = KIND

        @contextmanager
        def ground(self, folder: Path) -> Iterator[Ground]:
            yield ShelfGround(folder)
    """
