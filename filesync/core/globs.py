"""Globs on file paths: the only module that knows what `*` and `**` mean.

A pattern is split at `/`. Inside a segment `*` stands for any characters, `?` for one, `[a-c]` and
`[!a-c]` for one of (or none of) a set; a segment that is `**` stands for any number of segments,
also none: `**/x` matches `x`, and `a/**` everything below `a`, but not `a`. Case counts; letters
with accents match however they are composed.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

_ANY_DEPTH = "**"
_STAR = "*"
_WILD = "\0"  # stands where a pattern leaves a character open
# A word behind ASCII that is neither letter nor digit, and what leaves open whether it goes on.
_WORD = re.compile(r"(?:^|(?<=[\x01-/:-@\[-`{-\x7f]))([0-9A-Za-z]+)([\0\x80-\U0010ffff]?)")
_CHARACTERS = {"*": _STAR, "?": "[^/]"}


def check_glob(pattern: str) -> str:
    """Normalise a pattern as `Glob` takes it. Raises ValueError with what to write instead."""
    text = pattern.strip().removeprefix("/")
    if not text:
        raise ValueError("an empty pattern")
    if "\\" in text:
        raise ValueError(f"folders are separated by /, so write {text.replace(chr(92), '/').lstrip('/')}")
    if text.endswith("/"):
        raise ValueError(f"for everything below a folder write {text}**")
    if "//" in text:
        raise ValueError("an empty folder name (//)")
    Glob(text)
    return text


class Glob:
    """One compiled pattern; paths are given without their leading slash."""

    def __init__(self, pattern: str) -> None:
        self.segments = _collapse(_composed(pattern).split("/"))
        self._steps = [None if part == _ANY_DEPTH else _compile(_segment(part)) for part in self.segments]
        self._whole = _compile("".join(_pieces(self.segments)))

    def matches(self, path: str) -> bool:
        return self._whole.fullmatch(_composed(path)) is not None

    @property
    def expression(self) -> str:
        """Return it as a regular expression for engines that never give up what they took by themselves."""
        return self._whole.pattern.replace("(?>", "(?:")

    def words(self) -> Iterator[tuple[str, bool]]:
        """Yield words that stand in whatever the last segment matches, each with whether it is whole there.

        Only those of ASCII letters and digits: where others begin and end, and how they are written, is not certain.
        """
        for found in _WORD.finditer(_without_wildcards(self.segments[-1])):
            yield found[1], not found[2]

    def may_match_below(self, folder: Sequence[str]) -> bool:
        """Return whether some path below the folder (its segments) can match."""
        states = self._rest({0})
        for name in folder:
            states = self._rest(self._after(states, _composed(name)))
        return any(state < len(self._steps) for state in states)

    def matches_all_below(self, folder: Sequence[str]) -> bool:
        """Return whether the pattern is `X/**` and X is the folder or one of those above it."""
        if self.segments[-1] != _ANY_DEPTH:
            return False
        last = len(self._steps) - 1
        states = self._rest({0})
        for name in folder:
            states = self._rest(self._after(states, _composed(name)))
        return last in states

    def _rest(self, states: set[int]) -> set[int]:
        """Add the states that are reached when `**` stands for no segment at all."""
        reached = set(states)
        for state in sorted(states):
            if state < len(self._steps) - 1 and self._steps[state] is None:
                reached.add(state + 1)
        return reached

    def _after(self, states: set[int], name: str) -> set[int]:
        """Return where in the pattern one may be once a segment was read."""
        return {following for state in states for following in self._follow(state, name)}

    def _follow(self, state: int, name: str) -> Iterator[int]:
        if state == len(self._steps):
            return
        step = self._steps[state]
        if step is None:
            yield state
        elif step.fullmatch(name):
            yield state + 1


@lru_cache(maxsize=4096)
def glob(pattern: str) -> Glob:
    """Compile a pattern once."""
    return Glob(pattern)


def _collapse(segments: Sequence[str]) -> list[str]:
    """Write `**/**` as `**` and a closing `**/*` as `**`, which mean the same."""
    kept: list[str] = []
    for part in segments:
        if part == _ANY_DEPTH and kept[-1:] == [_ANY_DEPTH]:
            continue
        kept.append(part)
    return kept[:-1] if kept[-2:] == [_ANY_DEPTH, "*"] else kept


def _pieces(segments: Sequence[str]) -> Iterator[str]:
    """Translate a whole pattern; no `**` but the last ever gives up what it took, so no path is slow to match."""
    *others, last = _runs(segments)
    for number, run in enumerate(others):
        folders = "".join(f"{_segment(part)}/" for part in run)
        yield f"(?>(?:[^/]+/)*?{folders})" if number and run else folders
    end = "/".join(map(_segment, last))
    yield end if not others else f"(?:[^/]+/)*{end}" if last else ".+"


def _runs(segments: Sequence[str]) -> list[list[str]]:
    """Cut a pattern at its `**`."""
    runs: list[list[str]] = [[]]
    for part in segments:
        if part == _ANY_DEPTH:
            runs.append([])
        else:
            runs[-1].append(part)
    return runs


def _segment(part: str) -> str:
    """Translate one segment; no star but the last ever gives up what it took, so no name is slow to match."""
    runs = [""]
    for piece in _characters(part):
        if piece == _STAR:
            runs.append("")
        else:
            runs[-1] += piece
    if len(runs) == 1:
        return runs[0]
    middle = "".join(f"(?>[^/]*?{run})" for run in runs[1:-1] if run)
    return f"{runs[0]}{middle}[^/]*{runs[-1]}"


def _characters(part: str) -> Iterator[str]:
    """Translate a segment's characters and sets one by one; a star is left as it is."""
    at = 0
    while at < len(part):
        end = _set_end(part, at) if part[at] == "[" else at
        yield _set(part[at + 1 : end]) if end > at else _CHARACTERS.get(part[at], re.escape(part[at]))
        at = end + 1


def _without_wildcards(part: str) -> str:
    """Put one mark in the place of stars, question marks and sets."""
    text, at = "", 0
    while at < len(part):
        end = _set_end(part, at) if part[at] == "[" else at
        text += _WILD if end > at or part[at] in _CHARACTERS else part[at]
        at = end + 1
    return text


def _set_end(part: str, start: int) -> int:
    """Find the bracket that closes a set; `start` when there is none. One that comes first belongs to the set."""
    first = start + (2 if part[start + 1 : start + 2] == "!" else 1)
    end = part.find("]", first + 1)
    return end if end > first else start


def _set(content: str) -> str:
    """Translate what stands between brackets."""
    members = "".join(_members(content.removeprefix("!")))
    return f"[^/{members}]" if content.startswith("!") else f"(?!/)[{members}]"


def _members(content: str) -> Iterator[str]:
    for found in re.finditer(r"(.)-(.)|(.)", content, re.DOTALL):
        low, high, single = found.groups()
        if single is None and low > high:
            raise ValueError(f"the range {low}-{high} runs backwards")
        yield re.escape(single) if single else f"{re.escape(low)}-{re.escape(high)}"


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _compile(regex: str) -> re.Pattern[str]:
    return re.compile(regex, re.DOTALL)
