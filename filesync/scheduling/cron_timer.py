"""A home's line in the crontab of the user who runs this."""

from dataclasses import dataclass

from filesync.scheduling import crontab
from filesync.scheduling.call import Call
from filesync.scheduling.commands import Crontab


@dataclass(frozen=True, slots=True)
class CronTimer:
    """A Timer made of one line."""

    call: Call
    every: int
    table: Crontab

    kind = "cron"

    def text(self) -> str:
        return f"{crontab.line(self.call, self.every)}\n"

    def installed(self) -> str | None:
        lines = crontab.installed(self.table.read(), self.call.home)
        return "".join(f"{line}\n" for line in lines) or None

    def install(self) -> bool:
        before = self.table.read()
        return self._write(before, crontab.with_line(before, self.call.home, self.text().rstrip("\n")))

    def uninstall(self) -> bool:
        before = self.table.read()
        return self._write(before, crontab.without(before, self.call.home))

    def _write(self, before: bytes, after: bytes) -> bool:
        if before == after:
            return False
        self.table.write(after)
        return True
