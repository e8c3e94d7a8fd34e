"""endpoints check: each step against a simulated service, and what is said when one fails."""

from typing import Any

from tests.support.cli_home import Result
from tests.support.homes import Acc, Drive, Home
from tests.support.in_process import in_memory


def check(home: Home, *argv: str, width: int | None = None) -> Result:
    process = in_memory(home.environ, home.path, home.clock, width=width)
    return Result(*process.run(["endpoints", "check", *argv]))


def steps(result: Result) -> dict[str, Any]:
    return {row["step"]: row["ok"] for row in result.document["checks"]}


def test_a_working_project_passes_every_step(acc: Acc) -> None:
    result = check(acc.home, "--json")
    assert (result.code, steps(result)) == (0, {"login": True, "reach": True, "listing": True})


def test_a_working_drive_passes_every_step(drive: Drive) -> None:
    result = check(drive.home, "--json")
    assert (result.code, steps(result)) == (0, {"login": True, "reach": True, "listing": True})


def test_nothing_is_stored(acc: Acc) -> None:
    check(acc.home)
    assert not acc.home.database.exists()


def test_a_wrong_login_stops_at_the_login(acc: Acc) -> None:
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = "not-the-one"
    result = check(acc.home, "--json")
    assert (result.code, steps(result)) == (77, {"login": False, "reach": None, "listing": None})
    assert "CONNECTOR_AUTODESK_CLIENT_SECRET" in result.out


def test_an_unknown_project_is_not_reached(acc: Acc) -> None:
    acc.home.configure({"name": "P", "endpoint_details": {"project_id": "b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb"}})
    result = check(acc.home, "--json")
    assert result.code == 1
    assert steps(result)["reach"] is False


def test_an_unknown_name_is_wrong_usage(acc: Acc) -> None:
    result = check(acc.home, "p")
    assert (result.code, result.out) == (2, "")
    assert "did you mean P?" in result.err


def test_a_failure_is_said_once_and_again_only_where_the_table_cuts_it(acc: Acc) -> None:
    acc.home.environ["CONNECTOR_AUTODESK_CLIENT_SECRET"] = "not-the-one"
    said = check(acc.home)
    assert said.out.count("CONNECTOR_AUTODESK_CLIENT_SECRET") == 1
    assert said.err == ""
    narrow = check(acc.home, width=80)
    assert "CONNECTOR_AUTODESK_CLIENT_SECRET" not in narrow.out
    assert narrow.err.count("CONNECTOR_AUTODESK_CLIENT_SECRET") == 1


def test_a_folder_that_cannot_be_read_makes_it_partial_unless_it_is_expected(acc: Acc) -> None:
    acc.service.revoke_access(acc.service.add_folder(acc.top, "HR"))
    partly = check(acc.home, "--json")
    assert (partly.code, steps(partly)) == (3, {"login": True, "reach": True, "listing": False})
    details = {"project_id": acc.project}
    acc.home.configure({"name": "P", "endpoint_details": details, "expected_unreadable": ["Project Files/HR"]})
    known = check(acc.home, "--json")
    assert (known.code, steps(known)) == (0, {"login": True, "reach": True, "listing": True})
