"""What an inventory of a project must hold: read from the state, not from the answers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from filesync.core.timestamps import to_timestamp
from filesync.simulators.acc.accounts import may_open
from filesync.simulators.acc.documents import Documents
from filesync.simulators.acc.records import AccUser, File, Folder
from filesync.simulators.acc.responses import to_link


def truth(
    documents: Documents, project: str, folder: str | None = None, *, user: str | None = None, system: bool = False
) -> list[dict[str, Any]]:
    """List every live file below the project's root, or the folder, that the caller (or this user) may see.

    Paths start below the project's root or the folder. `system` adds the service's internal top
    folders. Times are as the database writes them; people are names, None where the service has none.
    """
    with documents.lock:
        top = documents.folders[folder] if folder else documents.projects[project].root
        seen = _seen(top, "", documents.users[user] if user else None, system=system)
        return [_to_row(file, path) for file, path in seen]


def _seen(top: Folder, above: str, user: AccUser | None, *, system: bool) -> Iterator[tuple[File, str]]:
    waiting = [(top, above)]
    while waiting:
        folder, path = waiting.pop()
        if may_open(folder, user):
            shown = [file for file in folder.files.values() if not (file.hidden or file.revoked)]
            yield from ((file, f"{path}/{_escaped(file.tip.name)}") for file in shown)
        inside = [one for one in folder.folders.values() if not one.hidden and (system or not one.system)]
        waiting.extend((one, f"{path}/{_escaped(one.name)}") for one in inside)


def _to_row(file: File, path: str) -> dict[str, Any]:
    tip = file.tip
    return {
        "id": file.id,
        "name": tip.name,
        "path": path,
        "size": tip.size,
        "version_number": tip.number,
        "created_at": _to_text(file.created_at),
        "updated_at": _to_text(tip.modified_at),
        "created_by": file.created_by.name or None,
        "modified_by": tip.modified_by.name or None,
        "link": to_link(file),
        "parent_id": file.parent.id,
    }


def _to_text(seconds: int) -> str:
    return to_timestamp(datetime.fromtimestamp(seconds, UTC))


def _escaped(name: str) -> str:
    return name.replace("/", "\uff0f")
