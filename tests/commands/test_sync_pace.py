"""Over time: reconciling spreads evenly, limits are kept before they bite, and what stopped goes on."""

from datetime import datetime, timedelta

from filesync.core.timestamps import from_timestamp
from filesync.providers.autodesk.listing import IN_FLIGHT
from filesync.simulators import faults
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.trees import grow
from filesync.sync.options import SyncOptions
from tests.support.homes import Acc, Drive
from tests.support.truth import assert_acc_truth, assert_drive_truth


def test_reconciling_finds_what_stamps_do_not_show_within_its_time_and_spreads_evenly(acc: Acc) -> None:
    files = grow(acc.service, acc.top, files=150, folders=71, hostile=False).files
    acc.settle()
    acc.home.start()
    acc.service.hide_file(files[3])
    hidden = acc.service.clock.now()
    most, oldest, found = 0, timedelta(0), None
    for _ in range(6 * 12):
        acc.service.clock.advance(300)
        acc.service.reset()
        report = acc.home.start()
        now = acc.service.clock.now()
        most = max(most, acc.service.count())
        oldest = max(oldest, now - oldest_listing(acc))
        assert report.outcomes[0].status == "success"
        if found is None and report.outcomes[0].tally.files_removed:
            found = now
            assert report.outcomes[0].tally.found_by_reconcile == 1
    assert found is not None
    assert found - hidden <= timedelta(hours=6)
    assert oldest <= timedelta(hours=6)
    assert most <= 1 + 2 * 2 + 1  # the probe, twice the fair share of 72 folders in 72 starts, one look-up
    assert_acc_truth(acc.home, acc.project)


def oldest_listing(acc: Acc) -> datetime:
    row = acc.home.query("SELECT min(last_listed_at) AS at FROM folders WHERE listable")[0]
    assert acc.home.query("SELECT complete_as_of AS at FROM sync_state")[0]["at"] == row["at"]
    return from_timestamp(row["at"])


def test_a_drive_is_relisted_in_full_once_per_reconcile_every(drive: Drive) -> None:
    grow(drive.service.state, drive.shared, files=50, folders=4)
    drive.settle()
    modes = []
    for _ in range(4 * 11):
        modes.append(drive.home.start().outcomes[0].mode)
        drive.service.clock.advance(900)
    assert modes.count("full") == 2  # at the start, and after six hours
    assert modes[0] == "full"


def test_a_removal_that_the_change_log_lost_is_found_by_relisting(drive: Drive) -> None:
    files = grow(drive.service.state, drive.shared, files=30, hostile=False).files
    drive.settle()
    drive.home.start()
    drive.service.state.delete(files[0])
    drive.service.kill_change_tokens()
    drive.service.clock.advance(7 * 3600)
    outcome = drive.home.start().outcomes[0]
    assert (outcome.status, outcome.tally.files_removed) == ("success", 1)
    assert_drive_truth(drive.home, drive.shared)


def configure_below_the_limit(acc: Acc, **more: str) -> None:
    """Leave room for the requests under way while a clock that stands still is set forward by a wait."""
    endpoint = {"name": "P", "endpoint_details": {"project_id": acc.project}, **more}
    acc.home.configure(endpoint, rate_limit_percent=95)


def test_the_documented_limit_is_never_passed_and_waiting_is_told(acc: Acc) -> None:
    grow(acc.service, acc.top, files=10, folders=699, hostile=False)
    configure_below_the_limit(acc)
    acc.settle()
    outcome = acc.home.sync()
    assert outcome.status == "success"
    assert acc.service.limit_hits == 0
    assert outcome.usage.throttled_seconds > 60
    assert acc.home.query("SELECT throttled_seconds AS s FROM sync_logs")[0]["s"] > 60


def test_a_scheduled_sync_that_reaches_its_time_limit_goes_on_at_the_next_start(acc: Acc) -> None:
    grow(acc.service, acc.top, files=900, folders=899, hostile=False)
    configure_below_the_limit(acc, time_limit="90s", reconcile_every="2d")
    acc.settle()
    endings: list[tuple[str, str | None]] = []
    while not endings or endings[-1] != ("success", None):
        outcome = acc.home.start().outcomes[0]
        endings.append((outcome.status, outcome.error_type))
        assert len(endings) < 10
    assert endings[0] == ("interrupted", "time_limit")
    stops = len(endings) - 1
    # Only what was asked for and not yet taken is read again: on a slow machine answers wait, too.
    assert acc.service.count("contents") <= 900 + IN_FLIGHT * stops
    assert_acc_truth(acc.home, acc.project)
    acc.home.assert_sound()


def test_one_429_stops_all_workers_and_nothing_fails(acc: Acc) -> None:
    grow(acc.service, acc.top, files=100, folders=40)
    acc.settle()
    acc.service.faults.fail(faults.too_many(retry_after=30), nth=10)
    outcome = acc.home.sync()
    assert outcome.status == "success"
    assert outcome.usage.retries >= 1
    assert outcome.usage.throttled_seconds >= 30
    assert_acc_truth(acc.home, acc.project)


def test_one_endpoint_that_fails_does_not_stop_the_others(acc: Acc) -> None:
    acc.service.add_file(acc.top, "plan.pdf", 1)
    gone = acc.service.add_project(acc.hub, "Archived")
    acc.service.archive_project(gone)
    acc.home.configure(
        {"name": "Archived", "endpoint_details": {"project_id": gone}},
        {"name": "P", "endpoint_details": {"project_id": acc.project}},
    )
    acc.settle()
    report = acc.home.start(SyncOptions(everything=True))
    assert {outcome.endpoint: outcome.status for outcome in report.outcomes} == {"Archived": "failed", "P": "success"}
    assert acc.home.paths("P") == ["/Project Files/plan.pdf"]


def test_a_drive_listed_by_a_clock_that_ran_ahead_is_relisted_once_the_clock_is_right(drive: Drive) -> None:
    drive.service.state.add_file(drive.shared, "plan.pdf", 1)
    drive.settle()
    ahead = SimulatedClock(drive.service.clock.now() + timedelta(days=365), frozen=True)
    drive.service.tokens._wall = ahead  # or the login would be refused
    assert drive.home.start(SyncOptions(everything=True), clock=ahead).outcomes[0].status == "success"
    drive.service.tokens._wall = drive.service.clock
    drive.service.clock.advance(300)
    assert drive.home.start().outcomes[0].mode == "full"
    drive.service.clock.advance(300)
    assert drive.home.start().outcomes[0].mode == "incremental"
