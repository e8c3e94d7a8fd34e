"""The simulated Drive's `q`."""

import string
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.drive.query import And, Not, Or, Term, parse
from filesync.simulators.messages import Refused
from tests.support.drive_client import ANNA, Client

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "q",
    [
        "bogus",
        "trashed",
        "trashed=",
        "trashed='false'",
        "trashed=False",
        "trashed=false and",
        "and trashed=false",
        "trashed=false trashed=false",
        "(trashed=false",
        "trashed=false)",
        "()",
        "not",
        "name='unclosed",
        "name='it's'",
        r"name='a\'",
        r"name='a\n'",
        "name=a",
        "name < 'a'",
        "name in parents",
        "parents in 'a'",
        "'a' in names",
        "'a' in",
        "'a'",
        "mimeType has 'a'",
        "modifiedTime > 'yesterday'",
        "modifiedTime > 5",
        "modifiedTime contains '2026'",
        "trashed=false AND trashed=false",
        "properties has { key='a' }",
        "properties has 'a'",
        "visibility='secret'",
        "id='a'",
        "size > '5'",
        "name=='a'",
        "name='a';",
        "title='a'",
    ],
)
def test_a_query_outside_the_grammar_is_refused(q: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(q)
    assert refused.value.answer.status == 400
    assert b'"location":"q"' in refused.value.answer.body


@pytest.mark.parametrize(
    ("q", "value"),
    [
        (r"name='it\'s'", "it's"),
        (r"name='a\\'", "a\\"),
        (r"name='\\\''", "\\'"),
        ("name=' and trashed=true or ('", " and trashed=true or ("),
        ("name=''", ""),
        ('name="it\'s"', "it's"),
        ("  name  =  'a'  ", "a"),
        ("name='平面図'", "平面図"),
    ],
)
def test_strings_are_unescaped(q: str, value: str) -> None:
    assert parse(q) == Term("name", "=", value)


def test_and_and_or_are_read_from_left_to_right() -> None:
    a, b, c = (Term("name", "=", name) for name in "abc")
    assert parse("name='a' or name='b' and name='c'") == And(Or(a, b), c)
    assert parse("name='a' or (name='b' and name='c')") == Or(a, And(b, c))
    assert parse("not name='a' and name='b'") == And(Not(a), b)
    assert parse("((name='a'))") == a


def test_a_deep_tree_is_read() -> None:
    assert parse("(" * 100 + "trashed=false" + ")" * 100) == Term("trashed", "=", False)


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert parse("modifiedTime>'2026-01-02T12:00:00'") == Term("modifiedTime", ">", NOON)
    assert parse("modifiedTime>'2026-01-02T14:00:00+02:00'") == Term("modifiedTime", ">", NOON)


@pytest.fixture(scope="module")
def drive() -> Iterator[GoogleDrive]:
    with GoogleDrive(SimulatedClock(NOON, frozen=True)) as service:
        service.state.add_user(ANNA)
        service.quota.scale = None
        yield service


@pytest.fixture(scope="module")
def anna(drive: GoogleDrive) -> Iterator[Client]:
    state, root = drive.state, drive.state.root_of(ANNA)
    old = NOON.replace(year=2001)
    folder = state.add_folder(root, "Plans", created_at=old)
    state.add_file(folder, "it's.pdf", created_at=old)
    state.add_file(folder, "back\\slash.txt", created_at=old)
    state.add_native(root, "Monthly report")
    state.add_shortcut(root, "To plans", folder)
    state.trash(state.add_file(root, "trashed.pdf"))
    client = Client(drive, ANNA)
    yield client
    client.session.close()


@pytest.mark.parametrize(
    ("q", "names"),
    [
        (r"name = 'it\'s.pdf'", ["it's.pdf"]),
        (r"name = 'IT\'S.PDF'", ["it's.pdf"]),
        (r"name = 'back\\slash.txt'", ["back\\slash.txt"]),
        ("name contains 'rep'", ["Monthly report"]),
        ("name contains 'onthly'", []),
        ("name contains 'plan'", ["Plans", "To plans"]),
        ("mimeType = 'application/vnd.google-apps.folder'", ["Plans"]),
        (
            "mimeType contains 'application/vnd.google-apps' and mimeType != 'application/vnd.google-apps.folder'",
            ["Monthly report", "To plans"],
        ),
        ("trashed = true", ["trashed.pdf"]),
        ("trashed != true and name contains 'trashed'", []),
        ("createdTime < '2002-01-01T00:00:00'", ["Plans", "back\\slash.txt", "it's.pdf"]),
        ("modifiedTime >= '2026-01-02T12:00:00' and trashed=false", ["Monthly report", "To plans"]),
        ("viewedByMeTime > '2001-01-01T00:00:00'", []),
        ("'me' in owners and mimeType='text/plain'", ["back\\slash.txt"]),
        ("'anna@example.com' in owners and mimeType='text/plain'", ["back\\slash.txt"]),
        ("'root' in parents and trashed=false", ["Monthly report", "Plans", "To plans"]),
        ("not 'root' in parents", ["back\\slash.txt", "it's.pdf"]),
        ("'root' in parents or name contains 'back'", ["Monthly report", "Plans", "To plans", "back\\slash.txt"]),
        ("sharedWithMe", []),
        ("sharedWithMe = false and trashed=true", ["trashed.pdf"]),
        ("starred = true", []),
        ("visibility = 'limited' and trashed=true", ["trashed.pdf"]),
        ("properties has { key='a' and value='b' }", []),
    ],
)
def test_a_query_finds_what_it_says(anna: Client, q: str, names: list[str]) -> None:
    found = anna.names(f"({q})")
    assert [name for name in found if "trashed" in q or name != "trashed.pdf"] == names


def test_a_shortcut_is_found_by_its_target(drive: GoogleDrive, anna: Client) -> None:
    target = next(item.id for item in drive.state.items.values() if item.name == "Plans")
    assert anna.names(f"shortcutDetails.targetId = '{target}'") == ["To plans"]


def test_a_bad_query_is_answered_as_recorded(anna: Client) -> None:
    answer = anna.answer("files", q="bogus ((")
    error = {"message": "Invalid Value", "domain": "global", "reason": "invalid"}
    error |= {"location": "q", "locationType": "parameter"}
    assert answer.json() == {"error": {"code": 400, "message": "Invalid Value", "errors": [error]}}


@pytest.mark.parametrize("name", ["'", "\\", "\\'", "''", "a' or trashed=true or name='b", *string.punctuation])
def test_any_name_can_be_asked_for(anna: Client, name: str) -> None:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    assert parse(f"name = '{escaped}'") == Term("name", "=", name)
    assert anna.names(f"name = '{escaped}'") == []


@pytest.mark.parametrize("days", [[1, 2, 2, 3, 4], [3, 1, 4, 2, 2]], ids=["in turn", "out of turn"])
@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("createdTime >= '{2}' and createdTime < '{4}'", {2, 3}),
        ("createdTime > '{2}' and createdTime <= '{4}'", {3, 4}),
        ("createdTime < '{2}' or createdTime > '{3}'", {1, 4}),
        ("not createdTime < '{3}'", {3, 4}),
        ("createdTime < '{3}' and not createdTime < '{2}'", {2}),
        ("createdTime = '{2}'", {2}),
        ("createdTime < '{1}'", set()),
    ],
)
def test_a_span_of_time_holds_what_was_made_in_it(days: list[int], q: str, found: set[int]) -> None:
    with GoogleDrive(SimulatedClock(datetime(2026, 3, 1, tzinfo=UTC), frozen=True)) as drive:
        root = drive.state.add_user(ANNA).root_id
        for number, day in enumerate(days):
            drive.state.add_file(root, f"{day} {number}", created_at=datetime(2026, 3, day, tzinfo=UTC))
        client = Client(drive, ANNA)
        times = [""] + [f"2026-03-0{day}T00:00:00Z" for day in range(1, 5)]
        asked = f"({q.format(*times)}) and trashed=false and 'me' in owners"
        wanted = sorted(f"{day} {number}" for number, day in enumerate(days) if day in found)
        pages = client.pages("files", q=asked, pageSize=1, fields="nextPageToken,files(name)")
        assert sorted(file["name"] for page in pages for file in page["files"]) == wanted
        client.session.close()
