"""The totals of syncs: what counters are made of, whatever becomes of the log's old rows."""

from filesync.store.sqlite.database import open_for_writing
from tests.support.homes import Acc


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
