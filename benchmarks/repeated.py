"""A command of filesync many times over in one process, for what shows only in the long run.

`python -m benchmarks.repeated TIMES COMMAND …` ends with the first code that is not 0.
"""

import sys

from filesync.cli import run
from filesync.cli.process import this_process


def main() -> None:
    times, *command = sys.argv[1:]
    for _ in range(int(times)):
        code = run(command, *this_process())
        if code:
            sys.exit(code)


if __name__ == "__main__":
    main()
