"""The configuration as it was checked last: it is what the file would give, as private as the file, or it is ignored."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filesync.alerts import Command, Event, Ping, Webhook
from filesync.config import Config, ConfigMistakes, load_config
from filesync.config.kept import Keeper
from filesync.model import KnownMember, Member
from filesync.settings import load_settings
from filesync.timestamps import Timestamp
from tests.homes import ROOT, Home
from tests.test_config_kinds import CODE

HUB = "b.00000000-0000-4000-8000-0000000000aa"
PROJECT = "b.00000000-0000-4000-8000-0000000000bb"
LONG = Timestamp("2026-01-01T00:00:00.000Z")
KEY = "credentials/google-service-account.json"
RICH = f"""\
defaults: {{reconcile_every: 12h, endpoint_details: {{file_types: [changes], exclude: ["**/old/**"]}}}}
rate_limit_percent: 40
retention: {{changes: {{keep_for: 90d}}, deleted_files: {{keep_rows: 5}}}}
credentials:
  other: {{client_id: "${{OTHER_ID}}", client_secret: "${{OTHER_SECRET}}", auth: two_legged}}
  unused: {{google_credentials_path: "keys/${{NOTHING:-none}}.json"}}
notify:
  switch: {{type: ping, url: "https://hc.example/ping/${{PING_KEY}}", timeout: 3s}}
  hook: {{type: webhook, url: "${{HOOK_URL}}", secret: "${{HOOK_SECRET}}", events: [changes]}}
  tool: {{type: command, command: [./bin/tell, "--token=${{TOOL_TOKEN}}", "${{TOOL_TOKEN}}"], give_up_after: 2h}}
endpoints:
  - name: Cron
    endpoint_type: autodesk_construction_cloud
    endpoint_details: {{project_id: "{PROJECT}", hub_id: "{HUB.upper()}", modified_after: 2026-01-31, modified_before: 3d}}
    schedule: {{type: cron, cron: "*/5 6-20 * * 1-5", timezone: Europe/Berlin}}
    expected_unreadable: [/Private/]
    notify: {{switch: false, own: {{type: ping, url: "https://hc.example/own/${{PING_KEY}}"}}}}
  - name: "Ü ${{LABEL}}"
    endpoint_type: google_drive
    project_id: ${{LABEL}}
    endpoint_details: {{drive_id: 0AbCdEf, folder_id: 1FgHi, include: ["a/**"]}}
    schedule: {{type: manual}}
    is_active: false
    max_delete_percent: 12.5
  - name: "{{project_name}}"
    endpoint_type: autodesk_construction_cloud
    credentials: other
    endpoint_details: {{hub_id: "{HUB}", projects: {{include: ["P*"], exclude: ["*old*"]}}}}
    schedule: {{type: interval, interval_minutes: 7}}
"""
ENVIRON = {
    "OTHER_ID": "another-client",
    "OTHER_SECRET": " another-clients-words ",
    "PING_KEY": "5e2d-ping-capability",
    "HOOK_URL": "https://hooks.example/services/capability-of-the-hook",
    "HOOK_SECRET": "signs-what-is-posted",
    "TOOL_TOKEN": "shown-to-the-tool",
    "LABEL": "Turm",
    "CONNECTOR_AUTODESK_CLIENT_ID": "client",
    "CONNECTOR_AUTODESK_CLIENT_SECRET": "the-environments-words",
}


class Place:
    """A folder with a configuration, its variables, and what is kept of it."""

    def __init__(self, path: Path, text: str, environ: Mapping[str, str]) -> None:
        self.path = path
        self.file = path / "config" / "connector.yaml"
        self.environ = dict(environ)
        for folder in ("config", "data", "credentials"):
            (path / folder).mkdir()
        self.file.write_text(text, encoding="utf-8")

    @property
    def kept(self) -> Path:
        return self.keeper().file

    def keeper(self) -> Keeper:
        return Keeper(self.file, load_settings(self.path, self.environ))

    def load(self) -> Config:
        return load_config(self.file, load_settings(self.path, self.environ))

    def start(self) -> Config:
        """Take the configuration as `filesync sync` does, and keep it."""
        keeper = self.keeper()
        config = keeper.config()
        keeper.keep(config)
        return config

    def recall(self) -> Config | None:
        """Take the configuration as the next start does; None when it had to be read anew."""
        config = self.keeper().config()
        return config if is_recalled(config) else None


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, RICH, ENVIRON)


def is_recalled(config: Config) -> bool:
    """Tell whether no model was made of any endpoint's details."""
    return all(type(each.details) is SimpleNamespace for each in config.endpoints)


