"""Who is told what, over whole starts: alerts, pings, changes, and receivers that misbehave."""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filesync.runtime.locks import FileLock
from filesync.simulators import faults
from tests.homes import ROOT, Acc, Drive
from tests.receivers import Receiver, receiving
from tests.test_sync_processes import PATIENCE, wait_until

ALERTS = ["failure", "recovered", "partial", "stale", "login_expiring"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def tell(drive: Drive, own: dict[str, Any] | None = None, **targets: Any) -> None:
    """Configure the drive's endpoint with these targets."""
    endpoint: dict[str, Any] = {"name": "D", "endpoint_details": {"drive_id": drive.shared}}
    drive.home.configure(endpoint | ({"notify": own} if own else {}), notify=targets)


def hook(receiver: Receiver, *events: str, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": f"{receiver.url}/hook", "events": list(events or ALERTS), **more}


def start(drive: Drive, minutes: float = 5) -> int:
    """Start as cron does, some minutes after the last time."""
    drive.service.clock.advance(60 * minutes)
    return drive.home.run("sync").code


def break_down(drive: Drive, status: int = 503) -> None:
    drive.service.faults.fail(faults.status(status), times=None)


def add(drive: Drive, *names: str, parent: str = "") -> list[str]:
    return [drive.service.state.add_file(parent or drive.shared, name) for name in names]


# --- alerts ---------------------------------------------------------------------------------


def test_a_failure_is_told_after_three_in_a_row_and_once_however_long_it_lasts(
    drive: Drive, receiver: Receiver
) -> None:
    tell(drive, ops=hook(receiver))
    assert start(drive) == 0
    break_down(drive)
    for _ in range(2):
        assert start(drive) == 75
    assert receiver.events == []
    for _ in range(2):
        assert start(drive) == 75
    assert receiver.events == ["failure"]
    message = receiver.received[0].document
    assert (message["version"], message["endpoint"], message["failures_in_a_row"]) == (1, "D", 3)
    assert message["sync"]["error_type"] == "service_down"
    assert message["text"].startswith("D: fails since ")
    drive.service.faults.clear()
    for _ in range(2):
        assert start(drive) == 0
    assert receiver.events == ["failure", "recovered"]
    assert receiver.received[1].document["recovered_from"] == ["failure"]


def test_a_failure_is_told_after_fifteen_minutes_even_when_there_were_only_two(
    drive: Drive, receiver: Receiver
) -> None:
    tell(drive, ops=hook(receiver))
    break_down(drive)
    start(drive)
    start(drive, minutes=10)
    assert receiver.events == []
    drive.service.faults.clear()
    start(drive)
    break_down(drive)
    start(drive)
    start(drive, minutes=16)
    assert receiver.events == ["failure"]


def test_another_cause_in_the_same_row_of_failures_is_told_too(drive: Drive, receiver: Receiver) -> None:
    tell(drive, ops=hook(receiver))
    break_down(drive)
    for _ in range(3):
        start(drive)
    drive.service.faults.clear()
    break_down(drive, 400)
    for _ in range(2):
        start(drive, minutes=61)
    assert [each.document["sync"]["error_type"] for each in receiver.received] == ["service_down", "refused"]


def test_who_was_not_told_of_a_failure_is_not_told_of_its_end(drive: Drive, receiver: Receiver) -> None:
    tell(drive, ops=hook(receiver, "partial", "recovered"))
    break_down(drive)
    for _ in range(3):
        start(drive)
    drive.service.faults.clear()
    start(drive)
    assert receiver.events == []


def test_a_stale_endpoint_is_told_once_and_its_end_too(drive: Drive, receiver: Receiver) -> None:
    tell(drive, ops=hook(receiver))
    start(drive)
    lock = drive.home.database.with_name("connector.db.locks") / "endpoint-1.lock"
    held = FileLock(lock)
    held.acquire()
    for _ in range(4):
        start(drive, minutes=30)
    assert receiver.events == ["stale"]
    held.release()
    for _ in range(2):
        start(drive)
    assert receiver.events == ["stale", "recovered"]


def test_a_partial_sync_is_told_once_for_each_set_of_folders_and_its_end_too(acc: Acc, receiver: Receiver) -> None:
    endpoint = {"name": "P", "endpoint_details": {"project_id": acc.project}}
    acc.home.configure(endpoint, notify={"ops": hook(receiver)})
    folders = [acc.service.add_folder(acc.top, name) for name in ("HR", "Legal")]
    acc.settle()

    def start_twice(code: int) -> None:
        for _ in range(2):
            acc.service.clock.advance(300)
            assert acc.home.run("sync", "--full").code == code

    acc.service.revoke_access(folders[0])
    start_twice(3)
    acc.service.revoke_access(folders[1])
    start_twice(3)
    for folder in folders:
        acc.service.grant_access(folder)
    start_twice(0)
    assert receiver.events == ["partial", "partial", "recovered"]
    assert "HR" in receiver.received[0].document["text"]
    assert receiver.received[2].document["recovered_from"] == ["partial"]


def test_a_login_that_ends_soon_is_told_once(drive: Drive, receiver: Receiver, monkeypatch: Any) -> None:
    tell(drive, {"mine": hook(receiver, "login_expiring")}, ops=hook(receiver))
    warnings = {("google", ""): "the login at Google ends 2026-12-01 08:00 UTC; run: filesync auth google login"}
    monkeypatch.setattr("filesync.app.logins.login_warnings", lambda world: warnings)
    tokens = drive.home.path / "tokens"
    tokens.mkdir(mode=0o700, exist_ok=True)
    (tokens / "google-user-somebody.json").write_text('{"refused": "it is a person\'s"}')  # only such a login ends
    for _ in range(3):
        start(drive)
    assert receiver.events == ["login_expiring"] * 2
    assert receiver.received[0].document["text"] == warnings["google", ""]
    warnings.clear()
    start(drive)
    assert drive.home.query("SELECT * FROM notify_told") == []


def test_a_set_that_cannot_be_asked_is_told_like_an_endpoint(acc: Acc, receiver: Receiver) -> None:
    details = {"hub_id": acc.hub, "projects": {"include": ["*"]}}
    acc.home.configure({"name": "ACC {project_name}", "endpoint_details": details}, notify={"ops": hook(receiver)})
    acc.service.faults.fail(faults.status(404), times=None, route="hub")
    for _ in range(5):
        acc.service.clock.advance(3700)
        assert acc.home.run("sync").code == 1
    acc.service.faults.clear()
    for _ in range(2):
        acc.service.clock.advance(3700)
        assert acc.home.run("sync").code == 0
    assert receiver.events == ["failure", "recovered"]
    assert receiver.received[0].document["set"] == "ACC {project_name}"
    assert receiver.received[0].document["failures_in_a_row"] == 3


def test_an_endpoint_can_leave_a_global_target_out_and_have_one_of_its_own(drive: Drive, receiver: Receiver) -> None:
    tell(drive, {"ops": False, "mine": hook(receiver, "failure")}, ops=hook(receiver, "failure"))
    break_down(drive)
    for _ in range(3):
        start(drive)
    assert [row["target"] for row in drive.home.query("SELECT target FROM notify_targets")] == ["1/mine"]
    assert receiver.events == ["failure"]


def test_a_dry_run_and_a_trial_tell_nobody(drive: Drive, receiver: Receiver) -> None:
    tell(drive, ops=hook(receiver, "changes"), dead={"type": "ping", "url": f"{receiver.url}/p"})
    add(drive, "a.pdf")
    assert drive.home.run("sync", "--dry-run").code == 0
    assert drive.home.run("sync", "--max-files", "1").code == 0
    assert receiver.received == []


# --- dead-man switches ----------------------------------------------------------------------


def test_a_ping_says_that_a_start_began_and_how_it_ended_with_the_same_run_id(drive: Drive, receiver: Receiver) -> None:
    tell(drive, dead={"type": "ping", "url": f"{receiver.url}/ping/secret-uuid"})
    start(drive)
    assert receiver.paths == ["/ping/secret-uuid/start", "/ping/secret-uuid"]
    rids = {each.path.partition("?")[2] for each in receiver.received}
    assert len(rids) == 1
    run_id = json.loads((drive.home.path / "logs" / "connector.log").read_text().splitlines()[0])["run_id"]
    assert rids == {f"rid=00000000-0000-4000-8000-{run_id}"}
    start(drive, minutes=0)
    assert len(receiver.received) == 4  # nothing was due, and the start is told all the same


def test_a_ping_of_an_endpoint_tells_of_its_syncs_only(drive: Drive, receiver: Receiver) -> None:
    tell(drive, {"dead": {"type": "ping", "url": f"{receiver.url}/p"}})
    start(drive)
    assert receiver.paths == ["/p/start", "/p"]
    start(drive, minutes=0)
    assert len(receiver.received) == 2
    break_down(drive, 400)
    start(drive)
    assert receiver.paths[2:] == ["/p/start", "/p/fail"]
    assert b"D: " in receiver.received[-1].body


def test_a_hiccup_is_silence_to_a_dead_man_switch(drive: Drive, receiver: Receiver) -> None:
    tell(drive, dead={"type": "ping", "url": f"{receiver.url}/p"})
    break_down(drive)
    assert start(drive) == 75
    assert receiver.paths == ["/p/start"]


def test_a_start_that_breaks_is_told_to_a_dead_man_switch(drive: Drive, receiver: Receiver) -> None:
    tell(drive, dead={"type": "ping", "url": f"{receiver.url}/p"})
    drive.home.database.parent.mkdir()
    drive.home.database.write_text("this is no database, and long enough for SQLite to see it" * 20)
    assert start(drive) == 1
    assert receiver.paths == ["/p/start", "/p/fail"]
    assert b"connector.db" in receiver.received[1].body


def test_of_pings_that_did_not_arrive_only_the_last_is_kept(drive: Drive, receiver: Receiver) -> None:
    tell(drive, dead={"type": "ping", "url": f"{receiver.url}/p"})
    receiver.status = 500
    for _ in range(3):
        assert start(drive) == 0
    assert len(drive.home.query("SELECT * FROM notifications")) == 1
    assert "secret" not in json.dumps(drive.home.query("SELECT last_error FROM notify_targets"))


@pytest.mark.parametrize("own", [False, True])
def test_a_switch_that_never_answers_costs_its_timeout_once_in_a_start_and_ever_fewer_starts(
    drive: Drive, receiver: Receiver, own: bool
) -> None:
    dead = {"dead": {"type": "ping", "url": f"{receiver.url}/p", "timeout": "1s"}}
    tell(drive, dead if own else None, **({} if own else dead))
    if own:
        assert start(drive) == 0  # the endpoint is not known before
        receiver.received.clear()
    receiver.hangs = True

    def asked() -> list[str]:
        receiver.received.clear()
        assert start(drive) == 0
        return receiver.paths

    assert asked() == ["/p/start"]  # what says how it ended is not tried after that
    assert asked() == ["/p"]
    receiver.hangs, receiver.status = False, 500
    assert [asked() for _ in range(6)] == [["/p"], ["/p"], [], ["/p"], [], []]
    receiver.status = 200
    assert [asked() for _ in range(2)] == [["/p"], ["/p/start", "/p"]]


# --- changes --------------------------------------------------------------------------------


def test_changes_come_in_order_without_the_first_listing_and_without_filters(drive: Drive, receiver: Receiver) -> None:
    tell(drive, feed=hook(receiver, "changes"))
    ids = add(drive, "a.pdf", "b.pdf")
    start(drive)
    assert receiver.received == []
    drive.service.state.rename(ids[0], "c.pdf")
    add(drive, "d.txt")
    start(drive)
    message = receiver.received[0].document
    assert sorted((each["kind"], each["file_name"]) for each in message["changes"]) == [
        ("created", "d.txt"),
        ("renamed", "c.pdf"),
    ]
    assert message["last_seq"] == drive.home.last_seq()
    endpoint = {"name": "D", "endpoint_details": {"drive_id": drive.shared, "file_types": ["pdf"]}}
    drive.home.configure(endpoint, notify={"feed": hook(receiver, "changes")})
    start(drive)
    assert len(receiver.received) == 1  # what a filter leaves out is nobody's doing
    assert drive.home.last_seq() > message["last_seq"]


def test_who_is_told_of_changes_sees_that_a_restore_made_another_feed(drive: Drive, receiver: Receiver) -> None:
    tell(drive, feed=hook(receiver, "changes"))
    add(drive, "a.pdf")
    start(drive)
    assert drive.home.run("snapshot", "copy.db").code == 0
    (lost,) = add(drive, "lost.pdf")
    start(drive)
    drive.service.state.delete(lost)
    assert drive.home.run("snapshot", "--restore", "copy.db").code == 0
    add(drive, "b.pdf")
    start(drive)
    told, after = (message.document for message in receiver.received)
    assert [each["file_name"] for each in (*told["changes"], *after["changes"])] == ["lost.pdf", "b.pdf"]
    assert told["feed"] != after["feed"] == drive.home.query("SELECT feed FROM feeds ORDER BY number DESC")[0]["feed"]
    assert after["first_seq"] > told["last_seq"]  # so that who looks at the highest one only misses nothing
    (row,) = json.loads(drive.home.run("notify", "status", "--json").out)["targets"]
    assert row["changes_behind"] == 0


def test_a_new_target_hears_what_the_start_found_that_knows_it_first_and_nothing_older(
    drive: Drive, receiver: Receiver
) -> None:
    add(drive, "a.pdf")
    start(drive)
    add(drive, "b.pdf")
    start(drive)
    tell(drive, feed=hook(receiver, "changes"))
    add(drive, "c.pdf")
    start(drive)
    assert [each["file_name"] for each in receiver.received[0].document["changes"]] == ["c.pdf"]


def test_a_folder_that_is_renamed_moved_or_deleted_is_one_entry(drive: Drive, receiver: Receiver) -> None:
    tell(drive, feed=hook(receiver, "changes"))
    state = drive.service.state
    outer = state.add_folder(drive.shared, "A")
    other = state.add_folder(drive.shared, "Z")
    folder = state.add_folder(outer, "B")
    deeper = state.add_folder(folder, "C")
    add(drive, *(f"{n}.txt" for n in range(60)))
    add(drive, *(f"{n}.pdf" for n in range(20)), parent=folder)
    add(drive, *(f"{n}.dwg" for n in range(20)), parent=deeper)
    start(drive)
    state.rename(folder, "B2")
    start(drive)
    state.move(folder, other)
    start(drive)
    state.trash(folder)
    start(drive)
    entries = [change for each in receiver.received for change in each.document["changes"]]
    told = [(e["type"], e["kind"], e["folder_before"], e["folder_after"], e["files"]) for e in entries]
    assert told == [
        ("folder", "moved", "/A/B", "/A/B2", 40),
        ("folder", "moved", "/A/B2", "/Z/B2", 40),
        ("folder", "deleted", "/Z/B2", None, 40),
    ]
    rows = drive.home.query("SELECT seq FROM changes WHERE cause = 'folder'")
    assert sum(e["last_seq"] - e["seq"] + 1 for e in entries) == len(rows) == 120


def test_a_receiver_that_answers_500_for_an_hour_loses_no_change_and_keeps_the_order(
    drive: Drive, receiver: Receiver
) -> None:
    tell(drive, feed=hook(receiver, "changes", *ALERTS))
    start(drive)
    receiver.status = 500
    for number in range(12):
        add(drive, f"{number}.pdf")
        assert start(drive) == 0
    assert 4 <= len(receiver.received) < 12  # it is left alone for a while, longer each time
    receiver.received.clear()
    receiver.status = 204
    start(drive, minutes=15)
    seqs = receiver.seqs()
    assert seqs == sorted(set(seqs))
    assert len(seqs) == 12
    synced = drive.home.query("SELECT count(*) AS n FROM sync_logs WHERE status = 'success'")[0]["n"]
    assert synced == 14  # every start ran its sync
    err = drive.home.run("notify", "status", "--json")
    assert json.loads(err.out)["targets"][0]["failures_in_a_row"] == 0


def test_batches_are_bounded_and_lose_nothing_between_them(drive: Drive, receiver: Receiver, monkeypatch: Any) -> None:
    monkeypatch.setattr("filesync.store.feed.entries.read_batch.__kwdefaults__", {"most": 7})
    tell(drive, feed=hook(receiver, "changes"))
    start(drive)
    add(drive, *(f"{n}.pdf" for n in range(30)))
    start(drive)
    assert [len(each.document["changes"]) for each in receiver.received] == [7, 7, 7, 7, 2]
    assert receiver.seqs() == [row["seq"] for row in drive.home.changes()][-30:]


def test_after_kill_9_between_sending_and_remembering_it_is_sent_again(drive: Drive, receiver: Receiver) -> None:
    tell(drive, feed=hook(receiver, "changes"))
    start(drive)
    add(drive, "a.pdf")
    drive.service.clock.advance(600)
    receiver.hangs = True  # it has the message, and the sender does not know
    process = drive.home.spawn("sync", "--all")
    receiver.wait()
    process.kill()
    process.communicate()
    receiver.hangs = False
    start(drive)
    first, second = (each.document for each in receiver.received)
    assert first["changes"] == second["changes"]
    assert first["id"] == second["id"]
    start(drive)
    assert len(receiver.received) == 2


# --- receivers that misbehave ---------------------------------------------------------------


def test_a_receiver_that_hangs_delays_no_sync_and_a_signal_ends_it_with_nothing_lost(
    drive: Drive, receiver: Receiver
) -> None:
    tell(drive, feed=hook(receiver, "changes", timeout="60s"))
    start(drive)
    add(drive, "a.pdf")
    receiver.hangs = True
    process = drive.home.spawn("sync", "--all")
    receiver.wait()
    row = drive.home.query("SELECT status FROM sync_logs ORDER BY id DESC LIMIT 1")[0]
    assert row["status"] == "success"  # the sync ended before anybody was told
    assert drive.home.cli("sync", "--all").code == 0  # and the next start's does not wait either
    assert [each["status"] for each in drive.home.query("SELECT status FROM sync_logs")] == ["success"] * 3
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)  # the receiver hangs longer
    assert process.returncode == 143
    receiver.hangs = False
    start(drive)
    assert len(receiver.received) == 2


def test_one_that_trickles_is_left_at_its_timeout_and_holds_up_no_other(drive: Drive, receiver: Receiver) -> None:
    with receiving() as slow:
        slow.trickles = True
        tell(drive, slow=hook(slow, "changes", timeout="1s"), feed=hook(receiver, "changes"))
        start(drive)
        add(drive, "a.pdf")
        ended = drive.home.cli("-v", "sync", "--all")  # it trickles until the end of this block
    assert ended.code == 0
    assert "no whole answer in time" in ended.err
    assert len(receiver.received) == 1
    assert [row["target"] for row in drive.home.query("SELECT * FROM notify_targets WHERE last_error IS NOT NULL")] == [
        "slow"
    ]


def test_a_signal_ends_a_test_message_that_hangs(drive: Drive, receiver: Receiver) -> None:
    tell(drive, ops=hook(receiver, timeout="60s"))
    receiver.hangs = True
    process = drive.home.spawn("notify", "test")
    receiver.wait()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)  # the receiver hangs longer
    assert process.returncode == 143


