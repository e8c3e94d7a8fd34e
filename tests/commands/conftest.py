"""What the tests of the doctor stand on: a home in which all is well, made once, and a copy of it for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patients import Patient, copy_of, healthy


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    with healthy(tmp_path_factory.mktemp("well")) as patient:
        yield patient


@pytest.fixture
def patient(well: Patient, tmp_path: Path) -> Patient:
    return copy_of(well, tmp_path)
