"""The specification as a program: what a home's database must say after any history of events, syncs, faults, crashes.

It is read from docs and promises, not from the code: nothing of filesync's own decisions is imported here. A service's
side of it (`Service`) is told by its simulator's state, never by its answers. A test drives both, and after each sync

    model = Model(home, "P", service)
    before = model.look()
    outcome = home.sync()
    model.check(before, outcome)            # what holds after any sync, however it ended
    model.check_clean(before, outcome)      # after one that read everything: database = service, filtered

A sync that was killed has no outcome; then `model.check(before, None)`.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from filesync.store.write.sync_log import Outcome
from tests.homes import Home
from tests.model.filters import Filters

Row = Mapping[str, Any]  # a row of `files` or `changes`
REASONS = frozenset({"trashed", "removed", "access_lost", "out_of_scope"})
CONTENT = ("version", "checksum", "file_size")
_OURS = frozenset({"id", "endpoint_id", "first_seen_at", "changed_at"})  # columns that are no state of the file
_FEWEST_GUARDED = 20


class Service(Protocol):
    """One endpoint's service, as its reader sees it now."""

    def shown(self) -> Mapping[str, Row]:
        """Give the row that each file must have which the service shows in the scope, by id, whatever the filters.

        Nothing hidden, forbidden, or below what cannot be opened. Columns that a row lacks are not compared.
        """

    def reasons(self, row: Row) -> Collection[str]:
        """Tell why a known file that is not shown may be removed; () where nothing is known, below an unreadable folder.

        Filters aside.
        """

    def unreadable(self) -> Collection[str]:
        """Give the paths of the folders that the last sync asked for, and was refused, though they are shown."""


@dataclass(frozen=True)
class Before:
    """The database as a sync found it; rows by the service's id, removed ones too."""

    rows: Mapping[str, Row]
    last_seq: int
    completed: bool  # some sync read everything before


