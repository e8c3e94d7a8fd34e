"""Proof for providers: a suite that drives a provider through the real store and the real sync.

A provider's own test subclasses `ProviderConformance`, names its kind, and offers a `ServiceDriver`: the
few things that the suite must be able to do in the service. See docs/contributing/add-a-provider.md.
"""

from filesync.testing.changing import Changing
from filesync.testing.continuing import Continuing
from filesync.testing.failing import Failing
from filesync.testing.listing import ListingTests
from filesync.testing.looking_up import LookingUp
from filesync.testing.service_driver import ODD_NAMES, ServiceDriver, Unsupported

__all__ = ["ODD_NAMES", "ProviderConformance", "ServiceDriver", "Unsupported"]


class ProviderConformance(ListingTests, Changing, Continuing, Failing, LookingUp):
    """Subclass it in a test module under a name that begins with Test, and say what is under test.

    class TestShelf(ProviderConformance):
        kind = KIND

        @contextmanager
        def ground(self, folder: Path) -> Iterator[ServiceDriver]:
            yield ShelfGround(folder)
    """