def comparable(value: Any) -> Any:
    """Write a configuration as plain values, secrets too; a model and what is kept of it are their common fields."""
    if isinstance(value, dict):
        return {name: comparable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(comparable(each) for each in value)
    if hasattr(value, "__dataclass_fields__"):
        return [type(value).__name__, *(comparable(getattr(value, name)) for name in value.__dataclass_fields__)]
    facts: Mapping[str, Callable[[], Any]] = {
        "reveal": lambda: ("secret", value.reveal()),
        "replaced": lambda: dict(value),  # variables
        "drive_id": lambda: facts_of(value, "drive_id", "folder_id", "shared_with_me", "subject"),
        "act_as_user": lambda: facts_of(value, "act_as_user", "hub_id", "include_system_folders"),
    }
    return next((give() for name, give in facts.items() if hasattr(value, name)), value)


def facts_of(details: Any, *names: str) -> Mapping[str, Any]:
    more = ("project_id", "folder_id") if hasattr(details, "project_id") else ()
    return {name: getattr(details, name) for name in (*names, *more)}


def test_what_is_kept_is_what_the_file_says(place: Place) -> None:
    place.start()
    kept, fresh = place.recall(), place.load()
    assert kept is not None
    assert comparable(kept) == comparable(fresh)
    assert {*kept.secrets()} == {*fresh.secrets()}
    assert [each.kind for each in kept.endpoints] == [each.kind for each in fresh.endpoints]
    assert kept.settings_for("other").variables == fresh.settings_for("other").variables
    assert {type(each.way) for each in kept.targets()} == {Ping, Webhook, Command}
    assert len(kept.targets()) == len(fresh.targets()) == 4
    assert {type(event) for target in kept.targets() for event in target.events} == {Event}
    assert {type(each) for endpoint in kept.endpoints for each in endpoint.selection.file_types} == {str}
    switch, hook, tool = kept.notify  # the same ones, for a target is known by itself
    cron = kept.endpoints[0]
    assert (cron.notify[0] is hook, cron.notify[1] is tool, switch in cron.notify) == (True, True, False)


@pytest.mark.parametrize("example", ["connector.example.yaml", "connector.dev.yaml"])
def test_the_examples_are_kept_as_they_are(tmp_path: Path, example: str) -> None:
    place = Place(tmp_path, (ROOT / "config" / example).read_text(encoding="utf-8"), {})
    fresh = place.start()
    kept = place.keeper().config()
    assert comparable(kept) == comparable(fresh)


def test_members_of_sets_are_kept_once_they_were_checked(place: Place) -> None:
    known = [KnownMember(Member("m1", "Pier", {"project_id": PROJECT, "hub_id": HUB}), LONG, LONG)]
    known += [KnownMember(Member("m2", "Pool", {"project_id": "not an id", "hub_id": HUB}), LONG, LONG)]

    def expanded(config: Config) -> Any:
        (declared,) = config.sets
        return comparable(config.expanded({declared.source: known}))

    place.start()
    for _ in range(2):  # from the file, and kept without members
        keeper = place.keeper()
        config = keeper.config()
        fresh = expanded(config)
        keeper.keep(config)
    kept = place.keeper().config()
    assert [*kept.sets[0].checked.values()][1] is None
    assert len(kept.sets[0].checked) == 2
    assert expanded(kept) == fresh == expanded(place.load())
    assert [each[1] for each in fresh] == ["Cron", "Ü Turm", "Pier"]


def edited(place: Place) -> None:
    place.file.write_text(RICH.replace("interval_minutes: 7", "interval_minutes: 8"), encoding="utf-8")


def with_another_secret(place: Place) -> None:
    place.environ["HOOK_SECRET"] = "signs-otherwise"


def with_a_variable_from_a_file(place: Place) -> None:
    (place.path / "label").write_text("Turm 2\n")
    del place.environ["LABEL"]
    place.environ["LABEL_FILE"] = "label"


def with_a_default_that_is_set(place: Place) -> None:
    place.environ["NOTHING"] = "something"


def with_another_interval(place: Place) -> None:
    place.environ["SYNC_INTERVAL_MINUTES"] = "9"


def with_another_flow(place: Place) -> None:
    place.environ["CONNECTOR_AUTODESK_AUTH"] = "two_legged"


def with_a_key_file(place: Place) -> None:
    (place.path / KEY).write_text("{}")


def with_another_program(place: Place) -> None:
    digest, _, text = place.kept.read_bytes().partition(b"\n")
    place.kept.write_bytes(digest[::-1] + b"\n" + text)


@pytest.mark.parametrize(
    "change",
    [
        *(edited, with_another_secret, with_a_variable_from_a_file, with_a_default_that_is_set),
        *(with_another_interval, with_another_flow, with_a_key_file, with_another_program),
    ],
)
def test_when_anything_is_different_the_file_is_read_anew(place: Place, change: Callable[[Place], None]) -> None:
    place.start()
    assert place.recall() is not None
    change(place)
    assert place.recall() is None
    assert comparable(place.keeper().config()) == comparable(place.load())
    place.start()
    assert place.recall() is not None


def test_what_has_no_part_in_it_does_not_matter(place: Place) -> None:
    place.start()
    place.environ |= {"TERM": "dumb", "CONNECTOR_LOG_LEVEL": "DEBUG", "MAX_CONCURRENT_SYNCS": "2"}
    assert place.recall() is not None


def test_another_home_with_the_same_file_reads_its_own(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    place.start()
    other = Place(tmp_path_factory.mktemp("other"), RICH, ENVIRON)
    other.kept.write_bytes(place.kept.read_bytes())
    assert other.recall() is None


def test_a_mistake_is_told_however_often_the_file_was_right(place: Place) -> None:
    place.start()
    for text in (RICH.replace("minutes: 7", "minutes: seven"), RICH.replace(PROJECT, "urn:x"), RICH + "x: 1\n"):
        place.file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigMistakes) as fresh:
            place.load()
        with pytest.raises(ConfigMistakes) as kept:
            place.keeper().config()
        assert str(kept.value) == str(fresh.value)


def test_a_login_that_becomes_a_service_account_is_checked_again(tmp_path: Path) -> None:
    place = Place(tmp_path, "endpoints: [{name: D, endpoint_type: google_drive}]", {})
    place.start()
    assert place.recall() is not None
    (tmp_path / KEY).write_text('{"type": "service_account"}')
    with pytest.raises(ConfigMistakes, match="no My Drive worth listing"):
        place.keeper().config()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_ignored(place: Place, data: st.DataObject) -> None:
    place.start()
    whole = place.kept.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    put = data.draw(st.binary(max_size=3).filter(lambda each: each != whole[at : at + 1]))
    place.kept.write_bytes(whole[:at] + put + whole[at + 1 :])
    assert place.recall() is None
    place.kept.write_bytes(whole[:at])
    assert place.recall() is None
    place.kept.write_bytes(whole)
    assert place.recall() is not None


@pytest.mark.parametrize(
    "text", ["", "\n", "x\n{}", "x\n[]", "x\n" + "[" * 100_000, 'x\n{"variables":7,"looked_at":[""]}']
)
def test_nonsense_is_ignored(place: Place, text: str) -> None:
    place.kept.write_text(text)
    assert place.recall() is None
    assert comparable(place.start()) == comparable(place.load())
    assert place.recall() is not None


def writable_by_others(path: Path) -> None:
    path.chmod(0o620)


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("plant", [writable_by_others, a_link, a_pipe])
def test_what_somebody_else_could_have_put_there_is_not_used_but_replaced(
    place: Place, plant: Callable[[Path], None]
) -> None:
    place.start()
    plant(place.kept)
    assert place.recall() is None
    place.start()
    assert (place.kept.is_symlink(), place.kept.stat().st_mode & 0o777) == (False, 0o600)
    assert place.recall() is not None


def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(place: Place) -> None:
    other = place.path / "precious"
    other.write_text("precious")
    place.kept.symlink_to(other)
    place.start()
    assert other.read_text() == "precious"
    assert place.recall() is not None


def test_no_variables_value_is_in_it_and_nobody_else_can_read_it(place: Place) -> None:
    config = place.start()
    assert place.kept.stat().st_mode & 0o777 == 0o600
    text = json.dumps(json.loads(place.kept.read_bytes().partition(b"\n")[2]), ensure_ascii=False)
    for name in config.variables - {"NOTHING"}:
        assert ENVIRON[name].strip() not in text
    assert not [secret for secret in config.settings.secrets() if secret.strip() in text]
    assert "capability" not in text


def test_that_it_cannot_be_kept_fails_nothing(place: Place) -> None:
    (place.kept / "in the way").mkdir(parents=True)
    for _ in range(2):
        assert comparable(place.start()) == comparable(place.load())
    assert [each.name for each in place.kept.parent.iterdir()] == [place.kept.name]


def test_without_a_data_folder_nothing_is_made(tmp_path: Path) -> None:
    place = Place(tmp_path, RICH, ENVIRON)
    place.kept.parent.rmdir()
    place.start()
    assert not place.kept.parent.exists()


def test_what_a_killed_start_left_is_swept(place: Place) -> None:
    left = place.kept.with_name(f".{place.kept.name}.abc")
    left.write_text("half")
    place.start()
    assert not left.exists()


def test_of_a_kind_that_does_not_say_what_it_looked_at_nothing_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.path / "filesync_keepless.py").write_text(CODE)
    facts = place.path / "filesync_keepless-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: filesync-keepless\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[filesync.providers]\nkeepless_test = filesync_keepless:KIND\n")
    monkeypatch.syspath_prepend(str(place.path))
    more = "  - {name: B, endpoint_type: keepless_test, endpoint_details: {bucket: b1}}\n"
    place.file.write_text(RICH + more, encoding="utf-8")
    assert place.start().endpoints[-1].scope == {"bucket": "b1"}
    assert not place.kept.exists()


def test_only_sync_keeps_it_and_every_command_takes_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure({"name": "A", "endpoint_details": {"drive_id": "0A"}, "schedule": {"type": "manual"}})
    (tmp_path / "data").mkdir()
    kept = tmp_path / "data" / "connector.checked"
    for argv in (["status"], ["endpoints"], ["config", "check"], ["sync", "--dry-run"]):
        assert home.cli(*argv).code == 0
        assert not kept.exists()
    assert home.cli("sync").code == 0
    program = "import sys, filesync.__main__ as m\ntry: m.main()\nfinally: print(*sys.modules, file=sys.stderr)"
    for argv in (["status"], ["sync"], ["endpoints", "--json"]):
        environ = {"PYTHONPATH": str(ROOT), **home.environ}
        done = subprocess.run(
            [sys.executable, "-c", program, *argv], env=environ, capture_output=True, text=True, check=True
        )
        assert not {"yaml", "pydantic", "filesync.config.loading"}.intersection(done.stderr.split())
