"""First listings of many files, which are read in parts, several at once: what they cost, and that nothing is lost."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filesync.providers.google_drive.parts import Part, Sample, cut
from filesync.providers.google_drive.prefetch import TACTICS
from filesync.simulators import faults
from filesync.sync.options import SyncOptions
from tests.adversarial.model.killing import Death, sync_and_die
from tests.support.homes import Drive
from tests.support.truth import assert_drive_truth

PAGE = 5  # files
FILES = 24 * PAGE
OF_PART = "createdTime"  # stands in the query of a part, and of nothing else
ASKED = "createdTime+"  # the same in an address; the list of fields has a comma after it
YEAR = timedelta(days=365)
NOW = datetime(2026, 3, 1, tzinfo=UTC)

Ages = Callable[[int], timedelta]  # how old the n-th file is
EVENLY: Ages = lambda number: YEAR * (FILES - number) / FILES  # noqa: E731  values of a table
AGES: Mapping[str, Ages] = {
    "the newest first": EVENLY,
    "the oldest first": lambda number: YEAR * (number + 1) / FILES,
    "in no order": lambda number: YEAR * (number * 37 % FILES + 1) / FILES,
    "long ago, and now": lambda number: timedelta(days=900 if number < 90 else 3, minutes=-number),
    "within a second": lambda number: timedelta(hours=1, milliseconds=-number),
}


def fill(drive: Drive, files: int = FILES, *, age: Ages = EVENLY) -> list[str]:
    """Put so many files into three folders, in pages of five, and let all of it settle."""
    state, now = drive.service.state, drive.service.clock.now()
    drive.service.largest_page = PAGE
    folders = [state.add_folder(drive.shared, f"{number}") for number in range(3)]
    made = [
        state.add_file(folders[number % 3], f"{number}.pdf", number, created_at=now - age(number))
        for number in range(files)
    ]
    drive.settle()
    return made


def queries(drive: Drive) -> list[Mapping[str, str]]:
    """Give the requests for pages of files, in the order in which they came."""
    asked = (request.query for request in drive.service.requests if request.route == "files.list")
    return [query for query in asked if "mimeType !=" in query["q"]]


def parts_asked(drive: Drive) -> set[str]:
    return {query["q"] for query in queries(drive) if OF_PART in query["q"]}


def assert_whole(drive: Drive) -> None:
    """What was first synced is true, and so is what the next sync makes of it."""
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    drive.home.assert_sound()


def assert_no_thread_is_left() -> None:
    for thread in [thread for thread in threading.enumerate() if thread.name == "filesync worker"]:
        thread.join(5)
        assert not thread.is_alive()


# --- what is read, and what it costs ---


@pytest.mark.parametrize("age", AGES.values(), ids=AGES)
def test_a_first_listing_in_parts_shows_everything(drive: Drive, age: Ages) -> None:
    fill(drive, age=age)
    outcome = drive.home.sync()
    assert (outcome.status, outcome.tally.files_added) == ("success", FILES)
    assert len(parts_asked(drive)) > 1
    assert_drive_truth(drive.home, drive.shared)


def test_a_file_that_was_shown_before_the_cut_is_stated_once(drive: Drive) -> None:
    fill(drive, age=AGES["in no order"])
    assert drive.home.sync().tally.files_seen == FILES
    assert len(queries(drive)) > FILES / PAGE


@pytest.mark.parametrize("pages", range(TACTICS.probe + 1))
def test_a_small_drive_costs_its_pages_and_is_not_cut(drive: Drive, pages: int) -> None:
    fill(drive, pages * PAGE)
    drive.home.sync()
    assert len(queries(drive)) == max(1, pages)
    assert not parts_asked(drive)


@pytest.mark.parametrize("pages", [4, 8, 24])
def test_reading_in_parts_costs_little_more_than_reading_in_turn(drive: Drive, pages: int) -> None:
    fill(drive, pages * PAGE, age=lambda number: YEAR * (pages * PAGE - number) / (pages * PAGE))
    drive.home.sync()
    again = TACTICS.probe  # pages that were read before it was known that there are more
    assert parts_asked(drive)
    assert len(queries(drive)) <= pages + again + TACTICS.parts + pages // 4


def test_files_that_were_all_made_at_the_same_moment_are_read_in_turn(drive: Drive) -> None:
    fill(drive, age=lambda _: timedelta(days=1))
    drive.home.sync()
    assert not parts_asked(drive)
    assert len(queries(drive)) == FILES // PAGE
    assert_drive_truth(drive.home, drive.shared)


def test_only_a_first_listing_is_read_in_parts(drive: Drive) -> None:
    fill(drive)
    drive.home.sync()
    drive.settle()
    assert drive.home.sync(full=True).status == "success"
    assert not parts_asked(drive)
    drive.service.kill_change_tokens()
    drive.settle()
    assert drive.home.sync().status == "success"
    assert not parts_asked(drive)
    assert len(queries(drive)) == FILES // PAGE
    drive.service.clock.advance(7 * 3600)  # everything is to be listed afresh by now
    drive.settle()
    assert drive.home.sync().mode == "full"
    assert not parts_asked(drive)


def test_the_log_is_begun_before_anything_is_listed_and_read_when_all_is(drive: Drive) -> None:
    fill(drive)
    drive.home.sync()
    routes = [request.route for request in drive.service.requests]
    lists = [place for place, route in enumerate(routes) if route == "files.list"]
    assert routes.index("changes.getStartPageToken") < lists[0]
    assert routes.index("changes.list") > lists[-1]
    assert drive.service.count("changes.list") == 1


# --- what happens meanwhile ---


@pytest.mark.parametrize("nth", [1, 3, 5, 14, 27])
def test_what_people_do_while_parts_are_read_is_not_lost(drive: Drive, nth: int) -> None:
    files = fill(drive)
    state = drive.service.state

    def act(answer: Any) -> Any:
        with state.lock:
            new = state.add_folder(drive.shared, "new")
            state.add_file(new, "new.pdf", 1)
            for file in files[10::25]:
                state.move(file, new)
            for file in files[11::25]:
                state.trash(file)
            for file in files[12::25]:
                state.delete(file)
            for file in files[13::25]:
                state.new_revision(file, 999)
        return answer

    drive.service.faults.fail(faults.altered(act), nth=nth, route="files.list")
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    assert not [change for change in drive.home.changes() if change["kind"] == "restored"]
    assert_whole(drive)


@pytest.mark.parametrize(("at", "nth"), [("commit", 11), ("committed", 12), ("commit", 14)])
def test_a_listing_in_parts_that_is_killed_goes_on_where_it_stood(drive: Drive, at: Any, nth: int) -> None:
    fill(drive)
    parts: list[Part] = []
    while not parts:  # how many pages one commit takes depends on which have come by then
        assert sync_and_die(drive.home, SyncOptions(everything=True), Death(at, nth))
        state = json.loads(drive.home.query("SELECT provider_state AS state FROM sync_state")[0]["state"])
        parts = [Part.of(part) for part in state.get("listing", {}).get("parts", [])]
    drive.settle()
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    drive.home.assert_sound()
    begun = {query["q"].partition("trashed = false")[2] for query in queries(drive) if "pageToken" not in query}
    assert all(begun)
    assert not begun & {part.condition() for part in parts if part.token}
    assert len(begun) <= len(parts) + TACTICS.parts  # what ended before is not asked for again


def test_starts_that_are_killed_again_and_again_come_to_the_end(drive: Drive) -> None:
    fill(drive)
    deaths = 0
    while sync_and_die(drive.home, SyncOptions(everything=True), Death("committed", 12)):
        deaths += 1
        assert deaths < FILES
    assert deaths > 1
    assert_drive_truth(drive.home, drive.shared)
    drive.home.assert_sound()


def test_a_page_token_that_died_costs_only_its_own_part(drive: Drive) -> None:
    fill(drive)
    refused = b'{"error":{"code":400,"errors":[{"reason":"invalid","location":"pageToken"}]}}'
    drive.service.faults.fail(faults.status(400, refused), nth=TACTICS.probe, path_contains="pageToken")
    assert drive.home.sync().status == "success"
    begun = Counter(query["q"] for query in queries(drive) if "pageToken" not in query)
    assert sorted(begun.values())[-2:] == [1, 2]
    assert_drive_truth(drive.home, drive.shared)


# --- what nobody has seen the live service do, and it may ---


def forget(every: int) -> faults.Fault:
    """Leave files out of answers without a word."""
    return faults.altered(
        lambda answer: {**answer, "files": [f for at, f in enumerate(answer["files"]) if (at + 1) % every]}
    )


def test_parts_that_leave_files_out_are_noticed_and_the_rest_is_read_in_turn(drive: Drive) -> None:
    fill(drive)
    drive.service.faults.fail(forget(3), times=None, path_contains=ASKED)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    assert drive.service.count("changes.list") == 1  # after the last listing, not before
    routes = [request.route for request in drive.service.requests]
    assert routes.index("changes.list") > max(place for place, route in enumerate(routes) if route == "files.list")


def test_what_parts_left_out_unnoticed_is_found_when_everything_is_listed_afresh(drive: Drive) -> None:
    files = fill(drive)
    missing = files[0]  # listed last: it is not among those that were shown before the listing was cut

    def leave_out(answer: Any) -> Any:
        return {**answer, "files": [file for file in answer["files"] if file["id"] != missing]}

    drive.service.faults.fail(faults.altered(leave_out), times=None, path_contains=ASKED)
    assert drive.home.sync().status == "success"
    assert set(files) - set(drive.home.files()) == {missing}
    drive.service.clock.advance(7 * 3600)
    assert_whole(drive)


def test_what_was_shown_before_the_cut_and_is_gone_by_now_is_no_sign_of_a_leak(drive: Drive) -> None:
    files = fill(drive)
    state = drive.service.state

    def act(answer: Any) -> Any:
        with state.lock:
            state.trash(files[-1])
            state.delete(files[-2])
        return answer

    drive.service.faults.fail(
        faults.altered(act), nth=TACTICS.probe, route="files.list", path_contains="mimeType+%21%3D"
    )
    assert drive.home.sync().status == "success"
    whole = [query for query in queries(drive) if OF_PART not in query["q"]]
    assert len(whole) == TACTICS.probe
    assert drive.service.count("files.get") <= 1 + 2
    assert_drive_truth(drive.home, drive.shared)


@pytest.mark.parametrize(
    "refusal", [faults.status(400, b'{"error":{"errors":[{"reason":"invalid","location":"q"}]}}'), faults.status(503)]
)
@pytest.mark.parametrize("nth", [1, 6])
def test_where_drive_does_not_list_parts_everything_is_read_in_turn(
    drive: Drive, refusal: faults.Fault, nth: int
) -> None:
    fill(drive)
    drive.service.faults.fail(refusal, nth=nth, times=None, path_contains=ASKED)
    assert drive.home.sync().status == "success"
    assert_drive_truth(drive.home, drive.shared)
    drive.service.faults.clear()
    drive.settle()
    drive.home.sync()
    assert not queries(drive)


def test_files_without_a_time_are_not_read_in_parts(drive: Drive) -> None:
    fill(drive)

    def forget_times(answer: Any) -> Any:
        return {**answer, "files": [{k: v for k, v in file.items() if k != OF_PART} for file in answer["files"]]}

    drive.service.faults.fail(faults.altered(forget_times), nth=2, path_contains="mimeType+%21%3D")
    assert drive.home.sync().status == "success"
    assert not parts_asked(drive)
    assert len(queries(drive)) == FILES // PAGE


def test_one_part_that_was_not_searched_through_makes_the_sync_partial(drive: Drive) -> None:
    fill(drive)
    drive.service.faults.fail(
        faults.altered(lambda answer: {**answer, "incompleteSearch": True}), nth=7, path_contains=ASKED
    )
    outcome = drive.home.sync()
    assert outcome.status == "partial"
    assert "incompleteSearch" in str(outcome.error_message)


def test_a_part_that_names_a_page_twice_fails_the_sync(drive: Drive) -> None:
    fill(drive)
    drive.service.faults.fail(faults.ENDLESS, times=None, path_contains=ASKED)
    assert drive.home.sync().error_type == "bad_answer"
    assert_no_thread_is_left()


def test_when_one_part_cannot_be_read_nobody_reads_on(drive: Drive) -> None:
    fill(drive)
    drive.service.faults.fail(faults.status(403, b"<html>"), nth=4, path_contains=ASKED)
    drive.service.faults.fail(faults.hang(), times=3, path_contains=ASKED)
    outcome = drive.home.sync()
    assert outcome.error_type == "forbidden"
    assert_no_thread_is_left()  # though three of them have no answer yet
    drive.service.faults.clear()
    assert_whole(drive)


# --- where it is cut ---

TIMES = st.datetimes(NOW.replace(year=2009, tzinfo=None), NOW.replace(tzinfo=None), timezones=st.just(UTC))
MOMENTS = TIMES.map(datetime.timestamp)


def sample(times: Sequence[float]) -> Sample:
    return Sample(tuple(str(time) for time in times), tuple(times))


@given(
    st.lists(st.lists(MOMENTS, min_size=1, max_size=9), min_size=1, max_size=3),
    st.sampled_from([None, "2015-01-01T00:00:00.000Z"]),
    st.sampled_from([None, "2020-01-01T00:00:00.000Z"]),
    st.booleans(),
)
def test_parts_cover_exactly_what_was_cut(pages: list[list[float]], since: Any, until: Any, in_order: bool) -> None:
    if in_order:
        times = sorted((time for page in pages for time in page), reverse=True)
        pages = [times[at : at + 3] for at in range(0, len(times), 3)]
    whole = Part(since, until, limit=3, worth=3, read=len(pages), token="next")
    parts = sorted(cut(whole, [sample(page) for page in pages], TACTICS, NOW), key=lambda part: part.since or "")
    if parts:
        assert (parts[0].since, parts[-1].until) == (since, until)
        assert all(one.until == other.since for one, other in pairwise(parts))
        assert all(one.until < other.until for one, other in pairwise(parts[:-1]) if one.until and other.until)
        assert 1 < len(parts) <= TACTICS.parts
        assert all(part.token is None and part.read == 0 for part in parts)


def test_the_conditions_of_neighbours_exclude_each_other() -> None:
    older, newer = Part(None, "2020-01-01T00:00:00.000Z"), Part("2020-01-01T00:00:00.000Z", None)  # type: ignore[arg-type]
    assert older.condition() == " and createdTime < '2020-01-01T00:00:00.000Z'"
    assert newer.condition() == " and createdTime >= '2020-01-01T00:00:00.000Z'"
    assert Part().condition() == ""


def test_pages_that_go_back_in_time_are_taken_to_go_on() -> None:
    day = 86400.0
    pages = [sample([NOW.timestamp() - day * (page * 10 + at) for at in range(1, 11)]) for page in range(3)]
    parts = cut(Part(limit=3, worth=3, read=3, token="next"), pages, TACTICS, NOW)
    assert parts[0].since is None
    assert parts[0].is_open
    days = [(NOW - datetime.fromisoformat(part.since)).days for part in parts[1:] if part.since]
    assert [round(each / 30) for each in days] == [7, 6, 5, 4, 3, 2, 1]
