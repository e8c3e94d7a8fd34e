"""From an event to what is sent: the body with its id, the signature, the address of a ping."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from filesync.core.alerts import PING

_ENCODED = "whsec_"  # secrets that begin so are base64: https://www.standardwebhooks.com
_PATHS = {"start": "/start", "success": "", "fail": "/fail"}
_LONGEST_TEXT = 2_000  # characters of what a ping says


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to be sent; of a ping `facts` has `result` and `rid`.

    `message_id` is its row in the outbox, `last_seq` how far the feed is read by who has it.
    """

    id: str
    event: str
    facts: Mapping[str, Any]
    message_id: int | None = None
    last_seq: int | None = None

    def content(self, scrub: Callable[[str], str]) -> bytes:
        """Write the body, without any secret of this home."""
        if self.event == PING:
            return scrub(str(self.facts["text"]))[:_LONGEST_TEXT].encode("utf-8", "replace")
        text = scrub(json.dumps({"id": self.id, **self.facts}, ensure_ascii=False))
        return text.encode("utf-8", "replace")


def signed(letter: Message, content: bytes, secret: str, now: datetime) -> dict[str, str]:
    """Return the headers of a message; with a secret they sign id, time and body.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    sent_at = str(int(now.timestamp()))
    headers = {"Content-Type": "application/json", "Webhook-Id": letter.id, "Webhook-Timestamp": sent_at}
    if secret:
        text = f"{letter.id}.{sent_at}.".encode() + content
        digest = hmac.new(_key(secret), text, hashlib.sha256).digest()
        headers["Webhook-Signature"] = f"v1,{base64.b64encode(digest).decode('ascii')}"
    return headers


def ping_address(url: str, result: str, rid: str) -> str:
    """Return the address that says `start`, `success` or `fail` of a run."""
    parts = urlsplit(url)
    query = "&".join(each for each in (parts.query, urlencode({"rid": rid})) if each)
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}{_PATHS[result]}", query, ""))


def _key(secret: str) -> bytes:
    if secret.startswith(_ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
        except ValueError:
            return secret.encode("utf-8")
    return secret.encode("utf-8")
