"""What every simulator has: limits, faults, a log, a clock, and a process of its own."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from urllib.parse import quote

import pytest
import requests

from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.messages import Call, HttpResponse
from tests.support.acc_site import START, Site


def test_the_fifty_first_call_for_hubs_in_a_minute_is_429_and_a_minute_later_it_is_not(site: Site) -> None:
    statuses = [site.get("/project/v1/hubs").status_code for _ in range(51)]
    assert statuses == [200] * 50 + [429]
    refused = site.get("/project/v1/hubs")
    assert (refused.json(), refused.headers["Retry-After"]) == ({"developerMessage": "Quota limit exceeded."}, "60")
    assert site.get(site.contents(site.root)).status_code == 200, "each route has its own budget"
    site.acc.clock.advance(60)
    assert site.get("/project/v1/hubs").status_code == 200
    assert (site.acc.limit_hits, site.acc.limits.peak["hubs"]) == (2, 50)


def test_each_client_has_its_own_budget_and_limits_can_be_scaled_or_off(site: Site) -> None:
    site.acc.limits.scale = 0.04
    assert [site.get("/project/v1/hubs").status_code for _ in range(3)] == [200, 200, 429]
    site.acc.add_app("other", "not-a-secret")
    site.log_in("other", "not-a-secret")
    assert site.get("/project/v1/hubs").status_code == 200
    site.acc.limits.scale = None
    assert {site.get("/project/v1/hubs").status_code for _ in range(60)} == {200}


def test_requests_are_logged_and_counted_without_logins(site: Site) -> None:
    site.get(site.contents(site.root), **{"page[limit]": "5"})
    site.get("/nowhere")
    assert [(one.route, one.status, one.token) for one in site.acc.requests] == [
        ("token", 200, True),
        ("contents", 200, False),
        ("", 404, False),
    ]
    assert site.acc.requests[1].query == {"page[limit]": "5"}
    assert (site.acc.count(), site.acc.count(exclude_token=False), site.acc.count("contents")) == (2, 3, 1)
    site.acc.reset()
    assert site.acc.count(exclude_token=False) == 0


def test_the_date_header_is_the_simulated_clocks(site: Site) -> None:
    site.acc.clock.advance(timedelta(days=1).total_seconds())
    assert site.get("/nowhere").headers["Date"] == "Tue, 03 Mar 2026 08:00:00 GMT"


def test_a_fault_strikes_the_nth_matching_request_and_then_no_more(site: Site) -> None:
    site.acc.faults.fail(faults.status(503), route="hubs", nth=2, times=2)
    assert site.get(site.contents(site.root)).status_code == 200
    assert [site.get("/project/v1/hubs").status_code for _ in range(4)] == [200, 503, 503, 200]


def test_a_fault_spares_logins_unless_it_names_them(site: Site) -> None:
    site.acc.faults.fail(faults.status(500), times=None)
    site.log_in()
    assert site.get("/project/v1/hubs").status_code == 500
    site.acc.faults.clear()
    site.acc.faults.fail(faults.status(500), route="token")
    assert site.ask_token({}).status_code == 500


def test_a_fault_can_be_aimed_at_a_path(site: Site) -> None:
    site.acc.faults.fail(faults.status(404, b"{}", {"X-Why": "test"}), path_contains=quote(site.root, safe=""))
    assert site.get("/project/v1/hubs").status_code == 200
    assert site.get(site.contents(site.root)).headers["X-Why"] == "test"


@pytest.mark.parametrize(("fault", "symptom"), [(faults.DROP, "without response"), (faults.RESET, "reset by peer")])
def test_a_broken_connection_is_no_answer(site: Site, fault: faults.Fault, symptom: str) -> None:
    site.acc.add_file(site.root, "a.pdf")
    site.acc.faults.fail(fault)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError), match=symptom):
        site.get(site.contents(site.root))
    assert site.get(site.contents(site.root)).status_code == 200


def test_changes_and_requests_do_not_trip_over_each_other(site: Site) -> None:
    site.acc.limits.scale = None
    with ThreadPoolExecutor(8) as pool:
        listings = [pool.submit(site.names, site.root) for _ in range(20)]
        for number in range(200):
            site.acc.hide_file(site.acc.add_file(site.root, f"{number}.pdf"))
    assert all(listing.result() is not None for listing in listings)
    assert site.names(site.root) == []


def test_bodies_can_be_cut_mislabelled_or_a_login_page(site: Site) -> None:
    for fault in (faults.TRUNCATED, faults.WRONG_TYPE, faults.LOGIN_PAGE):
        site.acc.faults.fail(fault)
    cut, mislabelled, html = (site.get(site.contents(site.root)) for _ in range(3))
    assert (cut.status_code, mislabelled.status_code, html.status_code) == (200, 200, 200)
    with pytest.raises(requests.JSONDecodeError):
        cut.json()
    assert mislabelled.headers["Content-Type"] == "text/plain"
    assert html.headers["Content-Type"].startswith("text/html")


def test_an_endless_next_link_leads_back_to_the_same_page(site: Site) -> None:
    site.acc.faults.fail(faults.ENDLESS, times=3)
    seen = [page["links"]["self"]["href"] for page in site.pages(site.root)]
    assert len(seen) == 4
    assert len(set(seen)) == 1


def test_a_quota_answer_can_come_without_retry_after(site: Site) -> None:
    site.acc.faults.fail(faults.too_many())
    bare = site.get("/project/v1/hubs")
    site.acc.faults.fail(faults.too_many(7))
    told = site.get("/project/v1/hubs")
    assert (bare.status_code, "Retry-After" in bare.headers) == (429, False)
    assert (told.status_code, told.headers["Retry-After"]) == (429, "7")


def test_a_hang_ends_after_its_seconds_or_with_the_server(site: Site) -> None:
    site.acc.faults.fail(faults.hang(0.05))
    assert site.get("/project/v1/hubs").status_code == 200
    site.acc.faults.fail(faults.hang())
    with pytest.raises(requests.ReadTimeout):
        site.session.get(f"{site.acc.base_url}/project/v1/hubs", headers=site.headers, timeout=0.05)


def test_bodies_are_compressed_when_both_sides_want_it(site: Site) -> None:
    for number in range(20):
        site.acc.add_file(site.root, f"{number}.pdf")
    assert "Content-Encoding" not in site.get(site.contents(site.root)).headers
    site.acc.gzip = True
    squeezed = site.get(site.contents(site.root))
    assert squeezed.headers["Content-Encoding"] == "gzip"
    assert len(squeezed.json()["data"]) == 20


def test_a_reply_that_crashes_is_not_taken_for_a_fault() -> None:
    class Broken(AccSimulator):
        def _hubs(self, call: Call) -> HttpResponse:
            raise ZeroDivisionError

    broken = Broken().start()
    with requests.Session() as session, pytest.raises(requests.ConnectionError):
        Site(broken, session).get("/project/v1/hubs")
    with pytest.raises(ZeroDivisionError):
        broken.stop()


def test_a_frozen_clock_moves_only_by_waiting_and_advancing() -> None:
    clock = SimulatedClock(START, frozen=True)
    with AccSimulator(clock) as acc:
        assert clock.now() == START
        clock.wait(acc.stopping, 5)
        clock.advance(10)
        assert (clock.now() - START, clock.elapsed) == (timedelta(seconds=15), 15)


def test_a_simulator_runs_as_its_own_process() -> None:
    command = [sys.executable, "-m", "filesync.simulators", "acc", "--files", "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with closing(requests.get(f"{told['base_url']}/project/v1/hubs", timeout=5)) as answer:
            assert answer.status_code == 401
        process.terminate()
        assert json.loads(process.stdout.readline()) == {"requests": {"hubs": 1}}
    assert process.returncode == 0
