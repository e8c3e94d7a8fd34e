"""What a provider may ask of the store while it reads: its state, and which folders need reading."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from filesync.core.model import KnownFolder, State
from filesync.core.timestamps import known_time, to_timestamp
from filesync.store.engine import SqlConnection
from filesync.store.row_codec import object_of
from filesync.store.write.folders import FolderTree

_MARGIN = 0.9  # of reconcile_every: the rest is room for a start that comes late


@dataclass(frozen=True, slots=True)
class ReconcilePace:
    """How fast to list afresh what no shortcut calls changed: everything within `every`, `gap` between starts."""

    every: timedelta
    gap: timedelta

    def overdue(self, ages: Sequence[float]) -> int:
        """Count how many of the oldest listings an even pace would have renewed by now.

        `ages` are seconds, oldest first. Renewing one folder every `every`/n, the i-th oldest comes up in time
        only if at most `every` - its age is left for the i before it. At most twice the fair share of one start.
        """
        if not ages:
            return 0
        period, number = self.every.total_seconds() * _MARGIN, len(ages)
        share = number * min(1.0, self.gap.total_seconds() / period)
        rate = number / period
        needed = max(i + age * rate for i, age in enumerate(ages, 1)) - number
        return max(0, min(int(needed), int(2 * share) or 1, number))


class ProviderView:
    """The `Known` of filesync.providers.base, answered from one endpoint's rows."""

    def __init__(  # noqa: PLR0913  what a provider may ask about
        self,
        connection: SqlConnection,
        endpoint_id: int,
        tree: FolderTree,
        *,
        remembered: Callable[[], tuple[str, str | None]],
        full: bool,
        stamped: bool,
        fresh_but_for: set[str] | None,
        pace: ReconcilePace,
        now: Callable[[], datetime],
        is_expected_unreadable: Callable[[str], bool],
    ) -> None:
        """`remembered` gives the provider's state and the root's id.

        `fresh_but_for`: act as if nothing but these folders had ever been read (a trial).
        """
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._tree = tree
        self._remembered = remembered
        self._full = full
        self._stamped = stamped
        self._fresh_but_for = fresh_but_for
        self._pace = pace
        self._now = now
        self._is_expected_unreadable = is_expected_unreadable

    @property
    def state(self) -> State:
        if self._fresh_but_for is not None:
            return {}
        return object_of(self._remembered()[0])

    @property
    def full(self) -> bool:
        return self._full

    def root(self) -> KnownFolder | None:
        return self.folder(self._remembered()[1])

    def folder(self, folder_id: str | None) -> KnownFolder | None:
        folder = self._tree.get(folder_id)
        return folder.as_known() if folder and folder.deleted_at is None else None

    def unlisted(self, below: str | None = None) -> Sequence[KnownFolder]:
        where = "TRUE" if below is None else "parent_external_id = ?"
        order = "ORDER BY depth, external_folder_id"
        parameters = [] if below is None else [below]
        if self._fresh_but_for is not None:
            return [f for f in self._folders(f"{where} {order}", parameters) if f.id not in self._fresh_but_for]
        unsettled = " OR listed_stamp IS NULL" if self._stamped else ""  # decision 10
        where += f""" AND (relist <> 0 OR last_listed_at IS NULL OR NOT readable
                           OR change_stamp IS DISTINCT FROM listed_stamp{unsettled})"""
        found = self._folders(f"{where} {order}", parameters)
        return [folder for folder in found if folder.readable or not self._is_expected_gap(folder)]

    def stalest(self) -> Sequence[KnownFolder]:
        if self._fresh_but_for is not None:
            return []
        now = self._now()
        rows = self._connection.execute(
            """SELECT coalesce(last_tried_at, last_listed_at) FROM folders
               WHERE endpoint_id = ? AND deleted_at IS NULL AND folder_path IS NOT NULL AND listable AND NOT excluded
               AND coalesce(last_tried_at, last_listed_at) IS NOT NULL""",
            (self._endpoint_id,),
        )
        every = self._pace.every.total_seconds()
        # a time that is damaged, or that lies ahead because the clock was set back, counts as overdue
        tried_at = (known_time(tried) for (tried,) in rows)
        ages = (every if at is None or at > now else (now - at).total_seconds() for at in tried_at)
        count = self._pace.overdue(sorted(ages, reverse=True))
        if not count:
            return []
        tried = "coalesce(last_tried_at, last_listed_at)"
        oldest_first = f"{tried} IS NOT NULL ORDER BY {tried} <= ?, {tried}, depth LIMIT ?"
        return self._folders(oldest_first, [to_timestamp(now), count])

    def _is_expected_gap(self, folder: KnownFolder) -> bool:
        return folder.path is not None and self._is_expected_unreadable(folder.path)

    def _folders(self, condition: str, parameters: Sequence[object]) -> list[KnownFolder]:
        rows = self._connection.execute(
            f"""SELECT external_folder_id, parent_external_id, folder_name, folder_path, change_stamp, readable
                FROM folders WHERE endpoint_id = ? AND deleted_at IS NULL AND folder_path IS NOT NULL
                AND listable AND NOT excluded AND {condition}""",  # noqa: S608
            (self._endpoint_id, *parameters),
        )
        return [KnownFolder(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in rows]
