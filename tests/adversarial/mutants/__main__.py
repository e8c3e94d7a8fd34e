"""Break each rule in a copy of the source, run the tests that should see it, and tell which one did.

    python -m tests.adversarial.mutants               # all; half an hour on two cores
    python -m tests.adversarial.mutants guard clock   # those whose name has one of these words in it

Exit code 1: a break that no test saw.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import ROOT
from tests.adversarial.mutants.breaks import BREAKS, Break

TOO_LONG = 900.0  # seconds
LEFT_OUT = (".git", ".venv", "__pycache__", "node_modules", "data", "logs", "*.egg-info", ".*_cache")


def main(words: list[str]) -> int:
    chosen = [each for each in BREAKS if not words or any(word in each.name for word in words)]
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="filesync-mutants-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for each in chosen:
            seen_by = _seen_by(each, copy)
            survivors += seen_by is None
            sys.stdout.write(f"| {each.name} | {each.says} | {f'`{seen_by}`' if seen_by else '**nobody**'} |\n")
            sys.stdout.flush()
    return int(survivors > 0)


def _seen_by(each: Break, copy: Path) -> str | None:
    """Name the first test that fails with the break; the copy is whole again afterwards."""
    path = copy / each.path
    whole = path.read_text(encoding="utf-8")
    path.write_text(each.broken(whole), encoding="utf-8")
    try:
        return _first_failure(copy, [f"tests/{name}" for name in each.seen_by.split()])
    finally:
        path.write_text(whole, encoding="utf-8")


def _first_failure(copy: Path, tests: list[str]) -> str | None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", "--tb=no", *tests]
    try:
        said = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=TOO_LONG)
    except subprocess.TimeoutExpired:
        return "a test that hangs"
    if said.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) \S+?::(?:\w+::)?(\w+)", said.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pytest ended with {said.returncode}: {said.stdout[-500:]}")
    return found[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
