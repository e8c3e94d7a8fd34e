"""Logins in tests: a person who logs in at Autodesk, the file that is kept of it, and how often a service was asked."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from filesync.core.timestamps import to_timestamp
from tests.support.browsers import Person, callback_port
from tests.support.homes import Acc, Ended, Home


def log_in_at_autodesk(acc: Acc) -> Ended:
    """Log in with a browser whose person agrees."""
    acc.home.browser = Person()
    ended = acc.home.run("auth", "autodesk", "login", "--port", callback_port(acc.service))
    assert ended.code == 0, ended.err
    return ended


def login_file(acc: Acc) -> Path:
    (path,) = (acc.home.path / "tokens").glob("autodesk-three-legged-*.json")
    return path


def change_login(acc: Acc, **fields: Any) -> None:
    path = login_file(acc)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **fields}))


def let_access_run_out(acc: Acc, hours: float = 2) -> None:
    """Let the access token end, fetched so many hours ago, and forget the requests so far."""
    ends = acc.service.clock.now() - timedelta(hours=hours - 1)
    change_login(acc, obtained_at=to_timestamp(ends - timedelta(hours=1)), expires_at=to_timestamp(ends))
    acc.service.reset()


def shown_login(home: Home, service: str) -> dict[str, Any]:
    """Read the only row of `auth … status`."""
    (row,) = json.loads(home.run("auth", service, "status", "--json").out)["logins"]
    assert isinstance(row, dict)
    return row


def token_requests(service: Any) -> int:
    return int(service.count("token", exclude_token=False))
