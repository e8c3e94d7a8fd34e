"""The ways in which a request fails, and how the sync may end then."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from filesync.simulators import faults
from filesync.simulators.acc import refusals as acc
from filesync.simulators.drive import refusals as drive
from filesync.simulators.faults import Fault
from filesync.simulators.messages import Refused

SILENCE = 0.2  # seconds that the client waits for an answer here, and a server that hangs takes longer than
HANG = faults.hang(2 * SILENCE)
LATE = faults.hang(3 * SILENCE)  # meanwhile the endpoint's time limit passes
TIME_LIMIT = 301.0  # seconds


class Ending(NamedTuple):
    status: str
    error_type: str | None
    exit_code: int


GOOD = Ending("success", None, 0)
PARTIAL = Ending("partial", "unreadable", 3)
INTERRUPTED = Ending("interrupted", "time_limit", 0)
LOGIN = Ending("failed", "login", 77)
BAD_ANSWER = Ending("failed", "bad_answer", 1)
REFUSED = Ending("failed", "refused", 1)
FORBIDDEN = Ending("failed", "forbidden", 1)
NOT_FOUND = Ending("failed", "not_found", 1)
ARCHIVED = Ending("failed", "archived", 1)
NETWORK = Ending("failed", "network", 75)
LIMITED = Ending("failed", "rate_limited", 75)
DOWN = Ending("failed", "service_down", 75)

Ends = Mapping[str, tuple[Ending, ...]]  # by the route that was struck first, '' for any other


@dataclass(frozen=True)
class Way:
    """What happens to one request (`once`), or to it and all after it (`always`), and how the sync may end.

    `about_one` tells a refusal of just what was asked for: in a look-up by id it says that the thing is gone.
    """

    name: str
    fault: Fault
    once: Ends
    always: Ends
    about_one: bool = False

    def endings(self, route: str, *, always: bool) -> tuple[Ending, ...]:
        ends = self.always if always else self.once
        return ends.get(route, ends[""])


def _absorbed(name: str, fault: Fault, outlasts: Ending) -> Way:
    """What is tried again: once it is never seen, and going on it outlasts the tries."""
    return Way(name, fault, {"": (GOOD,)}, _ends(outlasts))


def _final(name: str, fault: Fault, ending: Ending) -> Way:
    return Way(name, fault, _ends(ending), _ends(ending))


def _ends(ending: Ending) -> Ends:
    """End so; but what a command cannot show, because the service fails, is asked for item by item."""
    return {"": (ending,), **({"commands": (GOOD, ending)} if ending in (DOWN, BAD_ANSWER) else {})}


def _unspoken(name: str, fault: Fault, ending: Ending) -> Way:
    """What is tried no more, but may be one folder's: Drive's folders that were asked for together are asked singly."""
    return Way(name, fault, {"": (ending,), "files.list": (GOOD, ending)}, {"": (ending,)})


def _said(refused: Refused) -> Fault:
    answer = refused.answer
    return Fault(faults.Kind.STATUS, answer.status, answer.body, answer.content_type, answer.headers)


def _json(value: object) -> Fault:
    return faults.status(200, json.dumps(value).encode())


COMMON = (
    _absorbed("dropped before the answer", faults.DROP, NETWORK),
    _absorbed("reset in the body", faults.RESET, NETWORK),
    _absorbed("hangs", HANG, NETWORK),
    _final("hangs past the time limit", LATE, INTERRUPTED),
    _absorbed("truncated JSON", faults.TRUNCATED, BAD_ANSWER),
    Way("right but called text", faults.WRONG_TYPE, {"": (GOOD,)}, {"": (GOOD,)}),
    _unspoken("an HTML login page with 200", faults.LOGIN_PAGE, BAD_ANSWER),
    _unspoken("a list for an object", _json([]), BAD_ANSWER),
    _unspoken("an empty object", _json({}), BAD_ANSWER),
    Way("401", faults.status(401), {"": (GOOD,)}, {"": (LOGIN,)}),
    _absorbed("408", faults.status(408), NETWORK),
    _absorbed("429 with Retry-After", faults.status(429, headers={"Retry-After": "25"}), LIMITED),
    _absorbed("429 without Retry-After", faults.status(429), LIMITED),
    _absorbed("500", faults.status(500), DOWN),
    _absorbed("503 in HTML", faults.status(503, b"<html><h1>503</h1></html>"), DOWN),
)


def _of_acc(name: str, fault: Fault, refused: Ending) -> Way:
    """The service's own 403 or 404 about what was asked for."""
    nowhere = (refused, NOT_FOUND)  # a project that no hub admits to is not found
    once = {
        "": (refused,),
        "project": nowhere,
        "top_folders": (GOOD, refused),  # where the project was remembered to be, it is looked for once more
        "contents": (PARTIAL, REFUSED, refused),  # the endpoint's own folder has no parent that lists it
        # what is refused is held against something that can be read; when that is refused as well it proves nothing
        **dict.fromkeys(("commands", "item"), (GOOD, REFUSED)),
        "folder": (GOOD, REFUSED, refused),
    }
    return Way(name, fault, once, {**once, "top_folders": nowhere}, about_one=True)


