"""Witness: stands between a provider and the sync, and objects to every statement that breaks a promise."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields

from filesync.core.model import (
    Batch,
    Candidate,
    Changed,
    FolderListed,
    FoldersKnown,
    Page,
    RemoteFile,
    RemoteFolder,
    Resolved,
    Rooted,
    ScopeListed,
    Unanswered,
    Unreadable,
)
from filesync.providers.base import Known, Provider
from filesync.runtime.clock import Stop
from filesync.testing.assertions import claim

MOST_FILES = 2000  # in one batch
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class RecordingProvider:
    """A provider that passes on what another says; `stop_after` so many batches the sync is told to stop."""

    def __init__(self, provider: Provider, stop: Stop, stop_after: int | None = None) -> None:
        self._provider = provider
        self._stop = stop
        self._stop_after = stop_after
        self.continuous = provider.continuous
        self.batches: list[type] = []

    def read(self, known: Known) -> Iterator[Batch]:
        rooted = False
        for batch in self._pass_on(self._provider.read(known)):
            claim(rooted or isinstance(batch, Rooted), f"read: {_name(batch)} came before Rooted")
            claim(not (rooted and isinstance(batch, Rooted)), "read: Rooted came twice")
            claim(not isinstance(batch, Resolved), "read: Resolved belongs to resolve")
            rooted = True
            yield batch
        claim(rooted, "read: ended without Rooted")

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        open_ids = {candidate.id for candidate in candidates}
        for batch in self._pass_on(self._provider.resolve(candidates, known)):
            claim(
                isinstance(batch, Resolved | Page | FolderListed | Unreadable | Unanswered),
                f"resolve: {_name(batch)} answers no question",
            )
            open_ids -= _named(batch)
            yield batch
        claim(not open_ids, f"resolve: said nothing of {sorted(open_ids)[:5]}")

    def left_out(self) -> Sequence[str]:
        return self._provider.left_out()

    def _pass_on(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        try:
            for batch in batches:
                check(batch)
                if len(self.batches) == self._stop_after:
                    self._stop.request()  # this batch is not taken any more
                self.batches.append(type(batch))
                yield batch
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()


def check(batch: Batch) -> None:
    """Check what one statement alone can prove."""
    claim(isinstance(batch, Batch), f"{_name(batch)} is no statement")
    if isinstance(batch, Page | FolderListed | Changed):
        _check_width(batch)
        for file in batch.files:
            _check_file(file)
        for folder in batch.folders:
            _check_folder(folder)
    if isinstance(batch, Rooted):
        claim(batch.root.id, "Rooted: the root has no id")
    if isinstance(batch, Unanswered):
        claim(batch.id and str(batch.error), "Unanswered: an id and an error that says something are needed")
    if isinstance(batch, Unreadable):
        claim(batch.reason, f"Unreadable: no reason for {batch.folder_id}")
    _check_state(batch)


def _check_width(batch: Page | FolderListed | Changed) -> None:
    wide = max(len(batch.files), len(batch.folders))
    claim(wide <= MOST_FILES, f"{_name(batch)}: {wide} entries in one batch; {MOST_FILES} are enough")


def _check_state(batch: Batch) -> None:
    if not isinstance(batch, Rooted | Page | FolderListed | FoldersKnown | ScopeListed | Changed | Unreadable):
        return
    if batch.state is None:
        return
    try:
        text = json.dumps(batch.state)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{_name(batch)}: its state is not JSON: {error}") from error
    claim(json.loads(text) == batch.state, f"{_name(batch)}: its state comes back from JSON as another")


def _check_file(file: RemoteFile) -> None:
    where = f"file {file.id!r} ({file.name!r})"
    claim(file.id, f"{where}: an id is needed")
    for field in fields(file):
        value = getattr(file, field.name)
        claim(value != "" or field.name == "name", f"{where}: {field.name} is ''; None says 'not known'")
    claim(file.size is None or file.size >= 0, f"{where}: size {file.size}")
    for moment in (file.created_at, file.updated_at):
        claim(moment is None or TIMESTAMP.fullmatch(moment), f"{where}: {moment!r} is no timestamp of ours")
    _check_type(file, where)
    _check_extra(file, where)
    claim(all(file.odd), f"{where}: odd has an empty text")


def _check_type(file: RemoteFile, where: str) -> None:
    type_ = file.file_type
    plain = type_ is None or (type_ == type_.lower() and not type_.startswith("."))
    claim(plain, f"{where}: file_type {type_!r} must be lower case, without a dot")


def _check_extra(file: RemoteFile, where: str) -> None:
    if file.extra is None:
        return
    facts = json.loads(file.extra)
    claim(isinstance(facts, dict), f"{where}: extra must be a JSON object")
    claim(list(facts) == sorted(facts), f"{where}: extra's keys must be sorted, or every listing is a change")


def _check_folder(folder: RemoteFolder) -> None:
    where = f"folder {folder.id!r} ({folder.name!r})"
    claim(folder.id, f"{where}: an id is needed")
    claim(folder.parent_id != folder.id, f"{where}: hangs in itself")
    claim(folder.change_stamp != "", f"{where}: change_stamp is ''; None says 'there is none'")


def _named(batch: Batch) -> set[str]:
    if isinstance(batch, Resolved | Unanswered):
        return {batch.id}
    if isinstance(batch, Page | FolderListed):
        return {file.id for file in batch.files} | {folder.id for folder in batch.folders}
    return set()


def _name(batch: object) -> str:
    return type(batch).__name__