def test_nothing_is_sent_to_a_name_that_leads_to_a_metadata_service(
    drive: Drive, receiver: Receiver, monkeypatch: Any
) -> None:
    monkeypatch.setattr("filesync.notify.webhook.is_forbidden", lambda address: address == "127.0.0.1")
    tell(drive, ops=hook(receiver))
    ended = drive.home.run("notify", "test")
    assert ended.code == 1
    assert "its name leads to an address of link-local or metadata services" in ended.err
    assert receiver.received == []


def test_a_start_with_nothing_to_tell_imports_no_network(drive: Drive, receiver: Receiver) -> None:
    yearly = {"type": "interval", "interval_minutes": 525_600}
    endpoint = {"name": "D", "endpoint_details": {"drive_id": drive.shared}, "schedule": yearly}
    drive.home.configure(endpoint, notify={"ops": hook(receiver), "feed": hook(receiver, "changes")})
    start(drive, minutes=0)
    program = "import sys, filesync.__main__ as m\ntry: m.main()\nfinally: print(*sys.modules, file=sys.stderr)"
    environ = {"PYTHONPATH": str(ROOT), **drive.home.environ}
    done = subprocess.run(
        [sys.executable, "-c", program, "sync"], env=environ, capture_output=True, text=True, check=True
    )
    assert not {"requests", "urllib3", "http.client"} & {*done.stderr.split()}
    assert "filesync.notify.delivery" in done.stderr.split()


