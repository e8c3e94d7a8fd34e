"""Old rows: what is dropped, what is kept whatever its age, and what can still be told afterwards."""

from pathlib import Path

import pytest

from filesync.store import migrations, positions
from filesync.store.database import open_for_writing
from filesync.store.migrations import CURRENT
from filesync.timestamps import Timestamp

NOW = Timestamp("2026-01-01T00:00:00.000Z")


def test_a_database_of_version_2_keeps_its_rows_and_its_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.db"
    with monkeypatch.context() as then:
        then.setattr(migrations, "_STEPS", migrations._STEPS[:2])
        then.setattr(migrations, "CURRENT", 2)
        old = open_for_writing(path)
        old.connection.executescript(
            f"""
                INSERT INTO endpoints (id, name, endpoint_type, endpoint_details, schedule, is_active, created_at,
                    updated_at) VALUES (7, 'e', 't', '{{}}', '{{"type": "manual"}}', 1, '{NOW}', '{NOW}');
                INSERT INTO sync_logs (id, endpoint_id, status, mode, "trigger", started_at, heartbeat_at, host, pid)
                    VALUES (3, 7, 'success', 'full', 'manual', '{NOW}', '{NOW}', 'h', 1);
                INSERT INTO files (endpoint_id, external_file_id, file_name, file_path, file_size, first_seen_at,
                    changed_at) VALUES (7, 'f', 'plan.pdf', '/plan.pdf', 5, '{NOW}', '{NOW}');
                INSERT INTO changes (sync_log_id, endpoint_id, external_file_id, kind, cause, content_changed,
                    file_name, file_path, detected_at, before, after) VALUES (3, 7, 'f', 'created', 'baseline', 0,
                    'plan.pdf', '/plan.pdf', '{NOW}', NULL, '{{"file_name":"plan.pdf","file_size":5}}')"""
        )
        before = old.connection.execute("SELECT * FROM file_history").fetchall()
        old.close()
    database = open_for_writing(path)
    assert database.connection.execute("PRAGMA user_version").fetchone() == (CURRENT,)
    assert database.connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert database.connection.execute("SELECT * FROM file_history").fetchall() == before
    assert len(before) == 1
    assert database.connection.execute("SELECT * FROM retention").fetchall() == [(1, 0, None, None)]
    assert positions.load_positions(database) == []
    database.close()


def test_a_reader_goes_forward_only_unless_it_is_put_back(tmp_path: Path) -> None:
    database = open_for_writing(tmp_path / "a.db")
    positions.advance(database, "bi", "consumer", 5, NOW)
    positions.advance(database, "bi", "consumer", 3, NOW)
    assert positions.find_position(database, "bi") == positions.Position("bi", "consumer", 5, NOW)
    positions.put_position(database, "bi", "consumer", 3, NOW)
    positions.advance(database, "notify:x", "notify", 0, NOW)
    assert [(each.reader, each.seq) for each in positions.load_positions(database)] == [("bi", 3), ("notify:x", 0)]
    assert positions.forget_reader(database, "bi")
    assert not positions.forget_reader(database, "bi")
    database.close()
