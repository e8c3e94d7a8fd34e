"""Single odd answers of Autodesk's, each told apart from what it looks like: whose turn it is, and what is named."""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import responses

from filesync.core.errors import (
    AuthError,
    FilesyncError,
    NotAdmittedError,
    NotFoundError,
    ResponseError,
    ServiceDownError,
)
from filesync.http import Connector, Counters
from filesync.providers.autodesk import KIND
from filesync.providers.autodesk.details import AutodeskDetails
from filesync.providers.base import Provider, Surroundings
from filesync.runtime.clock import Stop
from filesync.simulators.clock import SimulatedClock

SERVICE = "https://developer.api.autodesk.com"
TOKEN = f"{SERVICE}/authentication/v2/token"
HUBS = re.compile(rf"{re.escape(SERVICE)}/project/v1/hubs.*")
PROJECT = "b.00000000-1111-4111-8111-111111111111"
HTML = "<html><body>Sign in to continue</body></html>"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    clock = SimulatedClock(datetime(2026, 3, 1, tzinfo=UTC), frozen=True)
    connector = Connector(
        clock=clock,
        stop=Stop(clock),
        counters=Counters(),
        limits_folder=tmp_path / "limits",
        percent=100,
        random=random.Random(1),
        environ={},
    )
    variables = {"CONNECTOR_AUTODESK_CLIENT_ID": "client", "CONNECTOR_AUTODESK_CLIENT_SECRET": "of-the-client"}
    details = AutodeskDetails.model_validate({"project_id": PROJECT})
    yield KIND.open(details, Surroundings(variables, connector, clock, lambda name: tmp_path / name))
    connector.close()


def say(**answer: Any) -> None:
    """Log in, and answer the first question of a sync like that."""
    responses.post(TOKEN, json={"access_token": "a-token", "expires_in": 3599, "token_type": "Bearer"})
    responses.get(HUBS, **answer)


def ask(provider: Provider) -> None:
    """Begin a first sync."""
    nothing_known = SimpleNamespace(state={}, full=False, root=lambda: None)
    next(iter(provider.read(nothing_known)))


def errors(code: str, detail: str) -> dict[str, Any]:
    """The errors of the Data Management API: https://aps.autodesk.com/en/docs/data/v2/developers_guide/errors/."""
    return {"jsonapi": {"version": "1.0"}, "errors": [{"status": "403", "code": code, "detail": detail}]}


ODD: dict[str, tuple[dict[str, Any], type[FilesyncError], str]] = {
    "a sign-in page with status 200": ({"body": HTML, "content_type": "text/html"}, ResponseError, "not JSON"),
    "JSON that is no list of hubs": ({"json": {"data": {}}}, ResponseError, "hubs"),
    "nothing at all": ({"body": b""}, ResponseError, "hubs"),
    "JSON cut in its middle": ({"body": '{"data": [', "content_type": "application/json"}, ResponseError, "hubs"),
    "an app without this API": (
        {"status": 403, "json": {"errorCode": "AUTH-001", "developerMessage": "no access to the api product"}},
        NotAdmittedError,
        "AUTH-001",
    ),
    "an account that has not let the app in": (
        {"status": 403, "json": errors("BIM360DM_ERROR", "You don't have permission to view this project")},
        FilesyncError,
        "permission",
    ),
    "a token that is refused again": ({"status": 401, "json": {"errorCode": "AUTH-006"}}, AuthError, "AUTH-006"),
    "an address that is not there": ({"status": 404, "body": HTML}, FilesyncError, "404"),
    "a gateway that is down": ({"status": 502, "body": HTML, "content_type": "text/html"}, ServiceDownError, "502"),
}


@pytest.mark.parametrize("case", ODD)
@responses.activate
def test_an_odd_answer_is_one_error_that_says_what_came(provider: Provider, case: str) -> None:
    answer, error, said = ODD[case]
    say(**answer)
    with pytest.raises(error, match=said) as raised:
        ask(provider)
    assert str(raised.value).isprintable()
    assert "a-token" not in str(raised.value)


@responses.activate
def test_a_project_in_no_hub_is_named_with_what_the_login_sees(provider: Provider) -> None:
    hub = {"type": "hubs", "id": "b.1", "attributes": {"name": "Builders", "region": "US"}}
    say(json={"data": [hub], "links": {}})
    responses.get(f"{SERVICE}/project/v1/hubs/b.1/projects/{PROJECT}", status=404, json=errors("NOT_FOUND", "no such"))
    with pytest.raises((NotAdmittedError, NotFoundError), match=PROJECT):
        ask(provider)