def test_a_receiver_that_refuses_fails_no_sync_and_is_complained_of_once(drive: Drive) -> None:
    with receiving() as gone:
        url = gone.url
    drive.home.configure(
        {"name": "D", "endpoint_details": {"drive_id": drive.shared}},
        notify={"feed": {"type": "webhook", "url": f"{url}/sekrit-path", "events": ["changes"]}},
    )
    start(drive)
    said = []
    for number in range(4):
        add(drive, f"{number}.pdf")
        drive.service.clock.advance(1200)
        ended = drive.home.run("sync")
        assert ended.code == 0
        said += ended.err.splitlines()
    assert said == [f"filesync: notify: feed: could not be notified, 3 in a row: {url}: the connection was refused"]


def test_redirects_are_not_followed(drive: Drive, receiver: Receiver) -> None:
    tell(drive, ops=hook(receiver))
    receiver.status, receiver.location = 307, f"{receiver.url}/elsewhere"
    ended = drive.home.run("notify", "test")
    assert ended.code == 1
    assert "answered 307" in ended.err
    assert receiver.paths == ["/hook"]


def test_a_message_is_given_up_when_it_is_too_old_and_told_anew_while_it_still_holds(
    drive: Drive, receiver: Receiver
) -> None:
    tell(drive, ops=hook(receiver, give_up_after="1h"))
    break_down(drive)
    receiver.status = 500
    for _ in range(3):
        start(drive)
    assert len(drive.home.query("SELECT * FROM notifications")) == 1
    drive.service.clock.advance(7200)
    ended = drive.home.run("sync")
    assert "is given up" in ended.err
    assert drive.home.query("SELECT * FROM notifications") == []
    receiver.status = 200
    receiver.received.clear()
    start(drive, minutes=15)
    assert receiver.events == ["failure"]  # it still fails, and nobody was told yet


