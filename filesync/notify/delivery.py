"""Delivery: one queue for each target, in order and again until it arrives; bounded in time, one start at once.

At least once: a message leaves the outbox, and a position moves, after its receiver took it and never before.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from filesync.core.alerts import Event, Target, payload
from filesync.core.errors import DeliveryError, StoppedError, StoreError
from filesync.core.timestamps import to_timestamp
from filesync.notify.messages import Message
from filesync.notify.sender import DeliveryContext, try_once
from filesync.runtime.database_url import lock_folder
from filesync.runtime.locks import FileLock
from filesync.runtime.log import Level
from filesync.store.database import open_for_writing
from filesync.store.engine import Database
from filesync.store.feed import entries, outbox, readers

BUDGET = 30.0  # seconds of one start, after which no further message is begun
_LAST_GRACE = 2.5  # seconds after which a stopped start ends whatever still hangs
_GLANCE = 0.05  # seconds between two looks at the deliveries


@dataclass(frozen=True, slots=True)
class Recipient:
    """A target as it stands in the database; `endpoint_ids` are those whose changes it gets."""

    key: str
    target: Target
    shown: str
    endpoint_ids: frozenset[int] = frozenset()

    @property
    def reads_feed(self) -> bool:
        return Event.CHANGES in self.target.events

    @property
    def reader(self) -> str:
        return f"{outbox.READER}{self.key}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed delivery; `in_a_row` counts the failures of its target since its last success."""

    shown: str
    error: str
    in_a_row: int


@dataclass(slots=True)
class Result:
    """What came of it; `abandoned` tells that threads still hang in a request and the process should just end."""

    delivered: int = 0
    failures: list[Failure] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)  # in words
    abandoned: bool = False


def deliver(desk: DeliveryContext, addressees: Sequence[Recipient]) -> Result:
    """Deliver what waits, unless another start does it just now; what does not arrive waits for the next start."""
    database = open_for_writing(desk.database_address, lambda: desk.stop.requested)
    lock = FileLock(lock_folder(desk.database_address) / "notify.lock")
    try:
        result = Result()
        if not _has_work(desk, database, addressees) or not lock.acquire(blocking=False):
            return result
        try:
            _sweep(desk, database, addressees, result)
            waiting = outbox.look(database, desk.clock.now())
            _Round(desk, database, result).run([each for each in addressees if _is_due(desk, each, waiting)])
            result.abandoned = any(thread.is_alive() for thread in desk.left)
        finally:
            lock.release()
        return result
    finally:
        database.close()


def _has_work(desk: DeliveryContext, database: Database, addressees: Sequence[Recipient]) -> bool:
    """Return in one look whether there is anything to do."""
    waiting = outbox.look(database, desk.clock.now())
    keys = {each.key for each in addressees}
    return (
        not outbox.known_targets(database) <= keys
        or any(each.reads_feed and each.key not in waiting.positions for each in addressees)
        or any(_is_due(desk, each, waiting) for each in addressees)
    )


def _is_due(desk: DeliveryContext, addressee: Recipient, waiting: outbox.Outbox) -> bool:
    if addressee.key in waiting.resting or addressee.key in desk.silent:
        return False
    news = addressee.reads_feed and waiting.positions.get(addressee.key, waiting.last_seq) < waiting.last_seq
    return news or addressee.key in waiting.targets


def _sweep(desk: DeliveryContext, database: Database, addressees: Sequence[Recipient], result: Result) -> None:
    """Take in new targets, forget those that left the file, drop what is too old."""
    now, waiting = desk.clock.now(), outbox.look(database, desk.clock.now())
    keys = {each.key for each in addressees}
    gone = {*waiting.positions} - {each.key for each in addressees if each.reads_feed}
    outbox.forget_targets(database, outbox.known_targets(database) - keys)
    for key in gone & keys:
        readers.forget_reader(database, f"{outbox.READER}{key}")
    for each in addressees:
        if each.reads_feed and each.key not in waiting.positions:
            seq = entries.last_before(database, to_timestamp(desk.began_at))
            readers.put_position(database, each.reader, "notify", seq, to_timestamp(now))
    if waiting.targets:
        for message in outbox.drop(database, {each.key: each.target.keep for each in addressees}, now):
            desk.log.warning("notification_dropped", target=message.target, told=message.event)
            if message.target in keys:
                what = f"{message.event} of {message.created_at}"
                result.dropped.append(f"{message.target}: {what} could not be delivered")


