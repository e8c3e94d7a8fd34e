"""Keys that were written down before they were hidden: the doctor finds them, shows none, and says how to clean it."""

import base64
import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from filesync.simulators.keys import to_pem
from tests.support.patients import Patient

PEM = to_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
KEY = json.dumps({"type": "service_account", "project_id": "p", "private_key": PEM})
BASE64 = base64.b64encode(KEY.encode()).decode()
SAID: Mapping[str, str] = {
    name: f"GOOGLE_APPLICATION_CREDENTIALS: /srv/home/{value} cannot be used: File name too long"
    for name, value in {
        "json": KEY,
        "pem": PEM,
        "json in base64": BASE64,
        "one byte before it": base64.b64encode(f" {KEY}".encode()).decode(),
        "two bytes before it": base64.b64encode(f"  {KEY}".encode()).decode(),
        "pem on one line": PEM.replace("\n", "\\n"),
        "no header": "".join(PEM.splitlines()[1:-1]),
    }.items()
}
PLACES = (
    "last_error_message",
    "error_message",
    "set_error",
    "payload",
    "last_error",
    "after",
    "log",
    "old log",
    "packed",
)


def write_down(patient: Patient, place: str, said: str) -> Path | None:
    """Let an earlier filesync have written it; give the file, where it is a log."""
    line = json.dumps({"level": "ERROR", "event": "sync_ended", "error_message": said}) + "\n"
    logs = patient.path / "logs"
    match place:
        case "last_error_message":
            patient.write("UPDATE sync_state SET last_error_message = ?", said)
        case "error_message":
            patient.write("UPDATE sync_logs SET error_message = ?", said)
        case "set_error":
            patient.write(
                "INSERT INTO set_sources (endpoint_type, question, error_message) VALUES ('a', '{}', ?)", said
            )
        case "payload":
            sql = "INSERT INTO notifications (target, event, payload, created_at) VALUES ('t', 'failure', ?, '2026-01-01')"
            patient.write(sql, json.dumps({"error_message": said}))
        case "last_error":
            patient.write("INSERT INTO notify_targets (target, last_error) VALUES ('t', ?)", said)
        case "after":
            patient.write("UPDATE changes SET after = ?", json.dumps({"file_name": said}))
        case "log":
            (logs / "connector.log").write_text("{}\n" * 100_000 + line)
            return logs / "connector.log"
        case "old log":
            border = line.index("ADANBg") + 4 if "ADANBg" in line else 700  # of two pieces: in the midst of what tells
            (logs / "connector.log.3").write_text("x" * (1_000_000 - border) + line)
            return logs / "connector.log.3"
        case "packed":
            (logs / "connector.log.4.gz").write_bytes(gzip.compress(line.encode()))
            return logs / "connector.log.4.gz"
    return None


def assert_hidden(shown: str) -> None:
    body = "".join(PEM.splitlines()[1:-1])
    for secret in (body, BASE64, PEM):
        assert not any(secret[at : at + 24] in shown for at in range(0, len(secret) - 24, 12))


@pytest.mark.parametrize("place", PLACES)
def test_a_key_that_was_written_down_is_found_not_shown_and_gone_once_cleaned(patient: Patient, place: str) -> None:
    file = write_down(patient, place, SAID["json"])
    seen = patient.see()
    found = [each for each in seen.of("secrets", "leftovers") if each["level"] == "FAIL"]
    assert seen.ended.code == 1
    assert [each["subject"] for each in found] == ["files" if file else "rows"]
    assert "make a new key and delete the old one" in found[0]["fix"]
    assert_hidden(f"{seen.ended}{patient.home.run('doctor', '--offline')}{patient.home.run('logs', '--json')}")
    clean(patient, found[0]["fix"])
    assert seen_levels(patient) == ["OK"]


def clean(patient: Patient, fix: str) -> None:
    """Do what the doctor says."""
    command = fix.rpartition(": ")[2]
    if command.startswith("rm "):
        for path in command.split()[1:]:
            Path(path).unlink()
        return
    connection = sqlite3.connect(patient.database, isolation_level=None)
    for statement in command.partition('"')[2].rstrip('"').split("; "):
        connection.execute(statement).fetchall()
    connection.close()


def seen_levels(patient: Patient) -> list[str]:
    return [each["level"] for each in patient.see().of("secrets", "leftovers")]


@pytest.mark.parametrize("shape", SAID)
def test_a_key_is_found_in_every_shape(patient: Patient, shape: str) -> None:
    write_down(patient, "error_message", SAID[shape])
    write_down(patient, "old log", SAID[shape])
    found = patient.see().of("secrets", "leftovers")
    assert [each["subject"] for each in found] == ["rows", "files"]


def test_what_was_deleted_from_a_row_stays_in_the_pages_and_in_copies(patient: Patient) -> None:
    write_down(patient, "after", SAID["json"] * 5)  # so long that it has pages of its own
    shutil.copy(patient.database, patient.database.with_name("connector.db.before-schema-3"))
    connection = sqlite3.connect(patient.database, isolation_level=None)
    connection.execute("PRAGMA secure_delete = off").fetchall()  # some systems build SQLite with it on
    connection.execute("UPDATE changes SET after = '{}'")
    connection.close()
    found = {each["subject"]: each for each in patient.see().of("secrets", "leftovers")}
    assert found.keys() == {"files", "pages"}
    assert "connector.db.before-schema-3" in found["files"]["fix"]
    for each in found.values():
        clean(patient, each["fix"])
    assert seen_levels(patient) == ["OK"]


@pytest.mark.parametrize(
    "said",
    [
        '{"private_key": "**redacted**"}',
        "the file has no -----BEGIN PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQsw",
        "it has no private_key",
    ],
)
def test_what_only_speaks_of_keys_is_none(patient: Patient, said: str) -> None:
    write_down(patient, "error_message", said)
    write_down(patient, "log", said)
    assert seen_levels(patient) == ["OK"]


def test_a_look_that_takes_too_long_ends_and_says_so(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filesync.doctor.leftovers._PATIENCE", -1.0)
    (patient.path / "logs" / "connector.log").write_text("{}\n")
    skipped: Callable[[], list[str]] = lambda: [  # noqa: E731
        each["reason"] for each in patient.see().document["skipped"] if each["check"] == "leftovers"
    ]
    assert any("not enough for all rows" in each for each in skipped())
    assert any("not enough for" in each and "file" in each for each in skipped())
