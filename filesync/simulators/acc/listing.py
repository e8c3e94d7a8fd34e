"""Pages: what is asked for, what is on one, and where the next is.

https://aps.autodesk.com/en/docs/data/v2/developers_guide/pagination and …/filtering: a page is cut
from everything first and filtered then, so that pages may be short, or empty, in the middle.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from filesync.simulators.acc import refusals
from filesync.simulators.acc.records import File, Folder, Version
from filesync.simulators.messages import Call

_FILTERS = ("filter[type]", "filter[id]", "filter[extension.type]", "filter[hidden]")
_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Paging:
    number: int
    limit: int

    @classmethod
    def of(cls, call: Call, largest: int) -> "Paging":
        """Read page[number] from 0 and page[limit] from 1 to 200; anything else is BAD_INPUT.

        A page has at most `largest` entries, whatever was asked for.
        """
        number, limit = call.query.get("page[number]", "0"), call.query.get("page[limit]", "200")
        if not number.isdecimal():
            raise refusals.bad_input("The page number is invalid.")
        if not limit.isdecimal() or not 1 <= int(limit) <= 200:
            raise refusals.bad_input("The limit value is invalid.")
        return cls(int(number), min(int(limit), largest))

    def cut(self, things: Sequence[_Thing]) -> Sequence[_Thing]:
        return things[self.number * self.limit : (self.number + 1) * self.limit]

    def links(self, call: Call, base: str, total: int) -> dict[str, dict[str, str]]:
        """Return the links: self, and next only while there is more."""
        found = {"self": {"href": self._href(call, base, self.number)}}
        if (self.number + 1) * self.limit < total:
            found["next"] = {"href": self._href(call, base, self.number + 1)}
        return found

    def _href(self, call: Call, base: str, number: int) -> str:
        query = {**call.query, "page[number]": number, "page[limit]": self.limit}
        return f"{base}{call.path}?{urlencode(query)}"


def wanted(query: Mapping[str, str]) -> Callable[[Folder | File], bool]:
    """Read a contents call's filters; one that the simulator does not know is refused, not ignored."""
    unknown = [name for name in query if name.startswith("filter[") and name not in _FILTERS]
    if unknown:
        raise refusals.bad_input(f"The filter {unknown[0]} is not supported.")
    kinds = _one_of(query, "filter[type]", {"folders", "items"})
    marks = _one_of(query, "filter[hidden]", {"true", "false"})
    if marks is None and query.get("includeHidden") != "true":
        marks = {"false"}
    ids, types = _values(query, "filter[id]"), _values(query, "filter[extension.type]")
    return lambda node: (
        (kinds is None or _kind(node) in kinds)
        and (marks is None or str(node.hidden).lower() in marks)
        and (ids is None or node.id in ids)
        and (types is None or _type(node) in types)
    )


def tip_at(file: File, horizon: float) -> Version | None:
    """Return the newest version that a listing with this horizon (monotonic seconds) shows."""
    if file.arrived > horizon:
        return None
    return next((version for version in reversed(file.versions) if version.arrived <= horizon), None)


def _values(query: Mapping[str, str], name: str) -> set[str] | None:
    return set(query[name].split(",")) if name in query else None


def _one_of(query: Mapping[str, str], name: str, allowed: set[str]) -> set[str] | None:
    values = _values(query, name)
    if values is not None and not values <= allowed:
        raise refusals.bad_input(f"The value of {name} is invalid.")
    return values


def _kind(node: Folder | File) -> str:
    return "folders" if isinstance(node, Folder) else "items"


def _type(node: Folder | File) -> str:
    return "folders:autodesk.bim360:Folder" if isinstance(node, Folder) else f"items:{node.type}"
