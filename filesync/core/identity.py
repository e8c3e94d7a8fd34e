"""The identity guard: what another login is not shown looks as if it were gone, so nothing is read as another one."""

from filesync.core.errors import AuthError
from filesync.core.model import Identity


def check_identity(name: str, before: Identity | None, now: Identity | None, *, accepted: bool = False) -> None:
    """Refuse to read an endpoint, or a set, as another identity than before, unless a person accepted it.

    An identity that is not known, before or now, forbids nothing. Raises AuthError with the command that accepts it.
    """
    if accepted or before is None or now is None or before == now:  # decision 57: this function alone decides
        return
    raise AuthError(
        f"read as {before} until now, and the login is {now}, which may see less: restore the login, or run: "
        f'filesync sync --endpoint "{name}" --accept-identity'
    )