@dataclass
class Model:
    """The model of one endpoint of a home.

    `filters`, `max_delete_percent` and `expected_unreadable` are what the configuration says now. Tests set
    `config_changed` when filters or scope change (or an age may have passed), and `access_changed` when somebody lost
    or gained access: only then may the feed name those causes.
    """

    home: Home
    endpoint: str
    service: Service
    filters: Filters = field(default_factory=Filters)
    max_delete_percent: float = 50
    reconcile_every: timedelta = timedelta(hours=6)
    expected_unreadable: Sequence[str] = ()
    config_changed: bool = False
    access_changed: bool = False
    accepted_at: str = ""  # when a person last accepted deletions
    in_steps: bool = False  # removals that were decided are written in several commits, also by the next sync
    lagging: bool = False  # the service may show what is not any more
    rows: Mapping[str, Row] = field(default_factory=dict)  # as last read
    said: dict[str, list[Row]] = field(default_factory=dict)  # what it showed at each sync, the newest last
    absent: dict[str, set[str]] = field(default_factory=dict)  # why files were not shown, at each sync since they were

    # What a test asks

    def look(self) -> Before:
        """Read what the database says before a sync, and note what the service will say to it."""
        for id_, file in self.service.shown().items():
            self.said.setdefault(id_, []).append(file)
        if not self.has_database():
            return Before({}, 0, completed=False)
        state = self.home.query(
            "SELECT s.completed_at FROM sync_state s JOIN endpoints e ON e.id = s.endpoint_id WHERE e.name = ?",
            self.endpoint,
        )
        self.rows = self._rows()
        self._note_absent()
        return Before(self.rows, self.home.last_seq(), completed=any(row["completed_at"] for row in state))

    def expected(self, now: datetime) -> dict[str, Row]:
        """Give what the inventory holds when everything was read: what is shown, and not filtered out."""
        return {id_: row for id_, row in self.service.shown().items() if self.filters.keep(dict(row), now)}

    def check(self, before: Before, outcome: Outcome | None, *, accepted: bool = False) -> None:
        """Assert what holds after any sync; `outcome` None: it was killed; `accepted`: with --accept-deletions."""
        after, now = self._rows(), self._now(outcome)
        self.rows = after
        changes = self._changes(before)
        self.home.assert_sound()
        assert_nothing_forgotten(before.rows, after)
        self._assert_only_evidence_removes(before.rows, after, now)
        self._assert_changed_rows_are_true(before.rows, after)
        self._assert_live_rows_are_wanted(before.rows, after, now)
        assert_feed_tells(before.rows, after, changes)
        self._assert_causes(before, changes)
        if outcome is not None:
            self._assert_ending(before, outcome, after, changes)
            if not accepted:
                self._assert_guard(before, outcome, after)
            elif outcome.status in {"success", "partial"}:
                self.accepted_at = timestamp(outcome.finished_at)

    def check_clean(self, before: Before, outcome: Outcome) -> None:
        """Assert that the database says what the service shows, after a sync that read everything afresh."""
        assert outcome.status in {"success", "partial"}, outcome
        live = {id_: row for id_, row in self.rows.items() if is_live(row)}
        expected = self.expected(outcome.started_at)
        dark = {id_ for id_, row in live.items() if id_ not in expected and self._is_in_the_dark(row)}
        assert live.keys() - dark == expected.keys(), _difference(live, expected)
        wrong = [(row, live[id_]) for id_, row in expected.items() if not agree(row, live[id_])]
        assert not wrong, wrong
        self._assert_search_finds_them()

    def has_database(self) -> bool:
        """Tell whether there are tables yet: the first sync may have been killed before it made them."""
        return self.home.database.exists() and bool(self.home.query("SELECT 1 FROM sqlite_master WHERE name = 'files'"))

    # What holds after any sync

    def _assert_only_evidence_removes(self, before: Mapping[str, Row], after: Mapping[str, Row], now: datetime) -> None:
        shown = self.service.shown()
        for id_ in newly_removed(before, after):
            row = before.get(id_, after[id_])
            # A stop may lie between hearing why a file went and writing it; its reason may be another one by then.
            allowed = set() if id_ in shown else {*self.service.reasons(row), *self.absent.get(id_, ())}
            if any(self._filters_out(state, now) for state in (row, after[id_], shown.get(id_))):
                allowed.add("out_of_scope")
            assert after[id_]["deleted_reason"] in allowed, (after[id_], allowed, shown.get(id_))

    def _assert_changed_rows_are_true(self, before: Mapping[str, Row], after: Mapping[str, Row]) -> None:
        """A row that a sync changed says what the service says now; its path may follow from folders read earlier.

        A file that comes in says what it said when it was last read: filters may have kept it out meanwhile.
        """
        shown = self.service.shown()
        for id_, row in after.items():
            old = before.get(id_)
            came_in = old is None or not is_live(old)
            if not is_live(row) or (old is not None and not came_in and _facts(old) == _facts(row)):
                continue
            if id_ not in shown:
                continue  # below a folder that is gone: a look-up tells of it all the same, until it is removed with that
            said = self.said.get(id_, [])
            assert any(agree(_facts(file), row) for file in (said if came_in or self.lagging else said[-1:])), (
                row,
                said,
            )

    def _assert_live_rows_are_wanted(self, before: Mapping[str, Row], after: Mapping[str, Row], now: datetime) -> None:
        """No sync takes in what the filters leave out."""
        for id_, row in after.items():
            if is_live(row) and (id_ not in before or not is_live(before[id_])):
                assert not self._filters_out(row, now), row

    def _assert_causes(self, before: Before, changes: Sequence[Row]) -> None:
        causes = {change["cause"] for change in changes}
        assert "baseline" not in causes or not before.completed, changes
        assert "config" not in causes or self.config_changed, changes
        assert "access" not in causes or self.access_changed, changes

    def _assert_search_finds_them(self) -> None:
        with closing(sqlite3.connect(self.home.database)) as connection:
            connection.execute("INSERT INTO files_search (files_search) VALUES ('integrity-check')")

    def _assert_ending(
        self, before: Before, outcome: Outcome, after: Mapping[str, Row], changes: Sequence[Row]
    ) -> None:
        removed = newly_removed(before.rows, after)
        kinds = [change["kind"] for change in changes]
        tally = outcome.tally
        assert tally.files_added == sum(kind in {"created", "restored"} for kind in kinds), (tally, kinds)
        assert tally.files_removed == kinds.count("deleted"), (tally, kinds)
        assert tally.files_added + tally.files_removed + tally.files_updated == len(kinds), (tally, kinds)
        if outcome.status in {"failed", "interrupted"} or outcome.trigger == "trial":
            assert self.in_steps or not removed, (outcome, removed)
        if outcome.trigger != "trial":
            self._assert_gaps_are_named(outcome)

    def _assert_gaps_are_named(self, outcome: Outcome) -> None:
        """A folder that could not be read, and was not expected to be, makes the sync partial and is named."""
        gaps = [path for path in self.service.unreadable() if not self._is_expected_gap(path)]
        if outcome.status == "success":
            assert not gaps, (outcome, gaps)
        if outcome.status == "partial":
            assert gaps or outcome.error_type != "unreadable", outcome
            assert sum(path in str(outcome.error_message) for path in gaps) >= min(len(gaps), 5), (outcome, gaps)

    def _assert_guard(self, before: Before, outcome: Outcome, after: Mapping[str, Row]) -> None:
        """More than max_delete_percent of at least 20 files, vanished within reconcile_every, stop and ask."""
        gone = [row for id_ in newly_removed(before.rows, after) if (row := after[id_])["deleted_reason"] in _VANISHED]
        earlier = self._vanished_before(before, outcome)
        live = sum(is_live(row) for row in after.values()) + len(newly_removed(before.rows, after))
        total = live + earlier
        if outcome.error_type == "mass_delete":
            assert total >= _FEWEST_GUARDED, (outcome, total)
            assert str(outcome.error_message).count("--accept-deletions") == 1
            self._assert_block_has_a_reason(after, earlier, total)
        elif gone:
            percent = (len(gone) + earlier) * 100 / total
            assert total < _FEWEST_GUARDED or percent <= self.max_delete_percent, (outcome, len(gone), earlier, total)

    def _assert_block_has_a_reason(self, after: Mapping[str, Row], earlier: int, total: int) -> None:
        """Nobody is asked about deletions while everything is there: so many files are not shown any more."""
        shown = self.service.shown()
        gone = sum(is_live(row) and id_ not in shown for id_, row in after.items())
        assert self.lagging or (gone + earlier) * 100 > self.max_delete_percent * total, (gone, earlier, total)

    def _vanished_before(self, before: Before, outcome: Outcome) -> int:
        since = timestamp(outcome.started_at - self.reconcile_every)
        return sum(
            1
            for row in before.rows.values()
            if not is_live(row)
            and row["deleted_reason"] in _VANISHED
            and row["deleted_at"] > max(since, self.accepted_at)
        )

    # Small questions

    def _note_absent(self) -> None:
        shown = self.service.shown()
        for id_, row in self.rows.items():
            if id_ in shown:
                self.absent.pop(id_, None)
            else:
                self.absent.setdefault(id_, set()).update(self.service.reasons(row))

    def _rows(self) -> dict[str, Row]:
        rows = self.home.query(
            "SELECT f.* FROM files f JOIN endpoints e ON e.id = f.endpoint_id WHERE e.name = ?", self.endpoint
        )
        return {row["external_file_id"]: row for row in rows}

    def _changes(self, before: Before) -> list[Row]:
        return [
            dict(row)
            for row in self.home.query(
                "SELECT c.* FROM changes c JOIN endpoints e ON e.id = c.endpoint_id WHERE e.name = ? AND seq > ?"
                " ORDER BY seq",
                self.endpoint,
                before.last_seq,
            )
        ]

    def _now(self, outcome: Outcome | None) -> datetime:
        return outcome.started_at if outcome else self.home.clock.now()

    def _filters_out(self, row: Row | None, now: datetime) -> bool:
        return row is not None and not self.filters.keep(dict(row), now)

    def _is_in_the_dark(self, row: Row) -> bool:
        """Tell whether a live row lies where the service does not let us look, so that it stays as it was."""
        return not self.service.reasons(row)

    def _is_expected_gap(self, path: str) -> bool:
        below = path.strip("/") + "/"
        return any(below.startswith(expected.strip("/") + "/") for expected in self.expected_unreadable)


