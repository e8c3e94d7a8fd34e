"""Drive's refusals: what a 403, a 404 or a dead token means, what it is about, and who can do something about it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from filesync.core.errors import About, FilesyncError, ForbiddenError, RefusedError
from filesync.http import Refusal

DEAD_TOKEN = "invalidPageToken"  # noqa: S105  our name for a 400 about pageToken, which Drive calls just `invalid`

_RETRIED = {"userRateLimitExceeded", "rateLimitExceeded", "sharingRateLimitExceeded", "RATE_LIMIT_EXCEEDED"}
_TOO_FAST = "Quota exceeded for quota metric"  # in the message, whatever the reason
_GUIDE = "see 'When Drive refuses' in OAUTH_SETUP.md"

# The only refusals that are known to be said of the one file that was asked for, with where they are said: a 404 is
# about a shared drive just as often. `fileNotDownloadable` and its kin are said of files that are there.
# https://developers.google.com/workspace/drive/api/guides/handle-errors
_OF_FILE = {(403, "insufficientFilePermissions"), (404, "notFound")}
_FILE_NOT_FOUND = "File not found"  # the message, where no location is given
_NAMED_FILE = re.compile(rf"{_FILE_NOT_FOUND}: ([A-Za-z0-9_-]+)", re.ASCII)

# Said of a whole shared drive: of its members, or that it is not there.
_NO_MEMBER = f"this login is no member of the shared drive: make it one, or give folder_id; {_GUIDE}"
_OF_DRIVE = {"teamDriveMembershipRequired": _NO_MEMBER, "sharedDriveMembershipRequired": _NO_MEMBER}
_MEMBERSHIP = "requires shared drive membership"  # in the message, where the reason is `forbidden`

_API_OFF = 'the Drive API is not enabled in this Google Cloud project; see "Enable the Drive API" in OAUTH_SETUP.md'
_SCOPE = (
    "the login was not granted the scope that this needs: drive.metadata.readonly, or drive.readonly to find shared"
    ' drives; see "Grant the scope" in OAUTH_SETUP.md'
)
_PROJECT = (
    'this login may not use that Google Cloud project, or it is suspended; see "Enable the Drive API" in OAUTH_SETUP.md'
)
_ADMINISTRATOR = 'the Workspace administrator does not allow this app; see "Ask the administrator" in OAUTH_SETUP.md'
_NETWORK = (
    "a policy of the organisation or its network does not let this machine or login through;"
    ' see "Ask the administrator" in OAUTH_SETUP.md'
)

# Whatever is asked is refused so, until a person does something about the login, its project or its organisation.
# https://docs.cloud.google.com/php/docs/reference/common-protos/latest/Api.ErrorReason
_OF_LOGIN = {
    "accessNotConfigured": _API_OFF,
    "SERVICE_DISABLED": _API_OFF,
    "insufficientPermissions": _SCOPE,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _SCOPE,
    "appNotAuthorizedToFile": "the login only covers files that this app opened itself;"
    ' see "Grant the scope" in OAUTH_SETUP.md',
    "authError": 'Google did not accept the login; see "Service account" in OAUTH_SETUP.md',
    "domainPolicy": _ADMINISTRATOR,
    "teamDrivesFolderSharingNotSupported": "the Workspace administrator does not allow this kind of sharing;"
    ' see "Ask the administrator" in OAUTH_SETUP.md',
    "USER_PROJECT_DENIED": _PROJECT,
    "CONSUMER_INVALID": _PROJECT,
    "CONSUMER_SUSPENDED": _PROJECT,
    "BILLING_DISABLED": _PROJECT,
    "ACCOUNT_STATE_INVALID": 'Google did not accept the login; see "Service account" in OAUTH_SETUP.md',
    "SECURITY_POLICY_VIOLATED": _NETWORK,
    "VPC_SERVICE_CONTROLS": _NETWORK,
    "ORG_RESTRICTION_VIOLATION": _NETWORK,
    "LOCATION_POLICY_VIOLATED": _NETWORK,
}
_QUOTA = 'the quota set in this Google Cloud project is used up; see "Quotas" in OAUTH_SETUP.md'
_UNREGISTERED = f"no login arrived at Google: a proxy may take the Authorization header away; {_GUIDE}"

# Refusals of everything, for a while or of this kind of request.
_OF_ALL = {
    "dailyLimitExceeded": "the daily quota set in this Google Cloud project is used up; it starts again at midnight"
    ' Pacific time; see "Quotas" in OAUTH_SETUP.md',
    "dailyLimitExceededUnreg": _UNREGISTERED,
    "quotaExceeded": _QUOTA,
    "RESOURCE_QUOTA_EXCEEDED": _QUOTA,
}
# Some say `forbidden`, and only the message shows what they are about.
_SENTENCES = {
    "permission to use project": "USER_PROJECT_DENIED",
    "has been suspended": "CONSUMER_SUSPENDED",
    "allow unregistered callers": "dailyLimitExceededUnreg",
    "cannot access this service": "ACCOUNT_STATE_INVALID",
    _MEMBERSHIP: "sharedDriveMembershipRequired",
}
# What Drive says of more than one file, in the words of who can mend it.
_SETUP = {**_OF_LOGIN, **_OF_ALL, **_OF_DRIVE}
_SOMEBODY = f"this concerns no single file, but the login, its project or organisation, or the network; {_GUIDE}"

# Details that explain, and accuse nobody.
_HARMLESS = ("LocalizedMessage", "Help", "DebugInfo", "RequestInfo")


def explain(status: int, body: Any) -> Refusal:
    """Return what an error body means.

    The envelope is {"error": {"code", "message", "errors": [{"reason", "location"}]}}; newer ones carry
    `status` and `details` and no `errors`. What concerns everything beats what concerns one file, wherever it stands.
    https://developers.google.com/workspace/drive/api/guides/handle-errors
    """
    error = _member(body, "error")
    causes, details = _objects(error.get("errors")), _objects(error.get("details"))
    message = _message(error, causes)
    if status == 400 and any(_is_about_page_token(cause, message) for cause in causes or [{}]):
        return Refusal(DEAD_TOKEN, "Drive no longer knows this page token")
    given = [reason for reason in (*_reasons(causes), *_detailed_reasons(details)) if reason]
    reason = _decisive(status, given, message) or _text(error.get("status"))
    about = _about(status, reason, causes, details, message)
    retry = status == 403 and _is_too_fast(error, given, reason)
    return Refusal(reason, _detail(message, _SETUP.get(reason, "")), retry, about)


def is_dead_token(error: RefusedError) -> bool:
    """Return whether a page token is to be discarded and its listing started again."""
    return error.status == 410 or error.reason == DEAD_TOKEN


def may_be_about_token(error: RefusedError) -> bool:
    """Return whether a request that carried a page or change token was refused because of it, in whatever wording.

    "If the token is rejected for any reason, it should be discarded":
    https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list
    """
    return error.status in {400, 404, 410}


def is_of_its_kind(error: RefusedError) -> bool:
    """Return whether the refusal is Drive's answer about the very file, folder or shared drive in question."""
    return error.about in {About.ITEM, About.SCOPE}


