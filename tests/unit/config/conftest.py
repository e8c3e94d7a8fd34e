"""What the tests of connector.yaml stand on: a text, loaded as the file of a home."""

from collections.abc import Callable
from pathlib import Path

import pytest

from filesync.config import Config, load_config
from filesync.runtime.settings import load_settings


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Config]:
    def loaded(text: str, **environ: str) -> Config:
        file = tmp_path / "connector.yaml"
        file.write_text(text)
        return load_config(file, load_settings(tmp_path, environ))

    return loaded
