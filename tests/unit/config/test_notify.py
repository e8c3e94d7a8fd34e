"""`notify:` as people get it wrong: every mistake on its line, no address or secret repeated."""

from collections.abc import Callable
from pathlib import Path

import pytest

from filesync.config import Config, ConfigProblems
from filesync.core.alerts import Command, Event, Ping, Webhook
from filesync.core.url_policy import address_problem, is_forbidden
from tests.support.cli_home import CliHome

Load = Callable[..., Config]
ENDPOINT = "endpoints: [{name: D, endpoint_type: google_drive, endpoint_details: {drive_id: 0A}}]\n"
WRONG = """\
notify:
  ops: {type: webhok, url: "https://x.example/capability"}
  "bad name": {type: ping, url: "https://x.example/"}
  p: {type: ping, url: "http://hc.example/capability", events: [failure]}
  m: {type: webhook, url: "https://x.example/", events: [failure, partiel]}
  t: {type: webhook, url: "https://x.example/", timeout: 5m}
  d: {type: webhook, url: "http://169.254.169.254/capability"}
  h: {type: ping, url: "http://hc.example/capability"}
  c: {type: command, command: "rm -rf capability"}
  e: {type: command, command: [x], events: []}
  r: {type: command, command: [x], events: [recovered]}
  y: yes
endpoints:
  - name: D
    endpoint_type: google_drive
    endpoint_details: {drive_id: 0A}
    notify:
      opss: false
"""


def test_every_mistake_is_found_in_one_go_each_on_its_line(load: Load) -> None:
    with pytest.raises(ConfigProblems) as caught:
        load(WRONG)
    assert [(each.line, each.path) for each in caught.value.mistakes] == [
        (2, "notify.ops.type"),
        (3, "notify.'bad name'"),
        (4, "notify.p.events"),
        (5, "notify.m.events[1]"),
        (6, "notify.t.timeout"),
        (7, "notify.d.url"),
        (8, "notify.h.url"),
        (9, "notify.c.command"),
        (10, "notify.e.events"),
        (11, "notify.r.events"),
        (12, "notify.y"),
        (18, "endpoints[0].notify.opss"),
    ]
    text = str(caught.value)
    assert text.count("capability") == 1  # of the command, which is no secret
    assert "did you mean webhook?" in text
    assert "did you mean ops?" in text
    assert "'recovered', 'partial'" in text


def test_targets_are_those_of_the_file_and_what_an_endpoint_makes_of_them(load: Load, tmp_path: Path) -> None:
    text = (
        "notify:\n  a: {type: ping, url: '${PING}'}\n  b: {type: webhook, url: '${HOOK}', secret: '${KEY}'}\n"
        "  c: {type: command, command: [bin/tell, --now], events: [changes], give_up_after: 1d}\n"
        "endpoints:\n"
        "  - {name: D, endpoint_type: google_drive, endpoint_details: {drive_id: 0A}}\n"
        "  - name: E\n    endpoint_type: google_drive\n    endpoint_details: {drive_id: 0B}\n"
        "    notify: {a: false, c: {type: command, command: [tell]}}\n"
    )
    made = load(
        text, PING="https://hc.example/0123456789abcdef", HOOK="https://x.example/services/T0/B0", KEY="sign me"
    )
    first, second = made.endpoints
    assert first.notify == made.notify
    assert [(each.name, each.own) for each in second.notify] == [("b", False), ("c", True)]
    ping, hook, program = made.notify
    assert isinstance(ping.way, Ping)
    assert isinstance(hook.way, Webhook)
    assert Event.CHANGES not in hook.events
    assert Event.FAILURE in hook.events
    assert program.way == Command((str(tmp_path / "bin/tell"), "--now"))
    assert second.notify[1].way == Command(("tell",))
    assert "0123456789abcdef" not in repr(made)
    assert {"sign me", "/0123456789abcdef", "/services/T0/B0"} <= set(made.secrets())


def test_before_the_first_sync_every_target_is_shown_and_nothing_waits(tmp_path: Path) -> None:
    home = CliHome(tmp_path)
    home.configure({"name": "A"}, notify={"page": {"type": "command", "command": ["tell"]}})
    (row,) = home.run("notify", "status", "--json").document["targets"]
    assert (row["target"], row["waiting"], row["changes_behind"]) == ("page", 0, None)
    assert "page" in home.run("notify", "status").out


def test_config_show_says_who_is_told_without_what_is_secret(tmp_path: Path) -> None:
    home = CliHome(tmp_path)
    home.configure(
        {"name": "A", "notify": {"a": False, "own": {"type": "command", "command": ["tell"]}}},
        notify={
            "a": {"type": "ping", "url": "https://hc.example/0123456789abcdef"},
            "b": {
                "type": "webhook",
                "url": "https://x.example/services/T0",
                "secret": "sign me",
                "events": ["changes"],
            },
        },
    )
    shown = home.run("config", "show", "--json")
    assert shown.document["notify"] == {
        "a": {"type": "ping", "url": "https://hc.example", "timeout": "5s"},
        "b": {
            "type": "webhook",
            "url": "https://x.example",
            "is_signed": True,
            "events": ["changes"],
            "give_up_after": "3d",
            "timeout": "10s",
        },
    }
    assert shown.document["endpoints"][0]["notify"]["b"] is True
    assert set(shown.document["endpoints"][0]["notify"]) == {"b", "own"}
    assert "type: webhook" in home.run("config", "show").out
    assert not [secret for secret in ("0123456789abcdef", "services", "sign me") if secret in shown.out]


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "168.63.129.16",
        "0.0.0.0",
        "224.0.0.1",
    ],
)
def test_addresses_where_machines_keep_their_secrets_are_refused(address: str) -> None:
    assert is_forbidden(address)
    host = f"[{address}]" if ":" in address else address
    assert address_problem(f"http://{host}/", allow_http=True)


@pytest.mark.parametrize("name", ["metadata.google.internal", "Metadata.Google.Internal.", "metadata.goog"])
def test_names_where_machines_keep_their_secrets_are_refused_also_where_a_proxy_looks_them_up(name: str) -> None:
    assert address_problem(f"http://{name}/", allow_http=True)


@pytest.mark.parametrize(
    "url", ["https://x.example/p?q=1", "http://127.0.0.1:80/", "http://localhost/", "http://[::1]/"]
)
def test_https_and_this_machine_are_fine(url: str) -> None:
    assert address_problem(url, allow_http=False) == ""


@pytest.mark.parametrize(
    "url",
    [
        "x.example",
        "ftp://x.example/",
        "https://",
        "https://u:p@x.example/",
        "https://x.example:no/",
        "https://x/ y",
        "//x",
    ],
)
def test_what_is_no_address_is_a_mistake(url: str) -> None:
    assert address_problem(url, allow_http=True)


def test_http_to_another_machine_must_be_allowed() -> None:
    assert "allow_http: true" in address_problem("http://x.example/", allow_http=False)
    assert address_problem("http://x.example/", allow_http=True) == ""
