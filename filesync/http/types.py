"""The nouns of a request: what may be asked, what is asked, what comes back, and who vouches for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from filesync.core.errors import About, FilesyncError


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of the published list of requests; anything else is refused before it is sent."""

    name: str  # "folder contents": in error texts, logs and counters
    method: str  # "GET" or "POST"
    pattern: str  # regular expression for the whole path below the base URL's path
    per_minute: int | None = None  # the documented limit; None: no budget of its own
    answers: bool = True  # False: a success says nothing in JSON, so that its body is not parsed
    gives_login: bool = False  # its answer is an access token
    may_be_missing: bool = False  # asks whether something is still there: a 404 is an answer, not a failure
    tries: int | None = field(default=None, compare=False)  # the most that a failure is worth; None: as usual


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's JSON object."""

    url: str  # as sent, without query
    status: int
    body: Any
    headers: Mapping[str, str]  # case-insensitive
    date: datetime | None  # the answer's own Date header
    content: bytes = field(default=b"", repr=False)  # as received


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a service's error body means. `about` is UNKNOWN unless the service's list of refusals names it."""

    reason: str  # its own code: "AUTH-001", "rateLimitExceeded", ""
    detail: str  # one line for people
    retry: bool = False  # True: treat like 429 (Drive's 403 rateLimitExceeded)
    about: About = About.UNKNOWN


Explain = Callable[[int, Any], Refusal]  # (status, parsed body or None) -> what it means


class Authoriser(Protocol):
    """A login; safe to share between threads."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the current token; fetch or refresh one when needed."""

    def renew(self, rejected: Mapping[str, str]) -> None:
        """Forget the token of these headers after a 401, if it is still the current one."""


class Randomness(Protocol):
    """The part of `random.Random` that jitter needs."""

    def random(self) -> float:
        """Return a number of [0, 1)."""


@dataclass(frozen=True, slots=True)
class HttpAttempt:
    """One attempt as it went over the wire, for the log: no address, no header but the service's own request id."""

    method: str
    route: str
    status: int | None  # None: no usable answer
    attempt: int  # from 1
    milliseconds: int
    waited: float  # seconds of planned waiting since the attempt before
    request_id: str | None
    error_type: str | None = None  # why there is no usable answer
    is_failure: bool = False
    gives_login: bool = False
    answered_at: datetime | None = None  # the answer's own Date header


class RequestLog(Protocol):
    """Is called with every attempt, from any thread."""

    def __call__(self, attempt: HttpAttempt, /) -> None: ...


@dataclass(slots=True)
class HttpCall:
    """One request on its way through all its attempts; belongs to one thread."""

    route: Route
    url: str  # with query
    where: str  # route, method and address without query: how messages name the request
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    authorisation: Mapping[str, str] = field(default_factory=dict)  # the current token, set anew for each attempt
    is_login: bool = False  # a token request: counted apart, never authorised
    attempts: int = 0
    waited: float = 0.0  # seconds of planned waiting since the last attempt
    silent: float = 0.0  # seconds spent on attempts since the service last answered anything


@dataclass(frozen=True, slots=True)
class Reply:
    """What came over the wire; `body` is there once it was judged."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    body: Mapping[str, Any] | None = None


Send = Callable[[HttpCall], Reply]


class RetryableError(Exception):
    """An attempt failed in a way that may pass; `error` is what to raise when no attempt is left."""

    def __init__(self, error: FilesyncError, *, tries: int, waits_elsewhere: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.tries = tries  # attempts in all
        self.waits_elsewhere = waits_elsewhere  # the pace holds the request back: Retry-After
