"""Refusals that repeat what was sent: a service that leaks secrets into its messages."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from filesync.simulators.messages import Call, HttpResponse

_MESSAGES = ("error_description", "developerMessage", "message")


def echoed(answer: HttpResponse, call: Call) -> HttpResponse:
    """Put the form's values and the Authorization header into the refusal's message."""
    if not answer.content_type.startswith("application/json"):
        return answer
    body = json.loads(answer.body)
    _add(body, f" (got: {' '.join(_sent(call))})")
    return replace(answer, body=json.dumps(body, separators=(",", ":")).encode())


def _sent(call: Call) -> list[str]:
    values = [text for _, text in parse_qsl(call.body.decode("latin-1"))]
    return [call.headers.get("authorization", ""), *values]


def _add(part: Any, text: str) -> None:
    for name, value in part.items() if isinstance(part, dict) else enumerate(part):
        if name in _MESSAGES:
            part[name] = f"{value}{text}"
        elif isinstance(value, (dict, list)):
            _add(value, text)
