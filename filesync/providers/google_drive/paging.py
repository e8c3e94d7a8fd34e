"""Page after page of one query, to its end."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from filesync.core.errors import RefusedError, ResponseError
from filesync.providers.google_drive.refusals import may_be_about_token


class TokenPage(Protocol):
    """What every list of Drive's has."""

    @property
    def next_token(self) -> str | None: ...

    @property
    def where(self) -> str: ...


AnyPage = TypeVar("AnyPage", bound=TokenPage)


def pages(ask: Callable[[str | None], AnyPage]) -> Iterator[AnyPage]:
    """Yield every page; when a page token is refused the first page again, and all that follow it, but once only.

    So whoever reads them must not mind being shown something twice. Raises ResponseError when a page comes back.
    """
    token: str | None = None
    seen: set[str | None] = {None}
    is_restarted = False
    while True:
        try:
            page = ask(token)
        except RefusedError as error:
            if token is None or is_restarted or not may_be_about_token(error):
                raise
            token, seen, is_restarted = None, {None}, True
            continue
        yield page
        token = page.next_token
        if token is None:
            return
        if token in seen:
            raise ResponseError(f"{page.where}: the same page of a listing is named twice")
        seen.add(token)
