"""What sets of endpoints are made of: the answers of their services, and who was in them."""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from filesync.model import Identity, KnownMember, Member, Members, SetSource
from filesync.store.database import Database
from filesync.store.stored import identity_of, object_of
from filesync.timestamps import Timestamp, known_time

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
    """Read every source that was ever asked, with all its members."""
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
        source_id = _asked(connection, source, now)
        connection.execute(
            """UPDATE set_sources SET answered_at = ?1, error_type = NULL, error_message = NULL, failures_in_a_row = 0,
               identity = CASE WHEN ?3 OR identity IS NOT NULL THEN coalesce(?2, identity) END WHERE id = ?4""",
            (
                now,
                _to_json(asdict(members.identity)) if members.identity else None,
                len(members) > 0,
                source_id,
            ),
        )
        if members.whole:
            connection.execute("UPDATE set_members SET missed = missed + 1 WHERE source_id = ?", (source_id,))
        connection.executemany(_PUT, [_row(source_id, member, now) for member in members])
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
    with database.transaction() as connection:
        connection.execute(
            """UPDATE set_sources SET error_type = ?, error_message = ?, failures_in_a_row = failures_in_a_row + 1
               WHERE id = ?""",
            (error_type, message, _asked(connection, source, now)),
        )


def wake(database: Database) -> None:
    """Let every source be asked again that was refused for want of a login."""
    with database.transaction() as connection:
        connection.execute("UPDATE set_sources SET asked_at = NULL WHERE error_type = 'login'")


def mark_archived(
    database: Database, source: SetSource, member_id: str, endpoint_id: int, archived_at: Timestamp | None
) -> None:
    """Archive a member whose own sync was told that its project is closed, or (None) take that back."""
    with database.transaction() as connection:
        connection.execute(
            """UPDATE set_members SET archived_at = ?1, missed = 0 WHERE external_id = ?2 AND source_id IN (
                   SELECT id FROM set_sources WHERE endpoint_type = ?3 AND credentials = ?4 AND question = ?5)""",
            (archived_at, member_id, source.endpoint_type, source.credentials, source.question),
        )
        connection.execute("UPDATE endpoints SET archived_at = ? WHERE id = ?", (archived_at, endpoint_id))


_PUT = """
    INSERT INTO set_members (source_id, external_id, member_name, details, provider_state, first_seen_at, named_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
    ON CONFLICT (source_id, external_id) DO UPDATE SET
        named_at = CASE WHEN member_name = excluded.member_name THEN named_at ELSE excluded.named_at END,
        member_name = excluded.member_name, details = excluded.details, provider_state = excluded.provider_state,
        missed = 0, archived_at = NULL
"""


def _asked(connection: sqlite3.Connection, source: SetSource, now: Timestamp) -> int:
    row = connection.execute(
        """INSERT INTO set_sources (endpoint_type, credentials, question, asked_at) VALUES (?, ?, ?, ?)
           ON CONFLICT (endpoint_type, credentials, question) DO UPDATE SET asked_at = excluded.asked_at
           RETURNING id""",
        (source.endpoint_type, source.credentials, source.question, now),
    ).fetchone()
    return int(row[0])


def _row(source_id: int, member: Member, now: Timestamp) -> tuple[object, ...]:
    return source_id, member.id, member.name, _to_json(member.details), _to_json(member.state), now


def _members(connection: sqlite3.Connection) -> dict[int, list[KnownMember]]:
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