_VANISHED = frozenset({"trashed", "removed", "access_lost"})


def timestamp(moment: datetime) -> str:
    """Write a time as the database does."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def agree(told: Row, row: Row) -> bool:
    """Tell whether a row says what it must, as far as that is told."""
    return all(row[column] == value for column, value in told.items())


def is_live(row: Row) -> bool:
    return row["deleted_at"] is None


def newly_removed(before: Mapping[str, Row], after: Mapping[str, Row]) -> list[str]:
    """List the files that were live, or not known, before a sync and are removed after it."""
    return [id_ for id_, row in after.items() if not is_live(row) and (id_ not in before or is_live(before[id_]))]


def assert_nothing_forgotten(before: Mapping[str, Row], after: Mapping[str, Row]) -> None:
    """A file that was ever known stays a row, the same row, first seen when it was; a removed one says why."""
    assert not before.keys() - after.keys()
    for id_, row in before.items():
        assert (row["id"], row["first_seen_at"]) == (after[id_]["id"], after[id_]["first_seen_at"])
    for row in after.values():
        assert is_live(row) == (row["deleted_reason"] is None)
        assert is_live(row) or row["deleted_reason"] in REASONS


def assert_feed_tells(before: Mapping[str, Row], after: Mapping[str, Row], changes: Sequence[Row]) -> None:
    """The changes of a sync lead from what was to what is, and each has the kind that its step deserves."""
    states = {id_: _state(row) for id_, row in before.items()}
    for change in changes:
        id_, old = change["external_file_id"], states.get(change["external_file_id"])
        new = {**(old or {}), **json.loads(change["after"])}
        assert new != old, change
        assert (change["kind"], bool(change["content_changed"])) == _told(old, new), (change, old)
        assert (change["file_name"], change["file_path"]) == (new["file_name"], new["file_path"])
        states[id_] = new
    for id_, row in after.items():
        assert {name: value for name, value in states[id_].items() if value is not None} == {
            name: value for name, value in _state(row).items() if value is not None
        }


def _told(old: Row | None, new: Row) -> tuple[str, bool]:
    """Name a step: the first kind that applies, and whether the content differs."""
    if old is None:
        return "created", False
    if new.get("deleted_at") is not None:
        return "deleted", False
    columns = (
        CONTENT if any(state.get(name) for state in (old, new) for name in CONTENT[:2]) else ("updated_at", "file_size")
    )
    content = any(old.get(name) != new.get(name) for name in columns)
    return next(_kinds(old, new, content=content)), content


def _kinds(old: Row, new: Row, *, content: bool) -> Iterator[str]:
    if old.get("deleted_at") is not None:
        yield "restored"
    if old.get("parent_external_id") != new.get("parent_external_id") or _folder(old) != _folder(new):
        yield "moved"
    if old["file_name"] != new["file_name"]:
        yield "renamed"
    yield "modified" if content else "touched"


def _folder(state: Row) -> str:
    return str(state["file_path"]).rpartition("/")[0]


def _state(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _OURS and name != "external_file_id"}


def _facts(row: Row) -> dict[str, Any]:
    hidden = {"file_path", "deleted_at", "deleted_reason"}
    return {name: value for name, value in _state(row).items() if name not in hidden}


def _difference(live: Mapping[str, Row], expected: Mapping[str, Row]) -> str:
    lacking = sorted(expected[id_]["file_path"] for id_ in expected.keys() - live.keys())
    extra = sorted(live[id_]["file_path"] for id_ in live.keys() - expected.keys())
    return f"lacking {lacking}, in excess {extra}"
