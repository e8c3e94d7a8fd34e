"""What sets of endpoints are made of: the answers of their services, and who was in them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from filesync.core.model import Identity, KnownMember, Member, Members, SetSource
from filesync.core.timestamps import Timestamp, known_time
from filesync.store.engine import Database, Insert, SqlConnection
from filesync.store.row_codec import identity_of, object_of

_ARCHIVED_AFTER = 2  # complete answers in a row that a member was not in


@dataclass(frozen=True, slots=True)
class Answered:
    """What is remembered of one source; `answered_at` is None until there was a complete answer."""

    source: SetSource
    members: tuple[KnownMember, ...] = ()
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    error_type: str | None = None
    error_message: str | None = None
    failures_in_a_row: int = 0
    identity: Identity | None = None  # as whom the members were asked for; None: nobody said so yet


def load(database: Database) -> dict[SetSource, Answered]:
    """Read every source that was ever asked, with all its members; by plain statements, for every start does."""
    with database.reading() as connection:
        members = _members(connection)
        rows = connection.execute(
            """SELECT id, endpoint_type, credentials, question, asked_at, answered_at, error_type, error_message,
                      failures_in_a_row, identity FROM set_sources"""
        ).fetchall()
    found = (_to_answered(row, members.get(row[0], ())) for row in rows)
    return {each.source: each for each in found}


def note_answer(database: Database, source: SetSource, members: Members, now: Timestamp) -> None:
    """Remember an answer; who is missing from the second whole one in a row is archived, who is back is not.

    One that named nobody, as the first one may, says nothing about whose answers are to be believed.
    """
    with database.transaction() as connection:
        sources = database.table("set_sources")
        source_id = _asked(database, source, now)
        well = {"answered_at": now, "error_type": None, "error_message": None, "failures_in_a_row": 0}
        sources.update(source_id, well)
        is_trusted = len(members) > 0 or sources.get(source_id)["identity"] is not None
        if is_trusted and members.identity:
            sources.update(source_id, {"identity": _to_json(asdict(members.identity))})
        if members.whole:
            connection.execute("UPDATE set_members SET missed = missed + 1 WHERE source_id = ?", (source_id,))
        latest = {member.id: _row(source_id, member, now) for member in members}
        connection.write_many(_PUT, [*latest.values()])  # thousands, in a large hub
        connection.execute(
            """UPDATE set_members SET archived_at = ?
               WHERE source_id = ? AND missed >= ? AND archived_at IS NULL""",
            (now, source_id, _ARCHIVED_AFTER),
        )


def present(database: Database, source: SetSource) -> int:
    """Count the members that the last whole answer named and that are not archived."""
    with database.reading() as connection:
        row = connection.execute(
            """SELECT count(*) FROM set_members AS m JOIN set_sources AS s ON s.id = m.source_id
               WHERE s.endpoint_type = ? AND s.credentials = ? AND s.question = ? AND missed = 0
               AND archived_at IS NULL""",
            (source.endpoint_type, source.credentials, source.question),
        ).fetchone()
    return int(row[0])


def note_failure(database: Database, source: SetSource, error_type: str, message: str, now: Timestamp) -> None:
    """Remember that there was no complete answer; the members stay as they are."""
    with database.transaction():
        sources = database.table("set_sources")
        source_id = _asked(database, source, now)
        failures = 1 + sources.get(source_id)["failures_in_a_row"]
        failed = {"error_type": error_type, "error_message": message, "failures_in_a_row": failures}
        sources.update(source_id, failed)


def wake(database: Database) -> None:
    """Let every source be asked again that was refused for want of a login."""
    with database.transaction():
        sources = database.table("set_sources")
        for row in list(sources.rows_where("error_type = 'login'", select="id")):
            sources.update(row["id"], {"asked_at": None})


def mark_archived(
    database: Database, source: SetSource, member_id: str, endpoint_id: int, archived_at: Timestamp | None
) -> None:
    """Archive a member whose own sync was told that its project is closed, or (None) take that back."""
    with database.transaction():
        members = database.table("set_members")
        for row in list(database.table("set_sources").rows_where(_IS_SOURCE, asdict(source))):
            for _ in list(members.rows_where("source_id = ? AND external_id = ?", [row["id"], member_id])):
                members.update((row["id"], member_id), {"archived_at": archived_at, "missed": 0})
        database.table("endpoints").update(endpoint_id, {"archived_at": archived_at})  # decision 45: its rows stay live


_IS_SOURCE = "endpoint_type = :endpoint_type AND credentials = :credentials AND question = :question"
_PUT = Insert(
    "set_members",
    ("source_id", "external_id", "member_name", "details", "provider_state", "first_seen_at", "named_at"),
    """ON CONFLICT (source_id, external_id) DO UPDATE SET
        named_at = CASE WHEN set_members.member_name = excluded.member_name THEN set_members.named_at
            ELSE excluded.named_at END,
        member_name = excluded.member_name, details = excluded.details, provider_state = excluded.provider_state,
        missed = 0, archived_at = NULL""",
)


def _asked(database: Database, source: SetSource, now: Timestamp) -> int:
    """Note that a source was asked; gives the number of its row."""
    sources = database.table("set_sources")
    row = next(sources.rows_where(_IS_SOURCE, asdict(source), select="id"), None)
    if row is None:
        return database.insert("set_sources", {**asdict(source), "asked_at": now})
    sources.update(row["id"], {"asked_at": now})
    return int(row["id"])


def _row(source_id: int, member: Member, now: Timestamp) -> tuple[object, ...]:
    return (source_id, member.id, member.name, _to_json(member.details), _to_json(member.state), now, now)


def _members(connection: SqlConnection) -> dict[int, list[KnownMember]]:
    found: dict[int, list[KnownMember]] = {}
    rows = connection.execute(
        """SELECT source_id, external_id, member_name, details, provider_state, first_seen_at, named_at, archived_at
           FROM set_members ORDER BY source_id, external_id"""
    )
    for source_id, member_id, name, details, state, *times in rows:
        member = Member(member_id, name, object_of(details), object_of(state))
        found.setdefault(source_id, []).append(KnownMember(member, *times))
    return found


def _to_answered(row: Sequence[Any], members: Sequence[KnownMember]) -> Answered:
    _, endpoint_type, credentials, question, asked_at, answered_at, error_type, error_message, failures, identity = row
    return Answered(
        SetSource(endpoint_type, credentials, question),
        tuple(members),
        known_time(asked_at),
        known_time(answered_at),
        error_type,
        error_message,
        failures,
        identity_of(identity) if identity else None,
    )


def _to_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