def test_while_another_start_delivers_this_one_leaves_it_alone(drive: Drive, receiver: Receiver) -> None:
    tell(drive, feed=hook(receiver, "changes"))
    start(drive)
    add(drive, "a.pdf")
    other = FileLock(drive.home.database.with_name("connector.db.locks") / "notify.lock")
    other.acquire()
    assert start(drive) == 0
    assert receiver.received == []
    other.release()
    start(drive)
    assert len(receiver.received) == 1


def test_a_target_that_leaves_the_file_keeps_no_change_and_no_message(drive: Drive, receiver: Receiver) -> None:
    tell(drive, feed=hook(receiver, "changes"), ops=hook(receiver))
    break_down(drive)
    receiver.status = 500
    for _ in range(3):
        start(drive)
    tell(drive, new=hook(receiver, "failure"))
    start(drive)
    assert drive.home.query("SELECT * FROM notifications WHERE target <> 'new'") == []
    tell(drive)
    start(drive)
    assert drive.home.query("SELECT * FROM notifications") == []
    assert drive.home.query("SELECT * FROM feed_positions") == []


# --- signatures and secrets -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "key"),
    [("plain words as a key", b"plain words as a key"), ("whsec_" + base64.b64encode(b"0" * 24).decode(), b"0" * 24)],
)
def test_a_receiver_can_verify_who_sent_it_and_when(drive: Drive, receiver: Receiver, secret: str, key: bytes) -> None:
    tell(drive, ops=hook(receiver, secret=secret))
    assert drive.home.run("notify", "test", "ops").code == 0
    got = receiver.received[0]
    signed = f"{got.headers['Webhook-Id']}.{got.headers['Webhook-Timestamp']}.".encode() + got.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["Webhook-Signature"] == f"v1,{expected}"
    assert abs(int(got.headers["Webhook-Timestamp"]) - drive.home.clock.now().timestamp()) < 2
    assert got.document["id"] == got.headers["Webhook-Id"]
    assert got.document["event"] == "test"


