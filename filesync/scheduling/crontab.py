"""Cron: our line of a crontab, a table with it or without it, and the crontab of the user who runs this.

Every byte of a table that is not ours stays as it was.
"""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filesync.scheduling.commands import Crontab
from filesync.scheduling.timer import ScheduledCall

_SPECIAL = re.compile(r"([%\\'])")


def line(call: ScheduledCall, every: int) -> str:
    """Write the line that starts the call every so many minutes; its end names the home, so that we know it again."""
    return f"{slots(every)} {' '.join(map(quoted, call.words()))}{_mark(call.home)}"


def quoted(word: str) -> str:
    r"""Quote a word for a crontab, whose % is a line break and whose \% is a %, and for the shell behind it.

    Crons differ about \\, and some do not know \% at all: so no backslash follows another, and % stands unquoted,
    where a shell that gets \% takes it for %.
    """
    if not _SPECIAL.search(word):
        return shlex.quote(word)
    return "".join(_piece(piece) for piece in _SPECIAL.split(word) if piece)


def installed(table: bytes, home: Path) -> list[str]:
    """Return the lines of that home."""
    return [os.fsdecode(_bare(each)) for each in _lines(table) if _is_ours(each, home)]


def with_line(table: bytes, home: Path, text: str) -> bytes:
    """Put the line in the place of the one that the home has, else at the end."""
    ours = os.fsencode(text) + b"\n"
    lines = [*_lines(table)]
    places = [number for number, each in enumerate(lines) if _is_ours(each, home)]
    if places:
        lines[places[0]] = ours
        return b"".join(each for number, each in enumerate(lines) if number not in places[1:])
    if table and not table.endswith(b"\n"):
        table += b"\n"  # crontab refuses a last line without one
    return table + ours


def without(table: bytes, home: Path) -> bytes:
    """Take the home's lines out."""
    return b"".join(each for each in _lines(table) if not _is_ours(each, home))


def slots(every: int) -> str:
    if every < 60:
        return f"*/{every} * * * *" if every > 1 else "* * * * *"
    hours = every // 60
    return f"0 {'*' if hours == 1 else 0 if hours == 24 else f'*/{hours}'} * * *"


def _mark(home: Path) -> str:
    return f" # filesync: {quoted(str(home))}"  # the shell takes it for a comment; decision 46


def _piece(text: str) -> str:
    return {"%": r"\%", "\\": r"'\'", "'": '"\'"'}.get(text) or shlex.quote(text)


def _lines(table: bytes) -> Iterator[bytes]:
    """Cut a table after each line break, and nowhere else."""
    return (each for each in re.findall(rb"[^\n]*\n|[^\n]+\Z", table))


def _is_ours(each: bytes, home: Path) -> bool:
    """Return whether a line runs, and is marked as the home's; one that somebody turned into a comment is theirs."""
    return _bare(each).endswith(os.fsencode(_mark(home))) and not each.lstrip().startswith(b"#")


def _bare(each: bytes) -> bytes:
    return each.rstrip(b"\r\n")


@dataclass(frozen=True, slots=True)
class CronTimer:
    """A Timer made of one line."""

    call: ScheduledCall
    every: int
    table: Crontab

    kind = "cron"

    def text(self) -> str:
        return f"{line(self.call, self.every)}\n"

    def installed(self) -> str | None:
        lines = installed(self.table.read(), self.call.home)
        return "".join(f"{line}\n" for line in lines) or None

    def install(self) -> bool:
        before = self.table.read()
        return self._write(before, with_line(before, self.call.home, self.text().rstrip("\n")))

    def uninstall(self) -> bool:
        before = self.table.read()
        return self._write(before, without(before, self.call.home))

    def _write(self, before: bytes, after: bytes) -> bool:
        if before == after:
            return False
        self.table.write(after)
        return True
