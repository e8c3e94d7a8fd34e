"""Files as JSON text: written once, and again when the file changed or who sees what did.

A page of a big listing then costs a join, so that a simulator is not what a benchmark measures.
"""

import json
from collections.abc import Iterable, Iterator

from filesync.simulators.drive.fields import Mask
from filesync.simulators.drive.items import Item
from filesync.simulators.drive.resources import Viewer, translator

_MOST = 600_000  # texts that are kept, some 700 bytes each

_Key = tuple[str, bool, str]  # who asks, whether unseen parents are shown, and for which fields

_encode = json.JSONEncoder(separators=(",", ":")).encode


class DriveFileTexts:
    """Hold the state's lock while you write."""

    def __init__(self) -> None:
        self._texts: dict[_Key, dict[str, tuple[Item, str]]] = {}
        self._kept = 0
        self._era = 0

    def write(self, items: Iterable[Item], viewer: Viewer, mask: Mask | None, fields: str) -> Iterator[str]:
        """Write each file's wanted fields; `fields` is the text that the mask was read from."""
        translate = translator(mask)
        if viewer.look != viewer.state.items.get:  # a listing that lags is of this moment only
            yield from (_encode(translate(item, viewer)) for item in items)
            return
        known = self._known(viewer, fields)
        for item in items:
            kept = known.get(item.id)
            if kept is None or kept[0] is not item:
                kept = known[item.id] = (item, _encode(translate(item, viewer)))
                self._kept += 1
            yield kept[1]

    def _known(self, viewer: Viewer, fields: str) -> dict[str, tuple[Item, str]]:
        era = viewer.state.access.era
        if era != self._era or self._kept > _MOST:
            self._texts.clear()
            self._kept, self._era = 0, era
        return self._texts.setdefault((viewer.user.email, viewer.unseen_parents, fields), {})
