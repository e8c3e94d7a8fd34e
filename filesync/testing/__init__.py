"""Proof for providers: a suite that drives a provider through the real store and the real sync.

A provider's own test subclasses `ProviderConformance`, names its kind, and offers a `Ground`: the
few things that the suite must be able to do in the service. See docs/contributing/add-a-provider.md.
"""

from filesync.testing.service_driver import ODD_NAMES, ServiceDriver, Unsupported
from filesync.testing.suite import ProviderConformance

__all__ = ["ODD_NAMES", "ProviderConformance", "ServiceDriver", "Unsupported"]
