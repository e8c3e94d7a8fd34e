"""files.list: which items, in which order, up to where.

https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from filesync.simulators.drive import query
from filesync.simulators.drive.discovery import Parameters
from filesync.simulators.drive.fields import Mask, names
from filesync.simulators.drive.items import DriveUser, Item
from filesync.simulators.drive.matching import Reader, Test, compile_query
from filesync.simulators.drive.order import Order
from filesync.simulators.drive.refusals import (
    drive_corpora_required,
    drive_not_found,
    file_not_found,
    include_items_required,
    invalid,
    support_required,
)
from filesync.simulators.drive.state import DriveState

PAGE_WITH_PARENTS = 460  # googleapis/google-api-dotnet-client#808
PAGE_WITH_PERMISSIONS = 100

_SORTS: dict[str, Callable[[Item], Any]] = {
    "createdTime": lambda item: item.created_at,
    "folder": lambda item: not item.is_folder,
    "modifiedByMeTime": lambda item: item.modified_at,
    "modifiedTime": lambda item: item.modified_at,
    "name": lambda item: item.name.casefold(),
    "name_natural": lambda item: item.name.casefold(),
    "quotaBytesUsed": lambda item: item.content.size if item.content else 0,
    "recency": lambda item: item.modified_at,
    "sharedWithMeTime": lambda item: max(item.shared_with.values(), default=item.created_at),
    "starred": lambda item: not item.starred,
    "viewedByMeTime": lambda item: item.viewed_at or item.created_at,
}


@dataclass(frozen=True, slots=True)
class Found:
    """A page; `position` is where the next one begins, None at the end."""

    items: list[Item]
    position: int | None


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where to look: the order of candidates, and whether a candidate belongs."""

    candidates: Callable[[int | None], Iterator[int]]
    holds: Test


