"""The first lines of the program: what must be so before anything else is imported."""

import gc
import sys

from filesync.signals import Interrupts
from filesync.streams import open_streams, settle


def main() -> None:
    """Run the command of this process and exit with its code."""
    interrupts = Interrupts()
    open_streams()
    code = interrupts.code
    try:
        from filesync.process import run_command  # noqa: PLC0415  that takes longer than it takes to press Ctrl-C

        interrupts.raise_from_now_on()
        code = run_command()
        interrupts.end_from_now_on()
    except KeyboardInterrupt:  # it came in the lines around the command, which knows it itself
        interrupts.end_from_now_on()
    settle()
    gc.freeze()  # the process ends: to search all that is left for circles of garbage would take a tenth of a start
    sys.exit(code)


if __name__ == "__main__":
    main()
