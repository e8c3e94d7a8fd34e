"""Globs by the book: slow, simple, and written apart from `filesync.core.globs`."""

import unicodedata
from collections.abc import Sequence


def matches(pattern: str, path: str) -> bool:
    """Tell whether a path matches, segment by segment and character by character."""
    return _segments(_composed(pattern).split("/"), _composed(path).split("/"))


def _segments(pattern: Sequence[str], path: Sequence[str]) -> bool:
    reached = {0}  # how many segments of the path may have been read
    for number, part in enumerate(pattern):
        if part != "**":
            reached = {at + 1 for at in reached if at < len(path) and _characters(part, path[at])}
        elif number < len(pattern) - 1:
            reached |= {end for at in reached for end in range(at, len(path)) if all(path[at:end])}
        else:  # everything below: at least one character more
            return any(at < len(path) and "/".join(path[at:]) != "" for at in reached)
    return len(path) in reached


def _characters(pattern: str, name: str) -> bool:
    reached = {0}
    at = 0
    while at < len(pattern):
        end = _end_of_set(pattern, at)
        piece = pattern[at : end + 1]
        at = end + 1
        if piece == "*":
            reached = set(range(min(reached), len(name) + 1)) if reached else set()
        else:
            reached = {place + 1 for place in reached if place < len(name) and _fits(piece, name[place])}
    return len(name) in reached


def _end_of_set(pattern: str, at: int) -> int:
    if pattern[at] != "[":
        return at
    first = at + 1 + (pattern[at + 1 : at + 2] == "!")
    end = pattern.find("]", first + 1)
    return end if end > first else at


def _fits(piece: str, char: str) -> bool:
    if piece == "?":
        return True
    if len(piece) == 1:
        return piece == char
    content = piece[1:-1]
    negated = content.startswith("!")
    return _is_member(content.removeprefix("!"), char) is not negated


def _is_member(content: str, char: str) -> bool:
    at = 0
    while at < len(content):
        if content[at + 1 : at + 2] == "-" and at + 2 < len(content):
            if content[at] <= char <= content[at + 2]:
                return True
            at += 3
        else:
            if content[at] == char:
                return True
            at += 1
    return False


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