def names_another(error: RefusedError, file_id: str) -> bool:
    """Return whether a refusal of one file says that it is of another one than was asked for.

    https://github.com/tidyverse/googledrive/issues/463 (the shared drive's id, when a folder of it was asked for)
    """
    named = _NAMED_FILE.search(str(error))
    return named is not None and named[1] != file_id


def with_advice(error: ForbiddenError) -> ForbiddenError:
    """Add advice to a refusal that is neither known to be about one item nor listed here."""
    if error.about is not About.UNKNOWN or error.reason in _SETUP:
        return error
    message = f"{error}; {_SOMEBODY}"
    return ForbiddenError(message, status=error.status, reason=error.reason, answered_at=error.answered_at)


def concerns_all(error: FilesyncError) -> bool:
    """Return whether a refusal is known to concern more than the item in question."""
    return isinstance(error, RefusedError) and error.reason in _SETUP


def _about(
    status: int, reason: str, causes: list[Mapping[str, Any]], details: list[Mapping[str, Any]], message: str
) -> About:
    if reason in _OF_LOGIN:
        return About.LOGIN
    if reason in _OF_ALL:
        return About.UNKNOWN
    if reason in _OF_DRIVE or (status == 404 and any(_is_of_drive(cause) for cause in causes)):
        return About.SCOPE
    accuses = any(not str(detail.get("@type", "")).endswith(_HARMLESS) for detail in details)
    if causes and not accuses and all(_is_of_file(status, cause, message) for cause in causes):
        return About.ITEM
    return About.UNKNOWN


def _is_of_file(status: int, cause: Mapping[str, Any], message: str) -> bool:
    if (status, _text(cause.get("reason"))) not in _OF_FILE:
        return False
    if status == 404:
        said_of = _text(cause.get("location"))
        return said_of == "fileId" if said_of else message.startswith(_FILE_NOT_FOUND)
    return True


def _is_of_drive(cause: Mapping[str, Any]) -> bool:
    return cause.get("reason") == "notFound" and _text(cause.get("location")) in {"driveId", "teamDriveId"}


def _decisive(status: int, given: Sequence[str], message: str) -> str:
    """Choose the service's own code that says most: one that concerns everything, else the first."""
    known = [reason for table in (_OF_LOGIN, _SETUP) for reason in given if reason in table]
    if status in {401, 403}:
        known += [_SENTENCES[words] for words in _SENTENCES if words in message]
    return next(iter([*known, *given]), "")


def _detail(message: str, advice: str) -> str:
    """Return who can do something about it, and keep the service's own sentence: behind, for it may be long."""
    return "; Google says: ".join(part for part in (advice, message) if part)


def _message(error: Mapping[str, Any], causes: list[Mapping[str, Any]]) -> str:
    """Return the message, and behind it the first cause's own where that says something else."""
    message, own = _text(error.get("message")), _text(next(iter(causes), {}).get("message"))
    if not own or own.rstrip(".") in message:
        return message
    return f"{message} ({own})" if message else own


def _is_too_fast(error: Mapping[str, Any], given: Sequence[str], reason: str) -> bool:
    if reason in _OF_LOGIN or reason.startswith("dailyLimit"):
        return False
    is_quota = _TOO_FAST in _text(error.get("message"))
    return is_quota or not _RETRIED.isdisjoint(given) or error.get("status") == "RESOURCE_EXHAUSTED"


def _is_about_page_token(cause: Mapping[str, Any], message: str) -> bool:
    if cause.get("location"):
        return bool(cause["location"] == "pageToken")
    return "pagetoken" in message.lower().replace(" ", "")


def _reasons(causes: list[Mapping[str, Any]]) -> Iterator[str]:
    return (_text(cause.get("reason")) for cause in causes)


def _detailed_reasons(details: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the reasons of every ErrorInfo, and the types of violations, wherever they stand."""
    for detail in details:
        yield _text(detail.get("reason"))
        yield from (_text(violation.get("type")) for violation in _objects(detail.get("violations")))


def _member(body: Any, key: str) -> Mapping[str, Any]:
    value = body.get(key) if isinstance(body, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _objects(entries: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


def _text(value: Any) -> str:
    """Keep remote text to one printable line of at most 200 characters."""
    if not isinstance(value, str):
        return ""
    return "".join(char if char.isprintable() else " " for char in value)[:200].strip()
