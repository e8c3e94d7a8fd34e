"""A project's top folders: which of them are people's, and how a member's deep ones hang in the tree."""

import re
from collections import deque
from collections.abc import Iterator, Sequence

from filesync.core.model import FolderListed, RemoteFolder
from filesync.http import Answer
from filesync.providers.autodesk.translate import (
    Entry,
    is_hidden,
    is_usable,
    related_id,
    to_ancestors,
    to_entries,
    to_folder,
    unusable_among,
)

_HEX = "[0-9A-Fa-f]"
_GUID = f"{_HEX}{{8}}-?(?:{_HEX}{{4}}-?){{3}}{_HEX}{{12}}"
# What Autodesk's own products keep beside people's folders: the list of its bulk sample, which looks for parts of
# names (autodesk-platform-services/aps-hubs-bulk-files-manager, ForgeHelpers.cs), as whole names; and what public
# crawlers leave out, plain numbers among it. Most have a UUID behind the word, which people's folders do not.
_WORDS = (
    *("checklist_", "dailylog_", "issue_", "issues_", "quantification_", "rfis_project_?", "assets_"),
    *("submittals-attachments[-_]?", "correspondence-project[-_]?", "meetings-project[-_]?", "COST Root Folder"),
    *("ProjectTb", "Photos", "Recycle [Bb]in", "[0-9]+"),
)
_KNOWN = re.compile("|".join(_WORDS))
_HAS_GUID = re.compile(rf"(?<!{_HEX}){_GUID}(?!{_HEX})")
_ROOT = re.compile(rf"{_GUID}-root-folder")  # what Autodesk calls a project's root itself


class SystemFolders:
    """Decides by their whole names which children of a project's root are left out, and remembers which were."""

    def __init__(self, *, include: bool) -> None:
        self._include = include
        self._names: set[str] = set()

    def leaves_out(self, name: str) -> bool:
        """Return whether a direct child of the project's root is Autodesk's own."""
        if self._include or not is_internal(name):
            return False
        self._names.add(name)
        return True

    @property
    def names(self) -> Sequence[str]:
        return sorted(self._names)


def is_internal(name: str) -> bool:
    """Return whether a folder at the root is one that Autodesk's products keep for themselves, by its name."""
    if _ROOT.fullmatch(name):
        return False
    return bool(_KNOWN.fullmatch(name) or _HAS_GUID.search(name))


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


def unusable_in(answer: Answer) -> str | None:
    """Describe what topFolders holds of which the id is not known; None when there is no such entry."""
    return unusable_among(_entries(answer))


def _children(answer: Answer, root_id: str, system: SystemFolders) -> dict[str, dict[str, RemoteFolder]]:
    children: dict[str, dict[str, RemoteFolder]] = {root_id: {}}
    for entry in visible(answer, root_id):
        *ancestors, top = branch(answer, entry, root_id)
        if is_left_out(entry, [*ancestors, top], root_id, system):
            continue
        for folder in ancestors:
            children.setdefault(folder.parent_id or root_id, {}).setdefault(folder.id, folder)
        children.setdefault(top.parent_id or root_id, {})[top.id] = top
    return children


def branch(answer: Answer, entry: Entry, root_id: str) -> Sequence[RemoteFolder]:
    """Return a top folder behind its ancestors, topmost first."""
    ancestors = to_ancestors(entry, root_id)
    return [*ancestors, to_folder(answer, entry, ancestors[-1].id if ancestors else root_id)]


def is_left_out(entry: Entry, folders: Sequence[RemoteFolder], root_id: str, system: SystemFolders) -> bool:
    """Return whether a branch begins with one of Autodesk's own folders; a deep one without its path does not."""
    is_at_root = len(folders) > 1 or related_id(entry, "parent") in (None, root_id)
    return is_at_root and system.leaves_out(folders[0].name)


def visible(answer: Answer, root_id: str) -> Iterator[Entry]:
    """Yield the entries of the folders that topFolders shows, the root itself not among them."""
    for entry in _entries(answer):
        if is_usable(entry) and entry["type"] == "folders" and not is_hidden(entry) and entry["id"] != root_id:
            yield entry


def _entries(answer: Answer) -> Iterator[Entry]:
    """Yield the entries; one without a type is a folder, since topFolders holds nothing else."""
    return ({"type": "folders", **entry} if entry else entry for entry in to_entries(answer))
