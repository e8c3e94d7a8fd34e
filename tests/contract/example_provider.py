"""The provider of docs/example-provider, made importable."""

import sys

from tests import ROOT

EXAMPLE = ROOT / "docs" / "example-provider"
sys.path.insert(0, str(EXAMPLE))

from filesync_shelf import ShelfKind  # noqa: E402  the path above leads there
from filesync_shelf.provider import ShelfProvider  # noqa: E402
from test_shelf import ShelfGround  # noqa: E402

sys.path.remove(str(EXAMPLE))

__all__ = ["EXAMPLE", "ShelfGround", "ShelfKind", "ShelfProvider"]