def test_no_address_and_no_secret_reaches_log_messages_or_database(drive: Drive, receiver: Receiver) -> None:
    receiver.status = 500
    tell(
        drive,
        ops={**hook(receiver, "changes"), "url": f"{receiver.url}/capability-path", "secret": "sign-with-this"},
        dead={"type": "ping", "url": f"{receiver.url}/ping-capability"},
    )
    start(drive)
    add(drive, "a.pdf")
    drive.service.clock.advance(600)
    shown = [drive.home.run("-v", "sync"), drive.home.run("notify", "test"), drive.home.run("config", "show")]
    written = (drive.home.path / "logs" / "connector.log").read_text() + repr(
        [drive.home.query(f"SELECT * FROM {table}") for table in ("notifications", "notify_targets", "notify_told")]
    )
    everything = written + "".join(each.out + each.err for each in shown)
    assert "notify" in everything
    for secret in ("capability-path", "ping-capability", "sign-with-this"):
        assert secret not in everything


# --- the documents --------------------------------------------------------------------------


def test_every_field_of_a_message_and_of_the_commands_is_documented(drive: Drive, receiver: Receiver) -> None:
    tell(drive, ops=hook(receiver, *ALERTS, "changes"))
    start(drive)
    folder = drive.service.state.add_folder(drive.shared, "A")
    add(drive, "a.pdf", parent=folder)
    start(drive)
    drive.service.state.rename(folder, "B")
    start(drive)
    break_down(drive)
    for _ in range(3):
        start(drive)
    drive.service.faults.clear()
    start(drive)
    page = (ROOT / "docs" / "reference" / "messages.md").read_text()
    inner = [
        row for each in receiver.received for row in (each.document.get("sync"), *each.document.get("changes", ()))
    ]
    rows = [*(each.document for each in receiver.received), *(row for row in inner if row)]
    names = {name for row in rows for name in row}
    assert len(names) > 40
    assert not {name for name in names if f"`{name}`" not in page}
    commands = (ROOT / "docs" / "reference" / "commands.md").read_text()
    for command in ("test", "status"):
        text = commands.partition(f"### filesync notify {command}")[2].partition("\n### ")[0]
        shown = json.loads(drive.home.run("notify", command, "--json").out)["targets"][0]
        assert not {name for name in shown if f"`{name}`" not in text}


