"""Nobody to tell about a start: what that needs, and no more, because most starts have nobody and nothing to do."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from filesync.app.home import Home
from filesync.errors import StoreError

if TYPE_CHECKING:
    from filesync.config import Endpoint
    from filesync.sync.start import Report

_STOPPED = 128  # exit codes from here on are signals


class Nobody:
    """Stands where a Notifier would; `is_silent` in a dry run and in a trial, which do nothing at all."""

    abandoned = False

    def __init__(self, home: Home, *, is_silent: bool) -> None:
        self._home = home
        self._is_silent = is_silent

    @contextmanager
    def watching(self) -> Iterator[None]:
        yield

    def begin_endpoint(self, _endpoint: "Endpoint", _endpoint_id: int) -> None:
        """Tell nobody."""

    def finish(self, _report: "Report", code: int) -> int:
        if not self._is_silent and code < _STOPPED:
            with suppress(StoreError):  # the next start tries again
                self._forget_all()
        return code

    def _forget_all(self) -> None:
        """Forget the targets of a file that names none any more: changes would be kept for them for ever."""
        from filesync.store.told import is_anybody_known  # noqa: PLC0415  not every command needs SQLite

        with self._home.reading() as database:
            if not is_anybody_known(database):
                return
        from filesync.store import outbox  # noqa: PLC0415  as above

        with self._home.writing() as writer:
            outbox.forget_targets(writer, outbox.known_targets(writer))
            outbox.drop(writer, {}, self._home.clock.now())