class _Worker:
    """One target's deliveries, in a thread of their own."""

    def __init__(self, desk: DeliveryContext, addressee: Recipient, until: float) -> None:
        self.addressee = addressee
        self.delivered = 0
        self.error: str | None = None
        self._desk = desk
        self._until = until
        self.thread = threading.Thread(target=self._run, name=f"notify {addressee.key}", daemon=True)

    def _run(self) -> None:
        try:
            database = open_for_writing(self._desk.database_address, lambda: self._desk.stop.requested)
            try:
                self._deliver(database)
            finally:
                database.close()
        except DeliveryError as error:
            self.error = self._desk.scrub(str(error))
        except StoreError as error:
            facts = {"target": self.addressee.key, "error_message": str(error)}
            self._desk.log.write(Level.ERROR, "notification_failed", **facts)
        except StoppedError:
            return

    def _deliver(self, database: Database) -> None:
        clock = self._desk.clock
        while clock.monotonic() < self._until and not self._desk.stop.requested:
            letter = self._next(database)
            if letter is None:
                return
            try_once(self._desk, self.addressee.target, letter)
            self._note(database, letter)

    def _next(self, database: Database) -> Message | None:
        message = outbox.first(database, self.addressee.key)
        if message is not None:
            number = f"{message.payload.get('run_id', self._desk.run_id)}-{message.id}"
            return Message(number, message.event, message.payload, message_id=message.id)
        return self._next_changes(database) if self.addressee.reads_feed else None

    def _next_changes(self, database: Database) -> Message | None:
        """Make a message of the feed's next batch; passes over changes that this target does not get."""
        position = readers.find_position(database, self.addressee.reader)
        if position is None:
            return None
        batch = entries.read_batch(database, position.seq, self.addressee.endpoint_ids)
        if batch.entries:
            return self._letter(batch)
        if batch.last_seq > position.seq:
            self._advance(database, batch.last_seq)
        return None

    def _letter(self, batch: entries.Batch) -> Message:
        desk, first = self._desk, batch.entries[0]["seq"]
        count = len(batch.entries)
        facts = payload(
            Event.CHANGES,
            to_timestamp(desk.clock.now()),
            f"{count} change{'' if count == 1 else 's'}",
            desk.run_id,
            host=desk.host,
            feed=batch.feed,
            first_seq=first,
            last_seq=batch.last_seq,
            changes=[*batch.entries],
        )
        return Message(f"changes-{first}-{batch.last_seq}", Event.CHANGES, facts, last_seq=batch.last_seq)

    def _note(self, database: Database, letter: Message) -> None:
        """Remember that it arrived."""
        if letter.last_seq is not None:
            self._advance(database, letter.last_seq)
        outbox.note_delivered(database, self.addressee.key, letter.message_id, self._desk.clock.now())
        self.delivered += 1
        self._desk.log.info("notified", target=self.addressee.key, told=letter.event, message_id=letter.id)

    def _advance(self, database: Database, seq: int) -> None:
        readers.advance(database, self.addressee.reader, "notify", seq, to_timestamp(self._desk.clock.now()))


class _Round:
    """All targets at once, so that one that hangs holds up no other."""

    def __init__(self, desk: DeliveryContext, database: Database, result: Result) -> None:
        self._desk = desk
        self._database = database
        self._result = result

    def run(self, addressees: Sequence[Recipient]) -> None:
        until = self._desk.clock.monotonic() + BUDGET
        workers = [_Worker(self._desk, each, until) for each in addressees]
        for worker in workers:
            worker.thread.start()
        self._attend(workers)
        for worker in workers:
            self._conclude(worker)

    def _attend(self, workers: Sequence[_Worker]) -> None:
        """Wait for the deliveries, each of which is bounded; after a stop not for long."""
        clock, stop = self._desk.clock, self._desk.stop
        until: float | None = None
        while living := [each.thread for each in workers if each.thread.is_alive()]:
            living[0].join(_GLANCE)
            if stop.requested:
                until = clock.monotonic() + _LAST_GRACE if until is None else until
                if clock.monotonic() >= until:
                    self._desk.left.extend(living)
                    return

    def _conclude(self, worker: _Worker) -> None:
        self._result.delivered += worker.delivered
        if worker.error is None:
            return
        key = worker.addressee.key
        in_a_row = outbox.note_failed(self._database, key, worker.error, self._desk.clock.now())
        self._result.failures.append(Failure(worker.addressee.shown, worker.error, in_a_row))
        self._desk.log.warning(
            "notification_failed", target=key, error_message=worker.error, failures_in_a_row=in_a_row
        )
