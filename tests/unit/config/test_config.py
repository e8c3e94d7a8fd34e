"""connector.yaml as it should be: what an endpoint becomes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from filesync.config import Config, Endpoint, load_config
from filesync.config.schema import schema
from filesync.core.schedule import CronSchedule, IntervalSchedule, ManualSchedule
from filesync.providers import registry
from filesync.providers.autodesk.details import AutodeskDetails, ProjectSetDetails
from filesync.providers.google_drive.details import DriveDetails, DriveSetDetails
from filesync.runtime.settings import load_settings
from tests import ROOT as REPOSITORY

Load = Callable[..., Config]


def drive(details: str = "{}", extra: str = "") -> str:
    return f"endpoints:\n  - {{name: D, endpoint_type: google_drive, endpoint_details: {details}{extra}}}\n"


def only(config: Config) -> Endpoint:
    (endpoint,) = config.endpoints
    return endpoint


def test_the_example_loads_and_reminds_of_its_placeholders(tmp_path: Path) -> None:
    config = load_config(REPOSITORY / "config" / "connector.example.yaml", load_settings(tmp_path, {}))
    assert [each.endpoint_type for each in config.endpoints] == [
        "autodesk_construction_cloud",
        "google_drive",
        "google_drive",
    ]
    assert len(config.notices) == 3
    assert all("placeholder" in each.message for each in config.notices)


def test_the_example_with_every_option_switched_on_still_loads(load: Load) -> None:
    """Options that are commented out are examples too; the two that exclude each other stay off."""
    text = (REPOSITORY / "config" / "connector.example.yaml").read_text()
    for key in ("expected_unreadable", "modified_after", "modified_before", "include", "rate_limit_percent"):
        assert f"# {key}:" in text
        text = text.replace(f"# {key}:", f"{key}:")
    first = load(text).endpoints[0]
    assert first.expected_unreadable == ("Project Files/HR",)
    assert first.selection.include == ("Project Files/Drawings/**",)


def test_env_example_holds_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes((REPOSITORY / "env.example").read_bytes())
    written, unset = load_settings(tmp_path, {}), load_settings(tmp_path / "empty", {})
    assert written.database_address == tmp_path / "data" / "connector.db"
    assert written.sync_interval_minutes == unset.sync_interval_minutes
    assert written.google_base_url == unset.google_base_url


def test_every_key_reaches_the_endpoint(load: Load) -> None:
    endpoint = only(
        load("""
