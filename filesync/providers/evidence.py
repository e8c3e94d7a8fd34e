"""What a refusal or a failure proves: the rules that every look-up and every listing of one folder goes through.

A provider makes one `Evidence` for a sync, and hands it whatever went wrong with one item. So the next kind of
refusal has one place to be judged in: here for what follows from it, in the provider's `explain` for what it is about.
"""

import threading
from collections.abc import Callable, Iterator

from filesync.core.errors import (
    About,
    FilesyncError,
    NetworkError,
    NotFoundError,
    RefusedError,
    ResponseError,
    ServiceDownError,
)
from filesync.core.model import Gone, Unanswered

_MOST_ALONE = 10  # items that may fail while the service is taken to be well; more of them are an outage


class Evidence:
    """Judges what went wrong with single items in one sync; safe to share between threads.

    `control` asks for something that this login is known to read, and raises what a request raises: what is refused
    or fails when that is answered concerns the item alone.
    """

    def __init__(self, control: Callable[[], object]) -> None:
        self._control = control
        self._is_proved = False
        self._failed: dict[str, FilesyncError] = {}
        self._lock = threading.Lock()

    def fate(self, error: RefusedError) -> Gone:
        """Return what a refusal of the very item that was asked for proves; raise it when it proves nothing.

        Before the first one counts, the control is asked: a refusal of everything must not look like a loss.
        """
        if error.about is not About.ITEM:
            raise error
        self._prove()
        return Gone.REMOVED if isinstance(error, NotFoundError) else Gone.ACCESS_LOST

    def note_failure(self, item_id: str, error: FilesyncError) -> None:
        """Keep a failure that may be the item's own for the end; raise any other, and those that are too many."""
        with self._lock:
            if not _may_be_its_own(error) or len(self._failed) >= _MOST_ALONE:
                raise error
            self._failed[item_id] = error

    def unanswered(self) -> Iterator[Unanswered]:
        """State the failures, once all else was asked for; raise the first when the control fails, too."""
        failed, self._failed = self._failed, {}
        if not failed:
            return
        try:
            self._control()
        except FilesyncError as error:
            raise next(iter(failed.values())) from error
        yield from (Unanswered(item_id, error) for item_id, error in failed.items())

    def _prove(self) -> None:
        with self._lock:
            if self._is_proved:
                return
            try:
                self._control()
            except RefusedError as error:
                raise type(error)(
                    f"{error}: refused, although this login could read it before, so what else is refused proves "
                    "nothing and nothing is removed; check what the login may still read",
                    status=error.status,
                    reason=error.reason,
                    about=About.LOGIN,  # so that it never passes for one item's own failure
                ) from error
            self._is_proved = True


def _may_be_its_own(error: FilesyncError) -> bool:
    """Return whether one item alone can be the cause; a limit, a login, a whole project never is."""
    if isinstance(error, RefusedError):
        return error.about in {About.ITEM, About.UNKNOWN}
    return isinstance(error, ServiceDownError | NetworkError | ResponseError)
