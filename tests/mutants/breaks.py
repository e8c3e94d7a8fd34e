"""The breaks: each makes one sentence of the promises untrue by exchanging one piece of the source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Break:
    """Exchange `old`, which stands once in the file, for `new`; one of the tests in `seen_by` must fail then."""

    name: str
    says: str  # what is no longer so
    path: str
    old: str
    new: str
    seen_by: str  # files in tests/, those that are likely to fail first

    def broken(self, source: str) -> str:
        """Give the file's text with the break in it. Raises ValueError when the piece does not stand there once."""
        if source.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.path} has {self.old!r} {source.count(self.old)} times")
        return source.replace(self.old, self.new)


_REMOVALS = "filesync/store/removals.py"
_INTAKE = "filesync/store/intake.py"
_RUN = "filesync/store/run.py"
_ENDPOINT = "filesync/sync/endpoint.py"
_START = "filesync/sync/start.py"
_SCHEDULE = "filesync/schedule.py"
_ACC = "filesync/providers/autodesk/listing.py"
_FLAT = "filesync/providers/google_drive/listing.py"
_LOG = "filesync/providers/google_drive/changes.py"

BREAKS = (
    # --- 1. A listing is complete or it is not called complete ---------------------------------------------------
    Break(
        "only-the-first-page",
        "every page of an ACC folder is followed",
        _ACC,
        "if contents.next is None:",
        "if contents.next is None or True:",
        "test_provider_autodesk.py test_conformance_autodesk.py",
    ),
    Break(
        "only-the-first-drive-page",
        "every page of a Drive listing is followed",
        _FLAT,
        "        if token is None:\n            return replace(listing, phase=_NEXT[listing.phase], token=None)\n",
        "        if listing.phase:\n            return replace(listing, phase=_NEXT[listing.phase], token=None)\n",
        "test_provider_google_drive.py test_conformance_google_drive.py",
    ),
    Break(
        "a-part-is-done-after-a-page",
        "every part of a listing that was cut is read to its end",
        "filesync/providers/google_drive/ahead.py",
        "left = parts or ([chain.part] if page.next_token else [])",
        "left = parts or ([chain.part] if page.next_token and not chain.of_cut else [])",
        "test_drive_parts.py",
    ),
    Break(
        "parts-have-gaps",
        "the parts of a listing that was cut are everything",
        "filesync/providers/google_drive/parts.py",
        " and createdTime >= '",
        " and createdTime > '",
        "test_drive_parts.py",
    ),
    Break(
        "parts-are-believed",
        "what the parts of a listing leave out without a word is noticed",
        _FLAT,
        "if all(gone):",
        "if [*gone]:",
        "test_drive_parts.py",
    ),
    Break(
        "nobody-tells-a-crew-to-go",
        "no thread goes on after its sync",
        "filesync/providers/crew.py",
        "        work_until(self._over)\n",
        "        work_until(threading.Event())\n",
        "test_provider_crew.py test_drive_parts.py",
    ),
    Break(
        "only-the-first-page-of-changes",
        "every page of the change log is followed",
        _LOG,
        "while not (page := self._page()).is_last:",
        "while False and not (page := self._page()).is_last:",
        "test_provider_google_drive.py test_simulator_drive_changes.py",
    ),
    Break(
        "unread-is-success",
        "a folder that cannot be read makes the sync partial",
        _ENDPOINT,
        "    if not unread:\n",
        "    if unread is not None:\n",
        "test_sync_removals.py",
    ),
    Break(
        "unread-is-not-named",
        "the unreadable folder is named",
        _ENDPOINT,
        'named = "; ".join(f"{path} ({reason})" if reason else path for path, reason in unread[:_NAMED_GAPS])',
        'named = ""',
        "test_sync_removals.py test_provider_autodesk.py test_logs.py",
    ),
    Break(
        "unread-is-not-tried-again",
        "an unreadable folder is tried again on its own",
        "filesync/store/known.py",
        "relist OR last_listed_at IS NULL OR NOT readable",
        "relist OR (last_listed_at IS NULL AND readable)",
        "test_sync_removals.py test_conformance_autodesk.py",
    ),
    Break(
        "a-forbidden-folder-fails-all",
        "all else is still written when one folder cannot be read",
        _ACC,
        "except (ForbiddenError, NotFoundError) as error:",
        "except NotFoundError as error:",
        "test_provider_autodesk.py test_sync_removals.py",
    ),
    Break(
        "an-outage-is-a-gap",
        "temporary errors that outlast the retries fail the sync",
        _ACC,
        "except (ForbiddenError, NotFoundError) as error:",
        "except Exception as error:",
        "test_sync_removals.py test_fail_at_nth_request.py",
    ),
    Break(
        "incomplete-search-is-complete",
        "incompleteSearch is never success and removes nothing",
        _FLAT,
        "        if self._listing.incomplete:\n",
        "        if self._listing.incomplete and not self._listing:\n",
        "test_sync_removals.py test_sync_evidence.py",
    ),
    # --- 2. Only evidence removes --------------------------------------------------------------------------------
    Break(
        "missing-is-gone",
        "what is missing is looked up before it is removed",
        _REMOVALS,
        "self._put(ids, sighting, fate=None, vanished=True, is_folder=is_folder)",
        "self._put(ids, sighting, fate=Gone.REMOVED, vanished=True, is_folder=is_folder)",
        "test_sync_removals.py",
    ),
    Break(
        "a-failed-sync-removes",
        "a sync that failed removes nothing",
        _ENDPOINT,
        "return _Ending(status, exc.error_type, str(exc), listed=isinstance(exc, MassDeleteError))",
        "return _Ending(status, exc.error_type, str(exc), listed=isinstance(exc, MassDeleteError), removals=True)",
        "test_sync_removals.py test_fail_at_nth_request.py test_model_drive.py",
    ),
    Break(
        "no-guard",
        "a mass deletion stops and asks",
        _RUN,
        "trips = total >= _FEWEST_GUARDED and (vanishing + before) * 100 > max_percent * total",
        "trips = False",
        "test_sync_removals.py",
    ),
    Break(
        "a-guard-without-memory",
        "removals count for the guard within reconcile_every, not within one sync",
        _RUN,
        "before = self._removals.removed_since(self._memory.guarded_since(window))",
        "before = 0 and self._removals.removed_since(self._memory.guarded_since(window))",
        "test_sync_removals.py",
    ),
    Break(
        "the-guard-minds-small-endpoints",
        "an endpoint of fewer than 20 files is not guarded",
        _RUN,
        "_FEWEST_GUARDED = 20",
        "_FEWEST_GUARDED = 0",
        "test_sync_removals.py",
    ),
    Break(
        "the-guard-minds-filters",
        "what a changed filter leaves out does not trip the guard",
        "filesync/store/contents.py",
        "self._removals.leave(id_, sighting, vanished=False)",
        "self._removals.leave(id_, sighting, vanished=True)",
        "test_sync_filters.py",
    ),
    Break(
        "accepted-for-ever",
        "--accept-deletions lets removals through once",
        _ENDPOINT,
        "        if guard.trips:\n",
        "        if guard.trips and not run._memory._read('deletions_accepted_at'):\n",
        "test_sync_removals.py",
    ),
    Break(
        "blocked-forgets-what-is-pending",
        "blocked removals stay pending and visible",
        _ENDPOINT,
        "        if guard.trips:\n",
        "        if guard.trips:\n            run._connection.execute('DELETE FROM candidates')\n",
        "test_sync_removals.py test_cli_inventory.py",
    ),
    Break(
        "the-unreadable-is-gone",
        "nothing below an unreadable folder is removed",
        _RUN,
        "                self._removals.spare_unreadable()\n",
        "                pass\n",
        "test_sync_evidence.py test_sync_removals.py test_model_drive.py test_model_acc.py",
    ),
    Break(
        "candidates-die-with-their-sync",
        "candidates survive a crash",
        _RUN,
        "                self._removals.forget_answers()\n",
        '                self._connection.execute("DELETE FROM candidates")\n',
        "test_sync_evidence.py test_crash_points.py test_conformance_autodesk.py",
    ),
    Break(
        "each-file-of-a-vanished-folder-is-asked-for",
        "a vanished folder is decided once, for everything below it",
        _REMOVALS,
        "            if not self._is_below(id_, parent, folders)\n",
        "            if True or not self._is_below(id_, parent, folders)\n",
        "test_sync_removals.py test_sync_requests.py",
    ),
    Break(
        "lost-access-is-removed",
        "lost access is told from removed",
        "filesync/providers/autodesk/resolving.py",
        "Gone.ACCESS_LOST",
        "Gone.REMOVED",
        "test_sync_removals.py test_provider_autodesk_resolve.py",
    ),
    Break(
        "still-there-is-not-read-again",
        "a candidate that is still there has its folder read again",
        _REMOVALS,
        "UPDATE folders SET relist = 1 WHERE endpoint_id = ?1 AND external_folder_id IN (",
        "UPDATE folders SET relist = relist WHERE endpoint_id = ?1 AND external_folder_id IN (",
        "test_sync_removals.py",
    ),
    Break(
        "a-file-that-comes-back-is-new",
        "a file that comes back is restored",
        "filesync/store/states.py",
        '        return "restored"\n',
        '        return "created"\n',
        "test_sync_removals.py",
    ),
    Break(
        "no-reconciling",
        "everything is listed afresh within reconcile_every",
        "filesync/store/known.py",
        "        if not count:\n",
        "        if count is not None:\n",
        "test_sync_pace.py test_model_acc.py",
    ),
    # --- 3. Identity is the service's id -------------------------------------------------------------------------
    Break(
        "children-keep-the-old-path",
        "when a folder is renamed or moved, every path below changes in the same sync",
        _INTAKE,
        '            self._contents.rehang(placing.shifted, self.sighting(cause="folder"), but)\n',
        "            pass\n",
        "test_sync_requests.py test_sync_evidence.py test_model_drive.py",
    ),
    Break(
        "a-move-is-a-rename",
        "moved is told from renamed",
        "filesync/store/states.py",
        '        return "moved"\n',
        '        return "renamed"\n',
        "test_sync_removals.py test_sync_requests.py test_cli_inventory.py",
    ),
    # --- 4. Nothing half-written ---------------------------------------------------------------------------------
    Break(
        "the-cursor-runs-ahead",
        "no cursor is ahead of the rows, also after a crash",
        _RUN,
        "        with self._writing():\n            self._intake.take(batch)\n",
        "        with self._writing():\n"
        "            if state is not None and not self._is_trial:\n"
        "                self._memory.set_state(state)\n"
        "        with self._writing():\n            self._intake.take(batch)\n",
        "test_crash_points.py test_fail_at_nth_write.py",
    ),
    Break(
        "rows-without-a-transaction",
        "what a reader sees is a whole batch or nothing of it",
        "filesync/store/database.py",
        "                self._roll_back()\n                raise\n",
        '                self.connection.execute("COMMIT") if self.connection.in_transaction else None\n'
        "                raise\n",
        "test_fail_at_nth_write.py test_sync_evidence.py",
    ),
    Break(
        "removals-one-by-one",
        "all removals of a sync are written together",
        _REMOVALS,
        "        for fate, cause, reconciled in self._rows(\n",
        "        self._connection.execute('COMMIT')\n"
        "        self._connection.execute('BEGIN IMMEDIATE')\n"
        "        for fate, cause, reconciled in self._rows(\n",
        "test_crash_points.py test_fail_at_nth_write.py",
    ),
    Break(
        "a-stopped-listing-begins-anew",
        "the next run continues where the last one stopped",
        "filesync/providers/google_drive/listing.py",
        "self._listing = memory.listing or Listing(Phase.FOLDERS)",
        "self._listing = Listing(Phase.FOLDERS)",
        "test_sync_processes.py test_provider_google_drive.py test_conformance_google_drive.py",
    ),
    Break(
        "changed-folders-are-skipped",
        "a folder whose stamp moved is read",
        "filesync/store/known.py",
        "OR change_stamp IS NOT listed_stamp{unsettled})",
        "OR (change_stamp IS NOT listed_stamp AND 0{unsettled}))",
        "test_provider_autodesk.py test_sync_requests.py test_sync_removals.py",
    ),
    Break(
        "the-feed-leaves-something-out",
        "the feed agrees with the table",
        "filesync/store/ledger.py",
        "self._connection.executemany(_PUT_CHANGE, changes)",
        "self._connection.executemany(_PUT_CHANGE, changes[:50])",
        "test_sync_requests.py test_model_acc.py test_model_drive.py",
    ),
    # --- 5. Due --------------------------------------------------------------------------------------------------
    Break(
        "slots-from-the-last-run",
        "interval slots are counted from a fixed epoch",
        _SCHEDULE,
        "return _EPOCH + ((started - _EPOCH) // schedule.every + 1) * schedule.every",
        "return started + schedule.every",
        "test_schedule.py test_schedule_starts.py",
    ),
    Break(
        "interrupted-waits",
        "interrupted is due again at the next start",
        _SCHEDULE,
        'if history.last_status == "interrupted" or _failed_temporarily(history):',
        "if _failed_temporarily(history):",
        "test_schedule.py test_sync_pace.py",
    ),
    Break(
        "an-outage-waits",
        "temporary failures are due again at the next start",
        _SCHEDULE,
        'if history.last_status == "interrupted" or _failed_temporarily(history):',
        'if history.last_status == "interrupted":',
        "test_schedule.py",
    ),
    Break(
        "failures-hammer",
        "other failures are tried with growing spacing",
        _SCHEDULE,
        "return min(_FIRST_RETRY * (1 << doublings), _LAST_RETRY)",
        "return _FIRST_RETRY",
        "test_schedule.py",
    ),
    Break(
        "a-clock-set-back-starves",
        "a clock that jumps back never starves an endpoint",
        _SCHEDULE,
        "    if started > now + _CLOCK_TOLERANCE:\n",
        "    if started > now + _CLOCK_TOLERANCE * 10**6:\n",
        "test_schedule.py test_schedule_starts.py",
    ),
    Break(
        "autumn-runs-twice",
        "cron slots follow the time zone through changes of the clocks",
        _SCHEDULE,
        "        if slot > after:  #",
        "        if True:  #",
        "test_schedule.py test_schedule_starts.py",
    ),
    Break(
        "cron-in-utc",
        "cron slots are in the endpoint's time zone",
        _SCHEDULE,
        "after.astimezone(_zone(schedule))",
        "after.astimezone(UTC)",
        "test_schedule.py",
    ),
    Break(
        "a-new-cron-endpoint-is-due-at-once",
        "a new cron endpoint is due at its first slot after it was added",
        _SCHEDULE,
        '    if isinstance(schedule, IntervalSchedule):\n        return Decision(due=True, reason="it never ran"',
        '    if not isinstance(schedule, ManualSchedule):\n        return Decision(due=True, reason="it never ran"',
        "test_schedule.py",
    ),
    Break(
        "no-time-limit",
        "a scheduled sync that reaches its time limit commits and ends as interrupted",
        _START,
        "deadline = start.clock.monotonic() + endpoint.time_limit.total_seconds()",
        "deadline = None",
        "test_sync_pace.py",
    ),
    # --- 6. One at a time ----------------------------------------------------------------------------------------
    Break(
        "two-at-once",
        "one sync per endpoint at a time, across processes",
        _START,
        "if not lock.acquire(blocking=False):",
        "if not lock.acquire(blocking=False) and False:",
        "test_sync_processes.py test_single_instance.py test_many_at_once.py",
    ),
    Break(
        "as-many-as-there-are",
        "MAX_CONCURRENT_SYNCS in all, across processes",
        "filesync/sync/slots.py",
        "            if slot.acquire(blocking=False):\n                return slot\n",
        "            slot.acquire(blocking=False)\n            return slot\n",
        "test_single_instance.py",
    ),
    Break(
        "newcomers-take-every-slot",
        "endpoints that never completed leave one slot to the others",
        "filesync/sync/slots.py",
        "first = 1 if newcomer and self._slots > 1 else 0",
        "first = 0",
        "test_sync_evidence.py",
    ),
    Break(
        "running-for-ever",
        "a row left running by a dead process is closed by the next start",
        _START,
        "        journal.close_stale(self._database, self._locks.is_running, start.clock.now())\n",
        "",
        "test_single_instance.py test_sync_processes.py",
    ),
    Break(
        "silence-for-ever",
        "ten minutes without an answer end a sync as stalled",
        "filesync/http/transport.py",
        "LONGEST_SILENCE = 600.0",
        "LONGEST_SILENCE = 900.0",
        "test_http_retry.py",
    ),
    # --- 7. Signals ----------------------------------------------------------------------------------------------
    Break(
        "a-signal-is-a-failure",
        "a stopped sync is interrupted, not failed",
        _ENDPOINT,
        'status = "interrupted" if isinstance(exc, StoppedError) else "failed"',
        'status = "failed"',
        "test_sync_processes.py test_sync_pace.py",
    ),
    Break(
        "a-signal-is-not-told",
        "a signal's exit code is 143 or 130",
        "filesync/signals.py",
        "return None if self.number is None else _EXIT_OFFSET + self.number",
        "return None if self.number is None else 0",
        "test_sync_processes.py test_health_process.py",
    ),
    # --- 8. Limits -----------------------------------------------------------------------------------------------
    Break(
        "half-a-minute-is-a-minute",
        "never more than the documented limit in any 60 s",
        "filesync/http/budget.py",
        "WINDOW = 61.0",
        "WINDOW = 30.0",
        "test_http_budget.py test_sync_pace.py",
    ),
    Break(
        "a-budget-for-each-process",
        "the budget is shared by all processes of the home",
        "filesync/http/budget.py",
        '"\\0".join(names).encode(',
        '"\\0".join((*names, str(__import__("os").getpid()))).encode(',
        "test_http_budget.py test_many_projects.py",
    ),
    Break(
        "retry-after-is-not-heard",
        "Retry-After is obeyed by all workers",
        "filesync/http/pace.py",
        "            lane.block(seconds)\n",
        "            pass\n",
        "test_http_retry.py",
    ),
    Break(
        "drives-403-is-final",
        "Drive's 403 for asking too fast is retried",
        "filesync/providers/google_drive/routes.py",
        "retry=status == 403 and _is_too_fast(reason, error)",
        "retry=False",
        "test_provider_google_drive_pieces.py",
    ),
    Break(
        "every-403-is-retried",
        "a 403 that is no limit is not retried",
        "filesync/providers/google_drive/routes.py",
        "retry=status == 403 and _is_too_fast(reason, error)",
        "retry=status == 403",
        "test_provider_google_drive_pieces.py",
    ),
    Break(
        "no-second-token",
        "after a 401 the token is renewed once",
        "filesync/http/stages.py",
        "        if reply.status != 401:\n",
        "        if reply.status != 999:\n",
        "test_http_retry.py test_auth_tokens.py test_auth_autodesk.py",
    ),
    Break(
        "no-jitter",
        "backoff has jitter",
        "filesync/http/retry.py",
        "return random.random() * min(",
        "return min(",
        "test_http_retry.py",
    ),
    # --- 9. Tokens -----------------------------------------------------------------------------------------------
    Break(
        "refreshed-twice",
        "under the lock the token is read again before it is refreshed",
        "filesync/auth/files.py",
        "            kept = self.read()\n            if kept and kept.is_settled(self._clock.now()):\n                return kept\n",
        "            kept = self.read()\n",
        "test_auth_tokens.py test_auth_processes.py",
    ),
    Break(
        "refreshed-side-by-side",
        "one process refreshes at a time",
        "filesync/auth/files.py",
        "            self._wait_for(lock)\n            yield\n",
        "            yield\n",
        "test_auth_tokens.py test_auth_processes.py",
    ),
    Break(
        "a-token-for-everybody",
        "token files are 0600",
        "filesync/locks.py",
        '        with os.fdopen(fd, "wb") as file:\n            _put(file, bytes(_ROOM))\n',
        '        os.chmod(temporary, 0o644)\n        with os.fdopen(fd, "wb") as file:\n            _put(file, bytes(_ROOM))\n',
        "test_auth_tokens.py test_auth_autodesk.py",
    ),
    Break(
        "written-in-place",
        "a token file is replaced whole or not at all",
        "filesync/locks.py",
        "    _put(file, content)\n    temporary.replace(path)\n",
        "    path.write_bytes(content[:10])\n    path.write_bytes(content)\n    path.chmod(0o600)\n",
        "test_auth_processes.py test_crash_points.py",
    ),
    # --- 10. Only reads, and no secrets --------------------------------------------------------------------------
    Break(
        "anything-is-sent",
        "methods and routes that are not published are refused",
        "filesync/http/connection.py",
        "        if not self._is_published(route, method, address):\n",
        "        if not self._is_published(route, method, address) and False:\n",
        "test_http.py",
    ),
    Break(
        "secrets-show",
        "secrets never show",
        "filesync/redaction.py",
        'REDACTED = "**redacted**"',
        'REDACTED = ""',
        "test_http.py test_logs.py test_cli_setup.py",
    ),
    # --- 11. Foreign text ----------------------------------------------------------------------------------------
    Break(
        "names-steer-the-terminal",
        "foreign text changes nothing but its own cell",
        "filesync/cli/table.py",
        "cells = [(harmless(column.text(row)), column, width, column.mood(row)) for column, width in layout]",
        "cells = [(column.text(row), column, width, column.mood(row)) for column, width in layout]",
        "test_cli_inventory.py",
    ),
    Break(
        "any-json-will-do",
        "an answer that is not what the API promises is an error",
        "filesync/http/verdict.py",
        "    if not isinstance(body, dict):\n",
        "    if body is None:\n",
        "test_http.py test_hostile_answers.py",
    ),
    # --- 12. The disk and the database ---------------------------------------------------------------------------
    Break(
        "a-full-disk-is-a-traceback",
        "a full disk is a clear one-line error",
        "filesync/store/database.py",
        '    "SQLITE_FULL": ',
        '    "SQLITE_FILLED": ',
        "test_store_database.py test_fail_at_nth_write.py",
    ),
    Break(
        "a-busy-database-is-a-failure",
        "a busy database is waited for",
        "filesync/store/database.py",
        "        if exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:\n                return False\n",
        "        if exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:\n                raise\n",
        "test_sync_evidence.py test_sync_processes.py test_store_database.py test_many_at_once.py",
    ),
)
