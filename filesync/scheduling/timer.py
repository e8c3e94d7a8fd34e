"""The call that a timer makes, how often, and what every kind of timer can do."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filesync.core.errors import UsageError

# minutes, so that starts are evenly spaced through every hour and day
LENGTHS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ScheduledCall:
    """What is started: this program, by its absolute path, for this home."""

    program: tuple[str, ...]
    home: Path
    config: Path | None = None

    def words(self) -> tuple[str, ...]:
        """Return the command's words. Raises UsageError when one cannot be written into one line."""
        config = ("--config", str(self.config)) if self.config else ()
        words = (*self.program, "--home", str(self.home), *config, "sync")
        for word in words:
            if _CONTROL.search(word):
                raise UsageError(f"{word!r}: a path with a line break or control character cannot be scheduled")
        return words


class Timer(Protocol):
    """One way to be started. Its methods raise SchedulerError when the system's scheduler cannot be used."""

    kind: str  # cron, systemd

    def text(self) -> str:
        """Write what `install` installs."""

    def installed(self) -> str | None:
        """Read what is installed for this home, whoever changed it since; None: nothing."""

    def install(self) -> bool:
        """Make it so; False when it was so already."""

    def uninstall(self) -> bool:
        """Remove what is ours; False when there was nothing."""


def check_length(every: int) -> int:
    """Refuse minutes that neither an hour nor a day is a multiple of, and name the nearest that do."""
    if every in LENGTHS:
        return every
    shorter = max((length for length in LENGTHS if length < every), default=1)
    longer = min((length for length in LENGTHS if length > every), default=1440)
    near = " or ".join(map(str, sorted({shorter, longer})))
    raise UsageError(f"--every {every}: starts would not be evenly spaced over hours and days; take {near} minutes")