endpoints:
  - name: " Project 0001 "
    endpoint_type: autodesk_construction_cloud
    project_id: project_0001
    user_id: 4711
    is_active: no
    expected_unreadable: ["/Project Files/HR/"]
    endpoint_details:
      project_id: 6C2CFFB0-e8c8-43d3-b415-e53f4377cedb
      hub_id: b.11111111-e8c8-43d3-b415-e53f4377cedb
      folder_id: urn%3Aadsk.wipprod%3Afs.folder%3Aco.X-y_1
      file_types: [RVT, .dwg, "*.ifc"]
      modified_after: 90d
      modified_before: 2026-12-31
      include: [/Plans/**]
      exclude: ["**/Archive/**"]
      include_system_folders: true
      act_as_user: ABC123
    schedule: {type: cron, cron: "*/15  6-20 * * 1-5", timezone: Europe/Berlin}
    reconcile_every: 1d
    max_delete_percent: 12.5
    time_limit: 90s
""")
    )
    assert (endpoint.name, endpoint.project_id, endpoint.user_id) == ("Project 0001", "project_0001", "4711")
    assert endpoint.is_active is False
    assert endpoint.expected_unreadable == ("Project Files/HR",)
    assert endpoint.schedule == CronSchedule("*/15 6-20 * * 1-5", "Europe/Berlin")
    assert (endpoint.reconcile_every, endpoint.time_limit) == (timedelta(days=1), timedelta(seconds=90))
    assert endpoint.max_delete_percent == 12.5
    assert isinstance(endpoint.details, AutodeskDetails)
    assert endpoint.details.project_id == "b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb"
    assert endpoint.details.folder_id == "urn:adsk.wipprod:fs.folder:co.X-y_1"
    assert endpoint.details.act_as_user == "ABC123"
    assert endpoint.scope["project_id"] == endpoint.details.project_id
    assert endpoint.selection.file_types == {"rvt", "dwg", "ifc"}
    assert endpoint.selection.include == ("Plans/**",)
    assert endpoint.selection.modified_after == timedelta(days=90)
    assert endpoint.selection.modified_before == datetime(2026, 12, 31, tzinfo=UTC)
    assert endpoint.kind is registry.kind_of("autodesk_construction_cloud")


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:00:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31 08:00:00+02:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
        ("2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ('"2026-01-31"', datetime(2026, 1, 31, tzinfo=UTC)),
        ("12h", timedelta(hours=12)),
    ],
)
def test_a_bound_is_a_date_a_date_time_or_an_age(load: Load, written: str, moment: object) -> None:
    assert only(load(drive(f"{{modified_after: {written}}}"))).selection.modified_after == moment


@pytest.mark.parametrize("written", ["123", "0123", "1e10", "1.10", "0x1F", "yes", '"123"', "1_000"])
def test_an_id_that_looks_like_something_else_keeps_every_character(load: Load, written: str) -> None:
    text = f"{drive()[:-2]}, user_id: {written}}}\n"
    assert only(load(text)).user_id == written.strip('"')


def test_a_missing_schedule_is_the_interval_of_the_environment(load: Load) -> None:
    assert only(load(drive(), SYNC_INTERVAL_MINUTES="17")).schedule == IntervalSchedule(timedelta(minutes=17))


def test_an_empty_value_is_an_absent_one(load: Load) -> None:
    endpoint = only(
        load(
            "endpoints:\n  - name: D\n    endpoint_type: google_drive\n    endpoint_details:\n      drive_id:\n    schedule:\n"
        )
    )
    assert isinstance(endpoint.details, DriveDetails)
    assert endpoint.details.drive_id is None


def test_defaults_hold_for_endpoints_that_do_not_decide_themselves(load: Load) -> None:
    config = load(
        """
defaults:
  user_id: team
  schedule: {type: manual}
  time_limit: 10m
  endpoint_details: {file_types: [pdf], exclude: ["${DROP}/**"]}
endpoints:
  - {name: A, endpoint_type: google_drive, endpoint_details: {drive_id: a}}
  - {name: B, endpoint_type: google_drive, endpoint_details: {drive_id: b, file_types: [dwg]}, schedule: {type: interval, interval_minutes: 3}, time_limit: 1m}
  - {name: C, endpoint_type: google_drive, endpoint_details: {drive_id: c, file_types: null}}
""",
        DROP="Old",
    )
    first, second, third = config.endpoints
    assert (first.schedule, first.time_limit, first.user_id) == (ManualSchedule(), timedelta(minutes=10), "team")
    assert first.selection.file_types == {"pdf"}
    assert first.selection.exclude == ("Old/**",)
    assert first.details_text == {"drive_id": "a", "file_types": ["pdf"], "exclude": ["${DROP}/**"]}
    assert (second.schedule, second.time_limit) == (IntervalSchedule(timedelta(minutes=3)), timedelta(minutes=1))
    assert second.selection.file_types == {"dwg"}
    assert third.selection.file_types == frozenset()


def test_variables_are_filled_in_and_remembered_as_written(load: Load) -> None:
    text = drive(
        '{drive_id: "${ID}", file_types: ["${TYPE:-pdf}"], include: ["$${x}", "${A}-${A}", "$5"]}',
        ', is_active: "${ON}"',
    )
    endpoint = only(load(text, ID="0Aabc", A="b", ON="false"))
    assert endpoint.scope["drive_id"] == "0Aabc"
    assert endpoint.selection.file_types == {"pdf"}
    assert endpoint.selection.include == ("${x}", "b-b", "$5")
    assert endpoint.is_active is False
    assert endpoint.details_text["drive_id"] == "${ID}"


@pytest.mark.parametrize(
    ("environ", "found"), [({}, "fallback"), ({"LABEL": ""}, "fallback"), ({"LABEL": "set"}, "set")]
)
def test_a_default_stands_in_for_what_is_unset_or_empty(load: Load, environ: dict[str, str], found: str) -> None:
    assert only(load(drive("{}", ", user_id: '${LABEL:-fallback}'"), **environ)).user_id == found


def test_an_empty_default_makes_the_key_absent(load: Load) -> None:
    assert only(load(drive('{drive_id: "${ID:-}"}'))).scope["drive_id"] is None


def test_a_variable_can_come_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "id.txt").write_text("0Afile\n")
    assert only(load(drive('{drive_id: "${ID}"}'), ID_FILE="id.txt")).scope["drive_id"] == "0Afile"


def test_anchors_and_merge_keys_repeat_what_they_name(load: Load) -> None:
    config = load("""
endpoints:
  - &first {name: A, endpoint_type: google_drive, endpoint_details: {drive_id: a}, time_limit: 7m}
  - <<: *first
    name: B
    endpoint_details: {drive_id: b}
""")
    assert [each.name for each in config.endpoints] == ["A", "B"]
    assert config.endpoints[1].time_limit == timedelta(minutes=7)


def test_one_folder_inside_anothers_scope_is_pointed_out(load: Load) -> None:
    config = load("""
endpoints:
  - {name: All, endpoint_type: google_drive, endpoint_details: {drive_id: a}}
  - {name: Part, endpoint_type: google_drive, endpoint_details: {drive_id: a, folder_id: f}}
  - {name: Other, endpoint_type: google_drive, endpoint_details: {drive_id: b, folder_id: f}}
""")
    (notice,) = config.notices
    assert (notice.line, notice.endpoint) == (4, "Part")
    assert "may overlap endpoint 'All' on line 3" in notice.message


def test_a_folders_id_in_place_of_a_shared_drives_is_pointed_out(load: Load) -> None:
    folder = f"1{'aB-_' * 8}"
    config = load(f"""
endpoints:
  - {{name: F, endpoint_type: google_drive, endpoint_details: {{drive_id: {folder}}}}}
  - {{name: D, endpoint_type: google_drive, endpoint_details: {{drive_id: 0AbCdEfGhIjKlMnOPVA, folder_id: {folder}}}}}
""")
    (notice,) = config.notices
    assert (notice.line, notice.path) == (3, "endpoints[0].endpoint_details.drive_id")
    assert "a folder's belongs in folder_id" in notice.message


def test_an_autodesk_id_as_label_is_pointed_out(load: Load) -> None:
    config = load("""
endpoints:
  - name: P
    endpoint_type: autodesk_construction_cloud
    project_id: b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb
    endpoint_details: {project_id: b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb}
""")
    (notice,) = config.notices
    assert (notice.line, notice.path) == (5, "endpoints[0].project_id")


@pytest.mark.parametrize(
    ("given", "length"),
    [
        ("b.6c2cffb0-e8c8-43d3-b415-e53f4377ced", 35),
        ("6c2cffb0-e8c8-43d3-b415-e53f4377cedb0", 37),
        ("B.6C2CFFB0-E8C8", 13),
        ("6c2cffb0e8c843d3b415e53f4377cedb", 32),
        ("b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb", 0),
        ("6C2CFFB0-E8C8-43D3-B415-E53F4377CEDB", 0),
    ],
)
@pytest.mark.parametrize("key", ["project_id", "hub_id"])
def test_an_id_that_was_copied_in_part_is_pointed_out(load: Load, key: str, given: str, length: int) -> None:
    ids = {"project_id": "b.00000001-1111-4111-8111-111111111111", key: given}
    config = load(f"""
endpoints:
  - name: P
    endpoint_type: autodesk_construction_cloud
    endpoint_details: {json.dumps(ids)}
""")
    assert [(each.path, f": {length} characters, where 36" in each.message) for each in config.notices] == (
        [(f"endpoints[0].endpoint_details.{key}", True)] if length else []
    )


@pytest.mark.parametrize(
    ("cron", "said"),
    [("*/45 * * * *", "not every 45 minutes"), ("0 */5 * * *", "interval_minutes: 300}"), ("*/60 */8 * * *", "")],
)
def test_a_step_that_is_shorter_at_the_end_of_the_hour_or_day_is_pointed_out(load: Load, cron: str, said: str) -> None:
    config = load(f"""
endpoints:
  - name: P
    endpoint_type: google_drive
    endpoint_details: {{drive_id: a}}
    schedule: {{type: cron, cron: "{cron}"}}
""")
    assert [(each.path, said in each.message) for each in config.notices] == (
        [("endpoints[0].schedule.cron", True)] if said else []
    )


def test_no_endpoints_at_all_are_pointed_out(load: Load) -> None:
    assert ["no endpoint" in each.message for each in load("endpoints: []\n").notices] == [True]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbf" + drive().encode())
    assert only(load_config(tmp_path / "c.yaml", load_settings(tmp_path, {}))).name == "D"


def test_a_service_account_may_read_what_is_named(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text('{"type": "service_account"}')
    for details in ("{drive_id: a}", "{folder_id: a}", "{shared_with_me: true}", "{subject: a@b.example}"):
        assert load(drive(details), GOOGLE_CREDENTIALS_PATH="key.json").endpoints


def test_an_authorised_user_has_a_my_drive(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text('{"type": "authorized_user"}')
    assert load(drive(), GOOGLE_CREDENTIALS_PATH="key.json").endpoints


def test_act_as_user_goes_with_the_two_legged_login(load: Load) -> None:
    text = "endpoints: [{name: P, endpoint_type: autodesk_construction_cloud, endpoint_details: {project_id: b.x, act_as_user: U1}}]"
    assert load(text).endpoints
    assert load(text, CONNECTOR_AUTODESK_AUTH="two_legged").endpoints


def test_loading_two_hundred_endpoints_reads_no_network_libraries() -> None:
    """Start-up is paid by every scheduled start: the configuration must not drag a service's libraries in."""
    code = "import sys, filesync.config; print([m for m in ('requests', 'googleapiclient', 'google.auth', 'rich', 'sqlite3', 'typer', 'dotenv') if m in sys.modules])"
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_committed_schema_is_current() -> None:
    assert json.loads((REPOSITORY / "config" / "connector.schema.json").read_text()) == schema()


def test_the_schema_holds_every_key_of_every_section() -> None:
    endpoint = schema()["properties"]["endpoints"]["items"]
    assert set(endpoint["properties"]) >= {"name", "endpoint_type", "endpoint_details", "schedule", "time_limit"}
    by_type = {
        each["if"]["properties"]["endpoint_type"]["const"]: each["then"]["properties"]["endpoint_details"]
        for each in endpoint["allOf"]
    }
    acc, drive = by_type["autodesk_construction_cloud"], by_type["google_drive"]["anyOf"][0]
    assert set(acc["else"]["properties"]) == set(AutodeskDetails.model_fields)
    assert set(acc["then"]["properties"]) == set(ProjectSetDetails.model_fields)
    assert set(drive["else"]["properties"]) == set(DriveDetails.model_fields)
    assert set(drive["then"]["properties"]) == set(DriveSetDetails.model_fields)
    names = acc["then"]["properties"]["projects"]
    assert (set(names["properties"]), names["additionalProperties"]) == ({"include", "exclude"}, False)
    assert all(key.get("description") for key in endpoint["properties"].values())


def test_the_examples_first_line_points_editors_to_the_schema() -> None:
    first = (REPOSITORY / "config" / "connector.example.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=connector.schema.json"
