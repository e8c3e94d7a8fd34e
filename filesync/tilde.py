"""A leading ~ of a path: the home folder of a user, which not every account and not every environment has."""

from pathlib import Path

from filesync.errors import FilesyncError, UsageError


def expanded(path: str, what: str, error: type[FilesyncError] = UsageError) -> Path:
    """Put a home folder in the place of a leading ~ or ~user; `what` names the path where it cannot be told.

    Raises `error`: there is no such user, or, for ~ alone, neither HOME nor an entry of this user in passwd.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as exc:
        first = Path(path).parts[0]
        why = "HOME is not set, and this user has no entry in passwd" if first == "~" else "there is no such user"
        mend = f"{'set HOME, or ' if first == '~' else ''}write the whole path"
        raise error(f"{what} {path!r}: cannot tell where {first} is: {why}; {mend}") from exc