# --- commands -------------------------------------------------------------------------------


def program(path: Path, text: str) -> list[str]:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return [str(path), "$(touch injected)", "two words"]


def test_a_command_gets_the_payload_on_stdin_and_no_shell(drive: Drive, tmp_path: Path) -> None:
    argv = program(
        tmp_path / "tell me", f'cat > "{tmp_path}/got"; env > "{tmp_path}/env"; printf "%s|" "$@" > "{tmp_path}/argv"'
    )
    tell(drive, page={"type": "command", "command": argv})
    ended = drive.home.run("notify", "test", TOP="secret")
    assert ended.code == 0, ended.err
    assert json.loads((tmp_path / "got").read_text())["event"] == "test"
    assert (tmp_path / "argv").read_text() == "$(touch injected)|two words|"
    assert not list(tmp_path.glob("**/injected"))
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names - {"PWD", "_", "SHLVL", "OLDPWD"} == {"PATH", "FILESYNC_HOME", "FILESYNC_EVENT"}


def test_a_command_that_fails_is_tried_again_and_its_last_word_is_shown(drive: Drive, tmp_path: Path) -> None:
    tell(drive, page={"type": "command", "command": program(tmp_path / "p", "echo no network >&2; exit 7")})
    ended = drive.home.run("notify", "test")
    assert ended.code == 1
    assert "exited with 7: no network" in ended.err


