"""Files as a listing shows them, as JSON text: written once, and again when anything in it is another.

They are some five kilobytes each, and a simulator is not to be what a benchmark measures.
"""

from filesync.simulators.acc.entries import to_item, to_version
from filesync.simulators.acc.records import File, Version
from filesync.simulators.acc.responses import JsonText

_MOST = 120_000  # files that are kept, some 5,500 bytes each

Texts = tuple[JsonText, JsonText]  # the item, the version


class AccFileTexts:
    """Hold the service's lock while you write."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[object, ...], Texts]] = {}

    def write(self, file: File, tip: Version, base: str) -> Texts:
        facts = (base, *_facts(file, tip))
        kept = self._kept.get(file.id)
        if kept is not None and kept[0] == facts:
            return kept[1]
        if len(self._kept) >= _MOST:
            self._kept.clear()
        texts = to_item(file, tip, base), to_version(file, tip, base)
        self._kept[file.id] = facts, texts
        return texts


def _facts(file: File, tip: Version) -> tuple[object, ...]:
    """Name everything that may be another in the text of a file."""
    of_file = (file.parent, file.created_at, file.created_by, file.modified_at, file.modified_by)
    of_tip = (tip.number, tip.name, tip.size, tip.created_at, tip.created_by, tip.modified_at, tip.modified_by)
    return (*of_file, file.hidden, file.type, *of_tip, tip.type, tip.original_name)
