"""Tests, in rooms: unit, commands, conformance, simulators, adversarial and contract."""

from pathlib import Path

ROOT = Path(__file__).parent.parent  # of the repository
