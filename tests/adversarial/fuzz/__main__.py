"""Coverage-guided fuzzing of one target with atheris, which is not among our dependencies; Hypothesis shapes the bytes."""

import importlib
import sys

from hypothesis import given, settings

try:
    atheris = importlib.import_module("atheris")
except ImportError:
    sys.exit("pip install atheris first; it is not needed for anything else")

with atheris.instrument_imports(include=["filesync"]):
    from tests.adversarial.fuzz.targets import TARGETS

from tests.adversarial.fuzz.feed import FEED


def main(arguments: list[str]) -> None:
    if not arguments or arguments[0] not in TARGETS:
        sys.exit(f"name a target: {', '.join(TARGETS)}; what follows is libFuzzer's, such as -max_total_time=600")
    target = settings(database=None, deadline=None)(given(FEED[arguments[0]])(TARGETS[arguments[0]]))
    atheris.Setup([sys.argv[0], *arguments[1:]], target.hypothesis.fuzz_one_input)  # type: ignore[attr-defined]
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
