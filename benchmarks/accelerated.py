"""filesync with a clock that runs faster: python -m benchmarks.accelerated FACTOR SINCE COMMAND ….

Nothing else is different. A simulator that is started with `--hurry FACTOR,SINCE` keeps the same time.
"""

import sys

from filesync.cli import run
from filesync.cli.process import this_process
from filesync.simulators.clock import HurriedClock


def main() -> None:
    factor, since, *command = sys.argv[1:]
    home, terminal = this_process()
    home.clock = HurriedClock(float(factor), float(since))
    sys.exit(run(command, home, terminal))


if __name__ == "__main__":
    main()
