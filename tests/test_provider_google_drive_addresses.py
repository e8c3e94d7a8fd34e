"""The addresses that Drive is asked at, held against what Google's own client writes from Google's own document."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from googleapiclient.discovery import build
from hypothesis import given, settings
from hypothesis import strategies as st

from filesync.http import Route
from filesync.providers.google_drive.api import Drive, Reach, children_of
from filesync.providers.google_drive.translate import (
    CHANGES_FIELDS,
    DRIVES_FIELDS,
    FILES_PAGE_FIELDS,
    ITEM_FIELDS,
    START_TOKEN_FIELDS,
)
from tests import discovery

BASE = "https://www.googleapis.com"
ODD = "a b/ü?&=+%~*'\"\\<>#:@!$,;()[]{}|^`…\u200b\U0001f4c1"
TEXT = st.text(min_size=1, max_size=60)


class NotSentError(Exception):
    """Carries the address that would have been asked."""


class Nobody:
    """A connection that asks nobody."""

    def get(self, _route: Route, url: str) -> Any:
        raise NotSentError(url)


def ours(ask: Callable[[Drive], Any], base: str = BASE) -> str:
    with pytest.raises(NotSentError) as caught:
        ask(Drive(Nobody(), base))  # type: ignore[arg-type]
    return str(caught.value)


@cache
def google(base: str = BASE) -> Any:
    options = ClientOptions(api_endpoint=f"{base}/drive/v3/")
    return build("drive", "v3", http=object(), static_discovery=True, cache_discovery=False, client_options=options)


OF_DRIVE = {"driveId": "0A/ü", "includeItemsFromAllDrives": True, "supportsAllDrives": True}
OF_USER = {"includeItemsFromAllDrives": False, "supportsAllDrives": True}
OF_ALL = {"includeItemsFromAllDrives": True, "supportsAllDrives": True}
LIST = {"q": ODD, "pageSize": 1000, "fields": FILES_PAGE_FIELDS}
LOG = {"pageToken": ODD, "pageSize": 1000, "includeRemoved": True, "fields": CHANGES_FIELDS}


@pytest.mark.parametrize(
    ("ask", "collection", "method", "parameters"),
    [
        (lambda d: d.item(ODD), "files", "get", {"fileId": ODD, "supportsAllDrives": True, "fields": ITEM_FIELDS}),
        (
            lambda d: d.item("root"),
            "files",
            "get",
            {"fileId": "root", "supportsAllDrives": True, "fields": ITEM_FIELDS},
        ),
        (
            lambda d: d.items(ODD, Reach(), fields=FILES_PAGE_FIELDS, token=None),
            "files",
            "list",
            {**LIST, "corpora": "user", **OF_USER},
        ),
        (
            lambda d: d.items(ODD, Reach("0A/ü"), fields=FILES_PAGE_FIELDS, token=ODD),
            "files",
            "list",
            {**LIST, "corpora": "drive", **OF_DRIVE, "pageToken": ODD},
        ),
        (
            lambda d: d.items(ODD, Reach(everywhere=True), fields=FILES_PAGE_FIELDS, token=""),
            "files",
            "list",
            {**LIST, "corpora": "user", **OF_ALL},
        ),
        (lambda d: d.drives(None), "drives", "list", {"pageSize": 100, "fields": DRIVES_FIELDS}),
        (lambda d: d.drives(ODD), "drives", "list", {"pageSize": 100, "fields": DRIVES_FIELDS, "pageToken": ODD}),
        (lambda d: d.changes(ODD, Reach()), "changes", "list", {**LOG, **OF_USER}),
        (lambda d: d.changes(ODD, Reach("0A/ü")), "changes", "list", {**LOG, **OF_DRIVE}),
        (lambda d: d.changes(ODD, Reach(everywhere=True)), "changes", "list", {**LOG, **OF_ALL}),
        (
            lambda d: d.start_token(None),
            "changes",
            "getStartPageToken",
            {"supportsAllDrives": True, "fields": START_TOKEN_FIELDS},
        ),
        (
            lambda d: d.start_token(ODD),
            "changes",
            "getStartPageToken",
            {"supportsAllDrives": True, "fields": START_TOKEN_FIELDS, "driveId": ODD},
        ),
    ],
)
def test_an_address_is_the_one_that_googles_client_writes(
    ask: Callable[[Drive], Any], collection: str, method: str, parameters: dict[str, Any]
) -> None:
    theirs = getattr(getattr(google(), collection)(), method)(**parameters)
    assert (theirs.method, theirs.body) == ("GET", None)
    assert ours(ask) == theirs.uri


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "https://proxy.example/google"])
def test_another_base_url_is_asked_at_the_same_paths(base: str) -> None:
    theirs = google(base).files().get(fileId="1a", supportsAllDrives=True, fields=ITEM_FIELDS).uri
    assert ours(lambda drive: drive.item("1a"), base) == ours(lambda drive: drive.item("1a"), f"{base}/") == theirs


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=3), TEXT, TEXT, TEXT)
def test_any_text_is_written_as_googles_client_does(parents: list[str], fields: str, drive: str, token: str) -> None:
    query = children_of(parents)
    reach = {"corpora": "drive", **OF_DRIVE, "driveId": drive}
    theirs = google().files().list(q=query, pageSize=1000, fields=fields, **reach, pageToken=token).uri
    assert ours(lambda each: each.items(query, Reach(drive), fields=fields, token=token)) == theirs
    theirs = google().files().get(fileId=token, supportsAllDrives=True, fields=ITEM_FIELDS).uri
    assert ours(lambda each: each.item(token)) == theirs


def test_what_the_simulator_keeps_of_the_discovery_document_is_in_googles() -> None:
    kept = json.loads(discovery.KEPT.read_text(encoding="utf-8"))
    assert set(kept["schemas"]) >= {"About", "ChangeList", "DriveList", "File", "FileList", "StartPageToken"}
    assert [*missing({**kept, "revision": None}, discovery.google())] == []


def missing(part: Any, whole: Any, path: str = "") -> Iterator[str]:
    """Name what of a JSON value is not in another; what the other has beside it is left alone."""
    if isinstance(part, dict) and isinstance(whole, dict):
        for name, value in part.items():
            yield from missing(value, whole.get(name), f"{path}/{name}")
    elif part is not None and part != whole:
        yield path
