"""The package as it is built and installed: what a checkout has at its top level, `init` writes from a wheel, too."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from filesync.cli.init import _EXAMPLES
from tests import ROOT

NEEDED = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", *_EXAMPLES)


def build(folder: Path, what: str) -> Path:
    """Build in a folder as pip does, by the hooks of the build backend; without the network."""
    code = f"from setuptools import build_meta; build_meta.build_{what}('dist')"
    subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, check=True, timeout=100)
    (built,) = (folder / "dist").iterdir()
    return built


def init(package: Path, home: Path) -> dict[str, bytes]:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import filesync.__main__ as m; del sys.argv[1]; m.main()"
    subprocess.run([sys.executable, "-c", code, str(package), "init", str(home)], cwd=home.parent, check=True)
    return {name: (home / name).read_bytes() for name in _EXAMPLES}


def test_a_wheel_from_a_source_distribution_and_a_checkout_write_the_same_examples(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "filesync", checkout / "filesync", ignore=shutil.ignore_patterns("__pycache__"))
    for name in NEEDED:
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    with tarfile.open(build(checkout, "sdist")) as source:
        source.extractall(tmp_path / "source", filter="data")
    (unpacked,) = (tmp_path / "source").iterdir()
    with zipfile.ZipFile(build(unpacked, "wheel")) as wheel:
        wheel.extractall(tmp_path / "installed")
    at_the_top = {name: (ROOT / name).read_bytes() for name in _EXAMPLES}
    assert init(tmp_path / "installed", tmp_path / "home") == at_the_top
    assert init(checkout, tmp_path / "other") == at_the_top
