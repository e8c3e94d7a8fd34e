-- Schema version 3: what all syncs of an endpoint cost so far, kept when old rows of sync_logs are not: counters only grow.

CREATE TABLE sync_totals (
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    status TEXT NOT NULL,
    syncs INTEGER NOT NULL,
    duration_seconds REAL NOT NULL,
    files_added INTEGER NOT NULL,
    files_updated INTEGER NOT NULL,
    files_removed INTEGER NOT NULL,
    found_by_reconcile INTEGER NOT NULL,
    api_requests INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    throttled_seconds REAL NOT NULL,
    PRIMARY KEY (endpoint_id, status)
) STRICT, WITHOUT ROWID;

INSERT INTO sync_totals
SELECT
    endpoint_id, status, count(*), coalesce(sum(duration_seconds), 0.0), sum(files_added), sum(files_updated),
    sum(files_removed), sum(found_by_reconcile), sum(api_requests), sum(retries), sum(throttled_seconds)
FROM sync_logs
WHERE status <> 'running'
GROUP BY endpoint_id, status;

CREATE TRIGGER sync_totals_add AFTER UPDATE OF status ON sync_logs
WHEN old.status = 'running' AND new.status <> 'running' BEGIN
    INSERT INTO sync_totals (
        endpoint_id, status, syncs, duration_seconds, files_added, files_updated, files_removed, found_by_reconcile,
        api_requests, retries, throttled_seconds
    ) VALUES (
        new.endpoint_id, new.status, 1, coalesce(new.duration_seconds, 0.0), new.files_added, new.files_updated,
        new.files_removed, new.found_by_reconcile, new.api_requests, new.retries, new.throttled_seconds
    )
    ON CONFLICT (endpoint_id, status) DO UPDATE SET
        syncs = syncs + 1,
        duration_seconds = duration_seconds + excluded.duration_seconds,
        files_added = files_added + excluded.files_added,
        files_updated = files_updated + excluded.files_updated,
        files_removed = files_removed + excluded.files_removed,
        found_by_reconcile = found_by_reconcile + excluded.found_by_reconcile,
        api_requests = api_requests + excluded.api_requests,
        retries = retries + excluded.retries,
        throttled_seconds = throttled_seconds + excluded.throttled_seconds;
END;
