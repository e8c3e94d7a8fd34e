"""What comes in, what goes out, and which function stands between: the simulators' picture of HTTP."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came in; `headers` has lower-case names, `ids` what stood in the route's braces, decoded."""

    method: str
    path: str  # as sent, still percent-encoded
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    ids: Mapping[str, str] = field(default_factory=dict)
    client: str = ""  # whose budget it spends, once authorised
    target: str = ""  # path and query as sent

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> "Call":
        """Read a request target; of a parameter that is given twice the last counts."""
        path, _, query = target.partition("?")
        return cls(method, path, dict(parse_qsl(query, keep_blank_values=True)), headers, body, target=target)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: Any, *, status: int = 200, content_type: str = "application/json") -> "HttpResponse":
        return cls(status, json.dumps(value, separators=(",", ":")).encode(), content_type)

    def with_headers(self, **headers: str) -> "HttpResponse":
        """Add headers; an underscore stands for a hyphen."""
        more = {name.replace("_", "-"): text for name, text in headers.items()}
        return replace(self, headers={**self.headers, **more})


class Refused(Exception):  # noqa: N818 - it is an answer on its way out, not a failure of the program
    """Raised anywhere below a route: this is the answer."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


class ServedRoute:
    """A method and a path such as `/projects/{project}/folders`; `token` marks the login's own routes."""

    def __init__(
        self, name: str, method: str, path: str, reply: Callable[[Call], HttpResponse], *, token: bool = False
    ) -> None:
        self.name = name
        self.method = method
        self.reply = reply
        self.token = token
        self._pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))

    def match(self, path: str) -> dict[str, str] | None:
        """Return the decoded ids when the path is this route's, else None."""
        found = self._pattern.fullmatch(path)
        return {name: unquote(text) for name, text in found.groupdict().items()} if found else None


@dataclass(frozen=True, slots=True)
class Request:
    """What the log keeps of a request; `status` is 0 when no answer was sent, `route` '' when none matched."""

    method: str
    path: str
    query: Mapping[str, str]
    route: str
    status: int
    token: bool
    client: str
    at: float  # the clock's monotonic seconds
