"""stand-in"""

import contextlib


@contextlib.contextmanager
def problems_named(address):
    yield
