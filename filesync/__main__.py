"""The first lines of the program: what must be so before anything else is imported.

Whoever presses Ctrl-C earlier still, while Python itself starts, gets Python's own traceback.
"""

import gc
import sys

from filesync.runtime.signals import Interrupts


def main() -> None:
    """Run the command of this process and exit with its code."""
    interrupts = Interrupts()
    from filesync.runtime.streams import open_streams, settle  # noqa: PLC0415  every import takes time in which Ctrl-C may come

    open_streams()
    code = interrupts.code
    try:
        from filesync.cli.process import run_command  # noqa: PLC0415  as above

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
