"""The totals of syncs: what counters are made of, whatever becomes of the log's old rows."""

from pathlib import Path

import pytest

from filesync.store import migrations
from filesync.store.database import open_for_writing
from filesync.timestamps import Timestamp
from tests.homes import Acc

NOW = Timestamp("2026-01-01T00:00:00.000Z")


def test_every_sync_that_ends_is_added_up_and_a_lost_log_takes_nothing_away(acc: Acc) -> None:
    acc.service.add_file(acc.top, "a.pdf", 1)
    for _ in range(3):
        acc.home.sync()
    logged = acc.home.query("SELECT count(*) AS syncs, sum(api_requests) AS api_requests FROM sync_logs")
    total = "SELECT syncs, api_requests, files_added, status FROM sync_totals"
    before = acc.home.query(total)
    assert before == [{**logged[0], "files_added": 1, "status": "success"}]
    database = open_for_writing(acc.home.database)
    with database.transaction() as connection:
        connection.execute("DELETE FROM sync_logs WHERE id NOT IN (SELECT sync_log_id FROM changes)")
    database.close()
    assert acc.home.query(total) == before


def test_what_was_logged_before_there_were_totals_is_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    with monkeypatch.context() as then:
        then.setattr(migrations, "_STEPS", migrations._STEPS[:2])
        then.setattr(migrations, "CURRENT", 2)
        old = open_for_writing(path)
        with old.transaction() as connection:
            connection.execute(
                """INSERT INTO endpoints (id, name, endpoint_type, endpoint_details, schedule, is_active, created_at,
                   updated_at) VALUES (7, 'e', 't', '{}', '{"type": "manual"}', 1, ?1, ?1)""",
                (NOW,),
            )
            connection.executemany(
                """INSERT INTO sync_logs (endpoint_id, status, mode, "trigger", started_at, heartbeat_at, api_requests,
                   duration_seconds, host, pid) VALUES (7, ?1, 'full', 'manual', ?2, ?2, ?3, ?4, 'h', 1)""",
                [
                    ("success", NOW, 3, 1.5),
                    ("success", NOW, 4, 2.0),
                    ("failed", NOW, 1, None),
                    ("running", NOW, 9, None),
                ],
            )
        old.close()
    database = open_for_writing(path)
    rows = database.connection.execute(
        "SELECT status, syncs, api_requests, duration_seconds FROM sync_totals ORDER BY status"
    ).fetchall()
    database.close()
    assert rows == [("failed", 1, 1, 0.0), ("success", 2, 7, 3.5)]
