"""Every failure a user can meet; the class says who must act, and with which exit code.

FilesyncError
├── UsageError             2   the caller: a wrong option, an unknown endpoint name
├── ConfigError           78   the operator: `connector.yaml`, `.env`, a variable
├── AuthError             77   the operator: log in, or give valid credentials
│   ├── NotAdmittedError       403: the service does not let this app or login in
│   └── NotOwnerError          root in the home of another account: it is for that one to run
├── StoreError             1   the operator: the database cannot be used
│   ├── StoreAddressError  78      DATABASE_URL does not lead to it: host, login, name, TLS
│   ├── UnavailableError   75      for now it cannot be reached, or not written: the next start tries again
│   │   └── CommitUnknownError     the connection was lost in a commit, which may have happened
│   ├── FeedCutError           the change feed no longer begins where a reader wants to go on
│   └── FeedLostError          the change feed is not the one that a reader has read
├── LocalFileError         1   the operator: a path cannot be read or written
├── SchedulerError         1   the operator: cron or systemd is not there, or refuses
├── TlsError               1   the operator: a certificate, this machine's clock, a proxy
├── DeliveryError          1   a message did not arrive; it is sent again
│   └── NoAnswerError          it took all its time
├── RefusedError           1   the service said no to this request; `about` is what that is known to concern
│   ├── ForbiddenError         403
│   │   └── ArchivedError      the project was archived or closed
│   └── NotFoundError          404
├── ResponseError          1   the service broke its own contract: we must look
├── MassDeleteError        1   the operator: confirm with --accept-deletions
├── TransientError        75   nobody: the next start tries again
│   ├── NetworkError           no usable answer: refused, reset, timed out
│   ├── RateLimitedError       429 and its kin outlasted the retries
│   ├── ServiceDownError       5xx outlasted the retries
│   └── StalledError           no answer for ten minutes
└── StoppedError               not a failure: a signal or a time limit ended the sync
    └── TimeLimitError
"""

from datetime import datetime
from enum import StrEnum


class FilesyncError(Exception):
    """A failure with an exit code and a stable machine-readable type.

    The message is one line: what failed, where, and what to do about it.
    """

    exit_code = 1
    error_type = "error"


class UsageError(FilesyncError):
    exit_code = 2
    error_type = "usage"


class ConfigError(FilesyncError):
    exit_code = 78
    error_type = "config"


class AuthError(FilesyncError):
    exit_code = 77
    error_type = "login"


class NotAdmittedError(AuthError):
    """The service refuses the app or the login, whatever it is asked; `status` and `reason` as in RefusedError."""

    def __init__(self, message: str, *, status: int, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotOwnerError(AuthError):
    """Root would write into the home of another account, who could not use it afterwards."""

    error_type = "not_owner"


class About(StrEnum):
    """What a refusal is known to concern. Whatever is not listed by its service concerns nobody knows what."""

    ITEM = "item"  # the one file or folder that was asked for: the only refusal that is evidence about it
    SCOPE = "scope"  # the whole project or drive as it is now: archived, closed
    LOGIN = "login"  # the app, the login or its rights to the whole project: a person must act
    UNKNOWN = "unknown"


class StoreError(FilesyncError):
    error_type = "database"


class NoInventoryError(StoreError):
    """Nothing was ever synced into this database."""


class UnstorableTextError(StoreError):
    """A text holds what the database cannot: it is written without that."""


class StoreAddressError(StoreError):
    exit_code = 78
    error_type = "config"


class UnavailableError(StoreError):
    """A database on a server is not to be had for now."""

    exit_code = 75
    error_type = "database_unavailable"


class CommitUnknownError(UnavailableError):
    """Nobody can tell whether the last transaction was committed: look before it is repeated."""


class FeedCutError(StoreError):
    """Changes that a reader asks for were dropped: those up to `floor_seq`."""

    def __init__(self, message: str, *, floor_seq: int) -> None:
        super().__init__(message)
        self.floor_seq = floor_seq


class FeedLostError(StoreError):
    """What a reader has seen of the change feed was taken back, or is of another feed."""


class LocalFileError(FilesyncError):
    error_type = "local_file"


class SchedulerError(FilesyncError):
    error_type = "scheduler"


class TlsError(FilesyncError):
    """No TLS connection can be made, and none will be until somebody acts; one that was cut is a NetworkError."""

    error_type = "tls"


class DeliveryError(FilesyncError):
    error_type = "delivery"


class NoAnswerError(DeliveryError):
    """A target took the whole time of one delivery, and gave no answer."""


class RefusedError(FilesyncError):
    """The service refused a request that was understood and must not be repeated.

    `status` is the HTTP status, `reason` the service's own code for it ('' when it gave none), `answered_at` the
    service's own time when it answered. `about` is what the service's list of refusals says of it.
    """

    error_type = "refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str = "",
        answered_at: datetime | None = None,
        about: About = About.UNKNOWN,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.answered_at = answered_at
        self.about = about


class ForbiddenError(RefusedError):
    error_type = "forbidden"


class ArchivedError(ForbiddenError):
    error_type = "archived"


class NotFoundError(RefusedError):
    error_type = "not_found"


class ResponseError(FilesyncError):
    error_type = "bad_answer"


class MassDeleteError(FilesyncError):
    error_type = "mass_delete"


class TransientError(FilesyncError):
    exit_code = 75
    error_type = "temporary"


class NetworkError(TransientError):
    error_type = "network"


class RateLimitedError(TransientError):
    error_type = "rate_limited"


class ServiceDownError(TransientError):
    error_type = "service_down"


class StalledError(TransientError):
    error_type = "stalled"


class StoppedError(FilesyncError):
    exit_code = 0
    error_type = "signal"


class TimeLimitError(StoppedError):
    error_type = "time_limit"


def causes(error: BaseException) -> list[BaseException]:
    """Collect what libraries wrapped, the error itself first: causes, contexts, reasons, errors among the arguments."""
    seen: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        cause = queue.pop(0)
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            queue += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
    return seen