class Listing:
    """One files.list request, checked; `page` reads it from a position.

    `drops` (parent ids): what a grouped query loses.
    """

    def __init__(
        self, state: DriveState, user: DriveUser, parameters: Parameters, drops: Callable[[list[str]], frozenset[str]]
    ) -> None:
        self._state = state
        self._user = user
        self._given = parameters
        self._check_drives()
        self._node = query.parse(parameters["q"]) if parameters.get("q") else None
        self._parents = self._parents_asked()
        self._reader = Reader(user, state.look(), drops(self._parents))
        self._sorts = _sort_keys(parameters.get("orderBy"))

    def page(self, position: int | None, mask: Mask | None) -> Found:
        recent = {self._state.items[item_id].number for item_id in self._state.history.recent()}
        size = page_size(self._given["pageSize"], mask)
        if self._sorts:
            return self._sorted_page(position or 0, size, recent)
        found = list(islice(self._matches(position, recent), size + 1))
        more = found[size - 1].number if len(found) > size else None
        return Found(found[:size], more)

    def _sorted_page(self, position: int, size: int, recent: Iterable[int]) -> Found:
        found = list(self._matches(None, recent))
        for key, backwards in reversed(self._sorts):
            found.sort(key=key, reverse=backwards)
        end = position + size
        return Found(found[position:end], end if len(found) > end else None)

    def _matches(self, position: int | None, recent: Iterable[int]) -> Iterator[Item]:
        """Walk the candidates once, from the newest or from where the last page ended."""
        corpus = self._corpus()
        test = compile_query(self._node, self._reader) if self._node else None
        made = self._state.numbers_made(*query.span(self._node, "createdTime"))
        below = made.stop if position is None else min(made.stop, position)
        extra = sorted((number for number in recent if number < below), reverse=True)
        last = None
        for number in _newest_first(corpus.candidates(below), *([extra] if extra else [])):
            if number < made.start:
                return
            item = self._reader.look(self._state.id_at(number))
            if number == last or item is None or item.is_root:
                continue
            last = number
            if corpus.holds(item) and (test is None or test(item)):
                yield item

    def _corpus(self) -> Corpus:
        """Find the cheapest order of candidates: the asked folders' children, a drive's items, or the user's."""
        holds = self._belongs()
        orders = [self._state.children[parent] for parent in self._parents]
        if not orders or not _needs_a_parent(self._node):
            orders = list(self._wide_orders())
        return Corpus(lambda below: _newest_first(*(order.below(below) for order in orders)), holds)

    def _wide_orders(self) -> Iterator[Order]:
        corpora = self._given["corpora"]
        if corpora == "drive":
            yield self._state.in_drive[self._given["driveId"]]
            return
        yield self._state.in_corpus[self._user.email]
        if corpora == "allDrives" or (self._parents and self._given["includeItemsFromAllDrives"]):
            yield from (self._state.in_drive[drive.id] for drive in self._my_drives())

    def _my_drives(self) -> Iterator[Any]:
        return (drive for drive in self._state.drives.values() if self._user.email in drive.members)

    def _belongs(self) -> Test:
        """Return a test for the items in this corpus, under these switches."""
        state, email, drives = self._state, self._user.email, self._state.drives
        if self._given["corpora"] == "domain":
            return lambda _item: False  # nothing here is shared with a whole domain
        if self._given["corpora"] == "drive":
            drive_id = self._given["driveId"]
            return lambda item: item.home == drive_id and self._sees_now(item)
        if self._given["includeItemsFromAllDrives"]:
            return self._sees_now
        return lambda item: item.home not in drives and email in state.access.may_see(state.items[item.id])

    def _sees_now(self, item: Item) -> bool:
        return self._state.may_see(self._state.items[item.id], self._user.email)

    def _check_drives(self) -> None:
        given = self._given
        if given["corpora"] not in ("user", "domain", "drive", "allDrives"):
            raise invalid("corpora")
        if given["spaces"] != "drive":
            raise invalid("spaces")
        wants_drives = given["corpora"] in ("drive", "allDrives")
        if (given["corpora"] == "drive") != bool(given.get("driveId")):
            raise drive_corpora_required()
        if wants_drives and not given["includeItemsFromAllDrives"]:
            raise include_items_required()
        if given["includeItemsFromAllDrives"] and not given["supportsAllDrives"]:
            raise support_required()
        check_member(self._state, self._user, given.get("driveId"))

    def _parents_asked(self) -> list[str]:
        """Return the real ids of the folders asked for; an invisible one is refused, as recorded, without its id.

        The recording: ivanvermeyen/laravel-google-drive-demo#49, "File not found: .". Whether one such parent refuses a
        whole group is unconfirmed.
        """
        if self._node is None:
            return []
        asked = {str(term.value) for term in query.terms(self._node) if term.field == "parents"}
        ids = sorted(self._user.root_id if name == "root" else name for name in asked)
        for folder_id in ids:
            folder = self._state.items.get(folder_id)
            hidden = folder and folder.home in self._state.drives and not self._given["supportsAllDrives"]
            if folder is None or hidden or not self._state.may_see(folder, self._user.email):
                raise file_not_found("")
        return ids


def _newest_first(*orders: Iterable[int]) -> Iterator[int]:
    """Merge descending numbers; those of one order cost nothing."""
    return iter(orders[0]) if len(orders) == 1 else heapq.merge(*orders, reverse=True)


def page_size(asked: int, mask: Mask | None) -> int:
    """Cap a page by what is asked of each file."""
    if names(mask, "permissions"):
        return min(asked, PAGE_WITH_PERMISSIONS)
    return min(asked, PAGE_WITH_PARENTS) if names(mask, "parents") else asked


def check_member(state: DriveState, user: DriveUser, drive_id: str | None) -> None:
    """Refuse a shared drive that is not there for this user."""
    drive = state.drives.get(drive_id) if drive_id else None
    if drive_id and (drive is None or user.email not in drive.members):
        raise drive_not_found(drive_id)


def _needs_a_parent(node: query.Node | None) -> bool:
    """Return whether nothing outside the asked folders can match."""
    if isinstance(node, query.Term):
        return node.field == "parents"
    if isinstance(node, query.And):
        return _needs_a_parent(node.left) or _needs_a_parent(node.right)
    if isinstance(node, query.Or):
        return _needs_a_parent(node.left) and _needs_a_parent(node.right)
    return False


def _sort_keys(text: str | None) -> list[tuple[Callable[[Item], Any], bool]]:
    keys = []
    for part in text.split(",") if text else ():
        name, _, direction = part.strip().partition(" ")
        if name not in _SORTS or direction not in ("", "desc"):
            raise invalid("orderBy")
        keys.append((_SORTS[name], direction == "desc"))
    return keys
