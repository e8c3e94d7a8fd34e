"""A project's top folders: which of them are people's, and how a member's deep ones hang in the tree."""

import re
from collections import deque
from collections.abc import Iterator, Sequence

from filesync.http import Answer
from filesync.model import FolderListed, RemoteFolder
from filesync.providers.autodesk.translate import is_hidden, to_ancestors, to_entries, to_folder

_HEX = "[0-9A-Fa-f]"
_GUID = f"{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}"
# What Autodesk's own products keep beside people's folders: the list of its bulk sample, which looks for parts of
# names (autodesk-platform-services/aps-hubs-bulk-files-manager, ForgeHelpers.cs), as whole names.
_SYSTEM = re.compile(
    rf"{_GUID}|(?:checklist|dailylog|issues?)_[0-9A-Fa-f-]*"
    r"|(?:submittals-attachments|correspondence-project|meetings-project)(?:[-_][0-9A-Fa-f-]*)?"
    r"|ProjectTb|Photos|COST Root Folder|Recycle Bin"
)


class SystemFolders:
    """Decides by their whole names which children of a project's root are left out, and remembers which were."""

    def __init__(self, *, include: bool) -> None:
        self._include = include
        self._names: set[str] = set()

    def leaves_out(self, name: str) -> bool:
        """Tell whether a direct child of the project's root is Autodesk's own."""
        if self._include or not _SYSTEM.fullmatch(name):
            return False
        self._names.add(name)
        return True

    @property
    def names(self) -> Sequence[str]:
        return sorted(self._names)


def to_batches(answer: Answer, root_id: str, system: SystemFolders) -> Iterator[FolderListed]:
    """State what topFolders shows: the root's children, and those of each folder that a member sees by name only.

    A member is shown the highest folders he may open, which can be deep. All that he sees below their
    ancestors is on the way to them, so that each ancestor's children are known completely too.
    """
    children = _children(answer, root_id, system)
    waiting = deque([root_id])
    while waiting:
        folder_id = waiting.popleft()
        folders = children.pop(folder_id, None)
        if folders is not None:
            yield FolderListed(folder_id, files=(), folders=list(folders.values()))
            waiting.extend(folder.id for folder in folders.values() if not folder.listable)


def _children(answer: Answer, root_id: str, system: SystemFolders) -> dict[str, dict[str, RemoteFolder]]:
    children: dict[str, dict[str, RemoteFolder]] = {root_id: {}}
    for *ancestors, top in _branches(answer, root_id):
        if system.leaves_out((ancestors or [top])[0].name):
            continue
        for folder in ancestors:
            children.setdefault(folder.parent_id or root_id, {}).setdefault(folder.id, folder)
        children.setdefault(top.parent_id or root_id, {})[top.id] = top
    return children


def _branches(answer: Answer, root_id: str) -> Iterator[Sequence[RemoteFolder]]:
    """Give each visible top folder behind its ancestors, topmost first."""
    for entry in to_entries(answer):
        if entry.get("type", "folders") == "folders" and not is_hidden(entry):
            ancestors = to_ancestors(entry, root_id)
            yield [*ancestors, to_folder(answer, entry, ancestors[-1].id if ancestors else root_id)]