def test_a_command_that_hangs_is_killed_with_its_children(drive: Drive, tmp_path: Path) -> None:
    argv = program(tmp_path / "p", f'sleep 300 & echo $! > "{tmp_path}/child"; sleep 300')
    tell(drive, page={"type": "command", "command": argv, "timeout": "1s"})
    ended = drive.home.cli("notify", "test")
    assert ended.code == 1
    assert "not done within 1 s, and was killed" in ended.err
    assert not is_running(int((tmp_path / "child").read_text()))


def test_a_signal_kills_a_command_that_hangs_and_the_message_is_told_later(drive: Drive, tmp_path: Path) -> None:
    argv = program(
        tmp_path / "p", f'echo $$ > "{tmp_path}/pid.new"; mv "{tmp_path}/pid.new" "{tmp_path}/pid"; sleep 300'
    )
    tell(drive, page={"type": "command", "command": argv, "events": ["changes"], "timeout": "60s"})
    start(drive)
    add(drive, "a.pdf")
    process = drive.home.spawn("sync", "--all")
    wait_until((tmp_path / "pid").exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)  # the program sleeps longer
    assert process.returncode == 130
    assert not is_running(int((tmp_path / "pid").read_text()))
    program(tmp_path / "p", f'cat > "{tmp_path}/got"')
    start(drive)
    assert json.loads((tmp_path / "got").read_text())["changes"][0]["file_name"] == "a.pdf"


def is_running(pid: int) -> bool:
    """Tell whether a process lives; one that ended and nobody asked about does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip().startswith("Z") and bool(state.strip())
