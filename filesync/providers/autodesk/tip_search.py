"""Tips that did not come along with their items: asked for, before anybody believes that there are none."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from filesync.core.errors import FilesyncError, RefusedError, ResponseError, ServiceDownError
from filesync.core.model import RemoteFile
from filesync.http import Answer
from filesync.providers.autodesk.service import MOST_ITEMS, DataManagement
from filesync.providers.autodesk.translate import (
    Entry,
    FolderContents,
    Tips,
    is_deleted_version,
    is_hidden,
    lacks_its_tip,
    to_entry,
    to_file,
    to_listed_items,
)

_Found = tuple[Answer, Entry, Entry]  # the answer, an item, its tip: empty when it has none


def completed(service: DataManagement, contents: FolderContents, folder_id: str) -> FolderContents:
    """Look the items without a tip up, fifty in one request; a cloud model has none, and then NULL is the truth.

    What cannot be looked up is left out of the files, so that no row loses what is known of it, and said.
    """
    wanted = set(contents.tipless)
    files = [file for file in contents.files if file.id not in wanted]
    failures: list[FilesyncError] = []
    for start in range(0, len(contents.tipless), MOST_ITEMS):
        for found in _look_up(service, contents.tipless[start : start + MOST_ITEMS], failures):
            files += _to_files(*found, folder_id)
    if not failures:
        return replace(contents, files=files, tipless=())
    said = f"{len(failures)} files came without their version, and could not be looked up: {failures[0]}"
    return replace(contents, files=files, tipless=(), unusable=contents.unusable or said)


def _to_files(answer: Answer, item: Entry, tip: Entry, folder_id: str) -> Sequence[RemoteFile]:
    is_gone = is_hidden(item) or is_deleted_version(tip)
    return [] if is_gone else [to_file(answer, item, tip, folder_id)]


def _look_up(service: DataManagement, ids: Sequence[str], failures: list[FilesyncError]) -> Iterator[_Found]:
    found: set[str] = set()
    try:
        answer = service.list_items(ids)
        items, tips = to_listed_items(answer)
        for item_id in ids:
            item = items.get(item_id)
            if item is not None and not lacks_its_tip(item, tips.of(item)):
                found.add(item_id)
                yield answer, item, tips.of(item)
    except (RefusedError, ServiceDownError, ResponseError):
        pass  # one of them may be the cause: each alone
    for item_id in ids:
        if item_id not in found:
            yield from _alone(service, item_id, failures)


def _alone(service: DataManagement, item_id: str, failures: list[FilesyncError]) -> Iterator[_Found]:
    try:
        answer = service.item(item_id)
        item = to_entry(answer)
    except (RefusedError, ServiceDownError, ResponseError) as error:
        failures.append(error)
        return
    yield answer, item, Tips(answer.body.get("included")).of(item)