def _wordless_of_acc(name: str, fault: Fault, refused: Ending) -> Way:
    """A 403 or 404 that Autodesk did not say: it is no evidence about a folder, nor in a look-up."""
    nowhere = (refused, NOT_FOUND)
    places = {"": (refused,), "project": nowhere, "folder": (REFUSED, refused)}  # it may be what is held against others
    # a command that is refused is asked again in halves, and then item by item
    once = {**places, "top_folders": (GOOD, refused), "commands": (GOOD,)}
    return Way(name, fault, once, {**places, "top_folders": nowhere})


def _of_drive(name: str, fault: Fault, refused: Ending) -> Way:
    once = {
        "": (refused,),
        "files.list": (GOOD, PARTIAL, refused),
        "files.get": (GOOD, refused),
        "changes.list": (GOOD,),  # a log that cannot be read is replaced by a listing
        "changes.getStartPageToken": (GOOD, refused),
    }
    always = {**once, "changes.list": (GOOD, refused), "changes.getStartPageToken": (refused,)}
    return Way(name, fault, once, always, about_one=True)


def _of_token(name: str, fault: Fault, refused: Ending) -> Way:
    """What a token that is no longer known may be refused with: what carries one begins anew, once."""
    once = {"": (refused,), "files.list": (GOOD, refused), "changes.list": (GOOD,)}
    return Way(name, fault, once, {**once, "changes.list": (GOOD, refused)})


def _reason(code: int, reason: str, message: str = "No.") -> Fault:
    return _said(drive.refusal(code, reason, message))


def _not_provisioned() -> Way:
    fault = _said(acc.document(403, "BIM360DM_ERROR", "You don't have permission to access this API"))
    once = {"": (LOGIN,), "top_folders": (GOOD, LOGIN)}  # another hub's account may know the app
    return Way("403 of an account that does not know the app", fault, once, {"": (LOGIN,)})


_PROXY = b"<html><h1>Blocked</h1></html>"
ACC = (
    *COMMON,
    _of_acc("403 FORBIDDEN", _said(acc.forbidden("resource")), FORBIDDEN),
    _of_acc("404 of the service", _said(acc.not_found("item", "urn:x")), NOT_FOUND),
    _final("403 AUTH-001", _said(acc.gateway(403, "AUTH-001", "No access to the api product")), LOGIN),
    _final("403 AUTH-010", _said(acc.gateway(403, "AUTH-010", "Token does not have the privilege")), LOGIN),
    _not_provisioned(),
    _final("403 of a project that is not active", _said(acc.inactive("b.x")), ARCHIVED),
    _wordless_of_acc("403 of a proxy", faults.status(403, _PROXY), FORBIDDEN),
    _wordless_of_acc("404 of a proxy", faults.status(404, _PROXY), NOT_FOUND),
    Way(
        "400",
        _said(acc.bad_input("No.")),
        {"": (REFUSED,), "commands": (GOOD,)},
        {"": (REFUSED,), "commands": (GOOD, REFUSED)},
    ),
    _final("410", faults.status(410), REFUSED),
)
_DRIVE_LIMITS = ("userRateLimitExceeded", "rateLimitExceeded")
_NOT_ADMITTED = ("appNotAuthorizedToFile", "insufficientPermissions", "domainPolicy", "CONSUMER_SUSPENDED")
DRIVE = (
    *COMMON,
    *(_absorbed(f"403 {reason}", _reason(403, reason), LIMITED) for reason in _DRIVE_LIMITS),
    _of_drive("403 insufficientFilePermissions", _reason(403, "insufficientFilePermissions"), FORBIDDEN),
    _of_drive("404 of the service", _said(drive.file_not_found("x")), NOT_FOUND),
    _final("403 dailyLimitExceeded", _reason(403, "dailyLimitExceeded"), FORBIDDEN),
    *(_final(f"403 {reason}", _reason(403, reason), LOGIN) for reason in _NOT_ADMITTED),
    _final("403 accessNotConfigured", _said(drive.access_not_configured()), LOGIN),
    _unspoken("403 of a proxy", faults.status(403, _PROXY), FORBIDDEN),
    _of_token("404 of a proxy", faults.status(404, _PROXY), NOT_FOUND),
    _of_token("400", _reason(400, "invalid"), REFUSED),
    _of_token("410", faults.status(410), REFUSED),
)
# What a login answers instead of a token.
TOKEN = (
    *(way for way in COMMON if way.name not in ("401", "hangs past the time limit")),
    *(_final(str(code), faults.status(code), LOGIN) for code in (400, 401, 403, 404)),
)
